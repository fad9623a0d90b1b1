"""The synthetic patients are valid FHIR, and the embedded server answers about them as a hospital's would."""

from __future__ import annotations

import socket
import sys
from datetime import date

import httpx
import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service.errors import ConfigurationError, RemoteError
from cds_service.sandbox.loading import load
from cds_service.sandbox.loopback import open_port
from cds_service.sandbox.roster import mcode_examples, sandbox_records, synthetic_patients
from cds_service.sandbox.server import embedded_fhir_server

pytestmark = pytest.mark.integration

TODAY = date(2026, 11, 22)
PATIENTS = {patient.id: patient for patient in synthetic_patients()}


@pytest.fixture(scope="module")
def fhir():
    with (
        embedded_fhir_server(sandbox_records(TODAY)) as base,
        httpx.Client(base_url=base, trust_env=False, timeout=20) as client,
    ):
        yield client


@pytest.mark.parametrize("patient", PATIENTS.values(), ids=PATIENTS)
def test_every_resource_is_valid_r4(patient):
    for resource in patient.resources(TODAY):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_patients_cover_the_seven_types_and_every_status():
    types = {p.document["cancer"]["type"] for p in PATIENTS.values()}
    assert types >= {"sigmoid-colon", "rectum", "kidney-left", "breast-left", "pancreas-head", "bladder", "prostate"}
    assert "oesophagus" in types
    statuses = [p.expected.status for p in PATIENTS.values()]
    assert statuses.count("candidate") == 9
    assert statuses.count("possible") == 7
    assert statuses.count("ineligible") == 15


def test_ineligibles_each_fall_by_another_criterion():
    deciding = [p.expected.deciding[0] for p in PATIENTS.values() if p.expected.status == "ineligible"]
    assert len(deciding) == len(set(deciding))


def test_ids_are_unique_and_short_enough():
    ids = [(r["resourceType"], r["id"]) for p in PATIENTS.values() for r in p.resources(TODAY)]
    assert len(ids) == len(set(ids))
    assert max(len(identity) for _, identity in ids) <= 64


def test_days_count_from_the_day_of_loading():
    def scans(day):
        resources = PATIENTS["sbx-colon-liver"].resources(day)
        return [r["started"][:10] for r in resources if r["resourceType"] == "ImagingStudy"]

    assert scans(date(2026, 11, 22)) == ["2026-11-12", "2026-09-03"]
    assert scans(date(2027, 3, 1)) == ["2027-02-19", "2026-12-11"]


def test_an_age_is_reached_on_the_day_it_says():
    born = PATIENTS["sbx-kidney-seventeen"].resources(TODAY)[0]["birthDate"]
    assert born == "2008-12-02"


def test_the_mcode_examples_keep_their_implausible_value():
    values = [r.get("valueQuantity", {}).get("value") for r in mcode_examples()]
    assert len(values) == 96
    assert max(v for v in values if v is not None) > 1000


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("Patient", 36),
        ("BodyStructure?patient=Patient/sbx-colon-liver", 3),
        ("BodyStructure?patient=Patient/nobody", 0),
        ("BodyStructure?patient=Patient/sbx-colon-liver&location=10200004", 3),
        ("BodyStructure?patient=Patient/sbx-colon-liver&location=39607008", 0),
        ("BodyStructure?patient=Patient/sbx-colon-liver&morphology=86049000", 0),
        ("BodyStructure?identifier=sbx-colon-liver/segment-6", 1),
        ("ImagingStudy?patient=Patient/sbx-pancreas-gilbert&modality=PT", 2),
        ("ImagingStudy?patient=Patient/sbx-pancreas-gilbert&modality=MR", 0),
        ("ImagingStudy?patient=Patient/sbx-bladder-mri&bodysite=12921003", 2),
        ("ResearchSubject?patient=Patient/sbx-colon-liver", 0),
    ],
)
def test_the_server_searches_what_a_chart_needs(fhir, query, total):
    assert fhir.get(query).json()["total"] == total


def test_the_server_refuses_what_is_not_fhir(fhir):
    task = {"resourceType": "Task", "intent": "proposal", "for": {"reference": "Patient/sbx-colon-liver"}}
    assert fhir.post("Task", json=task).status_code == 400
    assert fhir.post("Task", json=task | {"status": "requested"}).status_code == 201


def test_patients_can_be_loaded_on_any_server(fhir):
    patient = {"resourceType": "Patient", "id": "loaded-by-http", "gender": "other"}
    wrong = {"resourceType": "Patient", "id": "wrong", "gender": ["many"]}
    assert load(str(fhir.base_url).rstrip("/"), [patient, wrong]) == 1
    assert fhir.get("Patient/loaded-by-http").json()["gender"] == "other"


def test_a_server_that_is_not_there_is_named():
    free = open_port()
    port = free.getsockname()[1]
    free.close()
    with pytest.raises(RemoteError, match=f"127.0.0.1:{port}"):
        load(f"http://127.0.0.1:{port}/fhir", [{"resourceType": "Patient", "id": "x"}])


def test_stopping_frees_the_port():
    with embedded_fhir_server() as base:
        port = int(base.rsplit(":", 1)[1].split("/")[0])
        assert httpx.get(f"{base}/metadata", trust_env=False).json()["fhirVersion"].startswith("4.0")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_a_configuration_error():
    taken = open_port()
    taken.listen()
    with taken, pytest.raises(ConfigurationError, match="choose another"):
        open_port(taken.getsockname()[1])


def test_without_the_optional_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sekmet.main", None)
    with pytest.raises(ConfigurationError, match=r"cds-service\[sandbox\]"), embedded_fhir_server():
        pass
