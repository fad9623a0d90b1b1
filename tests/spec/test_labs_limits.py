"""Neutrophils, platelets, haemoglobin: the latest usable result of 28 days against the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from build import disease_rules, facts, lab, person
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import LabLimit, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind
from cds_service.domain.rules.labs import judge_limit
from cds_service.domain.verdicts import Basis, Finding

TODAY = date(2026, 11, 22)
PLATELETS = LabLimit("platelets", 28, at_least=Decimal(25000))
HEMOGLOBIN = LabLimit("hemoglobin", 28, at_least=Decimal(7))
NEUTROPHILS = LabLimit("anc", 28, at_least=Decimal(500), derived_from=("wbc", "neutrophil-percent"))
RULES = {"platelets": PLATELETS, "hemoglobin": HEMOGLOBIN, "anc": NEUTROPHILS}


def judged(rule: LabLimit, *labs: object, **more: object) -> Finding:
    case = Case(facts(*labs, of=person(), **more), disease_rules(), frozenset())
    return judge_limit(rule, case, AsOf(TODAY))


@each_row(
    """
    analyte    | sign | value   | on         | verdict
    platelets  |      | 25000   | 2026-11-10 | pass
    platelets  |      | 24999   | 2026-11-10 | fail
    platelets  |      | 24999.9 | 2026-11-10 | fail
    hemoglobin |      | 7.0     | 2026-11-10 | pass
    hemoglobin |      | 6.99    | 2026-11-10 | fail
    anc        |      | 500     | 2026-11-10 | pass
    anc        |      | 499     | 2026-11-10 | fail
    anc        | <    | 500     | 2026-11-10 | fail
    anc        | <=   | 500     | 2026-11-10 | unknown
    anc        | <=   | 499     | 2026-11-10 | fail
    anc        | <    | 1000    | 2026-11-10 | unknown
    anc        | >    | 500     | 2026-11-10 | pass
    anc        | >=   | 500     | 2026-11-10 | pass
    anc        | >    | 100     | 2026-11-10 | unknown
    platelets  |      | 30000   | 2026-11-22 | pass
    platelets  |      | 30000   | 2026-10-25 | pass
    platelets  |      | 30000   | 2026-10-24 | unknown
    platelets  |      | 20000   | 2026-10-25 | fail
    platelets  |      | 20000   | 2026-10-24 | unknown
    platelets  |      | 30000   | 2026-11    | pass
    platelets  |      | 30000   | 2026-10    | unknown
    platelets  |      | 30000   | 2026       | unknown
    platelets  |      | 30000   | 2026-09    | unknown
    platelets  |      | 30000   |            | unknown
    """
)
def test_one_result_against_its_limit(row: dict[str, str]) -> None:
    result = lab(row["analyte"], row["value"], on=row["on"] or None, sign=row["sign"] or None)
    assert judged(RULES[row["analyte"]], result).outcome.value == row["verdict"]


@each_row(
    """
    first               | second              | verdict | why
    2026-11-20 30000    | 2026-11-10 20000    | pass    | the latest decides
    2026-11-20 20000    | 2026-11-10 30000    | fail    | the latest decides
    2026-11-20 ?        | 2026-11-10 30000    | pass    | an unusable one hides nothing
    2026-11-20 ?        | 2026-10-24 30000    | unknown | but the older one has expired
    2026-11-20 30000    | 2026-11-20 20000    | fail    | the worse of one day
    2026-11-20 20000    | 2026-11-20 30000    | fail    | the worse of one day
    2026-11-20 ?        | 2026-11-20 30000    | pass    | an unusable one of the day hides nothing
    2026-11    30000    | 2026-11-10 20000    | unknown | the month may be after the 10th or before
    2026-11    30000    | 2026-11-10 40000    | pass    | either way
    2026-11    20000    | 2026-11-10 10000    | fail    | either way
    2026-10    20000    | 2026-11-10 30000    | pass    | October is before
    """
)
def test_which_of_two_results_decides(row: dict[str, str]) -> None:
    results = []
    for number, cell in enumerate((row["first"], row["second"])):
        on, value = cell.split()
        usable = value != "?"
        results.append(
            lab(
                "platelets",
                value if usable else None,
                on=on,
                ref=f"r{number}",
                problem=None if usable else "unit 'foo'",
            )
        )
    assert judged(PLATELETS, *results).outcome.value == row["verdict"]
    assert judged(PLATELETS, *reversed(results)).outcome.value == row["verdict"]


def test_two_results_of_a_day_that_differ_are_noted() -> None:
    found = judged(PLATELETS, lab("platelets", 30000, ref="a"), lab("platelets", 26000, ref="b"))
    assert found.outcome is Outcome.PASS
    assert "26,000" in found.reason
    assert [note.reference for note in found.notes] == ["Observation/b"]
    assert judged(PLATELETS, lab("platelets", 30000, ref="a"), lab("platelets", 30000, ref="b")).notes == ()


def test_a_result_passed_over_is_noted_and_named() -> None:
    bad = lab("platelets", None, on="2026-11-20", ref="bad", problem="unit 'foo' is not one platelets can have")
    found = judged(PLATELETS, bad, lab("platelets", 30000))
    assert found.outcome is Outcome.PASS
    assert "unit 'foo' is not one platelets can have" in found.reason
    assert [(note.reference, note.problem) for note in found.notes] == [
        ("Observation/bad", "unit 'foo' is not one platelets can have")
    ]


def test_an_expired_result_names_the_days_in_which_a_new_one_counts() -> None:
    found = judged(PLATELETS, lab("platelets", 12000, on="2026-10-24"))
    assert found.outcome is Outcome.UNKNOWN
    (missing,) = found.missing
    assert (missing.what, missing.how) == ("platelets", "lab within 28 days")
    assert (missing.opens, missing.closes) == (date(2026, 10, 25), date(2026, 11, 22))
    assert "2026-10-24" in found.reason
    assert found.evidence[0].reference == "Observation/platelets"


def test_nothing_recorded_is_unknown_without_evidence() -> None:
    found = judged(PLATELETS)
    assert (found.outcome, found.basis, found.evidence) == (Outcome.UNKNOWN, Basis.NO_RECORD, ())


def test_results_not_retrieved_are_unknown_even_beside_a_good_one() -> None:
    found = judged(PLATELETS, lab("platelets", 30000), not_retrieved=((Kind.OBSERVATIONS, "timed out"),))
    assert found.outcome is Outcome.UNKNOWN
    assert "timed out" in found.reason


def test_a_preliminary_result_counts_and_is_marked() -> None:
    found = judged(PLATELETS, lab("platelets", 30000, preliminary=True))
    assert found.outcome is Outcome.PASS
    assert "preliminary" in found.reason


@pytest.mark.parametrize("use", ["caution", "ignore"])
def test_a_code_that_is_not_to_be_used_counts_as_nothing(use: str) -> None:
    assert judged(PLATELETS, lab("platelets", 30000, use=use)).outcome is Outcome.UNKNOWN


def test_the_reason_reads_like_a_sentence() -> None:
    assert judged(PLATELETS, lab("platelets", 26000)).reason == "Platelets 26,000 on 2026-11-10 (needs 25,000 or more)"


def test_the_pass_turns_on_the_day_after_its_last() -> None:
    clock = AsOf(TODAY)
    case = Case(facts(lab("platelets", 26000), of=person()), disease_rules(), frozenset())
    assert judge_limit(PLATELETS, case, clock).outcome is Outcome.PASS
    assert clock.turns_on == date(2026, 12, 9)


# --- neutrophils that were not counted as such ---------------------------------------------------


@each_row(
    """
    whole | percent | same draw | verdict | basis
    1000  | 50      | yes       | pass    | derived
    1000  | 49.9    | yes       | fail    | derived
    1000  | 50      | no        | unknown | no_record
          | 50      | yes       | unknown | no_record
    1000  |         | yes       | unknown | no_record
    """
)
def test_neutrophils_from_leukocytes_and_their_share(row: dict[str, str]) -> None:
    labs = []
    if row["whole"]:
        labs.append(lab("wbc", row["whole"], use="support", draw="tube-1"))
    if row["percent"]:
        draw = "tube-1" if row["same draw"] == "yes" else "tube-2"
        labs.append(lab("neutrophil-percent", row["percent"], use="calc_percent", draw=draw))
    found = judged(NEUTROPHILS, *labs)
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"])


@each_row(
    """
    segmented | bands | verdict | why
    450       | 50    | pass    | they add up
    450       | 49    | fail    | they add up
    500       |       | pass    | at least that many
    450       |       | unknown | bands may make up for it
              | 600   | unknown | without segmented cells nothing is known
    """
)
def test_neutrophils_from_segmented_and_band_cells(row: dict[str, str]) -> None:
    labs = [
        lab("anc", row[name], ref=name, use=use, draw="tube-1")
        for name, use in (("segmented", "segmented_count"), ("bands", "band_count"))
        if row[name]
    ]
    assert judged(NEUTROPHILS, *labs).outcome.value == row["verdict"]


@each_row(
    """
    segmented | bands | verdict
    45        | 5     | pass
    45        | 4     | fail
    50        |       | pass
    45        |       | unknown
    """
)
def test_neutrophils_from_shares_of_segmented_and_band_cells(row: dict[str, str]) -> None:
    labs = [lab("wbc", 1000, use="support", draw="tube-1")]
    labs += [
        lab("neutrophil-percent", row[name], ref=name, use=use, draw="tube-1")
        for name, use in (("segmented", "segmented_percent"), ("bands", "band_percent"))
        if row[name]
    ]
    assert judged(NEUTROPHILS, *labs).outcome.value == row["verdict"]


def test_the_corrected_leukocyte_count_is_preferred() -> None:
    plain = lab("wbc", 2000, ref="plain", use="support", draw="tube-1")
    corrected = lab("wbc", 900, ref="corrected", use="support_corrected", draw="tube-1")
    share = lab("neutrophil-percent", 50, use="calc_percent", draw="tube-1")
    assert judged(NEUTROPHILS, plain, corrected, share).outcome is Outcome.FAIL
    assert judged(NEUTROPHILS, plain, share).outcome is Outcome.PASS


def test_a_direct_count_of_the_day_decides_over_the_derived_one() -> None:
    derived = [lab("wbc", 1000, use="support", draw="t"), lab("neutrophil-percent", 10, use="calc_percent", draw="t")]
    assert judged(NEUTROPHILS, lab("anc", 600), *derived).outcome is Outcome.PASS
    assert judged(NEUTROPHILS, lab("anc", 600, on="2026-11-09"), *derived).outcome is Outcome.FAIL
    assert judged(NEUTROPHILS, lab("anc", None, problem="no value"), *derived).outcome is Outcome.FAIL


def test_a_derived_count_shows_both_results() -> None:
    found = judged(
        NEUTROPHILS,
        lab("wbc", 1000, use="support", draw="t"),
        lab("neutrophil-percent", 60, use="calc_percent", draw="t"),
    )
    assert [item.reference for item in found.evidence] == ["Observation/neutrophil-percent", "Observation/wbc"]
    assert "calculated from" in found.reason
    assert found.basis is Basis.DERIVED


@each_row(
    """
    whole sign | percent sign | verdict
    <          |              | unknown
    >          |              | pass
    >          | >            | pass
    <          | >            | unknown
    """
)
def test_signs_carry_over_into_the_derived_count(row: dict[str, str]) -> None:
    labs = (
        lab("wbc", 2000, use="support", draw="t", sign=row["whole sign"] or None),
        lab("neutrophil-percent", 50, use="calc_percent", draw="t", sign=row["percent sign"] or None),
    )
    assert judged(NEUTROPHILS, *labs).outcome.value == row["verdict"]


def test_an_upper_bound_below_the_limit_fails() -> None:
    labs = (
        lab("wbc", 100, use="support", draw="t", sign="<"),
        lab("neutrophil-percent", 90, use="calc_percent", draw="t"),
    )
    assert judged(NEUTROPHILS, *labs).outcome is Outcome.FAIL


def test_an_upper_limit_holds_the_other_way_round() -> None:
    rule = LabLimit("ast", 28, at_most=Decimal(40))
    assert judged(rule, lab("ast", 40)).outcome is Outcome.PASS
    assert judged(rule, lab("ast", "40.1")).outcome is Outcome.FAIL
    assert judged(rule, lab("ast", 30, ref="a"), lab("ast", 50, ref="b")).outcome is Outcome.FAIL


def test_signs_that_point_apart_give_no_sum() -> None:
    parts = (
        lab("anc", 300, ref="s", use="segmented_count", draw="t", sign=">"),
        lab("anc", 300, ref="b", use="band_count", draw="t", sign="<"),
    )
    assert judged(NEUTROPHILS, *parts).outcome is Outcome.UNKNOWN


def test_an_upper_bound_of_segmented_cells_alone_says_nothing() -> None:
    few = lab("anc", 100, use="segmented_count", draw="t", sign="<")
    assert judged(NEUTROPHILS, few).outcome is Outcome.UNKNOWN


@each_row(
    """
    sign | value | at most 40
         | 40    | pass
         | 40.01 | fail
    <    | 40    | pass
    <    | 40.01 | unknown
    <=   | 40    | pass
    >    | 40    | fail
    >    | 39.9  | unknown
    >=   | 40.01 | fail
    >=   | 40    | unknown
    """
)
def test_signs_against_an_upper_limit(row: dict[str, str]) -> None:
    result = lab("ast", row["value"], sign=row["sign"] or None)
    assert judged(LabLimit("ast", 28, at_most=Decimal(40)), result).outcome.value == row["at most 40"]


@each_row(
    """
    one   | other | verdict | shown
    30000 | 20000 | fail    | 20,000
    20000 | 30000 | fail    | 20,000
    30000 | 40000 | pass    | 30,000
    10000 | 20000 | fail    | 10,000
    """
)
def test_of_one_day_the_worse_result_is_the_one_shown(row: dict[str, str]) -> None:
    found = judged(PLATELETS, lab("platelets", row["one"], ref="a"), lab("platelets", row["other"], ref="b"))
    assert found.outcome.value == row["verdict"]
    assert found.reason.startswith(f"Platelets {row['shown']} on 2026-11-10 (needs 25,000 or more)")


@each_row(
    """
    unit | told
    /uL  | Platelets 26,000/uL on 2026-11-10 (needs 25,000 or more)
    %    | Platelets 26,000% on 2026-11-10 (needs 25,000 or more)
    G/L  | Platelets 26,000 G/L on 2026-11-10 (needs 25,000 or more)
         | Platelets 26,000 on 2026-11-10 (needs 25,000 or more)
    """
)
def test_a_unit_stands_beside_its_number(row: dict[str, str]) -> None:
    assert judged(PLATELETS, replace(lab("platelets", 26000), unit=row["unit"])).reason == row["told"]
