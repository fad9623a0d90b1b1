"""What a record says of one patient, in clinical words, each fact with its evidence.

Readers (`fhir/`) make these; rules (`domain/`) read them. A fact states what is recorded
and decides nothing. FHIR names and code literals stop at the reader: what a code means is
already looked up (`Meaning`), units are already converted, dates keep both ends.

Resources that say of themselves that they do not hold (entered-in-error, refuted,
not-done, cancelled) never become facts. A fact that cannot be used as it stands (unknown
unit, no date) is kept with its `problem`, so that the reason can name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import AsOf, PartialDate
from cds_service.domain.diagnoses import (
    CancerProfile,
    ClinicalStatus,
    Condition,
    PerformanceStatus,
    Person,
    Scale,
    Sex,
    Side,
    Site,
    StageObservation,
    Verification,
)
from cds_service.domain.evidence import (
    DataQuality,
    Evidence,
    Kind,
)
from cds_service.domain.making import Term, quick_to_make
from cds_service.domain.observations import (
    Answer,
    Comparator,
    DiseaseStatus,
    LabResult,
    Lesion,
    LesionMeasurement,
    LesionRole,
    ReferenceRange,
    Response,
    StatusObservation,
)


class Modality(Term):
    """How a scan was made, as far as the trial distinguishes."""

    CT = "CT"
    MR = "MR"
    PET = "PET"
    BONE_SCAN = "bone scan"
    OTHER = "other"


class Region(Term):
    """The parts of the body a staging scan must cover, and the head."""

    CHEST = "chest"
    ABDOMEN = "abdomen"
    PELVIS = "pelvis"
    HEAD = "head"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Coverage:
    """One modality over one region; `derived` when read from free text."""

    modality: Modality
    region: Region
    derived: bool = False


class ScanRecord(Term):
    """What tells of a scan, the surest date first."""

    STUDY = "study"
    PROCEDURE = "procedure"
    REPORT = "report"


@quick_to_make
@dataclass(frozen=True, slots=True)
class ImagingStudy:
    """A scan that was made: what it covered and when.

    `unfit` says why it cannot stand for staging ("biopsy guidance", "screening chest CT",
    "bone PET"); `doubtful` why only a clinician can say ("limited-area PET", "CTA chest").
    `modalities` are all found, `coverage` what they certainly covered, `unstated` whether
    the region or the modality is not stated. `same_study` links report and study: references
    and accession numbers, equal for one scan. `areas` are regions stated without a modality.
    `record` is what tells of it: of one scan told of several times the study's date counts.
    """

    evidence: Evidence
    date: PartialDate | None = None
    modalities: frozenset[Modality] = frozenset()
    coverage: frozenset[Coverage] = frozenset()
    unfit: str | None = None
    doubtful: str | None = None
    unstated: str | None = None
    description: str = ""
    same_study: tuple[str, ...] = ()
    preliminary: bool = False
    areas: frozenset[Region] = frozenset()
    record: ScanRecord = ScanRecord.STUDY


@quick_to_make
@dataclass(frozen=True, slots=True)
class Procedure:
    """Something done to the patient; `focus` are the lesions or body structures it names."""

    evidence: Evidence
    meanings: Meanings = ()
    text: str = ""
    start: PartialDate | None = None
    end: PartialDate | None = None
    completed: bool = True
    sites: tuple[Site, ...] = ()
    focus: tuple[str, ...] = ()
    reasons: Meanings = ()

    @property
    def date(self) -> PartialDate | None:
        """The day from which the record holds it."""
        return self.start or self.end


class MedicationSource(Term):
    """How sure a medication was given, the surest first."""

    ADMINISTRATION = "administration"
    STATEMENT = "statement"
    REQUEST = "request"


class Intent(Term):
    """Why a treatment was given."""

    CURATIVE = "curative"
    PALLIATIVE = "palliative"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Medication:
    """One record of an anticancer (or supportive) drug.

    `agents` are ingredients ("oxaliplatin") found by code or by name; `classes` their
    classes ("chemo", "hormone", "supportive"); `counts` is false for what never makes a
    line (supportive drugs, local routes).
    """

    evidence: Evidence
    agents: tuple[str, ...]
    classes: frozenset[str]
    source: MedicationSource
    start: PartialDate | None = None
    end: PartialDate | None = None
    given: bool = True
    ongoing: bool = False
    counts: bool = True
    intent: Intent | None = None
    stop_reasons: Meanings = ()
    reasons: Meanings = ()
    route: str = ""

    @property
    def date(self) -> PartialDate | None:
        """The day from which the record holds it."""
        return self.start or self.end


@quick_to_make
@dataclass(frozen=True, slots=True)
class TherapyLine:
    """An explicit line of therapy (EpisodeOfCare), or an explicit statement of none."""

    evidence: Evidence
    number: int | None = None
    start: PartialDate | None = None
    end: PartialDate | None = None
    intent: Intent | None = None
    none_given: bool = False

    @property
    def date(self) -> PartialDate | None:
        """The day from which the record holds it."""
        return self.start


@quick_to_make
@dataclass(frozen=True, slots=True)
class Regimen:
    """A regimen named in a care plan; `agents` where its name or activities give them."""

    evidence: Evidence
    text: str
    agents: tuple[str, ...] = ()
    start: PartialDate | None = None
    end: PartialDate | None = None
    intent: Intent | None = None

    @property
    def date(self) -> PartialDate | None:
        """The day from which the record holds it."""
        return self.start


@quick_to_make
@dataclass(frozen=True, slots=True)
class PathologyReport:
    """A pathology or cytology report; `malignant` None where its conclusion is not coded.

    `of_marrow` for bone marrow; `results` and `specimens` are references; `meanings` of its
    code and conclusions.
    """

    evidence: Evidence
    date: PartialDate | None = None
    malignant: bool | None = None
    cytology: bool = False
    of_marrow: bool = False
    sites: tuple[Site, ...] = ()
    results: tuple[str, ...] = ()
    meanings: Meanings = ()
    preliminary: bool = False


@quick_to_make
@dataclass(frozen=True, slots=True)
class StudySubject:
    """The patient as a subject of a research study; `study` its identifiers and references."""

    evidence: Evidence
    study: frozenset[str]
    status: str
    date: PartialDate | None = None


@quick_to_make
@dataclass(frozen=True, slots=True)
class PatientFacts:
    """All that is known of one patient, each kind sorted latest first, then by reference.

    `not_retrieved` names the kinds that could not be had (with the reason): what rests on
    them is unknown, exclusions too. `dropped` counts resources about somebody else.
    `hidden` counts facts dated after the day of assessment (see `known_on`).
    """

    person: Person
    conditions: tuple[Condition, ...] = ()
    stages: tuple[StageObservation, ...] = ()
    performance: tuple[PerformanceStatus, ...] = ()
    labs: tuple[LabResult, ...] = ()
    statuses: tuple[StatusObservation, ...] = ()
    disease_statuses: tuple[DiseaseStatus, ...] = ()
    lesions: tuple[Lesion, ...] = ()
    measurements: tuple[LesionMeasurement, ...] = ()
    imaging: tuple[ImagingStudy, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    medications: tuple[Medication, ...] = ()
    therapy_lines: tuple[TherapyLine, ...] = ()
    regimens: tuple[Regimen, ...] = ()
    pathology: tuple[PathologyReport, ...] = ()
    subjects: tuple[StudySubject, ...] = ()
    not_retrieved: tuple[tuple[Kind, str], ...] = ()
    data_quality: tuple[DataQuality, ...] = ()
    dropped: int = 0
    hidden: int = 0

    def known_on(self, as_of: AsOf) -> PatientFacts:
        """The same facts without those dated after `as_of`, which do not exist yet.

        A condition that ended only after `as_of` is active again, and who died after it is
        not known dead. A partial date that may be past counts as past. A fact without a date
        is always known.
        """
        known: dict[str, Any] = {"person": _alive_until_then(self.person, as_of)}
        hidden = 0
        for name in _DATED:
            items = getattr(self, name)
            kept = [item for item in items if _exists(item.date, as_of)] if items else items
            if len(kept) != len(items):
                known[name] = tuple(kept)
                hidden += len(items) - len(kept)
        conditions = known.get("conditions", self.conditions)
        known["conditions"] = tuple([_as_it_stood(condition, as_of) for condition in conditions])
        return replace(self, hidden=self.hidden + hidden, **known)

    def missing_kind(self, *kinds: Kind) -> str | None:
        """Why one of these kinds could not be had; None when all were read."""
        if not self.not_retrieved:
            return None
        return next((why for kind, why in self.not_retrieved if kind in kinds), None)


_DATED = tuple(
    item.name
    for item in fields(PatientFacts)
    if item.name not in ("person", "lesions", "not_retrieved", "data_quality", "dropped", "hidden")
)


def _exists(when: PartialDate | None, as_of: AsOf) -> bool:
    return when is None or as_of.has_come(when.earliest)


def _alive_until_then(person: Person, as_of: AsOf) -> Person:
    died_later = person.deceased_on is not None and not as_of.has_come(person.deceased_on.earliest)
    return replace(person, deceased=None, deceased_on=None) if died_later else person


def _as_it_stood(condition: Condition, as_of: AsOf) -> Condition:
    ended_later = condition.abated is not None and not as_of.has_come(condition.abated.earliest)
    if not ended_later:
        return condition
    return replace(condition, abated=None, clinical_status=ClinicalStatus.ACTIVE)


def latest_first(facts: Iterable[tuple[PartialDate | None, str]]) -> list[int]:
    """The order of dated facts: latest day first, undated last, ties by reference."""
    keys = [
        (1, 0, reference) if when is None else (0, -when.latest.toordinal(), reference) for when, reference in facts
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


__all__ = [
    "Answer",
    "CancerProfile",
    "ClinicalStatus",
    "Comparator",
    "Condition",
    "Coverage",
    "DataQuality",
    "DiseaseStatus",
    "Evidence",
    "ImagingStudy",
    "Intent",
    "Kind",
    "LabResult",
    "Lesion",
    "LesionMeasurement",
    "LesionRole",
    "Medication",
    "MedicationSource",
    "Modality",
    "PathologyReport",
    "PatientFacts",
    "PerformanceStatus",
    "Person",
    "Procedure",
    "ReferenceRange",
    "Regimen",
    "Region",
    "Response",
    "Scale",
    "ScanRecord",
    "Sex",
    "Side",
    "Site",
    "StageObservation",
    "StatusObservation",
    "StudySubject",
    "TherapyLine",
    "Verification",
    "latest_first",
]
