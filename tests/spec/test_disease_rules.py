"""`stage-iv`, `histology`: expected verdicts typed by hand from CRITERIA I2, I14, rulings 1 and 2."""

from __future__ import annotations

from typing import Any

from build import condition, day, disease_rules, facts, lesion, measured, metastasis, pathology, primary, scan, stage
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import MetastaticDisease, NodalRow, NodalRules, NodeCategory, Outcome, PrimaryCancerOf
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import CancerProfile, Kind, PatientFacts, Site
from cds_service.domain.judging import judge
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
NODES = NodalRules(
    midline=frozenset({"para-aortic"}),
    rows={
        ("PROSTATE", "iliac"): NodalRow(NodeCategory.SPLIT),
        ("PROSTATE", "para-aortic"): NodalRow(NodeCategory.DISTANT),
        ("RCC", "para-aortic"): NodalRow(NodeCategory.REGIONAL),
        ("CRC", "para-aortic"): NodalRow(NodeCategory.DISTANT, proposal=True),
    },
    other={"PROSTATE": NodalRow(NodeCategory.DISTANT)},
)
TODAY = "2026-11-22"
BASELINE = scan(on="2026-11-10")


def case(patient: PatientFacts) -> Case:
    return Case(patient.known_on(AsOf(day(TODAY))), disease_rules(nodes=NODES), SEVEN)


def stage_iv(*found: object, **more: Any) -> Finding:
    return judge(MetastaticDisease(), case(facts(*found, **more)), AsOf(day(TODAY)))


def histology(*found: object, **more: Any) -> Finding:
    return judge(PrimaryCancerOf(SEVEN), case(facts(*found, **more)), AsOf(day(TODAY)))


# --- stage IV ----------------------------------------------------------------------------------


@each_row("""
    metastasis             | met_status | met_verified | primary_verified | proof     | verdict | basis
    liver                  | active     | confirmed    | confirmed        |           | pass    | derived
    liver                  | active     | confirmed    |                  | histology | pass    | recorded
    liver                  | active     | confirmed    |                  | cytology  | pass    | recorded
    liver                  | active     | confirmed    |                  |           | unknown | recorded
    liver                  | active     |              | confirmed        |           | pass    | derived
    liver                  | recurrence | confirmed    | confirmed        |           | pass    | derived
    liver                  | resolved   | confirmed    | confirmed        | histology | unknown | recorded
    liver                  | active     | unconfirmed  | confirmed        | histology | unknown | recorded
    liver                  | active     | provisional  | confirmed        | histology | unknown | recorded
    liver                  | active     | differential | confirmed        | histology | unknown | recorded
    liver                  | active     | confirmed    | unconfirmed      |           | unknown | recorded
    lymph_node:iliac       | active     | confirmed    | confirmed        | histology | unknown | recorded
    lymph_node:unspecified | active     | confirmed    | confirmed        | histology | unknown | recorded
    lymph_node:para-aortic | active     | confirmed    | confirmed        | histology | pass    | recorded
                           |            |              | confirmed        | histology | unknown | no_record
""")
def test_metastasis_and_confirmation_in_prostate_cancer(row: dict[str, str]) -> None:
    found = [primary("PROSTATE", verified=row["primary_verified"] or None, confirmation=row["proof"] or None)]
    if row["metastasis"]:
        found.append(metastasis(row["metastasis"], status=row["met_status"], verified=row["met_verified"] or None))
    verdict = stage_iv(*found)
    assert (verdict.outcome.value, verdict.basis.value) == (row["verdict"], row["basis"])


@each_row("""
    kind     | chain                              | note                                           | verdict
    PROSTATE | lymph_node:para-aortic             | distant only where the chain is not regional   | pass
    RCC      | lymph_node:para-aortic             | distant only where the chain is not regional   | unknown
    CRC      | lymph_node:para-aortic             |                                                | pass
    CRC      | lymph_node:iliac                   |                                                | unknown
    PROSTATE | lymph_node:inguinal_femoral        | may be regional nodes                          | unknown
    PROSTATE | lymph_node:inguinal_femoral        |                                                | pass
    PROSTATE | lymph_node:iliac;para-aortic       |                                                | unknown
    PROSTATE | lymph_node:multiple                |                                                | unknown
""")
def test_nodes_are_proof_only_where_certainly_distant(row: dict[str, str]) -> None:
    chain = row["chain"].replace(";", "|")
    assert stage_iv(primary(row["kind"]), metastasis(chain, note=row["note"])).outcome.value == row["verdict"]


