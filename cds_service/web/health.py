"""Whether the service lives, and whether it is ready to answer."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from cds_service.cds.answering import TrialService


def health_routes(service: TrialService, store_healthy: Callable[[], bool]) -> APIRouter:
    """`/healthz` (the process answers) and `/readyz` (the mappings are loaded, the ledger is being written)."""
    router = APIRouter(tags=["Health"])
    trial = service.sender.trial

    @router.get("/healthz")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def ready() -> dict[str, str]:
        """What the service answers with: trial, its version, the mappings' digest."""
        if not store_healthy():
            raise HTTPException(503, "the database takes no entries: what is shown cannot be written down")
        return {
            "status": "ready",
            "trial": trial.id,
            "trial_version": trial.version,
            "mappings_digest": trial.digest,
            "engine_version": service.engine_version,
        }

    return router
