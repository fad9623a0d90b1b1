"""The words the generator uses: the sandbox's codebook with more cancers and problems, and the everyday record."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cds_service.sandbox.codebook import Codebook, Json, codebook

FOLDER = Path(__file__).parent


@cache
def words() -> Codebook:
    """The codebook of the hand-made patients, with what only the population needs laid over it."""
    tables: Json = dict(codebook().tables)
    for section, entries in _read("words.yaml").items():
        tables[section] = {**tables[section], **entries} if section in tables else entries
    return Codebook(tables)


@cache
def everyday() -> Json:
    """What most records hold: vitals, laboratory, problems, drugs, procedures, reports, studies."""
    return _read("everyday.yaml")


def _read(name: str) -> dict[str, Any]:
    tables: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return tables
