"""Drugs, lines of therapy, regimens and statuses read from FHIR as EHRs write them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import Intent, Medication, MedicationSource, PatientFacts, Regimen, TherapyLine
from cds_service.fhir.reading import read_patient

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
SNOMED = "http://snomed.info/sct"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OXALIPLATIN = {"coding": [{"system": RXNORM, "code": "32592"}]}
INTENT = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-procedure-intent"


@cache
def catalog() -> Catalog:
    return load_catalog()


def read(*resources: dict[str, Any]) -> PatientFacts:
    person = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-01-01"}
    return read_patient([person, *resources], catalog())


def given(drug: dict[str, Any] | None = None, kind: str = "MedicationAdministration", **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"resourceType": kind, "id": "m1", "status": "completed"}
    body["subject"] = {"reference": "Patient/p1"}
    if drug is not None:
        body["medicationCodeableConcept"] = drug
    return body | more


def only(*resources: dict[str, Any]) -> Medication:
    (found,) = read(*resources).medications
    return found


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize(
    ("drug", "agents"),
    [
        (OXALIPLATIN, ("oxaliplatin",)),
        (concept(ATC, "L01XA03"), ("oxaliplatin",)),
        (concept(RXNORM, "1001405"), ("docetaxel",)),
        ({"coding": [{"system": "urn:local", "code": "7", "display": "OXALIPLATIN 5 mg/mL inf"}]}, ("oxaliplatin",)),
        ({"text": "Fruquintinib 5 mg capsule"}, ("fruquintinib",)),
        ({"text": "trastuzumab-dkst"}, ("trastuzumab",)),
        ({"text": "FOLFOX"}, ("fluorouracil", "oxaliplatin")),
        (concept(RXNORM, "1670310"), ("trifluridine", "tipiracil")),
    ],
)
def test_a_drug_is_known_by_code_or_by_name(drug: dict[str, Any], agents: tuple[str, ...]) -> None:
    assert set(only(given(drug)).agents) == set(agents)


@pytest.mark.parametrize("drug", [{"text": "lisinopril 10 mg"}, concept(RXNORM, "314076"), None])
def test_a_drug_that_is_no_anticancer_drug_is_no_fact(drug: dict[str, Any] | None) -> None:
    assert read(given(drug)).medications == ()


def test_a_contained_or_referenced_product_is_followed() -> None:
    product = {"resourceType": "Medication", "id": "med1", "code": OXALIPLATIN}
    contained = given(contained=[product], medicationReference={"reference": "#med1"})
    assert only(contained).agents == ("oxaliplatin",)
    assert only(given(medicationReference={"reference": "Medication/med1"}), product).agents == ("oxaliplatin",)
    mixture = {"resourceType": "Medication", "id": "med1", "ingredient": [{"itemCodeableConcept": OXALIPLATIN}]}
    assert only(given(medicationReference={"reference": "Medication/med1"}), mixture).agents == ("oxaliplatin",)
    named = given(medicationReference={"reference": "Medication/gone", "display": "Oxaliplatin"})
    assert only(named).agents == ("oxaliplatin",)


def days(found: Medication) -> tuple[str | None, str | None, bool]:
    return (str(found.start) if found.start else None, str(found.end) if found.end else None, found.ongoing)


def test_when_a_drug_was_given() -> None:
    assert days(only(given(OXALIPLATIN, effectiveDateTime="2026-03-01T10:00:00+01:00"))) == (
        "2026-03-01",
        "2026-03-01",
        False,
    )
    period = {"start": "2026-03-01", "end": "2026-03-05"}
    assert days(only(given(OXALIPLATIN, effectivePeriod=period))) == ("2026-03-01", "2026-03-05", False)
    assert days(only(given(OXALIPLATIN))) == (None, None, False)
    running = given(OXALIPLATIN, status="in-progress", effectivePeriod={"start": "2026-03-01"})
    assert days(only(running)) == ("2026-03-01", None, True)


@pytest.mark.parametrize(
    ("status", "read_as"),
    [("completed", True), ("in-progress", True), ("stopped", True), ("not-done", None), ("entered-in-error", None)],
)
def test_the_status_of_an_administration(status: str, read_as: bool | None) -> None:
    found = read(given(OXALIPLATIN, status=status)).medications
    assert [drug.given for drug in found] == ([] if read_as is None else [read_as])


@pytest.mark.parametrize(
    ("status", "read_as", "ongoing"),
    [
        ("active", True, True),
        ("completed", True, False),
        ("stopped", True, False),
        ("intended", False, False),
        ("not-taken", None, False),
    ],
)
def test_the_status_of_a_statement(status: str, read_as: bool | None, ongoing: bool) -> None:
    statement = given(OXALIPLATIN, "MedicationStatement", status=status, effectivePeriod={"start": "2026-03"})
    found = read(statement).medications
    expected = [] if read_as is None else [(MedicationSource.STATEMENT, read_as, ongoing)]
    assert [(drug.source, drug.given, drug.ongoing) for drug in found] == expected


def test_a_statement_of_a_day_that_still_holds_runs_on() -> None:
    statement = given(OXALIPLATIN, "MedicationStatement", status="active", effectiveDateTime="2026-03-01")
    assert days(only(statement)) == ("2026-03-01", None, True)


def request(**more: Any) -> dict[str, Any]:
    return given(OXALIPLATIN, "MedicationRequest", status="active", intent="order") | more


def test_an_order_is_never_certain_and_never_runs_on() -> None:
    found = only(request(authoredOn="2026-03-01"))
    assert (found.source, found.given, days(found)) == (MedicationSource.REQUEST, False, ("2026-03-01", None, False))


def test_the_days_of_an_order() -> None:
    validity = {"validityPeriod": {"start": "2026-03-02", "end": "2026-06-01"}}
    assert days(only(request(authoredOn="2026-03-01", dispenseRequest=validity)))[:2] == ("2026-03-01", "2026-06-01")
    assert days(only(request(dispenseRequest=validity)))[:2] == ("2026-03-02", "2026-06-01")
    doses = [{"timing": {"repeat": {"boundsPeriod": {"start": "2026-03-03", "end": "2026-04-01"}}}}]
    assert days(only(request(authoredOn="2026-03-01", dosageInstruction=doses)))[:2] == ("2026-03-01", "2026-04-01")


@pytest.mark.parametrize("more", [{"status": "draft"}, {"status": "cancelled"}, {"doNotPerform": True}])
def test_an_order_that_does_not_hold(more: dict[str, Any]) -> None:
    assert read(request(**more)).medications == ()


@pytest.mark.parametrize(
    ("code", "intent", "counts"),
    [("373808002", Intent.CURATIVE, True), ("363676003", Intent.PALLIATIVE, True), ("399707004", None, False)],
)
def test_the_intent_of_treatment(code: str, intent: Intent | None, counts: bool) -> None:
    extension = [{"url": INTENT, "valueCodeableConcept": concept(SNOMED, code)}]
    found = only(given(OXALIPLATIN, extension=extension))
    assert (found.intent, found.counts) == (intent, counts)


def test_adjuvant_as_a_category_is_curative() -> None:
    assert only(given(OXALIPLATIN, category=concept(SNOMED, "373846009"))).intent is Intent.CURATIVE


@pytest.mark.parametrize(
    ("drug", "more", "counts"),
    [
        (OXALIPLATIN, {"dosage": {"route": {"text": "intravenous"}}}, True),
        ({"text": "mitomycin"}, {"dosage": {"route": {"text": "Intravesical"}}}, False),
        ({"text": "methotrexate"}, {"dosage": {"route": {"coding": [{"display": "Intrathecal route"}]}}}, False),
        ({"text": "fluorouracil 5 % topical cream"}, {}, False),
        ({"text": "denosumab"}, {}, False),
        ({"text": "leucovorin"}, {}, False),
        ({"text": "BCG live"}, {}, False),
        ({"text": "methotrexate"}, {"reasonCode": [concept("http://hl7.org/fhir/sid/icd-10-cm", "M06.9")]}, False),
    ],
)
def test_what_never_makes_a_line(drug: dict[str, Any], more: dict[str, Any], counts: bool) -> None:
    assert only(given(drug, **more)).counts is counts


def test_why_a_drug_was_stopped() -> None:
    found = only(given(OXALIPLATIN, status="stopped", statusReason=[concept(SNOMED, "407563006")]))
    assert [reason.use for reason in found.stop_reasons] == ["not_tolerated"]
    ordered = only(request(status="stopped", statusReason=concept(SNOMED, "266721009")))
    assert [reason.use for reason in ordered.stop_reasons] == ["no_response"]


def test_a_drug_whose_record_is_not_at_hand_may_be_a_line() -> None:
    facts = read(given(medicationReference={"reference": "Medication/gone"}, effectiveDateTime="2026-01-05"))
    (found,) = facts.medications
    assert (found.agents, found.given, found.counts) == (("Medication/gone",), False, True)
    assert [note.reference for note in facts.data_quality] == ["MedicationAdministration/m1"]


def test_a_drug_named_by_its_reference_or_at_hand_is_what_it_says() -> None:
    assert read(given(medicationReference={"reference": "Medication/gone", "display": "aspirin"})).medications == ()
    aspirin = {"resourceType": "Medication", "id": "m", "code": {"text": "aspirin"}}
    assert read(given(medicationReference={"reference": "Medication/m"}), aspirin).medications == ()
    by_number = given(medicationReference={"identifier": {"value": "7"}})
    assert only(by_number).agents == ("MedicationAdministration/m1",)


# --- lines and regimens ----------------------------------------------------------------------------

LINE = "https://onconova.github.io/fhir/StructureDefinition/onconova-ext-therapy-line"


def episode(**more: Any) -> dict[str, Any]:
    body = {"resourceType": "EpisodeOfCare", "id": "e1", "status": "finished", "patient": {"reference": "Patient/p1"}}
    return body | more


def line(**more: Any) -> TherapyLine | None:
    found = read(episode(**more)).therapy_lines
    return found[0] if found else None


def test_a_line_of_therapy_by_type_number_and_intent() -> None:
    found = line(
        type=[concept(NCIT, "C133518")],
        period={"start": "2026-01-05", "end": "2026-04-01"},
        extension=[
            {"url": f"{LINE}-number", "valuePositiveInt": 2},
            {"url": f"{LINE}-intent", "valueCodeableConcept": concept(SNOMED, "363676003")},
        ],
    )
    assert found is not None
    assert (found.number, found.intent, str(found.start), str(found.end)) == (
        2,
        Intent.PALLIATIVE,
        "2026-01-05",
        "2026-04-01",
    )


def test_what_makes_an_episode_a_line() -> None:
    number = [{"url": f"{LINE}-number", "valueInteger": 3}]
    assert line(extension=number) is not None
    assert line(type=[concept(NCIT, "C133518")]) is not None
    assert line() is None
    assert line(extension=number, status="planned") is None
    assert line(extension=number, status="entered-in-error") is None


def test_the_intent_of_a_line_in_plain_words() -> None:
    number, intent = {"url": f"{LINE}-number", "valueInteger": 1}, {"url": f"{LINE}-intent", "valueCode": "curative"}
    found = line(extension=[number, intent])
    assert found is not None
    assert found.intent is Intent.CURATIVE


def plan(**more: Any) -> Regimen | None:
    body = {"resourceType": "CarePlan", "id": "cp", "status": "active", "subject": {"reference": "Patient/p1"}}
    found = read(body | more).regimens
    return found[0] if found else None


def test_a_care_plan_that_names_drugs_is_a_regimen() -> None:
    found = plan(title="mFOLFOX6 + bevacizumab", period={"start": "2026-01-05"})
    assert found is not None
    assert set(found.agents) == {"fluorouracil", "oxaliplatin", "bevacizumab"}
    assert str(found.start) == "2026-01-05"
    detail = {"productCodeableConcept": OXALIPLATIN}
    coded = plan(activity=[{"detail": detail}], created="2026-02-01")
    assert coded is not None
    assert (coded.agents, str(coded.start)) == (("oxaliplatin",), "2026-02-01")


def test_other_care_plans_are_none() -> None:
    assert plan(title="Assessment and plan of treatment") is None
    assert plan(title="FOLFOX", status="draft") is None
    assert plan(title="Denosumab every 4 weeks") is None


# --- statuses -----------------------------------------------------------------------------------------


def uses(code: dict[str, Any], **more: Any) -> list[str]:
    body = {"resourceType": "Observation", "id": "o1", "status": "final", "subject": {"reference": "Patient/p1"}}
    found = read(body | {"code": code, "effectiveDateTime": "2026-11-10"} | more).statuses
    return [f"{meaning.concept}:{meaning.use}" for fact in found for meaning in fact.meanings]


STATUS = concept("http://loinc.org", "82810-3")
NURSING = concept(SNOMED, "169750002")


def test_a_status_question_is_read_by_its_answer() -> None:
    assert "lab-answer:pregnant" in uses(STATUS, valueCodeableConcept=concept(SNOMED, "77386006"))
    assert "lab-answer:not_pregnant" in uses(STATUS, valueCodeableConcept=concept("http://loinc.org", "LA26683-5"))
    assert uses(STATUS) == []
    assert uses(STATUS, valueCodeableConcept={"text": "no"}) == []


def test_a_finding_is_read_unless_denied() -> None:
    stated = ["breastfeeding:exclude_if_current"]
    assert uses(NURSING) == stated
    assert uses(NURSING, valueBoolean=True) == stated
    assert uses(NURSING, valueBoolean=False) == []
    assert uses(NURSING, valueString="Yes ") == stated
    assert uses(NURSING, valueString="No") == []
    assert uses(NURSING, valueString="not known") == []
    assert uses(NURSING, valueCodeableConcept=concept("http://loinc.org", "LA6577-6")) == []
    assert uses(NURSING, valueCodeableConcept=concept("http://loinc.org", "LA6576-8")) == stated


def test_a_drug_of_no_row_that_is_named_like_an_anticancer_drug_may_be_one() -> None:
    found = only(given({"text": "Zanidatamab 300 mg infusion"}, effectiveDateTime="2026-01-02"))
    assert (found.agents, found.counts, found.given) == (("zanidatamab",), True, False)
    local = {"coding": [{"system": "urn:local", "code": "7", "display": "ENSARTINIB"}]}
    assert only(given(local, effectiveDateTime="2026-01-02")).agents == ("ensartinib",)


@pytest.mark.parametrize(
    "text", ["adalimumab 40 mg", "Tofacitinib 5 MG", "Dupilumab", "metoprolol", "insulin", "nystatin"]
)
def test_drugs_for_other_diseases_are_none(text: str) -> None:
    assert read(given({"text": text}, effectiveDateTime="2026-01-02")).medications == ()
