"""What holds where nothing is said: numbers typed from CRITERIA and RECIST 1.1, and nothing recorded is nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest
from build import day, disease_rules, ecog, facts, primary
from lesion_tables import TODAY, record, trial
from tables import each_row

from cds_service import domain
from cds_service.domain.trials import assess

LESIONS = """
    rule                 | number | source
    grows_by_ratio       | 0.20   | RECIST.md 3: 20 %
    grows_by_mm          | 5      | RECIST.md 3: 5 mm
    measurable_mm        | 10     | RECIST.md 1: longest diameter
    measurable_node_mm   | 15     | RECIST.md 1: short axis
    normal_node_below_mm | 10     | RECIST.md 1: below it a node is normal
    measured_within_days | 3      | RECIST.md 3: within 3 days of the scan
"""
STAGING = """
    rule                   | number | source
    set_within_days        | 14     | CRITERIA, "Baseline set": one staging
    baseline_within_days   | 28     | 4 weeks
    pre_baseline_from_days | 42     | 6 weeks
    pre_baseline_to_days   | 112    | 16 weeks
    paired_best_days       | 70     | I12: closest to 10 weeks
"""
THERAPY = """
    rule                | number | source
    lookback_days       | 30     | ruling 16: started up to 30 days before the index
    regimen_days        | 28     | tables/08d: drugs begun within 28 days are one regimen
    gap_days            | 120    | ruling 16: restart gap
    history_within_days | 120    | ruling 16: recorded within 120 days of the index
    adjuvant_within_days | 365   | tables/08d: adjuvant therapy that ended less than a year before
"""


class TestNumbersOfTheTrial:
    """The trial file states every number; none stands in the domain for one that is left out."""

    @each_row(LESIONS)
    def test_of_lesions(self, row: dict[str, str]) -> None:
        assert getattr(trial().rules.lesions, row["rule"]) == Decimal(row["number"])

    @each_row(STAGING)
    def test_of_scans(self, row: dict[str, str]) -> None:
        assert getattr(trial().rules.staging, row["rule"]) == int(row["number"])

    @each_row(THERAPY)
    def test_of_lines(self, row: dict[str, str]) -> None:
        assert getattr(trial().rules.therapy, row["rule"]) == int(row["number"])

    def test_of_the_class_that_alone_may_be_no_line(self) -> None:
        assert trial().rules.therapy.endocrine_class == "hormone"


def defaults() -> Iterator[tuple[str, object]]:
    """Every value that stands in the domain for something left out, by class and name."""
    root = Path(domain.__file__).parent
    for path in sorted(root.rglob("*.py")):
        name = ".".join(("cds_service.domain", *path.relative_to(root).with_suffix("").parts))
        module = import_module(name.removesuffix(".__init__"))
        for kind in vars(module).values():
            if inspect.isclass(kind) and is_dataclass(kind) and kind.__module__ == module.__name__:
                for item in inspect.signature(kind).parameters.values():
                    if item.default is not item.empty:
                        yield f"{kind.__name__}.{item.name}", item.default


def test_what_is_left_out_says_nothing() -> None:
    """No words and no numbers of its own: a text left out is empty, a count is none."""
    silent = replace(trial(), rules=disease_rules())
    assert assess(silent, record("liver 20>30"), day(TODAY)).verdict("age").id == "age"
    texts = {name: value for name, value in defaults() if isinstance(value, str) and value}
    assert texts == {
        "TherapyRules.endocrine_class": "hormone",
        "LabResult.use": "direct",
        "Readings.gap": "not measured",
    }
    rules = ("LesionRules.", "StagingRules.", "TherapyRules.")
    numbers = {
        name: value
        for name, value in defaults()
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool) and not name.startswith(rules)
    }
    assert {name: value for name, value in numbers.items() if value} == {"Conversion.divide_by": 1}
    assert {"LesionSummary.count_min", "LesionSummary.count_max", "LesionSummary.sensitivity_count"} <= set(numbers)


def test_an_assessment_that_nobody_versioned_says_no_version() -> None:
    assert assess(trial(), facts(primary()), day(TODAY)).engine_version == ""


def test_a_criterion_that_there_is_not_is_named() -> None:
    with pytest.raises(KeyError, match="nothing-of-the-kind"):
        assess(trial(), facts(primary()), day(TODAY)).verdict("nothing-of-the-kind")


def test_a_verdict_carries_what_would_settle_it() -> None:
    found = assess(trial(), facts(primary()), day(TODAY)).verdict("ecog")
    assert [(item.what, item.how, str(item.opens), str(item.closes)) for item in found.missing] == [
        ("ECOG performance status", "a score within 90 days", "2026-08-24", "2026-11-22")
    ]


def test_a_pass_holds_until_the_day_on_which_it_changes_not_the_first_on_which_anything_expires() -> None:
    """The older score expires on 30 November and changes nothing; the newer one holds for 90 days."""
    known = facts(primary(), ecog(1, on="2026-09-01", ref="older"), ecog(1, on="2026-11-10", ref="newer"))
    found = assess(trial(), known, day(TODAY)).verdict("ecog")
    assert (found.outcome.value, str(found.valid_until)) == ("pass", "2027-02-08")
