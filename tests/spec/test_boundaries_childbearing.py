"""What is said of pregnancy and childbearing, sentence by sentence: typed by hand from CRITERIA I15 and ruling 13."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from build import condition, disease_rules, facts, lab, person, procedure, status
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import NotPregnant
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Condition, Kind, Person
from cds_service.domain.rules.childbearing import judge_not_pregnant, sterility
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
RULE = NotPregnant(
    test_within_days=28, breastfeeding_within_months=12, menopause_from_years=50, confirm_menopause_from_years=55
)
POSSIBLE = "Childbearing potential is possible"
UNTESTED = "no pregnancy test in the last 28 days"


def case(*found: object, of: Person, **more: Any) -> Case:
    return Case(facts(*found, of=of, **more).known_on(AsOf(TODAY)), disease_rules(), frozenset())


def judged(*found: object, born: str | None = "1990-01-01", sex: str | None = "female", **more: Any) -> Finding:
    return judge_not_pregnant(RULE, case(*found, of=person(born=born, sex=sex), **more), AsOf(TODAY))


def references(found: Finding) -> list[str]:
    return [item.reference for item in found.evidence]


def asked(found: Finding) -> list[tuple[str, str, str, str]]:
    return [(item.what, item.how, str(item.opens or ""), str(item.closes or "")) for item in found.missing]


TEST_NOW = ("pregnancy test", "serum or urine test within 28 days", "2026-10-25", "2026-11-22")


# --- sex --------------------------------------------------------------------------------------------


def test_a_man_by_either_record() -> None:
    by_birth = judge_not_pregnant(RULE, case(of=person(sex="male", gender="female")), AsOf(TODAY))
    by_gender = judge_not_pregnant(RULE, case(of=person(sex=None, gender="male")), AsOf(TODAY))
    assert by_birth.reason == by_gender.reason == "Recorded as male"
    assert [item.text for item in by_birth.evidence] == ["Birth sex male"]
    assert [item.text for item in by_gender.evidence] == ["Gender male"]
    assert references(by_birth) == ["Patient/p1"]


def test_a_sex_that_is_neither_or_missing_is_asked_for() -> None:
    neither, missing = judged(sex="other"), judged(sex=None)
    assert neither.reason == "Sex is recorded as neither female nor male"
    assert missing.reason == "Sex is not recorded"
    for found in (neither, missing):
        assert [(item.reference, item.text) for item in found.evidence] == [("Patient/p1", "Sex")]
        assert asked(found) == [
            ("birth sex", "record the birth sex, or confirm that pregnancy is not possible", "", "")
        ]


def test_what_was_not_retrieved_is_asked_for() -> None:
    found = judged(not_retrieved=((Kind.CONDITIONS, "timed out"),))
    assert (found.outcome.value, found.basis.value, found.reason) == (
        "unknown",
        "no_record",
        "Not retrieved: timed out",
    )
    assert asked(found) == [("pregnancy", "conditions and laboratory results of this patient", "", "")]


# --- by age -----------------------------------------------------------------------------------------


@each_row("""
    born       | reason                                                       | asked
    1990-01-01 | potential; untested                                          | test
    1976-11-23 | potential; untested                                          | test
    1976-11-22 | Aged 50 or more, probably after menopause, which is not recorded; untested | test, confirm
    1971-11-23 | Aged 50 or more, probably after menopause, which is not recorded; untested | test, confirm
    1971-11-22 | Aged 55 or more, menopause is not recorded                   | confirm
    1976       | potential; untested                                          | test
               | potential; untested                                          | test
