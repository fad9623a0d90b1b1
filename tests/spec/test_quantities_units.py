"""Amounts and units: exact conversion, aware of the analyte, never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tables import each_row

from cds_service.domain.quantities import Analyte, Conversion, Unusable, convert, fold_unit, plain

COUNT = Analyte(
    "platelets",
    "platelets",
    "/uL",
    units={"/uL": Conversion(Decimal(1)), "10*3/uL": Conversion(Decimal(1000)), "10*9/L": Conversion(Decimal(1000))},
    words={fold_unit("K/uL"): Conversion(Decimal(1000)), fold_unit("x10^3/uL"): Conversion(Decimal(1000))},
    plausible=(Decimal(1000), Decimal(5000000)),
)
MASS = Analyte(
    "hemoglobin",
    "haemoglobin",
    "g/dL",
    units={
        "g/dL": Conversion(Decimal(1)),
        "g/L": Conversion(Decimal(1), Decimal(10)),
        "mmol/L": Conversion(
            Decimal("1.6114"),
            at_least=Decimal(3),
            at_most=Decimal(14),
            only_for=frozenset({"http://loinc.org|59260-0"}),
        ),
    },
)
SHARE = Analyte(
    "percent",
    "share",
    "%",
    units={"%": Conversion(Decimal(1)), "1": Conversion(Decimal(100), at_most=Decimal(1))},
    plausible=(Decimal(0), Decimal(100)),
)
BILIRUBIN = Analyte(
    "bilirubin-total",
    "bilirubin",
    "mg/dL",
    units={"mg/dL": Conversion(Decimal(1)), "umol/L": Conversion(Decimal(1), Decimal("17.1"))},
)
ANALYTES = {"count": COUNT, "mass": MASS, "share": SHARE, "bilirubin": BILIRUBIN}
MOLAR = "http://loinc.org|59260-0"


@each_row(
    """
    of        | value | unit              | becomes
    count     | 26    | 10*3/uL           | 26000
    count     | 26    | 10*9/L            | 26000
    count     | 26000 | /uL               | 26000
    count     | 26000 | {cells}/uL        | 26000
    count     | 26    | 10*3{cells}/uL    | 26000
    count     | 26    | K/uL              | 26000
    count     | 26    | k / ul            | 26000
    count     | 26    | K/\u00b5L         | 26000
    count     | 26    | x10^3/uL          | 26000
    count     | 26    | x10**3/\u03bcL    | 26000
    count     | 26    | 10*9/l            | 26000
    count     | 26    | g/dL              |
    count     | 26    | foo               |
    count     | 26    |                   |
    count     | 26    | {platelets}       |
    count     | 26    | /uL               |
    count     | 1000  | /uL               | 1000
    count     | 999   | /uL               |
    count     | 5000  | 10*3/uL           | 5000000
    count     | 5001  | 10*3/uL           |
    mass      | 70    | g/L               | 7
    mass      | 69.9  | g/L               | 6.99
    mass      | 13.5  | g/dl              | 13.5
    share     | 0.6   | 1                 | 60
    share     | 1     | 1                 | 100
    share     | 60    | 1                 |
    share     | 101   | %                 |
    bilirubin | 25.65 | umol/L            | 1.5
    bilirubin | 51.3  | umol/L            | 3
    bilirubin | 51.3  | \u00b5mol/L       | 3
    bilirubin | NaN   | mg/dL             |
    bilirubin | Infinity | mg/dL          |
    share     | NaN   | 1                 |
    bilirubin | 1E+999999999 | mg/dL      |
    share     | 1E+999999999 | %          |
    count     | 26.123456789012345678901234567890123 | 10*3/uL | 26123.456789012345678901234567890123
    """
)
def test_conversion(row: dict[str, str]) -> None:
    found = convert(ANALYTES[row["of"]], Decimal(row["value"]), row["unit"] or None)
    if row["becomes"]:
        assert found == Decimal(row["becomes"])
    else:
        assert isinstance(found, Unusable)


@each_row(
    """
    value | code                     | becomes
    4.4   | http://loinc.org|59260-0 | 7.09016
    4.4   | http://loinc.org|718-7   |
    3     | http://loinc.org|59260-0 | 4.8342
    2.9   | http://loinc.org|59260-0 |
    14    | http://loinc.org|59260-0 | 22.5596
    14.1  | http://loinc.org|59260-0 |
    """.replace("g|", "g#")
)
def test_a_unit_that_only_some_tests_have(row: dict[str, str]) -> None:
    found = convert(MASS, Decimal(row["value"]), "mmol/L", row["code"].replace("#", "|"))
    assert found == Decimal(row["becomes"]) if row["becomes"] else isinstance(found, Unusable)


def test_a_problem_names_the_unit_but_no_value() -> None:
    found = convert(COUNT, Decimal(777), "foo")
    assert found == Unusable("unit 'foo' is not one platelets can have")
    implausible = convert(COUNT, Decimal(777), "/uL")
    assert isinstance(implausible, Unusable)
    assert "777" not in implausible.problem


def test_a_long_unit_is_cut_short() -> None:
    found = convert(COUNT, Decimal(26), "x" * 500)
    assert isinstance(found, Unusable)
    assert len(found.problem) < 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("26000", "26,000"),
        ("7.00", "7"),
        ("1.5", "1.5"),
        ("0", "0"),
        ("1E+3", "1,000"),
        ("1.23456", "1.2346"),
        ("-3.10", "-3.1"),
        ("1E+15", "1,000,000,000,000,000"),
        ("1E+16", "1E+16"),
        ("1E+400", "1E+400"),
    ],
)
def test_numbers_for_people(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text
