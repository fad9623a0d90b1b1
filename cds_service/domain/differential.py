"""Neutrophils from what a differential count gives, where nobody counted them as such.

Segmented plus band cells of one collection; or leukocytes times the percentage of the same
collection (same time, specimen or panel). One of segmented and band cells alone is a lower
bound. Source: CRITERIA I17a.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from heapq import merge

from cds_service.domain.facts import Comparator, Evidence, LabResult
from cds_service.domain.results import latest_key

_SEGMENTED = frozenset({"segmented_count", "segmented_percent"})
_BANDS = frozenset({"band_count", "band_percent"})
_PARTS = _SEGMENTED | _BANDS
_CORRECTED = "support_corrected"
_UPPER = frozenset({Comparator.LESS, Comparator.AT_MOST})


def with_derived(
    direct: Sequence[LabResult], wholes: Sequence[LabResult] = (), percents: Sequence[LabResult] = ()
) -> Iterable[LabResult]:
    """The results of a cell count, completed on days without a usable one by derived results, latest first.

    `wholes` count all cells, `percents` say what share of them; results of `direct` and
    `percents` that count segmented or band cells only are parts that add up. Each list is
    latest first; nothing is calculated before it is asked for.
    """
    measured = [result for result in direct if result.use not in _PARTS]
    days = {result.date for result in measured if result.value is not None} | {None}
    parts = [result for result in direct if result.use in _PARTS and result.date not in days]
    shares = [result for result in percents if result.date not in days] if wholes else []
    if not parts and not shares:
        return measured
    return merge(measured, _sums(parts), _products(wholes, shares), key=latest_key)


def _products(wholes: Sequence[LabResult], percents: Sequence[LabResult]) -> Iterator[LabResult]:
    complete = [percent for percent in percents if percent.use not in _PARTS and percent.value is not None]
    counted = {key for percent in complete for key in percent.collections}
    summed = [percent for percent in _sums(percents) if not percent.collections & counted]
    for percent in merge(complete, summed, key=latest_key):
        product = _product(_same_collection(percent, wholes), percent)
        if product is not None:
            yield product


def _same_collection(percent: LabResult, wholes: Sequence[LabResult]) -> LabResult | None:
    """The leukocyte count of the same collection: corrected for erythroblasts first, the lowest of several."""
    shared = [whole for whole in wholes if whole.value is not None and _of_one_draw(whole, percent)]
    corrected = [whole for whole in shared if whole.use == _CORRECTED]
    return min(corrected or shared, key=_amount, default=None)


def _of_one_draw(one: LabResult, other: LabResult) -> bool:
    return one.date == other.date and bool(one.collections & other.collections)


def _amount(result: LabResult) -> Decimal:
    return result.value if result.value is not None else Decimal(0)


def _product(whole: LabResult | None, percent: LabResult) -> LabResult | None:
    if whole is None:
        return None
    known, sign = _joint_sign(whole, percent)
    if not known:
        return None
    value = _amount(whole) * _amount(percent) / 100
    product = _derived(percent, whole, value, sign, f"{whole.evidence.text} x {percent.evidence.text}")
    return replace(product, unit=whole.unit)


def _sums(parts: Sequence[LabResult]) -> Iterator[LabResult]:
    usable = [part for part in parts if part.use in _PARTS and part.value is not None]
    bands = [part for part in usable if part.use in _BANDS]
    for part in usable:
        if part.use in _SEGMENTED:
            total = _sum(part, next((band for band in bands if _of_one_draw(band, part)), None))
            if total is not None:
                yield total


def _sum(part: LabResult, band: LabResult | None) -> LabResult | None:
    if band is not None:
        known, sign = _joint_sign(part, band)
        value = _amount(part) + _amount(band)
        text = f"{part.evidence.text} + {band.evidence.text}"
        return _derived(part, band, value, sign, text) if known else None
    if part.comparator in _UPPER:
        return None
    lonely = "segmented neutrophils without a band count, so at least this many"
    return replace(
        part, comparator=Comparator.AT_LEAST, ranges=(), use="derived", derived=True, note=_joined(lonely, part.note)
    )


def _joint_sign(one: LabResult, other: LabResult) -> tuple[bool, Comparator | None]:
    """Whether two results combine, and the sign of what they make: bounds must point one way."""
    signs = {sign for sign in (one.comparator, other.comparator) if sign is not None}
    if not signs:
        return True, None
    if signs <= _UPPER:
        return True, Comparator.AT_MOST if len(signs) > 1 else signs.pop()
    return not signs & _UPPER, Comparator.AT_LEAST


def _derived(main: LabResult, other: LabResult, value: Decimal, sign: Comparator | None, text: str) -> LabResult:
    return replace(
        main,
        value=value,
        comparator=sign,
        ranges=(),
        use="derived",
        derived=True,
        preliminary=main.preliminary or other.preliminary,
        note=_joined(f"calculated from {text}", other.note, "" if main.derived else main.note),
        evidence=Evidence(main.evidence.reference, main.evidence.date, text),
        also=(*main.also, *other.also, other.evidence),
    )


def _joined(*words: str) -> str:
    return "; ".join(word for word in words if word)
