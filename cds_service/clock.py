"""The one place that reads the clock; entry points pass what it says inward."""

from __future__ import annotations

from datetime import UTC, date, datetime


def today() -> date:
    """Today in the machine's own time zone, the hospital's calendar."""
    return datetime.now().astimezone().date()


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(UTC)
