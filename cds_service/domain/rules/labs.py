"""Laboratory limits: blood counts, bilirubin, transaminases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from cds_service.domain.case import Case
from cds_service.domain.codes import MeaningBasis, of_concept
from cds_service.domain.criteria import BilirubinLimit, LabLimit, LabTimesUpperLimit, Outcome
from cds_service.domain.dates import AsOf, days_after
from cds_service.domain.differential import with_derived
from cds_service.domain.facts import Condition, DataQuality, Evidence, Kind, LabResult
from cds_service.domain.limits import at_least, at_most, below
from cds_service.domain.quantities import plain
from cds_service.domain.results import (
    Decision,
    Latest,
    decide,
    latest_within,
    shown,
    spaced,
    title_of,
    upper_limits,
)
from cds_service.domain.truth import Truth, all_of, any_of
from cds_service.domain.verdicts import Basis, Finding, Missing

_LIVER = "liver"
_OUTCOMES = {Truth.TRUE: Outcome.PASS, Truth.FALSE: Outcome.FAIL, Truth.UNKNOWN: Outcome.UNKNOWN}


# --- one limit --------------------------------------------------------------------------------


def judge_limit(rule: LabLimit, case: Case, as_of: AsOf) -> Finding:
    """Whether the latest result of the window keeps the limits (CRITERIA I17a-c)."""
    gap = _not_retrieved(case, rule.analyte)
    if gap:
        return gap
    latest = latest_within(_results(rule, case), as_of, rule.within_days)
    lowest = -1 if rule.at_least is None else 1
    decision = decide(latest, lambda result: _keeps(rule, result), lambda result: lowest * _value(result))
    if decision is None:
        return _none_in_window(rule.analyte, rule.within_days, latest, as_of)
    reason = f"{title_of(rule.analyte)} {shown(decision.result)} ({_needs(rule)})"
    return _finding(decision, reason, latest, _repeat(rule.analyte, rule.within_days, as_of))


def _results(rule: LabLimit, case: Case) -> Iterable[LabResult]:
    direct = case.labs.get(rule.analyte, ())
    if rule.derived_from is None:
        return direct
    whole, percent = rule.derived_from
    return with_derived(direct, case.labs.get(whole, ()), case.labs.get(percent, ()))


def _keeps(rule: LabLimit, result: LabResult) -> Truth:
    value, sign = _value(result), result.comparator
    lower = Truth.TRUE if rule.at_least is None else at_least(value, sign, rule.at_least)
    upper = Truth.TRUE if rule.at_most is None else at_most(value, sign, rule.at_most)
    return lower & upper


def _needs(rule: LabLimit) -> str:
    parts = []
    if rule.at_least is not None:
        parts.append(f"{plain(rule.at_least)} or more")
    if rule.at_most is not None:
        parts.append(f"{plain(rule.at_most)} or less")
    return f"needs {' and '.join(parts)}"


# --- bilirubin ----------------------------------------------------------------------------------


def judge_bilirubin(rule: BilirubinLimit, case: Case, as_of: AsOf) -> Finding:
    """Whether total bilirubin is low enough in one of the three ways (CRITERIA I17d).

    At most the limit; or Gilbert and below the second limit; or the direct fraction of the
    same day (a day either side) within its own upper limit. The three are a plain "or".
    """
    gap = _not_retrieved(case, "bilirubin")
    if gap:
        return gap
    latest = latest_within(case.labs.get(rule.total, ()), as_of, rule.within_days)
    decision = decide(latest, lambda total: any_of(_ways(rule, case, total)), lambda total: -_value(total))
    if decision is None:
        return _none_in_window("total bilirubin", rule.within_days, latest, as_of)
    reason = f"Total bilirubin {shown(decision.result)} {_bilirubin_words(rule, case, decision.result)}"
    found = _finding(decision, reason, latest, _bilirubin_missing(rule, case, decision.result, as_of))
    return replace(found, evidence=(*found.evidence, *_bilirubin_evidence(rule, case, decision.result)))


def _ways(rule: BilirubinLimit, case: Case, total: LabResult) -> tuple[Truth, Truth, Truth]:
    value, sign = _value(total), total.comparator
    low = at_most(value, sign, rule.at_most)
    if low is Truth.TRUE:
        return low, Truth.FALSE, Truth.FALSE
    gilbert = below(value, sign, rule.gilbert_below) & _gilbert(rule, case)[0]
    return low, gilbert, _direct_normal(rule, case, total)[0]


def _gilbert(rule: BilirubinLimit, case: Case) -> tuple[Truth, tuple[Condition, ...]]:
    """Whether Gilbert syndrome is recorded; doubted, ended or told in words only: UNKNOWN."""
    named = case.conditions_of(rule.gilbert_concept)
    holding = [(c, m) for c in named for m in of_concept(c.meanings, rule.gilbert_concept) if m.use != "not_applicable"]
    conditions = tuple(condition for condition, _ in holding)
    if any(m.basis is MeaningBasis.CODE and c.is_active and not c.is_doubted for c, m in holding):
        return Truth.TRUE, conditions
    unread = case.facts.missing_kind(Kind.CONDITIONS) is not None
    return (Truth.UNKNOWN if holding or unread else Truth.FALSE), conditions


def _direct_normal(rule: BilirubinLimit, case: Case, total: LabResult) -> tuple[Truth, LabResult | None, str]:
    """Whether the direct fraction is within its own upper limit, the result, what is missing."""
    near = _near(case.labs.get(rule.direct, ()), total, rule.direct_within_days)
    missing = "no direct bilirubin of that day is recorded"
    for day in near:
        judged = [(_within_own_limit(case, direct), direct) for direct in day]
        together = all_of(truth for truth, _ in judged)
        if together is not Truth.UNKNOWN:
            return together, next(direct for truth, direct in judged if truth is together), ""
        missing = "the direct bilirubin of that day has no upper limit that decides"
    return Truth.UNKNOWN, near[0][0] if near else None, missing


def _near(results: tuple[LabResult, ...], total: LabResult, days: int) -> list[list[LabResult]]:
    """Usable results at most `days` days from a total, by distance, each day's together."""
    by_distance: dict[int, list[LabResult]] = {}
    for result in results:
        distance = _days_apart(result, total)
        if distance is not None and distance <= days and result.value is not None and result.use != "calc_percent":
            by_distance.setdefault(distance, []).append(result)
    return [by_distance[distance] for distance in sorted(by_distance)]


