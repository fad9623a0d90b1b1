"""What is said of the cancer, its spread and other cancers: typed by hand from CRITERIA I2, I14, E6, E10."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import (
    condition,
    day,
    disease_rules,
    facts,
    lesion,
    measured,
    metastasis,
    pathology,
    primary,
    procedure,
    scan,
    stage,
)
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import (
    MetastaticDisease,
    NoActiveCondition,
    NoMarrowInvolvement,
    NoOtherMalignancy,
    Outcome,
    PrimaryCancerOf,
    Rule,
)
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import CancerProfile, Kind, Site
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
STAGE_IV, TYPE, OTHERS = MetastaticDisease(), PrimaryCancerOf(SEVEN), NoOtherMalignancy(SEVEN, free_years=5)
MARROW = NoMarrowInvolvement("marrow-involvement", report_within_days=3)
TODAY = "2026-11-22"
STAGING = [("current stage", "stage group or M category of the disease as it is now")]
HISTOLOGY = [("histology of the primary", "pathology report, or the coded primary cancer")]
TISSUE = [("tissue confirmation", "pathology or cytology report with its date")]


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    case = Case(facts(*found, **more).known_on(AsOf(day(TODAY))), disease_rules(), SEVEN)
    return judge(rule, case, AsOf(day(TODAY)))


def told(found: Finding) -> tuple[str, str, str]:
    return found.outcome.value, found.basis.value, found.reason


def references(found: Finding) -> list[str]:
    return [item.reference.partition("/")[2] for item in found.evidence]


def asked(found: Finding) -> list[tuple[str, str]]:
    return [(item.what, item.how) for item in found.missing]


GAP = ((Kind.CONDITIONS, "timed out"),)


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (STAGE_IV, STAGING),
        (TYPE, HISTOLOGY),
        (OTHERS, [("other cancers", "the problem list")]),
        (MARROW, [("marrow involvement", "the problem list, procedures and pathology reports")]),
        (NoActiveCondition("marrow-involvement", {}), [("marrow involvement", "the problem list")]),
    ],
)
def test_a_problem_list_that_was_not_retrieved(rule: Rule, missing: list[tuple[str, str]]) -> None:
    found = find(rule, not_retrieved=GAP)
    assert told(found) == ("unknown", "no_record", "Not retrieved: timed out")
    assert asked(found) == missing


# --- metastatic and proven ------------------------------------------------------------------------------------


LIVER = metastasis("liver", ref="liver", text="Liver metastasis", recorded="2026-01-12")
BONE = metastasis("bone", ref="bone", text="Bone metastasis")
UNPROVEN = primary(verified=None)


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        (
            [primary(), LIVER],
            "pass derived",
            "Metastatic: Liver metastasis (2026-01-12); primary cancer recorded as confirmed (Colon cancer)",
            "liver primary",
        ),
        (
            [primary(), BONE],
            "pass derived",
            "Metastatic: Bone metastasis; primary cancer recorded as confirmed (Colon cancer)",
            "bone primary",
        ),
        (
            [primary(), LIVER, BONE],
            "pass derived",
            "Metastatic: Liver metastasis (2026-01-12) and 1 more; primary cancer recorded as confirmed (Colon cancer)",
            "liver bone primary",
        ),
        (
            [UNPROVEN, BONE, pathology(malignant=True, on="2026-01-05")],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by a pathology report of 2026-01-05",
            "bone path",
        ),
        (
            [UNPROVEN, BONE, pathology(malignant=True, on=None, cytology=True)],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by a cytology report",
            "bone path",
        ),
        (
            [replace(UNPROVEN, confirmation=primary(confirmation="cytology").confirmation), BONE],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by cytology (evidence code)",
            "bone primary",
        ),
        (
            [
                replace(
                    UNPROVEN,
                    confirmation=primary(confirmation="cytology").confirmation
                    + primary(confirmation="histology").confirmation,
                ),
                BONE,
            ],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by histology (evidence code)",
            "bone primary",
        ),
        (
            [primary(verified=None, morphology=["cancer-type/CRC/morphology"]), BONE],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by its morphology (CRC)",
            "bone primary",
        ),
        (
            [UNPROVEN, BONE],
            "unknown recorded",
            "Metastatic: Bone metastasis; but no tissue proof and no confirmed primary is recorded",
            "bone",
        ),
        (
            [UNPROVEN, BONE, pathology(malignant=None, on="2026-01-05")],
            "unknown recorded",
            "Metastatic: Bone metastasis; but no tissue proof and no confirmed primary is recorded; a pathology report is there, its conclusion is not coded",
            "bone path",
        ),
        (
            [UNPROVEN, BONE, pathology(malignant=False, on="2026-01-05")],
            "unknown recorded",
            "Metastatic: Bone metastasis; but no tissue proof and no confirmed primary is recorded",
            "bone",
        ),
        (
            [UNPROVEN, replace(BONE, confirmation=primary(confirmation="histology").confirmation)],
            "pass recorded",
            "Metastatic: Bone metastasis; proven by histology (evidence code)",
            "bone bone",
        ),
    ],
)
def test_spread_and_its_proof(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(STAGE_IV, *found)
    assert told(judged) == (*verdict.split(), reason)
    assert references(judged) == shown.split()
    assert asked(judged) == (TISSUE if judged.outcome is Outcome.UNKNOWN else [])


@each_row("""
    use             | verdict
    yes             | pass
    review          | pass
    not-a-use       | unknown
