"""Pregnancy: childbearing potential, tests, statements, breastfeeding (CRITERIA I15, ruling 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from build import condition, disease_rules, facts, lab, person, procedure, status
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import NotPregnant, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, Person
from cds_service.domain.rules.childbearing import judge_not_pregnant, sterility
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
RULE = NotPregnant(
    test_within_days=28, breastfeeding_within_months=12, menopause_from_years=50, confirm_menopause_from_years=55
)
YOUNG = "1990-01-01"


def judged(*found: object, of: Person | None = None, on: date = TODAY, **more: object) -> Finding:
    case = Case(facts(*found, of=of or person(born=YOUNG), **more), disease_rules(), frozenset())
    return judge_not_pregnant(RULE, case, AsOf(on))


def a_test(answer: str | None, *, on: str = "2026-11-10", use: str = "qual_serum", ref: str = "test") -> object:
    analyte = "pregnancy-test" if use.startswith("qual") else "hcg"
    return lab(analyte, answer=answer, on=on, use=use, ref=ref, problem=None if answer else "no value")


@each_row(
    """
    birth sex | gender | verdict
    male      |        | pass
              | male   | pass
    male      | female | pass
    female    | male   | unknown
              | female | unknown
    other     |        | unknown
              | other  | unknown
              |        | unknown
    """
)
def test_sex(row: dict[str, str]) -> None:
    who = person(born=YOUNG, sex=row["birth sex"] or None, gender=row["gender"] or None)
    assert judged(of=who).outcome.value == row["verdict"]


@each_row(
    """
    test                                   | verdict
                                           | unknown
    2026-11-10 negative qual_serum         | pass
    2026-11-10 negative qual_urine         | pass
    2026-10-25 negative qual_serum         | pass
    2026-10-24 negative qual_serum         | unknown
    2026-11-10 positive qual_serum         | fail
    2026-10-25 positive qual_urine         | fail
    2026-10-24 positive qual_serum         | unknown
    2026-11-10 indeterminate qual_serum    | unknown
    2026-11-10 positive quant_serum        | unknown
    2026-11-10 negative quant_serum        | pass
    2026-11-10 positive interpretation     | unknown
    2026-11-10 negative interpretation     | pass
    2026-11-10 ? qual_serum                | unknown
    2026-11 negative qual_serum            | pass
    2026-10 negative qual_serum            | unknown
    2026-10 positive qual_serum            | unknown
    """
)
def test_one_pregnancy_test(row: dict[str, str]) -> None:
    found = []
    if row["test"]:
        on, answer, use = row["test"].split()
        found.append(a_test(None if answer == "?" else answer, on=on, use=use))
    assert judged(*found).outcome.value == row["verdict"]


@each_row(
    """
    value | sign | cut-off | verdict
    2     |      | 5       | pass
    4.99  |      | 5       | pass
    5     |      | 5       | unknown
    50000 |      | 5       | unknown
    2     |      |         | unknown
    5     | <    | 5       | pass
    5     | <=   | 5       | unknown
    6     | <    | 5       | unknown
    2     | >    | 5       | unknown
    """
)
def test_a_quantitative_hcg_is_negative_only_below_its_own_cut_off(row: dict[str, str]) -> None:
    hcg = lab("hcg", row["value"], sign=row["sign"] or None, high=row["cut-off"] or None, use="quant_serum")
    assert judged(hcg).outcome.value == row["verdict"]


@each_row(
    """
    first                 | second                | verdict
    2026-11-20 negative   | 2026-11-10 positive   | pass
    2026-11-20 positive   | 2026-11-10 negative   | fail
    2026-11-20 negative   | 2026-11-20 positive   | fail
    2026-11-20 ?          | 2026-11-10 negative   | pass
    2026-11-20 ?          | 2026-11-10 positive   | fail
    """
)
def test_the_latest_test_decides_and_the_worse_of_a_day(row: dict[str, str]) -> None:
    given = [cell.split() for cell in (row["first"], row["second"])]
    found = [a_test(None if answer == "?" else answer, on=on, ref=f"t{n}") for n, (on, answer) in enumerate(given)]
    assert judged(*found).outcome.value == row["verdict"]


@each_row(
    """
    code use          | status   | verified    | verdict | why
    not_wocbp         | active   | confirmed   | pass    |
    not_wocbp         | resolved | confirmed   | pass    | an operation stays
    not_wocbp         | active   | provisional | unknown |
    wocbp             | active   | confirmed   | unknown | one ovary
    review            | active   | confirmed   | unknown | tubal ligation without a side
    contraception     | active   | confirmed   | unknown | a coil is no sterility
    sterile_male      | active   | confirmed   | unknown | not hers
    support           | active   | confirmed   | unknown |
    not_applicable    | active   | confirmed   | unknown | requested only
    """
)
def test_surgery_on_the_problem_list(row: dict[str, str]) -> None:
    recorded = condition(
        f"childbearing/STERILE_MENOPAUSE/{row['code use']}",
        text="recorded",
        status=row["status"],
        verified=row["verified"],
    )
    assert judged(recorded).outcome.value == row["verdict"]


def test_surgery_as_a_procedure() -> None:
    assert judged(procedure("childbearing/STERILE_MENOPAUSE/not_wocbp", on="2010-01-01")).outcome is Outcome.PASS


def test_a_doubtful_sterility_passes_with_its_doubt() -> None:
    ligation = condition("childbearing/STERILE_F/not_wocbp", text="Tubal ligation status", note="side not stated")
    found = judged(ligation)
    assert found.outcome is Outcome.PASS
    assert found.reason == "Not of childbearing potential: Tubal ligation status (side not stated)"
    assert found.evidence[0].reference == "Condition/c1"


@each_row(
    """
    born       | verdict | why
    1976-11-22 | pass    | fifty today
    1976-11-23 | unknown | fifty tomorrow
    1976-11    | unknown | perhaps fifty
    1960       | pass    |
               | unknown |
    """
)
def test_menopause_counts_from_fifty(row: dict[str, str]) -> None:
    menopause = condition("childbearing/STERILE_MENOPAUSE/support_menopause", text="Menopausal state")
    assert judged(menopause, of=person(born=row["born"] or None)).outcome.value == row["verdict"]


@each_row(
    """
    born       | asked for                  | why
    1971-11-22 | menopause                  | fifty-five today: never a test
    1971-11-23 | pregnancy test, menopause  | fifty-four
    1976-11-22 | pregnancy test, menopause  | fifty
    1976-11-23 | pregnancy test             | forty-nine
               | pregnancy test             | age not recorded
    """
)
def test_what_settles_it_without_data(row: dict[str, str]) -> None:
    found = judged(of=person(born=row["born"] or None))
    assert found.outcome is Outcome.UNKNOWN
    assert ", ".join(missing.what for missing in found.missing) == row["asked for"]


def test_from_fifty_five_menopause_is_to_be_confirmed() -> None:
    assert judged(of=person(born="1960-01-01")).missing[0].how == "confirm menopause"
    assert judged(a_test("negative"), of=person(born="1960-01-01")).outcome is Outcome.PASS


def test_a_test_is_asked_for_with_its_days() -> None:
    (missing,) = judged().missing
    assert (missing.opens, missing.closes) == (date(2026, 10, 25), date(2026, 11, 22))


@each_row(
    """
    concept       | use                | status   | recorded   | verdict alone | with a negative test
    pregnancy     | exclude_if_current | active   | 2026-05-01 | fail          | fail
    pregnancy     | exclude_if_current | active   | 2025-11-22 | fail          | fail
    pregnancy     | exclude_if_current | active   | 2025-11-21 | unknown       | unknown
    pregnancy     | exclude_if_current | resolved | 2026-05-01 | unknown       | pass
    pregnancy     | exclude_if_current | active   |            | unknown       | unknown
    pregnancy     | unknown            | active   | 2026-11-01 | unknown       | pass
    pregnancy     | unknown            | active   | 2026-11-20 | unknown       | unknown
    pregnancy     | support            | active   | 2026-11-01 | unknown       | pass
    breastfeeding | exclude_if_current | active   | 2026-05-01 | fail          | fail
    breastfeeding | exclude_if_current | active   | 2025-11-22 | fail          | fail
    breastfeeding | exclude_if_current | active   | 2025-11-21 | unknown       | unknown
    breastfeeding | exclude_if_current | resolved | 2026-05-01 | unknown       | pass
    breastfeeding | review             | active   | 2026-05-01 | unknown       | unknown
    breastfeeding | review             | active   | 2024-05-01 | unknown       | pass
    breastfeeding | support            | active   | 2026-05-01 | unknown       | pass
    """
)
def test_pregnancy_and_breastfeeding_on_the_problem_list(row: dict[str, str]) -> None:
    recorded = condition(
        f"{row['concept']}/G/{row['use']}", text="recorded", status=row["status"], recorded=row["recorded"] or None
    )
    assert judged(recorded).outcome.value == row["verdict alone"]
    assert judged(recorded, a_test("negative", on="2026-11-10")).outcome.value == row["with a negative test"]


@each_row(
    """
    said                                   | on         | verdict alone | with a negative test
    lab-answer/pregnancy_value/not_pregnant| 2026-11-10 | unknown       | pass
    lab-answer/pregnancy_value/pregnant    | 2026-10-25 | fail          | fail
    lab-answer/pregnancy_value/pregnant    | 2026-10-24 | unknown       | pass
    pregnancy/PREGNANT/exclude_if_current  | 2026-11-20 | fail          | fail
    pregnancy/NOT_PREGNANT/support         | 2026-11-20 | unknown       | pass
    lab-answer/pregnancy_value/possible    | 2026-11-20 | unknown       | unknown
    lab-answer/pregnancy_value/possible    | 2026-11-01 | unknown       | pass
    breastfeeding/BREASTFEEDING/exclude_if_current | 2026-05-01 | fail   | fail
    breastfeeding/BREASTFEEDING/exclude_if_current | 2025-05-01 | unknown | unknown
    breastfeeding/BREASTFEEDING_NOT/support | 2026-05-01 | unknown       | pass
    """
)
def test_statements(row: dict[str, str]) -> None:
    said = status(row["said"], on=row["on"])
    assert judged(said).outcome.value == row["verdict alone"]
    assert judged(said, a_test("negative", on="2026-11-10")).outcome.value == row["with a negative test"]


def test_a_later_statement_replaces_an_earlier_one() -> None:
    stopped = status("breastfeeding/BREASTFEEDING_NOT/support", on="2026-10-01", ref="b")
    nursing = status("breastfeeding/BREASTFEEDING/exclude_if_current", on="2026-05-01", ref="a")
    assert judged(stopped, nursing, a_test("negative")).outcome is Outcome.PASS


def test_records_that_contradict_sterility_leave_it_open() -> None:
    womb_removed = procedure("childbearing/STERILE_MENOPAUSE/not_wocbp", on="2020-01-01")
    assert judged(womb_removed, a_test("positive")).outcome is Outcome.UNKNOWN
    assert judged(womb_removed, a_test("positive", use="quant_serum")).outcome is Outcome.PASS


@pytest.mark.parametrize("kind", [Kind.CONDITIONS, Kind.OBSERVATIONS])
def test_what_was_not_retrieved_leaves_it_open(kind: Kind) -> None:
    unread = {"not_retrieved": ((kind, "timed out"),)}
    assert judged(a_test("negative"), **unread).outcome is Outcome.UNKNOWN
    assert judged(of=person(sex="male"), **unread).outcome is Outcome.PASS


def test_a_pass_by_test_turns_when_the_test_expires() -> None:
    clock = AsOf(TODAY)
    case = Case(facts(a_test("negative"), of=person(born=YOUNG)), disease_rules(), frozenset())
    judge_not_pregnant(RULE, case, clock)
    assert clock.turns_on == date(2026, 12, 9)


@each_row(
    """
    sex    | use            | how       | sterile
    female | not_wocbp      | condition | true
    female | not_wocbp      | procedure | true
    female | sterile_male   | procedure | unknown
    male   | sterile_male   | procedure | true
    male   | not_wocbp      | procedure | unknown
    male   | not_applicable | procedure | unknown
    male   |                |           | unknown
    other  | sterile_male   | procedure | unknown
           | not_wocbp      | procedure | unknown
    """
)
def test_sterility_by_record(row: dict[str, str]) -> None:
    code = f"childbearing/STERILE/{row['use']}"
    made = {"condition": lambda: condition(code), "procedure": lambda: procedure(code, on="2010-01-01")}
    found = [made[row["how"]]()] if row["how"] else []
    case = Case(facts(*found, of=person(sex=row["sex"] or None)), disease_rules(), frozenset())
    assert sterility(case).truth is Truth(row["sterile"])
    assert bool(sterility(case).evidence) == (row["sterile"] == "true")


def test_an_operation_that_was_not_completed_changes_nothing() -> None:
    begun = replace(procedure("childbearing/STERILE_MENOPAUSE/not_wocbp", on="2026-01-01"), completed=False)
    assert judged(begun).outcome is Outcome.UNKNOWN


def test_menopause_may_be_an_observation() -> None:
    said = status("childbearing/STERILE_MENOPAUSE/support_menopause", on="2026-01-01", text="Postmenopausal state")
    assert judged(said, of=person(born="1960-01-01")).outcome is Outcome.PASS


def test_hormones_beside_menopause_are_named_as_a_doubt() -> None:
    menopause = condition("childbearing/STERILE_MENOPAUSE/support_menopause", text="Menopausal state")
    hormones = condition("childbearing/STERILE_MENOPAUSE/confounder", ref="c2", text="Hormone replacement")
    found = judged(menopause, hormones, of=person(born="1960-01-01"))
    assert found.outcome is Outcome.PASS
    assert "hormones" in found.reason


def test_a_pregnancy_stated_long_ago_is_nothing() -> None:
    long_ago = status("lab-answer/pregnancy_value/pregnant", on="2024-01-01")
    found = judged(long_ago, a_test("negative"))
    assert found.outcome is Outcome.PASS
