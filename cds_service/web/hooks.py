"""Discovery and the hooks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from cds_service import clock
from cds_service.cds import discovery, wire
from cds_service.cds.answering import Answer, Asker, Moment, TrialService, patient_key
from cds_service.screening.entries import Asked, AuditEntry, PatientKey
from cds_service.web.bodies import check_media_type, read_body
from cds_service.web.errors import status_of
from cds_service.web.gates import Gate, this_machine_only
from cds_service.web.limits import Allowance
from cds_service.web.metrics import HookMetrics
from cds_service.web.openapi import describe_discovery, describe_hook

_LOG = logging.getLogger(__name__)
_NOBODY = PatientKey("", "")
_REFUSED = frozenset({401, 403, 429})
_FROM_STRANGERS = frozenset({401, 403})
REFUSALS_A_MINUTE = 60
"""Refused calls of strangers a minute that each worker adds to the audit trail: nothing can be taken out of it again,
and whoever floods the service must not fill the disk. All are counted in /metrics."""


@dataclass(frozen=True, slots=True)
class HookDesk:
    """What the routes need: the trial's service, the time, the HTTP client, the limit of a body, the gate."""

    service: TrialService
    today: Callable[[], date]
    http: Callable[[], httpx.AsyncClient]
    max_body_bytes: int
    gate: Gate = this_machine_only
    now: Callable[[], datetime] = clock.now
    metrics: HookMetrics = field(default_factory=HookMetrics)
    refusals: Allowance = field(default_factory=lambda: Allowance(REFUSALS_A_MINUTE, time.monotonic()))

    @property
    def hooks(self) -> dict[str, str]:
        """The services: which hook each id listens to."""
        return {discovery.service_id(self.service.sender.trial, hook): hook.name for hook in discovery.HOOKS}


@dataclass(slots=True)
class _Visit:
    """What becomes of one call, as far as it has come."""

    asker: Asker = Asker()  # noqa: RUF009  frozen
    call: wire.HookCall | None = None
    answer: Answer | None = None
    status: int = 500


def hook_routes(desk: HookDesk) -> APIRouter:
    """The routes of CDS Hooks."""
    router = APIRouter(tags=["CDS Hooks"])
    listing = wire.encode(discovery.discovery(desk.service.sender.trial, desk.service.searches))
    hooks = desk.hooks

    async def list_services(request: Request) -> Response:
        """What this service offers, and what it asks to be sent along."""
        await desk.gate(request)
        return _json(listing)

    def call_service(service_id: str, hook: str) -> Callable[..., Any]:
        async def call(request: Request) -> Response:
            """Fire a hook; the answer holds a card where the patient may fit the trial."""
            return await _visited(service_id, desk, hook, request)

        return call

    for service_id, hook in hooks.items():
        _add(router, f"/cds-services/{service_id}", call_service(service_id, hook), "POST", describe_hook(hook))
    _add(router, "/cds-services", list_services, "GET", describe_discovery())
    return router


def no_such_service(desk: HookDesk) -> APIRouter:
    """What answers calls of services there are not, naming those there are. To be included last."""
    router = APIRouter()
    known = ", ".join(desk.hooks)

    @router.post("/cds-services/{service_id}", include_in_schema=False)
    @router.post("/cds-services/{service_id}/feedback", include_in_schema=False)
    async def say(service_id: str) -> Response:  # noqa: ARG001  the path decides
        raise HTTPException(404, f"there is no such service; there are: {known}")

    return router


def _add(router: APIRouter, path: str, endpoint: Callable[..., Any], method: str, described: dict[str, Any]) -> None:
    router.add_api_route(path, endpoint, methods=[method], response_class=Response, openapi_extra=described)


async def _visited(service_id: str, desk: HookDesk, hook: str, request: Request) -> Response:
    """Answer a call, log its numbers (nothing of the patient), and add it to the audit trail."""
    started = time.perf_counter()
    visit = _Visit()
    try:
        body = wire.encode((await _answer(desk, hook, service_id, request, visit)).response)
        visit.status = 200
        return _json(body)
    except Exception as error:
        visit.status = status_of(error)
        raise
    finally:
        seconds = time.perf_counter() - started
        _log(service_id, seconds, visit)
        desk.metrics.answered(service_id, visit.status, seconds, cards=1 if visit.answer and visit.answer.card else 0)
        if visit.status not in _FROM_STRANGERS or not desk.refusals.take(time.monotonic()):
            desk.service.ledger.audit.note(_audited(desk, hook, service_id, visit))


async def _answer(desk: HookDesk, hook: str, service_id: str, request: Request, visit: _Visit) -> Answer:
    visit.asker = await desk.gate(request)
    check_media_type(request)
    visit.call = wire.read_call(await read_body(request, desk.max_body_bytes), hook)
    moment = Moment(desk.today(), desk.now())
    visit.answer = await desk.service.answer(visit.call, desk.http, moment, service_id, visit.asker)
    return visit.answer


def _audited(desk: HookDesk, hook: str, service_id: str, visit: _Visit) -> AuditEntry:
    call, answer = visit.call, visit.answer
    return AuditEntry(
        at=desk.now(),
        issuer=visit.asker.system.issuer,
        tenant=visit.asker.system.tenant,
        user=call.user.key if call is not None else "",
        patient=patient_key(call, visit.asker) if call is not None else _NOBODY,
        service=service_id,
        hook=hook,
        hook_instance=call.instance if call is not None else "",
        asked=_came_to(visit),
        trial=desk.service.sender.trial.id,
        reason=_reason(visit),
        card=answer.card if answer is not None else "",
    )


def _came_to(visit: _Visit) -> Asked:
    if visit.answer is not None:
        return Asked.CARD if visit.answer.card else Asked.SILENT
    return Asked.REFUSED if visit.status in _REFUSED else Asked.FAILED


def _reason(visit: _Visit) -> str:
    if visit.answer is None:
        return str(visit.status)
    return visit.answer.silence.name if visit.answer.silence is not None else ""


def _log(service_id: str, seconds: float, visit: _Visit) -> None:
    cards, sent, silence = 0, 0, "-"
    if visit.answer is not None:
        cards, sent = len(visit.answer.response.cards), visit.answer.sent
        silence = visit.answer.silence.name.lower() if visit.answer.silence else "-"
    _LOG.info(
        "hook service=%s status=%d ms=%.1f cards=%d keys_sent=%d silent=%s",
        service_id,
        visit.status,
        seconds * 1000,
        cards,
        sent,
        silence,
    )


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
