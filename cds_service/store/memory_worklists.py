"""What the coordinator's list is made from, in memory. The contract tests hold it to what SQL does."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Run, Stored
from cds_service.store.memory_runs import MemoryRuns


class MemoryWorklist(MemoryRuns):
    """See `screening.ports.WorklistBook`."""

    def runs(self, trial: str) -> tuple[Run, ...]:
        """The latest runs of a trial, the last one first."""
        found = (run for run in self._runs.values() if run.trial == trial)
        return tuple(sorted(found, key=lambda run: run.started_at, reverse=True))

    def listed(self, trial: str, also: Collection[PatientKey] = ()) -> Iterator[Stored]:
        """The current assessments with a place on the list, and those of the patients named."""
        return (stored for stored in self.current(trial) if stored.summary.listed or stored.patient in also)

    def turned(self, trial: str, runs: Collection[str]) -> Iterator[tuple[Stored, Stored | None]]:
        """What these runs turned of patients who have or had a place, and what was said before."""
        for stored in self.current(trial):
            if stored.turned_in not in runs:
                continue
            earlier = [one for one in self.history(stored.patient, trial) if one.number < stored.number]
            before = replace(earlier[-1], document=b"") if earlier else None
            if stored.summary.listed or (before is not None and before.summary.listed):
                yield stored, before

    def numbered(self, number: int) -> Stored | None:
        """The assessment of a number, with its document."""
        return self._stored[number - 1] if 0 < number <= len(self._stored) else None

    def documents(self, numbers: Collection[int]) -> Mapping[int, bytes]:
        """The assessments of these numbers, as JSON."""
        found = {number: self.numbered(number) for number in numbers}
        return {number: stored.document for number, stored in found.items() if stored is not None}
