"""Exclusions by condition, other cancers, marrow, opinions: typed by hand from CRITERIA E1 to E10 and rulings."""

from __future__ import annotations

from typing import Any

from build import (
    condition,
    day,
    disease_rules,
    facts,
    lesion,
    measured,
    metastasis,
    pathology,
    person,
    primary,
    procedure,
    scan,
)
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import (
    ClinicianJudges,
    Exhibit,
    NoActiveCondition,
    NoMarrowInvolvement,
    NoOtherMalignancy,
    Outcome,
    Rule,
)
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Condition, Kind, Site
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Basis, Finding

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
EFFUSION = NoActiveCondition(
    "effusion",
    {"exclude_unless_too_small": Outcome.FAIL, "review": Outcome.REVIEW},
    {"review": "whether it is malignant is not stated"},
)
MENINGES = NoActiveCondition(
    "leptomeningeal", {"exclude": Outcome.FAIL, "review": Outcome.REVIEW}, {}, ("dural", "dura")
)
RHEUM = NoActiveCondition(
    "rheumatologic",
    {"flag_exclude_if_active": Outcome.REVIEW, "flag_review_if_active": Outcome.REVIEW},
    {"flag_exclude_if_active": "likely to exclude"},
)
PSYCH = NoActiveCondition("psychiatric-substance", {"flag_review": Outcome.REVIEW})
MARROW = NoMarrowInvolvement("marrow-involvement", report_within_days=3)
OTHERS = NoOtherMalignancy(SEVEN, free_years=5)


def find(rule: Rule, *found: object, as_of: str = "2026-11-22", **more: Any) -> Finding:
    case = Case(facts(*found, **more).known_on(AsOf(day(as_of))), disease_rules(), SEVEN)
    return judge(rule, case, AsOf(day(as_of)))


# --- conditions --------------------------------------------------------------------------------

MALIGNANT = "effusion/MALIGNANT_EFFUSION/exclude_unless_too_small"
UNSPECIFIED = "effusion/EFFUSION_UNSPECIFIED/review"


@each_row("""
    effusion    | status     | verified     | how  | verdict | basis
                |            |              |      | pass    | no_record
    malignant   | active     | confirmed    | code | fail    | recorded
    malignant   |            |              | code | fail    | recorded
    malignant   | recurrence | confirmed    | code | fail    | recorded
    malignant   | resolved   | confirmed    | code | pass    | recorded
    malignant   | inactive   | confirmed    | code | pass    | recorded
    malignant   | remission  | confirmed    | code | pass    | recorded
    malignant   | active     | unconfirmed  | code | review  | recorded
    malignant   | active     | provisional  | code | review  | recorded
    malignant   | active     | differential | code | review  | recorded
    malignant   | active     | confirmed    | text | review  | recorded
    unspecified | active     | confirmed    | code | review  | recorded
    unspecified | resolved   | confirmed    | code | pass    | recorded
    unspecified | active     | confirmed    | text | review  | recorded
    sampling    | active     | confirmed    | code | pass    | recorded
    elsewhere   | active     | confirmed    | code | pass    | no_record
""")
def test_effusion(row: dict[str, str]) -> None:
    means = {
        "malignant": MALIGNANT,
        "unspecified": UNSPECIFIED,
        "sampling": "effusion/EFFUSION_PROCEDURE/support",
        "elsewhere": "gilbert/GILBERT/bilirubin_exception",
    }
    recorded = []
    if row["effusion"]:
        how: dict[str, Any] = {
            "status": row["status"] or None,
            "verified": row["verified"] or None,
            "text_only": row["how"] == "text",
        }
        recorded.append(condition(means[row["effusion"]], **how))
    found = find(EFFUSION, *recorded)
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"])


def test_the_gravest_condition_decides_whatever_the_order() -> None:
    grave, light = (
        condition(MALIGNANT, ref="a", text="Malignant ascites"),
        condition(UNSPECIFIED, ref="b", text="Effusion"),
    )
    for found in (find(EFFUSION, grave, light), find(EFFUSION, light, grave)):
        assert found.outcome is Outcome.FAIL
        assert [item.reference for item in found.evidence] == ["Condition/a"]


def test_an_effusion_that_resolves_later_is_active_until_then() -> None:
    ended = condition(MALIGNANT, status="resolved", recorded="2026-01-05", abated="2026-11-22")
    assert find(EFFUSION, ended, as_of="2026-11-21").outcome is Outcome.FAIL
    assert find(EFFUSION, ended, as_of="2026-11-22").outcome is Outcome.PASS


