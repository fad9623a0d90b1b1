"""FHIR R4 resources, only as far as facts are read from them.

Partial structs: an element not named here is skipped while parsing and may hold anything.
Every element is optional, whatever its cardinality in FHIR: real payloads leave out what
the specification requires. Numbers are decimals, decoded exactly from the text. Dates stay
text (`extract/dates.py` reads them). camelCase lives only here: `value_quantity` is
`valueQuantity`.

Source: FHIR R4 (4.0.1), https://hl7.org/fhir/R4/
"""

from __future__ import annotations

from cds_service.fhir.datatypes import (
    Annotation,
    Bundle,
    BundleEntry,
    CodeableConcept,
    Coding,
    DataType,
    Element,
    Extension,
    Head,
    Identifier,
    Meta,
    Period,
    Quantity,
    Range,
    Ratio,
    Reference,
    Resource,
    Spelling,
)
from cds_service.fhir.treatments import (
    AdministeredDose,
    CarePlan,
    CarePlanActivity,
    CarePlanDetail,
    DispenseRequest,
    Dosage,
    EpisodeOfCare,
    Medication,
    MedicationAdministration,
    MedicationIngredient,
    MedicationRequest,
    MedicationStatement,
    Timing,
    TimingRepeat,
)


class PatientLink(Element):
    """A link to another record of the same person."""

    other: Reference | None = None
    type: str | None = None


class Patient(Resource):
    """Who it is: only what a trial reads."""

    gender: str | None = None
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    active: bool | None = None
    link: tuple[PatientLink, ...] = ()


class ConditionStage(Element):
    """The stage of a Condition: its summary, what it was assessed by, its type."""

    summary: CodeableConcept | None = None
    assessment: tuple[Reference, ...] = ()
    type: CodeableConcept | None = None


class ConditionEvidence(Element):
    """What a Condition rests on."""

    code: tuple[CodeableConcept, ...] = ()
    detail: tuple[Reference, ...] = ()


class Condition(Resource):
    """A diagnosis or problem."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    severity: CodeableConcept | None = None
    code: CodeableConcept | None = None
    body_site: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_string: str | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    abatement_string: str | None = None
    abatement_boolean: bool | None = None
    abatement_age: Quantity | None = None
    abatement_range: Range | None = None
    recorded_date: str | None = None
    stage: tuple[ConditionStage, ...] = ()
    evidence: tuple[ConditionEvidence, ...] = ()
    note: tuple[Annotation, ...] = ()


class ReferenceRange(DataType, frozen=True):
    """Limits of an Observation's value."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None
    applies_to: tuple[CodeableConcept, ...] = ()
    age: Range | None = None
    text: str | None = None


class ObservationValue(Element):
    """What an Observation and each of its components have in common: code, value, ranges."""

    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_date_time: str | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    reference_range: tuple[ReferenceRange, ...] = ()


class ObservationComponent(ObservationValue):
    """One component of an Observation."""

    extension: tuple[Extension, ...] = ()


class Observation(Resource):
    """A measurement or an assertion, with the same value elements as its components."""

    identifier: tuple[Identifier, ...] = ()
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    focus: tuple[Reference, ...] = ()
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_date_time: str | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()
    body_site: CodeableConcept | None = None
    method: CodeableConcept | None = None
    specimen: Reference | None = None
    reference_range: tuple[ReferenceRange, ...] = ()
    has_member: tuple[Reference, ...] = ()
    derived_from: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    component: tuple[ObservationComponent, ...] = ()


class ImagingSeries(Element):
    """One series of an ImagingStudy."""

    uid: str | None = None
    modality: Coding | None = None
    description: str | None = None
    body_site: Coding | None = None
    laterality: Coding | None = None
    started: str | None = None
    number_of_instances: int | None = None


