"""What only a clinician can judge, with what there is to look at."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import ClinicianJudges
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_opinion(rule: ClinicianJudges, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
