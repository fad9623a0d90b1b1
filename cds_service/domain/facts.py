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
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import AsOf, PartialDate
from cds_service.domain.making import Term, quick_to_make


@quick_to_make
@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact stands: reference ("Observation/plt-1"), date as recorded, words to show."""

    reference: str
    date: str | None
    text: str


@quick_to_make
@dataclass(frozen=True, slots=True)
class DataQuality:
    """One thing wrong with a resource, in words without patient data."""

    reference: str
    problem: str


class Kind(Term):
    """The kinds of record a patient's facts are read from; also what may fail to be had."""

    PATIENT = "patient"
    CONDITIONS = "conditions"
    OBSERVATIONS = "observations"
    IMAGING = "imaging"
    PROCEDURES = "procedures"
    MEDICATIONS = "medications"
    ADMINISTRATIONS = "administrations"
    REPORTS = "reports"
    LESIONS = "lesions"
    SUBJECTS = "subjects"
    STATEMENTS = "statements"
    EPISODES = "episodes"
    CAREPLANS = "careplans"


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


class Comparator(Term):
    """The sign before a laboratory value."""

    LESS = "<"
    AT_MOST = "<="
    AT_LEAST = ">="
    MORE = ">"


@quick_to_make
@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """A laboratory's own limits in the analyte's unit.

    `normal` is false for ranges of another type (critical, therapeutic, recommended).
    `sexes` is empty where the range applies to all.
    """

    low: Decimal | None = None
    high: Decimal | None = None
    normal: bool = True
    sexes: frozenset[Sex] = frozenset()
    age_from: Decimal | None = None
    age_until: Decimal | None = None
    applies_to_other: bool = False


class Answer(Term):
    """A qualitative result."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    INDETERMINATE = "indeterminate"


@quick_to_make
@dataclass(frozen=True, slots=True)
class LabResult:
    """One result of a named analyte, in that analyte's own unit (see `mappings/analytes.yaml`).

    `value` None and `problem` set: recorded but not usable. `answer` is for qualitative
    tests. `use` is the code's own ("direct", "calc_percent", "quant_serum"). `collections`
    are keys two results share when they come from one draw (time, specimen, panel).
    `unit` is the analyte's, for people; `also` the evidence of further results it was
    calculated from.
    """

    evidence: Evidence
    analyte: str
    value: Decimal | None = None
    comparator: Comparator | None = None
    answer: Answer | None = None
    ranges: tuple[ReferenceRange, ...] = ()
    date: PartialDate | None = None
    use: str = "direct"
    preliminary: bool = False
    derived: bool = False
    note: str = ""
    problem: str | None = None
    collections: frozenset[str] = frozenset()
    unit: str = ""
    also: tuple[Evidence, ...] = ()


@quick_to_make
@dataclass(frozen=True, slots=True)
class StatusObservation:
    """Any other observation a rule reads by meaning alone (pregnancy status, breastfeeding)."""

    evidence: Evidence
    meanings: Meanings
    date: PartialDate | None = None
    preliminary: bool = False


class Response(Term):
    """How disease or one lesion answered, whatever code said it."""

    PROGRESSIVE = "progressive"
    STABLE = "stable"
    PARTIAL = "partial response"
    COMPLETE = "complete response"
    NOT_PROGRESSIVE = "not progressive"
    UNDETERMINED = "undetermined"


@quick_to_make
@dataclass(frozen=True, slots=True)
class DiseaseStatus:
    """An explicit statement on the disease as a whole, or on what `focus` names.

    `recist` is true for a RECIST overall response code. `evidence_types` are groups of the
    concept "evidence-type" ("imaging", "marker", ...), empty where not stated. `focus` holds
    references; those to a lesion make it that lesion's own response.
    """

    evidence: Evidence
    response: Response
    recist: bool = False
    date: PartialDate | None = None
    focus: tuple[str, ...] = ()
    evidence_types: frozenset[str] = frozenset()
    preliminary: bool = False


class LesionRole(Term):
    """What a lesion is to the cancer, where recorded."""

    PRIMARY = "primary"
    METASTATIC = "metastatic"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Lesion:
    """A tumour described as a body structure: reference, identifiers, place, role."""

    evidence: Evidence
    reference: str
    identifiers: frozenset[str] = frozenset()
    site: Site = field(default_factory=Site)
    role: LesionRole | None = None
    text: str = ""


@quick_to_make
@dataclass(frozen=True, slots=True)
class LesionMeasurement:
    """One reading of one lesion on one day, sizes in millimetres.

    `lesion` references the Lesion where one is named; else `site` is all there is, and
    `identifiers` (tracking ids) where the report gives them. `diameters_mm` are those whose
    axis is not stated besides the longest; `specimen` marks a removed tumour, which is not a
    scan's reading. `signal` is an explicit sign of metastasis (avidity), `pathology_positive`
    a positive specimen. `seen` False: looked for and not there.
    """

    evidence: Evidence
    lesion: str | None = None
    identifiers: frozenset[str] = frozenset()
    site: Site = field(default_factory=Site)
    date: PartialDate | None = None
    long_axis_mm: Decimal | None = None
    short_axis_mm: Decimal | None = None
    diameters_mm: tuple[Decimal, ...] = ()
    response: Response | None = None
    signal: bool = False
    pathology_positive: bool = False
    seen: bool = True
    specimen: bool = False
    method: str | None = None
    studies: tuple[str, ...] = ()
    preliminary: bool = False
    problem: str | None = None


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
