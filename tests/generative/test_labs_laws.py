"""Laws of laboratory limits: signs, units, order, duplicates, older results."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from build import disease_rules, facts, lab, person
from hypothesis import given
from hypothesis import strategies as st

from cds_service.domain.case import Case
from cds_service.domain.criteria import LabLimit
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Comparator, LabResult
from cds_service.domain.limits import at_least, at_most, below
from cds_service.domain.quantities import Analyte, Conversion, convert
from cds_service.domain.rules.labs import judge_limit
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
LIMIT = Decimal(500)
RULE = LabLimit("anc", 28, at_least=LIMIT)

near = st.integers(-3, 3).map(lambda step: LIMIT + step)
signs = st.sampled_from([None, *Comparator])
days = st.sampled_from(
    ["2026-10-23", "2026-10-24", "2026-10-25", "2026-11-21", "2026-11-22", "2026-11", "2026-10", None]
)


def allowed(sign: Comparator | None, bound: Decimal) -> list[Decimal]:
    """Values near the bound that a sign allows."""
    around = [bound + Decimal(step) / 2 for step in range(-16, 17)]
    tests = {
        None: lambda value: value == bound,
        Comparator.LESS: lambda value: value < bound,
        Comparator.AT_MOST: lambda value: value <= bound,
        Comparator.AT_LEAST: lambda value: value >= bound,
        Comparator.MORE: lambda value: value > bound,
    }
    return [value for value in around if tests[sign](value)]


@given(bound=near, sign=signs)
def test_a_sign_decides_only_what_every_allowed_value_decides(bound: Decimal, sign: Comparator | None) -> None:
    for judge, holds in (
        (at_least, lambda value: value >= LIMIT),
        (at_most, lambda value: value <= LIMIT),
        (below, lambda value: value < LIMIT),
    ):
        answers = {holds(value) for value in allowed(sign, bound)}
        truth = judge(bound, sign, LIMIT)
        assert truth is Truth.UNKNOWN if len(answers) == 2 else truth in (Truth.UNKNOWN, Truth.TRUE, Truth.FALSE)
        if truth is not Truth.UNKNOWN:
            assert answers == {truth is Truth.TRUE}


def judged(results: list[LabResult]) -> Finding:
    return judge_limit(RULE, Case(facts(*results, of=person()), disease_rules(), frozenset()), AsOf(TODAY))


@st.composite
def results(draw: st.DrawFn) -> list[LabResult]:
    count = draw(st.integers(0, 5))
    return [
        lab("anc", str(draw(near)) if draw(st.integers(0, 4)) else None, on=draw(days), ref=f"r{index}", problem="unit")
        for index in range(count)
    ]


@given(found=results(), data=st.data())
def test_order_does_not_matter(found: list[LabResult], data: st.DataObject) -> None:
    assert judged(data.draw(st.permutations(found))) == judged(found)


@given(found=results())
def test_a_duplicate_changes_no_verdict(found: list[LabResult]) -> None:
    again = [*found, *found]
    assert judged(again).outcome is judged(found).outcome


@given(found=results())
def test_an_expired_result_changes_no_verdict(found: list[LabResult]) -> None:
    expired = lab("anc", "1", on="2026-10-01", ref="expired")
    assert judged([*found, expired]).outcome is judged(found).outcome


@given(found=results(), value=near)
def test_an_exact_result_of_today_decides_alone_but_for_others_of_today(found: list[LabResult], value: Decimal) -> None:
    others = [item for item in found if item.date is None or item.date.latest < TODAY]
    today = lab("anc", str(value), on="2026-11-22", ref="today")
    assert judged([*others, today]).outcome is judged([today]).outcome


COUNT = Analyte(
    "anc",
    "neutrophils",
    "/uL",
    units={"/uL": Conversion(Decimal(1)), "10*3/uL": Conversion(Decimal(1000)), "10*9/L": Conversion(Decimal(1000))},
)


@given(value=near, unit=st.sampled_from(["10*3/uL", "10*9/L"]))
def test_units_do_not_matter(value: Decimal, unit: str) -> None:
    assert convert(COUNT, value / 1000, unit) == convert(COUNT, value, "/uL")
