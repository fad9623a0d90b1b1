"""The CDS Hooks client of the pretend EHR: discovery, prefetch, the call, feedback (CDS Hooks 2.0.1)."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from cds_service import clock
from cds_service.errors import RemoteError
from cds_service.sandbox.pages.records import Json, Records

CHART_HOOK = "patient-view"
TOKEN = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Prefetched:
    """What became of one prefetch template: `outcome` is sent, null or left out."""

    key: str
    query: str
    outcome: str
    resources: int = 0
    octets: int = 0
    value: Json | None = None


@dataclass
class HookCall:
    """One call of one service, kept for the developer's view and for what the user does with its cards."""

    id: str
    service: Json
    patient: str
    request: Json
    prefetched: tuple[Prefetched, ...] = ()
    prefetch_ms: int = 0
    status: int | None = None
    response: Json | None = None
    problem: str | None = None
    call_ms: int = 0
    octets: int = 0
    outcomes: dict[str, Json] = field(default_factory=dict)

    @property
    def cards(self) -> list[Json]:
        """The cards of a well-formed answer, else none."""
        cards = (self.response or {}).get("cards")
        return [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []


class HookClient:
    """Calls a CDS service about one patient, as an EHR on the given FHIR server."""

    def __init__(self, service_base: str, records: Records, user: str, http: httpx.AsyncClient) -> None:
        self.base = service_base.rstrip("/")
        self._records = records
        self._user = user
        self._http = http

    async def services(self, hook: str = CHART_HOOK) -> list[Json]:
        """The services for a hook that discovery lists. Raises RemoteError when it cannot be read."""
        try:
            answer = await self._http.get(f"{self.base}/cds-services")
            answer.raise_for_status()
            listed = answer.json()["services"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise RemoteError(f"discovery at {self.base}/cds-services failed ({type(error).__name__})") from error
        return [service for service in listed if service.get("hook") == hook]

    async def open_chart(self, patient: str, with_prefetch: bool) -> list[HookCall]:
        """The calls made on opening a patient's chart, one for each service."""
        return await self.fire(CHART_HOOK, patient, with_prefetch)

    async def fire(self, hook: str, patient: str, with_prefetch: bool, more: Json | None = None) -> list[HookCall]:
        """The calls made when a hook fires, one for each service; `more` is what its context holds besides."""
        services = await self.services(hook)
        calls = (self._call(service, hook, patient, with_prefetch, more or {}) for service in services)
        return list(await asyncio.gather(*calls))

    async def counts(self, path: str) -> list[Json]:
        """What the service counted, by a path of its API; empty where it has none."""
        try:
            answer = await self._http.get(f"{self.base}/api/{path}")
            answer.raise_for_status()
            found = answer.json()[path]
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return []
        return [row for row in found if isinstance(row, dict)]

    async def _call(self, service: Json, hook: str, patient: str, with_prefetch: bool, more: Json) -> HookCall:
        identity = str(uuid.uuid4())
        plain = {"userId": self._user, "patientId": patient}
        context = plain | more
        request: Json = {"hook": hook, "hookInstance": identity, "fhirServer": self._records.base, "context": context}
        call = HookCall(identity, service, patient, request)
        if with_prefetch:
            started = time.perf_counter()
            call.prefetched = await self._prefetch(service.get("prefetch", {}), plain)
            call.prefetch_ms = _since(started)
            request["prefetch"] = {row.key: row.value for row in call.prefetched if row.outcome != "left out"}
        await self._post(call)
        return call

    async def _prefetch(self, templates: Mapping[str, str], context: Mapping[str, str]) -> tuple[Prefetched, ...]:
        rows = (self._resolve(key, template, context) for key, template in templates.items())
        return tuple(await asyncio.gather(*rows))

    async def _resolve(self, key: str, template: str, context: Mapping[str, str]) -> Prefetched:
        """One key: null where the server has nothing, left out where a token or the query fails."""
        query = fill(template, context)
        if query is None:
            return Prefetched(key, template, "left out")
        try:
            value = await self._records.get(query)
        except RemoteError:
            return Prefetched(key, query, "left out")
        if value is None or (value.get("resourceType") == "Bundle" and not value.get("entry")):
            return Prefetched(key, query, "null")
        count = len(value["entry"]) if value.get("resourceType") == "Bundle" else 1
        return Prefetched(key, query, "sent", count, len(json.dumps(value)), value)

    async def _post(self, call: HookCall) -> None:
        started = time.perf_counter()
        try:
            answer = await self._http.post(f"{self.base}/cds-services/{call.service['id']}", json=call.request)
            call.status, call.octets = answer.status_code, len(answer.content)
            body = answer.json()
            call.response = body if isinstance(body, dict) else None
        except (httpx.HTTPError, ValueError) as error:
            call.problem = f"no readable answer ({type(error).__name__})"
        call.call_ms = _since(started)
        if call.problem is None and (call.status != 200 or "cards" not in (call.response or {})):
            call.problem = f"answered {call.status} without cards"

    async def feedback(self, call: HookCall, report: Json) -> int | None:
        """The status the service gave to what the user did with a card; None when it could not be reached.

        A service need not take feedback, so that nothing here is an error.
        """
        body = {"feedback": [report | {"outcomeTimestamp": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}]}
        try:
            answer = await self._http.post(f"{self.base}/cds-services/{call.service['id']}/feedback", json=body)
        except httpx.HTTPError:
            return None
        return answer.status_code


def fill(template: str, context: Mapping[str, str]) -> str | None:
    """A prefetch template with its tokens replaced; None when one of them cannot be.

    Known are `context.<field>` and the user tokens of CDS Hooks 2.0.1.
    """
    kind, _, identity = context["userId"].partition("/")
    known = {f"context.{name}": value for name, value in context.items()} | {f"user{kind}Id": identity}
    if any(token not in known for token in TOKEN.findall(template)):
        return None
    return TOKEN.sub(lambda found: known[found.group(1)], template)


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
