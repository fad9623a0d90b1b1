"""The coordinator's list: who is on it, in which order, what changed since the last run, what people decided.

Three things are kept apart and never overwrite each other: what the machine says (assessments, each
run anew), what became of the record (a patient who vanished is marked), what a person decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from cds_service.screening.entries import Decided, Decision, PatientKey
from cds_service.screening.ports import Decisions, WorklistBook
from cds_service.screening.runs import Run, RunState, Standing, Stored
from cds_service.screening.screened import ESTABLISHED, Summary, place

SOON_DAYS = 7
"""A window that closes within so many days is said to."""

PASS, UNKNOWN, REVIEW, FAIL = "pass", "unknown", "review", "fail"


class Change(Enum):
    """What the last run changed about a patient's place on the list."""

    NEW = "new"
    CHANGED = "changed"
    LOST = "lost"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Move:
    """A criterion whose verdict is another than before ("unknown" to "pass")."""

    criterion: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A patient on the list, or one who left it.

    `moves` are the verdicts that changed with the last run; `before` what was said until then,
    None for a patient it met for the first time. `lost_because` names the criteria that took a
    patient off the list; empty where the record itself is gone.
    """

    stored: Stored
    change: Change = Change.SAME
    moves: tuple[Move, ...] = ()
    before: Summary | None = None
    decision: Decision | None = None
    lost_because: tuple[str, ...] = ()

    @property
    def vanished(self) -> bool:
        """Whether the last whole run did not meet the patient any more."""
        return self.stored.standing is Standing.VANISHED

    @property
    def is_decided(self) -> bool:
        """Whether a person's decision keeps the patient off the list."""
        return self.decision is not None and self.decision.decided is not Decided.REOPENED

    def days_left(self, day: date) -> int | None:
        """Days from `day` until the first pass runs out, negative when it has; None where none does."""
        closes = self.stored.summary.closes
        return None if closes is None else (closes - day).days

    def expires_soon(self, day: date) -> bool:
        """Whether what fits today stops fitting within a week, unless something new is recorded."""
        left = self.days_left(day)
        return left is not None and 0 <= left <= SOON_DAYS


@dataclass(frozen=True, slots=True)
class Worklist:
    """The list of a day.

    `waiting` are those nobody decided about, in order; `decided` the others, whatever the machine
    says of them now; `lost` those who left the list with the last run; `others` everyone else
    considered, only where asked for. `runs` are the last complete runs, `failed` later ones that
    are not: incomplete, or not ended.
    """

    trial: str
    day: date
    waiting: tuple[Entry, ...] = ()
    decided: tuple[Entry, ...] = ()
    lost: tuple[Entry, ...] = ()
    others: tuple[Entry, ...] = ()
    runs: tuple[Run, ...] = ()
    failed: tuple[Run, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everyone shown, each once."""
        decided = {entry.stored.patient for entry in self.decided}
        lost = (entry for entry in self.lost if entry.stored.patient not in decided)
        return (*self.waiting, *self.decided, *lost, *self.others)

    def of_change(self, change: Change) -> tuple[Entry, ...]:
        """Those waiting whom the last run changed in this way."""
        return tuple(entry for entry in self.waiting if entry.change is change)

    @property
    def expiring(self) -> tuple[Entry, ...]:
        """Those waiting whose window closes within a week."""
        return tuple(entry for entry in self.waiting if entry.expires_soon(self.day))


def read_worklist(
    book: WorklistBook,
    decisions: Mapping[PatientKey, Decision],
    trial: str,
    day: date,
    *,
    everyone: bool = False,
) -> Worklist:
    """The list of a trial on a day. `decisions` holds, of each patient, the one that holds."""
    last, failed = latest_runs(book.runs(trial))
    turned = {now.patient: (now, before) for now, before in book.turned(trial, [run.id for run in last])}
    found = {stored.patient: stored for stored in book.listed(trial, decisions)}
    if everyone:
        found |= {stored.patient: stored for stored in book.current(trial)}
    found |= {patient: now for patient, (now, _) in turned.items()}
    entries = [entry_of(stored, turned.get(patient), decisions.get(patient)) for patient, stored in _ranked(found, day)]
    return Worklist(
        trial,
        day,
        waiting=tuple(entry for entry in entries if _is_waiting(entry)),
        decided=tuple(entry for entry in entries if entry.is_decided),
        lost=tuple(entry for entry in entries if entry.change is Change.LOST and _concerns(entry)),
        others=tuple(entry for entry in entries if everyone and _is_other(entry)),
        runs=last,
        failed=failed,
    )


async def open_worklist(
    book: WorklistBook, decisions: Decisions, trial: str, day: date, *, everyone: bool = False
) -> Worklist:
    """The list of a trial on a day, as the store holds it now."""
    holding = await decisions.holding(trial)
    return await asyncio.to_thread(read_worklist, book, holding, trial, day, everyone=everyone)


def latest_runs(runs: Iterable[Run]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Of each server (or Group of one) the last complete run, and the last one if it was later and is not complete."""
    complete: dict[str, Run] = {}
    newest: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.started_at):
        source = run.source if run.base else ""
        newest[source] = run
        if run.state is RunState.COMPLETE:
            complete[source] = run
    failed = [run for run in newest.values() if run.state is not RunState.COMPLETE]
    return tuple(complete.values()), tuple(failed)


