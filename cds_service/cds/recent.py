"""What the calls of the last minutes came to, for who comes back to the same chart.

A clinician who switches between tabs makes the EHR send the same record again. The same
bytes, patient and day give the same facts and assessment, so these are kept for a while; what
is said of them (card, silence, audit) is decided anew in every call. A call for which anything
was fetched is not kept: the server may answer otherwise the next time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from threading import Lock
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from cds_service.cds.wire import HookCall
from cds_service.domain.trials import Trial
from cds_service.screening.at_hook import Screened
from cds_service.screening.speaking import Ordering

_AT_MOST = 256


@dataclass(frozen=True, slots=True)
class Came:
    """What a call came to: facts and assessment under a trial, and how many kinds were sent.

    `details` are the words of cards written from it, by what was being ordered.
    """

    trial: Trial
    screened: Screened
    sent: int
    details: dict[Ordering | None, str] = field(default_factory=dict)


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
        """What a call is known by: a tag of all it sent, whose record and which day; b"" remembers nothing."""
        return _tag(call, as_of) if self.keep_for else b""

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


_KEYED: Final = Cipher(AES(os.urandom(32)), GCM(bytes(12)))
"""Tags bytes under a key that this process drew and nobody knows (GMAC): who sends cannot make two calls look the same.

Ten times as fast as SHA-256 on a record of some hundred kilobytes. That every tag uses the same
nonce would help a forger who sees tags; none ever leaves the process.
"""


def _tag(call: HookCall, as_of: date) -> bytes:
    """Each part with its length before it, so that no two calls read the same."""
    tagging = _KEYED.encryptor()
    add = tagging.authenticate_additional_data
    for name in (call.patient_id, as_of.isoformat()):
        _add(add, name.encode())
    for key, raw in call.prefetch.items():
        _add(add, key.encode())
        _add(add, memoryview(raw))
    tagging.finalize()
    return tagging.tag


def _add(add: Callable[[bytes | memoryview], None], part: bytes | memoryview) -> None:
    add(b"%d:" % len(part))
    add(part)
