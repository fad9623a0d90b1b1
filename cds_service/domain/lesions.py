"""Lesions across two scans: RECIST 1.1 applied to each, and the trial's count."""

from __future__ import annotations

from dataclasses import dataclass, field

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.criteria import DiseaseRules
from cds_service.domain.facts import PatientFacts
from cds_service.domain.imaging import ScanHistory
from cds_service.domain.verdicts import LesionSummary


@dataclass(frozen=True, slots=True)
class LesionFindings:
    """Every lesion judged, with the count (`summary`)."""

    summary: LesionSummary = field(default_factory=LesionSummary)


def read_lesions(facts: PatientFacts, cancer: CancerPicture, scans: ScanHistory, rules: DiseaseRules) -> LesionFindings:
    """Each lesion across the latest comparable pair of scans."""
    raise RuntimeError("not built yet")