""")
def test_a_confirmed_primary_of_any_kind_proves_where_it_may_be_ours(row: dict[str, str]) -> None:
    named = condition(f"cancer-type/UROTHELIAL/{row['use']}", ref="p", text="Renal pelvis")
    assert find(STAGE_IV, named, BONE).outcome.value == row["verdict"]


def test_an_unknown_or_unrecognised_primary_may_be_ours_another_one_is_not() -> None:
    unknown = condition("primary-cancer/UNKNOWN_PRIMARY/unknown-primary", ref="p", text="Primary not known")
    unrecognised = condition(ref="p", text="A cancer", profile="primary", unlisted=True)
    lung = condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer")
    assert unrecognised.profile is CancerProfile.PRIMARY
    for ours in (unknown, unrecognised, lung):
        assert find(STAGE_IV, ours, BONE).outcome is Outcome.PASS
    for ours in (unknown, unrecognised, UNPROVEN):
        unproven = replace(ours, verification=None)
        assert find(STAGE_IV, unproven, lung, BONE).outcome is Outcome.UNKNOWN


@each_row("""
    morphology   | verdict
    morphology   | pass
    in-situ      | unknown
    not-malignant | unknown
""")
def test_a_benign_morphology_proves_nothing(row: dict[str, str]) -> None:
    ours = primary(verified=None, morphology=[f"cancer-type/CRC/{row['morphology']}"])
    assert find(STAGE_IV, ours, BONE).outcome.value == row["verdict"]


@each_row("""
    confirmed_of                          | verdict
    cancer-type/CRC/yes                   | pass
    secondary-site/bone/metastatic        | pass
    primary-cancer/SECONDARY/secondary    | pass
    gilbert/GILBERT/bilirubin_exception   | unknown
""")
def test_tissue_counts_for_a_cancer_only(row: dict[str, str]) -> None:
    proven = condition(row["confirmed_of"], ref="proven", text="Proven", verified=None, confirmation="histology")
    assert find(STAGE_IV, UNPROVEN, BONE, proven).outcome.value == row["verdict"]
    doubted = replace(proven, verification=condition(verified="provisional").verification)
    assert find(STAGE_IV, UNPROVEN, BONE, doubted).outcome.value == "unknown"


@each_row("""
    low_on     | verdict
    2026-01-01 | pass
    2026-01-02 | unknown
               | pass
