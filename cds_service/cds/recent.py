"""What the calls of the last minutes came to, for who comes back to the same chart.

A clinician who switches between tabs makes the EHR send the same record again. The same
bytes, patient and day give the same facts and assessment, so these are kept for a while; what
is said of them (card, silence, audit) is decided anew in every call. A call for which anything
was fetched is not kept: the server may answer otherwise the next time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from threading import Lock

from cds_service.cds.wire import HookCall
from cds_service.domain.trials import Trial
from cds_service.screening.at_hook import Screened

_AT_MOST = 256


@dataclass(frozen=True, slots=True)
class Came:
    """What a call came to: facts and assessment under a trial, and how many kinds were sent."""

    trial: Trial
    screened: Screened
    sent: int


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    came: Came


@dataclass(frozen=True, slots=True)
class RecentCalls:
    """A bounded memory of one process, oldest out first; `keep_for` zero remembers nothing.

    What is too old is dropped when the next call asks. May be shared by threads.
    """

    keep_for: timedelta = timedelta(0)
    at_most: int = _AT_MOST
    clock: Callable[[], float] = time.monotonic
    _kept: dict[bytes, _Kept] = field(default_factory=dict, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def key(self, call: HookCall, as_of: date) -> bytes:
        """What a call is known by: a digest of all it sent, whose record and which day; b"" remembers nothing."""
        return _digest(call, as_of) if self.keep_for else b""

    def find(self, key: bytes, trial: Trial) -> Came | None:
        """What the same call came to under this trial, None where that is not known or too old."""
        if not key:
            return None
        with self._lock:
            self._drop_old(self.clock())
            kept = self._kept.get(key)
        return kept.came if kept is not None and kept.came.trial is trial else None

    def keep(self, key: bytes, came: Came) -> None:
        """Remember what a call came to."""
        if not key:
            return
        now = self.clock()
        with self._lock:
            self._drop_old(now)
            self._kept.pop(key, None)
            while len(self._kept) >= self.at_most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(now + self.keep_for.total_seconds(), came)

    def _drop_old(self, now: float) -> None:
        while self._kept:
            oldest = next(iter(self._kept))
            if self._kept[oldest].until > now:
                return
            del self._kept[oldest]


def _digest(call: HookCall, as_of: date) -> bytes:
    """Each part with its length before it, so that no two calls read the same."""
    digest = sha256()
    for name in (call.patient_id, as_of.isoformat()):
        _add(digest.update, name.encode())
    for key, raw in call.prefetch.items():
        _add(digest.update, key.encode())
        _add(digest.update, memoryview(raw))
    return digest.digest()


def _add(update: Callable[[bytes | memoryview], None], part: bytes | memoryview) -> None:
    update(b"%d:" % len(part))
    update(part)
