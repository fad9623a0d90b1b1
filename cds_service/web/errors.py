"""Every error as a FHIR OperationOutcome: what happened, where, what to do, no patient data.

| exception | status |
|---|---|
| NotFhir | 400 |
| NotTrusted | 401, bare |
| NoPatient | 412 |
| TooLarge | 413 |
| TooManyCalls | 429, with Retry-After |
| UsageError | 400 |
| RemoteError | 502 |
| another CdsServiceError | 500 |
| HTTPException | its own (403, 404, 405, 415 ...) |
| anything else | 500, without its words |
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from traceback import extract_tb

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds_service.errors import (
    CdsServiceError,
    NoPatient,
    NotFhir,
    NotTrusted,
    RemoteError,
    TooLarge,
    TooManyCalls,
    UsageError,
)

_LOG = logging.getLogger(__name__)
_MEDIA_TYPE = "application/fhir+json"
_STATUSES: tuple[tuple[type[CdsServiceError], int], ...] = (
    (NotFhir, 400),
    (NotTrusted, 401),
    (NoPatient, 412),
    (TooLarge, 413),
    (TooManyCalls, 429),
    (UsageError, 400),
    (RemoteError, 502),
)
_ISSUE_CODES = {
    400: "invalid",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    412: "required",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
    502: "transient",
    503: "transient",
}
_ADVICE = {412: "Send the prefetch key 'patient', or a fhirServer and fhirAuthorization with which it can be read."}


def status_of(error: Exception) -> int:
    """The HTTP status of an exception."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def operation_outcome(status: int, words: str) -> bytes:
    """An OperationOutcome with one error, validated, as JSON."""
    issue = {"severity": "error", "code": _ISSUE_CODES.get(status, "exception"), "diagnostics": words}
    return OperationOutcome.model_validate({"issue": [issue]}).model_dump_json().encode()


def install(app: FastAPI) -> None:
    """Make the app answer every error with an OperationOutcome."""
    app.add_exception_handler(CdsServiceError, _answer_own)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    app.add_middleware(AnswerBugs)


async def _answer_own(request: Request, error: Exception) -> Response:
    match error:
        case NotTrusted():
            # Bare: why a token is refused helps only whoever forges one.
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        case TooManyCalls():
            return _respond(429, f"{_where(request)}: {error}", {"Retry-After": str(error.retry_after)})
        case _:
            return _answer_expected(request, error)


def _answer_expected(request: Request, error: Exception) -> Response:
    status = status_of(error)
    advice = _ADVICE.get(status)
    return _respond(status, f"{_where(request)}: {error}" + (f". {advice}" if advice else ""))


async def _answer_http(request: Request, error: Exception) -> Response:
    status, words = status_of(error), str(getattr(error, "detail", ""))
    if status == 404 and words == "Not Found":
        words = "there is nothing at this path; GET /cds-services lists the services"
    return _respond(status, f"{_where(request)}: {words}", getattr(error, "headers", None))


async def _answer_parameters(request: Request, error: Exception) -> Response:
    """The names of the parameters that are wrong, not what was sent in them."""
    wrong = error.errors() if isinstance(error, RequestValidationError) else ()
    names = sorted({str(problem["loc"][-1]) for problem in wrong if problem.get("loc")})
    return _respond(400, f"{_where(request)}: parameters that cannot be used: {', '.join(names)}")


class AnswerBugs:
    """Answers 500 for a bug and lets it go no further: a server would print its words with the traceback.

    Its place goes to the log, its words nowhere, for they may quote a record.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        except Exception as error:  # the last resort: nothing of the error is shown
            if scope["type"] != "http":
                raise
            _note_bug(error)
            if not begun:
                await _respond(500, "an error in this service; its log says where")(scope, receive, send)


def _note_bug(error: Exception) -> None:
    frame = extract_tb(error.__traceback__)[-1]
    _LOG.error("bug kind=%s at=%s:%s", type(error).__name__, Path(frame.filename).name, frame.lineno)


def _where(request: Request) -> str:
    """The method and, where it is a route of ours, the path."""
    route = request.scope.get("route")
    path = getattr(route, "path", None)
    if path is None:
        return request.method
    return f"{request.method} {path}"


def _respond(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(operation_outcome(status, words), status, headers, _MEDIA_TYPE)