def test_a_proof_stands_only_beside_a_cancer_that_is_known_by_a_code() -> None:
    """The same proof beside a cancer known by words may be another cancer's."""
    found = primary("CRC", verified=None), metastasis("liver", verified=None)
    told = "primary-cancer/PRIMARY/primary"
    assert stage_iv(*found, condition(told, confirmation="histology", text_only=True)).outcome is Outcome.UNKNOWN
    assert stage_iv(*found[1:], primary("CRC", verified=None, confirmation="histology")).outcome is Outcome.PASS


def test_distant_nodes_by_general_knowledge_are_marked() -> None:
    assert "general AJCC 8 knowledge" in stage_iv(primary("CRC"), metastasis("lymph_node:para-aortic")).reason


@each_row("""
    stage       | on         | metastasis | verdict
    stage-iv    | 2019-01-10 |            | pass
    m1          | 2026-11-01 |            | pass
    m1          |            |            | pass
    stage-i-iii | 2026-11-09 |            | unknown
    stage-i-iii | 2026-11-10 |            | fail
    m0          | 2026-11-12 |            | fail
    m0          | 2026-11    |            | unknown
    m0          |            |            | unknown
    m0          | 2026-11-12 | liver      | pass
    stage-i-iii | 2026-11-12 | unproven   | unknown
    m0          | 2026-11-12 | nodes      | unknown
    m0          | 2026-11-23 |            | unknown
""")
def test_stage_with_a_baseline_scan_of_10_november(row: dict[str, str]) -> None:
    found = [primary(), BASELINE, stage(row["stage"], on=row["on"] or None)]
    spread = {
        "liver": metastasis("liver"),
        "unproven": metastasis("liver", verified="unconfirmed"),
        "nodes": metastasis("lymph_node:unspecified"),
    }
    found += [spread[row["metastasis"]]] if row["metastasis"] else []
    assert stage_iv(*found).outcome.value == row["verdict"]


def test_a_low_stage_without_a_scan_does_not_fail() -> None:
    assert stage_iv(primary(), stage("m0", on="2026-11-12")).outcome is Outcome.UNKNOWN


def test_a_malignant_text_keeps_a_low_stage_from_failing() -> None:
    words = condition("malignant-text/SECONDARY/unrecognised", ref="w", text="Metastatic disease", text_only=True)
    assert stage_iv(primary(), BASELINE, stage("m0", on="2026-11-12"), words).outcome is Outcome.UNKNOWN


def test_a_later_m0_leaves_an_old_m1_open() -> None:
    old, new = stage("m1", on="2024-01-10", ref="old"), stage("m0", on="2026-02-01", ref="new")
    assert stage_iv(primary(), old, new).outcome is Outcome.UNKNOWN
    assert stage_iv(primary(), old, new, metastasis("bone")).outcome is Outcome.PASS
    assert stage_iv(primary(), stage("m1", on="2026-03-01", ref="newer"), new).outcome is Outcome.PASS


def test_a_negated_history_of_metastasis_is_no_proof_and_no_failure() -> None:
    denied = stage("m1", on="2026-11-12", negated=True)
    assert stage_iv(primary(), BASELINE, denied).outcome is Outcome.UNKNOWN
    assert stage_iv(primary(), BASELINE, stage("m1", on="2026-11-12")).outcome is Outcome.PASS


def test_a_stage_of_the_condition_counts() -> None:
    assert stage_iv(primary(stage="stage-iv")).outcome is Outcome.PASS
    assert stage_iv(primary(stage="stage-i-iii"), BASELINE).outcome is Outcome.UNKNOWN


def test_a_low_stage_of_a_condition_is_told_in_words() -> None:
    found = stage_iv(primary(stage="stage-i-iii", recorded="2026-01-05"), BASELINE)
    assert found.reason == (
        "Colon cancer, stage-i-iii (2026-01-05) is not a restaging from the baseline scan on; no metastasis is recorded"
    )


def test_one_code_may_name_the_primary_and_its_spread() -> None:
    both = condition(
        "cancer-type/PROSTATE/yes", "stage/metastatic_primary/stage-iv", text="Metastasis from prostate cancer"
    )
    assert stage_iv(both).outcome is Outcome.PASS
    assert histology(both).outcome is Outcome.PASS