def _days_apart(one: LabResult, other: LabResult) -> int | None:
    if one.date is None or other.date is None or not (one.date.is_exact and other.date.is_exact):
        return None
    return abs((one.date.earliest - other.date.earliest).days)


def _within_own_limit(case: Case, result: LabResult) -> Truth:
    limits = upper_limits(result, case.facts.person)
    truths = {at_most(_value(result), result.comparator, limit) for limit in limits}
    return truths.pop() if len(truths) == 1 else Truth.UNKNOWN


def _bilirubin_words(rule: BilirubinLimit, case: Case, total: LabResult) -> str:
    low, gilbert, direct = _ways(rule, case, total)
    limit = f"{plain(rule.at_most)}{spaced(total.unit)}"
    if low is Truth.TRUE:
        return f"(needs {limit} or less)"
    ceiling = f"{plain(rule.gilbert_below)}{spaced(total.unit)}"
    if gilbert is Truth.TRUE:
        return f"with Gilbert syndrome (needs {limit} or less, below {ceiling} with Gilbert syndrome)"
    has_gilbert = _gilbert(rule, case)[0]
    _, result, missing = _direct_normal(rule, case, total)
    told = missing if result is None or missing else f"direct bilirubin {shown(result)}{_own_limit(case, result)}"
    match direct:
        case Truth.TRUE:
            note = " (although not below that for Gilbert syndrome)" if has_gilbert is Truth.TRUE else ""
            return f"is over {limit}, but {told}, which is accepted{note}"
        case Truth.FALSE if gilbert is Truth.FALSE:
            why = f"not below {ceiling} with Gilbert syndrome" if has_gilbert is Truth.TRUE else "no Gilbert syndrome"
            return f"is over {limit}; {told}; {why}"
        case _:
            doubt = "; Gilbert syndrome is not certain" if has_gilbert is Truth.UNKNOWN else ""
            return f"may be over {limit}; {told}{doubt}" if low is Truth.UNKNOWN else f"is over {limit}; {told}{doubt}"


def _own_limit(case: Case, result: LabResult) -> str:
    limits = " or ".join(plain(limit) for limit in upper_limits(result, case.facts.person))
    return f" (its upper limit {limits})" if limits else ""


