"""How a database is asked from the event loop.

SQLite answers an indexed question in less time than it takes to hand it to a thread, so it is
asked where we are; only when another process holds the file is the question taken to a
thread to wait there. A database across the network is always asked in a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

T = TypeVar("T")
WAIT_MS = 20
"""How long the event loop itself waits for another process to let go of the file."""


class Asking:
    """A database, asked without holding up other calls for long."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._near = engine.dialect.name == "sqlite"
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """The answer to one statement that is complete in itself."""
        if self._near:
            try:
                return self._at_once(question)
            except OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
        return await self.transact(question)

    async def transact(self, question: Callable[[Connection], T]) -> T:
        """The answer to several statements that belong together, in a transaction of their own."""
        return await asyncio.to_thread(self._in_transaction, question)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        self._engine.dispose()

    def _in_transaction(self, question: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return question(connection)

    def _at_once(self, question: Callable[[Connection], T]) -> T:
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            return question(self._connection)

    def _open(self) -> Connection:
        """A connection that neither waits long nor moves the write-ahead log into the file: both take milliseconds."""
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text(f"PRAGMA busy_timeout={WAIT_MS}"))
        connection.execute(text("PRAGMA wal_autocheckpoint=0"))
        return connection