def test_an_effusion_recorded_later_does_not_exist_yet() -> None:
    later = condition(MALIGNANT, recorded="2026-11-22")
    assert find(EFFUSION, later, as_of="2026-11-21").outcome is Outcome.PASS
    assert find(EFFUSION, later, as_of="2026-11-22").outcome is Outcome.FAIL


def test_conditions_that_were_not_retrieved_leave_exclusions_open() -> None:
    gap = ((Kind.CONDITIONS, "refused"),)
    for rule in (EFFUSION, MARROW, OTHERS):
        found = find(rule, not_retrieved=gap)
        assert (found.outcome, found.basis) == (Outcome.UNKNOWN, Basis.NO_RECORD)
        assert found.reason == "Not retrieved: refused"
        assert found.missing


@each_row("""
    text                              | site          | verdict
    Secondary neoplasm of meninges    |               | fail
    Dural metastasis                  |               | review
    Metastasis, dura                  |               | review
    Secondary neoplasm of meninges    | Dural sheath  | review
    Epidural and meningeal metastasis |               | fail
""")
def test_dural_disease_is_for_review(row: dict[str, str]) -> None:
    site = Site(text=row["site"]) if row["site"] else None
    meninges = condition("leptomeningeal/LEPTOMENINGEAL/exclude", text=row["text"], site=site)
    assert find(MENINGES, meninges).outcome.value == row["verdict"]


@each_row("""
    use                    | status    | verdict
    flag_exclude_if_active | active    | review
    flag_exclude_if_active | remission | pass
    flag_review_if_active  | active    | review
    flag_review_if_active  | resolved  | pass
    not_applicable         | active    | pass
""")
def test_rheumatologic_disease(row: dict[str, str]) -> None:
    found = find(RHEUM, condition(f"rheumatologic/RHEUM/{row['use']}", status=row["status"], text="Lupus"))
    assert found.outcome.value == row["verdict"]
    assert ("likely to exclude" in found.reason) == (
        row["use"] == "flag_exclude_if_active" and row["status"] == "active"
    )


@each_row("""
    use         | status    | verdict
    flag_review | active    | review
    flag_review | remission | pass
    flag_info   | active    | pass
""")
def test_depression_and_tobacco_are_information(row: dict[str, str]) -> None:
    found = find(PSYCH, condition(f"psychiatric-substance/PSYCH/{row['use']}", status=row["status"]))
    assert (found.outcome.value, found.basis) == (row["verdict"], Basis.RECORDED)


# --- other cancers -----------------------------------------------------------------------------

LUNG = ("primary-cancer/PRIMARY/primary",)


def lung(**more: Any) -> Condition:
    return condition(*LUNG, ref="lung", text="Lung cancer", **more)


@each_row("""
    second                  | verdict | basis
                            | pass    | no_record
    colon, other code       | pass    | no_record
    colon, resolved         | pass    | no_record
    prostate                | review  | recorded
    prostate, unconfirmed   | review  | recorded
    prostate, history       | pass    | recorded
    lung                    | review  | recorded
    lung, onset 1999        | review  | recorded
    lung, resolved          | review  | recorded
    lung, ended 2021-11-22  | review  | recorded
    lung, ended 2021-11-21  | pass    | recorded
    lung, ended 2021-11     | review  | recorded
    lung, ended 2021-10     | pass    | recorded
    skin                    | pass    | recorded
    in situ                 | pass    | recorded
    unknown primary         | pass    | no_record
    unrecognised            | review  | recorded
    liver metastasis        | pass    | no_record
    words                   | review  | recorded
    words, ended            | pass    | no_record
    words of metastasis     | pass    | no_record
    melanoma in situ        | pass    | recorded
""")
def test_a_second_cancer_beside_colon_cancer(row: dict[str, str]) -> None:
    """More than five years have passed on 22 November 2026 since 21 November 2021, not since the 22nd."""
    sounds = "malignant-text/PRIMARY/unrecognised"
    low_risk = "other-primary/OTHER_PRIMARY_LOW_RISK/flag_info"
    second = {
        "colon, other code": primary(ref="again", text="Colon cancer, unspecified"),
        "colon, resolved": primary(ref="again", status="resolved"),
        "prostate": primary("PROSTATE", ref="second"),
        "prostate, unconfirmed": primary("PROSTATE", ref="second", verified="unconfirmed"),
        "prostate, history": condition("cancer-type/PROSTATE/history", ref="z85"),
        "lung": lung(),
        "lung, onset 1999": lung(onset="1999-01-01"),
        "lung, resolved": lung(status="resolved"),
        "lung, ended 2021-11-22": lung(status="resolved", abated="2021-11-22"),
        "lung, ended 2021-11-21": lung(status="resolved", abated="2021-11-21"),
        "lung, ended 2021-11": lung(status="resolved", abated="2021-11"),
        "lung, ended 2021-10": lung(status="resolved", abated="2021-10"),
        "skin": condition(*LUNG, low_risk, ref="skin"),
        "in situ": condition("primary-cancer/IN_SITU/in-situ", low_risk, ref="situ"),
        "unknown primary": condition("primary-cancer/UNKNOWN_PRIMARY/unknown-primary", ref="cup"),
        "unrecognised": condition(ref="odd", profile="primary", unlisted=True),
        "liver metastasis": metastasis(),
        "words": condition(sounds, ref="w", text_only=True),
        "words, ended": condition(sounds, ref="w", text_only=True, status="resolved"),
        "words of metastasis": condition(sounds, "malignant-text/SECONDARY/unrecognised", ref="w", text_only=True),
        "melanoma in situ": condition("cancer-type/BREAST/in-situ", low_risk, ref="dcis"),
    }
    found = find(OTHERS, primary(), *([second[row["second"]]] if row["second"] else []))
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"])


