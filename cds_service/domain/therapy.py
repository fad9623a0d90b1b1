"""Lines of systemic therapy for metastatic disease."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.criteria import TherapyRules
from cds_service.domain.facts import PatientFacts
from cds_service.domain.verdicts import TherapySummary


@dataclass(frozen=True, slots=True)
class TherapyHistory:
    """The lines counted, None where the record gives no ground to count from."""

    summary: TherapySummary | None = None


def read_therapy(facts: PatientFacts, cancer: CancerPicture, rules: TherapyRules) -> TherapyHistory:
    """The lines of therapy of a patient."""
    raise RuntimeError("not built yet")