""")
def test_what_is_asked_for_by_age(row: dict[str, str]) -> None:
    found = judged(born=row["born"] or None)
    assert found.outcome.value == "unknown"
    assert found.reason == row["reason"].replace("potential;", f"{POSSIBLE};").replace("untested", UNTESTED)
    confirm = ("menopause", "confirm menopause", "", "")
    expected = {"test": [TEST_NOW], "test, confirm": [TEST_NOW, confirm], "confirm": [confirm]}
    assert asked(found) == expected[row["asked"]]
    assert found.basis.value == "no_record"


# --- menopause and surgery ----------------------------------------------------------------------------


def menopause(**more: Any) -> Condition:
    return condition("childbearing/MENOPAUSE/support_menopause", ref="meno", text="Menopause", **more)


def hormones(**more: Any) -> Condition:
    return condition("childbearing/HORMONES/confounder", ref="hrt", text="Hormones", **more)


def test_menopause_at_fifty() -> None:
    found = judged(menopause(), born="1976-11-22")
    assert (found.outcome.value, found.reason) == (
        "pass",
        "Not of childbearing potential: Menopause, aged 50 or more",
    )
    assert references(found) == ["Condition/meno"]


def test_menopause_with_hormones() -> None:
    doubt = " (hormones are recorded too: 12 months without bleeding after stopping them)"
    found = judged(menopause(), hormones(), born="1976-11-22")
    assert found.reason == f"Not of childbearing potential: Menopause, aged 50 or more{doubt}"
    assert references(found) == ["Condition/meno", "Condition/hrt"]
    stopped = judged(menopause(), hormones(status="inactive"), born="1976-11-22")
    assert doubt not in stopped.reason


def test_menopause_before_fifty_is_not_certain() -> None:
    found = judged(menopause(), born="1976-11-23")
    assert found.outcome.value == "unknown"
    assert found.reason == f"Menopause is recorded, but not certain below 50 years of age; {UNTESTED}"
    settles = ("menopause", "FSH and LH in the post-menopausal range, or a clinician's confirmation", "", "")
    assert asked(found) == [TEST_NOW, settles]
    assert (references(found), found.basis.value) == (["Condition/meno"], "recorded")


@each_row("""
    status   | verified  | text | verdict
    active   | confirmed |      | pass
    inactive | confirmed |      | unknown
    active   | provisional |    | unknown
    active   | confirmed | yes  | unknown
""")
def test_a_menopause_that_ended_or_is_doubted_counts_for_nothing(row: dict[str, str]) -> None:
    record = menopause(status=row["status"], verified=row["verified"], text_only=bool(row["text"]))
    assert judged(record, born="1976-11-22").outcome.value == row["verdict"]


def test_surgery_is_named_with_its_doubts_once() -> None:
    sure = condition("childbearing/STERILE/not_wocbp", ref="a", text="Tubes tied", note="side not stated")
    again = condition("childbearing/STERILE/not_wocbp", ref="b", text="Tubes tied again", note="side not stated")
    other = condition("childbearing/STERILE/not_wocbp", ref="c", text="Ovaries", note="one side")
    plain = condition("childbearing/STERILE/not_wocbp", ref="a", text="Uterus removed")
    words = condition("childbearing/STERILE/not_wocbp", ref="w", text="Ligation?", note="words", text_only=True)
    assert judged(plain).reason == "Not of childbearing potential: Uterus removed"
    found = judged(sure, again, other, words)
    assert found.reason == "Not of childbearing potential: Tubes tied (side not stated; one side)"
    assert references(found) == ["Condition/a", "Condition/b", "Condition/c"]
    doubtful = sterility(case(words, of=person()))
    assert (doubtful.truth.value, [e.reference for e in doubtful.evidence], doubtful.doubt) == (
        "unknown",
        ["Condition/w"],
        "words",
    )


def test_sterility_is_of_the_patients_own_sex() -> None:
    vasectomy = procedure("childbearing/STERILE_MALE/sterile_male", on="2020-01-01")
    assert sterility(case(vasectomy, of=person(sex="male"))).truth.value == "true"
    assert sterility(case(vasectomy, of=person(sex="female"))).truth.value == "unknown"
    neither = sterility(case(vasectomy, of=person(sex="other")))
    assert (neither.truth.value, neither.evidence) == ("unknown", ())
    assert sterility(case(vasectomy, of=person(sex=None))).evidence == ()


# --- tests ------------------------------------------------------------------------------------------------


@each_row("""
    test                                  | verdict | reason
    2026-11-10 negative qual_serum        | pass    | Pregnancy test negative on 2026-11-10; no breastfeeding recorded
    2026-11-10 positive qual_urine        | fail    | Pregnancy test positive on 2026-11-10
    2026-11-10 indeterminate qual_urine   | unknown | potential; pregnancy test indeterminate on 2026-11-10 does not decide (repeat it)
    2026-11-10 positive quant_serum       | unknown | potential; pregnancy test positive on 2026-11-10 does not decide (raised hCG may come from a tumour or from menopause: confirm)
    2026-10-25 negative qual_serum        | pass    | Pregnancy test negative on 2026-10-25; no breastfeeding recorded
    2026-10-24 negative qual_serum        | unknown | potential; untested; the latest pregnancy test (2026-10-24) is older than 28 days
    2026-10 positive qual_serum           | unknown | potential; pregnancy test positive on 2026-10 does not decide (its date is not exact enough)
