"""The service in processes of its own, a real FHIR server beside it, both on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fitting import drafts, drug, scan
from hook_rules import Exchange, violations
from hooks import SERVICE, call, problem

from cds_service import clock
from cds_service.fhir.pages import RESOURCE_TYPES
from cds_service.sandbox.roster import PHYSICIAN, sandbox_records, synthetic_patients
from cds_service.sandbox.server import embedded_fhir_server

pytestmark = pytest.mark.integration

FITTING = "sbx-colon-liver"
START = (
    "from cds_service.web.app import serve; from cds_service.config import read_settings; serve(read_settings(), {})"
)


@contextmanager
def served(log: Path, workers: int, **environment: str) -> Iterator[str]:
    """The address of the service, run as an operator would run it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"CDS_DATABASE_URL": f"sqlite:///{log.parent}/ledger.sqlite"} | environment
    command = [sys.executable, "-c", START.format(f"'127.0.0.1', {port}, workers={workers}")]
    with log.open("wb") as written:
        process = subprocess.Popen(command, stderr=written, env=os.environ | environment, cwd=log.parent)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(log.read_text())


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    with embedded_fhir_server(sandbox_records(clock.today())) as base:
        yield base


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served") / "log.txt"


@pytest.fixture(scope="module")
def service(log: Path) -> Iterator[str]:
    database = f"sqlite:///{log.parent / 'ledger.sqlite'}"
    with served(log, 2, CDS_HOOK_DEADLINE_SECONDS="20", CDS_DATABASE_URL=database) as address:
        yield address


def ask(service: str, **body: Any) -> httpx.Response:
    context = {"userId": "Practitioner/dr", "patientId": FITTING}
    answer = httpx.post(f"{service}{SERVICE}", json=call(**({"context": context} | body)), timeout=30)
    exchange = Exchange("POST", SERVICE, answer.status_code, dict(answer.headers), answer.content)
    assert violations(exchange) == []
    return answer


def filled(service: str, fhir: str) -> dict[str, Any]:
    """The advertised prefetch, filled in as an EHR would."""
    listed = httpx.get(f"{service}/cds-services").json()["services"]
    offered = next(one for one in listed if one["hook"] == "patient-view")
    templates = {key: text.replace("{{context.patientId}}", FITTING) for key, text in offered["prefetch"].items()}
    found = {}
    for key, query in templates.items():
        answer = httpx.get(f"{fhir}/{query}", headers={"Prefer": "handling=strict"}, timeout=30)
        assert answer.status_code == 200, (key, answer.text[:300])
        found[key] = answer.json()
    return found


def test_the_advertised_templates_bring_this_patient_and_nobody_else(service: str, fhir: str) -> None:
    prefetch = filled(service, fhir)
    assert prefetch["patient"]["id"] == FITTING
    wanted = {kind.value: name for kind, name in RESOURCE_TYPES.items()}
    for key, found in prefetch.items():
        for entry in found.get("entry", []):
            assert entry["resource"]["resourceType"] == wanted[key]
            assert f"Patient/{FITTING}" in json.dumps(entry["resource"])
    assert len(prefetch["observations"]["entry"]) > 5
    assert len(prefetch["imaging"]["entry"]) >= 2


def test_prefetch_and_fetching_give_the_same_card(service: str, fhir: str) -> None:
    by_prefetch = ask(service, prefetch=filled(service, fhir), fhirServer=fhir)
    by_fetching = ask(service, fhirServer=fhir)
    assert by_prefetch.status_code == by_fetching.status_code == 200
    (card,) = by_prefetch.json()["cards"]
    assert card["summary"].startswith("EXTEND-OP trial: 2 progressing lesions, may fit until ")
    assert by_fetching.json() == by_prefetch.json()


HALF_LABS, OLD_SCAN = "sbx-prostate-half-labs", "sbx-colon-old-scan"


