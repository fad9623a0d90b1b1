"""Rare readings of cancers, spread and marrow, each typed by hand from CRITERIA rulings 1, 10, 15, 16 and 17."""

from __future__ import annotations

from typing import Any

from build import condition, day, disease_rules, facts, metastasis, pathology, primary, procedure, scan, stage
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import (
    MetastaticDisease,
    NodalRules,
    NoMarrowInvolvement,
    NoOtherMalignancy,
    PrimaryCancerOf,
    Rule,
)
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, Site, StageObservation
from cds_service.domain.judging import judge
from cds_service.domain.nodes import classify
from cds_service.domain.verdicts import Finding

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
STAGE_IV, TYPE, OTHERS = MetastaticDisease(), PrimaryCancerOf(SEVEN), NoOtherMalignancy(SEVEN, free_years=5)
MARROW = NoMarrowInvolvement("marrow-involvement", report_within_days=3)
TODAY = AsOf(day("2026-11-22"))


def case(*found: object, **more: Any) -> Case:
    return Case(facts(*found, **more).known_on(TODAY), disease_rules(), SEVEN)


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    return judge(rule, case(*found, **more), AsOf(day("2026-11-22")))


def test_a_history_known_by_its_range_only_is_past() -> None:
    history = condition("primary-cancer/HISTORY/history", ref="z85", text="History of lymphoma")
    assert find(TYPE, history).outcome.value == "unknown"
    assert find(OTHERS, primary(), history).outcome.value == "pass"


def test_a_stage_observation_without_a_stage_says_nothing() -> None:
    empty = StageObservation(stage("m1").evidence, (), None)
    found = find(STAGE_IV, primary(), empty)
    assert (found.outcome.value, found.reason) == ("unknown", "No stage and no metastasis is recorded")


@each_row("""
    type | other_proof | verdict
    CRC  | histology   | unknown
         | histology   | pass
""")
def test_tissue_of_another_cancer_proves_ours_only_where_there_is_none_of_ours(row: dict[str, str]) -> None:
    """A lung cancer proven by histology says nothing of an unconfirmed colon cancer beside it."""
    lung = condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer", confirmation=row["other_proof"])
    ours = [primary(row["type"], verified=None)] if row["type"] else []
    assert find(STAGE_IV, lung, metastasis(), *ours).outcome.value == row["verdict"]


@each_row("""
    status   | abated     | use       | verdict
    active   |            | flag_info | pass
    resolved | 2026-01-01 | flag_info | pass
    resolved | 2026-01-01 |           | review
    resolved | 2021-11-21 |           | pass
    resolved | 2021-11-22 |           | review
    resolved | 2021       |           | review
    resolved | 2020       |           | pass
    resolved |            |           | review
""")
def test_a_past_cancer_of_little_risk_is_no_concern_however_recent(row: dict[str, str]) -> None:
    means = ["primary-cancer/PRIMARY/primary"]
    if row["use"]:
        means.append(f"other-primary/OTHER_PRIMARY_LOW_RISK/{row['use']}")
    other = condition(*means, ref="other", text="Other", status=row["status"], abated=row["abated"] or None)
    assert find(OTHERS, primary(), other).outcome.value == row["verdict"]


@each_row("""
    biopsy     | report     | verdict
    2026-11-01 | 2026-11-04 | fail
    2026-11-01 | 2026-11-05 | review
    2026-11-04 | 2026-11-01 | fail
    2026-11-05 | 2026-11-01 | review
               | 2026-11-01 | review
    2026-11-01 |            | review
    2026-11    | 2026-11-04 | review
""")
def test_a_marrow_report_belongs_to_the_biopsy_of_three_days_around(row: dict[str, str]) -> None:
    biopsy = procedure("marrow-involvement/MARROW_BIOPSY/support", on=row["biopsy"] or None, text="Marrow biopsy")
    report = pathology(malignant=True, on=row["report"] or None, of_marrow=True)
    assert find(MARROW, biopsy, report).outcome.value == row["verdict"]


def test_a_chain_that_is_laid_down_for_no_primary_is_neither_regional_nor_distant() -> None:
    without = NodalRules(frozenset(), {}, {})
    found = classify(Site(chain="iliac"), None, case(primary()).cancer, without)
    assert (found.category.value, found.remark) == (
        "unknown",
        "regional or distant is not laid down for this primary",
    )


@each_row("""
    later      | verdict
    2026-11-09 | unknown
    2026-11-10 | fail
    2026-11-11 | fail
               | unknown
    2026-11    | unknown
""")
def test_a_low_stage_fails_from_the_day_of_the_baseline_scan_on(row: dict[str, str]) -> None:
    found = find(STAGE_IV, primary(), stage("m0", on=row["later"] or None), scan(on="2026-11-10"))
    assert found.outcome.value == row["verdict"]


def test_reports_not_retrieved_are_named_where_tissue_is_asked_for() -> None:
    gap = ((Kind.REPORTS, "the server did not answer"),)
    found = find(STAGE_IV, primary(verified=None), metastasis(), not_retrieved=gap)
    assert found.outcome.value == "unknown"
    assert found.reason.endswith("confirmed primary is recorded (reports not retrieved: the server did not answer)")