""")
def test_a_later_low_stage_contradicts_an_earlier_stage_iv(row: dict[str, str]) -> None:
    low = stage("stage-i-iii", on=row["low_on"] or None, ref="low")
    found = find(STAGE_IV, primary(), stage("stage-iv", on="2026-01-01", ref="high"), low)
    assert found.outcome.value == row["verdict"]
    if row["verdict"] == "unknown":
        assert told(found) == (
            "unknown",
            "recorded",
            "stage-iv (2026-01-01), but later stage-i-iii (2026-01-02): whether the disease is metastatic now is open",
        )
        assert (references(found), asked(found)) == (["high", "low"], STAGING)
    with_proof = find(STAGE_IV, primary(), stage("stage-iv", on="2026-01-01", ref="high"), low, LIVER)
    assert with_proof.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        ([primary()], "unknown no_record", "No stage and no metastasis is recorded", ""),
        (
            [primary(), replace(LIVER, clinical_status=condition(status="resolved").clinical_status)],
            "unknown recorded",
            "Not proven metastatic: Liver metastasis (2026-01-12) (recorded as ended)",
            "liver",
        ),
        (
            [primary(), replace(BONE, verification=condition(verified="provisional").verification)],
            "unknown recorded",
            "Not proven metastatic: Bone metastasis (recorded as unconfirmed)",
            "bone",
        ),
        (
            [primary(), metastasis("lymph_node:unspecified", ref="node", text="Node metastasis")],
            "unknown recorded",
            "Not proven metastatic: Node metastasis, nodes of this chain may be regional (lymph nodes that may be regional)",
            "node",
        ),
        (
            [condition("malignant-text/PRIMARY/words", ref="w", text="Some carcinoma", text_only=True)],
            "unknown recorded",
            "Not proven metastatic: Some carcinoma (known by its words only)",
            "w",
        ),
        (
            [primary(), stage("m0", on="2026-01-01", ref="m0")],
            "unknown recorded",
            "m0 (2026-01-01) is not a restaging from the baseline scan on; no metastasis is recorded",
            "m0",
        ),
        (
            [primary(), stage("m0", on="2026-11-10", ref="m0"), scan(on="2026-11-10")],
            "fail recorded",
            "m0 (2026-11-10), recorded on or after the baseline scan (2026-11-10), and no metastasis is recorded",
            "m0",
        ),
        (
            [primary(), primary("RCC", ref="rcc"), stage("m0", on="2026-11-10", ref="m0"), scan(on="2026-11-10")],
            "unknown recorded",
            "m0 (2026-11-10) is not a restaging from the baseline scan on; no metastasis is recorded",
            "m0",
        ),
    ],
)
def test_what_falls_short_of_metastatic(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(STAGE_IV, *found)
    assert told(judged) == (*verdict.split(), reason)
    assert references(judged) == shown.split()
    assert asked(judged) == ([] if judged.outcome is Outcome.FAIL else STAGING)


def test_observations_that_were_not_retrieved_may_hold_a_stage() -> None:
    gap = ((Kind.OBSERVATIONS, "timed out"),)
    found = find(STAGE_IV, primary(), not_retrieved=gap)
    assert (told(found), asked(found)) == (("unknown", "no_record", "Not retrieved: timed out"), STAGING)
    assert find(STAGE_IV, primary(), LIVER, not_retrieved=gap).outcome is Outcome.PASS


# --- the type --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        ([primary()], "pass recorded", "Colon cancer (CRC)", "primary"),
        ([primary("ESOPHAGUS", text="Gullet")], "pass recorded", "Gullet (esophagus)", "primary"),
        (
            [primary(note="male breast")],
            "pass recorded",
            "Colon cancer (CRC); to keep in mind: male breast",
            "primary",
        ),
        (
            [primary(ref="a"), primary("RCC", ref="b", text="Kidney")],
            "pass recorded",
            "Colon cancer (CRC); also RCC: which one progresses?",
            "a b",
        ),
        (
            [condition("cancer-type/UROTHELIAL/review", ref="r", text="Renal pelvis")],
            "unknown recorded",
            "Renal pelvis: its histology is undecided",
            "r",
        ),
        (
            [condition("cancer-type/UROTHELIAL/review", ref="r", text="Renal pelvis", note="upper tract")],
            "unknown recorded",
            "Renal pelvis: upper tract",
            "r",
        ),
        (
            [condition("primary-cancer/UNKNOWN_PRIMARY/unknown-primary", ref="u", text="Unknown")],
            "unknown recorded",
            "Unknown: the primary is not known",
            "u",
        ),
        (
            [condition(ref="n", text="A cancer", profile="primary", unlisted=True)],
            "unknown recorded",
            "A cancer: a primary cancer whose code is in no table",
            "n",
        ),
        (
            [condition("malignant-text/PRIMARY/words", ref="w", text="Some carcinoma", text_only=True)],
            "unknown recorded",
            "Some carcinoma: known by its words only",
            "w",
        ),
        ([primary(verified="provisional")], "unknown recorded", "Colon cancer: recorded as unconfirmed", "primary"),
        (
            [primary(status="remission")],
            "unknown recorded",
            "Colon cancer: recorded as remission, no active primary is recorded",
            "primary",
        ),
        (
            [primary(status=None, abated="2020-01-01")],
            "unknown recorded",
            "Colon cancer: recorded as ended, no active primary is recorded",
            "primary",
        ),
        (
            [condition("cancer-type/CRC/history", ref="h", text="History of colon cancer")],
            "unknown recorded",
            "History of colon cancer: history only, no active primary is recorded",
            "h",
        ),
        (
            [condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer")],
            "fail recorded",
            "Every primary cancer recorded is of another type: Lung cancer",
            "lung",
        ),
        (
            [primary(morphology=["cancer-type/ANY/no"])],
            "fail recorded",
            "Every primary cancer recorded is of another type: Colon cancer (morphology ANY)",
            "primary",
        ),
        (
            [condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer", status="resolved")],
            "unknown recorded",
            "Lung cancer: of another type and past; no active primary is recorded",
            "lung",
        ),
        ([], "unknown no_record", "No primary cancer is recorded", ""),
    ],
)
def test_the_type_in_words(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(TYPE, *found)
    assert told(judged) == (*verdict.split(), reason)
    assert references(judged) == shown.split()
    assert asked(judged) == (HISTOLOGY if judged.outcome is Outcome.UNKNOWN else [])


@each_row("""
    morphology                 | verdict | reason
    cancer-type/CRC/morphology | pass    | Colon cancer (CRC)
    cancer-type/CRC/yes        | pass    | Colon cancer (CRC)
    cancer-type/RCC/morphology | pass    | Colon cancer (CRC); to keep in mind: the morphology recorded (RCC) is one of another type
    cancer-type/RCC/yes        | pass    | Colon cancer (CRC); to keep in mind: the morphology recorded (RCC) is one of another type
    cancer-type/LUNG/yes       | pass    | Colon cancer (CRC)
    cancer-type/ANY/review     | unknown | Colon cancer: morphology ANY
    cancer-type/ANY/no         | fail    | Every primary cancer recorded is of another type: Colon cancer (morphology ANY)
    cancer-type/CRC/support    | pass    | Colon cancer (CRC)
