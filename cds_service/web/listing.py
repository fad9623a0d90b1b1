"""What the coordinator's pages show, in the words they show it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from cds_service.domain.criteria import Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Basis, Status, Verdict
from cds_service.reports.markdown import HEADLINES, SECTIONS, STATES, in_words, place_of
from cds_service.reports.stored import read_stored
from cds_service.reports.worklists import (
    decision_in_words,
    left_in_words,
    loss_in_words,
    move_in_words,
    standing_of,
    titles_of,
)
from cds_service.screening.entries import Decided, Decision, PatientKey
from cds_service.screening.runs import Standing, Stored
from cds_service.screening.worklist import Change, Entry, Worklist, moves_between

PAGE = 100
"""Patients on one page."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the list that can be chosen, and how many are in it."""

    key: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One patient on the list."""

    number: int
    patient: str
    server: str
    status: str
    until: str
    left: str
    soon: bool
    diagnosis: str
    lesions: str
    unknown: tuple[str, ...]
    standing: str
    why: str
    decision: str


@dataclass(frozen=True, slots=True)
class Judged:
    """One criterion on the worksheet."""

    title: str
    reason: str
    until: str
    needed: tuple[str, ...]
    evidence: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The criteria of one verdict; `silent` are those of which nothing is recorded."""

    key: str
    title: str
    criteria: tuple[Judged, ...]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Worksheet:
    """One patient's page."""

    number: int
    patient: str
    server: str
    link: str
    status: str
    headline: str
    day: str
    until: str
    next_change: str
    notices: tuple[tuple[str, int | None], ...]
    sections: tuple[Section, ...]
    lesion_count: str
    lesions: tuple[tuple[str, str, str, str, str], ...]
    scans: tuple[tuple[str, str], ...]
    therapy: tuple[str, ...]
    noticed: tuple[tuple[str, str], ...]
    earlier: tuple[tuple[int, str, str, str], ...]
    foot: str


def tabs_of(worklist: Worklist) -> tuple[Tab, ...]:
    """The parts of the list, the whole of it first."""
    return (
        Tab("waiting", "Waiting", worklist.waiting),
        Tab("new", "New", worklist.of_change(Change.NEW)),
        Tab("changed", "Changed", worklist.of_change(Change.CHANGED)),
        Tab("soon", "Within 7 days", worklist.expiring),
        Tab("lost", "Off the list", worklist.lost),
        Tab("decided", "Decided", worklist.decided),
    )


def rows_of(
    entries: Sequence[Entry], day: date, trial: Trial, documents: Callable[[Sequence[int]], Mapping[int, bytes]]
) -> tuple[Row, ...]:
    """The rows of one page."""
    found = documents([entry.stored.number for entry in entries])
    titles = titles_of(trial)
    return tuple(_row(entry, read_stored(found[entry.stored.number]), day, titles) for entry in entries)


def _row(entry: Entry, assessment: Assessment, day: date, titles: Mapping[str, str]) -> Row:
    fits = not (entry.stored.summary.failed or entry.vanished)
    closes = entry.stored.summary.closes
    return Row(
        number=entry.stored.number,
        patient=f"Patient/{entry.stored.patient.id}",
        server=entry.stored.patient.base,
        status=entry.stored.summary.status,
        until=(in_words(closes) if closes else "no end") if fits else "",
        left=left_in_words(entry, day) if fits else "",
        soon=entry.expires_soon(day),
        diagnosis=_reason(assessment, "histology"),
        lesions=lesions_in_words(assessment),
        unknown=tuple(titles.get(name, name) for name in entry.stored.summary.open),
        standing=standing_of(entry),
        why=_why(entry, assessment, titles),
        decision="" if entry.decision is None else decision_in_words(entry.decision),
    )


def _why(entry: Entry, assessment: Assessment, titles: Mapping[str, str]) -> str:
    """What the last run changed: why a patient left, or which verdicts are others now."""
    if entry.vanished:
        return loss_in_words(entry, titles)
    if entry.change is Change.LOST:
        return "; ".join(_reason(assessment, name) for name in entry.lost_because)
    return "; ".join(move_in_words(move, titles) for move in entry.moves)


