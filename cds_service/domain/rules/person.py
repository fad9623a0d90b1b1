"""The patient as a person: alive, of age, fit enough."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import AgeAtLeast, PerformanceAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_alive(case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_age(rule: AgeAtLeast, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_performance(rule: PerformanceAtMost, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
