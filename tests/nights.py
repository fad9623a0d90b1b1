"""Nightly runs for tests: runs, screened patients, and an engine that finds what it is told."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from assessments import assessment

from cds_service.domain.assessments import as_json
from cds_service.population.assessing import fingerprint
from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Run, RunState
from cds_service.screening.screened import EngineOutcome, RunCounts, Screened, summary_of
from cds_service.store.opening import RunStore

EHR = "https://ehr.example/fhir"
TRIAL = "extend-op"
DAY = date(2026, 11, 22)
NIGHT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)


def key(name: str, base: str = EHR) -> PatientKey:
    return PatientKey(base, name)


def run(name: str = "r1", night: int = 0, **changed: Any) -> Run:
    """A run of the night so many nights after the first; complete unless told otherwise."""
    began = NIGHT + timedelta(days=night)
    values: dict[str, Any] = {
        "source": EHR,
        "trial": TRIAL,
        "trial_version": "2025-11-21",
        "mappings_digest": "sha256:1",
        "engine": "local",
        "engine_version": "1",
        "as_of": DAY + timedelta(days=night),
        "started_at": began,
        "ended_at": began + timedelta(minutes=10),
        "base": EHR,
        "state": RunState.COMPLETE,
        "counts": RunCounts(rows={"Patient": 100, "Condition": 300}, patients=100, considered=3, evaluated=3),
    }
    return Run(name, **(values | changed))


def screened(
    name: str,
    outcomes: Mapping[str, str] | None = None,
    *,
    base: str = EHR,
    as_of: date = DAY,
    record: str = "",
    **more: Any,
) -> Screened:
    """What a run finds of a patient; `outcomes` are the verdicts that are not as in `assessments.py`."""
    made = replace(assessment(outcomes, **more), patient=f"Patient/{name}", as_of=as_of)
    document = as_json(made)
    text = json.dumps(document).encode()
    return Screened(key(name, base), summary_of(made), zlib.compress(text), fingerprint(document), record or name)


@dataclass
class FakeEngine:
    """An engine that finds these patients, in a source of so many rows."""

    found: Iterable[Screened] = ()
    rows: dict[str, int] = field(default_factory=lambda: {"Patient": 100, "Condition": 300})
    problems: list[str] = field(default_factory=list)
    unchanged: set[str] = field(default_factory=set)
    quarantined: int = 0

    def run(self) -> EngineOutcome:
        counts = RunCounts(
            rows=dict(self.rows), patients=self.rows.get("Patient", 0), considered=3, quarantined=self.quarantined
        )
        return EngineOutcome(counts, list(self.problems), set(self.unchanged))

    def results(self) -> Iterator[Screened]:
        yield from self.found


def stored(store: RunStore, made: Run, *found: Screened, unchanged: Iterable[PatientKey] = ()) -> None:
    """A run begun and completed."""
    store.runs.begin(replace(made, state=RunState.RUNNING, ended_at=None))
    store.runs.complete(made, found, unchanged)


def names(found: Iterable[Any]) -> list[str]:
    """The ids of the patients of stored assessments or entries, in their order."""
    return [(one.stored if hasattr(one, "stored") else one).patient.id for one in found]