""")
def test_each_answer(row: dict[str, str]) -> None:
    on, answer, use = row["test"].split()
    analyte = "pregnancy-test" if use.startswith("qual") else "hcg"
    found = judged(lab(analyte, answer=answer, on=on, use=use, ref="test"))
    assert found.outcome.value == row["verdict"]
    assert found.reason == row["reason"].replace("potential;", f"{POSSIBLE};").replace("untested;", f"{UNTESTED};")
    assert references(found) == ["Observation/test"]
    assert asked(found) == ([TEST_NOW] if row["verdict"] == "unknown" else [])


@each_row("""
    value | sign | cutoff | verdict | reason
    4.9   |      | 5      | pass    | Pregnancy test hCG 4.9 mIU/mL on 2026-11-10; no breastfeeding recorded
    5     |      | 5      | unknown | potential; pregnancy test hCG 5 mIU/mL on 2026-11-10 does not decide (raised hCG may come from a tumour or from menopause: confirm)
    5     | <    | 5      | pass    | Pregnancy test hCG < 5 mIU/mL on 2026-11-10; no breastfeeding recorded
    2     |      |        | unknown | potential; pregnancy test hCG 2 mIU/mL on 2026-11-10 does not decide (no cut-off is recorded with it)
""")
def test_a_number_against_its_cut_off(row: dict[str, str]) -> None:
    result = lab("hcg", row["value"], sign=row["sign"] or None, high=row["cutoff"] or None, use="quant_serum")
    found = judged(replace(result, unit="mIU/mL"))
    assert found.outcome.value == row["verdict"]
    assert found.reason == row["reason"].replace("potential;", f"{POSSIBLE};")


def test_a_preliminary_test_is_marked() -> None:
    found = judged(lab("pregnancy-test", answer="negative", use="qual_serum", preliminary=True))
    assert found.reason == "Pregnancy test negative on 2026-11-10 (preliminary); no breastfeeding recorded"


def test_tests_that_disagree_or_cannot_be_read_are_noted() -> None:
    negative = lab("pregnancy-test", answer="negative", use="qual_serum", ref="neg")
    positive = lab("pregnancy-test", answer="positive", use="qual_urine", ref="pos")
    unread = lab("pregnancy-test", on="2026-11-11", use="qual_urine", ref="unread", problem="not a value we know")
    empty = lab("pregnancy-test", on="2026-11-12", use="qual_urine", ref="empty")
    found = judged(negative, positive, unread, empty)
    assert (found.outcome.value, found.reason) == ("fail", "Pregnancy test positive on 2026-11-10")
    assert [(note.reference, note.problem) for note in found.notes] == [
        ("Observation/empty", "no value"),
        ("Observation/unread", "not a value we know"),
        ("Observation/pos", "results of one day disagree: the worse one decides"),
    ]
    assert [note.problem for note in judged(negative, unread).notes] == ["not a value we know"]
    assert judged(negative).notes == ()


# --- pregnancy and breastfeeding on record ------------------------------------------------------------------


@each_row("""
    concept       | use                | recorded   | verdict | reason
    pregnancy     | exclude_if_current | 2025-11-22 | fail    | Said recorded 2025-11-22, active
    pregnancy     | exclude_if_current | 2025-11-21 | unknown | open
    breastfeeding | exclude_if_current | 2026-11-01 | fail    | Said recorded 2026-11-01, active
    breastfeeding | exclude_if_current |            | unknown | open
    pregnancy     | unknown            | 2026-11-10 | pass    | taken away by a test of the same day
    pregnancy     | unknown            | 2026-11-11 | unknown | open
    pregnancy     | review             | 2026-11-10 | unknown | open
    pregnancy     | unknown            | 2025-11-21 | pass    | long ago
    pregnancy     | history            | 2026-11-20 | pass    | no sign
