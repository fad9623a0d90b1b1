"""The same patient in any carrier gives the same facts; whose a resource is; which version holds."""

import pytest
from fhir_json import (
    ICD,
    LOINC,
    as_bytes,
    bundle,
    catalog,
    concept,
    condition,
    ecog,
    observation,
    patient,
    platelets,
    read,
)

from cds_service.domain.facts import Kind
from cds_service.errors import NoPatient, NotFhir
from cds_service.fhir.reading import read_patient

CHART = (patient(), condition(), platelets(), ecog(valueInteger=1))


def facts_of(*carriers, **how):
    return read_patient([as_bytes(carrier) for carrier in carriers], catalog(), **how)


@pytest.mark.parametrize(
    "carriers",
    [
        CHART,
        tuple(reversed(CHART)),
        (bundle(*CHART),),
        (bundle(*reversed(CHART), kind="transaction"),),
        (list(CHART),),
        (bundle(bundle(*CHART[:2]), bundle(*CHART[2:])),),
        (patient(), bundle(condition()), bundle(platelets(), ecog(valueInteger=1)), bundle()),
        (bundle(*CHART, *CHART),),
        (bundle(*CHART, kind="searchset", urls=True),),
        (CHART[0], CHART[1], CHART[2], CHART[3], {"resourceType": "Encounter", "id": "e"}),
    ],
)
def test_any_carrier_and_order_gives_the_same_facts(carriers):
    expected = facts_of(*CHART)
    assert facts_of(*carriers) == expected
    assert [item.evidence.reference for item in expected.conditions] == ["Condition/c1"]
    assert [item.evidence.reference for item in expected.labs] == ["Observation/plt"]
    assert [item.score for item in expected.performance] == [1]
    assert expected.data_quality == ()
    assert expected.not_retrieved == ()
    assert expected.dropped == 0


def test_decoded_json_is_taken_as_well():
    assert read_patient(CHART, catalog()) == facts_of(*CHART)


def test_kinds_are_sorted_latest_first_then_by_reference():
    labs = [platelets(1, "b"), platelets(2, "a"), platelets(3, "c", effectiveDateTime="2026-11-02")]
    assert [lab.evidence.reference[-1] for lab in read(*labs).labs] == ["c", "a", "b"]


@pytest.mark.parametrize(
    "subject",
    [
        "Patient/p1",
        "Patient/p1/_history/3",
        "https://ehr.example/fhir/Patient/p1",
        "http://EHR.example/fhir/Patient/p1",
    ],
)
def test_a_reference_to_the_patient_in_any_spelling(subject):
    facts = facts_of(bundle(patient(), {**platelets(), "subject": {"reference": subject}}, urls=True))
    assert len(facts.labs) == 1
    assert facts.dropped == 0


@pytest.mark.parametrize("subject", ["Patient/p2", "https://other.example/fhir/Patient/p1", "Group/p1", "urn:uuid:p1"])
def test_what_is_somebody_elses_is_dropped_and_counted(subject):
    facts = facts_of(bundle(patient(), {**platelets(), "subject": {"reference": subject}}, urls=True))
    assert facts.labs == ()
    assert facts.dropped == 1
    assert facts.not_retrieved == ()


@pytest.mark.parametrize("subject", [{}, {"subject": {"identifier": {"value": "7"}}}, {"subject": {"display": "x"}}])
def test_what_does_not_say_whose_it_is_is_not_read_and_leaves_its_kind_unknown(subject):
    lab = {key: value for key, value in platelets().items() if key != "subject"} | subject
    facts = read(lab)
    assert facts.labs == ()
    assert facts.dropped == 0
    assert facts.missing_kind(Kind.OBSERVATIONS) == "one Observation could not be read"
    assert [note.problem for note in facts.data_quality] == ["it does not say whose it is; left out"]


def test_urn_references_are_followed_within_the_bundle():
    entries = [
        {"fullUrl": "urn:uuid:11", "resource": {"resourceType": "Patient", "gender": "male"}},
        {"fullUrl": "urn:uuid:22", "resource": {**condition(), "subject": {"reference": "urn:uuid:11"}}},
        {"fullUrl": "urn:uuid:33", "resource": {**platelets(), "subject": {"reference": "Patient/11"}}},
    ]
    facts = facts_of({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert facts.person.reference == "urn:uuid:11"
    assert len(facts.conditions) == 1
    assert len(facts.labs) == 1


def test_the_version_last_updated_holds_whatever_the_order():
    old = platelets(10, meta={"lastUpdated": "2026-11-01T23:00:00-05:00"})
    new = platelets(99, meta={"lastUpdated": "2026-11-02T06:00:00Z"})
    for pair in ((old, new), (new, old)):
        facts = read(*pair)
        assert [int(lab.value) for lab in facts.labs] == [99000]
        assert facts.data_quality == ()


def test_versions_that_do_not_say_which_is_newer_are_noted_and_chosen_alike():
    one, other = platelets(10), platelets(99)
    assert read(one, other) == read(other, one)
    assert "differ" in read(one, other).data_quality[0].problem


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "unknown"])
def test_an_observation_that_does_not_hold_is_no_fact(status):
    assert read(platelets(status=status)).labs == ()


def test_a_contained_observation_is_no_result():
    held = observation(concept(LOINC, "8480-6"), contained=[platelets()])
    assert read(held).labs == ()


def test_a_replaced_patient_joins_the_one_that_stands():
    old = patient("p0", link=[{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}], deceasedBoolean=False)
    lab = {**platelets(), "subject": {"reference": "Patient/p0"}}
    facts = facts_of(old, patient(), lab)
    assert facts.person.reference == "Patient/p1"
    assert len(facts.labs) == 1
    assert facts.dropped == 0


def test_patients_that_replace_each_other_are_one():
    def replaced(identity, by):
        return patient(identity, link=[{"other": {"reference": f"Patient/{by}"}, "type": "replaced-by"}])

    assert facts_of(replaced("a", "b"), replaced("b", "a")).person.reference == "Patient/a"


def test_two_patients_where_one_is_asked():
    with pytest.raises(NoPatient, match="2 patients"):
        facts_of(patient("a"), patient("b"))
    assert facts_of(patient("a"), patient("b"), patient="b").person.reference == "Patient/b"
    assert facts_of(patient("a"), patient("b"), patient="Patient/a").person.reference == "Patient/a"
    with pytest.raises(NoPatient, match="not in the input"):
        facts_of(patient("a"), patient="z")


def test_no_patient_and_no_json():
    with pytest.raises(NoPatient):
        facts_of(condition())
    with pytest.raises(NotFhir):
        read_patient([b'[{"resourceType": "Patient"'], catalog())


def test_kinds_that_could_not_be_had_are_passed_on():
    facts = facts_of(patient(), not_retrieved=[(Kind.REPORTS, "timed out")])
    assert facts.missing_kind(Kind.REPORTS) == "timed out"
    assert facts.missing_kind(Kind.CONDITIONS) is None


def test_a_concept_is_found_in_any_coding():
    code = {"coding": [{"system": "urn:local", "code": "x"}, {"system": ICD, "code": "C189"}]}
    facts = read(condition(code))
    assert {m.group for m in facts.conditions[0].meanings if m.concept == "cancer-type"} == {"CRC"}
