"""Every unit of every analyte against UCUM, as a library reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.catalog.analytes import UnitRow
from cds_service.catalog.loading import read_all
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.ucum import note_units

UNITS = read_all(Path(__file__).resolve().parents[2] / "mappings").units


def test_there_are_units_to_check() -> None:
    assert len(UNITS) > 80
    assert {row.analyte for row in UNITS} >= {"anc", "platelets", "hemoglobin", "bilirubin-total", "ast", "alt"}


@pytest.mark.parametrize("row", UNITS, ids=[f"{row.analyte}-{row.unit}" for row in UNITS])
def test_a_unit_converts_as_ucum_says(row: UnitRow) -> None:
    mistakes = Mistakes()
    note_units([row], mistakes)
    assert mistakes.lines() == []


def test_ucum_is_asked_wherever_it_can_say() -> None:
    apart = {(row.analyte, row.unit) for row in UNITS if row.ucum != "true"}
    assert apart == {
        ("neutrophil-percent", "{ratio}"),
        ("pregnancy-test", "{score}"),
        ("hemoglobin", "mmol/L"),
        ("bilirubin-total", "umol/L"),
        ("bilirubin-total", "mmol/L"),
        ("bilirubin-direct", "umol/L"),
        ("bilirubin-direct", "mmol/L"),
        *((name, unit) for name in ("ast", "alt") for unit in ("[IU]/L", "[iU]/L", "m[IU]/mL")),
        *((name, unit) for name in ("hcg", "fsh", "lh") for unit in ("U/L", "mU/mL")),
    }
