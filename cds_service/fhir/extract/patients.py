"""Who the patient is to a trial, from the Patient resource."""

from __future__ import annotations

from cds_service.domain.facts import Person, Sex
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.extract.dates import read_date
from cds_service.fhir.record import Held
from cds_service.fhir.resources import Coding, Extension, Patient

_SEX_WORDS = {
    "female": Sex.FEMALE,
    "f": Sex.FEMALE,
    "male": Sex.MALE,
    "m": Sex.MALE,
    "other": Sex.OTHER,
    "oth": Sex.OTHER,
}
_SNOMED_CT = "http://snomed.info/sct"  # the system of us-core-sex where it is a bare code
_BIRTH_SEX = ("us-core-birthsex", "us-core-sex", "us-core-individual-sex", "individual-recordedSexOrGender")


def read_person(*who: Held, context: ReadingContext) -> Person:
    """The person of a Patient (the record that stands first, those it replaced after it).

    What the first does not say is taken from the others; death recorded on any holds.
    """
    patients = [held.resource for held in who if isinstance(held.resource, Patient)]
    births = [read_date(patient.birth_date, context) for patient in patients]
    deaths = [read_date(patient.deceased_date_time, context) for patient in patients]
    flags = [patient.deceased_boolean for patient in patients if patient.deceased_boolean is not None]
    died = any(flags) or any(patient.deceased_date_time for patient in patients)
    return Person(
        who[0].name,
        birth_date=next((birth for birth in births if birth), None),
        birth_sex=next((sex for patient in patients if (sex := _birth_sex(patient, context))), None),
        gender=next((sex for patient in patients if (sex := _sex(patient.gender))), None),
        deceased=died if died or flags else None,
        deceased_on=next((death for death in deaths if death), None),
    )


def _sex(word: str | None) -> Sex | None:
    return _SEX_WORDS.get((word or "").strip().lower())


def _birth_sex(patient: Patient, context: ReadingContext) -> Sex | None:
    for extension in patient.extension:
        if extension.url and extension.url.endswith(_BIRTH_SEX):
            found = _sex_of(extension, context)
            if found is not None:
                return found
    return None


def _sex_of(extension: Extension, context: ReadingContext) -> Sex | None:
    for inner in (extension, *extension.extension):
        coding = inner.value_coding or _first(inner) or Coding(_SNOMED_CT, inner.value_code)
        meant = context.meanings_of_codings(coding)
        word = next((meaning.group for meaning in meant if meaning.concept == "sex"), None)
        found = _sex(word) or _sex(inner.value_code) or _sex(inner.value_string)
        found = found or _sex(coding.code) or _sex(coding.display)
        if found is not None:
            return found
    return None


def _first(extension: Extension) -> Coding | None:
    concept = extension.value_codeable_concept
    return concept.coding[0] if concept and concept.coding else None
