"""What each element of a resource becomes: conditions, stages, performance, procedures, pathology, person."""

import pytest
from fhir_json import ICD, LOINC, SNOMED, about, concept, condition, ecog, observation, patient, read

from cds_service.domain.facts import CancerProfile, ClinicalStatus, Scale, Sex, Side, Verification

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
LEFT = concept(SNOMED, "7771000")


def extension(name, **value):
    return [{"url": MCODE + name, **value}]


def the_condition(code=None, **more):
    return read(condition(code, **more)).conditions[0]


def test_a_condition_in_full():
    found = the_condition(
        concept(ICD, "C50.912", "Malignant neoplasm of left female breast"),
        meta={"profile": [MCODE + "primary-cancer-condition|4.0.0"]},
        clinicalStatus=concept("s", "recurrence"),
        verificationStatus=concept("s", "confirmed"),
        onsetDateTime="2019-05",
        recordedDate="2019-06-01T08:00:00+02:00",
        abatementDateTime="2020",
        stage=[{"summary": concept(SNOMED, "1222837003")}],
        evidence=[{"code": [concept(SNOMED, "714797009")]}],
        extension=extension("related-primary-cancer-condition", valueReference={"reference": "Condition/c0"}),
    )
    assert found.clinical_status is ClinicalStatus.RECURRENCE
    assert found.verification is Verification.CONFIRMED
    assert (str(found.onset), str(found.recorded), str(found.abated)) == ("2019-05", "2019-06-01", "2020")
    assert found.profile is CancerProfile.PRIMARY
    assert [meaning.use for meaning in found.stages] == ["stage-iv"]
    assert [meaning.group for meaning in found.confirmation] == ["histology"]
    assert found.related == ("Condition/c0",)
    assert found.side is Side.LEFT
    assert found.evidence.text == "Malignant neoplasm of left female breast"
    assert not found.unlisted


def qualified(side):
    return {"extension": extension("laterality-qualifier", valueCodeableConcept=side)}


@pytest.mark.parametrize(
    ("more", "side"),
    [
        ({"bodySite": [{**concept(SNOMED, "80248007"), **qualified(LEFT)}]}, Side.LEFT),
        (qualified(concept(SNOMED, "24028007")), Side.RIGHT),
        ({"bodySite": [{"text": "Right breast"}]}, Side.RIGHT),
        ({"bodySite": [{"text": "right breast"}, {"text": "left breast"}]}, Side.BILATERAL),
        ({}, None),
    ],
)
def test_the_side_of_a_condition(more, side):
    assert the_condition(concept(ICD, "C50.9"), **more).side is side


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_refuted_condition_is_no_fact(status):
    assert read(condition(verificationStatus={"coding": [{"code": status}]})).conditions == ()


def test_a_status_is_read_behind_a_code_of_the_site():
    def status(word):
        return {"coding": [{"system": "urn:site", "code": "7"}, {"system": "s", "code": word}]}

    assert read(condition(verificationStatus=status("refuted"))).conditions == ()
    (found,) = read(condition(verificationStatus=status("provisional"))).conditions
    assert found.verification is Verification.PROVISIONAL


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"clinicalStatus": {"text": "Resolved"}}, ClinicalStatus.RESOLVED),
        ({"abatementDateTime": "2020-01-01"}, ClinicalStatus.RESOLVED),
        ({"abatementBoolean": True}, ClinicalStatus.RESOLVED),
        ({"abatementBoolean": False}, None),
        ({"abatementAge": {"value": 61, "unit": "a"}}, ClinicalStatus.RESOLVED),
        ({"abatementRange": {"low": {"value": 60, "unit": "a"}}}, ClinicalStatus.RESOLVED),
        ({"clinicalStatus": {"coding": [{"code": "3"}, {"code": "resolved"}]}}, ClinicalStatus.RESOLVED),
        ({"clinicalStatus": {"coding": [{"code": "3"}], "text": "Active"}}, ClinicalStatus.ACTIVE),
        ({}, None),
    ],
)
def test_the_clinical_status(more, status):
    assert the_condition(**more).clinical_status is status


def test_an_age_or_words_for_onset_are_no_date():
    found = the_condition(onsetAge={"value": 50, "unit": "a"}, recordedDate="2026-02-02")
    assert found.onset is None
    assert str(found.date) == "2026-02-02"
    assert the_condition(onsetString="in her fifties").onset is None


