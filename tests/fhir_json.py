"""FHIR JSON for tests: small resources of one patient, as dicts and as bytes. Hand-made."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import PatientFacts
from cds_service.fhir.reading import read_patient

SNOMED, LOINC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"


@cache
def catalog() -> Catalog:
    """The shipped mappings, loaded once."""
    return load_catalog()


def concept(system: str, code: str, display: str | None = None, **more: Any) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding], **more}


def patient(identity: str = "p1", **more: Any) -> dict[str, Any]:
    """A Patient."""
    return {"resourceType": "Patient", "id": identity, "gender": "female", "birthDate": "1960-02-03", **more}


def about(identity: str | None = "p1") -> dict[str, Any]:
    """A subject."""
    return {"subject": {"reference": f"Patient/{identity}"}} if identity else {}


def condition(code: dict[str, Any] | None = None, identity: str = "c1", **more: Any) -> dict[str, Any]:
    """A Condition; breast cancer unless another code is given."""
    base = {"resourceType": "Condition", "id": identity, **about(), "code": code or concept(ICD, "C50.9")}
    return {**base, **more}


def observation(code: dict[str, Any], identity: str = "o1", **more: Any) -> dict[str, Any]:
    """A final Observation of 1 November 2026."""
    base = {"resourceType": "Observation", "id": identity, "status": "final", **about(), "code": code}
    return {**base, "effectiveDateTime": "2026-11-01", **more}


def platelets(value: Any = 26, identity: str = "plt", **more: Any) -> dict[str, Any]:
    """A platelet count in 10*3/uL."""
    quantity = {"value": value, "unit": "10*3/uL", "system": "http://unitsofmeasure.org", "code": "10*3/uL"}
    return observation(concept(LOINC, "777-3"), identity, **{"valueQuantity": quantity, **more})


def ecog(identity: str = "ecog", **value: Any) -> dict[str, Any]:
    """An ECOG observation with the value given."""
    return observation(concept(LOINC, "89247-1"), identity, **value)


def bundle(*resources: dict[str, Any], kind: str = "collection", urls: bool = False) -> dict[str, Any]:
    """A Bundle; with `urls` each entry has a fullUrl on one server."""
    entries = []
    for resource in resources:
        url = {"fullUrl": f"https://ehr.example/fhir/{resource['resourceType']}/{resource.get('id')}"} if urls else {}
        entries.append({**url, "resource": resource})
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def as_bytes(value: Any) -> bytes:
    """JSON bytes."""
    return json.dumps(value).encode()


def read(*resources: Any, **how: Any) -> PatientFacts:
    """The facts of a patient (p1 unless one is among the resources) with these resources."""
    named = any(isinstance(item, dict) and item.get("resourceType") == "Patient" for item in resources)
    listed = list(resources) if named else [patient(), *resources]
    return read_patient([as_bytes(item) for item in listed], catalog(), **how)
