"""What holds in every test: each response keeps to CDS Hooks, and no log record tells of a patient."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from typing import Any

from fastapi import FastAPI
from hook_rules import Exchange, violations
from hooks import AS_OF

from cds_service import clock
from cds_service.sandbox.roster import synthetic_patients

SEEN: list[Exchange] = []
"""The exchanges of the test that runs."""
_CALL = FastAPI.__call__


@contextmanager
def watched_service() -> Iterator[None]:
    """Notes every exchange of the service, however it is called: in memory, or over HTTP in this process."""

    async def watched(self: FastAPI, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/cds-services") or not _is_ours(self):
            await _CALL(self, scope, receive, send)
            return
        status, headers, parts = 0, {}, []

        async def noting(message: Any) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
            await send(message)

        await _CALL(self, scope, receive, noting)
        SEEN.append(Exchange(scope["method"], scope["path"], status, headers, b"".join(parts)))

    FastAPI.__call__ = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        FastAPI.__call__ = _CALL  # type: ignore[method-assign]


def _is_ours(app: FastAPI) -> bool:
    return app.title == "CDS Hooks service of EXTEND-OP"


def wrong_responses() -> list[str]:
    """What is wrong with the exchanges since the last call of this."""
    exchanges = list(SEEN)
    SEEN.clear()
    return sorted({wrong for exchange in exchanges for wrong in violations(exchange)})


@cache
def secrets() -> re.Pattern[str]:
    """Names, numbers and birth dates of the synthetic patients, as they would stand in a log."""
    found: set[str] = set()
    for patient, day in product(synthetic_patients(), (clock.today(), AS_OF)):
        person = next(r for r in patient.resources(day) if r["resourceType"] == "Patient")
        found.add(person["id"])
        found.update(identifier["value"] for identifier in person.get("identifier", []))
        found.update(name["family"] for name in person.get("name", []))
        if len(person.get("birthDate", "")) == 10:
            found.add(person["birthDate"])
    return re.compile(rf"\b(?:{'|'.join(re.escape(text) for text in sorted(found) if text)})\b")


class LogWatch(logging.Handler):
    """Notes the place of every record of the service and its server that tells of a patient, not its words."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.told: list[str] = []
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("cds_service", "uvicorn", "fastapi", "sqlalchemy")):
            self.seen += 1
            words = logging.Formatter("%(message)s").format(record)
            if secrets().search(words):
                self.told.append(f"{record.name} {record.pathname}:{record.lineno}")


@contextmanager
def watched_log() -> Iterator[LogWatch]:
    """Looks at every record of the service and its server, down to DEBUG."""
    watch = LogWatch()
    names = ("cds_service", "uvicorn", "fastapi")
    before = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(watch)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield watch
    logging.getLogger().removeHandler(watch)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
