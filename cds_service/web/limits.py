"""How many calls each EHR may make: so many a minute, evenly, after a first burst."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from cds_service.errors import TooManyCalls


class Allowance:
    """The calls one EHR has left in this process; they grow back all the time, up to a minute's worth."""

    def __init__(self, calls_per_minute: int, now: float) -> None:
        self._most = float(calls_per_minute)
        self._left = self._most
        self._at = now

    def take(self, now: float) -> float:
        """Take one call: 0 where there was one, else in how many seconds there will be."""
        self._left = min(self._most, self._left + (now - self._at) * self._most / 60)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) * 60 / self._most


class Allowances:
    """The allowance of every EHR, by issuer."""

    def __init__(self, calls_per_minute: Mapping[str, int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now = monotonic
        self._of = {issuer: Allowance(calls, monotonic()) for issuer, calls in calls_per_minute.items()}

    def take(self, issuer: str) -> None:
        """Count a call of an issuer. Raises TooManyCalls where it has none left."""
        wait = self._of[issuer].take(self._now())
        if wait:
            raise TooManyCalls(math.ceil(wait))
