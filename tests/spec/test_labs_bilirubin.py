"""Bilirubin: at most 1.5 mg/dL, or Gilbert and below 3.0, or a direct fraction within its own range."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from build import condition, disease_rules, facts, lab, person
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import BilirubinLimit, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind
from cds_service.domain.quantities import Analyte, Conversion, convert
from cds_service.domain.rules.labs import judge_bilirubin
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
RULE = BilirubinLimit(
    total="bilirubin-total",
    direct="bilirubin-direct",
    within_days=28,
    at_most=Decimal("1.5"),
    gilbert_concept="gilbert",
    gilbert_below=Decimal(3),
    direct_within_days=1,
)


def judged(*found: object, **more: object) -> Finding:
    return judge_bilirubin(RULE, Case(facts(*found, of=person(), **more), disease_rules(), frozenset()), AsOf(TODAY))


def total(value: str, *, on: str = "2026-11-10", sign: str | None = None, ref: str = "total") -> object:
    return lab("bilirubin-total", value, on=on, sign=sign, ref=ref)


def direct(value: str | None, *, on: str = "2026-11-10", high: str | None = "0.3", ref: str = "direct") -> object:
    return lab("bilirubin-direct", value, on=on, high=high, ref=ref, problem=None if value else "no value")


def gilbert(**more: object) -> object:
    return condition("gilbert/GILBERT/bilirubin_exception", text="Gilbert syndrome", **more)


@each_row(
    """
    total | sign | gilbert | direct | its limit | verdict
    1.5   |      |         |        |           | pass
    1.5   |      |         | 1.0    | 0.3       | pass
    1.51  |      |         |        |           | unknown
    1.51  |      | yes     |        |           | pass
    2.99  |      | yes     |        |           | pass
    3.0   |      | yes     |        |           | unknown
    3.0   |      | yes     | 0.3    | 0.3       | pass
    3.0   |      | yes     | 0.31   | 0.3       | fail
    2.99  |      | yes     | 0.31   | 0.3       | pass
    1.51  |      |         | 0.3    | 0.3       | pass
    1.51  |      |         | 0.31   | 0.3       | fail
    9.0   |      |         | 0.2    | 0.3       | pass
    1.51  |      |         | 0.2    |           | unknown
    1.5   | <    |         |        |           | pass
    2.0   | <    |         |        |           | unknown
    2.0   | <    |         | 0.2    | 0.3       | pass
    2.0   | <    | yes     |        |           | pass
    3.0   | <    | yes     |        |           | pass
    1.5   | >    |         |        |           | unknown
    1.5   | >    |         | 0.4    | 0.3       | fail
    1.5   | >    | yes     | 0.4    | 0.3       | unknown
    """
)
def test_the_three_ways(row: dict[str, str]) -> None:
    found = [total(row["total"], sign=row["sign"] or None)]
    if row["gilbert"]:
        found.append(gilbert())
    if row["direct"]:
        found.append(direct(row["direct"], high=row["its limit"] or None))
    assert judged(*found).outcome.value == row["verdict"]


@each_row(
    """
    status   | verified    | by words | verdict
    active   | confirmed   |          | pass
             |             |          | pass
    inactive | confirmed   |          | unknown
    resolved | confirmed   |          | unknown
    active   | provisional |          | unknown
    active   | confirmed   | yes      | unknown
    """
)
def test_how_certain_gilbert_must_be(row: dict[str, str]) -> None:
    recorded = gilbert(status=row["status"] or None, verified=row["verified"] or None, text_only=bool(row["by words"]))
    assert judged(total("2.0"), direct("0.5"), recorded).outcome.value == row["verdict"]


def test_crigler_najjar_is_not_gilbert() -> None:
    other = condition("gilbert/GILBERT_NOT/not_applicable", text="Crigler-Najjar syndrome")
    assert judged(total("2.0"), direct("0.5"), other).outcome is Outcome.FAIL


@each_row(
    """
    direct on  | verdict
    2026-11-10 | fail
    2026-11-09 | fail
    2026-11-11 | fail
    2026-11-08 | unknown
    2026-11-12 | unknown
    2026-11    | unknown
    """
)
def test_the_direct_fraction_is_of_the_same_day_or_one_beside_it(row: dict[str, str]) -> None:
    assert judged(total("2.0"), direct("0.5", on=row["direct on"])).outcome.value == row["verdict"]


@each_row(
    """
    first           | second          | verdict | why
    2026-11-10 0.2  | 2026-11-11 0.5  | pass    | the same day comes first
    2026-11-11 0.2  | 2026-11-09 0.5  | fail    | equally near: the worse decides
    2026-11-10 ?    | 2026-11-11 0.2  | pass    | an unusable one hides nothing
    2026-11-10 0.2  | 2026-11-10 0.5  | fail    | the worse of one day
    """
)
def test_which_direct_fraction_decides(row: dict[str, str]) -> None:
    given = [cell.split() for cell in (row["first"], row["second"])]
    found = [direct(None if value == "?" else value, on=on, ref=f"d{n}") for n, (on, value) in enumerate(given)]
    assert judged(total("2.0"), *found).outcome.value == row["verdict"]


def test_a_direct_share_has_no_limit_of_its_own() -> None:
    share = lab("bilirubin-direct", "20", use="calc_percent", high="25")
    assert judged(total("2.0"), share).outcome is Outcome.UNKNOWN


def test_the_direct_fraction_may_be_a_day_older_than_the_window() -> None:
    found = judged(total("2.0", on="2026-10-25"), direct("0.2", on="2026-10-24"))
    assert found.outcome is Outcome.PASS


def test_a_missing_direct_fraction_is_asked_for_by_its_days() -> None:
    found = judged(total("2.0"))
    (missing,) = found.missing
    assert missing.what == "direct bilirubin"
    assert (missing.opens, missing.closes) == (date(2026, 11, 9), date(2026, 11, 11))


def test_an_expired_total_is_asked_for_again() -> None:
    found = judged(total("1.0", on="2026-10-24"))
    assert found.outcome is Outcome.UNKNOWN
    assert found.missing[0].what == "total bilirubin"


def test_gilbert_not_certain_is_what_is_asked_for() -> None:
    found = judged(total("2.0"), direct("0.5"), gilbert(verified="provisional"))
    assert found.missing[0].what == "Gilbert syndrome"


def test_conditions_not_retrieved_leave_gilbert_open() -> None:
    unread = {"not_retrieved": ((Kind.CONDITIONS, "timed out"),)}
    assert judged(total("2.0"), direct("0.5"), **unread).outcome is Outcome.UNKNOWN
    assert judged(total("1.5"), **unread).outcome is Outcome.PASS
    assert judged(total("2.0"), direct("0.2"), **unread).outcome is Outcome.PASS


def test_gilbert_above_its_limit_passes_by_the_direct_fraction_and_says_so() -> None:
    found = judged(total("3.5"), direct("0.2"), gilbert())
    assert found.outcome is Outcome.PASS
    assert "although not below" in found.reason
    assert [item.reference for item in found.evidence] == ["Observation/total", "Observation/direct", "Condition/c1"]


def test_the_latest_total_decides() -> None:
    older = total("9.0", on="2026-11-01", ref="older")
    assert judged(total("1.0"), older).outcome is Outcome.PASS
    assert judged(total("9.0"), total("1.0", on="2026-11-01", ref="older"), direct("5")).outcome is Outcome.FAIL


def test_two_totals_of_a_day_the_worse_decides() -> None:
    found = judged(total("1.0", ref="a"), total("1.6", ref="b"), direct("0.5"))
    assert found.outcome is Outcome.FAIL
    assert len(found.notes) == 1


@each_row(
    """
    umol/L | gilbert | verdict
    25.65  |         | pass
    25.66  |         | unknown
    51.3   | yes     | unknown
    51.29  | yes     | pass
    """
)
def test_molar_values_are_converted_exactly(row: dict[str, str]) -> None:
    molar = Analyte("bilirubin-total", "bilirubin", "mg/dL", {"umol/L": Conversion(Decimal(1), Decimal("17.1"))})
    value = convert(molar, Decimal(row["umol/L"]), "umol/L")
    found = [total(str(value)), *([gilbert()] if row["gilbert"] else [])]
    assert judged(*found).outcome.value == row["verdict"]


def test_results_not_retrieved_leave_it_open() -> None:
    unread = {"not_retrieved": ((Kind.OBSERVATIONS, "timed out"),)}
    assert judged(total("1.0"), **unread).outcome is Outcome.UNKNOWN


@each_row(
    """
    sign | total | below 3.0 with Gilbert
    <=   | 3.0   | unknown
    <=   | 2.99  | pass
    <    | 3.0   | pass
    >=   | 3.0   | unknown
    """
)
def test_signs_against_the_limit_with_gilbert(row: dict[str, str]) -> None:
    assert judged(total(row["total"], sign=row["sign"]), gilbert()).outcome.value == row["below 3.0 with Gilbert"]


@each_row(
    """
    total on   | direct on  | verdict | because
    2026-11-01 | 2026-11-02 | pass    | a day either side
    2026-11-02 | 2026-11-01 | pass    |
    2026-11-01 | 2026-11-03 | unknown |
    2026-11-01 | 2026-11    | unknown | some day of the month
    2026-11    | 2026-11-01 | unknown |
    2026-11    | 2026-11    | unknown |
    2026-11-01 |            | unknown |
    """
)
def test_the_direct_fraction_must_certainly_be_of_that_day(row: dict[str, str]) -> None:
    found = judged(
        lab("bilirubin-total", "2.0", on=row["total on"], ref="total"),
        lab("bilirubin-direct", "0.2", on=row["direct on"] or None, high="0.3", ref="direct"),
    )
    assert found.outcome.value == row["verdict"]
