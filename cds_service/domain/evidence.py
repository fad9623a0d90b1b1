"""Where a fact stands, what is wrong with a resource, and the kinds of record facts are read from."""

from __future__ import annotations

from dataclasses import dataclass

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
