"""Whatever stands under whatever prefetch keys: an answer of 200 or 412, and never a false "no record"."""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import Any

from hooks import AS_OF, SERVICE, ask, bundle, by_kind, call, outcome, patient, walk
from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from cds_service.domain.facts import Kind
from cds_service.sandbox.roster import synthetic_patients

FITTING = "sbx-colon-liver"
CONTEXT = {"userId": "Practitioner/dr", "patientId": FITTING}
UNREAD = {
    "an OperationOutcome": outcome(),
    "a Bundle with one": bundle(outcome()),
    "a Bundle with a warning": bundle(outcome("warning")),
    "a first page": bundle(next_page="https://ehr.example/fhir?page=2"),
    "a list": [],
    "an empty object": {},
    "text": "<html>Bad gateway</html>",
    "a number": 7,
    "another patient": patient("other"),
    "an entry without resource": {"resourceType": "Bundle", "entry": [{}]},
    "entry is text": {"resourceType": "Bundle", "entry": "x"},
    "a broken record": bundle({"resourceType": "Condition", "subject": 3, "code": [[]]}),
    "deep": json.loads('{"a":' * 60 + "1" + "}" * 60),
}
KEYS = [kind.value for kind in Kind]
SPOILED = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(sorted(UNREAD)), min_size=1, max_size=4)
GONE = st.sets(st.sampled_from(KEYS), max_size=4)


@cache
def whole() -> str:
    found = next(each for each in synthetic_patients() if each.id == FITTING)
    return json.dumps(by_kind(json.loads(json.dumps(list(found.resources(AS_OF))))))


def fire(prefetch: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = ask("POST", SERVICE, json=call(context=CONTEXT, prefetch=prefetch))
    return answer.status_code, answer.json()


def test_the_whole_record_gets_a_card() -> None:
    status, body = fire(json.loads(whole()))
    assert status == 200
    assert len(body["cards"]) == 1
    assert date.fromisoformat(
        body["cards"][0]["suggestions"][0]["actions"][0]["resource"]["restriction"]["period"]["end"]
    )


@given(spoiled=SPOILED, gone=GONE)
@tuned(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_spoiled_and_missing_keys(spoiled: dict[str, str], gone: set[str]) -> None:
    prefetch = json.loads(whole()) | {key: UNREAD[name] for key, name in spoiled.items()}
    for key in gone:
        prefetch.pop(key, None)
    status, body = fire(prefetch)
    lost = set(spoiled) | gone
    if "patient" in lost:
        assert status == 412
        return
    assert status == 200

    def check(path: str, value: Any) -> None:
        assert value not in (None, "", {}, []) or path == "$.cards", path

    walk(body, check)
    if "conditions" in lost:
        assert body["cards"] == [], "histology is not known without the problem list"
    for card in body["cards"]:
        assert "No record of: Malignant effusion" in card["detail"], "the problem list was read"


@given(st.binary(max_size=200))
@tuned(max_examples=60, deadline=None)
def test_any_bytes(body: bytes) -> None:
    answer = ask("POST", SERVICE, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
