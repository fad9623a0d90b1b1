"""What an assessment says: verdicts with their reasons, and what goes with them.

The shapes are those of the published schema (`assessment.schema.json`); `as_json` in
`assessments.py` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.facts import DataQuality, Evidence, Side
from cds_service.domain.making import Term, quick_to_make


class Basis(Term):
    """What a verdict rests on."""

    RECORDED = "recorded"
    NO_RECORD = "no_record"
    DERIVED = "derived"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Missing:
    """What would settle an unknown: what, how, and between which days a new one would count."""

    what: str
    how: str
    opens: date | None = None
    closes: date | None = None


@quick_to_make
@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, before the criterion's name and its expiry are put to it."""

    outcome: Outcome
    reason: str
    basis: Basis = Basis.RECORDED
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[DataQuality, ...] = ()


@quick_to_make
@dataclass(frozen=True, slots=True)
class Verdict:
    """One criterion, judged. `valid_until`: last day on which a pass holds by time alone."""

    id: str
    kind: CriterionKind
    outcome: Outcome
    basis: Basis
    reason: str
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    valid_until: date | None = None


class Status(Term):
    """The patient as a whole: any fail, else any unknown, else a candidate."""

    CANDIDATE = "candidate"
    POSSIBLE = "possible"
    INELIGIBLE = "ineligible"


class LesionState(Term):
    """What became of one lesion between the two scans."""

    PROGRESSIVE = "progressive"
    NOT_PROGRESSIVE = "not_progressive"
    POSSIBLE = "possible"
    UNKNOWN = "unknown"


@quick_to_make
@dataclass(frozen=True, slots=True)
class JudgedLesion:
    """One lesion across the pair of scans, its state and why (in words after the colon).

    `why` is "new", "recist", "explicit", "small", "near miss", "bone", "local therapy", ...
    `explanation` says it in a sentence. `counts` is false for one that prior local therapy
    takes out of the trial's count.
    """

    key: str
    state: LesionState
    why: str
    explanation: str = ""
    site: str | None = None
    chain: str | None = None
    side: Side | None = None
    pre_baseline_mm: Decimal | None = None
    baseline_mm: Decimal | None = None
    evidence: tuple[Evidence, ...] = ()
    counts: bool = True
    regional: bool | None = None


@quick_to_make
@dataclass(frozen=True, slots=True)
class LesionSummary:
    """The count, as a range where lesions are undecided; `sensitivity_count` takes all M1 nodes as one."""

    count_min: int = 0
    count_max: int = 0
    sensitivity_count: int = 0
    items: tuple[JudgedLesion, ...] = ()


@quick_to_make
@dataclass(frozen=True, slots=True)
class ScanSet:
    """A staging set: its day (the earliest required part) and the studies it is made of."""

    day: date
    references: tuple[str, ...]


@quick_to_make
@dataclass(frozen=True, slots=True)
class CountedLine:
    """One line of systemic therapy as counted."""

    number: int
    start: str | None
    end: str | None
    agents: tuple[str, ...]


@quick_to_make
@dataclass(frozen=True, slots=True)
class TherapySummary:
    """Lines for metastatic disease: fewest and most the record allows."""

    lines_min: int
    lines_max: int
    lines: tuple[CountedLine, ...] = ()


@quick_to_make
@dataclass(frozen=True, slots=True)
class Assessment:
    """One patient against one trial on one day; a value, reproducible from its inputs."""

    trial: str
    trial_version: str
    patient: str
    as_of: date
    status: Status
    verdicts: tuple[Verdict, ...]
    lesions: LesionSummary = field(default_factory=LesionSummary)
    baseline: ScanSet | None = None
    pre_baseline: ScanSet | None = None
    therapy: TherapySummary | None = None
    closes: date | None = None
    next_change: date | None = None
    data_quality: tuple[DataQuality, ...] = ()
    mappings_digest: str = ""
    engine_version: str = ""

    def verdict(self, criterion: str) -> Verdict:
        """The verdict of one criterion. KeyError when the trial has none of that id."""
        for verdict in self.verdicts:
            if verdict.id == criterion:
                return verdict
        raise KeyError(criterion)