def entry_of(stored: Stored, turned: tuple[Stored, Stored | None] | None, decision: Decision | None) -> Entry:
    """A patient's place: `turned` is what the last run says and what was said before, None where it changed nothing."""
    if turned is None:
        return Entry(stored, decision=decision)
    before = turned[1]
    change, moves = change_between(stored, before)
    return Entry(
        stored,
        change,
        moves,
        before.summary if before is not None else None,
        decision,
        _lost_because(stored) if change is Change.LOST else (),
    )


def change_between(now: Stored, before: Stored | None) -> tuple[Change, tuple[Move, ...]]:
    """What turned between two assessments of a patient, of which the list shows those that are listed.

    A patient missed by the last run who was on the list is lost; one it met again is new.
    """
    moves = moves_between(before.summary, now.summary) if before is not None else ()
    match _was_on(now, before), _is_on(now):
        case False, True:
            return Change.NEW, moves
        case True, False:
            return Change.LOST, moves
        case True, True if moves or (before is not None and before.summary.closes != now.summary.closes):
            return Change.CHANGED, moves
        case _:
            return Change.SAME, ()


def moves_between(before: Summary, now: Summary) -> tuple[Move, ...]:
    """The criteria whose verdict is another, in the order in which they are listed now."""
    named = dict.fromkeys((*now.failed, *now.open, *now.for_review, *before.failed, *before.open, *before.for_review))
    pairs = ((name, verdict_in(before, name), verdict_in(now, name)) for name in named)
    return tuple(Move(name, was, verdict) for name, was, verdict in pairs if was != verdict)


def verdict_in(summary: Summary, criterion: str) -> str:
    """The verdict of a criterion, as the summary knows it."""
    if criterion in summary.failed:
        return FAIL
    if criterion in summary.open:
        return UNKNOWN
    return REVIEW if criterion in summary.for_review else PASS


def _lost_because(stored: Stored) -> tuple[str, ...]:
    if stored.standing is Standing.VANISHED:
        return ()
    unsettled = {*stored.summary.open, *stored.summary.for_review}
    return stored.summary.failed or tuple(name for name in ESTABLISHED if name in unsettled)


def _ranked(found: Mapping[PatientKey, Stored], day: date) -> Sequence[tuple[PatientKey, Stored]]:
    return sorted(found.items(), key=lambda item: place(item[1].summary, item[0], day))


def _is_on(stored: Stored) -> bool:
    return stored.summary.listed and stored.standing is Standing.CURRENT


def _was_on(now: Stored, before: Stored | None) -> bool:
    """Whether the patient was on the list until the run that turned it."""
    if now.turned_in != now.first_run:
        # The record itself came or went; what is said of it is what was said before.
        return now.summary.listed and now.standing is Standing.VANISHED
    return before is not None and _is_on(before)


def _is_waiting(entry: Entry) -> bool:
    return _is_on(entry.stored) and not entry.is_decided


def _concerns(entry: Entry) -> bool:
    """A patient who left the list concerns whoever works on it, but not where people are done with them."""
    return not entry.is_decided or (entry.decision is not None and entry.decision.decided is Decided.SCREENED)


def _is_other(entry: Entry) -> bool:
    return not (_is_waiting(entry) or entry.is_decided or entry.change is Change.LOST)
