"""How many lesions: chains, sides, midline, regional or distant, what is not recorded."""

from __future__ import annotations

from dataclasses import replace

import build
import pytest
from lesion_tables import BASELINE, EARLIER, TODAY, case_of, record

from cds_service.domain.criteria import LesionCountBetween
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Side, Site
from cds_service.domain.rules.progression import judge_lesion_count

RULE = LesionCountBetween(1, 5)
ONE_MORE = "adrenal left 20>20; "
"""A lesion that did not change: shows that lesions were measured on the earlier scan."""


def count(facts: object) -> tuple[str, int, int, int]:
    case = case_of(facts)  # type: ignore[arg-type]
    found = judge_lesion_count(RULE, case, AsOf(build.day(TODAY)))
    summary = case.lesions.summary
    return found.outcome.value, summary.count_min, summary.count_max, summary.sensitivity_count


@pytest.mark.parametrize(
    ("primary", "side", "lesions", "verdict", "fewest", "most", "as_one"),
    [
        # lesions, not sites
        ("CRC", "", "liver 20>30", "pass", 1, 1, 1),
        ("CRC", "", "liver 20>30; liver 10>20; liver 12>18", "pass", 3, 3, 3),
        ("CRC", "", "liver 20>30; liver 10>20; liver 12>18; lung left 10>20; lung right 10>20", "pass", 5, 5, 5),
        ("CRC", "", "liver 20>30; liver 10>20; liver 12>18; lung left 10>20; lung right 9>20; brain 9>19",
         "fail", 6, 6, 6),
        # 5 certain and one possible, 0 certain and one possible
        (
            "CRC", "", "liver 20>30; liver 10>20; liver 12>18; lung left 10>20; lung right 9>20; brain 4.9>9.9",
            "unknown", 5, 6, 5,
        ),
        ("CRC", "", "liver 4.9>9.9", "unknown", 0, 1, 0),
        ("CRC", "", "liver 20>22", "unknown", 0, 0, 0),
        ("CRC", "", "liver 20>30; bone 20>30", "pass", 1, 2, 1),
        # nodes of one chain and side are one; sides add up; midline chains have none
        ("RCC", "", "node supraclavicular left 10>16; node supraclavicular left 10>18", "pass", 1, 1, 1),
        ("RCC", "", "node supraclavicular left 10>16; node supraclavicular right 10>18", "pass", 2, 2, 1),
        ("RCC", "", "node supraclavicular bilateral 10>16", "pass", 2, 2, 1),
        ("RCC", "", "node mediastinal left 10>16; node mediastinal right 10>18", "pass", 1, 1, 1),
        ("RCC", "", "node mediastinal 10>16; node hilar left 10>16; node axillary left 10>16", "pass", 3, 3, 1),
        ("PROSTATE", "", "node cervical_occipital left 10>16; node inguinal_femoral right 10>16", "pass", 2, 2, 1),
        # a side that is not recorded: one, two only where several nodes of the chain lack it
        ("RCC", "", "node hilar 10>16", "pass", 1, 1, 1),
        ("RCC", "", "node hilar unilateral 10>16", "pass", 1, 1, 1),
        ("RCC", "", "node hilar 10>16; node hilar 10>16", "pass", 1, 2, 1),
        ("RCC", "", "node hilar left 10>16; node hilar 10>16", "pass", 1, 2, 1),
        ("RCC", "", "node hilar left 10>16; node hilar right 10>16; node hilar 10>16", "pass", 2, 2, 1),
        # short axis 14.9 and 15 mm
        ("RCC", "", "node hilar left 9>15", "pass", 1, 1, 1),
        ("RCC", "", "node hilar left 9>14.9", "unknown", 0, 1, 0),
        # para-aortic is regional in RCC, distant in prostate cancer
        ("RCC", "", "node para-aortic 10>16; node hilar left 10>16", "pass", 2, 2, 2),
        ("PROSTATE", "", "node para-aortic 10>16; node hilar left 10>16", "pass", 2, 2, 1),
        # iliac in prostate cancer: common is distant, internal regional, plain is not decided
        ("PROSTATE", "", "node iliac left 10>16 common iliac; node iliac right 10>16 common iliac", "pass", 2, 2, 1),
        ("PROSTATE", "", "node iliac left 10>16 internal iliac; node iliac right 10>16 obturator", "pass", 1, 1, 1),
        ("PROSTATE", "", "node iliac left 10>16", "pass", 1, 1, 1),
        ("PROSTATE", "", "node iliac left 10>16; node iliac right 10>16", "pass", 1, 2, 1),
        ("PROSTATE", "", "node iliac left 10>16; node iliac right 10>16 obturator", "pass", 1, 2, 1),
        ("PROSTATE", "", "node iliac left 10>16; node iliac left 10>16 common iliac", "pass", 1, 2, 1),
        # bladder: common iliac is still regional
        ("UROTHELIAL", "", "node iliac left 10>16 common iliac; node iliac right 10>16 common iliac", "pass", 1, 1, 1),
        # breast: the primary's side is regional, the other distant
        ("BREAST", "left", "node axillary left 10>16; node supraclavicular left 10>16", "pass", 1, 1, 1),
        ("BREAST", "left", "node axillary right 10>16; node supraclavicular right 10>16", "pass", 2, 2, 1),
        ("BREAST", "left", "node axillary bilateral 10>16", "pass", 2, 2, 2),
        ("BREAST", "bilateral", "node axillary bilateral 10>16", "pass", 1, 1, 1),
        ("BREAST", "", "node axillary left 10>16; node supraclavicular left 10>16", "pass", 1, 2, 1),
        ("BREAST", "left", "node axillary 10>16", "pass", 1, 1, 1),
        # a chain that is not recorded
        ("RCC", "", "node unspecified 10>16", "pass", 1, 1, 1),
        ("RCC", "", "node unspecified 10>16; node hilar left 10>16", "pass", 1, 2, 1),
        # chain by chain more than five, all distant nodes as one fewer
        (
            "RCC", "",
            "node hilar bilateral 10>16; node axillary bilateral 10>16; node supraclavicular bilateral 10>16",
            "unknown", 6, 6, 1,
        ),
    ],
)  # fmt: skip
def test_counts(primary: str, side: str, lesions: str, verdict: str, fewest: int, most: int, as_one: int) -> None:
    facts = record(ONE_MORE + lesions, primary=primary, side=side or None)
    assert count(facts) == (verdict, fewest, most, as_one)