class ImagingStudy(Resource):
    """A scan with its series."""

    identifier: tuple[Identifier, ...] = ()
    status: str | None = None
    modality: tuple[Coding, ...] = ()
    subject: Reference | None = None
    started: str | None = None
    based_on: tuple[Reference, ...] = ()
    procedure_reference: Reference | None = None
    procedure_code: tuple[CodeableConcept, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    description: str | None = None
    note: tuple[Annotation, ...] = ()
    series: tuple[ImagingSeries, ...] = ()


class Procedure(Resource):
    """Something done to the patient."""

    status: str | None = None
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performed_string: str | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    body_site: tuple[CodeableConcept, ...] = ()
    outcome: CodeableConcept | None = None
    report: tuple[Reference, ...] = ()
    used_code: tuple[CodeableConcept, ...] = ()
    part_of: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()


class DiagnosticReport(Resource):
    """A report of a laboratory, of radiology or of pathology."""

    identifier: tuple[Identifier, ...] = ()
    status: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    code: CodeableConcept | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    based_on: tuple[Reference, ...] = ()
    specimen: tuple[Reference, ...] = ()
    result: tuple[Reference, ...] = ()
    imaging_study: tuple[Reference, ...] = ()
    conclusion: str | None = None
    conclusion_code: tuple[CodeableConcept, ...] = ()


class BodyStructure(Resource):
    """A lesion, or a treated volume."""

    identifier: tuple[Identifier, ...] = ()
    active: bool | None = None
    morphology: CodeableConcept | None = None
    location: CodeableConcept | None = None
    location_qualifier: tuple[CodeableConcept, ...] = ()
    description: str | None = None
    patient: Reference | None = None


class ResearchSubject(Resource):
    """The patient in a research study. R4: `individual` is the patient."""

    status: str | None = None
    period: Period | None = None
    study: Reference | None = None
    individual: Reference | None = None


class ResearchStudy(Resource):
    """A study that a ResearchSubject points to; it belongs to nobody."""

    identifier: tuple[Identifier, ...] = ()
    title: str | None = None
    status: str | None = None


class SpecimenCollection(Element):
    """Where and when a specimen was taken."""

    collected_date_time: str | None = None
    collected_period: Period | None = None
    body_site: CodeableConcept | None = None
    method: CodeableConcept | None = None


class Specimen(Resource):
    """Tissue or fluid taken from the patient."""

    status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    received_time: str | None = None
    collection: SpecimenCollection | None = None


AnyResource = (
    Patient
    | Condition
    | Observation
    | ImagingStudy
    | Procedure
    | Medication
    | MedicationRequest
    | MedicationAdministration
    | MedicationStatement
    | DiagnosticReport
    | BodyStructure
    | EpisodeOfCare
    | CarePlan
    | ResearchSubject
    | ResearchStudy
    | Specimen
)

READ_TYPES: dict[str, type[AnyResource]] = {kind.__name__: kind for kind in AnyResource.__args__}
"""The resource types that are read, by their FHIR name."""


__all__ = [
    "READ_TYPES",
    "AdministeredDose",
    "Annotation",
    "AnyResource",
    "BodyStructure",
    "Bundle",
    "BundleEntry",
    "CarePlan",
    "CarePlanActivity",
    "CarePlanDetail",
    "CodeableConcept",
    "Coding",
    "Condition",
    "ConditionEvidence",
    "ConditionStage",
    "DiagnosticReport",
    "DispenseRequest",
    "Dosage",
    "Element",
    "EpisodeOfCare",
    "Extension",
    "Head",
    "Identifier",
    "ImagingSeries",
    "ImagingStudy",
    "Medication",
    "MedicationAdministration",
    "MedicationIngredient",
    "MedicationRequest",
    "MedicationStatement",
    "Meta",
    "Observation",
    "ObservationComponent",
    "ObservationValue",
    "Patient",
    "PatientLink",
    "Period",
    "Procedure",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "ReferenceRange",
    "ResearchStudy",
    "ResearchSubject",
    "Resource",
    "Specimen",
    "SpecimenCollection",
    "Spelling",
    "Timing",
    "TimingRepeat",
]