""")
def test_conditions_beside_a_negative_test(row: dict[str, str]) -> None:
    """The test is of 10 November; the reasons of failures are whole, of the others what they are about."""
    said = condition(f"{row['concept']}/SAID/{row['use']}", ref="said", text="Said", recorded=row["recorded"] or None)
    found = judged(lab("pregnancy-test", answer="negative", use="qual_serum", ref="test"), said)
    assert found.outcome.value == row["verdict"]
    if row["verdict"] == "fail":
        assert found.reason == row["reason"]
        assert references(found) == ["Condition/said"]
    if row["verdict"] == "unknown":
        day = f" recorded {row['recorded']}" if row["recorded"] else ""
        assert found.reason == f"{POSSIBLE}; Said{day} is active, but not certain to be current"
        assert asked(found) == [("breastfeeding or pregnancy", "confirm that it has ended", "", "")]
        assert references(found) == ["Observation/test", "Condition/said"]


@each_row("""
    said                                         | on         | verdict | sign
    lab-answer/pregnancy_value/pregnant          | 2026-10-25 | fail    | Pregnancy status: pregnant on 2026-10-25
    lab-answer/pregnancy_value/pregnant          | 2026-10-24 | unknown | pregnant stated on 2026-10-24
    lab-answer/pregnancy_value/pregnant          |            | unknown | pregnant stated
    lab-answer/pregnancy_value/pregnant          | 2025-11-22 | unknown | pregnant stated on 2025-11-22
    lab-answer/pregnancy_value/pregnant          | 2025-11-21 | unknown |
    lab-answer/pregnancy_value/possible          | 2026-11-20 | unknown | possible pregnancy stated on 2026-11-20
    lab-answer/pregnancy_value/not_pregnant      | 2026-11-20 | unknown |
    pregnancy/PREGNANT/exclude_if_current        | 2026-11-20 | fail    | Pregnancy status: pregnant on 2026-11-20
    pregnancy/NOT_PREGNANT/info                  | 2026-11-20 | unknown |
    pregnancy/PREGNANT_POSSIBLE/unknown          | 2026-11-20 | unknown | possible pregnancy stated on 2026-11-20
    breastfeeding/BREASTFEEDING/exclude          | 2025-11-22 | fail    | Breastfeeding stated on 2025-11-22
    breastfeeding/BREASTFEEDING/exclude          | 2025-11-21 | unknown | breastfeeding stated on 2025-11-21, not certain to be current
    breastfeeding/BREASTFEEDING/exclude          |            | unknown | breastfeeding stated, not certain to be current
    breastfeeding/BREASTFEEDING_NOT/info         | 2026-11-20 | unknown |
    breastfeeding/ANYTHING/info                  | 2026-11-20 | unknown |
