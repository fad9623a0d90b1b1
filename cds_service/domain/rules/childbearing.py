"""Pregnancy, breastfeeding and childbearing potential."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.case import Case
from cds_service.domain.criteria import NotPregnant
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Evidence
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Finding


@dataclass(frozen=True, slots=True)
class Sterility:
    """Whether the patient is surgically sterile by record, where it stands, what is doubtful of it."""

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    doubt: str = ""


def sterility(case: Case) -> Sterility:
    """Surgical sterility by record, of the patient's own sex: TRUE, or UNKNOWN; never FALSE."""
    return Sterility(Truth.UNKNOWN)


def judge_not_pregnant(rule: NotPregnant, case: Case, as_of: AsOf) -> Finding:
    """Not built yet."""
    raise RuntimeError("not built yet")
