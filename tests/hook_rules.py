"""What CDS Hooks 2.0.1 demands of every response of a service, one function a rule.

Each rule is a generator of what is wrong with one exchange. `watching.py` holds every
response that any test ever gets from the service to all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = dict[str, Any]
HOOK_PATH = re.compile(r"/cds-services/([^/]+)\Z")
FEEDBACK_PATH = re.compile(r"/cds-services/([^/]+)/feedback\Z")
ALLOWED_EMPTY = {"$.cards", "$.services"}
TOKEN = re.compile(r"\{\{(.*?)\}\}")
TOKENS = {
    "context.patientId",
    "context.userId",
    "context.encounterId",
    "userPractitionerId",
    "userPractitionerRoleId",
    "userPatientId",
    "userRelatedPersonId",
}
PARAMETERS = {"patient", "individual", "subject", "code", "category", "status", "_count", "_sort"}


@dataclass(frozen=True)
class Exchange:
    """One request and its response."""

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_discovery(self) -> bool:
        return self.method == "GET" and self.path == "/cds-services" and self.status == 200

    @property
    def is_answer(self) -> bool:
        return self.method == "POST" and HOOK_PATH.match(self.path) is not None and self.status == 200

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cards(self) -> list[Json]:
        return self.json["cards"] if self.is_answer else []  # type: ignore[no-any-return]

    @property
    def services(self) -> list[Json]:
        return self.json["services"] if self.is_discovery else []  # type: ignore[no-any-return]


Rule = Callable[[Exchange], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(line: str) -> Callable[[Rule], Rule]:
    """Registers a rule under its line of the checklist."""

    def register(check: Rule) -> Rule:
        RULES[f"{line} {check.__name__}"] = check
        return check

    return register


def violations(exchange: Exchange) -> list[str]:
    """Everything that is wrong with an exchange."""
    return [f"{name}: {wrong}" for name, check in RULES.items() for wrong in check(exchange)]


def every(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in children:
        yield from every(item, f"{path}.{name}" if isinstance(value, dict) else f"{path}[{name}]")


def is_absolute(url: object) -> bool:
    return isinstance(url, str) and urlsplit(url).scheme in ("https", "http") and bool(urlsplit(url).netloc)


def is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False


# --- JSON -------------------------------------------------------------------------------------------------


@rule("1S")
def answers_are_json(exchange: Exchange) -> Iterator[str]:
    if exchange.is_answer or exchange.is_discovery:
        if exchange.headers.get("content-type", "").partition(";")[0] != "application/json":
            yield "the content type is not application/json"
        if not isinstance(exchange.json, dict):
            yield "the body is not a JSON object"


@rule("2S")
def nothing_is_null_or_empty(exchange: Exchange) -> Iterator[str]:
    if exchange.body and exchange.status == 200 and exchange.method != "OPTIONS":
        for path, value in every(exchange.json):
            if value in (None, "", [], {}) and not isinstance(value, bool) and path not in ALLOWED_EMPTY:
                yield f"{path} is {value!r}"


# --- discovery ---------------------------------------------------------------------------------------------


@rule("3S")
def discovery_holds_a_list_of_services(exchange: Exchange) -> Iterator[str]:
    if exchange.is_discovery and not isinstance(exchange.json.get("services"), list):
        yield "no 'services' array"


@rule("4S")
def a_service_has_hook_description_and_id(exchange: Exchange) -> Iterator[str]:
    for service in exchange.services:
        for name in ("hook", "description", "id"):
            if not isinstance(service.get(name), str) or not service[name].strip():
                yield f"a service without '{name}'"


@rule("4R")
def a_service_has_title_and_version(exchange: Exchange) -> Iterator[str]:
    for service in exchange.services:
        if not service.get("title"):
            yield "a service without 'title'"
        if not re.fullmatch(r"\d+\.\d+\.\d+", service.get("version", "")):
            yield "a service without a 'version' of the specification"


@rule("5S")
def ids_are_path_segments_of_their_own(exchange: Exchange) -> Iterator[str]:
    ids = [service["id"] for service in exchange.services]
    if len(set(ids)) != len(ids):
        yield "two services of one id collapse into one in real clients"
    yield from (f"'{name}' is not one path segment" for name in ids if not re.fullmatch(r"[A-Za-z0-9\-._~]+", name))


@rule("8S")
def templates_use_root_tokens_only(exchange: Exchange) -> Iterator[str]:
    for service in exchange.services:
        for key, template in service.get("prefetch", {}).items():
            for token in TOKEN.findall(template):
                if token not in TOKENS:
                    yield f"{key}: {{{{{token}}}}} is no prefetch token"
            if "{{context.encounterId}}" in template and service["hook"] != "encounter-start":
                yield f"{key}: encounterId is not always there"


@rule("9R")
def templates_are_plain_reads_and_searches(exchange: Exchange) -> Iterator[str]:
    for service in exchange.services:
        for key, template in service.get("prefetch", {}).items():
            path, _, query = template.partition("?")
            names = {part.partition("=")[0] for part in query.split("&")} - {""}
            if not names <= PARAMETERS:
                yield f"{key}: parameters that common servers lack: {names - PARAMETERS}"
            if not query and not re.fullmatch(r"[A-Z][A-Za-z]+/\{\{.+\}\}", path):
                yield f"{key}: neither a read nor a search"


@rule("10S*")
def templates_depend_on_no_other_key(exchange: Exchange) -> Iterator[str]:
    for service in exchange.services:
        yield from (f"{key} depends on another" for key, text in service.get("prefetch", {}).items() if "%" in text)


# --- the response ------------------------------------------------------------------------------------------


@rule("24S")
def an_answer_holds_a_list_of_cards(exchange: Exchange) -> Iterator[str]:
    if exchange.is_answer and not isinstance(exchange.json.get("cards"), list):
        yield "no 'cards' array"


@rule("25S")
def a_card_has_summary_indicator_and_source(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        summary = card.get("summary")
        if not isinstance(summary, str) or not 0 < len(summary) < 140:
            yield "the summary is not a text below 140 characters"
        if card.get("indicator") not in ("info", "warning", "critical"):
            yield "the indicator is none of the three"
        if not isinstance(card.get("source"), dict) or not card["source"].get("label"):
            yield "the source has no label"


@rule("25M")
def a_detail_is_markdown_without_html(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        if "<" in card.get("detail", "") or "<" in card["summary"]:
            yield "an angle bracket stands in what clients render"


@rule("26")
def cards_and_suggestions_have_uuids(exchange: Exchange) -> Iterator[str]:
    found = [part.get("uuid") for card in exchange.cards for part in (card, *card.get("suggestions", []))]
    yield from (f"{text!r} is not a uuid" for text in found if not is_uuid(text))
    if len(set(found)) != len(found):
        yield "a uuid stands twice"


@rule("27S")
def a_source_has_absolute_urls_and_a_coded_topic(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        source = card["source"]
        yield from (
            f"source.{name} is not absolute"
            for name in ("url", "icon")
            if not is_absolute(source.get(name, "https://x"))
        )
        topic = source.get("topic", {})
        if not topic.get("code") or not topic.get("system"):
            yield "the topic has no code or no system"


@rule("28S")
def suggestions_come_with_a_selection_behavior(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        suggestions = card.get("suggestions", [])
        behavior = card.get("selectionBehavior")
        if suggestions and behavior not in ("at-most-one", "any"):
            yield f"selectionBehavior is {behavior!r}"
        if behavior == "at-most-one" and sum(s.get("isRecommended", False) for s in suggestions) > 1:
            yield "more than one suggestion is recommended where one may be taken"
        yield from ("a suggestion has no label" for s in suggestions if not s.get("label"))


@rule("29S")
def actions_are_whole_and_valid(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        for suggestion in card.get("suggestions", []):
            if not suggestion.get("actions"):
                yield "a suggestion without actions"
            for action in suggestion.get("actions", []):
                yield from _wrong_action(action)


def _wrong_action(action: Json) -> Iterator[str]:
    if action.get("type") not in ("create", "update", "delete") or not action.get("description"):
        yield "an action has no type or no description"
    if action.get("type") == "delete":
        if "resource" in action or not re.fullmatch(r"[A-Z]\w+/[\w.-]+", action.get("resourceId", "")):
            yield "a delete needs a resourceId and no resource"
        return
    resource = action.get("resource", {})
    try:
        get_fhir_model_class(resource.get("resourceType")).model_validate(resource)
    except (ValidationError, KeyError, ValueError, TypeError) as error:
        yield f"a resource is not valid FHIR R4 ({type(error).__name__})"


@rule("30S")
def override_reasons_are_codings_with_display(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        for reason in card.get("overrideReasons", []):
            if not all(reason.get(name) for name in ("code", "system", "display")):
                yield "an override reason lacks code, system or display"


@rule("31S")
def links_are_labelled_and_typed(exchange: Exchange) -> Iterator[str]:
    for card in exchange.cards:
        for link in card.get("links", []):
            if (
                not link.get("label")
                or not is_absolute(link.get("url"))
                or link.get("type") not in ("absolute", "smart")
            ):
                yield "a link lacks label, url or type"
            if "appContext" in link and link.get("type") != "smart":
                yield "appContext on a link that is not smart"


@rule("32S")
def nothing_acts_by_itself(exchange: Exchange) -> Iterator[str]:
    if exchange.is_answer and "systemActions" in exchange.json:
        yield "systemActions need an agreement beforehand"


@rule("33S")
def extensions_are_objects(exchange: Exchange) -> Iterator[str]:
    if exchange.is_answer:
        own = [(exchange.json, "$"), *((card, "card") for card in exchange.cards)]
        yield from (f"{name}.extension" for part, name in own if not isinstance(part.get("extension", {}), dict))


# --- everything else ----------------------------------------------------------------------------------------


@rule("18R*")
def a_refusal_is_an_operation_outcome(exchange: Exchange) -> Iterator[str]:
    if exchange.status < 400 or exchange.status == 401 or exchange.method == "OPTIONS":
        return
    if not exchange.headers.get("content-type", "").startswith("application/fhir+json"):
        yield f"{exchange.status} without application/fhir+json"
        return
    try:
        get_fhir_model_class("OperationOutcome").model_validate(exchange.json)
    except (ValidationError, ValueError):
        yield f"{exchange.status} without a valid OperationOutcome"


@rule("45S")
def a_refused_signature_is_bare(exchange: Exchange) -> Iterator[str]:
    if exchange.status == 401 and exchange.body:
        yield "a 401 says why"


@rule("36S")
def feedback_is_never_in_conflict(exchange: Exchange) -> Iterator[str]:
    if FEEDBACK_PATH.match(exchange.path) and exchange.status == 409:
        yield "feedback was answered 409"


@rule("Status")
def the_service_does_not_break(exchange: Exchange) -> Iterator[str]:
    if exchange.status >= 500 and exchange.status != 502:
        yield f"answered {exchange.status}"
