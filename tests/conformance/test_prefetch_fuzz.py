"""Every prefetch key in every malformed state: answered, and never taken for "nothing is recorded".

What a key that cannot be read leaves open is what a key that was not sent leaves open: no
criterion may pass on it that would be unknown without it.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

import pytest
from fitting import FITTING, Desk, body, record
from hooks import AS_OF, bundle, by_kind, outcome, problem, settings

from cds_service.bootstrap import build_trial_service
from cds_service.cds.answering import TrialService
from cds_service.cds.prefetch import read_prefetch
from cds_service.cds.wire import read_call
from cds_service.domain.facts import Kind
from cds_service.fhir.pages import RESOURCE_TYPES

Json = dict[str, Any]
KEYS = [kind.value for kind in Kind if kind is not Kind.PATIENT]
TYPES = {kind.value: name for kind, name in RESOURCE_TYPES.items()}
SUBJECTS = {"subjects": "individual", "lesions": "patient", "episodes": "patient"}


def resource(key: str, whose: str, **more: Any) -> Json:
    """A resource of a key's type about somebody."""
    about = {SUBJECTS.get(key, "subject"): {"reference": f"Patient/{whose}"}}
    return {"resourceType": TYPES[key], "id": "r", **about, **more}


def states(key: str) -> dict[str, Any]:
    """What may arrive under a key that brings nothing of the patient and is not an answer "nothing found"."""
    other = resource("procedures" if key == "conditions" else "conditions", FITTING)
    theirs = resource(key, "somebody-else")
    return {
        "OperationOutcome": outcome(),
        "Bundle of an OperationOutcome": bundle(outcome()),
        "Bundle of a fatal OperationOutcome": bundle(outcome("fatal")),
        "OperationOutcome of no known severity": bundle(outcome("oops")),
        "another type": other,
        "Bundle of another type": bundle(other),
        "the patient": {"resourceType": "Patient", "id": FITTING},
        "somebody else's": bundle(theirs),
        "many of somebody else's": bundle(*(theirs | {"id": f"r{number}"} for number in range(30))),
        "somebody else's, by a whole URL": bundle(resource(key, "x/Patient/somebody-else")),
        "nobody's": bundle({"resourceType": TYPES[key], "id": "r"}),
        "one resource where a search was asked": resource(key, FITTING),
        "a first page of nothing": bundle(next_page="https://ehr.example/fhir?page=2"),
        "announced and not there": bundle(total=7),
        "entries without resource": {"resourceType": "Bundle", "entry": [{"fullUrl": "x"}, {}]},
        "entries that are no resources": bundle({"a": 1}),
        "entry is null inside": {"resourceType": "Bundle", "entry": [None]},
        "entry is an object": {"resourceType": "Bundle", "entry": {}},
        "a list": [resource(key, FITTING)],
        "an empty list": [],
        "an empty object": {},
        "no resourceType": {"entry": []},
        "resourceType is a number": {"resourceType": 5, "entry": []},
        "a web page": "<html><body>502 Bad Gateway</body></html>",
        "the template itself": "Condition?patient={{context.patientId}}",
        "an empty text": "",
        "a number": 0,
        "true": True,
        "false": False,
        "nested deep": deep(400),
    }


def deep(levels: int) -> Json:
    found: Json = {}
    for _ in range(levels):
        found = {"extension": [found]}
    return found


NOTHING = {"null": None, "empty Bundle": bundle(), "total 0": {"resourceType": "Bundle", "total": 0}}
STATES = list(states("conditions"))


@cache
def service() -> TrialService:
    return build_trial_service(settings(recent_minutes=0))


@cache
def _sent() -> str:
    return json.dumps(by_kind(record()))


def outcomes(key: str, *value: Any) -> dict[str, str]:
    """The outcome of every criterion with one key replaced, or left out where no value is given."""
    sent: Json = json.loads(_sent())
    del sent[key]
    call = read_call(json.dumps(body(prefetch=sent | ({key: value[0]} if value else {}))).encode(), "patient-view")
    delivered = read_prefetch(call.prefetch, call.patient_id)
    screened = asyncio.run(service().screen(call, delivered, no_http, AS_OF))
    return {verdict.id: verdict.outcome.value for verdict in screened.assessment.verdicts}


def no_http() -> Any:
    raise AssertionError("no server is named in these calls")


@cache
def without(key: str) -> tuple[tuple[str, str], ...]:
    return tuple(outcomes(key).items())


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk(recent_minutes=0)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("key", KEYS)
def test_what_cannot_be_read_is_as_good_as_not_sent(desk: Desk, key: str, state: str) -> None:
    value = states(key)[state]
    assert outcomes(key, value) == dict(without(key))
    assert desk.call(body(prefetch=json.loads(_sent()) | {key: value})).status_code == 200


@pytest.mark.parametrize("state", NOTHING)
@pytest.mark.parametrize("key", KEYS)
def test_nothing_found_is_an_answer(key: str, state: str) -> None:
    found = outcomes(key, NOTHING[state])
    assert found == outcomes(key, None)
    if key == "conditions":
        names = ("other-malignancy", "effusion", "rheumatologic")
        assert [(found[name], dict(without(key))[name]) for name in names] == [("pass", "unknown")] * 3


@pytest.mark.parametrize("state", STATES)
def test_without_a_readable_patient_nothing_useful_can_be_said(desk: Desk, state: str) -> None:
    value = states("conditions")[state]
    if state == "the patient":
        value = {"resourceType": "Patient", "id": "somebody-else"}
    answer = desk.call(body(prefetch=json.loads(_sent()) | {"patient": value}))
    assert answer.status_code == 412
    assert "'patient'" in problem(answer)


@pytest.mark.parametrize("key", ["conditions", "observations", "imaging", "administrations", "lesions"])
def test_somebody_elses_beside_the_patients_own_changes_nothing(key: str) -> None:
    sent: Json = json.loads(_sent())
    own = [entry["resource"] for entry in sent[key]["entry"]]
    assert own
    assert outcomes(key, bundle(*own, resource(key, "somebody-else"))) == outcomes(key, sent[key])
