"""Laboratory limits."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import BilirubinLimit, LabLimit, LabTimesUpperLimit
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_limit(rule: LabLimit, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_bilirubin(rule: BilirubinLimit, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_times_upper_limit(rule: LabTimesUpperLimit, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
