"""What people write on a command line, read; every mistake is a UsageError that says how to write it."""

from __future__ import annotations

import re
from datetime import date

from cds_service import clock
from cds_service.errors import UsageError
from cds_service.fhir.sources import Source, read_source
from cds_service.screening.overnight import Since

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def day_of(text: str | None) -> date:
    """The day of `--as-of`, today where it was left out."""
    if text is None:
        return clock.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of '{text[:20]}' is not a date: write it as YYYY-MM-DD") from None


def since_of(text: str | None) -> Since | date | None:
    """From when changes count, by `--since`; None where it was left out."""
    if text is None or text == Since.LAST_RUN.value:
        return None if text is None else Since.LAST_RUN
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since '{text[:20]}' is neither 'last' nor a date (YYYY-MM-DD)") from None


def read_files(source: str, instead: str) -> Source:
    """What SOURCE holds, a file, folder or standard input; `instead` says what to do with an address."""
    if _ADDRESS.match(source):
        raise UsageError(f"SOURCE is an address that cannot be read here: {instead}")
    return read_source(source)
