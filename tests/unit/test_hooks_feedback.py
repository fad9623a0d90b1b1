"""Feedback as clients send it: several, again, accepted and then overridden, unknown."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fitting import Desk, body
from hooks import ask, problem

Json = dict[str, Any]
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


@pytest.fixture(scope="module")
def shared() -> Desk:
    return Desk()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def outcome(card: str, kind: str = "overridden", at: str = "2026-11-22T09:00:00Z", **more: Any) -> Json:
    return {"card": card, "outcome": kind, "outcomeTimestamp": at, **more}


def because(code: str, comment: str | None = None) -> Json:
    said: Json = {"reason": {"code": code, "system": REASONS}}
    return {"overrideReason": said | ({"userComment": comment} if comment else {})}


def counts(desk: Desk) -> list[tuple[str, str, str, str, int]]:
    found = ask("GET", "/api/feedback", to=desk.app).json()["feedback"]
    return sorted((f["hook"], f["outcome"], f["reason"], f["role"], f["count"]) for f in found)


def test_it_is_taken_without_a_body_and_counted_by_hook_reason_and_role(desk: Desk) -> None:
    (card,) = desk.cards()
    (other,) = desk.cards(user="PractitionerRole/oncologist")
    answer = desk.feedback(
        outcome(card["uuid"], **because("limited-time")), outcome(other["uuid"], **because("patient-refuses"))
    )
    assert (answer.status_code, answer.content) == (200, b"")
    assert counts(desk) == [
        ("patient-view", "overridden", "limited-time", "Practitioner", 1),
        ("patient-view", "overridden", "patient-refuses", "PractitionerRole", 1),
    ]


def test_a_reason_comes_back_with_its_words(desk: Desk) -> None:
    (card,) = desk.cards()
    desk.feedback(outcome(card["uuid"], **because("patient-refuses")))
    (found,) = ask("GET", "/api/feedback", to=desk.app).json()["feedback"]
    assert found["display"] == "Patient refuses/declines (no context given)*"


def test_a_repeat_counts_once(desk: Desk) -> None:
    (card,) = desk.cards()
    for _ in range(3):
        assert desk.feedback(*[outcome(card["uuid"], **because("limited-time"))] * 2).status_code == 200
    assert counts(desk) == [("patient-view", "overridden", "limited-time", "Practitioner", 1)]


def test_accepted_and_then_overridden_is_overridden_whatever_the_order_of_arrival(desk: Desk) -> None:
    (card,) = desk.cards()
    taken = outcome(
        card["uuid"], "accepted", "2026-11-22T09:00:00Z", acceptedSuggestions=[{"id": card["suggestions"][0]["uuid"]}]
    )
    away = outcome(card["uuid"], "overridden", "2026-11-22T09:00:05Z", **because("action-completed"))
    desk.later(minutes=1)
    for order in ([taken, away], [away], [taken]):
        assert desk.feedback(*order).status_code == 200
        assert counts(desk) == [("patient-view", "overridden", "action-completed", "Practitioner", 1)]


def test_an_unknown_card_is_taken_and_counted(desk: Desk) -> None:
    assert desk.feedback(outcome("7b1e1f8c-0000-4000-8000-000000000000"), outcome("not even a uuid")).status_code == 200
    assert counts(desk) == [("patient-view", "overridden", "", "", 2)]


@pytest.mark.parametrize("hook", ["order-select", "order-sign", "encounter-start"])
def test_every_service_takes_feedback(desk: Desk, hook: str) -> None:
    assert desk.feedback(outcome("c1", "accepted"), hook=hook).status_code == 200
    assert counts(desk) == [(hook, "accepted", "", "", 1)]


def test_a_time_to_come_is_now(desk: Desk) -> None:
    (card,) = desk.cards()
    desk.feedback(outcome(card["uuid"], at="2126-01-01T00:00:00Z", **because("limited-time")))
    desk.later(days=7)
    assert desk.cards() != []


ODD = [
    {"feedback": []},
    {"feedback": [outcome("c1") | {"outcomeTimestamp": None}]},
    {"feedback": [outcome("c1") | {"outcomeTimestamp": "yesterday"}]},
    {"feedback": [outcome("c1", "accepted")]},
    {"feedback": [outcome("c1", "accepted", acceptedSuggestions=[])]},
    {"feedback": [outcome("c1", "accepted", acceptedSuggestions=[{}, {"id": None}])]},
    {"feedback": [outcome("c1", overrideReason={})]},
    {"feedback": [outcome("c1", overrideReason={"userComment": "no"})]},
    {"feedback": [outcome("c1", overrideReason={"reason": {"code": "made-up"}})]},
    {"feedback": [outcome("c1", extension={"com.example": {}})], "more": 1},
    {"feedback": [outcome("c" * 5000, **because("r" * 5000, "w" * 50_000))]},
]


@pytest.mark.parametrize("sent", ODD)
def test_what_is_odd_but_clear_is_taken(shared: Desk, sent: Json) -> None:
    answer = ask("POST", "/cds-services/extend-op-patient-view/feedback", to=shared.app, json=sent)
    assert answer.status_code == 200, answer.text


WRONG = [
    ({}, "'feedback' is missing"),
    ({"feedback": None}, "'feedback' is missing"),
    ({"feedback": outcome("c1")}, "not CDS Hooks feedback"),
    ({"feedback": [outcome("")]}, "'feedback[0].card'"),
    ({"feedback": [outcome("c1"), {"outcome": "accepted"}]}, "'feedback[1].card'"),
    ({"feedback": [outcome("c1", "ignored")]}, "'feedback[0].outcome'"),
    ([], "not CDS Hooks feedback"),
]


@pytest.mark.parametrize(("sent", "says"), WRONG)
def test_what_is_unclear_is_refused_whole(sent: Any, says: str) -> None:
    desk = Desk()
    answer = ask("POST", "/cds-services/extend-op-patient-view/feedback", to=desk.app, json=sent)
    assert answer.status_code == 400
    assert says in problem(answer)
    assert counts(desk) == []


def test_a_service_there_is_not_takes_none(shared: Desk) -> None:
    answer = ask("POST", "/cds-services/another/feedback", to=shared.app, json={"feedback": []})
    assert answer.status_code == 404
    assert "extend-op-patient-view" in problem(answer)


def test_other_media_and_too_much_are_refused(shared: Desk) -> None:
    path = "/cds-services/extend-op-patient-view/feedback"
    assert ask("POST", path, to=shared.app, content="a=b", headers={"Content-Type": "text/plain"}).status_code == 415
    much = json.dumps({"feedback": [outcome("c1", **because("x", "w" * 1_100_000))]})
    headers = {"Content-Type": "application/json"}
    assert ask("POST", path, to=shared.app, content=much, headers=headers).status_code == 413


def test_the_free_text_is_kept_and_not_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (card,) = desk.cards()
    desk.feedback(outcome(card["uuid"], **because("patient-refuses", "Mrs Sample-Comment lives too far away")))
    assert "feedback service=extend-op-patient-view overridden=1" in caplog.text
    assert "Sample-Comment" not in caplog.text
    assert "Sample-Comment" not in ask("GET", "/api/feedback", to=desk.app).text


API = ["/api/feedback", "/api/suppressions", "/api/audit"]


@pytest.mark.parametrize("path", API)
def test_the_api_answers_this_machine_only(shared: Desk, path: str) -> None:
    assert ask("GET", path, to=shared.app).status_code == 200
    refused: list[Json] = [
        {"client": ("192.0.2.7", 1234)},
        {"headers": {"X-Forwarded-For": "192.0.2.7"}},
        {"headers": {"Host": "rebound.example:8000"}},
        {"headers": {"Origin": "https://elsewhere.example"}},
        {"headers": {"Origin": "null"}},
        {"headers": {"Origin": "http://[::1"}},
    ]
    for request in refused:
        assert ask("GET", path, to=shared.app, **request).status_code == 403, request


def test_the_audit_can_be_asked_for_one_patient_and_from_a_time_on(desk: Desk) -> None:
    base = "https://ehr.example/fhir"
    desk.cards(body(fhirServer=f"{base}/"))
    desk.later(hours=2)
    desk.cards(body("encounter-start", fhirServer=base))
    desk.cards()
    assert len(desk.audit()) == 3
    assert len(desk.audit(patient="sbx-colon-liver", server=base)) == 2
    assert len(desk.audit(patient="Patient/sbx-colon-liver", server=f"{base}/")) == 2
    assert len(desk.audit(patient="sbx-colon-liver")) == 1
    assert desk.audit(patient="nobody") == []
    assert len(desk.audit(since="2026-11-22T10:00:00Z")) == 2
    assert len(desk.audit(since="2026-11-22T10:00:00+00:00")) == 2
    assert len(desk.audit(since="2026-11-23")) == 0
    assert len(desk.audit(count=1)) == 1


def test_the_audit_is_valid_fhir(desk: Desk) -> None:
    from fhir.resources.R4B.bundle import Bundle

    desk.cards()
    answer = ask("GET", "/api/audit", to=desk.app)
    assert answer.headers["content-type"] == "application/fhir+json"
    assert Bundle.model_validate(answer.json()).total == 1
    assert Bundle.model_validate(ask("GET", "/api/audit?patient=nobody", to=desk.app).json()).total == 0


@pytest.mark.parametrize("query", ["since=yesterday", "count=0", "count=many", "count=5000"])
def test_a_wrong_question_to_the_audit_is_said_without_repeating_it(shared: Desk, query: str) -> None:
    answer = ask("GET", f"/api/audit?{query}", to=shared.app)
    assert answer.status_code == 400
    assert query.partition("=")[0] in problem(answer)
    assert "yesterday" not in problem(answer)
    assert "many" not in problem(answer)
