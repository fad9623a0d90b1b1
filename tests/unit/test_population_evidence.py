"""What the nightly run takes for evidence of cancer: spelled alike, yet not the same."""

from __future__ import annotations

from fhir_json import as_bytes, catalog, concept, condition

from cds_service.population.evidence import Evidence

WHO, GERMAN = "http://hl7.org/fhir/sid/icd-10", "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"


def test_a_diagnosis_excluded_by_its_letter_does_not_hide_the_same_one_that_holds() -> None:
    evidence = Evidence(catalog())
    excluded = condition(concept(WHO, "C50.9"), extension=[{"url": GERMAN, "valueCode": "A"}])
    assert not evidence.tells("Condition", as_bytes(excluded))
    assert evidence.tells("Condition", as_bytes(condition(concept(WHO, "C50.9"))))


def test_other_editions_and_unknown_systems_are_evidence() -> None:
    evidence = Evidence(catalog())
    assert evidence.tells("Condition", as_bytes(condition(concept(WHO, "C34.1"))))
    assert evidence.tells("Condition", as_bytes(condition(concept("urn:oid:1.2.3", "C50.9"))))
    assert evidence.tells("Condition", as_bytes(condition(concept("urn:oid:1.2.3", "C79.3"))))
    assert not evidence.tells("Condition", as_bytes(condition(concept(WHO, "I10"))))
