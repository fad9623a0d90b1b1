"""Conditions that exclude (CRITERIA E1 to E4, E8, E9, ruling 14)."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.case import Case
from cds_service.domain.codes import Meaning, MeaningBasis, of_concept
from cds_service.domain.criteria import NoActiveCondition, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Condition, Kind
from cds_service.domain.making import quick_to_make
from cds_service.domain.verdicts import Basis, Finding, Missing

_WEIGHT = {Outcome.FAIL: 3, Outcome.REVIEW: 2, Outcome.UNKNOWN: 1, Outcome.PASS: 0}


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Said:
    """What one condition says to an exclusion; `doubt` is why it weighs less than its code."""

    condition: Condition
    meaning: Meaning
    outcome: Outcome
    doubt: str = ""


def judge_no_condition(rule: NoActiveCondition, case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (no window)
    """Whether no active condition of a concept stands in the way; the gravest one decides."""
    gap = case.facts.missing_kind(Kind.CONDITIONS)
    if gap is not None:
        missing = (Missing(rule.concept.replace("-", " "), "the problem list"),)
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=missing)
    known = [_say(rule, condition) for condition in case.conditions_of(rule.concept)]
    if not known:
        return Finding(Outcome.PASS, "Nothing of the kind is recorded", Basis.NO_RECORD)
    gravest = max(_WEIGHT[item.outcome] for item in known)
    deciding = [item for item in known if _WEIGHT[item.outcome] == gravest]
    reason = "; ".join(dict.fromkeys(_words(rule, item) for item in deciding))
    evidence = tuple(dict.fromkeys(item.condition.evidence for item in deciding))
    return Finding(deciding[0].outcome, reason, evidence=evidence)


def _say(rule: NoActiveCondition, condition: Condition) -> _Said:
    weighed = [_weigh(rule, condition, row) for row in of_concept(condition.meanings, rule.concept)]
    return max(weighed, key=lambda item: _WEIGHT[item.outcome])


def _weigh(rule: NoActiveCondition, condition: Condition, row: Meaning) -> _Said:
    outcome = rule.outcomes.get(row.use, Outcome.PASS)
    if not condition.is_active:
        status = condition.clinical_status.value if condition.clinical_status else "ended"
        return _Said(condition, row, Outcome.PASS, f"recorded as {status}")
    if outcome is not Outcome.FAIL:
        return _Said(condition, row, outcome, _why_weak(rule, condition, row))
    doubt = _why_weak(rule, condition, row)
    return _Said(condition, row, Outcome.REVIEW if doubt else Outcome.FAIL, doubt)


def _why_weak(rule: NoActiveCondition, condition: Condition, row: Meaning) -> str:
    """Why a condition is never more than a review: its words or a related code only, unconfirmed, a doubt word."""
    if row.basis is MeaningBasis.TEXT:
        return "known by its words only"
    if row.basis is MeaningBasis.RELATED:
        return "by a code of another code system than the mapped one, which may stand for more or something else"
    if condition.is_doubted:
        return f"recorded as {condition.verification.value}" if condition.verification else "recorded as unconfirmed"
    found = next((word for word in rule.doubt_words if _mentions(condition, word)), None)
    return f'documented as "{found}"' if found else ""


def _mentions(condition: Condition, phrase: str) -> bool:
    """Whether the words of a condition or its sites hold a phrase, word for word ("dural", not "subdural")."""
    for text in (condition.text, *(site.text for site in condition.sites)):
        words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
        if f" {phrase.casefold()} " in f" {' '.join(words)} ":
            return True
    return False


def _words(rule: NoActiveCondition, item: _Said) -> str:
    title = item.condition.text or item.condition.evidence.text
    since = f" since {item.condition.since}" if item.condition.since and item.condition.is_active else ""
    doubts = [item.doubt]
    if item.condition.is_active:
        doubts = [rule.likely.get(item.meaning.use, ""), item.meaning.note, item.doubt]
    said = [doubt for doubt in doubts if doubt]
    if item.outcome is Outcome.PASS and not said:
        said = ["for information"]
    return f"{title}{since}" + (f" ({'; '.join(said)})" if said else "")
