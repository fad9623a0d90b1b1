"""Populations for tests: folders of NDJSON, and what the local engine makes of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fhir_json import about, catalog, condition, patient

from cds_service.domain.assessments import as_json
from cds_service.domain.trials import assess
from cds_service.fhir.sources import read_source
from cds_service.population.assessing import Judging, document_of
from cds_service.population.files import find_files
from cds_service.population.local import LocalEngine, Options
from cds_service.population.nightly import write_quarantine
from cds_service.sandbox.roster import synthetic_patients
from cds_service.screening.screened import EngineOutcome, RunCounts

DAY = date(2026, 11, 22)
CANDIDATE = "sbx-colon-liver"
"""A candidate: every exclusion but one passes because nothing is recorded."""

Resource = dict[str, Any]


def candidate() -> list[Resource]:
    """The record of one candidate, without the most of the infusions."""
    (found,) = (one for one in synthetic_patients() if one.id == CANDIDATE)
    resources = found.resources(DAY)
    return [one for one in resources if one["resourceType"] != "MedicationAdministration"] + [
        one for one in resources if one["resourceType"] == "MedicationAdministration"
    ][:3]


def somebody(identity: str = "well") -> list[Resource]:
    """A patient whose record shows no cancer."""
    hypertension = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}], "text": "Hypertension"}
    return [patient(identity), condition(hypertension, f"{identity}-c", **about(identity))]


def line(resource: Resource) -> bytes:
    """A resource as servers write it."""
    return json.dumps(resource, separators=(",", ":")).encode()


def lines_by_type(resources: Iterable[Resource]) -> dict[str, list[bytes]]:
    """The lines of each type."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for resource in resources:
        lines[resource["resourceType"]].append(line(resource))
    return lines


def lay_out(folder: Path, lines: Mapping[str, Iterable[bytes]]) -> Path:
    """A folder with a file for each of these names, a line break behind each line."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in lines.items():
        (folder / f"{name}.ndjson").write_bytes(b"".join(text + b"\n" for text in texts))
    return folder


@dataclass(frozen=True, slots=True)
class Night:
    """What the engine made of a folder: the outcome, assessments by bare id, the quarantine as it is written."""

    outcome: EngineOutcome
    documents: dict[str, dict[str, Any]]
    quarantine: list[dict[str, Any]]
    records: dict[str, str]

    @property
    def counts(self) -> RunCounts:
        return self.outcome.counts

    def verdicts(self, name: str = CANDIDATE) -> dict[str, tuple[str, str]]:
        """Verdict and basis of each criterion of a patient."""
        return {one["id"]: (one["verdict"], one["basis"]) for one in self.documents[name]["criteria"]}


def night(folder: Path, work: Path, options: Options | None = None, *, make: Callable[..., Any] = LocalEngine) -> Night:
    """One run of the engine over a folder, in a work folder of its own."""
    work.mkdir(parents=True, exist_ok=True)
    judging = Judging(catalog(), catalog().trials["extend-op"], DAY, "1")
    engine = make(find_files((folder,)), judging, work, options)
    outcome = engine.run()
    found = list(engine.results())
    documents = {one.patient.id: json.loads(document_of(one)) for one in found}
    assert len(documents) == len(found), "a patient comes twice"
    listed = work / "quarantine.ndjson"
    write_quarantine(listed, engine.quarantined())
    quarantine = [json.loads(text) for text in listed.read_bytes().splitlines()] if listed.exists() else []
    return Night(outcome, documents, quarantine, {one.patient.id: one.record for one in found})


def evaluated(folder: Path) -> dict[str, dict[str, Any]]:
    """What `evaluate` says of every patient of a folder, by bare id."""
    source = read_source(str(folder))
    trial = catalog().trials["extend-op"]
    return {
        record.name.removeprefix("Patient/"): json.loads(
            json.dumps(as_json(assess(trial, source.facts(record, catalog()), DAY, "1")))
        )
        for record in source.patients
    }
