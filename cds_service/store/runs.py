"""Nightly runs and their assessments in a database."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cds_service.errors import AnotherRun, RemoteError
from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Held, Run, RunState, Saved, Standing, Stored
from cds_service.screening.screened import Screened
from cds_service.store import run_rows as rows
from cds_service.store.models import Table

_TABLES = Table.metadata.tables
RUNS, ASSESSMENTS = _TABLES["runs"], _TABLES["assessments"]
_LOCK = 7_243_160_552
"""The number of the runs' advisory lock in PostgreSQL."""
_STORING = 7_243_160_553
"""The number of the lock of the one run that is being stored."""
_BATCH = 500
_RUNNING = "another screening run is at work on this database: wait for it to end"

SUMMARY = [column for column in ASSESSMENTS.c if column.name != "document"]
_NEW = ASSESSMENTS.insert()
_OVER = update(ASSESSMENTS).where(ASSESSMENTS.c.id == bindparam("row")).values(superseded=True)
_STILL = (
    update(ASSESSMENTS)
    .where(ASSESSMENTS.c.id == bindparam("row"))
    .values(last_run=bindparam("run"), standing=Standing.CURRENT.value)
)
_VANISH = (
    update(ASSESSMENTS)
    .where(ASSESSMENTS.c.id == bindparam("row"))
    .values(standing=Standing.VANISHED.value, turned_in=bindparam("run"))
)
_BACK = update(ASSESSMENTS).where(ASSESSMENTS.c.id == bindparam("row")).values(turned_in=bindparam("run"))


class SqlRuns:
    """The runs; see `screening.ports.Runs`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the one place for a run."""
        if self._engine.dialect.name == "sqlite":
            with _file_lock(Path(f"{self._engine.url.database}.run-lock")):
                yield
            return
        with _reachable(), self._engine.connect() as connection:
            # A connection of its own, ended and not given back: the lock ends with it.
            connection.detach()
            if not connection.execute(text(f"SELECT pg_try_advisory_lock({_LOCK})")).scalar():
                raise AnotherRun(_RUNNING)
            connection.commit()
            with _not_in_children(connection.connection.dbapi_connection.fileno()):  # type: ignore[union-attr]
                yield

    def begin(self, run: Run) -> None:
        """Write down that a run began."""
        with self._writing() as connection:
            connection.execute(RUNS.delete().where(RUNS.c.id == run.id, RUNS.c.state == RunState.RUNNING.value))
            if connection.execute(select(RUNS.c.id).where(RUNS.c.id == run.id)).first() is None:
                connection.execute(RUNS.insert(), rows.run_row(run))

    def complete(self, run: Run, screened: Iterable[Screened], unchanged: Iterable[PatientKey] = ()) -> Saved:
        """Store a run and all its assessments, all or nothing."""
        with self._writing() as connection:
            if self._engine.dialect.name == "postgresql":
                # A run that lost its lock with its connection must not store beside the next one.
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_STORING})"))
            known = self.find(run.id, connection)
            if known is not None and known.state is RunState.COMPLETE:
                return Saved()
            saved = _Saving(connection, run).save(screened, {*unchanged})
            _put(connection, run)
            return saved

    def end(self, run: Run) -> None:
        """Write down how a run ended that leaves the assessments alone."""
        with self._writing() as connection:
            _put(connection, run)

    def last(self, source: str, trial: str) -> Run | None:
        """The last complete run of a source for a trial."""
        statement = (
            select(RUNS)
            .where(RUNS.c.source == source, RUNS.c.trial == trial, RUNS.c.state == RunState.COMPLETE.value)
            .order_by(RUNS.c.started_at.desc())
            .limit(1)
        )
        with self._writing() as connection:
            row = connection.execute(statement).first()
        return None if row is None else rows.read_run(row)

    def find(self, run_id: str, connection: Connection | None = None) -> Run | None:
        """The run of an id."""
        if connection is None:
            with self._writing() as own:
                return self.find(run_id, own)
        row = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).first()
        return None if row is None else rows.read_run(row)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _reachable(), self._engine.begin() as connection:
            yield connection


class _Saving:
    """One run's assessments as they are stored, inside one transaction."""

    def __init__(self, connection: Connection, run: Run) -> None:
        self._connection = connection
        self._run = run
        self._new = self._changed = self._same = 0

    def save(self, screened: Iterable[Screened], unchanged: set[PatientKey]) -> Saved:
        """Store the assessments, and mark who vanished."""
        known = self._known()
        seen = set(unchanged)
        found = iter(screened)
        while batch := list(islice(found, _BATCH)):
            seen.update(one.patient for one in batch)
            self._save(batch, known)
        again = [{"row": known[patient][0], "run": self._run.id} for patient in unchanged if patient in known]
        _many(self._connection, _STILL, again)
        gone = self._gone(known, seen)
        _many(self._connection, _VANISH, [{"row": row, "run": self._run.id} for row in gone])
        return Saved(self._new, self._changed, self._same, len(gone))

    def _known(self) -> dict[PatientKey, tuple[int, str, str, str]]:
        columns = ("id", "patient_base", "patient_id", "fingerprint", "standing", "last_run")
        statement = select(*(ASSESSMENTS.c[name] for name in columns)).where(
            ASSESSMENTS.c.trial == self._run.trial, ASSESSMENTS.c.superseded.is_(False)
        )
        return {
            PatientKey(row.patient_base, row.patient_id): (row.id, row.fingerprint, row.standing, row.last_run)
            for row in self._connection.execute(statement)
        }

    def _save(self, batch: list[Screened], known: dict[PatientKey, tuple[int, str, str, str]]) -> None:
        again, back, over, new = [], [], [], []
        for one in batch:
            before = known.get(one.patient)
            if before is not None and before[1] == one.fingerprint:
                again.append({"row": before[0], **rows.said_again(one, self._run)})
                if before[2] == Standing.VANISHED.value:
                    back.append({"row": before[0], "run": self._run.id})
                continue
            if before is None:
                self._new += 1
            else:
                over.append({"row": before[0]})
                self._changed += 1
            new.append(rows.assessment_row(one, self._run))
        self._same += len(again)
        _many(self._connection, _AGAIN, again)
        _many(self._connection, _BACK, back)
        _many(self._connection, _OVER, over)
        _many(self._connection, _NEW, new)

    def _gone(self, known: dict[PatientKey, tuple[int, str, str, str]], seen: set[PatientKey]) -> list[int]:
        """Those of this source whom the run did not meet any more."""
        statement = select(RUNS.c.id).where(RUNS.c.source == self._run.source)
        ours = set(self._connection.execute(statement).scalars())
        return [
            row
            for patient, (row, _, standing, last) in known.items()
            if patient not in seen and last in ours and standing == Standing.CURRENT.value
        ]


