"""What is remembered from spellings: bounded, apart for each catalog, and never in the way of an odd value."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import PatientFacts
from cds_service.fhir import remembering
from cds_service.fhir.reading import read_patient
from cds_service.fhir.remembering import Remembered

PERSON = {"resourceType": "Patient", "id": "p1"}


@cache
def catalog() -> Catalog:
    return load_catalog()


def platelets(ref: str, value: float = 200, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": ref,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "777-3"}]},
        "effectiveDateTime": "2026-11-10",
        "valueQuantity": {"value": value, "code": "10*3/uL"},
        **more,
    }


def read(*resources: dict[str, Any]) -> PatientFacts:
    return read_patient([msgspec.json.encode(resource) for resource in (PERSON, *resources)], catalog())


def limits(high: float | str, **more: Any) -> list[dict[str, Any]]:
    return [{"high": {"value": high, "code": "10*3/uL"}, **more}]


def test_what_is_remembered_is_emptied_before_it_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "_REMEMBERED", 3)
    answers: dict[str, int] = {}
    for number in range(10):
        assert Remembered.keep(answers, str(number), number) == number
        assert len(answers) <= 3


def test_each_catalog_has_answers_of_its_own() -> None:
    remembered: Remembered[str, int] = Remembered()
    other = msgspec.structs.replace  # any other object would do; catalogs are told apart by identity
    Remembered.keep(remembered.of(catalog()), "a", 1)
    assert remembered.of(catalog()) == {"a": 1}
    assert remembered.of(other) == {}  # type: ignore[arg-type]


def test_results_of_one_code_keep_each_its_own_limits_and_units() -> None:
    found = read(
        platelets("o1", referenceRange=limits(400)),
        platelets("o2", referenceRange=limits(450)),
        platelets("o3", referenceRange=limits(400)),
        platelets("o4", valueQuantity={"value": 200000, "code": "/uL"}, referenceRange=limits(400)),
        platelets("o5", referenceRange=[{"high": {"value": 400}}]),
        platelets("o6", valueQuantity={"value": 200000, "code": "/uL"}, referenceRange=[{"high": {"value": 400000}}]),
    )
    highs = {lab.evidence.reference: [limit.high for limit in lab.ranges] for lab in found.labs}
    assert highs == {
        "Observation/o1": [400000],
        "Observation/o2": [450000],
        "Observation/o3": [400000],
        "Observation/o4": [400000],
        "Observation/o5": [400000],
        "Observation/o6": [400000],
    }
    assert {lab.value for lab in found.labs} == {Decimal(200000)}


def test_a_limit_that_is_a_signaling_nan_is_no_limit() -> None:
    (lab,) = read(platelets("o1", referenceRange=limits("sNaN"))).labs
    assert lab.value == 200000
    assert [limit.high for limit in lab.ranges] == []


def test_a_signaling_nan_in_an_extension_of_a_code_disturbs_nothing() -> None:
    odd = [{"url": "http://x", "valueQuantity": {"value": "sNaN"}}]
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "363406005"}], "extension": odd}
    diagnosis = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "code": code,
        "clinicalStatus": {"coding": [{"code": "active"}], "extension": odd},
        "verificationStatus": {"coding": [{"code": "confirmed"}], "extension": odd},
        "category": [{"text": "problem", "extension": odd}],
    }
    drug = {
        "resourceType": "MedicationAdministration",
        "id": "m1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "oxaliplatin", "extension": odd},
        "effectiveDateTime": "2026-01-01",
        "extension": [{"url": "http://x/procedure-intent", "valueQuantity": {"value": "sNaN"}}],
    }
    study = {
        "resourceType": "ImagingStudy",
        "id": "i1",
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "procedureCode": [{"text": "CT chest", "extension": odd}],
    }
    found = read(diagnosis, drug, study, platelets("o1", code={**platelets("o1")["code"], "extension": odd}))
    assert [len(kind) for kind in (found.conditions, found.medications, found.imaging, found.labs)] == [1, 1, 1, 1]


def test_what_is_odd_leaves_the_clean_resources_beside_it_as_they_are() -> None:
    clean = read(platelets("o1"), platelets("o2", 150))
    beside = read(platelets("o1"), platelets("o2", 150), {**platelets("o3"), "status": 7})
    assert [lab for lab in beside.labs if lab.evidence.reference != "Observation/o3"] == list(clean.labs)
    assert [note.reference for note in beside.data_quality] == ["Observation/o3"]


def test_of_a_resource_that_comes_twice_the_version_last_updated_counts() -> None:
    def version(value: float, day: str, **more: Any) -> dict[str, Any]:
        return platelets("o1", value, meta={"lastUpdated": f"2026-11-{day}T00:00:00Z"}, **more)

    old, new = version(150, "10"), version(250, "12")
    odd = {**version(300, "14"), "category": {"text": "lone"}, "note": 5}
    for order in ((old, new), (new, old), (old, new, old)):
        assert [lab.value for lab in read(*order).labs] == [250000]
    for order in ((old, odd), (odd, old), (old, new, odd)):
        assert [lab.value for lab in read(*order).labs] == [300000]


def test_a_resource_is_found_by_its_name_whatever_the_fullurls_are() -> None:
    def facts(*urls: str) -> PatientFacts:
        structure = {
            "resourceType": "BodyStructure",
            "id": "b1",
            "patient": {"reference": "Patient/p1"},
            "morphology": {"text": "Neoplasm"},
            "location": {"text": "Liver"},
        }
        size = {
            **platelets("o1"),
            "code": {"coding": [{"system": "http://loinc.org", "code": "21889-1"}]},
            "valueQuantity": {"value": 21, "code": "mm"},
            "focus": [{"reference": urls[-1]}],
        }
        bundles = [
            {"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": resource}]}
            for url, resource in zip(urls, (PERSON, structure, size), strict=False)
        ]
        return read_patient([msgspec.json.encode(bundle) for bundle in bundles], catalog(), patient="p1")

    base = "http://ehr.example/fhir"
    for urls in (
        (f"{base}/Patient/p1", f"{base}/BodyStructure/b1", f"{base}/Observation/o1", "BodyStructure/b1"),
        (f"{base}/Patient/p1", f"{base}/BodyStructure/b1", f"{base}/Observation/o1", f"{base}/BodyStructure/b1"),
        (f"{base}/Patient/p1", "urn:uuid:7c4b", f"{base}/Observation/o1", "urn:uuid:7c4b"),
        (f"{base}/Patient/p1", f"{base}/BodyStructure/other", f"{base}/Observation/o1", f"{base}/BodyStructure/other"),
    ):
        (reading,) = facts(*urls).measurements
        assert reading.lesion == "BodyStructure/b1"
