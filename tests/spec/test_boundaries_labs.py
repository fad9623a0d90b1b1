"""What laboratory verdicts say, sentence by sentence, at their limits: typed by hand from CRITERIA I17."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from build import condition, day, disease_rules, facts, lab, lesion, measured, metastasis, person, primary, scan
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import BilirubinLimit, LabLimit, LabTimesUpperLimit, Rule
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, LabResult, ReferenceRange, Sex
from cds_service.domain.judging import judge
from cds_service.domain.results import sort_results, upper_limits
from cds_service.domain.verdicts import Finding

PLATELETS = LabLimit("platelets", 28, at_least=Decimal(25000))
ANC = LabLimit("anc", 28, at_least=Decimal(500), derived_from=("wbc", "neutrophil-percent"))
BILIRUBIN = BilirubinLimit("bilirubin-total", "bilirubin-direct", 28, Decimal("1.5"), "gilbert", Decimal("3.0"), 1)
AST = LabTimesUpperLimit("ast", 28, Decimal(3), Decimal(5), "liver")
GILBERT = condition("gilbert/GILBERT/bilirubin_exception", ref="gilbert", text="Gilbert")
TODAY = "2026-11-22"


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    case = Case(facts(*found, **more).known_on(AsOf(day(TODAY))), disease_rules(), frozenset({"CRC"}))
    return judge(rule, case, AsOf(day(TODAY)))


def references(found: Finding) -> list[str]:
    return [item.reference for item in found.evidence]


def asked(found: Finding) -> list[tuple[str, str, str]]:
    return [(item.what, str(item.opens or ""), str(item.closes or "")) for item in found.missing]


def noted(found: Finding) -> list[tuple[str, str]]:
    return [(note.reference, note.problem) for note in found.notes]


def total(value: str, *, unit: str = "mg/dL", **more: Any) -> LabResult:
    return replace(lab("bilirubin-total", value, **{"ref": "total", **more}), unit=unit)


def direct(value: str, *, high: str | None = "0.3", **more: Any) -> LabResult:
    return replace(lab("bilirubin-direct", value, high=high, **{"ref": "direct", **more}), unit="mg/dL")


# --- one limit --------------------------------------------------------------------------------------


def test_a_result_is_told_with_its_unit_day_and_limit() -> None:
    found = find(PLATELETS, replace(lab("platelets", 26000), unit="/uL"))
    assert found.reason == "Platelets 26,000/uL on 2026-11-10 (needs 25,000 or more)"
    assert (found.outcome.value, found.basis.value, references(found)) == (
        "pass",
        "recorded",
        ["Observation/platelets"],
    )
    assert (asked(found), noted(found)) == ([], [])


def test_units_stand_apart_from_the_number_unless_they_begin_with_a_stroke_or_per_cent() -> None:
    words = [
        find(LabLimit("hemoglobin", 28, at_least=Decimal(7)), replace(lab("hemoglobin", "7.10"), unit="g/dL")),
        find(LabLimit("wbc", 28, at_least=Decimal(7)), replace(lab("wbc", 8), unit="%")),
        find(LabLimit("ldh", 28, at_most=Decimal(7)), lab("ldh", 8)),
    ]
    assert [found.reason for found in words] == [
        "Hemoglobin 7.1 g/dL on 2026-11-10 (needs 7 or more)",
        "WBC 8% on 2026-11-10 (needs 7 or more)",
        "LDH 8 on 2026-11-10 (needs 7 or less)",
    ]


def test_two_limits_are_both_told() -> None:
    between = LabLimit("neutrophil-percent", 28, at_least=Decimal(10), at_most=Decimal(90))
    found = find(between, lab("neutrophil-percent", 90))
    assert found.reason == "Neutrophil percent 90 on 2026-11-10 (needs 10 or more and 90 or less)"


@each_row("""
    limit    | values  | decides | verdict
    at_least | 24 26   | 24      | fail
    at_least | 26 25   | 25      | pass
    at_most  | 24 26   | 26      | fail
    at_most  | 24 25   | 25      | pass
