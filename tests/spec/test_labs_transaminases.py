"""AST and ALT: at most 3 times the result's own upper limit, 5 times with liver metastasis."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from build import disease_rules, facts, lab, person
from tables import each_row

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.case import Case
from cds_service.domain.criteria import LabTimesUpperLimit, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, LabResult, Person, ReferenceRange, Sex
from cds_service.domain.rules.labs import judge_times_upper_limit
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
RULE = LabTimesUpperLimit("ast", 28, Decimal(3), Decimal(5), "liver")
LIVER = {"yes": Truth.TRUE, "no": Truth.FALSE, "": Truth.UNKNOWN}


def judged(*labs: object, liver: str = "", of: Person | None = None, **more: object) -> Finding:
    case = Case(facts(*labs, of=of or person(), **more), disease_rules(), frozenset())
    case.__dict__["cancer"] = CancerPicture(has_liver_metastasis=LIVER[liver])
    return judge_times_upper_limit(RULE, case, AsOf(TODAY))


@each_row(
    """
    value  | sign | upper | liver | verdict
    120    |      | 40    |       | pass
    120.1  |      | 40    |       | unknown
    120.1  |      | 40    | yes   | pass
    120.1  |      | 40    | no    | fail
    200    |      | 40    | yes   | pass
    200    |      | 40    |       | unknown
    200    |      | 40    | no    | fail
    200.1  |      | 40    | yes   | fail
    200.1  |      | 40    |       | fail
    30     |      |       |       | unknown
    900    |      |       | yes   | unknown
    30     |      | 0     |       | unknown
    120    | <    | 40    |       | pass
    121    | <    | 40    |       | unknown
    121    | <    | 40    | no    | unknown
    200    | <    | 40    | yes   | pass
    200    | >    | 40    | yes   | fail
    199    | >    | 40    | yes   | unknown
    120    | >    | 40    | no    | fail
    119    | >    | 40    | no    | unknown
    """
)
def test_the_ratio_to_the_own_upper_limit(row: dict[str, str]) -> None:
    result = lab("ast", row["value"], sign=row["sign"] or None, high=row["upper"] or None)
    assert judged(result, liver=row["liver"]).outcome.value == row["verdict"]


def with_ranges(value: str, *ranges: ReferenceRange) -> LabResult:
    return replace(lab("ast", value), ranges=ranges)


MEN = ReferenceRange(high=Decimal(50), sexes=frozenset({Sex.MALE}))
WOMEN = ReferenceRange(high=Decimal(30), sexes=frozenset({Sex.FEMALE}))
ALL = ReferenceRange(high=Decimal(60))
CRITICAL = ReferenceRange(high=Decimal(500), normal=False)
PREGNANT = ReferenceRange(high=Decimal(10), applies_to_other=True)
CHILDREN = ReferenceRange(high=Decimal(80), age_until=Decimal(17))
ADULTS = ReferenceRange(high=Decimal(40), age_from=Decimal(18))


@each_row(
    """
    sex    | ranges           | value | verdict | why
    female | MEN,WOMEN        | 91    | unknown | over 3 x 30
    female | MEN,WOMEN        | 90    | pass    | hers is 30
    male   | MEN,WOMEN        | 150   | pass    | his is 50
    other  | MEN,WOMEN        | 90    | unknown | neither range is hers for certain
    other  | ALL              | 180   | pass    | one for everybody
    female | ALL,WOMEN        | 91    | unknown | the range of the sex is closer
    male   | WOMEN            | 90    | unknown | none for him
    female | ALL,CRITICAL     | 181   | unknown | a critical range is no limit of normal
    female | CRITICAL         | 60    | unknown | a critical range is no limit of normal
    female | PREGNANT,WOMEN   | 90    | pass    | another population
    female | CHILDREN,ADULTS  | 120   | pass    | grown up
    female | CHILDREN,ADULTS  | 121   | unknown | grown up
    """
)
def test_which_range_is_the_patients(row: dict[str, str]) -> None:
    ranges = [globals()[name] for name in row["ranges"].split(",")]
    assert judged(with_ranges(row["value"], *ranges), of=person(sex=row["sex"])).outcome.value == row["verdict"]


def test_a_sex_that_is_not_recorded_must_not_matter() -> None:
    nobody = person(sex=None)
    assert judged(with_ranges("90", MEN, WOMEN), of=nobody).outcome is Outcome.PASS
    assert judged(with_ranges("91", MEN, WOMEN), of=nobody).outcome is Outcome.UNKNOWN
    assert judged(with_ranges("251", MEN, WOMEN), of=nobody).outcome is Outcome.FAIL


def test_another_organ_with_metastasis_does_not_raise_the_limit() -> None:
    found = judged(lab("ast", "150", high="40"), liver="no")
    assert found.outcome is Outcome.FAIL
    assert "liver metastasis is ruled out" in found.reason


def test_the_ratio_is_exact() -> None:
    assert judged(lab("ast", "1.8", high="0.6")).outcome is Outcome.PASS
    assert judged(lab("ast", "0.9", high="0.3")).outcome is Outcome.PASS


@pytest.mark.parametrize("kind", [Kind.CONDITIONS, Kind.LESIONS])
def test_liver_is_not_ruled_out_by_what_was_not_read(kind: Kind) -> None:
    found = judged(lab("ast", "150", high="40"), liver="no", not_retrieved=((kind, "timed out"),))
    assert found.outcome is Outcome.UNKNOWN


def test_what_is_missing_depends_on_what_is_open() -> None:
    assert judged(lab("ast", "150", high="40")).missing[0].what == "liver metastasis"
    without_limit = judged(lab("ast", "150")).missing[0]
    assert without_limit.what == "AST"
    assert without_limit.how == "lab within 28 days, with its reference range"
    assert (without_limit.opens, without_limit.closes) == (date(2026, 10, 25), date(2026, 11, 22))


def test_the_reason_shows_value_limit_and_factor() -> None:
    found = judged(lab("ast", "150", high="40"), liver="yes")
    assert found.reason == (
        "AST 150 on 2026-11-10 is 3.75 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); "
        "liver metastasis is recorded"
    )


def test_the_worse_of_one_day_decides() -> None:
    found = judged(lab("ast", "40", high="40", ref="a"), lab("ast", "201", high="40", ref="b"))
    assert found.outcome is Outcome.FAIL
    assert len(found.notes) == 1


def test_without_a_second_factor_the_first_decides() -> None:
    rule = LabTimesUpperLimit("alt", 28, Decimal(3))
    case = Case(facts(lab("alt", "121", high="40"), of=person()), disease_rules(), frozenset())
    assert judge_times_upper_limit(rule, case, AsOf(TODAY)).outcome is Outcome.FAIL


def test_nothing_in_the_window_and_nothing_retrieved() -> None:
    expired = judged(lab("ast", "30", high="40", on="2026-10-24"))
    assert expired.missing[0].what == "AST"
    unread = judged(lab("ast", "30", high="40"), not_retrieved=((Kind.OBSERVATIONS, "timed out"),))
    assert unread.outcome is Outcome.UNKNOWN


def test_a_metastasis_of_the_organ_by_its_site() -> None:
    rule = LabTimesUpperLimit("ast", 28, Decimal(3), Decimal(5), "pancreas")
    case = Case(facts(lab("ast", "150", high="40"), of=person()), disease_rules(), frozenset())
    case.__dict__["cancer"] = CancerPicture(metastatic_sites=frozenset({"pancreas"}))
    assert judge_times_upper_limit(rule, case, AsOf(TODAY)).outcome is Outcome.PASS
    case.__dict__["cancer"] = CancerPicture(has_liver_metastasis=Truth.FALSE)
    assert judge_times_upper_limit(rule, case, AsOf(TODAY)).outcome is Outcome.UNKNOWN


@each_row(
    """
    born       | value | verdict | why
    2009-06-01 | 240   | pass    | seventeen on the day: the children's 80
    2008-11-10 | 121   | unknown | eighteen on the day: the adults' 40
    2008-11    | 120   | pass    | either way
    2008-11    | 121   | unknown | it depends on the day of birth
               | 121   | unknown | age not recorded
    """
)
def test_ranges_by_age(row: dict[str, str]) -> None:
    found = judged(with_ranges(row["value"], CHILDREN, ADULTS), of=person(born=row["born"] or None))
    assert found.outcome.value == row["verdict"]
