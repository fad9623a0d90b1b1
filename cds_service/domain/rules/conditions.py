"""Conditions that exclude."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import NoActiveCondition, NoMarrowInvolvement
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_no_condition(rule: NoActiveCondition, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_no_marrow(rule: NoMarrowInvolvement, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
