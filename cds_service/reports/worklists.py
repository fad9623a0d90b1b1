"""The coordinator's list as CSV, as NDJSON of assessments, as plain data of the API, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds_service.domain.trials import Trial
from cds_service.reports.lists import COLUMNS, cells_of, csv_cell, csv_line
from cds_service.reports.markdown import in_words
from cds_service.screening.entries import Decided, Decision
from cds_service.screening.runs import Run, RunState
from cds_service.screening.worklist import Change, Entry, Move, Worklist

Json = dict[str, Any]

DECISION_COLUMNS = ("decision", "decided_by", "decided_at", "note")
"""What a person writes; `import-decisions` reads them back, with `server` and `patient`."""
WORKLIST_COLUMNS = ("assessment", "server", *COLUMNS, "change", "because", "expires_soon", *DECISION_COLUMNS)
DECIDED = {
    Decided.SCREENED: "Screening",
    Decided.REFUSED: "Patient declined",
    Decided.ENROLLED: "Enrolled",
    Decided.NOT_ELIGIBLE: "Not eligible",
    Decided.REOPENED: "Reopened",
}
MOST_PROBLEMS = 3
"""Reasons told of an incomplete run; all are in the database."""
_CHANGES = {Change.NEW: "new", Change.CHANGED: "changed", Change.LOST: "off the list", Change.SAME: ""}
_STATUS_STYLES = {"candidate": "green", "possible": "yellow", "ineligible": "red"}


def csv_of(entries: Iterable[Entry], day: date, document_of: Callable[[Entry], bytes]) -> Iterator[str]:
    """The list as CSV, a heading first; no cell is a formula to a spreadsheet."""
    yield csv_line(WORKLIST_COLUMNS)
    for rank, entry in enumerate(entries, start=1):
        document = json.loads(document_of(entry))
        decision = entry.decision
        cells = (
            entry.stored.number,
            entry.stored.patient.base,
            *cells_of(rank, document, day),
            standing_of(entry),
            because(entry),
            "yes" if entry.expires_soon(day) else "",
            decision.decided.value if decision else "",
            decision.by if decision else "",
            decision.at.isoformat() if decision else "",
            decision.note if decision else "",
        )
        yield csv_line(csv_cell(cell) for cell in cells)


def standing_of(entry: Entry) -> str:
    """What the last run made of a place: "new", "changed", "off the list", "vanished", or nothing."""
    return "vanished" if entry.vanished else _CHANGES[entry.change]


def because(entry: Entry, titles: Mapping[str, str] | None = None) -> str:
    """Why a patient left the list, or which verdicts the last run changed."""
    if entry.change is Change.LOST or entry.vanished:
        return loss_in_words(entry, titles or {})
    return "; ".join(move_in_words(move, titles) for move in entry.moves)


def move_in_words(move: Move, titles: Mapping[str, str] | None = None) -> str:
    """A changed verdict: "Platelets: unknown, now pass"."""
    return f"{(titles or {}).get(move.criterion, move.criterion)}: {move.was}, now {move.now}"


def titles_of(trial: Trial) -> dict[str, str]:
    """The title of each criterion."""
    return {criterion.id: criterion.title for criterion in trial.criteria}


def loss_in_words(entry: Entry, titles: Mapping[str, str]) -> str:
    """Why a patient left the list."""
    if entry.vanished:
        return "No longer in the source, or without any recorded evidence of cancer"
    return "; ".join(titles.get(name, name) for name in entry.lost_because)


def worklist_json(worklist: Worklist) -> Json:
    """The list as plain data."""
    return {
        "trial": worklist.trial,
        "day": worklist.day.isoformat(),
        "runs": [run_json(run) for run in (*worklist.runs, *worklist.failed)],
        "waiting": [entry_json(entry, worklist.day) for entry in worklist.waiting],
        "decided": [entry_json(entry, worklist.day) for entry in worklist.decided],
        "lost": [entry_json(entry, worklist.day) for entry in worklist.lost],
        "others": [entry_json(entry, worklist.day) for entry in worklist.others],
    }


def run_json(run: Run) -> Json:
    """A run as plain data."""
    return {
        "id": run.id,
        "server": run.base,
        "state": run.state.value,
        "as_of": run.as_of.isoformat(),
        "started_at": _instant(run.started_at),
        "ended_at": None if run.ended_at is None else _instant(run.ended_at),
        "trial_version": run.trial_version,
        "mappings_digest": run.mappings_digest,
        "patients": run.counts.patients,
        "considered": run.counts.considered,
        "problems": list(run.problems),
    }


def entry_json(entry: Entry, day: date) -> Json:
    """A patient's place as plain data."""
    summary = entry.stored.summary
    plain: Json = {
        "assessment": entry.stored.number,
        "server": entry.stored.patient.base,
        "patient": f"Patient/{entry.stored.patient.id}",
        "status": summary.status,
        "listed": summary.listed,
        "standing": entry.stored.standing.value,
        "as_of": summary.as_of.isoformat(),
        "unknown": list(summary.open),
        "for_review": list(summary.for_review),
        "failed": list(summary.failed),
        "closes": _day(summary.closes),
        "days_left": entry.days_left(day),
        "expires_soon": entry.expires_soon(day),
        "next_change": _day(summary.next_change),
        "change": entry.change.value,
        "moves": [{"criterion": move.criterion, "was": move.was, "now": move.now} for move in entry.moves],
        "lost_because": list(entry.lost_because),
    }
    if entry.decision is not None:
        plain["decision"] = decision_json(entry.decision)
    return plain


