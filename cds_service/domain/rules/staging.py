"""The two staging scans a trial compares."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_baseline(case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_pre_baseline(case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
