"""A laboratory's own limits, structured or as text, in the analyte's unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from cds_service.domain.facts import ReferenceRange, Sex
from cds_service.domain.quantities import Analyte, fold_unit
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.extract.words import all_words
from cds_service.fhir.resources import CodeableConcept, Observation, ObservationComponent, Quantity
from cds_service.fhir.resources import ReferenceRange as FhirRange

_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_TEXT = re.compile(
    rf"[(\[]?\s*(?:(?P<low>{_NUMBER})\s*(?:-|\u2013|\u2014|to)\s*|(?P<sign><=|=<|<|\u2264|up to)\s*)(?P<high>{_NUMBER})"
    r"(?:\s+(?P<far>[^\s)\]\-][^\s)\]]{0,30})|(?P<near>[^\s\d.)\]\-][^\s)\]]{0,30}))?\s*[)\]]?",
    re.ASCII | re.IGNORECASE,
)
_FEMALE = frozenset({"female", "f", "women", "woman", "females"})
_MALE = frozenset({"male", "m", "men", "man", "males"})
_NORMAL = ("normal", "normal range")
_YEARS = {"a": 1, "year": 1, "years": 1, "yr": 1, "yrs": 1, "y": 1, "mo": 12, "month": 12, "months": 12}
_MOST_DIGITS = 30
_OLDEST = Decimal(150)
_EVERYBODY = frozenset({"adult", "adults", "all", "normal population", "general population"})


def read_ranges(
    of: Observation | ObservationComponent, analyte: Analyte, unit: str | None, code: str, context: ReadingContext
) -> tuple[ReferenceRange, ...]:
    """The reference ranges of one result; a limit without a unit is in the value's own."""
    if not of.reference_range:
        return ()
    units = _Units(analyte, unit, code)
    return tuple([found for item in of.reference_range if (found := _range(item, units, context)) is not None])


class _Units:
    """How the limits of one result convert."""

    __slots__ = ("_analyte", "_code", "_own", "_unit")

    def __init__(self, analyte: Analyte, unit: str | None, code: str) -> None:
        self._analyte = analyte
        self._unit = unit
        self._code = code
        self._own = analyte.conversion(unit, code) if unit else None

    def converted(self, value: Decimal | None, unit: str | None) -> Decimal | None:
        """A limit in the analyte's unit; None where it cannot be had."""
        if value is None or not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            return None
        same = unit is None or unit == self._unit
        conversion = self._own if same else self._analyte.conversion(unit or "", self._code)
        return None if conversion is None else value * conversion.multiply_by / conversion.divide_by

    def limit(self, quantity: Quantity | None) -> Decimal | None:
        """The same of a quantity, whose unit is its code, else its words."""
        if quantity is None:
            return None
        found = self.converted(quantity.value, quantity.code or quantity.unit or None)
        told = quantity.unit if found is None and quantity.code else None
        return self.converted(quantity.value, told) if told else found


def _range(item: FhirRange, units: _Units, context: ReadingContext) -> ReferenceRange | None:
    low, high = units.limit(item.low), units.limit(item.high)
    if item.low is None and item.high is None and item.text:
        low, high = _of_text(item.text, units)
    if low is None and high is None:
        return None
    if not item.applies_to and item.age is None and item.type is None:
        return ReferenceRange(low, high)
    sexes, other = _applies(item.applies_to, context)
    age_from, age_until, odd_age = _ages(item)
    return ReferenceRange(
        low=low,
        high=high,
        normal=_is_normal(item.type),
        sexes=sexes,
        age_from=age_from,
        age_until=age_until,
        applies_to_other=other or odd_age,
    )


def _of_text(text: str, units: _Units) -> tuple[Decimal | None, Decimal | None]:
    low, high, unit = parse_range(text)
    return units.converted(low, unit), units.converted(high, unit)


@lru_cache(maxsize=4096)
def parse_range(text: str) -> tuple[Decimal | None, Decimal | None, str | None]:
    """Low, high and unit of a range in words ("0 - 40", "<= 40", "0.0 - 0.3 mg/dL"); Nones for other words."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None, None, None
    low = Decimal(found["low"]) if found["low"] else None
    high = Decimal(found["high"])
    if low is not None and low > high:
        return None, None, None
    return low, high, found["far"] or found["near"]


def _is_normal(kind: CodeableConcept | None) -> bool:
    """Whether a range is of normal values: stated so, or of no type."""
    if kind is None or not (kind.coding or kind.text):
        return True
    words = {(coding.code or coding.display or "").strip().lower() for coding in kind.coding} | {
        (kind.text or "").strip().lower()
    }
    return not words.isdisjoint(_NORMAL)


def _applies(populations: Iterable[CodeableConcept], context: ReadingContext) -> tuple[frozenset[Sex], bool]:
    """The sexes a range applies to, and whether it is for a population that cannot be judged."""
    sexes: set[Sex] = set()
    other = False
    for population in populations:
        words = {word.lower() for text in all_words(population) for word in text.replace("(", " ").split()}
        words |= {(coding.code or "").lower() for coding in population.coding}
        sexes_named = {sex for sex, names in ((Sex.FEMALE, _FEMALE), (Sex.MALE, _MALE)) if words & names}
        coded = {meaning.group for meaning in context.meanings(population) if meaning.concept == "sex"}
        sexes_named |= {sex for sex in (Sex.FEMALE, Sex.MALE) if sex.value in coded}
        everybody = any(text.strip().lower() in _EVERYBODY for text in all_words(population))
        sexes |= sexes_named
        other = other or not (sexes_named or everybody)
    return frozenset(sexes), other


def _ages(item: FhirRange) -> tuple[Decimal | None, Decimal | None, bool]:
    """Age bounds in years; the last is true where their unit is not known."""
    if item.age is None:
        return None, None, False
    bounds = [_years(quantity) for quantity in (item.age.low, item.age.high)]
    odd = any(
        bound is None and quantity is not None
        for bound, quantity in zip(bounds, (item.age.low, item.age.high), strict=True)
    )
    return bounds[0], bounds[1], odd


def _years(quantity: Quantity | None) -> Decimal | None:
    if quantity is None or quantity.value is None or not quantity.value.is_finite():
        return None
    units = (fold_unit(text) for text in (quantity.code, quantity.unit) if text)
    divisor = next((_YEARS[unit] for unit in units if unit in _YEARS), None)
    return None if divisor is None else min(quantity.value / divisor, _OLDEST)
