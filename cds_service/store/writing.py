"""Rows that are written soon: a thread gathers what calls leave behind and writes it in one go.

A hook call must not wait for the disk. What is noted is in the database within a few
hundredths of a second, and at the latest when the service stops. Where the database cannot
be written to, rows wait, up to a limit, and `/readyz` says so; a row that no database would
take is left out and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_LOG = logging.getLogger(__name__)
_DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)

Row = Mapping[str, Any]
GATHER_SECONDS = 0.02
RETRY_SECONDS = 1.0
PURGE_SECONDS = 60.0
BATCH = 500
WAITING_AT_MOST = 50_000


@dataclass(frozen=True, slots=True)
class Writing:
    """One row to write, and the statement that writes it (one object for all rows of its kind)."""

    statement: Executable
    row: Row


class WriteBehind:
    """Rows waiting to be written, and the thread that writes them; it starts with the first row.

    `purge` is called about once a minute, to throw away what has served its time.
    """

    def __init__(self, engine: Engine, purge: Callable[[Connection], object]) -> None:
        self._engine = engine
        self._purge = purge
        self._waiting: deque[Writing | threading.Event] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._failing = False
        self.lost = 0

    @property
    def healthy(self) -> bool:
        """Whether the last write succeeded and no row was lost."""
        return not self._failing and not self.lost

    def add(self, statement: Executable, row: Row) -> None:
        """Have a row written soon."""
        if len(self._waiting) >= WAITING_AT_MOST:
            self._lose(1)
            return
        self._waiting.append(Writing(statement, row))
        self._rouse()

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until all that waits now is written; False where the time did not do."""
        if not self._waiting and self._thread is None:
            return True
        reached = threading.Event()
        self._waiting.append(reached)
        self._rouse()
        return reached.wait(seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Write what is waiting and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        left = sum(isinstance(item, Writing) for item in self._waiting)
        if left:
            _LOG.error("store rows_not_written=%d: the service stopped while the database took none", left)

    def _rouse(self) -> None:
        if self._thread is None:
            self._start()
        if not self._wake.is_set():
            self._wake.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        purged = time.monotonic()
        while not self._stop.is_set():
            if self._wake.wait(PURGE_SECONDS):
                self._stop.wait(RETRY_SECONDS if self._failing else GATHER_SECONDS)
            self._wake.clear()
            self._write_waiting()
            if time.monotonic() - purged >= PURGE_SECONDS:
                purged = time.monotonic()
                self._try(self._purge)
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write all that waits, batch by batch, in the order noted; rows leave the line once they are safe."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, threading.Event):
                first.set()
                self._waiting.popleft()
                continue
            batch = self._next_batch()
            if not self._write(batch):
                self._wake.set()
                return
            for _ in batch:
                self._waiting.popleft()

    def _next_batch(self) -> list[Writing]:
        batch: list[Writing] = []
        for place in range(min(len(self._waiting), BATCH)):
            item = self._waiting[place]
            if not isinstance(item, Writing):
                break
            batch.append(item)
        return batch

    def _write(self, batch: Sequence[Writing]) -> bool:
        """Whether the batch is dealt with: written, or found to be what no database takes."""
        try:
            return self._try(lambda connection: _execute(connection, batch))
        except SQLAlchemyError as error:
            if len(batch) > 1:
                return all(self._write((writing,)) for writing in batch)
            # Its words may quote the row: only its kind is logged.
            _LOG.error("store row refused kind=%s", type(error).__name__)
            self._lose(1)
            return True

    def _try(self, work: Callable[[Connection], object]) -> bool:
        """Whether the work could be done now. Raises what is wrong with the work itself."""
        try:
            with self._engine.begin() as connection:
                work(connection)
        except _DATABASE_AWAY as error:
            if not self._failing:
                _LOG.error("store write failed kind=%s: trying again", type(error).__name__)
            self._failing = True
            return False
        if self._failing:
            _LOG.warning("store writes again")
        self._failing = False
        return True

    def _lose(self, rows: int) -> None:
        self.lost += rows
        if self.lost == 1 or self.lost % 1000 == 0:
            _LOG.error("store rows_lost=%d", self.lost)


def _execute(connection: Connection, batch: Sequence[Writing]) -> None:
    for _, same in groupby(batch, key=lambda writing: id(writing.statement)):
        writings = list(same)
        connection.execute(writings[0].statement, [dict(writing.row) for writing in writings])
