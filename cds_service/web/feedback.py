"""What became of the cards: clients report it, the operator of this machine reads the counts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from cds_service.cds import wire
from cds_service.cds.feedback import read_outcomes
from cds_service.screening.reporting import take_feedback
from cds_service.screening.speaking import Silence
from cds_service.web.bodies import check_media_type, read_body
from cds_service.web.callers import check_operator
from cds_service.web.hooks import HookDesk
from cds_service.web.openapi import describe_counts, describe_feedback

_LOG = logging.getLogger(__name__)
_MAX_BYTES = 1_000_000


def feedback_routes(desk: HookDesk) -> APIRouter:
    """Feedback on cards, and the counts of feedback and of cards not shown."""
    router = APIRouter(tags=["Feedback"])
    words = {reason.coding.code: reason.coding.display for reason in desk.service.sender.override_reasons}
    ledger = desk.service.ledger

    async def take(service_id: str, hook: str, request: Request) -> Response:
        asker = await desk.gate(request)
        check_media_type(request)
        outcomes = wire.read_feedback(await read_body(request, min(_MAX_BYTES, desk.max_body_bytes)))
        feedback = read_outcomes(outcomes, service_id, hook, desk.now())
        if feedback:
            await take_feedback(ledger, feedback, asker.system)
        counted = Counter(one.outcome.value for one in feedback)
        told = " ".join(f"{outcome}={count}" for outcome, count in sorted(counted.items()))
        _LOG.info("feedback service=%s %s", service_id, told or "none")
        return Response(status_code=200)

    def taking(service_id: str, hook: str) -> Callable[..., Any]:
        async def take_feedback(request: Request) -> Response:
            """Report what became of cards: accepted or overridden. Repeats and unknown cards are fine."""
            return await take(service_id, hook, request)

        return take_feedback

    async def count_feedback(request: Request) -> dict[str, object]:
        """How many cards met which fate, by hook, reason and role of the user."""
        check_operator(request)
        return {
            "feedback": [
                {
                    "hook": found.hook,
                    "outcome": found.outcome.value,
                    "reason": found.reason,
                    "display": words.get(found.reason, ""),
                    "role": found.role,
                    "count": found.count,
                }
                for found in await ledger.feedback.counts()
            ]
        }

    async def count_silences(request: Request) -> dict[str, object]:
        """How many cards were not shown, by reason, service and role of the user."""
        check_operator(request)
        return {
            "suppressions": [
                {
                    "reason": found.reason,
                    "meaning": Silence[found.reason].value if found.reason in Silence.__members__ else "",
                    "service": found.service,
                    "role": found.role,
                    "count": found.count,
                }
                for found in await ledger.suppressions.counts()
            ]
        }

    for service_id, hook in desk.hooks.items():
        router.add_api_route(
            f"/cds-services/{service_id}/feedback",
            taking(service_id, hook),
            methods=["POST"],
            response_class=Response,
            openapi_extra=describe_feedback(),
        )
    router.add_api_route("/api/feedback", count_feedback, openapi_extra=describe_counts())
    router.add_api_route("/api/suppressions", count_silences, openapi_extra=describe_counts())
    return router
