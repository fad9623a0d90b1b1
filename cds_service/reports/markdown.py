"""An assessment in Markdown that a tumour board can read without help."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import (
    Assessment,
    Basis,
    JudgedLesion,
    LesionState,
    Missing,
    ScanSet,
    Status,
    Verdict,
)
from cds_service.reports.escaping import escape_markdown as safe

HEADLINES = {
    Status.CANDIDATE: "Candidate: nothing recorded stands in the way",
    Status.POSSIBLE: "Possible: nothing recorded stands in the way, but something is not known",
    Status.INELIGIBLE: "Not eligible as recorded",
}
SECTIONS = (
    (Outcome.FAIL, "Stands in the way"),
    (Outcome.UNKNOWN, "Not known, and what would settle it"),
    (Outcome.REVIEW, "For the clinician to judge"),
    (Outcome.PASS, "Fits"),
)
EVIDENCE_SHOWN = 6
"""Records listed under a verdict; the JSON form has them all."""
STATES = {
    LesionState.PROGRESSIVE: "progressive",
    LesionState.NOT_PROGRESSIVE: "not progressive",
    LesionState.POSSIBLE: "possibly progressive",
    LesionState.UNKNOWN: "not known",
}


def in_words(day: date) -> str:
    """A day as written for people: 8 Dec 2026."""
    return f"{day.day} {day:%b %Y}"


def as_markdown(assessment: Assessment, trial: Trial) -> str:
    """The whole assessment as one Markdown document, ending in a line break."""
    titles = {criterion.id: criterion.title for criterion in trial.criteria}
    parts = [
        _head(assessment, trial),
        *(_section(assessment.verdicts, outcome, title, titles) for outcome, title in SECTIONS),
        _lesions(assessment),
        _scans(assessment),
        _therapy(assessment),
        _data_quality(assessment),
        _foot(assessment),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(assessment: Assessment, trial: Trial) -> str:
    lines = [
        f"# {trial.short_title} ({trial.registry_id}): {safe(assessment.patient)}",
        "",
        f"**{HEADLINES[assessment.status]}** on {in_words(assessment.as_of)}.",
    ]
    if assessment.closes is not None and assessment.status is not Status.INELIGIBLE:
        lines.append(f"What fits today holds until {in_words(assessment.closes)} if nothing new is recorded.")
    if assessment.next_change is not None:
        lines.append(f"The next verdict to change by time alone does so on {in_words(assessment.next_change)}.")
    return "\n".join(lines)


def _section(verdicts: Sequence[Verdict], outcome: Outcome, title: str, titles: dict[str, str]) -> str:
    chosen = [verdict for verdict in verdicts if verdict.outcome is outcome]
    if not chosen:
        return ""
    lines = [f"## {title}", ""]
    silent = []
    for verdict in chosen:
        name = titles.get(verdict.id, verdict.id)
        if outcome is Outcome.PASS and verdict.basis is Basis.NO_RECORD:
            silent.append(name)
        else:
            lines += _verdict(verdict, f"Exclusion: {name}" if verdict.kind is CriterionKind.EXCLUSION else name)
    if silent:
        lines.append(f"- Nothing is recorded of: {'; '.join(silent)}.")
    return "\n".join(lines)


def _verdict(verdict: Verdict, title: str) -> Iterable[str]:
    until = f" Holds until {in_words(verdict.valid_until)}." if verdict.valid_until else ""
    basis = " (derived)" if verdict.basis is Basis.DERIVED else ""
    yield f"- **{title}**{basis}: {safe(verdict.reason)}{_stop(verdict.reason)}{until}"
    for item in verdict.missing:
        yield f"  - Needed: {needed(item)}"
    for evidence in verdict.evidence[:EVIDENCE_SHOWN]:
        when = f", {evidence.date}" if evidence.date else ""
        yield f"  - {safe(evidence.text)} ({safe(evidence.reference)}{when})"
    more = len(verdict.evidence) - EVIDENCE_SHOWN
    if more > 0:
        yield f"  - and {more} more"


def _stop(sentence: str) -> str:
    return "" if sentence.rstrip().endswith((".", "?", "!")) else "."


def needed(item: Missing) -> str:
    """What would settle an unknown, with the days between which it would count."""
    days = ""
    if item.opens and item.closes:
        days = f", between {in_words(item.opens)} and {in_words(item.closes)}"
    elif item.opens:
        days = f", from {in_words(item.opens)}"
    elif item.closes:
        days = f", by {in_words(item.closes)}"
    return f"{safe(item.what)} ({safe(item.how)}){days}"


def _lesions(assessment: Assessment) -> str:
    summary = assessment.lesions
    if not summary.items:
        return ""
    count = str(summary.count_min)
    if summary.count_max != summary.count_min:
        count = f"{summary.count_min} to {summary.count_max}"
    lines = [
        "## Lesions",
        "",
        (
            f"Progressive lesions by the trial's count: **{count}**"
            f" ({summary.sensitivity_count} if all distant nodes count as one)."
        ),
        "",
        "| Lesion | State | Before, mm | Baseline, mm | Why |",
        "|---|---|---|---|---|",
        *(_lesion(item) for item in summary.items),
    ]
    return "\n".join(lines)


def place_of(item: JudgedLesion) -> str:
    """Where a lesion is, for people: "right lung", "left iliac node"; its key where nothing is known."""
    where = f"{item.chain} node" if item.chain else item.site or ""
    return " ".join(part for part in (item.side.value if item.side else "", where) if part) or item.key


def _lesion(item: JudgedLesion) -> str:
    name = safe(place_of(item))
    sizes = [f"{size:f}" if size is not None else "" for size in (item.pre_baseline_mm, item.baseline_mm)]
    state = STATES[item.state] + ("" if item.counts else ", not counted")
    return f"| {name} | {state} | {sizes[0]} | {sizes[1]} | {safe(item.explanation or item.why)} |"


def _scans(assessment: Assessment) -> str:
    if assessment.baseline is None and assessment.pre_baseline is None:
        return ""
    lines = ["## Scans compared", ""]
    lines += [f"- Baseline: {_scan(assessment.baseline)}"]
    lines += [f"- Earlier: {_scan(assessment.pre_baseline)}"]
    return "\n".join(lines)


def _scan(found: ScanSet | None) -> str:
    if found is None:
        return "none"
    return f"{in_words(found.day)} ({', '.join(safe(reference) for reference in found.references)})"


def _therapy(assessment: Assessment) -> str:
    therapy = assessment.therapy
    if therapy is None or not therapy.lines:
        return ""
    lines = ["## Systemic therapy for metastatic disease", ""]
    for line in therapy.lines:
        end = f" to {line.end}" if line.end else ""
        lines.append(f"{line.number}. {safe(', '.join(line.agents))}: {line.start or 'start not recorded'}{end}")
    return "\n".join(lines)


def _data_quality(assessment: Assessment) -> str:
    if not assessment.data_quality:
        return ""
    lines = ["## Noticed in the record", ""]
    lines += [f"- {safe(note.reference)}: {safe(note.problem)}" for note in assessment.data_quality]
    return "\n".join(lines)


def _foot(assessment: Assessment) -> str:
    return (
        f"Trial version {assessment.trial_version}, mappings {assessment.mappings_digest[:19] or 'not stated'},"
        f" engine {assessment.engine_version or 'not stated'}. A computed reading of the record, not a decision:"
        " eligibility is confirmed by the trial team."
    )
