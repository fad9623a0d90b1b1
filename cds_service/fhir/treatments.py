"""FHIR R4 resources about drugs and courses of treatment, as far as they are read (see `resources.py`)."""

from __future__ import annotations

from cds_service.fhir.datatypes import (
    Annotation,
    CodeableConcept,
    Element,
    Period,
    Quantity,
    Reference,
    Resource,
)


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