""")
def test_of_two_results_of_one_day_the_worse_is_the_one_shown(row: dict[str, str]) -> None:
    rule = LabLimit("platelets", 28, **{row["limit"]: Decimal(25)})  # type: ignore[arg-type]
    found = find(rule, *(lab("platelets", value, ref=f"r{value}") for value in row["values"].split()))
    assert found.outcome.value == row["verdict"]
    assert found.reason.startswith(f"Platelets {row['decides']} on 2026-11-10")
    assert found.reason.endswith("; another result of that day differs, the worse one decides")
    assert noted(found) == [(f"Observation/r{row['decides']}", "results of one day disagree: the worse one decides")]


def test_the_sign_that_leaves_a_result_open_is_named() -> None:
    found = find(PLATELETS, lab("platelets", 30000, sign="<"))
    assert found.reason == (
        "Platelets < 30,000 on 2026-11-10 (needs 25,000 or more); the sign before the value leaves it open"
    )
    assert asked(found) == [("platelets", "2026-10-25", "2026-11-22")]
    assert "sign" not in find(PLATELETS, lab("platelets", 20000, sign="<")).reason


@each_row("""
    value | verdict | doubt
    26000 | unknown | the recorded date is not exact enough to decide
    20000 | unknown | the recorded date is not exact enough to decide
""")
def test_a_month_that_reaches_out_of_the_window_leaves_it_open(row: dict[str, str]) -> None:
    found = find(PLATELETS, lab("platelets", row["value"], on="2026-10"))
    assert (found.outcome.value, found.reason.endswith(f"; {row['doubt']}")) == (row["verdict"], True)


def test_a_month_inside_the_window_decides_without_doubt() -> None:
    found = find(PLATELETS, lab("platelets", 26000, on="2026-11"))
    assert found.reason == "Platelets 26,000 on 2026-11 (needs 25,000 or more)"


def test_a_newer_result_that_cannot_be_used_is_named() -> None:
    broken = lab("platelets", on="2026-11-20", ref="broken", problem="no unit is recorded")
    empty = lab("platelets", on="2026-11-21", ref="empty")
    found = find(PLATELETS, lab("platelets", 26000), broken, empty)
    assert found.outcome.value == "pass"
    assert found.reason.endswith("(needs 25,000 or more); a result of 2026-11-21 cannot be used: no value")
    assert noted(found) == [("Observation/empty", "no value"), ("Observation/broken", "no unit is recorded")]
    assert references(found) == ["Observation/platelets", "Observation/empty", "Observation/broken"]


@each_row("""
    recorded   | problem | basis     | reason
               |         | no_record |
    2026-10-24 |         | recorded  | ; the latest is 26,000 on 2026-10-24, too old: repeat it
    undated    |         | recorded  | ; one without a date is recorded
    2026-11-10 | no unit | recorded  | ; that of 2026-11-10 cannot be used: no unit
    2026-11-10 | none    | recorded  | ; that of 2026-11-10 cannot be used: no value
