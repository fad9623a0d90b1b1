"""FHIR R4 resources, only as far as facts are read from them.

Partial structs: an element not named here is skipped while parsing and may hold anything.
Every element is optional, whatever its cardinality in FHIR: real payloads leave out what
the specification requires. Numbers are decimals, decoded exactly from the text. Dates stay
text (`extract/dates.py` reads them). camelCase lives only here: `value_quantity` is
`valueQuantity`.

Source: FHIR R4 (4.0.1), https://hl7.org/fhir/R4/
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder


class Element(Struct, rename="camel", gc=False):
    """What every struct here is: camelCase in JSON, acyclic, so untracked by the collector."""


class Coding(Element):
    """One code of a code system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    """One meaning in any number of codings, and in words; `extension` may say the side."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None
    extension: tuple[Extension, ...] = ()


class Identifier(Element):
    """A business identifier."""

    system: str | None = None
    value: str | None = None
    type: CodeableConcept | None = None
    use: str | None = None


class Reference(Element):
    """A pointer to another resource; `reference` may be missing where only `identifier` is given."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None
    type: str | None = None


class Period(Element):
    """A time with its ends, either of which may be missing."""

    start: str | None = None
    end: str | None = None


class Quantity(Element):
    """An amount: exact value, comparator, unit in words, system and code of the unit.

    `value` may be a NaN or an infinity where a sender wrote such a string: check `is_finite()`.
    """

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Range(Element):
    """An amount between two others."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    """A relation of two amounts."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Extension(Element):
    """An extension, simple or nested, with the kinds of value that are read."""

    url: str | None = None
    extension: tuple[Extension, ...] = ()
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_code: str | None = None
    value_string: str | None = None
    value_reference: Reference | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_positive_int: int | None = None
    value_date_time: str | None = None
    value_date: str | None = None
    value_period: Period | None = None
    value_quantity: Quantity | None = None
    value_identifier: Identifier | None = None


class Annotation(Element):
    """A note in words."""

    text: str | None = None
    time: str | None = None


class Meta(Element):
    """What a server says of a version of a resource."""

    last_updated: str | None = None
    version_id: str | None = None
    profile: tuple[str, ...] = ()


NO_META = Meta()
_metas = Decoder(Meta)


class Resource(Element):
    """What every resource may carry.

    `contained` is left as raw JSON; `ReadingContext.resolve` decodes what is referenced.
    `modifier_extension` is only looked at for being there: FHIR forbids to read on without
    understanding it.
    """

    resource_type: str = ""
    id: str | None = None
    meta: Raw | UnsetType = UNSET
    extension: tuple[Extension, ...] = ()
    modifier_extension: Raw | UnsetType = UNSET
    contained: tuple[Raw, ...] = ()

    def version(self) -> Meta:
        """Its profiles, and when it was last updated; decoded only when asked for."""
        try:
            return NO_META if self.meta is UNSET else _metas.decode(self.meta)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            return NO_META

    def profiles(self) -> tuple[str, ...]:
        """The canonical URLs of the profiles it claims."""
        return self.version().profile


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
    recorded_date: str | None = None
    stage: tuple[ConditionStage, ...] = ()
    evidence: tuple[ConditionEvidence, ...] = ()
    note: tuple[Annotation, ...] = ()


class ReferenceRange(Element):
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


class MedicationIngredient(Element):
    """One ingredient of a Medication."""

    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None
    is_active: bool | None = None


class Medication(Resource):
    """A product, contained or referenced; it belongs to nobody."""

    status: str | None = None
    code: CodeableConcept | None = None
    ingredient: tuple[MedicationIngredient, ...] = ()


class Timing(Element):
    """When doses are due: only the bounds and the listed times."""

    event: tuple[str, ...] = ()
    repeat: TimingRepeat | None = None
    code: CodeableConcept | None = None


class TimingRepeat(Element):
    """The bounds of a repeated dose."""

    bounds_period: Period | None = None


class Dosage(Element):
    """How a drug is to be taken."""

    text: str | None = None
    route: CodeableConcept | None = None
    site: CodeableConcept | None = None
    timing: Timing | None = None


