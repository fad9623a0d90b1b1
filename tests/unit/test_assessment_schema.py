"""The published schema: what `as_json` writes conforms to it, and what does not conform is refused."""

from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from build import PATIENT, evidence
from draw import TODAY, patients
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator, FormatChecker
from trial import trial

from cds_service.domain.assessments import as_json
from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.facts import DataQuality, PatientFacts, Side
from cds_service.domain.trials import assess
from cds_service.domain.verdicts import (
    Assessment,
    Basis,
    CountedLine,
    JudgedLesion,
    LesionState,
    LesionSummary,
    Missing,
    ScanSet,
    Status,
    TherapySummary,
    Verdict,
)

SCHEMA = json.loads(files("cds_service.reports").joinpath("assessment.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())

FULL = Assessment(
    trial="extend-op",
    trial_version="2025-11-21",
    patient=PATIENT,
    as_of=date(2026, 11, 22),
    status=Status.POSSIBLE,
    verdicts=(
        Verdict(
            "platelets",
            CriterionKind.INCLUSION,
            Outcome.PASS,
            Basis.RECORDED,
            "Platelets 26,000/uL on 2026-11-10 (needs 25,000 or more)",
            (evidence("Observation/plt-1", "2026-11-10", "Platelets 26 10*3/uL"), evidence("Observation/x")),
            valid_until=date(2026, 12, 8),
        ),
        Verdict(
            "ecog",
            CriterionKind.INCLUSION,
            Outcome.UNKNOWN,
            Basis.NO_RECORD,
            "None",
            missing=(Missing("ECOG", "a score", date(2026, 8, 24), date(2026, 11, 22)), Missing("x", "y")),
        ),
    ),
    lesions=LesionSummary(
        1,
        2,
        1,
        (
            JudgedLesion(
                "BodyStructure/l1",
                LesionState.PROGRESSIVE,
                "recist",
                site="liver",
                side=Side.LEFT,
                pre_baseline_mm=Decimal("12.0"),
                baseline_mm=Decimal(19),
                evidence=(evidence("Observation/a"), evidence("Observation/a")),
            ),
            JudgedLesion("BodyStructure/l2", LesionState.UNKNOWN, "not comparable", chain="iliac"),
        ),
    ),
    baseline=ScanSet(date(2026, 11, 10), ("ImagingStudy/s1",)),
    therapy=TherapySummary(1, 2, (CountedLine(1, "2025-03", None, ("capecitabine",)),)),
    closes=date(2026, 12, 8),
    next_change=date(2026, 12, 9),
    data_quality=(DataQuality("Observation/x", "unit 'foo' is not one this lab can have"),),
    mappings_digest="sha256:0",
    engine_version="0.1.0",
)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_full_assessment_conforms_and_reads_as_the_contract_says() -> None:
    plain = as_json(FULL)
    VALIDATOR.validate(plain)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["criteria"][0] == {  # type: ignore[index]  # a list of verdicts
        "id": "platelets",
        "kind": "inclusion",
        "verdict": "pass",
        "basis": "recorded",
        "reason": "Platelets 26,000/uL on 2026-11-10 (needs 25,000 or more)",
        "evidence": [
            {"reference": "Observation/plt-1", "date": "2026-11-10", "text": "Platelets 26 10*3/uL"},
            {"reference": "Observation/x", "text": "Observation/x"},
        ],
        "missing": [],
        "valid_until": "2026-12-08",
    }
    assert plain["window"] == {"opens": "2026-11-22", "closes": "2026-12-08"}
    assert plain["imaging"] == {"baseline": {"date": "2026-11-10", "references": ["ImagingStudy/s1"]}}
    assert plain["therapy"] == {
        "lines_min": 1,
        "lines_max": 2,
        "lines": [{"number": 1, "start": "2025-03", "agents": ["capecitabine"]}],
    }


def test_a_lesion_names_its_nulls() -> None:
    _, second = as_json(FULL)["lesions"]["items"]  # type: ignore[index]  # the lesions of the contract
    assert second == {
        "key": "BodyStructure/l2",
        "site": "not stated",
        "chain": "iliac",
        "side": None,
        "state": "unknown",
        "why": "not comparable",
        "explanation": "",
        "counts": True,
        "pre_baseline_mm": None,
        "baseline_mm": None,
        "evidence": [],
    }


def test_an_assessment_of_nothing_conforms() -> None:
    bare = Assessment("t", "1", PATIENT, date(2026, 11, 22), Status.CANDIDATE, ())
    plain = as_json(bare)
    VALIDATOR.validate(plain)
    assert plain["next_change"] is None
    assert "therapy" not in plain
    assert plain["lesions"] == {"count_min": 0, "count_max": 0, "sensitivity_count": 0, "items": []}


@given(patients())
@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
def test_every_assessment_conforms(patient: PatientFacts) -> None:
    plain = as_json(assess(trial(), patient, TODAY, "0.1.0"))
    VALIDATOR.validate(json.loads(json.dumps(plain)))


def _changed(path: tuple[str | int, ...], value: object) -> Any:
    plain: Any = copy.deepcopy(as_json(FULL))
    inside = plain
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "maybe"),
        (("status",), None),
        (("as_of",), "22.11.2026"),
        (("as_of",), "2026-02-30"),
        (("name",), "somebody"),
        (("therapy",), None),
        (("imaging", "baseline"), None),
        (("window", "closes"), None),
        (("lesions", "count_min"), -1),
        (("lesions", "count_min"), 1.5),
        (("lesions", "items", 0, "site"), None),
        (("lesions", "items", 0, "state"), "growing"),
        (("lesions", "items", 0, "side"), "both"),
        (("lesions", "items", 0, "baseline_mm"), "19"),
        (("criteria", 0, "verdict"), "ok"),
        (("criteria", 0, "basis"), None),
        (("criteria", 0, "valid_until"), None),
        (("criteria", 1, "valid_until"), "2026-12-08"),
        (("criteria", 0, "kind"), "both"),
        (("criteria", 0, "evidence", 1, "date"), None),
        (("criteria", 1, "missing", 0, "from"), "soon"),
        (("data_quality", 0, "severity"), "low"),
        (("therapy", "lines", 0, "number"), 0),
    ],
)
def test_what_the_contract_does_not_allow_is_refused(path: tuple[str | int, ...], value: object) -> None:
    assert not VALIDATOR.is_valid(_changed(path, value))


@pytest.mark.parametrize("key", sorted(SCHEMA["required"]))
def test_what_always_applies_is_required(key: str) -> None:
    plain = as_json(FULL)
    del plain[key]
    assert not VALIDATOR.is_valid(plain)