""")
def test_what_there_is_instead_of_a_usable_result_is_told(row: dict[str, str]) -> None:
    value = None if row["problem"] else 26000
    problem = row["problem"] if row["problem"] != "none" else None
    on = None if row["recorded"] == "undated" else row["recorded"]
    recorded = [lab("platelets", value, on=on, problem=problem or None)] if row["recorded"] else []
    found = find(PLATELETS, *recorded)
    assert found.reason == f"No usable platelets result in the last 28 days{row['reason']}"
    assert (found.outcome.value, found.basis.value) == ("unknown", row["basis"])
    assert asked(found) == [("platelets", "2026-10-25", "2026-11-22")]
    assert noted(found) == ([("Observation/platelets", problem or "no value")] if row["problem"] else [])


def test_an_analyte_of_several_words_is_told_in_words() -> None:
    rule = LabLimit("bilirubin-direct", 28, at_most=Decimal(1))
    assert find(rule).reason == "No usable bilirubin direct result in the last 28 days"
    assert find(LabLimit("anc", 28)).reason == "No usable ANC result in the last 28 days"
    assert find(LabLimit("iron", 28)).reason == "No usable iron result in the last 28 days"
    assert find(LabLimit("iron", 28, at_most=Decimal(1)), lab("iron", 1)).reason.startswith("Iron 1 on")


@pytest.mark.parametrize(("rule", "what"), [(PLATELETS, "platelets"), (BILIRUBIN, "bilirubin"), (AST, "AST")])
def test_laboratory_results_that_were_not_retrieved_are_asked_for(rule: Rule, what: str) -> None:
    found = find(rule, not_retrieved=((Kind.OBSERVATIONS, "timed out"),))
    assert found.reason == "Laboratory results were not retrieved: timed out"
    assert (found.outcome.value, found.basis.value, asked(found)) == ("unknown", "no_record", [(what, "", "")])


def test_neutrophils_without_leukocytes_or_percentage_stand_alone() -> None:
    assert find(ANC, lab("anc", 500)).outcome.value == "pass"
    assert find(ANC, lab("wbc", 1000, draw="d")).outcome.value == "unknown"
    assert find(ANC, lab("neutrophil-percent", 50, draw="d")).outcome.value == "unknown"


# --- bilirubin --------------------------------------------------------------------------------------


@each_row("""
    total | sign | direct | high | gilbert | verdict | reason
    1.5   |      |        |      |         | pass    | 1.5 mg/dL on 2026-11-10 (needs 1.5 mg/dL or less)
    1.51  |      |        |      |         | unknown | 1.51 mg/dL on 2026-11-10 is over 1.5 mg/dL; no direct bilirubin of that day is recorded
    2.9   |      |        |      | yes     | pass    | 2.9 mg/dL on 2026-11-10 with Gilbert syndrome (needs 1.5 mg/dL or less, below 3 mg/dL with Gilbert syndrome)
    3.0   |      |        |      | yes     | unknown | 3 mg/dL on 2026-11-10 is over 1.5 mg/dL; no direct bilirubin of that day is recorded
    3.0   |      | 0.3    | 0.3  | yes     | pass    | 3 mg/dL on 2026-11-10 is over 1.5 mg/dL, but direct bilirubin 0.3 mg/dL on 2026-11-10 (its upper limit 0.3), which is accepted (although not below that for Gilbert syndrome)
    3.0   |      | 0.31   | 0.3  | yes     | fail    | 3 mg/dL on 2026-11-10 is over 1.5 mg/dL; direct bilirubin 0.31 mg/dL on 2026-11-10 (its upper limit 0.3); not below 3 mg/dL with Gilbert syndrome
    1.6   |      | 0.3    | 0.3  |         | pass    | 1.6 mg/dL on 2026-11-10 is over 1.5 mg/dL, but direct bilirubin 0.3 mg/dL on 2026-11-10 (its upper limit 0.3), which is accepted
    1.6   |      | 0.31   | 0.3  |         | fail    | 1.6 mg/dL on 2026-11-10 is over 1.5 mg/dL; direct bilirubin 0.31 mg/dL on 2026-11-10 (its upper limit 0.3); no Gilbert syndrome
    1.6   |      | 0.31   |      |         | unknown | 1.6 mg/dL on 2026-11-10 is over 1.5 mg/dL; the direct bilirubin of that day has no upper limit that decides
    2.9   |      | 0.31   | 0.3  | doubted | unknown | 2.9 mg/dL on 2026-11-10 is over 1.5 mg/dL; direct bilirubin 0.31 mg/dL on 2026-11-10 (its upper limit 0.3); Gilbert syndrome is not certain
    1.6   | <    |        |      |         | unknown | < 1.6 mg/dL on 2026-11-10 may be over 1.5 mg/dL; no direct bilirubin of that day is recorded; the sign before the value leaves it open
    1.5   | >    | 0.31   | 0.3  |         | fail    | > 1.5 mg/dL on 2026-11-10 is over 1.5 mg/dL; direct bilirubin 0.31 mg/dL on 2026-11-10 (its upper limit 0.3); no Gilbert syndrome
    1.5   | <=   |        |      |         | pass    | <= 1.5 mg/dL on 2026-11-10 (needs 1.5 mg/dL or less)
    1.5   | >=   | 0.3    | 0.3  |         | pass    | >= 1.5 mg/dL on 2026-11-10 is over 1.5 mg/dL, but direct bilirubin 0.3 mg/dL on 2026-11-10 (its upper limit 0.3), which is accepted
