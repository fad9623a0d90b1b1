"""Who the patient is, and the facts of the problem list: diagnoses, stages, performance."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import PartialDate
from cds_service.domain.evidence import Evidence
from cds_service.domain.making import Term, quick_to_make


class Sex(Term):
    """Birth sex where recorded, else administrative gender."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class Side(Term):
    """The side of a paired site, or of a lesion."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    MIDLINE = "midline"
    UNILATERAL = "unilateral"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Person:
    """Who the patient is to a trial: no name, no identifier."""

    reference: str
    birth_date: PartialDate | None = None
    birth_sex: Sex | None = None
    gender: Sex | None = None
    deceased: bool | None = None
    deceased_on: PartialDate | None = None

    @property
    def sex(self) -> Sex | None:
        """Birth sex decides where both are recorded (ruling 13)."""
        return self.birth_sex or self.gender


class ClinicalStatus(Term):
    """Condition.clinicalStatus; None in a fact where it is not recorded."""

    ACTIVE = "active"
    RECURRENCE = "recurrence"
    RELAPSE = "relapse"
    INACTIVE = "inactive"
    REMISSION = "remission"
    RESOLVED = "resolved"


class Verification(Term):
    """Condition.verificationStatus of those that hold or may hold."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    PROVISIONAL = "provisional"
    DIFFERENTIAL = "differential"


_ENDED = (ClinicalStatus.INACTIVE, ClinicalStatus.REMISSION, ClinicalStatus.RESOLVED)
_DOUBTED = (Verification.UNCONFIRMED, Verification.PROVISIONAL, Verification.DIFFERENTIAL)


class CancerProfile(Term):
    """What a Condition's profile or category says of it (mCODE primary or secondary cancer)."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Site:
    """A place in the body: organ or region, nodal chain where it is a node, side, words.

    `organ`    group of the concept "body-site" ("liver", "vertebra"), None where not known
    `chain`    group of "node-chain" ("mediastinal", "unspecified"), None where not a node
    `detail`   the row's note where a rule needs more than the chain ("common iliac")
    """

    organ: str | None = None
    chain: str | None = None
    side: Side | None = None
    text: str = ""
    detail: str = ""
    codes: frozenset[str] = frozenset()

    @property
    def is_node(self) -> bool:
        """Whether the place is a lymph node or a chain of them."""
        return self.chain is not None


@quick_to_make
@dataclass(frozen=True, slots=True)
class Condition:
    """A diagnosis on the problem list.

    `meanings` are those of its codes; where no code of it is listed anywhere, of its text
    (basis TEXT). `unlisted` is true when it carries codes and none is in any table.
    """

    evidence: Evidence
    meanings: Meanings = ()
    text: str = ""
    unlisted: bool = False
    clinical_status: ClinicalStatus | None = None
    verification: Verification | None = None
    onset: PartialDate | None = None
    recorded: PartialDate | None = None
    abated: PartialDate | None = None
    profile: CancerProfile | None = None
    sites: tuple[Site, ...] = ()
    side: Side | None = None
    stages: Meanings = ()
    confirmation: Meanings = ()
    morphology: Meanings = ()
    related: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Not recorded as ended; one without a status counts as active until it has abated."""
        if self.clinical_status is None:
            return self.abated is None
        return self.clinical_status not in _ENDED

    @property
    def is_doubted(self) -> bool:
        """Recorded as unconfirmed, provisional or differential."""
        return self.verification in _DOUBTED

    @property
    def since(self) -> PartialDate | None:
        """When it began, as far as recorded: onset, else the day it was recorded."""
        return self.onset or self.recorded

    @property
    def date(self) -> PartialDate | None:
        """The day from which the record holds it: recorded, else onset."""
        return self.recorded or self.onset


@quick_to_make
@dataclass(frozen=True, slots=True)
class StageObservation:
    """A stage group or M category; `meanings` of concept "stage" (use: stage IV, M1, M0 ...).

    `negated` turns it round (a history-of-metastasis observation answered with no).
    """

    evidence: Evidence
    meanings: Meanings
    date: PartialDate | None = None
    focus: tuple[str, ...] = ()
    negated: bool = False
    preliminary: bool = False


class Scale(Term):
    """Performance status scales that the trial reads."""

    ECOG = "ECOG"
    KARNOFSKY = "Karnofsky"


@quick_to_make
@dataclass(frozen=True, slots=True)
class PerformanceStatus:
    """One ECOG or Karnofsky score; of a range ("1-2") the worse one. None when unreadable."""

    evidence: Evidence
    scale: Scale
    score: int | None
    date: PartialDate | None = None
    preliminary: bool = False
    problem: str | None = None