def test_a_second_of_the_seven_asks_which_one_progresses() -> None:
    found = find(OTHERS, primary("CRC"), primary("PROSTATE", ref="second"))
    assert found.reason == "Active cancers of CRC and prostate: which one progresses?"
    assert [item.reference for item in found.evidence] == ["Condition/primary", "Condition/second"]


def test_breast_cancer_of_both_sides_is_asked_about() -> None:
    left = primary("BREAST", ref="l", side="left")
    assert find(OTHERS, left, primary("BREAST", ref="r", side="right")).outcome is Outcome.REVIEW
    assert find(OTHERS, left, primary("BREAST", ref="r")).outcome is Outcome.PASS


def test_a_cancer_that_ended_ceases_to_matter_with_time() -> None:
    ended = lung(status="resolved", abated="2021-11-22")
    assert find(OTHERS, primary(), ended, as_of="2026-11-22").outcome is Outcome.REVIEW
    assert find(OTHERS, primary(), ended, as_of="2026-11-23").outcome is Outcome.PASS


# --- marrow ------------------------------------------------------------------------------------

BIOPSY = "marrow-involvement/BONE_MARROW_BIOPSY/support"


@each_row("""
    biopsy_of | biopsied   | report    | reported   | of     | bone          | verdict | basis
              |            |           |            |        |               | pass    | no_record
    ilium     | 2026-10-10 | malignant | 2026-10-10 |        |               | fail    | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-13 |        |               | fail    | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-07 |        |               | fail    | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-14 |        |               | review  | recorded
    ilium     | 2026-10    | malignant | 2026-10-10 |        |               | review  | recorded
              | 2026-10-10 | malignant | 2026-10-10 | marrow |               | fail    | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-10 | liver  |               | review  | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-10 |        | bone          | review  | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-10 |        | ilium lesion  | review  | recorded
    ilium     | 2026-10-10 | malignant | 2026-10-10 |        | rib lesion    | fail    | recorded
              | 2026-10-10 | malignant | 2026-10-10 |        | rib lesion    | review  | recorded
    ilium     | 2026-10-10 | benign    | 2026-10-10 | marrow |               | pass    | recorded
    ilium     | 2026-10-10 |           |            |        |               | review  | recorded
    ilium     | 2026-10-10 | not coded | 2026-10-10 | marrow |               | review  | recorded
""")
def test_marrow_biopsy(row: dict[str, str]) -> None:
    found: list[object] = []
    if row["biopsied"]:
        found.append(procedure(BIOPSY, on=row["biopsied"], organ=row["biopsy_of"] or None))
    if row["report"]:
        malignant = {"malignant": True, "benign": False, "not coded": None}[row["report"]]
        organ = None if row["of"] in ("", "marrow") else row["of"]
        found.append(pathology(malignant=malignant, on=row["reported"], of_marrow=row["of"] == "marrow", organ=organ))
    bone, _, kind = row["bone"].partition(" ")
    if kind:
        found += [lesion(bone), measured(on="2026-10-01", long=12)]
    elif bone:
        found.append(metastasis(bone))
    verdict = find(MARROW, *found)
    assert (verdict.outcome.value, verdict.basis.value) == (row["verdict"], row["basis"])


