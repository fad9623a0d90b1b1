"""What CDS Hooks 2.0.1 asks of a service as it receives calls: the lines of the checklist that are not about responses.

The lines on signed calls (39 to 46) have tests of their own where trust is tested; what a
line says of the FHIR server's side (20 to 23) is tested with the FHIR client.
"""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from fitting import FITTING, HOOKS, Desk, body, drafts, drug, record, scan, without
from hooks import ask, bundle, by_kind, outcome, problem

Json = dict[str, Any]
ORDERS = {"order-select": [drug()], "order-sign": [drug()]}


@pytest.fixture(scope="module")
def shared() -> Desk:
    return Desk()


def asked(hook: str = "patient-view", **more: Any) -> Json:
    return body(hook, *ORDERS.get(hook, []), **more)


@pytest.mark.parametrize("hook", HOOKS)
def test_5s_each_id_is_the_path_of_its_hook(shared: Desk, hook: str) -> None:
    listed = {found["id"]: found["hook"] for found in ask("GET", "/cds-services", to=shared.app).json()["services"]}
    assert listed[f"extend-op-{hook}"] == hook
    assert shared.call(asked(hook)).status_code == 200


@pytest.mark.parametrize("path", ["/cds-services/", "/CDS-services", "/cds/cds-services"])
def test_3s_discovery_is_at_exactly_that_path(shared: Desk, path: str) -> None:
    assert ask("GET", path, to=shared.app).status_code == 404


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("how", ["missing", "null", "empty"])
def test_12s_hook_instance_and_context_are_required(shared: Desk, field: str, how: str) -> None:
    sent = {name: value for name, value in asked().items() if name != field}
    if how != "missing":
        sent[field] = None if how == "null" else {} if field == "context" else ""
    answer = ask("POST", "/cds-services/extend-op-patient-view", to=shared.app, json=sent)
    assert answer.status_code == 400
    assert field in problem(answer)


def test_12s_authorization_needs_its_server(shared: Desk) -> None:
    token = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "s"}
    assert shared.call(asked(fhirAuthorization=token)).status_code == 400
    assert shared.call(asked(fhirAuthorization=token, fhirServer="https://ehr.example/fhir")).status_code == 200


@pytest.mark.parametrize("addressed", HOOKS)
@pytest.mark.parametrize("hook", HOOKS)
def test_13_the_hook_must_be_the_service_s_own(shared: Desk, addressed: str, hook: str) -> None:
    answer = ask("POST", f"/cds-services/extend-op-{addressed}", to=shared.app, json=asked(hook))
    assert answer.status_code == (200 if addressed == hook else 400)
    if addressed != hook:
        assert f"'hook' must be '{addressed}'" in problem(answer)


@pytest.mark.parametrize("hook", HOOKS)
def test_14_unknown_fields_and_extensions_are_no_matter(shared: Desk, hook: str) -> None:
    sent = asked(hook, extension={"com.example.thing": {"x": 1}}, fhirVersion="4.0.1", more=[1, None])
    sent["context"] |= {"extension": {"com.example": {}}, "anything": None}
    sent["prefetch"] |= {"unknown": {"resourceType": "Basic"}, "extension": 5}
    assert shared.call(sent).status_code == 200


REQUIRED = [
    *((hook, field) for hook in HOOKS for field in ("userId", "patientId")),
    ("order-select", "selections"),
    ("order-select", "draftOrders"),
    ("order-sign", "draftOrders"),
    ("encounter-start", "encounterId"),
]


@pytest.mark.parametrize(("hook", "field"), REQUIRED)
@pytest.mark.parametrize("how", ["missing", "null"])
def test_15_what_a_hook_requires_in_context_must_be_there(shared: Desk, hook: str, field: str, how: str) -> None:
    sent = asked(hook)
    if how == "missing":
        del sent["context"][field]
    else:
        sent["context"][field] = None
    answer = shared.call(sent)
    assert answer.status_code == 400
    assert f"context.{field}" in problem(answer)


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_15_an_encounter_is_optional_elsewhere(shared: Desk, hook: str) -> None:
    assert shared.call(asked(hook, context={"encounterId": "e1"})).status_code == 200
    assert shared.call(asked(hook)).status_code == 200


ODD_ORDERS = [
    drafts(drug(None)),
    drafts(drug(category={"text": "Community"})),
    {"resourceType": "Bundle"},
    {"resourceType": "Bundle", "entry": None},
    {"resourceType": "Bundle", "entry": [{}]},
    {},
    [],
    "orders",
    drug(),
]


