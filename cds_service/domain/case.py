"""One patient's facts as they stand on a day, with what several criteria read out of them.

The pictures (cancer, scans, lesions, therapy) are worked out once, on first use, and do
not depend on the day except through the facts known on it; what depends on the day asks
`AsOf` in the rule itself.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property

from cds_service.domain.cancers import CancerPicture, read_cancer
from cds_service.domain.criteria import DiseaseRules
from cds_service.domain.dates import AsOf, days_after
from cds_service.domain.facts import Condition, LabResult, PatientFacts
from cds_service.domain.imaging import PairChoice, ScanHistory, choose_pair, read_scans
from cds_service.domain.lesions import LesionFindings, read_lesions
from cds_service.domain.results import of_analyte
from cds_service.domain.therapy import TherapyHistory, read_therapy


class Case:
    """A patient's known facts under a trial's disease rules."""

    def __init__(self, facts: PatientFacts, rules: DiseaseRules, types: frozenset[str]) -> None:
        self.facts = facts
        self.rules = rules
        self.types = types
        self._pairs: dict[date, tuple[PairChoice, date | None]] = {}

    def conditions_of(self, concept: str) -> tuple[Condition, ...]:
        """The conditions that mean anything of a concept, in the order of the record."""
        return self._by_concept.get(concept, ())

    @cached_property
    def _by_concept(self) -> dict[str, tuple[Condition, ...]]:
        found: dict[str, dict[int, Condition]] = {}
        for at, condition in enumerate(self.facts.conditions):
            for meaning in condition.meanings:
                found.setdefault(meaning.concept, {})[at] = condition
        return {concept: tuple(listed.values()) for concept, listed in found.items()}

    def pair_on(self, as_of: AsOf) -> PairChoice:
        """The staging sets compared on a day, chosen once for each day; the clock hears what was asked."""
        known = self._pairs.get(as_of.day)
        if known is None:
            clock = AsOf(as_of.day)
            known = self._pairs[as_of.day] = (choose_pair(self.scans, self.rules.staging, clock), clock.turns_on)
        choice, turn = known
        if turn is not None:
            as_of.has_come(turn)
        return choice

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