_AGAIN_COLUMNS = (
    *("status", "listed", "as_of", "open", "for_review", "failed", "closes", "next_change", "silent", "record"),
    *("last_run", "standing", "document"),
)
_AGAIN = (
    update(ASSESSMENTS)
    .where(ASSESSMENTS.c.id == bindparam("row"))
    .values({name: bindparam(name) for name in _AGAIN_COLUMNS})
)


_HELD = ("patient_id", "record", "next_change", "listed", "last_run")


class SqlAssessments:
    """The assessments; see `screening.ports.AssessmentBook`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def current(self, trial: str, base: str | None = None, *, documents: bool = False) -> Iterator[Stored]:
        """The assessment that holds of every patient."""
        statement = select(ASSESSMENTS) if documents else select(*SUMMARY)
        statement = statement.where(ASSESSMENTS.c.trial == trial, ASSESSMENTS.c.superseded.is_(False))
        if base is not None:
            statement = statement.where(ASSESSMENTS.c.patient_base == base)
        with self._reading() as connection:
            rows_in_batches = connection.execution_options(yield_per=_BATCH)
            for row in rows_in_batches.execute(statement.order_by(ASSESSMENTS.c.id)):
                yield rows.read_assessment(row, document_of(row) if documents else b"")

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection for one question; on SQLite without a transaction, which would wait for a run being stored."""
        with _reachable("look after it"), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    def document(self, patient: PatientKey, trial: str) -> bytes:
        """The assessment that holds of a patient, as JSON."""
        statement = select(ASSESSMENTS.c.document).where(
            ASSESSMENTS.c.trial == trial,
            ASSESSMENTS.c.patient_base == patient.base,
            ASSESSMENTS.c.patient_id == patient.id,
            ASSESSMENTS.c.superseded.is_(False),
        )
        with self._reading() as connection:
            row = connection.execute(statement).first()
        return b"" if row is None else document_of(row)

    def held(self, trial: str, base: str) -> Mapping[str, Held]:
        """What the current assessments rest on."""
        statement = select(*(ASSESSMENTS.c[name] for name in _HELD)).where(
            ASSESSMENTS.c.trial == trial,
            ASSESSMENTS.c.patient_base == base,
            ASSESSMENTS.c.superseded.is_(False),
            ASSESSMENTS.c.standing == Standing.CURRENT.value,
        )
        with self._reading() as connection:
            found = connection.execute(statement)
            return {row.patient_id: Held(row.record, row.next_change, row.listed, row.last_run) for row in found}

    def history(self, patient: PatientKey, trial: str) -> tuple[Stored, ...]:
        """All assessments of a patient, the first one first."""
        statement = (
            select(ASSESSMENTS)
            .where(
                ASSESSMENTS.c.trial == trial,
                ASSESSMENTS.c.patient_base == patient.base,
                ASSESSMENTS.c.patient_id == patient.id,
            )
            .order_by(ASSESSMENTS.c.id)
        )
        with self._reading() as connection:
            return tuple(rows.read_assessment(row, document_of(row)) for row in connection.execute(statement))


def document_of(row: Any) -> bytes:  # noqa: ANN401  a row of SQLAlchemy
    """The assessment of a row, as JSON."""
    return zlib.decompress(row.document)


def _put(connection: Connection, run: Run) -> None:
    connection.execute(RUNS.delete().where(RUNS.c.id == run.id))
    connection.execute(RUNS.insert(), rows.run_row(run))


def _many(connection: Connection, statement: Any, values: list[rows.Values]) -> None:  # noqa: ANN401  as above
    if values:
        connection.execute(statement, values)


@contextmanager
def _reachable(advice: str = "look after it and run with --resume") -> Iterator[None]:
    """Turns what the database refuses into one line; the driver's words may hold a password or a record."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise RemoteError(f"the database cannot be used ({kind}), what it held is as it was: {advice}") from None


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    """A lock on a file, given up when this process ends, however it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRun(_RUNNING) from None
        with _not_in_children(handle):
            yield
    finally:
        os.close(handle)


_held: set[int] = set()
"""Handles whose being open is a lock: a child of this process must not keep one open after its death."""


@contextmanager
def _not_in_children(handle: int) -> Iterator[None]:
    _held.add(handle)
    try:
        yield
    finally:
        _held.discard(handle)


def _let_go() -> None:
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)