def decision_json(decision: Decision) -> Json:
    """A decision as plain data."""
    return {
        "decided": decision.decided.value,
        "by": decision.by,
        "at": _instant(decision.at),
        "note": decision.note,
    }


def print_worklist(worklist: Worklist, trial: Trial, console: Console) -> None:
    """Write the list to a console: who waits, in order, then who left, then the runs it rests on."""
    console.print(Text(f"{trial.short_title} on {in_words(worklist.day)}: {heading_of(worklist)}", style="bold"))
    for run in worklist.failed:
        why = "".join(f"\n  {problem}" for problem in run.problems[:MOST_PROBLEMS])
        console.print(Text(f"{trouble_in_words(run)}. This is the list before it{why}", style="red"))
    for run in worklist.runs:
        console.print(Text(run_in_words(run), style="dim"))
    titles = titles_of(trial)
    for title, entries in sections_of(worklist):
        if entries:
            console.print(Text(f"\n{title}", style="bold"))
            console.print(_table(entries, worklist.day, titles))


def trouble_in_words(run: Run) -> str:
    """What became of a run that is not complete."""
    if run.state is RunState.RUNNING:
        return f"The run of {in_words(run.as_of)} has not ended: it is at work, or was stopped"
    return f"The run of {in_words(run.as_of)} is incomplete"


def run_in_words(run: Run) -> str:
    """What a run read: day, source, patients, what could not be read."""
    counts = run.counts
    where = f" on {run.base}" if run.base else ""
    parts = [f"{counts.patients} patients", f"{counts.considered} with evidence of cancer"]
    parts += [f"{counts.quarantined} lines could not be read"] if counts.quarantined else []
    parts += [f"{counts.dropped} resources name no patient"] if counts.dropped else []
    parts += [f"of {counts.partly_read} patients something could not be read"] if counts.partly_read else []
    parts += [] if run.whole else ["only those with changes, due, or on the list were assessed anew"]
    return f"Run for {in_words(run.as_of)}{where}: {', '.join(parts)}"


def sections_of(worklist: Worklist) -> tuple[tuple[str, tuple[Entry, ...]], ...]:
    """The parts of the list with their titles."""
    return (
        ("Waiting for the trial team", worklist.waiting),
        ("Off the list since the last run", worklist.lost),
        ("Decided", worklist.decided),
        ("Others who were considered", worklist.others),
    )


def heading_of(worklist: Worklist) -> str:
    """How many wait, are new, changed, run out soon, and left."""
    counts = (
        (len(worklist.waiting), "waiting"),
        (len(worklist.of_change(Change.NEW)), "new"),
        (len(worklist.of_change(Change.CHANGED)), "changed"),
        (len(worklist.expiring), "running out within 7 days"),
        (len(worklist.lost), "off the list"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts)


def days_in_words(entry: Entry, day: date) -> str:
    """Until when what fits today holds: "8 Dec 2026 (16 days)", and whether that is soon."""
    closes = entry.stored.summary.closes
    soon = ", soon" if entry.expires_soon(day) else ""
    return "no end" if closes is None else f"{in_words(closes)} ({left_in_words(entry, day)}{soon})"


def left_in_words(entry: Entry, day: date) -> str:
    """How long what fits today still holds: "16 days", "today", "over"; empty where it has no end."""
    match entry.days_left(day):
        case None:
            return ""
        case 0:
            return "today"
        case 1:
            return "1 day"
        case left:
            return f"{left} days" if left > 0 else "over"


def _table(entries: Iterable[Entry], day: date, titles: Mapping[str, str]) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("no.", "patient", "status", "until", "not known", "since the last run", "decision"):
        table.add_column(column, overflow="fold", justify="right" if column == "no." else "left")
    for entry in entries:
        summary = entry.stored.summary
        table.add_row(
            Text(str(entry.stored.number)),
            Text(f"Patient/{entry.stored.patient.id}"),
            Text(summary.status, style=_STATUS_STYLES.get(summary.status, "")),
            Text(days_in_words(entry, day), style="bold" if entry.expires_soon(day) else ""),
            Text(", ".join(titles.get(name, name) for name in summary.open)),
            Text(_since_last_run(entry, titles)),
            Text("" if entry.decision is None else decision_in_words(entry.decision)),
        )
    return table


def _since_last_run(entry: Entry, titles: Mapping[str, str]) -> str:
    return ": ".join(part for part in (standing_of(entry), because(entry, titles)) if part)


def decision_in_words(decision: Decision) -> str:
    """A decision with who made it and when."""
    return f"{DECIDED[decision.decided]} ({decision.by}, {in_words(decision.at.astimezone().date())})"


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
