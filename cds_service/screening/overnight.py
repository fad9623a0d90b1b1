"""All patients, once a night: run, judge whether the run can be believed, store it whole or not at all.

A run that read suspiciously little is incomplete: it is written down with its reasons, and
the list of the last complete run holds. Zero rows are never read as "no candidates".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from enum import Enum

from cds_service.domain.trials import Trial
from cds_service.errors import IncompleteRun
from cds_service.screening.entries import PatientKey
from cds_service.screening.ports import AssessmentBook, PopulationEngine, Runs
from cds_service.screening.runs import Run, RunState, Saved, Standing, Stored
from cds_service.screening.screened import EngineOutcome, RunCounts, place

_ALWAYS = ("Patient", "Condition")


class Since(Enum):
    """From when changes count, where it is no date."""

    LAST_RUN = "last"


@dataclass(frozen=True, slots=True)
class Order:
    """What to run: id, source, the base of its patients' ids, trial, day, and from when changes count.

    `source_problems` are those of bringing the source here (a download that is not complete).
    `rows_in_full` are the rows by type of the download of everything that changes were laid over.
    """

    run: str
    source: str
    trial: Trial
    as_of: date
    engine: str
    engine_version: str
    base: str = ""
    since: Since | date | None = None
    source_problems: tuple[str, ...] = ()
    rows_in_full: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """Whom to assess anew: who changed since an instant (or, without one, since they were last assessed),
    and those in no case left out: `held` are the others, by bare id, with a digest of their records.
    """

    held: Mapping[str, str]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class BeliefRules:
    """When a run is not to be believed: how much less than last time, and what part of the lines unreadable.

    A type with fewer rows than `few` last time may shrink, not disappear. `accept_drop`: an
    operator knows that the source holds less now.
    """

    most_drop: float = 0.3
    accept_drop: bool = False
    most_unreadable: float = 0.2
    few: int = 50


@dataclass(frozen=True, slots=True)
class Done:
    """A complete run, and what storing it changed."""

    run: Run
    saved: Saved


def screen_overnight(
    order: Order,
    runs: Runs,
    book: AssessmentBook,
    prepare: Callable[[Changes | None], PopulationEngine],
    rules: BeliefRules,
    now: Callable[[], datetime],
) -> Done:
    """The run, done and stored. Raises IncompleteRun, after writing it down, where it cannot be believed.

    The lock of `runs` must be held. What the engine, source or store raise comes through,
    the last list untouched.
    """
    last = runs.last(order.source, order.trial.id)
    changes = _changes(order, last, book)
    run = _begun(order, now(), whole=changes is None)
    runs.begin(run)
    engine = prepare(changes)
    outcome = engine.run()
    outcome.counts.rows_in_full = dict(order.rows_in_full)
    drops = tuple(_drops(outcome.counts, last.counts, rules)) if last is not None else ()
    problems = (*order.source_problems, *outcome.problems, *suspicions(outcome.counts, rules), *drops)
    if problems:
        runs.end(_ended(run, RunState.INCOMPLETE, outcome, now(), problems))
        advice = ". If the source does hold less now, run once with --accept-drop" if drops else ""
        raise IncompleteRun(f"the run is incomplete, the last list is kept: {_told(problems)}{advice}")
    complete = _ended(run, RunState.COMPLETE, outcome, now())
    unchanged = [PatientKey(order.base, identity) for identity in outcome.unchanged]
    return Done(complete, runs.complete(complete, engine.results(), unchanged))


def _begun(order: Order, at: datetime, *, whole: bool) -> Run:
    trial = order.trial
    return Run(
        id=order.run,
        source=order.source,
        trial=trial.id,
        trial_version=trial.version,
        mappings_digest=trial.digest,
        engine=order.engine,
        engine_version=order.engine_version,
        as_of=order.as_of,
        started_at=at,
        base=order.base,
        whole=whole,
    )


def _ended(run: Run, state: RunState, outcome: EngineOutcome, at: datetime, problems: Iterable[str] = ()) -> Run:
    return replace(run, state=state, counts=outcome.counts, ended_at=at, problems=tuple(problems))


def _changes(order: Order, last: Run | None, book: AssessmentBook) -> Changes | None:
    """Whom to assess anew; None for everybody: nothing asked, no earlier run, or other rules than then.

    Those on the list are always assessed anew: what they still need is told with the days on
    which it would count, and these pass without a verdict changing. So are those whom the last run
    of this source did not find: another source's run may have had other rules.
    """
    if order.since is None or last is None or not _same_rules(order, last):
        return None
    since = None if isinstance(order.since, Since) else datetime.combine(order.since, time.min, UTC)
    if since is not None and since > last.started_at:
        since = None  # what changed between the last run and that day counts too: the records themselves tell it
    known = book.held(order.trial.id, order.base)
    still = {
        identity: held.record
        for identity, held in known.items()
        if held.run == last.id and not held.listed and (held.next_change is None or held.next_change > order.as_of)
    }
    return Changes(still, since)


def _same_rules(order: Order, last: Run) -> bool:
    """Whether a stored assessment would come out the same today: same rules, and not a day before it was made."""
    then = (last.trial_version, last.mappings_digest, last.engine_version)
    trial = order.trial
    return then == (trial.version, trial.digest, order.engine_version) and order.as_of >= last.as_of


def suspicions(counts: RunCounts, rules: BeliefRules) -> Iterator[str]:
    """Why what was read cannot be all there is, whatever there was before; nothing where it may be."""
    for kind in _ALWAYS:
        if not counts.rows.get(kind):
            yield f"the source holds no {kind}"
    rows = sum(counts.rows.values())
    if counts.quarantined > rules.most_unreadable * (rows + counts.quarantined):
        yield f"{counts.quarantined} of {rows + counts.quarantined} lines cannot be read"


def _drops(counts: RunCounts, last: RunCounts, rules: BeliefRules) -> Iterator[str]:
    """Of what there is less than last time, by more than may be; a type of which there was any may not be gone."""
    if rules.accept_drop:
        return
    before, after = _comparable(last, counts)
    for kind, then in before.items():
        found = after.get(kind, 0)
        if then and not found and kind not in _ALWAYS:
            yield f"no {kind}, where the last run had {then}"
        elif found and then >= rules.few and found < (1 - rules.most_drop) * then:
            yield f"{found} {kind}, where the last run had {then}"


def _comparable(last: RunCounts, counts: RunCounts) -> tuple[dict[str, int], dict[str, int]]:
    """Rows by type that can be compared: changes laid over a download bring resources a second time."""
    before, after = last.rows, counts.rows
    if last.rows_in_full and counts.rows_in_full:
        before, after = last.rows_in_full, counts.rows_in_full
    return {**before, "patients": last.patients}, {**after, "patients": counts.patients}


def _told(problems: tuple[str, ...]) -> str:
    more = len(problems) - 5
    return "; ".join(problems[:5]) + (f"; and {more} more" if more > 0 else "")


def ranked(book: AssessmentBook, run: Run, *, every: bool = False) -> list[Stored]:
    """The list of a run, without documents: those listed, best first; with `every` all that were considered."""
    found = [
        stored
        for stored in book.current(run.trial, run.base)
        if stored.last_run == run.id and stored.standing is Standing.CURRENT and (every or stored.summary.listed)
    ]
    return sorted(found, key=lambda stored: place(stored.summary, stored.patient, run.as_of))
