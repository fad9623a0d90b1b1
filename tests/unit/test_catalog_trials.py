"""The trial file says what the contract promises, and cites the record."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.criteria import (
    AgeAtLeast,
    BilirubinLimit,
    CriterionKind,
    LabLimit,
    LabTimesUpperLimit,
    LesionCountBetween,
    NoActiveCondition,
    NodeCategory,
    Outcome,
    PerformanceAtMost,
    PriorLinesAtMost,
)
from cds_service.domain.trials import Trial

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
INCLUSION = [
    "alive",
    "age",
    "stage-iv",
    "histology",
    "ecog",
    "progression",
    "lesion-count",
    "baseline-imaging",
    "pre-baseline-imaging",
    "lct-candidate",
    "rt-candidate",
    "pregnancy",
    "contraception",
    "anc",
    "platelets",
    "hemoglobin",
    "bilirubin",
    "ast",
    "alt",
]
EXCLUSION = [
    "effusion",
    "leptomeningeal",
    "peritoneal-carcinomatosis",
    "cognitive-impairment",
    "investigator-judgement",
    "marrow-involvement",
    "prior-lines",
    "rheumatologic",
    "psychiatric-substance",
    "other-malignancy",
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(MAPPINGS)


@pytest.fixture(scope="module")
def trial(catalog: Catalog) -> Trial:
    return catalog.trials["extend-op"]


def test_every_criterion_of_the_contract_is_there_in_its_order(trial: Trial) -> None:
    assert [criterion.id for criterion in trial.criteria] == INCLUSION + EXCLUSION
    kinds = {criterion.id: criterion.kind for criterion in trial.criteria}
    assert {kinds[name] for name in INCLUSION} == {CriterionKind.INCLUSION}
    assert {kinds[name] for name in EXCLUSION} == {CriterionKind.EXCLUSION}


@pytest.mark.parametrize("name", INCLUSION + EXCLUSION)
def test_every_criterion_cites_the_record(trial: Trial, name: str) -> None:
    criterion = next(item for item in trial.criteria if item.id == name)
    expected = "Implied by enrolment" if name == "alive" else "Eligibility Criteria, "
    assert criterion.record.startswith(expected)
    assert criterion.title
    assert criterion.paraphrase


def rule_of(trial: Trial, name: str) -> object:
    return next(item.rule for item in trial.criteria if item.id == name)


def test_the_thresholds_are_those_of_the_trial(trial: Trial) -> None:
    assert rule_of(trial, "age") == AgeAtLeast(18)
    assert rule_of(trial, "ecog") == PerformanceAtMost(2, 90, 70, 40)
    assert rule_of(trial, "lesion-count") == LesionCountBetween(1, 5)
    assert rule_of(trial, "prior-lines") == PriorLinesAtMost(4)
    assert rule_of(trial, "anc") == LabLimit("anc", 28, Decimal(500), None, ("wbc", "neutrophil-percent"))
    assert rule_of(trial, "platelets") == LabLimit("platelets", 28, Decimal(25000))
    assert rule_of(trial, "hemoglobin") == LabLimit("hemoglobin", 28, Decimal(7))
    limits = BilirubinLimit("bilirubin-total", "bilirubin-direct", 28, Decimal("1.5"), "gilbert", Decimal("3.0"), 1)
    assert rule_of(trial, "bilirubin") == limits
    for name in ("ast", "alt"):
        assert rule_of(trial, name) == LabTimesUpperLimit(name, 28, Decimal(3), Decimal(5), "liver")


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ("effusion", {"exclude_unless_too_small": Outcome.FAIL, "review": Outcome.REVIEW}),
        ("leptomeningeal", {"exclude": Outcome.FAIL, "review": Outcome.REVIEW}),
        ("peritoneal-carcinomatosis", {"exclude": Outcome.FAIL, "exclude_review": Outcome.REVIEW}),
        ("cognitive-impairment", {"flag_exclude": Outcome.REVIEW, "flag_review": Outcome.REVIEW}),
        ("rheumatologic", {"flag_exclude_if_active": Outcome.REVIEW, "flag_review_if_active": Outcome.REVIEW}),
        ("psychiatric-substance", {"flag_review": Outcome.REVIEW}),
    ],
)
def test_what_each_exclusion_does_with_a_row(trial: Trial, name: str, outcomes: dict[str, Outcome]) -> None:
    rule = rule_of(trial, name)
    assert isinstance(rule, NoActiveCondition)
    assert {use: outcome for use, outcome in rule.outcomes.items() if outcome is not Outcome.PASS} == outcomes


def test_the_windows_of_the_scans(trial: Trial) -> None:
    staging = trial.rules.staging
    assert (staging.set_within_days, staging.baseline_within_days) == (14, 28)
    assert (staging.pre_baseline_from_days, staging.pre_baseline_to_days) == (42, 112)


def test_the_thresholds_of_a_lesion(trial: Trial) -> None:
    lesions = trial.rules.lesions
    assert lesions.grows_by_ratio == Decimal("0.20")
    assert [lesions.grows_by_mm, lesions.measurable_mm, lesions.measurable_node_mm] == [5, 10, 15]
    assert (lesions.normal_node_below_mm, lesions.measured_within_days) == (10, 3)


def test_the_days_of_therapy(trial: Trial) -> None:
    therapy = trial.rules.therapy
    assert (therapy.lookback_days, therapy.regimen_days, therapy.gap_days) == (30, 28, 120)
    assert (therapy.history_within_days, therapy.adjuvant_within_days) == (120, 365)


def test_midline_chains(trial: Trial) -> None:
    assert trial.rules.nodes.midline == {"mediastinal", "para-aortic", "mesenteric"}


@pytest.mark.parametrize(
    ("primary", "chain", "category", "proposal"),
    [
        ("PROSTATE", "iliac", "split", False),
        ("PROSTATE", "para-aortic", "M1", False),
        ("UROTHELIAL", "iliac", "N", False),
        ("UROTHELIAL", "para-aortic", "M1", False),
        ("RCC", "para-aortic", "N", False),
        ("RCC", "mediastinal", "M1", False),
        ("BREAST", "axillary", "split", True),
        ("BREAST", "mediastinal", "M1", True),
        ("CRC", "inguinal_femoral", "unknown", True),
        ("PANCREAS", "mesenteric", "N", True),
        ("ESOPHAGUS", "mediastinal", "N", True),
        ("ESOPHAGUS", "axillary", "M1", True),
    ],
)
def test_regional_or_distant(trial: Trial, primary: str, chain: str, category: str, proposal: bool) -> None:
    nodes = trial.rules.nodes
    row = nodes.rows.get((primary, chain)) or nodes.other[primary]
    assert (row.category, row.proposal) == (NodeCategory(category), proposal)


def test_every_chain_of_a_code_has_a_title(catalog: Catalog, trial: Trial) -> None:
    chains = {meaning.group for row in catalog.rows for meaning in row.meanings if meaning.concept == "node-chain"}
    assert chains <= trial.rules.nodes.titles.keys()


def test_the_digest_is_of_the_files_and_stable(catalog: Catalog, trial: Trial, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(MAPPINGS, copy)
    again = load_catalog(copy)
    assert again.digest == catalog.digest == trial.digest
    assert catalog.digest.startswith("sha256:")
    assert len(catalog.digest) == len("sha256:") + 64
    path = copy / "words.yaml"
    path.write_text(f"{path.read_text(encoding='utf-8')}# a comment more\n", encoding="utf-8")
    assert load_catalog(copy).digest != catalog.digest


def test_a_site_changes_the_digest(catalog: Catalog) -> None:
    assert load_catalog(MAPPINGS, "example-hospital").digest != catalog.digest
