"""Entries of a ledger for tests, and stores of every kind to write them in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cds_service.screening.entries import (
    Asked,
    AuditEntry,
    Decided,
    Decision,
    Feedback,
    FeedbackOutcome,
    PatientKey,
    ShownCard,
    Suppression,
    System,
)
from cds_service.store.opening import Store, open_store

T = TypeVar("T")
NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
ANNA = PatientKey("https://ehr.example/fhir", "anna")
TRIAL = "extend-op"
DOCTOR = "Practitioner/dr"
EHR = System("https://ehr.example", "north")


def wait_for(answer: Coroutine[Any, Any, T]) -> T:
    """What an asynchronous port answers."""
    return asyncio.run(answer)


def later(**by: float) -> datetime:
    """An instant after noon."""
    return NOON + timedelta(**by)


@contextmanager
def sqlite_store(folder: Path, **changed: Any) -> Iterator[Store]:
    """A store in a file of its own."""
    store = open_store(f"sqlite:///{folder}/ledger.sqlite", **changed)
    try:
        yield store
    finally:
        store.close()


def card(uuid: str = "c1", **changed: Any) -> ShownCard:
    """A card about Anna, shown at noon."""
    values: dict[str, Any] = {
        "patient": ANNA,
        "trial": TRIAL,
        "user": DOCTOR,
        "role": "Practitioner",
        "service": "extend-op-patient-view",
        "hook": "patient-view",
        "fingerprint": "f1",
        "shown_at": NOON,
        "outcomes": {"age": "pass", "ecog": "unknown"},
        "system": EHR,
    }
    return ShownCard(uuid, **(values | changed))


def feedback(of: str = "c1", **changed: Any) -> Feedback:
    """An override of a card, at noon."""
    values: dict[str, Any] = {
        "service": "extend-op-patient-view",
        "hook": "patient-view",
        "outcome": FeedbackOutcome.OVERRIDDEN,
        "at": NOON,
        "reason": "patient-refuses",
    }
    return Feedback(of, **(values | changed))


def decision(decided: Decided = Decided.SCREENED, **changed: Any) -> Decision:
    """A decision about Anna, made at noon."""
    values: dict[str, Any] = {"patient": ANNA, "trial": TRIAL, "by": "nurse", "at": NOON}
    return Decision(decided=decided, **(values | changed))


def suppression(**changed: Any) -> Suppression:
    """A card not shown on the day."""
    values: dict[str, Any] = {
        "reason": "INELIGIBLE",
        "service": "extend-op-patient-view",
        "role": "Practitioner",
        "day": date(2026, 11, 22),
    }
    return Suppression(**(values | changed))


def entry(**changed: Any) -> AuditEntry:
    """A call about Anna that got a card."""
    values: dict[str, Any] = {
        "at": NOON,
        "issuer": "https://ehr.example",
        "user": DOCTOR,
        "patient": ANNA,
        "service": "extend-op-patient-view",
        "hook": "patient-view",
        "hook_instance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "asked": Asked.CARD,
        "tenant": "north",
        "trial": TRIAL,
        "card": "c1",
    }
    return AuditEntry(**(values | changed))
