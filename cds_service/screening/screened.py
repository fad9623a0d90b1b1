"""What a nightly run finds, patient by patient and as a whole: plain values, the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cds_service.domain.criteria import Outcome
from cds_service.domain.verdicts import Assessment, Basis, Status
from cds_service.screening.entries import PatientKey

ESTABLISHED = ("histology", "stage-iv")
"""Criteria that must pass for a place on the list, where the trial has them."""

_ORDER = {Status.CANDIDATE.value: 0, Status.POSSIBLE.value: 1, Status.INELIGIBLE.value: 2}
_NO_END = 1 << 30


@dataclass(frozen=True, slots=True)
class Summary:
    """What of an assessment decides on the place in the list, and on what is stored beside it.

    `listed`: no criterion fails, histology and stage IV pass. `open` are the criteria that are
    unknown, `for_review` those that wait for a clinician, `failed` those that fail; `silent` is how
    many passes rest on the absence of any record.
    """

    status: str
    listed: bool
    as_of: date
    open: tuple[str, ...] = ()
    for_review: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    closes: date | None = None
    next_change: date | None = None
    silent: int = 0

    @property
    def days_left(self) -> int | None:
        """Days until the first pass runs out; None where none does."""
        return None if self.closes is None else (self.closes - self.as_of).days


@dataclass(frozen=True, slots=True)
class Screened:
    """One patient of a run: the summary, and the assessment as JSON (zlib-compressed).

    `fingerprint` is equal for two assessments that say the same, whatever their day; `record`
    for two records that are the same. `partly_read`: something of the record could not be read.
    """

    patient: PatientKey
    summary: Summary
    document: bytes
    fingerprint: str
    record: str = ""
    partly_read: bool = False


@dataclass(slots=True)
class RunCounts:
    """What a run read and what became of it.

    `rows` are lines by resource type. `patients` are those in the source, `considered` those
    with evidence of cancer, `absent` those with evidence and no Patient resource. `dropped`
    are resources that name no patient. `unchanged` were not assessed anew. `rows_in_full` are
    those of the download of everything that changes were laid over, where it was so.
    """

    rows: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    dropped: int = 0
    patients: int = 0
    considered: int = 0
    absent: int = 0
    evaluated: int = 0
    unchanged: int = 0
    partly_read: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    rows_in_full: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class EngineOutcome:
    """What an engine's work came to: counts, why it is not complete (nothing where it is), who was left as known.

    `unchanged` are bare ids.
    """

    counts: RunCounts = field(default_factory=RunCounts)
    problems: list[str] = field(default_factory=list)
    unchanged: set[str] = field(default_factory=set)


def summary_of(assessment: Assessment) -> Summary:
    """The summary of an assessment."""
    by_outcome: Mapping[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for verdict in assessment.verdicts:
        by_outcome[verdict.outcome].append(verdict.id)
    unsettled = {*by_outcome[Outcome.UNKNOWN], *by_outcome[Outcome.REVIEW], *by_outcome[Outcome.FAIL]}
    return Summary(
        status=assessment.status.value,
        listed=not by_outcome[Outcome.FAIL] and unsettled.isdisjoint(ESTABLISHED),
        as_of=assessment.as_of,
        open=tuple(by_outcome[Outcome.UNKNOWN]),
        for_review=tuple(by_outcome[Outcome.REVIEW]),
        failed=tuple(by_outcome[Outcome.FAIL]),
        closes=assessment.closes,
        next_change=assessment.next_change,
        silent=sum(v.basis is Basis.NO_RECORD for v in assessment.verdicts if v.outcome is Outcome.PASS),
    )


def rank(screened: Screened) -> tuple[object, ...]:
    """The place in the list of the day of assessment; see `place`."""
    return place(screened.summary, screened.patient, screened.summary.as_of)


def place(summary: Summary, patient: PatientKey, day: date) -> tuple[object, ...]:
    """The place in the list of a day; smaller comes first.

    Candidates first, fewer unknowns, the window that closes first (one that has closed by that
    day comes after those still open), fewer passes that rest on silence, fewer matters for a
    clinician, then the id.
    """
    left = _NO_END if summary.closes is None else (summary.closes - day).days
    return (
        _ORDER[summary.status],
        len(summary.open),
        left < 0,
        left,
        summary.silent,
        len(summary.for_review),
        patient.base,
        patient.id,
    )