@each_row("""
    status   | verdict
    active   | review
    resolved | pass
""")
def test_a_marrow_condition_is_for_review(row: dict[str, str]) -> None:
    named = condition("marrow-involvement/BONE_MARROW/flag_review", status=row["status"])
    assert find(MARROW, named).outcome.value == row["verdict"]


def test_a_malignant_marrow_report_without_its_biopsy_is_for_review() -> None:
    assert find(MARROW, pathology(malignant=True, on="2026-10-10", of_marrow=True)).outcome is Outcome.REVIEW
    assert find(MARROW, pathology(malignant=True, on="2026-10-10")).outcome is Outcome.PASS


def test_a_biopsy_fails_only_where_lesions_could_be_read() -> None:
    found = (procedure(BIOPSY, on="2026-10-10"), pathology(malignant=True, on="2026-10-10"))
    assert find(MARROW, *found, not_retrieved=((Kind.LESIONS, "refused"),)).outcome is Outcome.UNKNOWN


# --- opinions ----------------------------------------------------------------------------------


def test_an_opinion_is_always_for_the_clinician_with_what_there_is_to_see() -> None:
    rule = ClinicianJudges("Can every lesion be treated?", (Exhibit.PROGRESSIVE_LESIONS, Exhibit.LOCAL_THERAPY))
    treated = procedure("local-therapy/RADIOTHERAPY/exclude", on="2025-02-03", organ="liver", text="Radiotherapy")
    found = find(rule, treated)
    assert found.outcome is Outcome.REVIEW
    assert found.reason == (
        "Can every lesion be treated? No progressive lesion is recorded. "
        "Earlier local therapy: Radiotherapy of liver (2025-02-03)."
    )
    assert [item.reference for item in found.evidence] == ["Procedure/proc"]


def test_a_course_of_treatments_is_told_once() -> None:
    rule = ClinicianJudges("Treatable?", (Exhibit.LOCAL_THERAPY,))
    given = [
        procedure("local-therapy/RT/exclude", on=on, ref=on, text="Radiotherapy")
        for on in ("2025-02-03", "2025-02-10", "2025-02-07")
    ]
    assert find(rule, *given).reason == "Treatable? Earlier local therapy: Radiotherapy (3 times, last 2025-02-10)."


def test_the_problem_list_is_shown_without_what_has_ended() -> None:
    rule = ClinicianJudges("Does anything interfere?", (Exhibit.PROBLEM_LIST,))
    found = find(rule, primary(), condition(ref="old", text="Pneumonia", status="resolved"))
    assert found.reason == "Does anything interfere? Problem list: Colon cancer."
    assert find(rule).reason == "Does anything interfere? The problem list is empty."
    gone = find(rule, not_retrieved=((Kind.CONDITIONS, "timed out"),))
    assert gone.reason == "Does anything interfere? Problem list not retrieved (timed out)."


def test_progressive_lesions_are_shown_with_place_and_size() -> None:
    rule = ClinicianJudges("Treatable?", (Exhibit.PROGRESSIVE_LESIONS,))
    grown = [lesion("liver"), measured(on="2026-08-20", long=12), measured(on="2026-11-10", long=20)]
    scans = [scan(on="2026-08-20", ref="s1"), scan(on="2026-11-10", ref="s2")]
    found = find(rule, primary(), *grown, *scans)
    assert found.reason == "Treatable? Lesions that progress or may: liver 20 mm."
    assert {"Observation/size-l1-2026-08-20", "Observation/size-l1-2026-11-10"} <= {
        item.reference for item in found.evidence
    }


def test_a_long_problem_list_is_cut_in_the_reason_only() -> None:
    rule = ClinicianJudges("Anything?", (Exhibit.PROBLEM_LIST,))
    found = find(rule, *(condition(ref=f"c{number}", text=f"Problem {number}") for number in range(10, 25)))
    assert found.reason.endswith("Problem 21 and 3 more.")
    assert len(found.evidence) == 15


def test_contraception_is_moot_when_sterile() -> None:
    rule = ClinicianJudges("Agreed to contraception?", (Exhibit.CONTRACEPTION,), moot_when_sterile=True)
    sterile = condition("childbearing/STERILE_MENOPAUSE/not_wocbp", text="Hysterectomy")
    assert find(rule, sterile, of=person(sex="female")).outcome is Outcome.PASS
    assert find(rule, sterile, of=person(sex="male")).outcome is Outcome.REVIEW
    assert find(rule, of=person(sex="female")).reason == "Agreed to contraception? No contraception is recorded."
    told = find(rule, condition("childbearing/STERILE_MENOPAUSE/contraception", text="Copper IUD"))
    assert told.reason == "Agreed to contraception? Recorded: Copper IUD."
