"""One patient's facts as they stand on a day, with what several criteria read out of them.

The pictures (cancer, scans, lesions, therapy) are worked out once, on first use, and do
not depend on the day except through the facts known on it; what depends on the day asks
`AsOf` in the rule itself.
"""

from __future__ import annotations

from functools import cached_property

from cds_service.domain.cancers import CancerPicture, read_cancer
from cds_service.domain.criteria import DiseaseRules
from cds_service.domain.dates import days_after
from cds_service.domain.facts import LabResult, PatientFacts
from cds_service.domain.imaging import ScanHistory, read_scans
from cds_service.domain.lesions import LesionFindings, read_lesions
from cds_service.domain.results import of_analyte
from cds_service.domain.therapy import TherapyHistory, read_therapy


class Case:
    """A patient's known facts under a trial's disease rules."""

    def __init__(self, facts: PatientFacts, rules: DiseaseRules, types: frozenset[str]) -> None:
        self.facts = facts
        self.rules = rules
        self.types = types

    @cached_property
    def labs(self) -> dict[str, tuple[LabResult, ...]]:
        """The laboratory results by analyte, latest first."""
        return of_analyte(self.facts.labs)

    @cached_property
    def cancer(self) -> CancerPicture:
        """The primaries, where they spread, since when."""
        within = self.rules.lesions.measured_within_days
        listed_since = days_after(self.scans.sets[0].day, -within) if self.scans.sets else None
        return read_cancer(self.facts, self.types, self.rules.nodes, listed_since)

    @cached_property
    def scans(self) -> ScanHistory:
        """The staging sets, latest first."""
        return read_scans(self.facts, self.rules.staging)

    @cached_property
    def lesions(self) -> LesionFindings:
        """Each lesion across the latest comparable pair of scans, and the count."""
        return read_lesions(self.facts, self.cancer, self.scans, self.rules)

    @cached_property
    def therapy(self) -> TherapyHistory:
        """The lines of systemic therapy for metastatic disease."""
        return read_therapy(self.facts, self.cancer, self.rules.therapy)