@pytest.mark.parametrize("patient", [HALF_LABS, OLD_SCAN])
@pytest.mark.parametrize("hook", ["patient-view", "encounter-start", "order-sign"])
def test_everything_a_card_suggests_is_accepted_by_the_fhir_server(
    service: str, fhir: str, patient: str, hook: str
) -> None:
    visit = {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    encounter = httpx.post(f"{fhir}/Encounter", json=visit, timeout=30).json()["id"]
    context = {"userId": f"Practitioner/{PHYSICIAN}", "patientId": patient, "encounterId": encounter}
    if hook == "order-sign":
        context["draftOrders"] = drafts(drug(), scan())
    sent = call(hook=hook, context=context, fhirServer=fhir)
    (card,) = httpx.post(f"{service}/cds-services/extend-op-{hook}", json=sent, timeout=30).json()["cards"]
    assert len(card["suggestions"]) == 2
    for suggestion in card["suggestions"]:
        for action in suggestion["actions"]:
            resource = action["resource"]
            created = httpx.post(f"{fhir}/{resource['resourceType']}", json=resource, timeout=30)
            assert created.status_code == 201, created.text
            stored = httpx.get(created.headers["location"].split("/_history")[0], timeout=30).json()
            assert {name: stored[name] for name in resource} == resource


def test_the_workers_share_what_was_shown_and_put_away(service: str, fhir: str) -> None:
    """Two worker processes: whichever answers, the same card, and silence after a refusal."""
    patient = "sbx-kidney-nodes"
    sent = call(context={"userId": "Practitioner/dr", "patientId": patient}, fhirServer=fhir)

    def cards() -> list[dict[str, Any]]:
        return httpx.post(f"{service}{SERVICE}", json=sent, timeout=30).json()["cards"]  # type: ignore[no-any-return]

    shown = [cards()[0]["uuid"] for _ in range(6)]
    assert len(set(shown)) == 1
    reason = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}
    outcome = {"card": shown[0], "outcome": "overridden", "overrideReason": {"reason": reason}}
    told = httpx.post(f"{service}{SERVICE}/feedback", json={"feedback": [outcome]}, timeout=30)
    assert (told.status_code, told.content) == (200, b"")
    assert [cards() for _ in range(6)] == [[]] * 6


def test_the_suggested_task_is_accepted_by_the_fhir_server(service: str, fhir: str) -> None:
    (card,) = ask(service, fhirServer=fhir).json()["cards"]
    task = card["suggestions"][0]["actions"][0]["resource"]
    del task["requester"]  # the practitioner of the test is not on that server
    created = httpx.post(f"{fhir}/Task", json=task, timeout=30)
    assert created.status_code == 201, created.text
    found = httpx.get(f"{fhir}/Task", params={"patient": f"Patient/{FITTING}"}, timeout=30).json()
    assert [entry["resource"]["status"] for entry in found["entry"]] == ["requested"]


def test_a_patient_nobody_has_is_said_to_be_missing(service: str, fhir: str) -> None:
    answer = ask(service, fhirServer=fhir, context={"userId": "Practitioner/dr", "patientId": "nobody"})
    assert answer.status_code == 412
    assert "prefetch key 'patient'" in problem(answer)


def test_a_server_that_is_not_there_is_no_reason_to_fall_silent_about_it(service: str) -> None:
    answer = ask(service, fhirServer="http://127.0.0.1:9/fhir")
    assert answer.status_code == 412
    assert "could not be reached" in problem(answer)


def test_the_log_holds_numbers_and_no_patient(service: str, fhir: str, log: Path) -> None:
    ask(service, fhirServer=fhir, fhirAuthorization={"access_token": "s3cret-token", "token_type": "Bearer"})
    written = log.read_text()
    assert "hook service=extend-op-patient-view status=200" in written
    assert "s3cret-token" not in written
    assert FITTING not in written
    for patient in synthetic_patients():
        resources = patient.resources(clock.today())
        person = next(resource for resource in resources if resource["resourceType"] == "Patient")
        for secret in (person.get("birthDate"), *(name.get("family") for name in person.get("name", []))):
            assert not secret or secret not in written


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_another_address_is_refused_and_the_setting_named(host: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START.format(f"{host!r}, 0")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert done.returncode != 0
    assert "CDS_TRUSTED_CLIENTS" in done.stderr
