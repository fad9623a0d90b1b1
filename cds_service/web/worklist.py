"""The coordinator's pages and their data as JSON: the list, one patient's worksheet, the form for a decision.

They hold patients' data, so they are answered on this machine only until a login is configured.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from cds_service.domain.trials import Trial
from cds_service.errors import CdsServiceError
from cds_service.reports.worklists import (
    DECIDED,
    MOST_PROBLEMS,
    decision_in_words,
    decision_json,
    heading_of,
    run_in_words,
    trouble_in_words,
    worklist_json,
)
from cds_service.screening.entries import Decided, Decision
from cds_service.screening.ports import Decisions, WorklistBook
from cds_service.screening.runs import Stored
from cds_service.screening.worklist import Worklist, open_worklist
from cds_service.web.callers import check_operator
from cds_service.web.errors import status_of
from cds_service.web.listing import PAGE, rows_of, tabs_of, worksheet_of
from cds_service.web.openapi import describe_list

HERE = Path(__file__).parent
NAME_AT_MOST, NOTE_AT_MOST = 200, 2000
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WHO = "coordinator"
_NUMBERS_UP_TO = 2**31 - 1

templates = Jinja2Templates(HERE / "templates")
templates.env.globals |= {
    "run_in_words": run_in_words,
    "trouble_in_words": trouble_in_words,
    "most_problems": MOST_PROBLEMS,
}


@dataclass(frozen=True, slots=True)
class Office:
    """What the pages share."""

    trial: Trial
    book: WorklistBook
    decisions: Decisions
    today: Callable[[], date]
    now: Callable[[], datetime]

    async def worklist(self, *, everyone: bool = False) -> Worklist:
        """The list of today."""
        return await open_worklist(self.book, self.decisions, self.trial.id, self.today(), everyone=everyone)

    async def stored(self, number: int) -> Stored:
        """The assessment of a number; 404 where there is none of this trial."""
        found = await asyncio.to_thread(self.book.numbered, number) if 0 < number <= _NUMBERS_UP_TO else None
        if found is None or found.trial != self.trial.id:
            raise HTTPException(404, "there is no assessment of that number: open the worklist")
        return found

    async def history(self, stored: Stored) -> tuple[tuple[Stored, ...], tuple[Decision, ...]]:
        """All assessments of the same patient, and all decisions about them, the first one first."""
        told = await asyncio.to_thread(self.book.history, stored.patient, self.trial.id)
        return told, await self.decisions.history(stored.patient, self.trial.id)


def worklist_routes(office: Office) -> APIRouter:
    """`/worklist`, `/worklist/{assessment}` and the same under `/api`."""
    router = APIRouter(tags=["Worklist"])
    _add_data(router, office)
    _add_pages(router, office)
    return router


def _add_data(router: APIRouter, office: Office) -> None:
    async def list_patients(
        request: Request, everyone: Annotated[bool, Query(alias="all", description="Also who does not fit.")] = False
    ) -> Response:
        """Who waits for the trial team, in order; what the last run changed; what was decided."""
        check_operator(request)
        return _json(worklist_json(await office.worklist(everyone=everyone)))

    async def show_assessment(request: Request, assessment: int) -> Response:
        """One assessment in full, with the decisions about the patient."""
        check_operator(request)
        stored = await office.stored(assessment)
        history, decisions = await office.history(stored)
        return _json(
            {
                "number": stored.number,
                "server": stored.patient.base,
                "standing": stored.standing.value,
                "superseded": stored.superseded,
                "assessment": json.loads(stored.document),
                "decisions": [decision_json(decision) for decision in decisions],
                "history": [
                    {"number": one.number, "as_of": one.summary.as_of.isoformat(), "status": one.summary.status}
                    for one in history
                ],
            }
        )

    router.add_api_route("/api/worklist", list_patients, response_class=Response, openapi_extra=describe_list())
    router.add_api_route(
        "/api/worklist/{assessment}", show_assessment, response_class=Response, openapi_extra=describe_list()
    )


def _add_pages(router: APIRouter, office: Office) -> None:
    @_page_of
    async def list_page(request: Request, show: str = "waiting", page: int = 1) -> Response:
        check_operator(request)
        worklist = await office.worklist()
        tabs = tabs_of(worklist)
        tab = next((tab for tab in tabs if tab.key == show), tabs[0])
        pages = max(1, -(-len(tab.entries) // PAGE))
        page = min(max(page, 1), pages)
        shown = tab.entries[(page - 1) * PAGE : page * PAGE]
        rows = await asyncio.to_thread(rows_of, shown, worklist.day, office.trial, office.book.documents)
        several = len({entry.stored.patient.base for entry in worklist.entries}) > 1
        values = {"worklist": worklist, "heading": heading_of(worklist), "tabs": tabs, "tab": tab, "rows": rows}
        return _page(
            request, "worklist.html", office, values | {"page": page, "pages": pages, "servers": several, "per": PAGE}
        )

    @_page_of
    async def worksheet_page(request: Request, assessment: int) -> Response:
        check_operator(request)
        return await _worksheet(request, office, await office.stored(assessment))

    @_page_of
    async def decide(
        request: Request,
        assessment: int,
        decided: Annotated[str, Form()] = "",
        by: Annotated[str, Form()] = "",
        note: Annotated[str, Form()] = "",
        seen: Annotated[int, Form()] = 0,
    ) -> Response:
        check_operator(request)
        _check_own_form(request)
        stored = await office.stored(assessment)
        _, decisions = await office.history(stored)
        problem = _problem_with(decided, by.strip(), note, changed=len(decisions) != seen)
        if problem:
            return await _worksheet(request, office, stored, problem, {"decided": decided, "by": by, "note": note})
        made = Decision(stored.patient, office.trial.id, Decided(decided), by.strip(), office.now(), note.strip())
        await office.decisions.record(made)
        answer = RedirectResponse(f"/worklist/{stored.number}#decisions", 303, _HEADERS)
        answer.set_cookie(_WHO, quote(made.by), samesite="strict", httponly=True, path="/worklist")
        return answer

    router.add_api_route("/worklist", list_page, include_in_schema=False)
    router.add_api_route("/worklist/{assessment}", worksheet_page, include_in_schema=False)
    router.add_api_route("/worklist/{assessment}/decision", decide, methods=["POST"], include_in_schema=False)


async def _worksheet(
    request: Request, office: Office, stored: Stored, problem: str = "", form: dict[str, str] | None = None
) -> Response:
    history, decisions = await office.history(stored)
    latest = decisions[-1] if decisions else None
    sheet = worksheet_of(stored, history, office.trial, latest)
    filled = form or {"decided": "", "by": unquote(request.cookies.get(_WHO, ""))[:NAME_AT_MOST], "note": ""}
    offered = [choice for choice in Decided if choice is not Decided.REOPENED or latest is not None]
    values: dict[str, Any] = {
        "sheet": sheet,
        "decisions": [(decision_in_words(one), one.note) for one in reversed(decisions)],
        "choices": [(choice.value, DECIDED[choice]) for choice in offered],
        "seen": len(decisions),
        "form": filled,
        "problem": problem,
        "limits": {"by": NAME_AT_MOST, "note": NOTE_AT_MOST},
    }
    return _page(request, "worksheet.html", office, values, 409 if problem else 200)


def _problem_with(decided: str, by: str, note: str, *, changed: bool) -> str:
    """Why a decision is not written down; empty where it is."""
    if changed:
        return "Somebody decided about this patient since you opened the page: see below, then decide again."
    if decided not in {choice.value for choice in Decided}:
        return "Choose what was decided."
    if not by or len(by) > NAME_AT_MOST:
        return "Say who decided: your name or initials."
    return f"The note is longer than {NOTE_AT_MOST} characters." if len(note) > NOTE_AT_MOST else ""


def _check_own_form(request: Request) -> None:
    """Refuse with 403 a form that another site, or another service of this machine, sent."""
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("//")[2] != request.headers.get("host"):
        raise HTTPException(403, "decisions are taken from the worklist's own pages only")


def _page_of(route: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """The route, its refusals shown as a page."""

    @wraps(route)
    async def shown(request: Request, **given: Any) -> Response:  # noqa: ANN401  whatever the route takes
        try:
            return await route(request, **given)
        except (HTTPException, CdsServiceError) as error:
            words = str(error.detail) if isinstance(error, HTTPException) else str(error)
            return _answer(request, "problem.html", {"problem": words}, status_of(error))

    return shown


def _page(request: Request, name: str, office: Office, values: dict[str, Any], status: int = 200) -> Response:
    return _answer(request, name, {"trial": office.trial, **values}, status)


def _answer(request: Request, name: str, values: dict[str, Any], status: int) -> HTMLResponse:
    return templates.TemplateResponse(request, name, values, status_code=status, headers=_HEADERS)


def _json(values: dict[str, Any]) -> JSONResponse:
    return JSONResponse(values, headers={"Cache-Control": "no-store"})