def test_a_stage_of_another_cancer_is_not_this_ones() -> None:
    lung = condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer")
    of_lung = stage("stage-iv", on="2026-11-01", focus=("Condition/lung",))
    assert stage_iv(primary(), lung, of_lung).outcome is Outcome.UNKNOWN
    assert stage_iv(lung, of_lung).outcome is Outcome.PASS


def test_a_pathology_report_confirms_only_when_coded_malignant() -> None:
    unproven = (primary(verified=None), metastasis())
    assert stage_iv(*unproven, pathology(malignant=True, on="2026-01-05")).reason.endswith(
        "proven by a pathology report of 2026-01-05"
    )
    assert stage_iv(*unproven, pathology(malignant=None, on="2026-01-05")).outcome is Outcome.UNKNOWN
    assert stage_iv(*unproven, pathology(malignant=False, on="2026-01-05")).outcome is Outcome.UNKNOWN


def test_a_malignant_morphology_confirms() -> None:
    assert (
        stage_iv(primary(verified=None, morphology=["cancer-type/CRC/morphology"]), metastasis()).outcome
        is Outcome.PASS
    )
    assert (
        stage_iv(primary(verified=None, morphology=["cancer-type/ANY/in-situ"]), metastasis()).outcome
        is Outcome.UNKNOWN
    )


def test_a_measured_metastatic_lesion_is_proof_of_spread() -> None:
    found = (primary(), lesion("lung"), measured(on="2026-11-10", long=12))
    assert stage_iv(*found).outcome is Outcome.PASS
    assert stage_iv(primary(), lesion("lung")).outcome is Outcome.UNKNOWN
    assert (
        stage_iv(primary(), lesion("lung", role="primary"), measured(on="2026-11-10", long=12)).outcome
        is Outcome.UNKNOWN
    )


def test_conditions_that_were_not_retrieved_leave_stage_and_type_open() -> None:
    gap = ((Kind.CONDITIONS, "timed out"),)
    assert stage_iv(stage("m1"), not_retrieved=gap).reason == "Not retrieved: timed out"
    assert histology(not_retrieved=gap).reason == "Not retrieved: timed out"


def test_a_pass_names_what_it_rests_on() -> None:
    found = stage_iv(primary(), metastasis(text="Liver metastasis", onset="2026-03-01"))
    assert (
        found.reason == "Metastatic: Liver metastasis (2026-03-01); primary cancer recorded as confirmed (Colon cancer)"
    )
    assert [item.reference for item in found.evidence] == ["Condition/met", "Condition/primary"]
    assert found.basis is Basis.DERIVED


# --- the type ----------------------------------------------------------------------------------

CONDITIONS = {
    "colon": primary(),
    "colon, unconfirmed": primary(verified="unconfirmed"),
    "colon, resolved": primary(status="resolved"),
    "colon, relapse": primary(status="relapse"),
    "colon, in situ": condition("cancer-type/CRC/in-situ", "primary-cancer/IN_SITU/in-situ", ref="situ"),
    "renal pelvis": condition("cancer-type/RCC/no", "cancer-type/UROTHELIAL/review", ref="pelvis", note="upper tract"),
    "secondary of colon": condition("cancer-type/CRC/secondary", "primary-cancer/SECONDARY/secondary", ref="sec"),
    "lung": condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer"),
    "lung, unconfirmed": condition("primary-cancer/PRIMARY/primary", ref="lung", verified="provisional"),
    "lung, resolved": condition("primary-cancer/PRIMARY/primary", ref="lung", status="resolved"),
    "anal canal": condition("cancer-type/CRC/no", "primary-cancer/PRIMARY/primary", ref="anal"),
    "unknown primary": condition("primary-cancer/UNKNOWN_PRIMARY/unknown-primary", ref="cup"),
    "ill-defined": condition("primary-cancer/ILL_DEFINED/ill-defined", ref="ill"),
    "history": condition("cancer-type/BREAST/history", "primary-cancer/HISTORY/history", ref="z85"),
    "unrecognised": condition(ref="odd", profile="primary", unlisted=True),
    "words": condition("malignant-text/PRIMARY/unrecognised", ref="words", text_only=True),
    "words name colon": condition("cancer-type/CRC/yes", ref="words", text_only=True),
    "hypertension": condition(ref="htn", unlisted=True),
    "neoplasm": condition("cancer-type/PROSTATE/not-malignant", ref="neo"),
}


