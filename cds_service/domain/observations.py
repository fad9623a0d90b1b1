"""The facts of observations: laboratory results, the state of the disease, lesions and their sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import PartialDate
from cds_service.domain.diagnoses import Sex, Site
from cds_service.domain.evidence import Evidence
from cds_service.domain.making import Term, quick_to_make


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
