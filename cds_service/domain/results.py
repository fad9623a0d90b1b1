"""Which laboratory result decides: the latest usable one of the window, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cds_service.domain.dates import AsOf, PartialDate, years_after
from cds_service.domain.facts import LabResult, Person, ReferenceRange
from cds_service.domain.making import quick_to_make
from cds_service.domain.quantities import plain
from cds_service.domain.truth import Truth, all_of

UNFIT_USES = frozenset({"ignore", "caution"})


@quick_to_make
@dataclass(frozen=True, slots=True)
class Latest:
    """The results that may be the latest of a window, and what was passed over.

    `contenders` are the usable ones of the latest day; more days only where dates are
    partial. `surely_inside` is false when it is not certain that any lies in the window.
    `unusable` lie in the window, are newer than (or as new as) the contenders and cannot be
    used; `expired` is the latest before the window.
    """

    contenders: tuple[LabResult, ...] = ()
    surely_inside: bool = False
    unusable: tuple[LabResult, ...] = ()
    expired: LabResult | None = None
    undated: LabResult | None = None


def has_number(result: LabResult) -> bool:
    """Whether a result is usable against a limit."""
    return result.value is not None


def latest_within(
    results: Iterable[LabResult], as_of: AsOf, days: int, usable: Callable[[LabResult], bool] = has_number
) -> Latest:
    """The usable results of one analyte that may be the latest at most `days` days back.

    `results` latest first, undated last (as `PatientFacts` keeps them).
    """
    found: list[LabResult] = []
    unusable: list[LabResult] = []
    expired = undated = None
    floor = date.min
    for result in results:
        when = result.date
        if when is None:
            undated = result
            break
        if when.latest < floor:
            break
        inside = as_of.within_days(when, days)
        if inside is Truth.FALSE:
            expired = result
            break
        if not usable(result):
            unusable.append(result)
            continue
        found.append(result)
        floor = max(floor, when.earliest if inside is Truth.TRUE else date.min)
    contenders = tuple(result for result in found if _may_be_latest(result, floor))
    return Latest(contenders, floor > date.min, tuple(unusable), expired, undated)


def _may_be_latest(result: LabResult, floor: date) -> bool:
    return result.date is not None and result.date.latest >= floor


@quick_to_make
@dataclass(frozen=True, slots=True)
class Decision:
    """What the latest results say of a limit, the one that decides, whether others disagree."""

    truth: Truth
    result: LabResult
    same_day_conflict: bool = False
    inexact: bool = False


def decide(
    latest: Latest, holds: Callable[[LabResult], Truth], worst: Callable[[LabResult], Decimal]
) -> Decision | None:
    """What the contenders say together: of one day the worse decides, of several all must agree.

    `worst` gives the number by which the worse of two results is the smaller. None where
    there is no contender.
    """
    if not latest.contenders:
        return None
    judged = [(holds(result), result) for result in latest.contenders]
    truths = {truth for truth, _ in judged}
    exact = all(_is_exact(result) for _, result in judged)
    together = all_of(truths) if exact else _agreed(truths, latest.surely_inside)
    deciding = [result for truth, result in judged if truth is together] or [result for _, result in judged]
    values = {(result.value, result.comparator) for _, result in judged}
    return Decision(together, min(deciding, key=worst), exact and len(values) > 1, not exact)


def _agreed(truths: set[Truth], surely_inside: bool) -> Truth:
    return next(iter(truths)) if len(truths) == 1 and surely_inside else Truth.UNKNOWN


def _is_exact(result: LabResult) -> bool:
    return result.date is not None and result.date.is_exact


def of_analyte(results: Iterable[LabResult]) -> dict[str, tuple[LabResult, ...]]:
    """The results by analyte, order kept, without those whose code is not to be used."""
    found: dict[str, list[LabResult]] = {}
    for result in results:
        if result.use not in UNFIT_USES:
            found.setdefault(result.analyte, []).append(result)
    return {analyte: tuple(listed) for analyte, listed in found.items()}


def sort_results(results: Iterable[LabResult]) -> tuple[LabResult, ...]:
    """The results latest first, undated last."""
    return tuple(sorted(results, key=latest_key))


def latest_key(result: LabResult) -> tuple[int, int, str]:
    """What sorts results latest first, undated last, ties by reference."""
    day = result.date
    return (1, 0, result.evidence.reference) if day is None else (0, -day.latest.toordinal(), result.evidence.reference)


def upper_limits(result: LabResult, person: Person) -> tuple[Decimal, ...]:
    """The upper limits of normal that may be meant for this patient, smallest first.

    Only ranges of normal values, for the patient's sex and age on the day; ranges for
    another population are left out. More than one where the record does not settle which.
    """
    fitting = [found for found in result.ranges if _may_apply(found, person, result.date)]
    by_sex = [found for found in fitting if found.sexes]
    if by_sex and person.sex is not None:
        fitting = by_sex
    return tuple(sorted({found.high for found in fitting if found.high is not None and found.high > 0}))


def _may_apply(found: ReferenceRange, person: Person, when: PartialDate | None) -> bool:
    if not found.normal or found.applies_to_other:
        return False
    if found.sexes and person.sex is not None and person.sex not in found.sexes:
        return False
    return _age_may_fit(found, person.birth_date, when)


def _age_may_fit(found: ReferenceRange, birth: PartialDate | None, when: PartialDate | None) -> bool:
    if birth is None or when is None:
        return True
    if found.age_from is not None and years_after(birth.earliest, int(found.age_from)) > when.latest:
        return False
    return found.age_until is None or years_after(birth.latest, int(found.age_until) + 1) > when.earliest


def shown(result: LabResult) -> str:
    """A result for a reason: sign, number, unit, day; marked where preliminary."""
    sign = f"{result.comparator.value} " if result.comparator else ""
    amount = "no value" if result.value is None else f"{sign}{plain(result.value)}{spaced(result.unit)}"
    day = f" on {result.date}" if result.date else ""
    return f"{amount}{day}{' (preliminary)' if result.preliminary else ''}"


def spaced(unit: str) -> str:
    """A unit as written after a number: "/uL" close to it, "g/dL" after a space."""
    return unit if not unit or unit.startswith(("/", "%")) else f" {unit}"


def title_of(analyte: str) -> str:
    """An analyte's name at the head of a sentence: "ANC", "Platelets", "Total bilirubin"."""
    if len(analyte) <= 3:
        return analyte.upper()
    return " ".join(analyte.split("-")).capitalize()