def test_words_decide_only_where_no_code_is_listed():
    coded = the_condition({**concept(ICD, "I10"), "text": "leptomeningeal carcinomatosis"})
    local = the_condition({**concept("urn:local", "77"), "text": "leptomeningeal carcinomatosis"})
    assert "leptomeningeal" in {m.concept for m in local.meanings}
    assert local.unlisted
    assert {m.basis.value for m in local.meanings} == {"text"}
    assert {m.basis.value for m in coded.meanings} <= {"code", "text"}


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ({"valueInteger": 0}, 0),
        ({"valueInteger": 3}, 3),
        ({"valueInteger": 6}, None),
        ({"valueInteger": -1}, None),
        ({"valueQuantity": {"value": 2, "unit": "{score}"}}, 2),
        ({"valueQuantity": {"value": 1.5}}, None),
        ({"valueQuantity": {"value": 1, "comparator": ">"}}, None),
        ({"valueCodeableConcept": concept(LOINC, "LA9624-3")}, 2),
        ({"valueCodeableConcept": {"text": "ECOG 1"}}, 1),
        ({"valueString": "1"}, 1),
        ({"valueString": "1-2"}, 2),
        ({"valueString": " ECOG: 0 - 1 "}, 1),
        ({"valueString": "well"}, None),
        ({"valueString": "1 of 5"}, None),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 3}}}, 3),
        ({"interpretation": [concept(LOINC, "LA9625-0")]}, 3),
        ({"valueInteger": 1, "interpretation": [concept(LOINC, "LA9625-0")]}, 3),
        ({"valueInteger": 3, "interpretation": [concept(LOINC, "LA9623-5")]}, 3),
        ({}, None),
    ],
)
def test_an_ecog_score_in_any_form(value, score):
    facts = read(ecog(**value))
    assert [item.score for item in facts.performance] == [score]
    assert (facts.performance[0].problem is None) == (score is not None)


def test_a_score_that_its_interpretation_contradicts_is_noted():
    mild, severe = ([concept(LOINC, code)] for code in ("LA9623-5", "LA9625-0"))
    assert read(ecog(valueInteger=1, interpretation=mild)).data_quality == ()
    assert read(ecog(interpretation=severe)).data_quality == ()
    (note,) = read(ecog(valueInteger=1, interpretation=severe)).data_quality
    assert note.problem == "the ECOG score and its interpretation disagree; the worse one counts"


@pytest.mark.parametrize(
    ("value", "score"),
    [
        ({"valueInteger": 70}, 70),
        ({"valueString": "70 - 80 %"}, 70),
        ({"valueString": "KPS 90%"}, 90),
        ({"valueInteger": 75}, None),
        ({"valueCodeableConcept": concept(LOINC, "LA29176-7")}, 90),
    ],
)
def test_a_karnofsky_score_in_any_form(value, score):
    found = read(observation(concept(LOINC, "89243-0"), **value)).performance
    assert [(item.scale, item.score) for item in found] == [(Scale.KARNOFSKY, score)]


def test_a_score_as_a_component_and_as_a_finding():
    panel = observation(
        concept("urn:local", "panel"), component=[{"code": concept(LOINC, "89247-1"), "valueInteger": 2}]
    )
    assert [item.score for item in read(panel).performance] == [2]
    assert [item.score for item in read(observation(concept(SNOMED, "422512005"))).performance] == [1]
    assert read(observation(concept("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C38144"))).performance == ()


def uses(fact):
    return {meaning.use for meaning in fact.meanings}


def test_stages_and_categories():
    group = observation(concept(LOINC, "21908-9"), "g", valueCodeableConcept=concept("http://cancerstaging.org", "4"))
    m_category = observation(
        concept(SNOMED, "399387003"), "m", valueCodeableConcept=concept(SNOMED, "1229901006"), status="preliminary"
    )
    by_reference = {fact.evidence.reference: fact for fact in read(group, m_category).stages}
    assert uses(by_reference["Observation/g"]) == {"stage-iv"}
    assert uses(by_reference["Observation/m"]) == {"m0"}
    assert by_reference["Observation/m"].preliminary
    assert not by_reference["Observation/g"].preliminary


@pytest.mark.parametrize(
    ("value", "negated"), [({}, False), ({"valueBoolean": True}, False), ({"valueBoolean": False}, True)]
)
def test_a_history_of_metastasis_and_its_denial(value, negated):
    stages = read(observation(concept(SNOMED, "1287652008"), **value)).stages
    assert [(uses(fact), fact.negated) for fact in stages] == [({"m1"}, negated)]


def test_a_date_of_issue_stands_in_for_the_effective_date():
    facts = read(ecog(valueInteger=1, effectiveDateTime=None, issued="2026-10-01T00:00:00Z"))
    assert str(facts.performance[0].date) == "2026-10-01"
    assert len(facts.data_quality) == 1


def test_what_is_no_date_is_none_and_noted():
    facts = read(ecog(valueInteger=1, effectiveDateTime="01/02/2026"))
    assert facts.performance[0].date is None
    assert facts.data_quality[0].problem.startswith("a date in it is not a FHIR date")


def procedure(code, **more):
    return {"resourceType": "Procedure", "id": "pr", "status": "completed", **about(), "code": code, **more}


