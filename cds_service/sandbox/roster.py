"""The hand-made synthetic patients: what each was built for, and their records as of a day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import yaml

from cds_service.sandbox.building import build
from cds_service.sandbox.codebook import PATIENTS, Json, codebook

MCODE_EXAMPLES = PATIENTS.parent / "data" / "mcode"
PHYSICIAN = "sandbox-physician"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the service should say of a patient: the status, and every criterion that decides it.

    Those that fail for an ineligible, those that stay unknown for a possible, none for a candidate;
    the one the patient was built for comes first.
    """

    status: str
    deciding: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SyntheticPatient:
    """One patient file: `built_for` says in plain words what it is there to show."""

    id: str
    built_for: str
    expected: Expectation
    document: dict[str, Any]

    def resources(self, today: date) -> list[Json]:
        """The patient's FHIR R4 record, its days counted from `today`."""
        return build(self.document, codebook(), today)


@cache
def synthetic_patients() -> tuple[SyntheticPatient, ...]:
    """All hand-made patients in the order of their files."""
    files = sorted(path for path in PATIENTS.glob("*.yaml") if path.name != "codebook.yaml")
    return tuple(_read(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in files)


def _read(document: dict[str, Any]) -> SyntheticPatient:
    expected = document["expected"]
    return SyntheticPatient(
        id=document["id"],
        built_for=document["built_for"].strip(),
        expected=Expectation(expected["status"], tuple(expected.get("deciding", ()))),
        document=document,
    )


def mcode_examples() -> Iterator[Json]:
    """The example patients of the mCODE implementation guide (CC0-1.0), as published."""
    for path in sorted(MCODE_EXAMPLES.glob("*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def sandbox_records(today: date, patients: int | None = None) -> Iterator[Json]:
    """Everything the sandbox's FHIR server starts with: the physician, the first `patients` hand-made ones
    (all when None), and the mCODE examples.
    """
    yield _physician()
    for patient in synthetic_patients()[:patients]:
        yield from patient.resources(today)
    yield from mcode_examples()


def _physician() -> Json:
    return {
        "resourceType": "Practitioner",
        "id": PHYSICIAN,
        "identifier": [{"system": "urn:sandbox:staff", "value": "1"}],
        "name": [{"family": "Sandbox", "given": ["Physician"], "prefix": ["Dr."]}],
    }
