"""Scans: which make a staging set, and which two sets are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cds_service.domain.criteria import StagingRules
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Coverage, ImagingStudy, PatientFacts
from cds_service.domain.verdicts import ScanSet


@dataclass(frozen=True, slots=True)
class StagingSet:
    """Studies that together cover what staging needs; `day` of the earliest required part."""

    day: date
    studies: tuple[ImagingStudy, ...]
    coverage: frozenset[Coverage]


@dataclass(frozen=True, slots=True)
class ScanHistory:
    """All staging sets, latest first, and the scans that make none with the reason."""

    sets: tuple[StagingSet, ...] = ()
    left_over: tuple[ImagingStudy, ...] = ()


@dataclass(frozen=True, slots=True)
class PairChoice:
    """The baseline and earlier set that settle most on a day, in the trial's windows."""

    baseline: StagingSet | None = None
    pre_baseline: StagingSet | None = None
    baseline_set: ScanSet | None = None
    pre_baseline_set: ScanSet | None = None


def read_scans(facts: PatientFacts, rules: StagingRules) -> ScanHistory:
    """The staging sets of a patient."""
    raise RuntimeError("not built yet")


def choose_pair(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> PairChoice:
    """The pair that settles most, latest baseline first."""
    raise RuntimeError("not built yet")
