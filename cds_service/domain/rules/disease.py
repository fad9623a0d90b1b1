"""The disease: metastatic, of a type the trial takes, and no other cancer."""

from __future__ import annotations

from cds_service.domain.case import Case
from cds_service.domain.criteria import NoOtherMalignancy, PrimaryCancerOf
from cds_service.domain.dates import AsOf
from cds_service.domain.verdicts import Finding


def judge_metastatic(case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_primary(rule: PrimaryCancerOf, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")


def judge_other_malignancy(rule: NoOtherMalignancy, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
