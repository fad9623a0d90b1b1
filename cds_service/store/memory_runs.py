"""Nightly runs in memory: forgotten when the process ends. The contract tests hold it to what SQL does."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from cds_service.errors import AnotherRun
from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Held, Run, RunState, Saved, Standing, Stored
from cds_service.screening.screened import Screened


class MemoryRuns:
    """The runs, and the assessments they made."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._stored: list[Stored] = []
        self._lock = threading.Lock()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the one place for a run."""
        if not self._lock.acquire(blocking=False):
            raise AnotherRun("another screening run is at work: wait for it to end")
        try:
            yield
        finally:
            self._lock.release()

    def begin(self, run: Run) -> None:
        """Write down that a run began."""
        known = self._runs.get(run.id)
        if known is None or known.state is RunState.RUNNING:
            self._runs[run.id] = run

    def complete(self, run: Run, screened: Iterable[Screened], unchanged: Iterable[PatientKey] = ()) -> Saved:
        """Store a run and all its assessments."""
        known = self._runs.get(run.id)
        if known is not None and known.state is RunState.COMPLETE:
            return Saved()
        unchanged = set(unchanged)
        found, seen = list(screened), set(unchanged)
        before = {stored.patient: at for at, stored in enumerate(self._stored) if self._holds(stored, run.trial)}
        new = changed = same = 0
        for one in found:
            seen.add(one.patient)
            at = before.get(one.patient)
            if at is None:
                new += 1
            elif self._stored[at].fingerprint == one.fingerprint:
                same += 1
                self._stored[at] = _said_again(self._stored[at], one, run)
                continue
            else:
                changed += 1
                self._stored[at] = replace(self._stored[at], superseded=True)
            self._stored.append(_stored(one, run, len(self._stored) + 1))
        for patient in unchanged:
            if patient in before:
                at = before[patient]
                self._stored[at] = replace(self._stored[at], last_run=run.id, standing=Standing.CURRENT)
        vanished = self._vanish(run, before, seen)
        self._runs[run.id] = run
        return Saved(new, changed, same, vanished)

    def _vanish(self, run: Run, before: dict[PatientKey, int], seen: set[PatientKey]) -> int:
        gone = [
            at
            for patient, at in before.items()
            if patient not in seen
            and self._stored[at].standing is Standing.CURRENT
            and self._runs[self._stored[at].last_run].source == run.source
        ]
        for at in gone:
            self._stored[at] = replace(self._stored[at], standing=Standing.VANISHED, turned_in=run.id)
        return len(gone)

    @staticmethod
    def _holds(stored: Stored, trial: str) -> bool:
        return stored.trial == trial and not stored.superseded

    def end(self, run: Run) -> None:
        """Write down how a run ended that leaves the assessments alone."""
        self._runs[run.id] = run

    def last(self, source: str, trial: str) -> Run | None:
        """The last complete run of a source for a trial."""
        fitting = [
            run
            for run in self._runs.values()
            if run.source == source and run.trial == trial and run.state is RunState.COMPLETE
        ]
        return max(fitting, key=lambda run: run.started_at, default=None)

    def find(self, run_id: str) -> Run | None:
        """The run of an id."""
        return self._runs.get(run_id)

    def current(self, trial: str, base: str | None = None, *, documents: bool = False) -> Iterator[Stored]:
        """The assessment that holds of every patient."""
        for stored in self._stored:
            if self._holds(stored, trial) and base in (None, stored.patient.base):
                yield stored if documents else replace(stored, document=b"")

    def document(self, patient: PatientKey, trial: str) -> bytes:
        """The assessment that holds of a patient, as JSON."""
        found = (stored for stored in self.current(trial, documents=True) if stored.patient == patient)
        return next((stored.document for stored in found), b"")

    def held(self, trial: str, base: str) -> Mapping[str, Held]:
        """What the current assessments rest on."""
        return {
            stored.patient.id: Held(stored.record, stored.summary.next_change, stored.summary.listed, stored.last_run)
            for stored in self.current(trial, base)
            if stored.standing is Standing.CURRENT
        }

    def history(self, patient: PatientKey, trial: str) -> tuple[Stored, ...]:
        """All assessments of a patient, the first one first."""
        return tuple(stored for stored in self._stored if stored.patient == patient and stored.trial == trial)


def _stored(screened: Screened, run: Run, number: int) -> Stored:
    return Stored(
        screened.patient,
        run.trial,
        screened.summary,
        screened.fingerprint,
        run.id,
        run.id,
        document=zlib.decompress(screened.document),
        record=screened.record,
        turned_in=run.id,
        number=number,
    )


def _said_again(before: Stored, screened: Screened, run: Run) -> Stored:
    back = before.standing is Standing.VANISHED
    return replace(
        before,
        summary=screened.summary,
        last_run=run.id,
        standing=Standing.CURRENT,
        document=zlib.decompress(screened.document),
        record=screened.record,
        turned_in=run.id if back else before.turned_in,
    )
