"""Discovery and the hooks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from cds_service.cds import discovery, wire
from cds_service.cds.answering import Answer, TrialService
from cds_service.web.bodies import check_media_type, read_body
from cds_service.web.callers import check_caller
from cds_service.web.errors import status_of
from cds_service.web.openapi import DISCOVERY, HOOK

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HookDesk:
    """What the routes need: the trial's service, the day, the HTTP client, the limit of a body."""

    service: TrialService
    today: Callable[[], date]
    http: Callable[[], httpx.AsyncClient]
    max_body_bytes: int


def hook_routes(desk: HookDesk) -> APIRouter:
    """The routes of CDS Hooks."""
    router = APIRouter(tags=["CDS Hooks"])
    trial = desk.service.sender.trial
    listing = wire.encode(discovery.discovery(trial, desk.service.searches))
    hooks = {discovery.service_id(trial, hook): hook.name for hook in discovery.HOOKS}

    async def list_services() -> Response:
        """What this service offers, and what it asks to be sent along."""
        return _json(listing)

    async def call_service(service_id: str, request: Request) -> Response:
        """Fire a hook; the answer holds a card where the patient may fit the trial."""
        hook = hooks.get(service_id)
        if hook is None:
            raise HTTPException(404, f"there is no such service; there are: {', '.join(hooks)}")
        return await _logged(service_id, desk, hook, request)

    _add(router, "/cds-services", list_services, "GET", DISCOVERY)
    _add(router, "/cds-services/{service_id}", call_service, "POST", HOOK)
    return router


def _add(router: APIRouter, path: str, endpoint: Callable[..., Any], method: str, described: dict[str, Any]) -> None:
    router.add_api_route(path, endpoint, methods=[method], response_class=Response, openapi_extra=described)


async def _logged(service_id: str, desk: HookDesk, hook: str, request: Request) -> Response:
    """Answer a call and log its numbers: service, status, time, counts; nothing of the patient."""
    started = time.perf_counter()
    status, answer = 500, None
    try:
        answer = await _answer(desk, hook, request)
        status = 200
        return _json(wire.encode(answer.response))
    except Exception as error:
        status = status_of(error)
        raise
    finally:
        _log(service_id, status, time.perf_counter() - started, answer)


async def _answer(desk: HookDesk, hook: str, request: Request) -> Answer:
    check_caller(request)
    check_media_type(request)
    call = wire.read_call(await read_body(request, desk.max_body_bytes), hook)
    return await desk.service.answer(call, desk.http, desk.today())


def _log(service_id: str, status: int, seconds: float, answer: Answer | None) -> None:
    cards, sent, silence = 0, 0, "-"
    if answer is not None:
        cards, sent = len(answer.response.cards), answer.sent
        silence = answer.silence.name.lower() if answer.silence else "-"
    _LOG.info(
        "hook service=%s status=%d ms=%.1f cards=%d keys_sent=%d silent=%s",
        service_id,
        status,
        seconds * 1000,
        cards,
        sent,
        silence,
    )


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
