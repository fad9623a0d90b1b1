"""Amounts and their units: exact, aware of the analyte, never guessed.

A laboratory writes platelets as 26 10*3/uL, 26 10*9/L, 26000 /uL or 26 K/uL. Which of
these a unit may mean depends on the analyte ("G/L" is a count of platelets and a mass of
haemoglobin), so conversion is asked of an `Analyte`, whose table comes from `mappings/`.
All arithmetic is decimal: in binary floats 1.8 <= 1.5 * 1.2 is false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from cds_service.domain.making import quick_to_make

_ANNOTATION = re.compile(r"\{[^}]*\}")
_LITRE = re.compile(r"(?<=/)([dcmunpf]?)l\b")
_EXACTLY = Context(prec=50)
_MICRO = str.maketrans("\u00b5\u03bc", "uu")


@quick_to_make
@dataclass(frozen=True, slots=True)
class Conversion:
    """canonical = value * multiply_by / divide_by; both exact, so 25.65 umol/L is 1.5 mg/dL.

    `only_for` holds codes ("system|code") to which the unit is limited (haemoglobin in
    mmol/L), empty for all. `at_most` and `at_least` bound the values that can be meant (a fraction <= 1).
    """

    multiply_by: Decimal
    divide_by: Decimal = Decimal(1)
    at_most: Decimal | None = None
    only_for: frozenset[str] = frozenset()
    at_least: Decimal | None = None


@quick_to_make
@dataclass(frozen=True, slots=True)
class Analyte:
    """A quantity a laboratory or a radiologist reports, and the units it can have.

    `units` maps a unit (UCUM code, annotations in braces removed) to its conversion;
    `words` does the same for free-text unit strings, compared without case and spaces.
    `plausible` are the values, in `unit`, outside which a result is taken for an error.
    """

    name: str
    title: str
    unit: str
    units: Mapping[str, Conversion]
    words: Mapping[str, Conversion] = field(default_factory=dict)
    plausible: tuple[Decimal, Decimal] | None = None

    def conversion(self, unit: str, code: str | None = None) -> Conversion | None:
        """The conversion of a unit to `self.unit`, None where this analyte cannot have it.

        `code` is the test's "system|code", for units that only some tests can have.
        """
        found = self.units.get(unit) or self._of_odd_spelling(unit)
        if found is None or (found.only_for and code not in found.only_for):
            return None
        return found

    def _of_odd_spelling(self, unit: str) -> Conversion | None:
        bare = _ANNOTATION.sub("", unit).strip()
        found = self.units.get(bare) or self.units.get(unit.strip()) or self.words.get(fold_unit(unit))
        return found or self.units.get(_spelled(bare))


def _spelled(unit: str) -> str:
    """A UCUM code with its litre as "L" (UCUM knows "l" too) and its micro as "u"."""
    return _LITRE.sub(r"\1L", unit.translate(_MICRO))


def fold_unit(text: str) -> str:
    """A free-text unit as compared: lower case, no spaces, one kind of micro sign and of power."""
    folded = "".join(text.split()).lower()
    return folded.replace("\u00b5", "u").replace("\u03bc", "u").replace("**", "^")


@quick_to_make
@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a recorded amount cannot be used, in words for the data-quality list."""

    problem: str


def convert(analyte: Analyte, value: Decimal, unit: str | None, code: str | None = None) -> Decimal | Unusable:
    """The value in the analyte's own unit, or why it cannot be had. Nothing is rounded.

    A missing unit, a unit the analyte cannot have, and a value outside the plausible range
    are `Unusable`.
    """
    if not unit or unit.isspace():
        return Unusable(f"no unit is recorded for {analyte.title}")
    conversion = analyte.conversion(unit, code)
    if conversion is None:
        return Unusable(f"unit '{unit[:40]}' is not one {analyte.title} can have")
    if not value.is_finite():
        return Unusable(f"the value recorded for {analyte.title} is not a finite number")
    if conversion.at_most is not None and value > conversion.at_most:
        return Unusable(f"the value is too large for unit '{unit[:40]}' of {analyte.title}")
    if conversion.at_least is not None and value < conversion.at_least:
        return Unusable(f"the value is too small for unit '{unit[:40]}' of {analyte.title}")
    try:
        found = _EXACTLY.divide(_EXACTLY.multiply(value, conversion.multiply_by), conversion.divide_by)
    except (InvalidOperation, Overflow, DivisionByZero):
        return Unusable("the value is not a number that can be converted")
    if analyte.plausible and not analyte.plausible[0] <= found <= analyte.plausible[1]:
        return Unusable(f"the value is not plausible for {analyte.title} in '{unit[:40]}'")
    return found


def plain(value: Decimal) -> str:
    """A number for people: no exponent, thousands separated, no trailing zeros, at most 4 decimals.

    Numbers of more than 15 digits before the point, which nothing here measures, keep an exponent.
    """
    if abs(value.adjusted()) > 15:
        return str(value)
    rounded = value if value == value.to_integral_value() else round(value, 4)
    text = f"{rounded:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