def _bilirubin_missing(rule: BilirubinLimit, case: Case, total: LabResult, as_of: AsOf) -> Missing:
    new = _repeat("total and direct bilirubin", rule.within_days, as_of)
    if total.comparator is not None or total.date is None or not total.date.is_exact:
        return new
    day, apart = total.date.earliest, rule.direct_within_days
    how = "direct bilirubin with its reference range, of the same day as the total (a day either side)"
    if _gilbert(rule, case)[0] is Truth.UNKNOWN and _direct_normal(rule, case, total)[0] is Truth.FALSE:
        return Missing("Gilbert syndrome", "confirm or rule out Gilbert syndrome")
    return Missing("direct bilirubin", how, days_after(day, -apart), days_after(day, apart))


def _bilirubin_evidence(rule: BilirubinLimit, case: Case, total: LabResult) -> tuple[Evidence, ...]:
    if at_most(_value(total), total.comparator, rule.at_most) is Truth.TRUE:
        return ()
    direct = _direct_normal(rule, case, total)[1]
    conditions = tuple(condition.evidence for condition in _gilbert(rule, case)[1])
    return conditions if direct is None else (direct.evidence, *conditions)


# --- times the upper limit ------------------------------------------------------------------------


def judge_times_upper_limit(rule: LabTimesUpperLimit, case: Case, as_of: AsOf) -> Finding:
    """Whether a result is at most so many times its own upper limit (CRITERIA I17e).

    Between the two factors it turns on whether the organ bears an active metastasis; ruled
    out only by a baseline lesion list without it or an explicit negative (ruling 12).
    """
    gap = _not_retrieved(case, rule.analyte)
    if gap:
        return gap
    latest = latest_within(case.labs.get(rule.analyte, ()), as_of, rule.within_days)
    decision = decide(latest, lambda result: _low_enough(rule, case, result), lambda result: -_value(result))
    if decision is None:
        return _none_in_window(rule.analyte, rule.within_days, latest, as_of)
    reason = f"{title_of(rule.analyte)} {shown(decision.result)} {_ratio_words(rule, case, decision.result)}"
    found = _finding(decision, reason, latest, _ratio_missing(rule, case, decision.result, as_of))
    extra = case.cancer.liver_evidence if "metastasis is recorded" in reason else ()
    return replace(found, evidence=(*found.evidence, *extra))


def _low_enough(rule: LabTimesUpperLimit, case: Case, result: LabResult) -> Truth:
    truths = {_times(rule, case, result, limit) for limit in upper_limits(result, case.facts.person)}
    return truths.pop() if len(truths) == 1 else Truth.UNKNOWN


def _times(rule: LabTimesUpperLimit, case: Case, result: LabResult, limit: Decimal) -> Truth:
    plainly = at_most(_value(result), result.comparator, rule.times * limit)
    if plainly is Truth.TRUE or rule.times_with_metastasis is None:
        return plainly
    extended = at_most(_value(result), result.comparator, rule.times_with_metastasis * limit)
    return extended if extended is Truth.FALSE else plainly | (extended & _organ_bears_metastasis(rule, case))


def _organ_bears_metastasis(rule: LabTimesUpperLimit, case: Case) -> Truth:
    """Whether the organ bears an active metastasis; only of the liver is "no" ever known."""
    if rule.metastasis_organ in case.cancer.metastatic_sites:
        return Truth.TRUE
    liver = case.cancer.has_liver_metastasis if rule.metastasis_organ == _LIVER else Truth.UNKNOWN
    unread = case.facts.missing_kind(Kind.CONDITIONS, Kind.LESIONS) is not None
    return Truth.UNKNOWN if unread and liver is Truth.FALSE else liver


def _ratio_words(rule: LabTimesUpperLimit, case: Case, result: LabResult) -> str:
    limits = upper_limits(result, case.facts.person)
    if not limits:
        return "has no upper limit of normal recorded with it"
    uppers = " or ".join(plain(limit) for limit in limits)
    over = " or ".join(plain(_value(result) / limit) for limit in limits)
    words = f"is {over} x its upper limit {uppers} (needs {plain(rule.times)} x or less"
    if rule.times_with_metastasis is None:
        return f"{words})"
    words = f"{words}, {plain(rule.times_with_metastasis)} x with {rule.metastasis_organ} metastasis)"
    if all(at_most(_value(result), result.comparator, rule.times * limit) is Truth.TRUE for limit in limits):
        return words
    known = {Truth.TRUE: "is recorded", Truth.FALSE: "is ruled out", Truth.UNKNOWN: "is neither recorded nor ruled out"}
    return f"{words}; {rule.metastasis_organ} metastasis {known[_organ_bears_metastasis(rule, case)]}"


