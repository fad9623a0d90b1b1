"""The units of `mappings/analytes.yaml` compared with UCUM: dimension and factor.

Done by `cds-service mappings check` and in a test, not on every start: building the
library's registry takes longer than reading all mapping files. The exact factors that the
engine computes with stand in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pint
from ucumvert import PintUcumRegistry

from cds_service.catalog.analytes import UnitRow
from cds_service.catalog.mistakes import Mistakes

_ANNOTATION = re.compile(r"\{[^}]*\}")
_TOLERANCE = 1e-9


def note_units(units: Iterable[UnitRow], mistakes: Mistakes) -> None:
    """Notes every unit that UCUM does not know, and every factor it computes otherwise."""
    for row in units:
        problem = _problem(row) if row.ucum != "false" else None
        if problem is not None:
            mistakes.add(row.file, row.line, problem)


def _problem(row: UnitRow) -> str | None:
    unit, canonical = _quantity(row.unit), _quantity(row.canonical)
    if unit is None:
        return f"unit '{row.unit}' is not UCUM; correct it, or move it to 'words'"
    if canonical is None:
        return f"unit '{row.canonical}' of {row.analyte} is not UCUM; correct it"
    if row.ucum != "true":
        return None
    try:
        factor = float((unit / canonical).to("dimensionless").magnitude)
    except pint.DimensionalityError:
        return f"unit '{row.unit}' measures something else than '{row.canonical}' of {row.analyte}; take it out"
    stated = float(row.conversion.multiply_by / row.conversion.divide_by)
    if abs(stated - factor) > _TOLERANCE * abs(factor):
        return f"1 {row.unit} is {factor:.10g} {row.canonical} by UCUM, here it is {stated:.10g}; correct times or by"
    return None


@cache
def _registry() -> PintUcumRegistry:
    return PintUcumRegistry()


@cache
def _quantity(unit: str) -> Any:  # noqa: ANN401  (the library's own type is not exported)
    """The quantity a UCUM code stands for, None where it is none; annotations mean 1."""
    bare = _ANNOTATION.sub("", unit) or "1"
    try:
        return _registry().from_ucum(bare)
    except Exception:  # (the library raises its parser's errors as well as its own)
        return None
