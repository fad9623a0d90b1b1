"""The rules that every response is held to: the service keeps them, and each of them bites.

`hook_rules.py` has one function a line of the checklist of CDS Hooks 2.0.1; `conftest.py`
holds every response of every test to all of them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from fitting import HALF_LABS, HOOKS, Desk, body, drug, scan
from hook_rules import RULES, Exchange, violations
from hooks import ask
from watching import SEEN

Json = dict[str, Any]
HOOK = "/cds-services/extend-op-patient-view"
FHIR = {"content-type": "application/fhir+json"}


@cache
def real() -> tuple[Exchange, ...]:
    """Discovery, the four hooks with and without a card, feedback, refusals: as the service answers them."""
    desk = Desk()
    SEEN.clear()
    ask("GET", "/cds-services", to=desk.app)
    for hook in HOOKS:
        orders = [drug(), scan()] if hook.startswith("order") else []
        desk.call(body(hook, *orders, patient=HALF_LABS))
        desk.call(body(hook, *orders, patient="sbx-breast-effusion"))
    (card,) = desk.cards(patient=HALF_LABS)
    desk.put_away(card, "limited-time")
    desk.call(body(prefetch={}))
    desk.call(body() | {"hook": "order-sign"})
    ask("POST", "/cds-services/none", to=desk.app, json={})
    return tuple(SEEN)


def test_the_watch_sees_every_exchange() -> None:
    kinds = [exchange.status for exchange in real()]
    assert kinds.count(200) == 11
    assert kinds[-3:] == [412, 400, 404]
    assert sum(len(exchange.cards) for exchange in real()) == 5


@pytest.mark.parametrize("name", RULES)
def test_the_service_keeps_the_rule(name: str) -> None:
    assert [wrong for exchange in real() for wrong in RULES[name](exchange)] == []


def answer() -> Json:
    return next(exchange.json for exchange in real() if exchange.cards)  # type: ignore[no-any-return]


def listing() -> Json:
    return next(exchange.json for exchange in real() if exchange.is_discovery)  # type: ignore[no-any-return]


Spoil = Callable[[Json], object]


def card(found: Json) -> Json:
    return found["cards"][0]  # type: ignore[no-any-return]


def action(found: Json) -> Json:
    return card(found)["suggestions"][0]["actions"][0]  # type: ignore[no-any-return]


def service(found: Json) -> Json:
    return found["services"][0]  # type: ignore[no-any-return]


SPOILED_ANSWERS: list[tuple[str, Spoil]] = [
    ("2S nothing_is_null_or_empty", lambda a: card(a).update(detail=None)),
    ("2S nothing_is_null_or_empty", lambda a: card(a).update(links=[])),
    ("2S nothing_is_null_or_empty", lambda a: card(a)["source"].update(icon="")),
    ("2S nothing_is_null_or_empty", lambda a: a.update(extension={})),
    ("24S an_answer_holds_a_list_of_cards", lambda a: a.update(cards={})),
    ("25S a_card_has_summary_indicator_and_source", lambda a: card(a).update(summary="x" * 140)),
    ("25S a_card_has_summary_indicator_and_source", lambda a: card(a).update(indicator="hard-stop")),
    ("25S a_card_has_summary_indicator_and_source", lambda a: card(a)["source"].pop("label")),
    ("25M a_detail_is_markdown_without_html", lambda a: card(a).update(detail="<b>")),
    ("26 cards_and_suggestions_have_uuids", lambda a: card(a).pop("uuid")),
    ("26 cards_and_suggestions_have_uuids", lambda a: card(a)["suggestions"][0].update(uuid="1")),
    ("26 cards_and_suggestions_have_uuids", lambda a: card(a)["suggestions"][0].update(uuid=card(a)["uuid"])),
    ("27S a_source_has_absolute_urls_and_a_coded_topic", lambda a: card(a)["source"].update(url="/trial")),
    ("27S a_source_has_absolute_urls_and_a_coded_topic", lambda a: card(a)["source"]["topic"].pop("system")),
    ("28S suggestions_come_with_a_selection_behavior", lambda a: card(a).pop("selectionBehavior")),
    ("28S suggestions_come_with_a_selection_behavior", lambda a: card(a)["suggestions"][0].pop("label")),
    (
        "28S suggestions_come_with_a_selection_behavior",
        lambda a: card(a).update(
            selectionBehavior="at-most-one", suggestions=[s | {"isRecommended": True} for s in card(a)["suggestions"]]
        ),
    ),
    ("29S actions_are_whole_and_valid", lambda a: action(a).pop("description")),
    ("29S actions_are_whole_and_valid", lambda a: action(a).update(type="replace")),
    ("29S actions_are_whole_and_valid", lambda a: action(a)["resource"].pop("status")),
    ("29S actions_are_whole_and_valid", lambda a: action(a).update(type="delete")),
    ("29S actions_are_whole_and_valid", lambda a: card(a)["suggestions"][0].pop("actions")),
    ("30S override_reasons_are_codings_with_display", lambda a: card(a)["overrideReasons"][0].pop("display")),
    ("31S links_are_labelled_and_typed", lambda a: card(a)["links"][0].update(type="web")),
    ("31S links_are_labelled_and_typed", lambda a: card(a)["links"][0].update(appContext="x")),
    ("31S links_are_labelled_and_typed", lambda a: card(a)["links"][0].update(url="javascript:alert(1)")),
    ("32S nothing_acts_by_itself", lambda a: a.update(systemActions=[{"type": "create"}])),
    ("33S extensions_are_objects", lambda a: card(a).update(extension=["x"])),
]


@pytest.mark.parametrize(("name", "spoil"), SPOILED_ANSWERS)
def test_a_rule_on_cards_bites(name: str, spoil: Spoil) -> None:
    found = copy.deepcopy(answer())
    spoil(found)
    exchange = Exchange("POST", HOOK, 200, {"content-type": "application/json"}, json.dumps(found).encode())
    assert list(RULES[name](exchange))


SPOILED_LISTINGS: list[tuple[str, Spoil]] = [
    ("3S discovery_holds_a_list_of_services", lambda d: d.update(services={})),
    ("4S a_service_has_hook_description_and_id", lambda d: service(d).pop("description")),
    ("4R a_service_has_title_and_version", lambda d: service(d).pop("title")),
    ("4R a_service_has_title_and_version", lambda d: service(d).update(version="2")),
    ("5S ids_are_path_segments_of_their_own", lambda d: service(d).update(id=d["services"][1]["id"])),
    ("5S ids_are_path_segments_of_their_own", lambda d: service(d).update(id="a/b")),
    (
        "8S templates_use_root_tokens_only",
        lambda d: service(d)["prefetch"].update(x="Task?code={{context.draftOrders}}"),
    ),
    ("8S templates_use_root_tokens_only", lambda d: service(d)["prefetch"].update(x="Task?code={{today()}}")),
    (
        "8S templates_use_root_tokens_only",
        lambda d: service(d)["prefetch"].update(x="Encounter/{{context.encounterId}}"),
    ),
    (
        "9R templates_are_plain_reads_and_searches",
        lambda d: service(d)["prefetch"].update(x="Task?_include=Task:focus"),
    ),
    ("9R templates_are_plain_reads_and_searches", lambda d: service(d)["prefetch"].update(x="Task?code:not=1")),
    ("9R templates_are_plain_reads_and_searches", lambda d: service(d)["prefetch"].update(x="Task")),
    ("10S* templates_depend_on_no_other_key", lambda d: service(d)["prefetch"].update(x="Task?code={{%patient.id}}")),
]


@pytest.mark.parametrize(("name", "spoil"), SPOILED_LISTINGS)
def test_a_rule_on_discovery_bites(name: str, spoil: Spoil) -> None:
    found = copy.deepcopy(listing())
    spoil(found)
    exchange = Exchange("GET", "/cds-services", 200, {"content-type": "application/json"}, json.dumps(found).encode())
    assert list(RULES[name](exchange))


OTHERS = [
    ("1S answers_are_json", Exchange("GET", "/cds-services", 200, {"content-type": "text/html"}, b'{"services": []}')),
    ("18R* a_refusal_is_an_operation_outcome", Exchange("POST", HOOK, 412, {}, b"{}")),
    ("18R* a_refusal_is_an_operation_outcome", Exchange("POST", HOOK, 400, FHIR, b'{"detail": "no"}')),
    ("36S feedback_is_never_in_conflict", Exchange("POST", f"{HOOK}/feedback", 409)),
    ("45S a_refused_signature_is_bare", Exchange("POST", HOOK, 401, {}, b"expired")),
    ("Status the_service_does_not_break", Exchange("POST", HOOK, 500)),
]


@pytest.mark.parametrize(("name", "exchange"), OTHERS)
def test_any_other_rule_bites(name: str, exchange: Exchange) -> None:
    assert list(RULES[name](exchange))


def test_every_rule_is_shown_to_bite() -> None:
    assert {name for name, _ in (*SPOILED_ANSWERS, *SPOILED_LISTINGS, *OTHERS)} == set(RULES)


def test_what_may_be_empty_may_be_empty() -> None:
    for path, sent in (("/cds-services", b'{"services": []}'), (HOOK, b'{"cards": []}')):
        method = "POST" if path == HOOK else "GET"
        assert violations(Exchange(method, path, 200, {"content-type": "application/json"}, sent)) == []