@each_row("""
    conditions                  | verdict
    colon                       | pass
    colon, relapse              | pass
    colon + lung                | pass
    colon + history             | pass
    colon + words               | pass
    colon, unconfirmed          | unknown
    colon, resolved             | unknown
    colon, in situ              | unknown
    renal pelvis                | unknown
    renal pelvis + lung         | unknown
    secondary of colon          | unknown
    lung                        | fail
    anal canal                  | fail
    lung + hypertension         | fail
    lung + words                | unknown
    lung + unrecognised         | unknown
    lung + history              | unknown
    lung + colon, unconfirmed   | unknown
    lung, unconfirmed           | unknown
    lung, resolved              | unknown
    unknown primary             | unknown
    ill-defined                 | unknown
    history                     | unknown
    unrecognised                | unknown
    words                       | unknown
    words name colon            | unknown
    hypertension                | unknown
    neoplasm                    | unknown
                                | unknown
""")
def test_histology(row: dict[str, str]) -> None:
    found = [CONDITIONS[name] for name in row["conditions"].split(" + ") if name]
    assert histology(*found).outcome.value == row["verdict"]


@each_row("""
    type      | morphology                                            | verdict
    CRC       | cancer-type/CRC/morphology                            | pass
    CRC       | cancer-type/BREAST/morphology                         | pass
    CRC       | cancer-type/ANY/review                                | unknown
    CRC       | cancer-type/ANY/no                                    | fail
    CRC       | cancer-type/ANY/support                               | pass
    ESOPHAGUS | cancer-type/ESOPHAGUS/morphology, cancer-type/ANY/review | pass
    PANCREAS  | cancer-type/ESOPHAGUS/morphology, cancer-type/ANY/review | unknown
""")
def test_morphology_beside_a_certain_site(row: dict[str, str]) -> None:
    assert histology(primary(row["type"], morphology=row["morphology"].split(", "))).outcome.value == row["verdict"]


def test_a_doubt_is_told_with_the_pass() -> None:
    assert "of another type" in histology(primary(morphology=["cancer-type/BREAST/morphology"])).reason
    assert histology(primary(note="site only")).reason.endswith("to keep in mind: site only")


def test_two_types_ask_which_one_progresses() -> None:
    found = histology(primary("CRC"), primary("PROSTATE", ref="second", text="Prostate cancer"))
    assert found.outcome is Outcome.PASS
    assert found.reason == "Colon cancer (CRC); also prostate: which one progresses?"


def test_an_undecided_histology_says_why() -> None:
    assert histology(CONDITIONS["renal pelvis"]).reason.endswith(": upper tract")


# --- the picture -------------------------------------------------------------------------------


@each_row("""
    first_onset | first_recorded | second_onset | stage_on   | since
    2025-03-01  | 2025-06-01     |              |            | 2025-03-01
                | 2025-06-01     |              |            | 2025-06-01
    2025-03-01  |                | 2024-02     |            | 2024-02
    2025-03-01  |                |              | 2023-05-05 | 2023-05-05
                |                |              |            |
""")
def test_the_index_date_is_the_earliest_dated_metastatic_evidence(row: dict[str, str]) -> None:
    found: list[object] = [
        primary(onset="2020-01-01"),
        metastasis(onset=row["first_onset"] or None, recorded=row["first_recorded"] or None),
    ]
    if row["second_onset"]:
        found.append(metastasis("lung", ref="met2", onset=row["second_onset"]))
    if row["stage_on"]:
        found.append(stage("m1", on=row["stage_on"]))
    since = case(facts(*found)).cancer.since
    assert (str(since) if since else "") == row["since"]


def test_nodes_that_may_be_regional_give_no_index_date() -> None:
    assert case(facts(primary(), metastasis("lymph_node:unspecified", onset="2025-01-01"))).cancer.since is None


@each_row("""
    metastasis         | lesions       | measured   | liver
    liver              |               |            | true
    liver, resolved    | lung          | 2026-11-10 | unknown
    liver, unconfirmed | lung          | 2026-11-10 | unknown
    lung               |               |            | unknown
    lung               | lung          | 2026-11-10 | false
    lung               | lung          | 2026-06-01 | unknown
    lung               | lung, unnamed | 2026-11-10 | unknown
    lung               | liver         | 2026-11-10 | true
    lung               | liver primary | 2026-11-10 | unknown
""")
def test_liver_metastasis_is_ruled_out_only_by_a_baseline_lesion_list(row: dict[str, str]) -> None:
    """The baseline scan is of 10 November 2026."""
    organ, _, how = row["metastasis"].partition(", ")
    status = "resolved" if how == "resolved" else "active"
    found = [
        primary(),
        BASELINE,
        metastasis(organ, status=status, verified=how if how == "unconfirmed" else "confirmed"),
    ]
    for name in filter(None, row["lesions"].split(", ")):
        place, _, role = name.partition(" ")
        found.append(lesion(None if place == "unnamed" else place, ref=place, role=role or "metastatic"))
        found.append(measured(lesion=place, on=row["measured"], long=20))
    truth = {"true": Truth.TRUE, "false": Truth.FALSE, "unknown": Truth.UNKNOWN}[row["liver"]]
    assert case(facts(*found)).cancer.has_liver_metastasis is truth


