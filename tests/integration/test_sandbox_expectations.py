"""Each synthetic patient is judged as the file that describes it says, and for the reason it was built for."""

from __future__ import annotations

from datetime import date

import pytest

from cds_service.catalog.loading import load_catalog
from cds_service.domain.trials import assess
from cds_service.fhir.reading import read_patient
from cds_service.sandbox.roster import synthetic_patients

pytestmark = pytest.mark.integration

PATIENTS = {patient.id: patient for patient in synthetic_patients()}
OUTCOME = {"candidate": None, "possible": "unknown", "ineligible": "fail"}


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


# Two days: the files count from the day of loading, also over the end of a year and a leap day.
@pytest.mark.parametrize("day", [date(2026, 11, 22), date(2028, 2, 29)], ids=str)
@pytest.mark.parametrize("patient", PATIENTS.values(), ids=PATIENTS)
def test_status_and_deciding_criteria(catalog, patient, day):
    facts = read_patient(patient.resources(day), catalog)
    assessment = assess(catalog.trials["extend-op"], facts, day)
    expected = patient.expected
    assert assessment.status.value == expected.status
    deciding = {v.id for v in assessment.verdicts if v.outcome.value == OUTCOME[expected.status]}
    assert deciding == set(expected.deciding)