def worksheet_of(stored: Stored, history: Sequence[Stored], trial: Trial, decision: Decision | None) -> Worksheet:
    """One patient's page from a stored assessment; `history` are all of the patient's, the first one first."""
    assessment = read_stored(stored.document)
    titles = titles_of(trial)
    closes, changes = assessment.closes, assessment.next_change
    return Worksheet(
        number=stored.number,
        patient=assessment.patient,
        server=stored.patient.base,
        link=record_link(stored.patient),
        status=assessment.status.value,
        headline=HEADLINES[assessment.status],
        day=in_words(assessment.as_of),
        until=in_words(closes) if closes and assessment.status is not Status.INELIGIBLE else "",
        next_change=in_words(changes) if changes else "",
        notices=tuple(_notices(stored, history, decision)),
        sections=tuple(_sections(assessment, titles)),
        lesion_count=lesions_in_words(assessment),
        lesions=tuple(_lesions(assessment)),
        scans=tuple(_scans(assessment)),
        therapy=tuple(_therapy(assessment)),
        noticed=tuple((note.reference, note.problem) for note in assessment.data_quality),
        earlier=tuple(_earlier(history, titles)),
        foot=f"Trial version {assessment.trial_version}, mappings {assessment.mappings_digest[:19] or 'not stated'},"
        f" engine {assessment.engine_version or 'not stated'}",
    )


def record_link(patient: PatientKey) -> str:
    """Where the patient's record is on the FHIR server; empty where the server is not known."""
    return f"{patient.base}/Patient/{patient.id}" if urlsplit(patient.base).scheme in ("http", "https") else ""


def lesions_in_words(assessment: Assessment) -> str:
    """The progressive lesions by the trial's count: "2", "2 to 3"."""
    fewest, most = assessment.lesions.count_min, assessment.lesions.count_max
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _reason(assessment: Assessment, criterion: str) -> str:
    return next((verdict.reason for verdict in assessment.verdicts if verdict.id == criterion), "")


def _notices(stored: Stored, history: Sequence[Stored], decision: Decision | None) -> Iterable[tuple[str, int | None]]:
    if decision is not None and decision.decided is not Decided.REOPENED:
        yield f"Decided: {decision_in_words(decision)}", None
    if stored.superseded and history:
        yield "This is an earlier assessment. A later one is there:", history[-1].number
    elif stored.standing is Standing.VANISHED:
        yield "The last run did not meet this patient: no longer in the source, or without evidence of cancer.", None


def _sections(assessment: Assessment, titles: Mapping[str, str]) -> Iterable[Section]:
    for outcome, title in SECTIONS:
        found = [verdict for verdict in assessment.verdicts if verdict.outcome is outcome]
        told = [verdict for verdict in found if verdict.basis is not Basis.NO_RECORD]
        silent = [titles.get(one.id, one.id) for one in found if one.basis is Basis.NO_RECORD]
        if found:
            criteria = tuple(_judged(verdict, titles.get(verdict.id, verdict.id)) for verdict in told)
            yield Section(outcome.value, title, criteria, tuple(silent))


def _judged(verdict: Verdict, title: str) -> Judged:
    until = in_words(verdict.valid_until) if verdict.valid_until and verdict.outcome is Outcome.PASS else ""
    evidence = tuple((item.reference, item.date or "", item.text) for item in verdict.evidence)
    return Judged(title, verdict.reason, until, tuple(_needed(verdict)), evidence)


def _needed(verdict: Verdict) -> Iterable[str]:
    for item in verdict.missing:
        days = [f"{word} {in_words(day)}" for word, day in (("from", item.opens), ("until", item.closes)) if day]
        yield " ".join([f"{item.what} ({item.how})", *days])


def _lesions(assessment: Assessment) -> Iterable[tuple[str, str, str, str, str]]:
    for item in assessment.lesions.items:
        sizes = [f"{size:f}" if size is not None else "" for size in (item.pre_baseline_mm, item.baseline_mm)]
        state = STATES[item.state] + ("" if item.counts else ", not counted")
        yield place_of(item), state, sizes[0], sizes[1], item.explanation or item.why


def _scans(assessment: Assessment) -> Iterable[tuple[str, str]]:
    for name, found in (("Baseline", assessment.baseline), ("Earlier", assessment.pre_baseline)):
        yield name, f"{in_words(found.day)}: {', '.join(found.references)}" if found else "none"


def _therapy(assessment: Assessment) -> Iterable[str]:
    for line in assessment.therapy.lines if assessment.therapy else ():
        end = f" to {line.end}" if line.end else ""
        yield f"{', '.join(line.agents)}: {line.start or 'start not recorded'}{end}"


def _earlier(history: Sequence[Stored], titles: Mapping[str, str]) -> Iterable[tuple[int, str, str, str]]:
    """All assessments of the patient, the last one first: number, day, status, what then changed."""
    for at in range(len(history) - 1, -1, -1):
        summary = history[at].summary
        moves = moves_between(history[at - 1].summary, summary) if at else ()
        told = "; ".join(move_in_words(move, titles) for move in moves)
        yield history[at].number, in_words(summary.as_of), summary.status, told
