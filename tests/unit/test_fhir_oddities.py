"""An odd element costs itself; what its meaning rests on costs the resource, and says so."""

import pytest
from fhir_json import ICD, as_bytes, catalog, concept, condition, ecog, observation, patient, platelets, read

from cds_service.domain.facts import ClinicalStatus, Kind
from cds_service.fhir.reading import read_patient


@pytest.mark.parametrize(
    "odd",
    [
        {"note": "text"},
        {"meta": 7},
        {"performer": 3},
        {"unknownElement": {"deep": [1, {"x": None}]}},
        {"identifier": "x"},
        {"category": None},
        {"hasMember": None},
    ],
)
def test_an_odd_element_that_decides_nothing_leaves_the_fact(odd):
    facts = read(platelets(**odd))
    assert [int(lab.value) for lab in facts.labs] == [26000]
    assert facts.not_retrieved == ()


def test_a_patient_whose_death_cannot_be_read_is_not_said_to_live():
    facts = read(patient(deceasedDateTime={"year": 2026}))
    assert facts.missing_kind(Kind.PATIENT) == "one Patient could not be read"
    assert [note.problem for note in facts.data_quality] == ["'deceasedDateTime' is not of its FHIR type; left out"]
    assert read(patient(maritalStatus=5, contact="x")).not_retrieved == ()


def test_what_has_one_reading_is_mended_and_noted():
    code = {"coding": {"system": ICD, "code": "C50.9"}}
    facts = read(condition(code, bodySite={"text": "left breast"}))
    assert {m.group for m in facts.conditions[0].meanings if m.concept == "cancer-type"} == {"BREAST"}
    assert len(facts.conditions[0].sites) == 1
    assert facts.not_retrieved == ()
    assert len(facts.data_quality) == 2


def test_a_numeric_code_is_read_as_text():
    code = {"coding": [{"system": "http://snomed.info/sct", "code": 94225005}]}
    assert {m.concept for m in read(condition(code)).conditions[0].meanings} >= {"secondary-site"}


@pytest.mark.parametrize(
    "odd", [{"valueQuantity": "26"}, {"status": 5.5}, {"subject": {"reference": "Patient/p1"}, "effectiveDateTime": []}]
)
def test_a_lab_that_lost_its_meaning_is_left_out_and_its_kind_unknown(odd):
    facts = read(platelets(**odd))
    assert facts.labs == ()
    assert facts.missing_kind(Kind.OBSERVATIONS) == "one Observation could not be read"
    assert facts.missing_kind(Kind.CONDITIONS) is None
    assert facts.data_quality[0].reference == "Observation/plt"


def test_an_observation_of_nothing_a_trial_reads_may_lose_its_value():
    weight = observation(concept("http://loinc.org", "29463-7"), valueQuantity="x")
    assert read(weight).not_retrieved == ()


@pytest.mark.parametrize("element", ["clinicalStatus", "verificationStatus", "code"])
def test_a_condition_that_lost_its_meaning_makes_conditions_unknown(element):
    facts = read(condition(**{element: 17}))
    assert facts.conditions == ()
    assert facts.missing_kind(Kind.CONDITIONS) == "one Condition could not be read"


def test_several_unread_resources_are_counted():
    facts = read(condition(identity="a", code=3), condition(identity="b", code=4))
    assert facts.missing_kind(Kind.CONDITIONS) == "2 Conditions could not be read"


def test_a_modifier_extension_costs_the_resource():
    extension = [{"url": "https://x", "valueBoolean": True}]
    facts = read(condition(modifierExtension=extension))
    assert facts.conditions == ()
    assert facts.missing_kind(Kind.CONDITIONS)
    assert read(condition(modifierExtension=[])).missing_kind(Kind.CONDITIONS) is None
    assert read(patient(modifierExtension=extension)).person.reference == "Patient/p1"


def test_broken_bytes_of_another_patient_are_dropped():
    broken = as_bytes(condition())[:-2]
    theirs = broken.replace(b"Patient/p1", b"Patient\\/p2")
    mine = read_patient([as_bytes(patient()), broken], catalog())
    other = read_patient([as_bytes(patient()), theirs], catalog())
    assert mine.missing_kind(Kind.CONDITIONS)
    assert mine.dropped == 0
    assert other.not_retrieved == ()
    assert other.dropped == 1


def test_no_words_of_the_record_stand_in_the_notes():
    facts = read(condition(code="Jane Roe has cancer"), ecog(valueString="Jane Roe"))
    said = " ".join(note.problem for note in facts.data_quality)
    assert "Jane" not in said
    assert len(facts.data_quality) == 2


def test_numbers_are_exact():
    raw = as_bytes(platelets(0)).replace(b'"value": 0', b'"value": 26.10')
    assert str(read_patient([as_bytes(patient()), raw], catalog()).labs[0].value.normalize()) == "2.61E+4"


def test_a_condition_status_by_words():
    status = {"text": "Active"}
    assert read(condition(clinicalStatus=status)).conditions[0].clinical_status is ClinicalStatus.ACTIVE


@pytest.mark.parametrize(
    ("raw", "kinds"),
    [
        (b'{"resourceType": "Specimen", "id": "s", "subject": {"reference": "Patient/p1"}, "x', {Kind.REPORTS}),
        (b'{"resourceType": "Encounter", "subject": {"reference": "Patient/p1"}, "x', set()),
        (b'{"id": "1", "subject": {"reference": "Patient/p1"}, "x', set(Kind) - {Kind.PATIENT}),
    ],
)
def test_what_rests_on_a_broken_resource_of_another_type(raw, kinds):
    facts = read_patient([as_bytes(patient()), raw], catalog())
    assert {kind for kind, _ in facts.not_retrieved} == kinds


def test_what_does_not_hold_anyway_may_lose_its_meaning():
    assert read(platelets(status="entered-in-error", valueQuantity="x")).not_retrieved == ()


def test_an_unknown_status_is_noted_where_the_resource_would_have_mattered():
    weight = observation(concept("http://loinc.org", "29463-7"), "w", status="unknown")
    facts = read(platelets(status="unknown"), weight)
    assert facts.labs == ()
    assert [note.reference for note in facts.data_quality] == ["Observation/plt"]
    assert read(platelets(status="unknown"), weight, {"resourceType": "Medication"}) == facts
