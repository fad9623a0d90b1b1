"""A small hospital screened night after night by the command itself: its records, its database, its lists."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from command_line import call

from cds_service.sandbox.roster import sandbox_records
from cds_service.store.opening import RunStore, open_runs

DAY = date(2026, 11, 22)
Json = dict[str, Any]


def records() -> list[Json]:
    """The sandbox's patients: all have, or seem to have, cancer."""
    return [one for one in sandbox_records(DAY) if one["resourceType"] not in ("Practitioner", "Organization")]


def lay_out(folder: Path, resources: Iterable[Mapping[str, Any]]) -> Path:
    """A folder of NDJSON as a bulk export leaves it; what was there is replaced."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for resource in resources:
        by_type[resource["resourceType"]].append(json.dumps(resource))
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.ndjson"):
        path.unlink()
    for kind, lines in by_type.items():
        (folder / f"{kind}.ndjson").write_text("\n".join(lines) + "\n")
    return folder


class Hospital:
    """Lists and database of one hospital in a folder of its own."""

    def __init__(self, folder: Path, database: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.database = database or f"sqlite:///{folder}/runs.sqlite"
        self.list = folder / "list.csv"

    def screen(self, source: object, *more: object, day: object = DAY) -> int:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CDS_WORK_DIR", str(self.folder / "work"))
            environment.setenv("CDS_SCREEN_WORKERS", "1")
            return call("screen", source, "--as-of", day, "--out", self.list, "--db", self.database, *more)

    def worklist(self, *words: object) -> int:
        return call("worklist", *words, "--db", self.database)

    def rows(self) -> list[dict[str, str]]:
        """The list without the days on which patients were assessed, which differ where not all are assessed anew."""
        with self.list.open(newline="") as file:
            return [{name: cell for name, cell in row.items() if name != "as_of"} for row in csv.DictReader(file)]

    def store(self) -> RunStore:
        return open_runs(self.database)