class MedicationRequest(Resource):
    """An order for a drug."""

    status: str | None = None
    status_reason: CodeableConcept | None = None
    intent: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    authored_on: str | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    based_on: tuple[Reference, ...] = ()
    dosage_instruction: tuple[Dosage, ...] = ()
    dispense_request: DispenseRequest | None = None
    note: tuple[Annotation, ...] = ()


class DispenseRequest(Element):
    """For how long an order may be dispensed."""

    validity_period: Period | None = None


class AdministeredDose(Element):
    """How an administered drug was given."""

    text: str | None = None
    route: CodeableConcept | None = None
    site: CodeableConcept | None = None
    dose: Quantity | None = None


class MedicationAdministration(Resource):
    """A drug that was given."""

    status: str | None = None
    status_reason: tuple[CodeableConcept, ...] = ()
    category: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    request: Reference | None = None
    part_of: tuple[Reference, ...] = ()
    dosage: AdministeredDose | None = None
    note: tuple[Annotation, ...] = ()


class MedicationStatement(Resource):
    """A drug that the patient is said to take or to have taken."""

    status: str | None = None
    status_reason: tuple[CodeableConcept, ...] = ()
    category: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    date_asserted: str | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    based_on: tuple[Reference, ...] = ()
    derived_from: tuple[Reference, ...] = ()
    dosage: tuple[Dosage, ...] = ()
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


class EpisodeOfCare(Resource):
    """A stretch of care, such as a line of therapy."""

    status: str | None = None
    type: tuple[CodeableConcept, ...] = ()
    patient: Reference | None = None
    period: Period | None = None


class CarePlanDetail(Element):
    """What a care plan's activity is."""

    kind: str | None = None
    code: CodeableConcept | None = None
    status: str | None = None
    description: str | None = None
    product_codeable_concept: CodeableConcept | None = None
    product_reference: Reference | None = None
    scheduled_period: Period | None = None
    reason_code: tuple[CodeableConcept, ...] = ()


class CarePlanActivity(Element):
    """One activity of a care plan, in place or by reference."""

    reference: Reference | None = None
    detail: CarePlanDetail | None = None


class CarePlan(Resource):
    """A plan of treatment, such as a chemotherapy regimen."""

    status: str | None = None
    intent: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    title: str | None = None
    description: str | None = None
    subject: Reference | None = None
    period: Period | None = None
    created: str | None = None
    addresses: tuple[Reference, ...] = ()
    activity: tuple[CarePlanActivity, ...] = ()
    note: tuple[Annotation, ...] = ()


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


class BundleEntry(Element):
    """One entry of a Bundle, its resource left as raw JSON."""

    full_url: str | None = None
    resource: Raw | UnsetType = UNSET


class Bundle(Element):
    """A Bundle of any type; entries are decoded one by one, so that one bad one costs itself only."""

    resource_type: str = ""
    type: str | None = None
    entry: tuple[BundleEntry, ...] = ()


class Head(Element):
    """What tells a resource from another: type, id, whose it is."""

    resource_type: str = ""
    id: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    individual: Reference | None = None


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

MEANING_RESTS_ON = frozenset(
    {
        "abatementBoolean",
        "abatementDateTime",
        "abatementPeriod",
        "birthDate",
        "bodySite",
        "clinicalStatus",
        "code",
        "component",
        "conclusionCode",
        "dataAbsentReason",
        "deceasedBoolean",
        "deceasedDateTime",
        "doNotPerform",
        "effectiveDateTime",
        "effectiveInstant",
        "effectivePeriod",
        "evidence",
        "focus",
        "gender",
        "id",
        "individual",
        "ingredient",
        "intent",
        "interpretation",
        "location",
        "locationQualifier",
        "medicationCodeableConcept",
        "medicationReference",
        "modality",
        "morphology",
        "onsetDateTime",
        "onsetPeriod",
        "patient",
        "performedDateTime",
        "performedPeriod",
        "period",
        "procedureCode",
        "referenceRange",
        "resourceType",
        "result",
        "series",
        "specimen",
        "stage",
        "started",
        "status",
        "subject",
        "type",
        "valueBoolean",
        "valueCodeableConcept",
        "valueInteger",
        "valueQuantity",
        "valueRange",
        "valueRatio",
        "valueString",
        "verificationStatus",
    }
)
"""Elements without which a resource may mean something else: losing one costs the resource."""
