"""A patient who fits, as hook calls: the bodies of the four hooks, and an app whose clock can be turned."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from hooks import AS_OF, ask, by_kind, call, settings

from cds_service.sandbox.roster import synthetic_patients
from cds_service.web.app import create_app

Json = dict[str, Any]
FITTING = "sbx-colon-liver"
HALF_LABS = "sbx-prostate-half-labs"
HOOKS = ("patient-view", "order-select", "order-sign", "encounter-start")
START = datetime(2026, 11, 22, 9, tzinfo=UTC)
RXNORM, LOINC = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://loinc.org"


@cache
def _record(identity: str, day: date) -> str:
    found = next(each for each in synthetic_patients() if each.id == identity)
    return json.dumps(list(found.resources(day)), default=str)


def record(identity: str = FITTING) -> list[Json]:
    """A synthetic patient's resources as of the tests' day; a fresh copy."""
    found: list[Json] = json.loads(_record(identity, AS_OF))
    return found


def drug(code: str | None = "51499", text: str = "Irinotecan", **more: Any) -> Json:
    """A draft MedicationRequest of an ingredient; without a code none is chosen yet."""
    order: Json = {"resourceType": "MedicationRequest", "id": "draft-drug", "status": "draft", "intent": "order"}
    if code is not None:
        order["medicationCodeableConcept"] = {"coding": [{"system": RXNORM, "code": code}], "text": text}
    return order | more


def scan(code: str = "87869-4", text: str = "CT chest abdomen pelvis", **more: Any) -> Json:
    """A draft ServiceRequest of a scan."""
    concept = {"coding": [{"system": LOINC, "code": code}], "text": text}
    return {"resourceType": "ServiceRequest", "id": "draft-scan", "status": "draft", "code": concept} | more


def drafts(*orders: Json) -> Json:
    """The Bundle of draft orders as real clients send it: without a type."""
    return {"resourceType": "Bundle", "entry": [{"resource": order} for order in orders]}


def body(
    hook: str = "patient-view",
    *orders: Json,
    patient: str = FITTING,
    user: str = "Practitioner/dr",
    prefetch: Json | None = None,
    context: Json | None = None,
    **more: Any,
) -> Json:
    """The body of a call of any hook about a synthetic patient, its whole record prefetched."""
    said: Json = {"userId": user, "patientId": patient}
    if hook in ("order-select", "order-sign"):
        said["draftOrders"] = drafts(*orders)
    if hook == "order-select":
        said["selections"] = [f"{order['resourceType']}/{order['id']}" for order in orders]
    if hook == "encounter-start":
        said["encounterId"] = "e1"
    sent = by_kind(record(patient)) if prefetch is None else prefetch
    return call(hook=hook, context=said | (context or {}), prefetch=sent, **more)


class Desk:
    """An app with nothing in its ledger, and a clock to turn."""

    def __init__(self, **changed: Any) -> None:
        self.at = START
        self.app: FastAPI = create_app(settings(**changed), today=lambda: AS_OF, now=lambda: self.at)

    def later(self, **time: float) -> None:
        self.at += timedelta(**time)

    def call(self, sent: Json) -> httpx.Response:
        return ask("POST", f"/cds-services/extend-op-{sent['hook']}", to=self.app, json=sent)

    def cards(self, sent: Json | None = None, **changed: Any) -> list[Json]:
        answer = self.call(sent or body(**changed))
        assert answer.status_code == 200, answer.text
        return answer.json()["cards"]  # type: ignore[no-any-return]

    def feedback(self, *outcomes: Json, hook: str = "patient-view") -> httpx.Response:
        path = f"/cds-services/extend-op-{hook}/feedback"
        return ask("POST", path, to=self.app, json={"feedback": list(outcomes)})

    def put_away(self, card: Json, reason: str | None = None, hook: str = "patient-view") -> httpx.Response:
        """Overrides a card; clients send the reason back without its display."""
        why: Json = {"overrideReason": {"reason": _reason(card, reason)}} if reason else {}
        return self.feedback(
            {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": self._now(), **why}, hook=hook
        )

    def take(self, card: Json, number: int = 0) -> httpx.Response:
        """Accepts one suggestion of a card."""
        taken = [{"id": card["suggestions"][number]["uuid"]}]
        outcome = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": self._now()}
        return self.feedback(outcome | {"acceptedSuggestions": taken})

    def silences(self) -> dict[str, int]:
        found = ask("GET", "/api/suppressions", to=self.app).json()["suppressions"]
        counts: dict[str, int] = {}
        for one in found:
            counts[one["reason"]] = counts.get(one["reason"], 0) + one["count"]
        return counts

    def audit(self, **query: Any) -> list[Json]:
        found = ask("GET", "/api/audit", to=self.app, params=query).json()
        return [entry["resource"] for entry in found.get("entry", [])]

    def _now(self) -> str:
        return self.at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _reason(card: Json, code: str) -> Json:
    found = next(reason for reason in card["overrideReasons"] if reason["code"] == code)
    return {"code": found["code"], "system": found["system"]}


def without(sent: Json, key: str) -> Json:
    """The same body without one prefetch key."""
    spoiled = copy.deepcopy(sent)
    del spoiled["prefetch"][key]
    return spoiled
