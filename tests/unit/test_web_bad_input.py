"""Bad input gets an OperationOutcome that says what, where and what to do; never a 5xx, never patient data."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hooks import SERVICE, ask, bundle, call, outcome, patient, problem, settings

from cds_service.web import errors
from cds_service.web.app import create_app

JSON = {"Content-Type": "application/json"}

BODIES = [
    (b"", 400, "truncated"),
    (b"{", 400, "truncated"),
    (b"<html></html>", 400, "malformed"),
    (b"[]", 400, "Expected `object`"),
    (b"null", 400, "Expected `object`"),
    (b'{"hook": "\xff"}', 400, "not UTF-8"),
    (b'{"prefetch":' + b'{"a":' * 50_000, 400, "nested too deep"),
    (json.dumps(call(hook="order-sign")).encode(), 400, "'hook' must be 'patient-view'"),
    (json.dumps(call(hook=None)).encode(), 400, "'hook' must be 'patient-view'"),
    (json.dumps(call(hookInstance=None)).encode(), 400, "'hookInstance' is missing"),
    (json.dumps(call(context=None)).encode(), 400, "'context.patientId' is missing"),
    (json.dumps(call(context={"userId": "Practitioner/1"})).encode(), 400, "'context.patientId' is missing"),
    (json.dumps(call(context={"patientId": "p"})).encode(), 400, "'context.userId' is missing"),
    (json.dumps(call(context={"userId": "Practitioner/1", "patientId": 7})).encode(), 400, "$.context.patientId"),
    (json.dumps(call(context={"userId": "Practitioner/1", "patientId": "../x"})).encode(), 400, "not a FHIR id"),
    (json.dumps(call(context={"userId": "Practitioner/1", "patientId": ".."})).encode(), 400, "not a FHIR id"),
    (json.dumps(call(prefetch=[])).encode(), 400, "$.prefetch"),  # type: ignore[arg-type]
    (json.dumps(call(fhirAuthorization={"access_token": "t"})).encode(), 400, "without 'fhirServer'"),
    (
        json.dumps(call(fhirServer="http://localhost:1/f", fhirAuthorization={"access_token": "a\nb"})).encode(),
        400,
        "no usable bearer token",
    ),
    (
        json.dumps(
            call(fhirServer="http://localhost:1/f", fhirAuthorization={"access_token": "t", "token_type": "mac"})
        ).encode(),
        400,
        "no usable bearer token",
    ),
    (json.dumps(call()).encode(), 412, "prefetch key 'patient'"),
    (json.dumps(call(prefetch={"patient": None})).encode(), 412, "prefetch key 'patient'"),
    (json.dumps(call(prefetch={"patient": outcome()})).encode(), 412, "prefetch key 'patient'"),
    (json.dumps(call(prefetch={"patient": patient("somebody-else")})).encode(), 412, "prefetch key 'patient'"),
    (json.dumps(call(prefetch={"patient": bundle()})).encode(), 412, "prefetch key 'patient'"),
]


@pytest.mark.parametrize(("body", "status", "says"), BODIES)
def test_a_bad_body_is_explained(body: bytes, status: int, says: str) -> None:
    response = ask("POST", SERVICE, content=body, headers=JSON)
    assert response.status_code == status
    assert says in problem(response)
    assert response.headers["content-type"] == "application/fhir+json"
    OperationOutcome.model_validate(response.json())


def test_a_body_that_names_the_patient_is_not_repeated() -> None:
    body = json.dumps({"hook": "patient-view", "hookInstance": "x", "context": {"patientId": "Erika Mustermann"}})
    response = ask("POST", SERVICE, content=body, headers=JSON)
    assert response.status_code == 400
    assert "Erika" not in response.text


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/a"])
def test_another_media_type_is_refused(media: str) -> None:
    response = ask("POST", SERVICE, content=json.dumps(call()), headers={"Content-Type": media})
    assert response.status_code == 415
    assert "application/json" in problem(response)


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "application/fhir+json", ""])
def test_json_under_any_of_its_names_is_read(media: str) -> None:
    headers = {"Content-Type": media} if media else {}
    response = ask("POST", SERVICE, content=json.dumps(call(prefetch={"patient": patient()})), headers=headers)
    assert response.status_code == 200


def test_a_compressed_body_is_refused() -> None:
    response = ask("POST", SERVICE, content=b"\x1f\x8b", headers=JSON | {"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_an_unknown_service_is_not_found_before_its_body_is_read() -> None:
    response = ask("POST", "/cds-services/other", content=b"{", headers=JSON)
    assert response.status_code == 404
    assert "extend-op-patient-view" in problem(response)


def test_an_unknown_path_points_to_discovery() -> None:
    response = ask("GET", "/cds-service")
    assert response.status_code == 404
    assert "/cds-services" in problem(response)


def test_a_wrong_method_is_an_outcome_too() -> None:
    response = ask("GET", SERVICE)
    assert response.status_code == 405
    assert problem(response)


@pytest.fixture(scope="module")
def small() -> FastAPI:
    return create_app(settings(max_body_bytes=1000))


@pytest.mark.parametrize(("size", "status"), [(1000, 412), (1001, 413)])
def test_the_limit_holds_to_the_byte(small: FastAPI, size: int, status: int) -> None:
    body = json.dumps(call()).encode()
    padded = body + b" " * (size - len(body))
    assert ask("POST", SERVICE, to=small, content=padded, headers=JSON).status_code == status


def test_the_limit_holds_for_a_body_of_unannounced_length(small: FastAPI) -> None:
    async def parts():  # type: ignore[no-untyped-def]
        for _ in range(30):
            yield b" " * 100

    response = ask("POST", SERVICE, to=small, content=parts(), headers=JSON)
    assert response.status_code == 413
    assert "CDS_MAX_BODY_BYTES" in problem(response)


PROXY_HEADERS = [
    "Forwarded",
    "Via",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-Host",
    "X-Original-URL",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "X-Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
]


@pytest.mark.parametrize("header", PROXY_HEADERS)
def test_a_call_through_a_proxy_is_refused(header: str) -> None:
    response = ask("POST", SERVICE, content=json.dumps(call()), headers=JSON | {header: "192.0.2.1"})
    assert response.status_code == 403
    assert "proxy" in problem(response)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 412), ("::1", 412), ("192.0.2.7", 403), ("10.0.0.4", 403)])
def test_unsigned_calls_come_from_this_machine(host: str, status: int) -> None:
    response = ask("POST", SERVICE, client=(host, 1), content=json.dumps(call()), headers=JSON)
    assert response.status_code == status


def test_a_bug_shows_nothing_of_what_it_says(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    errors.install(app)

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("Erika Mustermann")

    response = ask("GET", "/bug", to=app)
    assert response.status_code == 500
    assert problem(response)
    assert "Erika" not in response.text + caplog.text
    assert "KeyError" in caplog.text
