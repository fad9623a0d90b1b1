"""Earlier lines of systemic therapy (CRITERIA ruling 16)."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import Outcome, PriorLinesAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind
from cds_service.domain.therapy import TherapyHistory
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding, Missing, TherapySummary

_NEEDED = (Kind.CONDITIONS, Kind.OBSERVATIONS, Kind.MEDICATIONS, Kind.ADMINISTRATIONS, Kind.PROCEDURES)
_ADDING = {Kind.STATEMENTS: "medication statements", Kind.EPISODES: "episodes of care", Kind.CAREPLANS: "care plans"}


def judge_prior_lines(rule: PriorLinesAtMost, case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001
    """Whether the lines for metastatic disease, the current one included, keep the limit.

    Only a history that reaches back to the metastasis can pass; an empty one is not zero lines.
    """
    gap = case.facts.missing_kind(*_NEEDED)
    if gap is not None:
        return _unknown(f"Therapy history was not retrieved: {gap}", TherapyHistory(), rule)
    history = case.therapy
    if history.summary is None:
        return _unknown("No dated evidence of metastasis from which to count lines of therapy", history, rule)
    fewest, most = history.summary.lines_min, history.summary.lines_max
    counted = f"{_lines(history.summary)} of systemic therapy for metastatic disease{_current(history)}"
    noted = _noted(case)
    if fewest > rule.lines:
        return _decided(Outcome.FAIL, f"{counted} (at most {rule.lines} allowed){noted}", history)
    if most <= rule.lines and history.covers is Truth.TRUE:
        return _decided(Outcome.PASS, f"{counted} (at most {rule.lines} allowed){noted}", history)
    why = _over(history, rule) if most > rule.lines else _uncovered(history)
    return _unknown(f"{counted}; {why}{noted}", history, rule)


def _lines(summary: TherapySummary) -> str:
    fewest, most = summary.lines_min, summary.lines_max
    number = str(most) if fewest == most else f"{fewest} to {most}"
    return f"{number} line{'' if number == '1' else 's'}"


def _current(history: TherapyHistory) -> str:
    return " including the current one" if history.ongoing else ""


def _noted(case: Case) -> str:
    absent = [words for kind, words in _ADDING.items() if case.facts.missing_kind(kind) is not None]
    return f" ({', '.join(absent)} not retrieved)" if absent else ""


def _over(history: TherapyHistory, rule: PriorLinesAtMost) -> str:
    return "; ".join(history.doubts) or f"it may be more than {rule.lines}"


def _uncovered(history: TherapyHistory) -> str:
    if history.unnamed:
        first = history.unnamed[0]
        day = f" of {first.date}" if first.date else ""
        return f"{first.text}{day} does not name the drug: how many lines it was is not known"
    since = f"metastasis ({history.index})"
    if not history.evidence:
        return f"no treatment is recorded since {since}, which is not the same as none given"
    return f"no treatment is recorded close to {since}: earlier lines may have been given elsewhere"


def _decided(outcome: Outcome, reason: str, history: TherapyHistory) -> Finding:
    basis = Basis.RECORDED if history.explicit else Basis.DERIVED
    return Finding(outcome, reason, basis, history.evidence)


def _unknown(reason: str, history: TherapyHistory, rule: PriorLinesAtMost) -> Finding:
    settles = Missing("lines of therapy", f"confirm the lines for metastatic disease (at most {rule.lines})")
    basis = Basis.DERIVED if history.evidence else Basis.NO_RECORD
    return Finding(Outcome.UNKNOWN, reason, basis, history.evidence, (settles,))