""")
def test_statements_at_their_limits(row: dict[str, str]) -> None:
    found = judged(status(row["said"], on=row["on"] or None, ref="status"))
    assert found.outcome.value == row["verdict"]
    if row["verdict"] == "fail":
        assert found.reason == row["sign"]
    else:
        assert found.reason == "; ".join(filter(None, (POSSIBLE, UNTESTED, row["sign"])))


def test_what_contradicts_sterility_is_told_in_one_sentence() -> None:
    sterile = condition("childbearing/STERILE/not_wocbp", ref="st", text="Uterus removed")
    found = judged(sterile, lab("pregnancy-test", answer="positive", use="qual_serum", ref="test"))
    assert found.outcome.value == "unknown"
    assert found.reason == ("Not of childbearing potential: Uterus removed; but pregnancy test positive on 2026-11-10")
    assert references(found) == ["Condition/st", "Observation/test"]
    assert asked(found) == [("pregnancy", "a clinician's word on the contradiction", "", "")]


# --- several statements -------------------------------------------------------------------------------


STATED = {
    "pregnant": "pregnancy/PREGNANT/status",
    "not-pregnant": "pregnancy/NOT_PREGNANT/status",
    "possible": "pregnancy/PREGNANT_POSSIBLE/status",
    "answer-pregnant": "lab-answer/pregnancy_value/pregnant",
    "answer-not-pregnant": "lab-answer/pregnancy_value/not_pregnant",
    "answer-possible": "lab-answer/pregnancy_value/possible",
    "feeding": "breastfeeding/BREASTFEEDING/status",
    "not-feeding": "breastfeeding/BREASTFEEDING_NOT/status",
    "elsewhere-pregnant": "another/PREGNANT/pregnant",
    "answer-other": "lab-answer/PREGNANT/positive",
}


@each_row("""
    stated                                                 | verdict | shown                  | because
    pregnant 2026-11-10                                    | fail    | pregnant               |
    pregnant 2026-11-10, not-pregnant 2026-11-15           | unknown | not-pregnant           | the latest statement counts, and is no test
    not-pregnant 2026-11-10, pregnant 2026-11-15           | fail    | pregnant               |
    answer-pregnant 2026-11-10, answer-not-pregnant 2026-11-15 | unknown | answer-not-pregnant |
    answer-not-pregnant 2026-11-10, answer-pregnant 2026-11-15 | fail    | answer-pregnant     |
    answer-possible 2026-11-10                             | unknown | answer-possible        |
    possible 2026-11-10                                    | unknown | possible               |
    pregnant 2026-10-20                                    | unknown | pregnant               | older than a test may be
    pregnant undated                                       | unknown | pregnant               |
    feeding 2026-11-10                                     | fail    | feeding                |
    feeding 2025-11-22                                     | fail    | feeding                | twelve months
    feeding 2025-11-21                                     | unknown | feeding                |
    feeding undated                                        | unknown | feeding                |
    feeding 2026-11-10, not-feeding 2026-11-15             | unknown | not-feeding            |
    not-feeding 2026-11-10, feeding 2026-11-15             | fail    | feeding                |
    not-pregnant 2026-11-15, feeding 2026-11-10            | fail    | feeding                |
    elsewhere-pregnant 2026-11-10                          | unknown |                        | said of something else
    answer-other 2026-11-10                                | unknown |                        |
""")
def test_the_latest_statement_of_pregnancy_and_of_breastfeeding_counts(row: dict[str, str]) -> None:
    found = []
    for part in row["stated"].split(", "):
        name, on = part.split()
        found.append(status(STATED[name], on=None if on == "undated" else on, ref=name))
    told = judged(*found)
    assert told.outcome.value == row["verdict"], told.reason
    assert [ref.rpartition("/")[2] for ref in references(told)] == row["shown"].split()


@each_row("""
    answer        | value | verdict
    negative      |       | pass
    indeterminate |       | unknown
                  | 1     | pass
    indeterminate | 1     | unknown
    negative      | 9     | pass
                  | 5     | unknown
""")
def test_an_answer_counts_before_a_number(row: dict[str, str]) -> None:
    """A quantitative test whose results below 5 are negative."""
    found = lab("pregnancy-test", row["value"] or None, answer=row["answer"] or None, high="5", use="quant_serum")
    assert judged(found).outcome.value == row["verdict"], judged(found).reason


def test_a_test_that_cannot_be_used_is_noted_where_nothing_is_decided() -> None:
    odd = lab("pregnancy-test", None, on="2026-11-12", ref="odd", problem="no value")
    fair = lab("pregnancy-test", None, on="2026-11-10", ref="fair", answer="indeterminate", use="qual_urine")
    found = judged(odd, fair)
    assert (found.outcome.value, [(note.reference, note.problem) for note in found.notes]) == (
        "unknown",
        [("Observation/odd", "no value")],
    )
