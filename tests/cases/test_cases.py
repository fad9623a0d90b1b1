"""Whole patients: the verdict of every criterion, typed by hand before the engine was asked.

A case is one YAML file under `patients/`:

    story: in plain words, what this patient is there to show
    like: another case, whose record and expectations this one starts from (optional)
    as_of: the day of assessment (taken over from `like` where absent)
    record: FHIR resources by "Type/id", subject and status filled in where absent;
            on top of `like`, a resource's elements replace those of the same name, null removes the
            element, and a resource that is null is taken out
    expect: the verdict of every criterion by id (only what differs, on top of `like`), and `status`
    basis, valid_until, count, lines, next_change, closes, missing: more to hold, optional; taken over
            from `like` never, since they are there to show something
"""

from __future__ import annotations

import copy
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.catalog.loading import load_catalog
from cds_service.domain.assessments import as_json
from cds_service.domain.trials import assess
from cds_service.fhir.reading import read_patient

PATIENTS = Path(__file__).parent / "patients"
CASES = sorted(path.stem for path in PATIENTS.glob("*.yaml"))
PATIENT = "Patient/p"
STATUS = {
    "Observation": "final",
    "DiagnosticReport": "final",
    "ImagingStudy": "available",
    "Procedure": "completed",
    "MedicationAdministration": "completed",
    "MedicationStatement": "completed",
    "MedicationRequest": "completed",
    "EpisodeOfCare": "finished",
    "CarePlan": "completed",
    "ResearchSubject": "candidate",
}
NO_SUBJECT = {"Patient", "Medication"}
PATIENT_ELEMENT = {"BodyStructure": "patient", "EpisodeOfCare": "patient", "ResearchSubject": "individual"}


@cache
def the_catalog():
    return load_catalog()


@cache
def case(name: str) -> dict[str, Any]:
    """A case with what it takes over from the one it is like."""
    own = yaml.safe_load((PATIENTS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(own) <= {
        *("story", "like", "as_of", "record", "expect"),
        *("basis", "valid_until", "count", "lines", "next_change", "closes", "missing"),
    }, f"{name}: unknown key"
    if "like" not in own:
        return own
    base = copy.deepcopy(case(own["like"]))
    record = base["record"]
    for reference, resource in own.get("record", {}).items():
        if resource is None:
            assert reference in record, f"{name}: {reference} is not in {own['like']}"
            del record[reference]
        else:
            record[reference] = {**record.get(reference, {}), **resource}
    return {
        **own,
        "as_of": own.get("as_of", base["as_of"]),
        "record": record,
        "expect": {**base["expect"], **own["expect"]},
    }


def resources(record: dict[str, Any]) -> list[bytes]:
    """The FHIR resources of a case's record."""
    return [json.dumps(_resource(reference, elements), default=str).encode() for reference, elements in record.items()]


def _resource(reference: str, elements: dict[str, Any]) -> dict[str, Any]:
    kind, identity = reference.split("/")
    resource: dict[str, Any] = {"resourceType": kind, "id": identity}
    if kind in STATUS:
        resource["status"] = STATUS[kind]
    if kind not in NO_SUBJECT:
        resource[PATIENT_ELEMENT.get(kind, "subject")] = {"reference": PATIENT}
    return {name: value for name, value in {**resource, **elements}.items() if value is not None}


@cache
def assessed(name: str) -> dict[str, Any]:
    """The engine's assessment of a case, as the published JSON."""
    document = case(name)
    day = document["as_of"]
    assert isinstance(day, date)
    trial = the_catalog().trials["extend-op"]
    return as_json(assess(trial, read_patient(resources(document["record"]), the_catalog()), day))


def verdicts_of(assessment: dict[str, Any]) -> dict[str, str]:
    """Verdict by criterion id, and the status."""
    verdicts = {item["id"]: item["verdict"] for item in assessment["criteria"]}
    return {"status": assessment["status"], **verdicts}


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_is_the_one_typed_by_hand(name: str) -> None:
    expected, found = case(name)["expect"], verdicts_of(assessed(name))
    reasons = {item["id"]: item["reason"] for item in assessed(name)["criteria"]}
    wrong = {
        key: f"expected {expected.get(key)}, found {value}: {reasons.get(key, '')}"
        for key, value in found.items()
        if expected.get(key) != value
    }
    assert not wrong, json.dumps(wrong, indent=1)
    assert set(expected) == set(found)


@pytest.mark.parametrize("name", CASES)
def test_what_else_the_case_is_there_to_show(name: str) -> None:
    document, assessment = case(name), assessed(name)
    by_id = {item["id"]: item for item in assessment["criteria"]}
    for criterion, basis in document.get("basis", {}).items():
        assert by_id[criterion]["basis"] == basis, criterion
    for criterion, day in document.get("valid_until", {}).items():
        assert by_id[criterion].get("valid_until") == (day and day.isoformat()), criterion
    for criterion, (opens, closes) in document.get("missing", {}).items():
        days = [(item.get("from"), item.get("until")) for item in by_id[criterion]["missing"]]
        assert (opens and opens.isoformat(), closes and closes.isoformat()) in days, (criterion, days)
    if "count" in document:
        lesions = assessment["lesions"]
        assert [lesions["count_min"], lesions["count_max"]] == document["count"]
    if "lines" in document:
        assert [assessment["therapy"]["lines_min"], assessment["therapy"]["lines_max"]] == document["lines"]
    if "closes" in document:
        assert assessment["window"].get("closes") == document["closes"].isoformat()
    if "next_change" in document:
        assert assessment["next_change"] == document["next_change"].isoformat()


def test_there_are_enough_cases_and_every_one_has_a_story() -> None:
    assert len(CASES) >= 100
    for name in CASES:
        assert len(case(name)["story"]) > 20, name


def test_between_them_the_cases_show_every_verdict_a_criterion_can_have() -> None:
    seen: dict[str, set[str]] = {}
    for name in CASES:
        for criterion, verdict in case(name)["expect"].items():
            seen.setdefault(criterion, set()).add(verdict)
    assert seen["status"] == {"candidate", "possible", "ineligible"}
    only_judged = {"lct-candidate", "rt-candidate", "investigator-judgement"}
    for criterion in set(seen) - only_judged - {"status", "alive"}:
        assert len(seen[criterion]) >= 2, f"{criterion} is {seen[criterion]} in every case"