""")
def test_a_morphology_beside_the_site(row: dict[str, str]) -> None:
    found = find(TYPE, primary(morphology=[row["morphology"]]))
    assert (found.outcome.value, found.reason) == (row["verdict"], row["reason"])


# --- other cancers -----------------------------------------------------------------------------------------------


def other(**more: Any) -> Any:
    return condition("primary-cancer/PRIMARY/primary", **{"ref": "lung", "text": "Lung cancer", **more})


def low_risk(**more: Any) -> Any:
    return condition("other-primary/LOW/flag_info", **{"ref": "skin", "text": "Skin cancer", **more})


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        ([primary()], "pass no_record", "No other cancer is recorded", ""),
        ([primary(), other()], "review recorded", "Another active cancer: Lung cancer", "lung"),
        (
            [primary(ref="a"), primary("RCC", ref="b")],
            "review recorded",
            "Active cancers of CRC and RCC: which one progresses?",
            "a b",
        ),
        (
            [primary("BREAST", ref="a", side="left"), primary("BREAST", ref="b", side="right")],
            "review recorded",
            "Cancer of both sides (breast): one tumour or two?",
            "a b",
        ),
        (
            [primary("BREAST", ref="a", side="left"), primary("BREAST", ref="b", side="left")],
            "pass no_record",
            "No other cancer is recorded",
            "",
        ),
        (
            [primary(), condition(ref="n", text="A cancer", profile="primary", unlisted=True)],
            "review recorded",
            "A cancer: a primary cancer whose code is in no table",
            "n",
        ),
        (
            [primary(), condition("primary-cancer/UNKNOWN_PRIMARY/unknown-primary", ref="u", text="Unknown")],
            "pass no_record",
            "No other cancer is recorded",
            "",
        ),
        (
            [primary(), condition("malignant-text/PRIMARY/words", ref="w", text="Some carcinoma", text_only=True)],
            "review recorded",
            "Some carcinoma: sounds like a cancer, its code is in no table",
            "w",
        ),
        (
            [primary(), condition("malignant-text/SECONDARY/words", ref="w", text="Metastatic", text_only=True)],
            "pass no_record",
            "No other cancer is recorded",
            "",
        ),
        (
            [
                primary(),
                condition("malignant-text/PRIMARY/words", ref="w", text="X", text_only=True, status="resolved"),
            ],
            "pass no_record",
            "No other cancer is recorded",
            "",
        ),
        (
            [primary(), condition("primary-cancer/HISTORY/history", ref="h", text="History of lymphoma")],
            "pass recorded",
            "History of lymphoma: history only",
            "h",
        ),
        (
            [primary(), other(verified="provisional")],
            "review recorded",
            "Lung cancer: recorded as unconfirmed",
            "lung",
        ),
        (
            [primary(), other(status="resolved")],
            "review recorded",
            "Lung cancer: ended, when is not recorded",
            "lung",
        ),
        (
            [primary(), other(status="resolved", abated="2021-11-21")],
            "pass recorded",
            "Lung cancer: no activity since 2021-11-21",
            "lung",
        ),
        (
            [primary(), other(status="resolved", abated="2021-11-22")],
            "review recorded",
            "Lung cancer: ended 2021-11-22, not more than 5 years ago",
            "lung",
        ),
        ([primary(), low_risk()], "pass recorded", "Skin cancer: in situ", "skin"),
        ([primary(), low_risk(status="resolved")], "pass no_record", "No other cancer is recorded", ""),
        (
            [primary(), low_risk(text_only=True)],
            "pass no_record",
            "No other cancer is recorded",
            "",
        ),
        (
            [
                primary(),
                condition("primary-cancer/PRIMARY/primary", "other-primary/LOW/flag_info", ref="bcc", text="BCC"),
            ],
            "pass recorded",
            "BCC: little competing risk",
            "bcc",
        ),
        (
            [primary(), other(), other(ref="again")],
            "review recorded",
            "Another active cancer: Lung cancer",
            "again lung",
        ),
        ([primary(ref="old", status="remission")], "pass no_record", "No other cancer is recorded", ""),
        ([primary(), primary(ref="old", status="remission")], "pass no_record", "No other cancer is recorded", ""),
        (
            [primary(), primary("RCC", ref="old", status="remission", text="Kidney")],
            "review recorded",
            "Kidney: ended, when is not recorded",
            "old",
        ),
    ],
)
def test_other_cancers_in_words(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(OTHERS, *found)
    assert told(judged) == (*verdict.split(), reason)
    assert sorted(references(judged)) == shown.split()


# --- the marrow --------------------------------------------------------------------------------------------------------


def biopsy(on: str | None = "2026-11-01", organ: str | None = None, **more: Any) -> Any:
    return procedure("marrow-involvement/BIOPSY/support", on=on, ref="biopsy", text="Biopsy", organ=organ, **more)


POSITIVE = pathology(malignant=True, on="2026-11-01", of_marrow=True)
BONES = metastasis("bone", ref="bone")


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        ([], "pass no_record", "Nothing of the kind is recorded", ""),
        (
            [biopsy(), POSITIVE],
            "fail recorded",
            "Malignant marrow biopsy of 2026-11-01; no bone metastasis is recorded at that site",
            "biopsy path",
        ),
        (
            [biopsy(), POSITIVE, BONES],
            "review recorded",
            "Malignant marrow biopsy of 2026-11-01, with bone metastasis recorded",
            "biopsy path",
        ),
        (
            [biopsy(on="2026-11"), POSITIVE],
            "review recorded",
            "Malignant marrow biopsy of 2026-11; whether bone metastasis lies there is open",
            "biopsy path",
        ),
        ([biopsy()], "review recorded", "Marrow was sampled; the result is not recorded as a code", "biopsy"),
        (
            [POSITIVE],
            "review recorded",
            "Malignant marrow report of 2026-11-01 without the biopsy it belongs to",
            "path",
        ),
        (
            [pathology(malignant=False, on="2026-11-01", of_marrow=True)],
            "pass recorded",
            "Marrow report of 2026-11-01 without malignancy",
            "path",
        ),
        (
            [pathology(malignant=False, on=None, of_marrow=True), biopsy()],
            "pass recorded",
            "Marrow report without malignancy",
            "biopsy path",
        ),
        (
            [pathology(malignant=None, on="2026-11-01", of_marrow=True)],
            "review recorded",
            "Marrow was sampled; the result is not recorded as a code",
            "path",
        ),
        ([pathology(malignant=False, on="2026-11-01")], "pass no_record", "Nothing of the kind is recorded", ""),
        (
            [condition("marrow-involvement/MARROW/review", ref="m", text="Marrow metastasis", note="not diffuse")],
            "review recorded",
            "Marrow metastasis (not diffuse)",
            "m",
        ),
        (
            [condition("marrow-involvement/MARROW/review", ref="m", text="Marrow metastasis")],
            "review recorded",
            "Marrow metastasis",
            "m",
        ),
        (
            [condition("marrow-involvement/MARROW/review", ref="m", status="resolved")],
            "pass no_record",
            "Nothing of the kind is recorded",
            "",
        ),
        (
            [condition("marrow-involvement/MARROW/support", ref="m")],
            "pass no_record",
            "Nothing of the kind is recorded",
            "",
        ),
    ],
)
def test_the_marrow_in_words(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(MARROW, *found)
    assert told(judged) == (*verdict.split(), reason)
    assert references(judged) == shown.split()


@each_row("""
    taken   | bone disease     | verdict
    ilium   | ilium            | review
    ilium   | vertebra         | fail
    ilium   | bone             | review
    ilium   | lesion ilium     | review
    ilium   | lesion rib       | fail
    ilium   | lesion liver     | fail
            | lesion rib       | review
    bone_marrow | lesion femur | review
    bone    | lesion skull     | review
    ilium   | reading sacrum   | fail
    ilium   | reading ilium    | review
