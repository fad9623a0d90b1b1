"""Progression between two scans, and how many lesions it is."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import LesionCountBetween
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_progression(case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_lesion_count(rule: LesionCountBetween, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
