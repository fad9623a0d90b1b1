"""An assessment as a person wants to read it in a terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cds_service.domain.criteria import Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Basis, LesionSummary, Missing, Status, Verdict
from cds_service.reports.markdown import HEADLINES, STATES, in_words, place_of

_STYLES = {
    Outcome.PASS: ("green", "pass"),
    Outcome.FAIL: ("bold red", "fail"),
    Outcome.UNKNOWN: ("yellow", "unknown"),
    Outcome.REVIEW: ("cyan", "review"),
}
_STATUS_STYLES = {Status.CANDIDATE: "bold green", Status.POSSIBLE: "bold yellow", Status.INELIGIBLE: "bold red"}


def print_table(assessment: Assessment, trial: Trial, console: Console) -> None:
    """Writes the assessment to a console: status, criteria with reasons, lesions, what was noticed."""
    console.print(_table(assessment, trial))


def _table(assessment: Assessment, trial: Trial) -> RenderableType:
    parts: list[RenderableType] = [_head(assessment, trial), _criteria(assessment, trial)]
    if assessment.lesions.items:
        parts.append(_lesions(assessment))
    if assessment.data_quality:
        parts.append(_noticed(assessment))
    return Group(*parts, Text())


def _head(assessment: Assessment, trial: Trial) -> Text:
    text = Text()
    text.append(assessment.patient, style="bold")
    text.append(f"  {trial.short_title} on {assessment.as_of}\n")
    text.append(HEADLINES[assessment.status], style=_STATUS_STYLES[assessment.status])
    if assessment.closes is not None and assessment.status is not Status.INELIGIBLE:
        text.append(f"; what fits holds until {in_words(assessment.closes)}")
    return text


def _criteria(assessment: Assessment, trial: Trial) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    table.add_column("criterion", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("reason", overflow="fold")
    titles = {criterion.id: criterion.title for criterion in trial.criteria}
    order = (Outcome.FAIL, Outcome.UNKNOWN, Outcome.REVIEW, Outcome.PASS)
    for verdict in sorted(assessment.verdicts, key=lambda verdict: order.index(verdict.outcome)):
        style, word = _STYLES[verdict.outcome]
        table.add_row(Text(titles.get(verdict.id, verdict.id)), Text(word, style=style), _reason(verdict))
    return table


def _reason(verdict: Verdict) -> Text:
    text = Text(verdict.reason)
    if verdict.basis is Basis.DERIVED:
        text.append(" (derived)", style="dim")
    if verdict.valid_until:
        text.append(f" until {in_words(verdict.valid_until)}", style="dim")
    for item in verdict.missing:
        text.append(f"\nneeded: {_needed(item)}", style="yellow")
    return text


def _needed(item: Missing) -> str:
    days = [f"{word} {in_words(day)}" for word, day in (("from", item.opens), ("until", item.closes)) if day]
    return " ".join([f"{item.what} ({item.how})", *days])


def _lesions(assessment: Assessment) -> RenderableType:
    summary = assessment.lesions
    table = Table(
        title=f"Lesions: {_count(summary)} progressive",
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for column in ("lesion", "state", "before", "baseline", "why"):
        table.add_column(column, overflow="fold")
    for item in summary.items:
        sizes = [f"{size:f} mm" if size is not None else "" for size in (item.pre_baseline_mm, item.baseline_mm)]
        state = STATES[item.state] + ("" if item.counts else ", not counted")
        table.add_row(*(Text(cell) for cell in (place_of(item), state, *sizes, item.explanation or item.why)))
    return Padding(table, (1, 0, 0, 0))


def _count(summary: LesionSummary) -> str:
    if summary.count_min == summary.count_max:
        return str(summary.count_min)
    return f"{summary.count_min} to {summary.count_max}"


def _noticed(assessment: Assessment) -> Text:
    text = Text("\nNoticed in the record\n", style="bold")
    for note in assessment.data_quality:
        text.append(f"  {note.reference}: {note.problem}\n", style="not bold dim")
    return text
