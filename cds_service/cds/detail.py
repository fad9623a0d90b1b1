"""The words of a card below its summary, in Markdown without HTML.

In the order in which a clinician asks: why now, why this patient, what is missing, what only I can
say, until when, whom do I call.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from cds_service.catalog.sites import Contact
from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Basis, Missing, Verdict
from cds_service.reports.escaping import escape_markdown as safe
from cds_service.reports.markdown import in_words
from cds_service.screening.speaking import Ordering

_named = lru_cache(maxsize=1024)(safe)
"""A criterion's title, escaped once: titles are the trial file's, and few."""
LEADING = ("histology", "stage-iv", "progression", "lesion-count", "baseline-imaging", "pre-baseline-imaging")
"""The criteria the trial turns on: their reasons are written out, the others' titles only."""
_EVIDENCE_SHOWN = 3


def write_detail(trial: Trial, assessment: Assessment, contact: Contact, ordering: Ordering | None = None) -> str:
    """The card's detail."""
    titles = {criterion.id: criterion.title for criterion in trial.criteria}
    parts = (
        _why_now(trial, ordering),
        _why(assessment, titles),
        _section("Missing", (_open(v, titles) for v in assessment.verdicts if v.outcome is Outcome.UNKNOWN)),
        _section("For you to judge", (_line(v, titles) for v in assessment.verdicts if v.outcome is Outcome.REVIEW)),
        _until(assessment),
        _contact(trial, contact),
    )
    return "\n\n".join(part for part in parts if part)


def _section(title: str, lines: Iterable[str]) -> str:
    listed = list(lines)
    return "\n".join((f"**{title}**", "", *listed)) if listed else ""


def _why_now(trial: Trial, ordering: Ordering | None) -> str:
    """What makes this the moment: what is being ordered, and what the trial offers in its place."""
    if not ordering:
        return ""
    agents = f": {safe(', '.join(ordering.agents))}" if ordering.agents else ""
    therapy = f"new systemic therapy{agents}" if ordering.agents or ordering.therapy else ""
    ordered = " and ".join(part for part in (therapy, "a staging scan" if ordering.staging else "") if part)
    instead = f" The trial's alternative is {safe(trial.alternative)}." if trial.alternative else ""
    return f"**Why now**\n\nBeing ordered: {ordered}.{instead}"


def _why(assessment: Assessment, titles: dict[str, str]) -> str:
    passed = [verdict for verdict in assessment.verdicts if verdict.outcome is Outcome.PASS]
    lines = [_line(verdict, titles) + _evidence(verdict) for verdict in passed if verdict.id in LEADING]
    others = [verdict for verdict in passed if verdict.id not in LEADING]
    for words, group in (
        ("Also fits", [v for v in others if v.kind is CriterionKind.INCLUSION]),
        ("Looked at and not excluding", [v for v in others if _is_exclusion(v) and v.basis is not Basis.NO_RECORD]),
        ("No record of", [v for v in others if _is_exclusion(v) and v.basis is Basis.NO_RECORD]),
    ):
        if group:
            lines.append(f"- {words}: {'; '.join(_named(titles.get(verdict.id, verdict.id)) for verdict in group)}")
    return _section("Why", lines)


def _is_exclusion(verdict: Verdict) -> bool:
    return verdict.kind is CriterionKind.EXCLUSION


def _line(verdict: Verdict, titles: dict[str, str]) -> str:
    return f"- {_named(titles.get(verdict.id, verdict.id))}: {safe(verdict.reason)}"


def _evidence(verdict: Verdict) -> str:
    """The first pieces of evidence with their dates, where the reason itself names none of them."""
    dated = [(item.text, item.date[:10] if item.date else "") for item in verdict.evidence if item.text]
    if any(day and day in verdict.reason for _, day in dated):
        return ""
    shown = [safe(f"{text} ({day})" if day else text) for text, day in dated[:_EVIDENCE_SHOWN]]
    if len(dated) > _EVIDENCE_SHOWN:
        shown.append(f"and {len(dated) - _EVIDENCE_SHOWN} more")
    return "".join(f"\n  - {item}" for item in shown)


def _open(verdict: Verdict, titles: dict[str, str]) -> str:
    needed = "".join(f"\n  - needed: {_needed(item)}" for item in verdict.missing)
    return f"- {_named(titles.get(verdict.id, verdict.id))}: {safe(verdict.reason)}{needed}"


def _needed(missing: Missing) -> str:
    days = [f"{word} {in_words(day)}" for word, day in (("from", missing.opens), ("until", missing.closes)) if day]
    how = f" ({safe(missing.how)})" if missing.how else ""
    return " ".join([f"{safe(missing.what)}{how}", *days])


def _until(assessment: Assessment) -> str:
    if assessment.closes is None:
        return "**Until when**\n\nNothing that fits today runs out by time alone."
    return f"**Until when**\n\nWhat fits today holds until {in_words(assessment.closes)}, if nothing new is recorded."


def _contact(trial: Trial, contact: Contact) -> str:
    ways = [safe(way) for way in (contact.team, contact.phone, contact.email) if way]
    whom = ", ".join(ways) or f"the {safe(trial.short_title)} trial team (see the registry page below)"
    return (
        f"**Contact**\n\n{whom}\n\n"
        "A computed reading of the record, not a decision: eligibility is confirmed by the trial team."
    )
