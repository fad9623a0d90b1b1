"""Earlier lines of systemic therapy."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import PriorLinesAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_prior_lines(rule: PriorLinesAtMost, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