@pytest.mark.parametrize("sent", ODD_ORDERS)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_16_draft_orders_need_not_be_valid_fhir(shared: Desk, hook: str, sent: Any) -> None:
    assert shared.call(asked(hook, context={"draftOrders": sent})).status_code == 200


@pytest.mark.parametrize("selections", [[], "MedicationRequest/draft-drug", [None], {}, 5, ["MedicationRequest/none"]])
def test_16_selections_may_be_odd(shared: Desk, selections: Any) -> None:
    assert shared.call(asked("order-select", context={"selections": selections})).status_code == 200


# --- prefetch, key by key ------------------------------------------------------------------------------------

NOTHING = [None, bundle(), {"resourceType": "Bundle", "type": "searchset", "total": 0}]
NOT_HAD = [outcome(), bundle(outcome()), {"resourceType": "Patient", "id": FITTING}, "<html>", 5]


@pytest.mark.parametrize("value", NOTHING)
def test_prefetch_null_and_an_empty_bundle_mean_no_data(value: Any) -> None:
    desk = Desk()
    (card,) = desk.cards(body(prefetch=by_kind(record()) | {"procedures": value}))
    assert "not retrieved" not in card["detail"].lower()


@pytest.mark.parametrize("value", NOT_HAD)
def test_19_an_exclusion_without_its_data_is_unknown_never_not_met(value: Any) -> None:
    (card,) = Desk().cards(body(prefetch=by_kind(record()) | {"administrations": value}))
    assert card["summary"].endswith("; 1 item missing")
    assert "More than 4 earlier lines: Therapy history was not retrieved" in card["detail"]


def test_19_a_key_that_is_absent_is_unknown_where_nobody_can_be_asked() -> None:
    (card,) = Desk().cards(without(body(), "administrations"))
    assert "More than 4 earlier lines: Therapy history was not retrieved" in card["detail"]


def test_prefetch_a_first_page_alone_is_incomplete() -> None:
    sent = by_kind(record())
    sent["administrations"]["link"] = [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]
    (card,) = Desk().cards(body(prefetch=sent))
    assert "only the first page" in card["detail"]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("sent", [{}, {"patient": None}, {"patient": outcome()}, None])
def test_18s_412_names_the_key_when_nothing_useful_can_be_said(shared: Desk, hook: str, sent: Json | None) -> None:
    call = asked(hook, prefetch={})
    call["prefetch"] = sent
    answer = shared.call(call)
    assert answer.status_code == 412
    assert "'patient'" in problem(answer)


@pytest.mark.parametrize("user", ["Practitioner/a", "PractitionerRole/a"])
def test_clinicians_of_either_form_are_answered(user: str) -> None:
    assert Desk().cards(user=user)


@pytest.mark.parametrize(
    "user", ["Device/a", "dr", "Practitioner/", "Practitioner/a b", "https://ehr.example/Practitioner/1"]
)
def test_an_odd_user_id_is_no_reason_to_refuse(shared: Desk, user: str) -> None:
    assert shared.call(body(user=user)).status_code == 200


def test_21s_the_token_is_kept_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk()
    token = {"access_token": "s3cret-token", "token_type": "Bearer"}
    desk.cards(body(fhirServer="https://ehr.example/fhir", fhirAuthorization=token))
    kept = [ask("GET", path, to=desk.app).text for path in ("/api/audit", "/api/feedback", "/api/suppressions")]
    assert "s3cret-token" not in caplog.text + "".join(kept)


CALLED = [f"/cds-services/extend-op-{hook}" for hook in HOOKS]


@pytest.mark.parametrize("path", ["/cds-services", *CALLED, *(f"{path}/feedback" for path in CALLED)])
def test_47_a_preflight_is_answered_without_authorization(shared: Desk, path: str) -> None:
    headers = {
        "Origin": "http://localhost:8080",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = ask("OPTIONS", path, to=shared.app, headers=headers)
    assert answer.status_code == 200
    assert {"authorization", "content-type"} <= {
        name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")
    }


def test_34_a_body_is_answered_alike_whatever_else_was_asked(shared: Desk) -> None:
    """Several services answer one hook: nothing of one call reaches into another."""
    sent = body("order-sign", scan(), user="Practitioner/alone")
    first = shared.cards(copy.deepcopy(sent))
    shared.cards(body(user="Practitioner/between"))
    assert shared.cards(sent) == first