""")
def test_bilirubin_in_its_three_ways(row: dict[str, str]) -> None:
    gilbert = replace(GILBERT, verification=None) if row["gilbert"] == "yes" else GILBERT
    if row["gilbert"] == "doubted":
        gilbert = condition("gilbert/GILBERT/bilirubin_exception", ref="gilbert", verified="provisional")
    recorded: list[object] = [total(row["total"], sign=row["sign"] or None)]
    recorded += [direct(row["direct"], high=row["high"] or None)] if row["direct"] else []
    recorded += [gilbert] if row["gilbert"] else []
    found = find(BILIRUBIN, *recorded)
    assert found.outcome.value == row["verdict"]
    assert found.reason == f"Total bilirubin {row['reason']}"


def test_what_bilirubin_rests_on_is_shown() -> None:
    assert references(find(BILIRUBIN, total("1.5"), direct("0.3"), GILBERT)) == ["Observation/total"]
    assert references(find(BILIRUBIN, total("1.6"), direct("0.3"))) == ["Observation/total", "Observation/direct"]
    assert references(find(BILIRUBIN, total("2.9"), GILBERT)) == ["Observation/total", "Condition/gilbert"]
    assert references(find(BILIRUBIN, total("1.5", sign="<"), direct("0.3"))) == ["Observation/total"]


@each_row("""
    total | on         | sign | direct | gilbert | asked
    1.6   | 2026-11-10 |      |        |         | direct bilirubin 2026-11-09 2026-11-11
    2.9   | 2026-11-10 |      | 0.31   | doubted | Gilbert syndrome
    2.9   | 2026-11-10 |      |        | doubted | direct bilirubin 2026-11-09 2026-11-11
    2.9   | 2026-11-10 | <    |        |         | total and direct bilirubin 2026-10-25 2026-11-22
    1.6   | 2026-11    |      |        |         | total and direct bilirubin 2026-10-25 2026-11-22
""")
def test_what_would_settle_bilirubin(row: dict[str, str]) -> None:
    doubted = condition("gilbert/GILBERT/bilirubin_exception", ref="gilbert", verified="provisional")
    recorded: list[object] = [total(row["total"], on=row["on"], sign=row["sign"] or None)]
    recorded += [direct(row["direct"])] if row["direct"] else []
    recorded += [doubted] if row["gilbert"] else []
    found = find(BILIRUBIN, *recorded)
    assert found.outcome.value == "unknown"
    assert [" ".join(filter(None, item)) for item in asked(found)] == [row["asked"]]


def test_how_direct_bilirubin_is_to_be_had_is_told() -> None:
    found = find(BILIRUBIN, total("1.6"))
    assert found.missing[0].how == (
        "direct bilirubin with its reference range, of the same day as the total (a day either side)"
    )


@each_row("""
    direct_on  | verdict
    2026-11-09 | pass
    2026-11-08 | unknown
    2026-11-11 | pass
    2026-11-12 | unknown
    2026-11    | unknown
               | unknown
""")
def test_direct_bilirubin_counts_a_day_either_side(row: dict[str, str]) -> None:
    found = find(BILIRUBIN, total("1.6"), direct("0.3", on=row["direct_on"] or None))
    assert found.outcome.value == row["verdict"]


def test_of_two_totals_of_one_day_the_higher_is_shown() -> None:
    found = find(BILIRUBIN, total("1.4", ref="low"), total("1.5", ref="high"))
    assert found.reason.startswith("Total bilirubin 1.5 mg/dL")


@each_row("""
    sign | direct | verdict
    <    | 0.3    | pass
    >    | 0.3    | fail
    >    | 0.2    | unknown
""")
def test_the_sign_before_direct_bilirubin_counts(row: dict[str, str]) -> None:
    assert find(BILIRUBIN, total("1.6"), direct(row["direct"], sign=row["sign"])).outcome.value == row["verdict"]


# --- times the upper limit ----------------------------------------------------------------------------


@each_row("""
    value | sign | liver   | verdict | reason
    120   |      |         | pass    | 120 on 2026-11-10 is 3 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis)
    121   |      |         | unknown | 121 on 2026-11-10 is 3.025 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is neither recorded nor ruled out
    121   |      | yes     | pass    | 121 on 2026-11-10 is 3.025 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is recorded
    200   |      | yes     | pass    | 200 on 2026-11-10 is 5 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is recorded
    201   |      | yes     | fail    | 201 on 2026-11-10 is 5.025 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is recorded
    201   |      |         | fail    | 201 on 2026-11-10 is 5.025 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is neither recorded nor ruled out
    121   |      | no      | fail    | 121 on 2026-11-10 is 3.025 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is ruled out
    120   | <    |         | pass    | < 120 on 2026-11-10 is 3 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis)
    200   | >    | yes     | fail    | > 200 on 2026-11-10 is 5 x its upper limit 40 (needs 3 x or less, 5 x with liver metastasis); liver metastasis is recorded