def test_the_picture_names_types_sides_and_sites() -> None:
    picture = case(facts(primary("BREAST", side="left"), metastasis("bone"), metastasis("liver", ref="m2"))).cancer
    assert picture.types == {"BREAST"}
    assert {side.value for side in picture.sides} == {"left"}
    assert picture.metastatic_sites == {"bone", "liver"}
    assert [item.reference for item in picture.liver_evidence] == ["Condition/m2"]


def test_an_unlisted_secondary_cancer_is_neither_proof_nor_nothing() -> None:
    odd = condition(ref="odd", profile=CancerProfile.SECONDARY.value, unlisted=True)
    assert stage_iv(primary(), BASELINE, stage("m0", on="2026-11-12"), odd).outcome is Outcome.UNKNOWN
    assert stage_iv(primary(), odd).outcome is Outcome.UNKNOWN


@each_row("""
    organ | seen | liver
    lung  | yes  | false
    liver | no   | false
""")
def test_a_liver_looked_at_and_found_free_is_ruled_out(row: dict[str, str]) -> None:
    looked = measured(
        lesion=None, site=Site(row["organ"]), on="2026-11-10", long=12, seen=row["seen"] == "yes", ref="m"
    )
    picture = case(facts(primary(), BASELINE, looked)).cancer
    assert picture.has_liver_metastasis.value == row["liver"]


def test_a_liver_lesion_named_by_words_only_is_not_ruled_out() -> None:
    named = measured(lesion=None, site=Site(text="Liver segment 4"), on="2026-11-10", long=12, ref="m")
    listed = measured(lesion=None, site=Site("lung"), on="2026-11-10", long=12, ref="n")
    assert case(facts(primary(), BASELINE, named, listed)).cancer.has_liver_metastasis is Truth.UNKNOWN


def test_a_secondary_code_without_a_site_in_the_liver_is_liver_metastasis() -> None:
    placed = condition("secondary-site/unspecified/metastatic", ref="m", site=Site("liver"))
    assert case(facts(primary(), placed)).cancer.has_liver_metastasis is Truth.TRUE


@each_row("""
    site         | detail | verdict
    para-aortic  |        | pass
    iliac        |        | unknown
    unspecified  |        | unknown
""")
def test_a_measured_metastatic_node_is_proof_only_where_distant(row: dict[str, str]) -> None:
    node = lesion(None, chain=row["site"])
    assert stage_iv(primary("PROSTATE"), node, measured(on="2026-11-10", short=16)).outcome.value == row["verdict"]


def test_a_metastasis_of_another_cancer_is_not_this_ones() -> None:
    lung = condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer")
    brain = metastasis("brain", related=["Condition/lung"])
    assert stage_iv(primary(), lung, brain).outcome is Outcome.UNKNOWN
    assert stage_iv(primary(), lung, metastasis("brain", related=["Condition/primary"])).outcome is Outcome.PASS


def test_a_stage_by_words_only_is_no_proof() -> None:
    words = condition("cancer-type/CRC/yes", "malignant-text/PRIMARY/unrecognised", ref="w", text_only=True)
    staged = condition("stage/stage_group_value/stage-iv", ref="s", text="Colon cancer stage IV", text_only=True)
    assert stage_iv(words, staged).outcome is Outcome.UNKNOWN
    assert stage_iv(primary(), BASELINE, stage("m0", on="2026-11-12"), staged).outcome is Outcome.UNKNOWN


def test_a_metastasis_by_words_only_is_no_proof() -> None:
    said = condition("secondary-site/liver/metastatic", ref="w", text_only=True)
    assert stage_iv(primary(), said).outcome is Outcome.UNKNOWN


def test_a_type_the_criterion_does_not_take_is_another_type() -> None:
    found = judge(PrimaryCancerOf(frozenset({"CRC"})), case(facts(primary("PROSTATE"))), AsOf(day(TODAY)))
    assert found.outcome is Outcome.FAIL