def test_a_radiotherapy_course_with_its_volume():
    volume = {
        "resourceType": "BodyStructure",
        "id": "v",
        "patient": {"reference": "Patient/p1"},
        "location": concept(SNOMED, "39607008", "Lung structure"),
        "locationQualifier": [LEFT],
    }
    nested = [
        {
            "url": MCODE + "radiotherapy-dose-delivered-to-volume",
            "extension": [{"url": "volume", "valueReference": {"reference": "BodyStructure/v"}}],
        }
    ]
    found = read(
        volume,
        procedure(
            concept(SNOMED, "1217123003"),
            performedPeriod={"start": "2026-01-05", "end": "2026-02"},
            extension=nested,
            reasonReference=[{"reference": "Condition/c1"}],
        ),
        condition(concept(ICD, "C79.31")),
    ).procedures[0]
    assert (str(found.start), str(found.end)) == ("2026-01-05", "2026-02")
    assert found.focus == ("BodyStructure/v",)
    assert [(site.organ, site.side) for site in found.sites] == [("lung", Side.LEFT)]
    assert "secondary-site" in {meaning.concept for meaning in found.reasons}
    assert found.completed


@pytest.mark.parametrize(
    ("status", "count"), [("completed", 1), ("in-progress", 1), ("not-done", 0), ("entered-in-error", 0)]
)
def test_the_status_of_a_procedure(status, count):
    found = read(procedure(concept(SNOMED, "108290001"), status=status, performedDateTime="2026-01-01")).procedures
    assert len(found) == count
    assert all(item.completed == (status == "completed") for item in found)


def test_a_procedure_of_no_table_is_no_fact():
    assert read(procedure(concept(SNOMED, "71651007", "Mammography (procedure)"))).procedures == ()


def report(**more):
    base = {"resourceType": "DiagnosticReport", "id": "dr", "status": "final", **about(), "code": {"text": "report"}}
    return {**base, "effectiveDateTime": "2026-03-01", **more}


PATHOLOGY = {"code": concept(LOINC, "22637-3")}
CYTOLOGY = {"category": [concept("http://terminology.hl7.org/CodeSystem/v2-0074", "CP")]}
MARROW = {"code": concept(LOINC, "33721-2")}


@pytest.mark.parametrize(
    ("more", "malignant"),
    [
        ({"conclusionCode": [concept(ICD, "C78.7")]}, True),
        ({"conclusionCode": [concept(ICD, "C34.1")]}, True),
        ({"conclusionCode": [concept(SNOMED, "260385009")]}, False),
        ({"conclusionCode": [concept(ICD, "Z85.3")]}, None),
        ({"conclusionCode": [concept(ICD, "D05.1")]}, None),
        ({"conclusion": "malignant cells seen"}, None),
        ({}, None),
    ],
)
def test_what_a_pathology_report_concludes(more, malignant):
    assert [item.malignant for item in read(report(**PATHOLOGY, **more)).pathology] == [malignant]


def test_the_kinds_of_report():
    assert not read(report(**PATHOLOGY)).pathology[0].cytology
    assert read(report(**CYTOLOGY)).pathology[0].cytology
    assert read(report(**MARROW)).pathology[0].of_marrow
    assert read(report(code=concept(LOINC, "24627-2"))).pathology == ()


def test_the_site_of_a_specimen():
    specimen = {
        "resourceType": "Specimen",
        "id": "s",
        **about(),
        "collection": {"bodySite": concept(SNOMED, "10200004", "Liver structure")},
    }
    found = read(specimen, report(**PATHOLOGY, specimen=[{"reference": "Specimen/s"}])).pathology[0]
    assert [site.organ for site in found.sites] == ["liver"]


CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


@pytest.mark.parametrize(
    ("extensions", "sex"),
    [
        ([{"url": CORE + "birthsex", "valueCode": "F"}], Sex.FEMALE),
        ([{"url": CORE + "birthsex", "valueCode": "UNK"}], None),
        ([{"url": CORE + "sex", "valueCode": "248153007"}], Sex.MALE),
        ([{"url": CORE + "individual-sex", "valueCoding": {"system": SNOMED, "code": "248152002"}}], Sex.FEMALE),
        ([], None),
    ],
)
def test_birth_sex(extensions, sex):
    person = read(patient(extension=extensions, gender="other")).person
    assert person.birth_sex is sex
    assert person.gender is Sex.OTHER
    assert person.sex is (sex or Sex.OTHER)


def test_a_person():
    person = read(patient(birthDate="1960-02", deceasedDateTime="2026-01-01T10:00:00Z")).person
    assert str(person.birth_date) == "1960-02"
    assert person.deceased is True
    assert str(person.deceased_on) == "2026-01-01"
    assert read(patient()).person.deceased is None
    assert read(patient(deceasedBoolean=False)).person.deceased is False
    assert read(patient(gender="unknown", birthDate="x")).person.sex is None


def test_a_study_subject():
    study = {"resourceType": "ResearchStudy", "id": "s", "identifier": [{"value": "NCT06367972"}]}
    subject = {
        "resourceType": "ResearchSubject",
        "id": "r",
        "status": "on-study",
        "individual": {"reference": "Patient/p1"},
        "study": {"reference": "ResearchStudy/s"},
        "period": {"start": "2026-01-01"},
    }
    found = read(study, subject).subjects[0]
    assert found.study == {"ResearchStudy/s", "NCT06367972"}
    assert (found.status, str(found.date)) == ("on-study", "2026-01-01")