def _ratio_missing(rule: LabTimesUpperLimit, case: Case, result: LabResult, as_of: AsOf) -> Missing:
    limits = upper_limits(result, case.facts.person)
    if len(limits) == 1 and result.comparator is None and rule.metastasis_organ is not None:
        return Missing(
            f"{rule.metastasis_organ} metastasis",
            f"state whether the {rule.metastasis_organ} bears a metastasis (lesion list of the baseline scan)",
        )
    again = _repeat(rule.analyte, rule.within_days, as_of)
    return again if limits else replace(again, how=f"{again.how}, with its reference range")


# --- what they share --------------------------------------------------------------------------------


def _value(result: LabResult) -> Decimal:
    return result.value if result.value is not None else Decimal(0)


def _not_retrieved(case: Case, analyte: str) -> Finding | None:
    why = case.facts.missing_kind(Kind.OBSERVATIONS)
    if why is None:
        return None
    missing = Missing(_name(analyte), "laboratory results of this patient")
    return Finding(
        Outcome.UNKNOWN, f"Laboratory results were not retrieved: {why}", Basis.NO_RECORD, missing=(missing,)
    )


def _finding(decision: Decision, reason: str, latest: Latest, settles: Missing) -> Finding:
    result = decision.result
    outcome = _OUTCOMES[decision.truth]
    notes = [DataQuality(item.evidence.reference, item.problem or "no value") for item in latest.unusable]
    if decision.same_day_conflict:
        notes.append(DataQuality(result.evidence.reference, "results of one day disagree: the worse one decides"))
    return Finding(
        outcome,
        reason + _doubts(decision, latest),
        Basis.DERIVED if result.derived else Basis.RECORDED,
        (result.evidence, *result.also, *(item.evidence for item in latest.unusable)),
        (settles,) if outcome is Outcome.UNKNOWN else (),
        tuple(notes),
    )


def _doubts(decision: Decision, latest: Latest) -> str:
    result = decision.result
    doubts = [result.note] if result.note else []
    if decision.truth is Truth.UNKNOWN and result.comparator is not None:
        doubts.append("the sign before the value leaves it open")
    if decision.inexact and decision.truth is Truth.UNKNOWN:
        doubts.append("the recorded date is not exact enough to decide")
    if decision.same_day_conflict:
        doubts.append("another result of that day differs, the worse one decides")
    if latest.unusable:
        doubts.append(
            f"a result of {latest.unusable[0].date} cannot be used: {latest.unusable[0].problem or 'no value'}"
        )
    return "".join(f"; {doubt}" for doubt in doubts)


def _none_in_window(analyte: str, days: int, latest: Latest, as_of: AsOf) -> Finding:
    """No usable result in the window: says what there is instead, and when a new one would count."""
    name = _name(analyte)
    seen = latest.unusable or tuple(item for item in (latest.expired, latest.undated) if item is not None)
    notes = tuple(DataQuality(item.evidence.reference, item.problem or "no value") for item in latest.unusable)
    return Finding(
        Outcome.UNKNOWN,
        f"No usable {name} result in the last {days} days{_instead(latest)}",
        Basis.RECORDED if seen else Basis.NO_RECORD,
        tuple(item.evidence for item in seen),
        (_repeat(analyte, days, as_of),),
        notes,
    )


def _instead(latest: Latest) -> str:
    if latest.unusable:
        return f"; that of {latest.unusable[0].date} cannot be used: {latest.unusable[0].problem or 'no value'}"
    if latest.expired is not None:
        return f"; the latest is {shown(latest.expired)}, too old: repeat it"
    return "; one without a date is recorded" if latest.undated is not None else ""


def _repeat(analyte: str, days: int, as_of: AsOf) -> Missing:
    """The result that would settle it, and the days between which it would count today."""
    return Missing(_name(analyte), f"lab within {days} days", days_after(as_of.day, -days), as_of.day)


def _name(analyte: str) -> str:
    return analyte.upper() if len(analyte) <= 3 else analyte.replace("-", " ")
