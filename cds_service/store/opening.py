"""A ledger opened where the settings say, and closed when the service stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from cds_service import clock
from cds_service.errors import ConfigurationError
from cds_service.screening.ports import Ledger, Runs, WorklistBook
from cds_service.store import schema
from cds_service.store.asking import Asking
from cds_service.store.engines import database_url, open_engine
from cds_service.store.memory import memory_ledger
from cds_service.store.memory_worklists import MemoryWorklist
from cds_service.store.runs import SqlRuns
from cds_service.store.sql import forget_replays, sql_ledger
from cds_service.store.worklists import SqlWorklist
from cds_service.store.writing import WriteBehind

MEMORY = "memory:"


@dataclass(frozen=True, slots=True)
class Store:
    """A ledger in use, and the runs' assessments. `healthy`: what is noted gets written; `close` writes what waits."""

    ledger: Ledger
    healthy: Callable[[], bool]
    close: Callable[[], None]
    book: WorklistBook


def open_store(setting: str | None, now: Callable[[], datetime] = clock.now) -> Store:
    """The ledger that CDS_DATABASE_URL names, its tables ready.

    Raises ConfigurationError where the database is not to be had or not prepared.
    """
    if setting == MEMORY:
        book = MemoryWorklist()
        return Store(memory_ledger(now, book), lambda: True, lambda: None, book)
    engine = open_engine(database_url(setting))
    try:
        schema.make_ready(engine)
    except DBAPIError as error:
        engine.dispose()
        raise _not_to_be_had(error) from None
    asking = Asking(engine)
    writer = WriteBehind(engine, lambda connection: forget_replays(connection, now()))

    def close() -> None:
        writer.close()
        asking.close()

    return Store(sql_ledger(engine, asking, writer), lambda: writer.healthy, close, SqlWorklist(engine))


def upgrade(setting: str | None) -> tuple[str | None, str]:
    """Bring the database of CDS_DATABASE_URL to this version; from which migration to which.

    Raises ConfigurationError where it is not to be had.
    """
    if setting == MEMORY:
        raise ConfigurationError("CDS_DATABASE_URL is memory: there is no database to upgrade")
    engine = open_engine(database_url(setting))
    try:
        return schema.upgrade(engine)
    except DBAPIError as error:
        raise _not_to_be_had(error) from None
    finally:
        engine.dispose()


def _not_to_be_had(error: DBAPIError) -> ConfigurationError:
    # The driver's words may hold the URL with its password: only their kind is told.
    return ConfigurationError(
        f"CDS_DATABASE_URL: the database cannot be used ({type(error.orig).__name__}):"
        " check that it runs, that the URL is right, and that this user may write to it"
    )


@dataclass(frozen=True, slots=True)
class RunStore:
    """The nightly runs and their assessments in use."""

    runs: Runs
    book: WorklistBook
    close: Callable[[], None]


def open_runs(setting: str | None) -> RunStore:
    """The runs and assessments in the database of CDS_DATABASE_URL, its tables ready.

    Raises ConfigurationError where it is not to be had or not prepared.
    """
    if setting == MEMORY:
        memory = MemoryWorklist()
        return RunStore(memory, memory, lambda: None)
    engine = open_engine(database_url(setting))
    try:
        schema.make_ready(engine)
    except DBAPIError as error:
        engine.dispose()
        raise _not_to_be_had(error) from None
    return RunStore(SqlRuns(engine), SqlWorklist(engine), engine.dispose)
