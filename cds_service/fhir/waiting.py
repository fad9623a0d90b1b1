"""How long a remote server is waited for, and when it is asked again.

Source: RFC 9110 section 10.2.3 (Retry-After); FHIR Bulk Data Access, "Bulk Data Status Request".
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from cds_service import clock
from cds_service.errors import RemoteError

T = TypeVar("T")

_EPOCH_LOOKING = 1_000_000_000
"""A delay of more seconds than this (31 years) is an instant in seconds since 1970."""


class TryAgain(RemoteError):
    """A failure that may pass: 429, 5xx, a broken connection, an answer cut short.

    `wait` is what the server asked for, in seconds; `at_most` bounds how often
    failures of such a kind are met; `codes` are those of its OperationOutcome.
    """

    def __init__(
        self,
        words: str,
        *,
        wait: float | None = None,
        at_most: int | None = None,
        status: int = 0,
        codes: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(words)
        self.wait = wait
        self.at_most = at_most
        self.status = status
        self.codes = codes


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds; `now` is asked for dates in headers and tokens."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 300.0
    """No single wait is longer, whatever the server asks for."""
    trouble_seconds: float = 900.0
    """How long one request may keep failing."""
    first_contact_seconds: float = 30.0
    """The same for a server that has not answered once: most likely its address is wrong."""
    export_seconds: float = 12 * 3600.0
    now: Callable[[], datetime] = clock.now


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """The delay that a Retry-After header asks for, as a number of seconds or a date; None for neither.

    A number that can only be an instant since 1970 is read as one; an instant that is past is no delay.
    """
    text = (header or "").strip()
    try:
        number = float(text)
    except ValueError:
        return _until(text, now)
    if not 0 <= number < float("inf"):
        return None
    return max(0.0, number - now.timestamp()) if number >= _EPOCH_LOOKING else number


def _until(text: str, now: datetime) -> float | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return max(0.0, (instant - now).total_seconds())


def next_wait(asked: float | None, attempt: int, patience: Patience) -> float:
    """Seconds before the next attempt: what the server asked for, else doubled each time; capped, with jitter.

    The jitter only ever lengthens what a server asked for, and stays under the cap.
    """
    doubled = patience.first_wait_seconds * 2.0 ** min(attempt - 1, 30)
    wanted = doubled if asked is None else max(asked, patience.first_wait_seconds / 10)
    return min(patience.longest_wait_seconds, wanted * random.uniform(1.0, 1.2))  # noqa: S311  jitter, no secret


def persist(attempt: Callable[[], T], patience: Patience, within: float, sleep: Callable[[float], None]) -> T:
    """What an attempt gives, tried again on TryAgain until it has failed for `within` seconds.

    Raises the last TryAgain then; what else it raises comes through at once.
    """
    return Retrying(
        retry=retry_if_exception_type(TryAgain),
        wait=lambda state: next_wait(_failure(state).wait, state.attempt_number, patience),
        stop=_GivingUp(within),
        sleep=sleep,
        reraise=True,
    )(attempt)


def _failure(state: RetryCallState) -> TryAgain:
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, TryAgain) else TryAgain("")


class _GivingUp:
    """Counts from the first failure, not the first attempt: a long download may fail late."""

    def __init__(self, within: float) -> None:
        self._within = within
        self._failing_since: float | None = None
        self._bounded = 0

    def __call__(self, state: RetryCallState) -> bool:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        failing = max(time.monotonic() - self._failing_since, state.idle_for)
        return failing + state.upcoming_sleep > self._within or self._too_often(_failure(state))

    def _too_often(self, failure: TryAgain) -> bool:
        self._bounded += failure.at_most is not None
        return failure.at_most is not None and self._bounded >= failure.at_most