""")
def test_bone_disease_where_the_marrow_was_taken(row: dict[str, str]) -> None:
    kind, _, place = row["bone disease"].rpartition(" ")
    recorded: list[object] = []
    if kind == "lesion":
        recorded = [lesion(place, role=None), measured(on="2026-11-10", long=20)]
    elif kind == "reading":
        recorded = [measured(lesion=None, on="2026-11-10", long=20, site=Site(organ=place))]
    else:
        recorded = [metastasis(place, ref="bone")]
    found = find(MARROW, biopsy(organ=row["taken"] or None), POSITIVE, *recorded)
    assert found.outcome.value == row["verdict"]


@each_row("""
    site     | of_marrow | verdict
    liver    |           | review
    liver    | yes       | fail
    ilium    |           | fail
    bone_marrow |        | fail
""")
def test_a_report_of_elsewhere_is_not_of_the_biopsy(row: dict[str, str]) -> None:
    report = pathology(malignant=True, on="2026-11-01", organ=row["site"], of_marrow=bool(row["of_marrow"]))
    assert find(MARROW, biopsy(), report).outcome.value == row["verdict"]


def test_a_biopsy_that_was_not_completed_or_lesions_not_retrieved() -> None:
    assert find(MARROW, replace(biopsy(), completed=False)).outcome is Outcome.PASS
    for kind in (Kind.LESIONS, Kind.OBSERVATIONS):
        found = find(MARROW, biopsy(), POSITIVE, not_retrieved=((kind, "timed out"),))
        assert told(found) == (
            "unknown",
            "recorded",
            "Malignant marrow biopsy of 2026-11-01; no bone metastasis is recorded at that site, but lesions were not retrieved: timed out",
        )
        assert references(found) == ["biopsy", "path"]
        assert asked(found) == [("bone metastasis at the site of the biopsy", "the lesions recorded")]