""")
def test_transaminases_at_their_limits(row: dict[str, str]) -> None:
    recorded: list[object] = [primary(), lab("ast", row["value"], sign=row["sign"] or None, high="40")]
    if row["liver"] == "yes":
        recorded.append(metastasis("liver", ref="liver"))
    if row["liver"] == "no":
        recorded += [scan(on="2026-11-10"), lesion("lung"), measured(on="2026-11-10", long=20)]
    found = find(AST, *recorded)
    assert found.outcome.value == row["verdict"]
    assert found.reason == f"AST {row['reason']}"
    proof = ["Condition/liver"] if row["liver"] == "yes" else []
    assert references(found) == ["Observation/ast", *proof]


def test_without_an_upper_limit_a_repeat_with_its_range_is_asked_for() -> None:
    found = find(AST, lab("ast", 30))
    assert found.reason == "AST 30 on 2026-11-10 has no upper limit of normal recorded with it"
    assert found.missing[0].how == "lab within 28 days, with its reference range"
    assert asked(found) == [("AST", "2026-10-25", "2026-11-22")]


def test_a_liver_metastasis_that_is_not_known_is_asked_for() -> None:
    found = find(AST, lab("ast", 121, high="40"))
    assert asked(found) == [("liver metastasis", "", "")]
    assert found.missing[0].how == ("state whether the liver bears a metastasis (lesion list of the baseline scan)")


def test_of_two_transaminases_of_one_day_the_higher_is_shown() -> None:
    found = find(AST, lab("ast", 110, ref="low", high="40"), lab("ast", 120, ref="high", high="40"))
    assert (found.outcome.value, references(found)) == ("pass", ["Observation/high"])


def test_without_an_organ_the_limit_is_the_only_one() -> None:
    found = find(LabTimesUpperLimit("alt", 28, Decimal("2.5")), lab("alt", 101, high="40"))
    assert (found.outcome.value, found.reason) == (
        "fail",
        "ALT 101 on 2026-11-10 is 2.525 x its upper limit 40 (needs 2.5 x or less)",
    )


# --- whose upper limit ------------------------------------------------------------------------------------

FEMALE, MALE = frozenset({Sex.FEMALE}), frozenset({Sex.MALE})


def highs(*ranges: ReferenceRange, sex: str | None = "female", born: str | None = "1960-05-17") -> list[str]:
    result = replace(lab("ast", 30, on="2026-11-10"), ranges=ranges)
    return [str(high) for high in upper_limits(result, person(born=born, sex=sex))]


def test_the_range_of_the_patients_sex_goes_before_one_for_all() -> None:
    for_all, for_women = ReferenceRange(high=Decimal(50)), ReferenceRange(high=Decimal(40), sexes=FEMALE)
    for_men = ReferenceRange(high=Decimal(60), sexes=MALE)
    assert highs(for_all, for_women, for_men) == ["40"]
    assert highs(for_all, for_women, for_men, sex="male") == ["60"]
    assert highs(for_all, for_women, for_men, sex=None) == ["40", "50", "60"]
    assert highs(for_all, sex="other") == ["50"]


@pytest.mark.parametrize(
    ("born", "found"),
    [
        ("2008-11-10", ["40"]),  # 18 on the day
        ("2008-11-11", []),  # 17 on the day
        ("1960-11-11", ["40"]),  # 65 until tomorrow
        ("1960-11-10", []),  # 66 on the day
        ("2008", ["40"]),  # may be 18
        (None, ["40"]),
    ],
)
def test_a_range_for_an_age_counts_from_the_birthday_on(born: str | None, found: list[str]) -> None:
    adults = ReferenceRange(high=Decimal(40), age_from=Decimal(18), age_until=Decimal(65))
    assert highs(adults, born=born) == found


def test_an_upper_limit_of_nothing_is_none() -> None:
    assert highs(ReferenceRange(high=Decimal(0)), ReferenceRange(low=Decimal(5))) == []
    assert highs(ReferenceRange(high=Decimal(1))) == ["1"]


def test_results_are_put_latest_first_and_undated_last() -> None:
    listed = [
        lab("ast", 1, on=None, ref="b-undated"),
        lab("ast", 2, on="2026-11-09", ref="older"),
        lab("ast", 3, on="2026-11-10", ref="b"),
        lab("ast", 4, on="2026-11-10", ref="a"),
        lab("ast", 5, on=None, ref="a-undated"),
    ]
    assert [item.evidence.reference.partition("/")[2] for item in sort_results(listed)] == [
        "a",
        "b",
        "older",
        "a-undated",
        "b-undated",
    ]
