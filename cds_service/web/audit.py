"""The audit trail, for the operator of this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from cds_service.cds.auditing import audit_bundle
from cds_service.errors import UsageError
from cds_service.screening.entries import PatientKey
from cds_service.screening.ports import AuditTrail
from cds_service.web.callers import check_operator
from cds_service.web.openapi import describe_audit

_MOST = 1000


def audit_routes(audit: AuditTrail) -> APIRouter:
    """`/api/audit`: who asked about whom, and what was shown."""
    router = APIRouter(tags=["Audit"])

    async def read_audit(
        request: Request,
        patient: Annotated[str, Query(max_length=200, description="Only this patient: the bare id.")] = "",
        server: Annotated[str, Query(max_length=500, description="The FHIR base URL the id is of.")] = "",
        since: Annotated[str, Query(max_length=40, description="Only from this date or instant on.")] = "",
        count: Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")] = _MOST,
    ) -> Response:
        """The calls made, as a Bundle of FHIR AuditEvents, in the order they were made."""
        check_operator(request)
        key = PatientKey(server.rstrip("/"), patient.removeprefix("Patient/")) if patient else None
        found = await audit.entries(key, _instant(since), count)
        return Response(audit_bundle(found), media_type="application/fhir+json")

    router.add_api_route("/api/audit", read_audit, response_class=Response, openapi_extra=describe_audit())
    return router


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise UsageError(
            "'since' is not a date or an instant: write it as 2026-11-22 or 2026-11-22T10:00:00Z"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
