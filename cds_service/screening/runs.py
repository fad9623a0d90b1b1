"""What is kept of nightly runs: plain values, the same for every store. Times are instants in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from cds_service.screening.entries import PatientKey
from cds_service.screening.screened import RunCounts, Summary


class RunState(Enum):
    """What became of a run."""

    RUNNING = "running"
    """Begun; where nobody holds the lock, it was killed."""
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """It cannot be believed; the list before it holds."""


@dataclass(frozen=True, slots=True)
class Run:
    """One nightly run: what it read, with which trial and mappings, and what came of it.

    `source` is the folder or FHIR base URL, `base` the base its patients' ids belong to.
    `whole` is false where only patients with changes were assessed. `problems` say why it is
    incomplete.
    """

    id: str
    source: str
    trial: str
    trial_version: str
    mappings_digest: str
    engine: str
    engine_version: str
    as_of: date
    started_at: datetime
    base: str = ""
    state: RunState = RunState.RUNNING
    ended_at: datetime | None = None
    whole: bool = True
    counts: RunCounts = field(default_factory=RunCounts)
    problems: tuple[str, ...] = ()


class Standing(Enum):
    """Whether a patient's stored assessment is of today's list."""

    CURRENT = "current"
    VANISHED = "vanished"
    """In an earlier run and not in the last whole one: the record is gone, or shows no cancer any more."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One assessment as stored.

    It holds from the run that first said so to the last that said the same (`last_run`);
    `superseded` by one that says otherwise, it is history. `document` is the assessment as
    JSON, empty where only the summary was asked for. `turned_in` is the run that last moved it:
    said it first, missed its patient, or met them again. `number` is its own in the store.
    """

    patient: PatientKey
    trial: str
    summary: Summary
    fingerprint: str
    first_run: str
    last_run: str
    standing: Standing = Standing.CURRENT
    superseded: bool = False
    document: bytes = b""
    turned_in: str = ""
    record: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Saved:
    """What storing a run changed: how many patients are new, say something else, or vanished."""

    new: int = 0
    changed: int = 0
    same: int = 0
    vanished: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What a current assessment rests on: the record it was made of, and the day on which it changes by time alone.

    `listed`: it has a place on the list. `run` is the last run that found it so.
    """

    record: str
    next_change: date | None
    listed: bool = False
    run: str = ""