def test_a_second_type_that_counts_otherwise_leaves_the_node_undecided() -> None:
    facts = record(
        "node para-aortic 10>16; node hilar left 10>16", build.primary("PROSTATE", ref="second"), primary="RCC"
    )
    assert count(facts) == ("pass", 2, 2, 1)
    assert case_of(facts).lesions.summary.items[0].regional is None


def test_proposal_rows_are_shown_as_such() -> None:
    items = case_of(record("node axillary left 10>16", primary="BREAST", side="left")).lesions.summary.items
    assert "general AJCC 8 knowledge" in items[0].explanation
    assert items[0].regional is True


def test_source_checked_rows_are_not_doubted() -> None:
    items = case_of(record("node para-aortic 10>16", primary="RCC")).lesions.summary.items
    assert "AJCC" not in items[0].explanation


@pytest.mark.parametrize(
    ("lesions", "confounder", "verdict", "fewest", "most"),
    [
        ("node hilar left 10>16", True, "unknown", 0, 1),
        ("node hilar left 10>16", False, "pass", 1, 1),
        ("node hilar left 10>16; liver 20>30", True, "pass", 1, 2),
        ("node hilar left 10>12 !progressive", False, "unknown", 0, 1),
        ("node hilar left 10>15 !progressive", False, "pass", 1, 1),
    ],
)
def test_nodes_need_more_than_size_beside_another_cause(
    lesions: str, confounder: bool, verdict: str, fewest: int, most: int
) -> None:
    other = [build.condition("nodal-confounder/NODAL_CONFOUNDER/flag_review", ref="sarcoid", status="inactive")]
    found = count(record(ONE_MORE + lesions, *(other if confounder else []), primary="RCC"))
    assert found[:3] == (verdict, fewest, most)


def test_pathology_of_the_chain_outweighs_a_confounder() -> None:
    report = replace(
        build.pathology(malignant=True, on=EARLIER), sites=(Site(chain="hilar", side=Side.LEFT, text="hilar node"),)
    )
    sarcoid = build.condition("nodal-confounder/NODAL_CONFOUNDER/flag_review", ref="sarcoid")
    assert count(record("node hilar left 10>16", report, sarcoid, primary="RCC")) == ("pass", 1, 1, 1)
    elsewhere = replace(report, sites=(Site(chain="hilar", side=Side.RIGHT, text="hilar node"),))
    assert count(record("node hilar left 10>16", elsewhere, sarcoid, primary="RCC")) == ("unknown", 0, 1, 0)


def test_a_signal_confirms_a_small_node_that_is_said_to_progress() -> None:
    avid = replace(build.measured(lesion="l1", on=BASELINE, ref="suv"), signal=True)
    assert count(record("node hilar left 10>12 !progressive", avid, primary="RCC")) == ("pass", 1, 1, 1)
    old = replace(build.measured(lesion="l1", on=EARLIER, ref="suv"), signal=True)
    assert count(record("node hilar left 10>12 !progressive", old, primary="RCC")) == ("unknown", 0, 1, 0)


def test_no_lesion_recorded_is_not_zero_lesions() -> None:
    assert count(record("")) == ("unknown", 0, 0, 0)


def test_the_reason_names_the_lesions_that_decide() -> None:
    case = case_of(record("liver 20>30; liver 10>20; liver 12>18; lung left 10>20; lung right 9>20; brain 4.9>9.9"))
    found = judge_lesion_count(RULE, case, AsOf(build.day(TODAY)))
    assert "5 to 6" in found.reason
    assert "depends on brain" in found.reason
    assert [item.what for item in found.missing] == ["state of BodyStructure/l6"]


def test_a_positive_specimen_of_the_node_confirms_it() -> None:
    proven = replace(build.measured(lesion="l1", on=EARLIER, ref="fna"), pathology_positive=True)
    assert count(record("node hilar left 10>12 !progressive", proven, primary="RCC")) == ("pass", 1, 1, 1)


def test_nodes_of_an_unlisted_or_uncertain_primary_are_undecided() -> None:
    uncertain = build.condition("cancer-type/UROTHELIAL/review", ref="primary", text="Renal pelvis")
    facts = record("node hilar left 10>16; node axillary left 10>16")
    facts = replace(facts, conditions=(uncertain,))
    case = case_of(facts)
    assert [item.regional for item in case.lesions.summary.items] == [None, None]
    assert (case.lesions.summary.count_min, case.lesions.summary.count_max) == (1, 2)
