"""Each prefetch key on its own: the table of CDS Hooks 2.0.1, "Prefetch", with what real clients add to it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hooks import bundle, outcome, patient

from cds_service.cds.prefetch import read_prefetch
from cds_service.domain.facts import Kind
from cds_service.fhir.bundles import open_all

CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}
OBSERVATION = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/p"}}
NEXT = "http://127.0.0.1/fhir?page=2"

NOT_HAD = "not had"
WHOLE = None

# what arrives under "conditions" | records read, or not had | the problem holds | the next page
TABLE: list[tuple[str, Any, int | str, str | None, str | None]] = [
    ("null: nothing found", None, 0, WHOLE, None),
    ("an empty Bundle", bundle(), 0, WHOLE, None),
    ("a Bundle without entry", {"resourceType": "Bundle", "type": "searchset"}, 0, WHOLE, None),
    ("a Bundle with entry null", {"resourceType": "Bundle", "entry": None}, 0, WHOLE, None),
    ("a Bundle", bundle(CONDITION, CONDITION | {"id": "d"}), 2, WHOLE, None),
    ("a first page", bundle(CONDITION, next_page=NEXT), 1, WHOLE, NEXT),
    ("an OperationOutcome", outcome(), 0, "error", None),
    ("a Bundle with an OperationOutcome", bundle(outcome()), 0, "error", None),
    ("records and an error", bundle(CONDITION, outcome()), 1, "error", None),
    ("a fatal error", bundle(CONDITION, outcome("fatal")), 1, "error", None),
    ("an outcome without issue", bundle(CONDITION, {"resourceType": "OperationOutcome"}), 1, "error", None),
    ("an outcome of no known severity", bundle(CONDITION, outcome("oops")), 1, "error", None),
    ("records and a warning", bundle(CONDITION, outcome("warning")), 1, "warning", None),
    ("a warning and no total", bundle(outcome("warning")), 0, "warning", None),
    ("'no results' in words beside total 0", bundle(outcome("warning"), total=0), 0, WHOLE, None),
    ("an error beside total 0", bundle(outcome("error"), total=0), 0, "error", None),
    ("records and an information", bundle(CONDITION, outcome("information")), 1, WHOLE, None),
    ("announced and not there", bundle(total=3), 0, "announces", None),
    ("an entry without resource", {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}]}, 0, "no readable", None),
    ("an entry that is no resource", bundle(CONDITION, {"a": 1}), 1, "no readable", None),
    ("odd links", bundle(CONDITION) | {"link": "next"}, 1, "more pages", None),
    ("included resources besides", bundle(CONDITION, patient()), 1, WHOLE, None),
    ("another type", OBSERVATION, NOT_HAD, None, None),
    ("a Bundle of another type", bundle(OBSERVATION), NOT_HAD, None, None),
    ("one record where a search was asked", CONDITION, NOT_HAD, None, None),
    ("a list", [CONDITION], NOT_HAD, None, None),
    ("an object without resourceType", {"entry": []}, NOT_HAD, None, None),
    ("an empty object", {}, NOT_HAD, None, None),
    ("an HTML error page", "<html>502</html>", NOT_HAD, None, None),
    ("an empty text", "", NOT_HAD, None, None),
    ("a number", 0, NOT_HAD, None, None),
    ("false", False, NOT_HAD, None, None),
    ("entry is an object", {"resourceType": "Bundle", "entry": {}}, NOT_HAD, None, None),
]


@pytest.mark.parametrize(
    ("value", "found", "problem", "next_page"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_a_key(value: Any, found: int | str, problem: str | None, next_page: str | None) -> None:
    raw = msgspec.Raw(json.dumps(value).encode())
    delivered = read_prefetch({"conditions": raw}, "p")
    if found == NOT_HAD:
        assert Kind.CONDITIONS not in delivered
        return
    page = delivered[Kind.CONDITIONS]
    assert len(list(open_all(page.resources))) == found
    assert page.next_page == next_page
    assert (page.problem is None) if problem is None else problem in (page.problem or "")


@pytest.mark.parametrize(
    ("value", "had"),
    [
        (patient(), 1),
        (bundle(patient()), 1),
        (bundle(patient("other"), patient()), 1),
        (None, 0),
        (bundle(), 0),
        (outcome(), 0),
        (patient("other"), NOT_HAD),
        (bundle(patient("other")), NOT_HAD),
        (patient() | {"id": None}, NOT_HAD),
        (CONDITION, NOT_HAD),
    ],
)
def test_the_patient_is_the_one_the_call_is_about(value: Any, had: int | str) -> None:
    delivered = read_prefetch({"patient": msgspec.Raw(json.dumps(value).encode())}, "p")
    if had == NOT_HAD:
        assert not delivered
    else:
        assert len(delivered[Kind.PATIENT].resources) == had


def test_keys_nobody_asked_for_are_passed_over() -> None:
    assert read_prefetch({"allergies": msgspec.Raw(b'{"resourceType": "Bundle"}')}, "p") == {}
