"""Signed calls over HTTP: what is answered, what is refused, and how little is said about why."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from fastapi import FastAPI
from hooks import AS_OF, ask, bundle, call, patient, problem, settings
from signing import (
    ENDPOINT,
    ISSUER,
    JKU,
    NOW,
    PATH,
    PUBLIC,
    bearer,
    claims,
    clients_file,
    ec_key,
    header,
    public,
    sign,
)

from cds_service.cds.answering import Asker, patient_key
from cds_service.cds.wire import HookCall
from cds_service.fhir.servers import AllowedServers
from cds_service.screening.entries import PatientKey, System
from cds_service.web.app import create_app

JSON = {"Content-Type": "application/json"}
FEEDBACK = f"{PATH}/feedback"


def signed_app(folder: Path, now: datetime = NOW, changed: dict[str, Any] | None = None, **entry: Any) -> FastAPI:
    """The app of a service that trusts the EHR."""
    path = clients_file(folder, **entry)
    ours = settings(**({"trusted_clients": path, "public_url": PUBLIC} | (changed or {})))
    return create_app(ours, today=lambda: AS_OF, now=lambda: now)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return signed_app(tmp_path_factory.mktemp("trust"), cors_origins=["https://ehr.example"])


def fire(app: FastAPI, token: str | None = None, body: Any = None, **more: Any) -> httpx.Response:
    """A patient-view call, from another machine."""
    headers = JSON | (bearer(sign(claims()) if token is None else token))
    given = call(prefetch={"patient": patient()}) if body is None else body
    return ask("POST", PATH, to=app, client=("192.0.2.9", 1), headers=headers, content=json.dumps(given), **more)


def metric(app: FastAPI, name: str) -> float:
    text = ask("GET", "/metrics", to=app).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_signed_call_from_anywhere_is_answered_once(app: FastAPI) -> None:
    token = sign(claims())
    assert fire(app, token).status_code == 200
    assert fire(app, token).status_code == 401


def test_discovery_and_feedback_are_signed_too(app: FastAPI) -> None:
    listing = sign(claims(aud=f"{PUBLIC}/cds-services"))
    assert ask("GET", "/cds-services", to=app, headers=bearer(listing)).status_code == 200
    told = {"feedback": []}
    for path, method, body in (("/cds-services", "GET", None), (FEEDBACK, "POST", told)):
        content = None if body is None else json.dumps(body)
        assert ask(method, path, to=app, headers=JSON, content=content).status_code == 401
        wrong = JSON | bearer(sign(claims(aud=ENDPOINT)))
        assert ask(method, path, to=app, headers=wrong, content=content).status_code == 401
    right = JSON | bearer(sign(claims(aud=f"{PUBLIC}{FEEDBACK}")))
    assert ask("POST", FEEDBACK, to=app, headers=right, content=json.dumps(told)).status_code == 200


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (lambda: "", "no_token"),
        (lambda: sign(claims(exp=1)), "expired"),
        (lambda: sign(claims(), key=ec_key("stolen")), "signature"),
        (lambda: sign(claims(iss="https://evil.example")), "issuer"),
    ],
)
def test_a_refusal_is_bare_and_its_reason_counted(
    app: FastAPI, token: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = f'cds_refused_calls_total{{reason="{reason}"}}'
    before, text = metric(app, name), token()
    answer = fire(app, text)
    assert answer.status_code == 401
    assert answer.content == b""
    assert answer.headers["www-authenticate"] == "Bearer"
    assert metric(app, name) == before + 1
    assert not text or text not in caplog.text


def test_a_refused_call_is_not_read(app: FastAPI) -> None:
    answer = ask("POST", PATH, to=app, headers=JSON, content=b"{" * 100_000)
    assert answer.status_code == 401


def test_loopback_and_proxies_are_no_reason_either_way(app: FastAPI) -> None:
    assert ask("POST", PATH, to=app, headers=JSON, content=json.dumps(call())).status_code == 401
    through = JSON | bearer(sign(claims())) | {"X-Forwarded-For": "192.0.2.1", "Host": "cds.example"}
    body = json.dumps(call(prefetch={"patient": patient()}))
    assert ask("POST", PATH, to=app, headers=through, content=body).status_code == 200


def test_a_flood_of_refused_calls_is_counted_and_does_not_fill_the_audit(tmp_path: Path) -> None:
    app = signed_app(tmp_path, changed={"database_url": "memory:"})
    for _ in range(200):
        assert fire(app, "").status_code == 401
    assert fire(app).status_code == 200
    assert metric(app, 'cds_refused_calls_total{reason="no_token"}') == 200
    found = [entry["resource"]["outcomeDesc"] for entry in ask("GET", "/api/audit", to=app).json()["entry"]]
    assert found[0] == "The call was refused: 401"
    assert found[-1] == "No card was shown: NOT_ESTABLISHED"
    assert 60 <= len(found) < 100


def test_the_host_header_does_not_make_an_audience(app: FastAPI) -> None:
    headers = JSON | bearer(sign(claims(aud=f"https://evil.example{PATH}"))) | {"Host": "evil.example"}
    assert ask("POST", PATH, to=app, headers=headers, content=json.dumps(call())).status_code == 401


def test_a_preflight_needs_no_token_and_only_listed_origins_pass(app: FastAPI) -> None:
    def preflight(origin: str) -> httpx.Response:
        wanted = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        return ask("OPTIONS", PATH, to=app, headers=wanted)

    allowed = preflight("https://ehr.example")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://ehr.example"
    for origin in ("https://evil.example", "http://localhost:3000", "https://ehr.example.evil.example", "null"):
        assert "access-control-allow-origin" not in preflight(origin).headers


def test_too_many_calls_are_sent_away_and_may_come_again(tmp_path: Path) -> None:
    app = signed_app(tmp_path, calls_per_minute=2)
    assert [fire(app).status_code for _ in range(2)] == [200, 200]
    token = sign(claims())
    refused = fire(app, token)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert problem(refused)
    assert fire(app, token).status_code == 429  # not used up: the same token may be sent again
    assert fire(app, sign(claims(), key=ec_key("stolen"))).status_code == 401  # and no one else spends the calls


def test_a_token_is_good_for_one_worker_only(tmp_path: Path) -> None:
    database = {"database_url": f"sqlite:///{tmp_path}/ledger.sqlite"}
    workers = [signed_app(tmp_path, changed=database) for _ in range(2)]
    token = sign(claims())
    assert [fire(worker, token).status_code for worker in workers] == [200, 401]


FHIR_SERVERS = [
    # None of these is in the EHR's entry, whatever it looks like.
    "https://evil.example/fhir",
    "http://ehr.example/fhir",
    "https://ehr.example/",
    "https://ehr.example/fhir/../admin",
    "https://ehr.example/fhir/%2e%2e/admin",
    "https://ehr.example/fhir?x=1",
    "https://ehr.example/fhir#x",
    "https://ehr.example:8443/fhir",
    "https://ehr.example.evil.example/fhir",
    "https://ehr.example@evil.example/fhir",
    "https://user:pass@ehr.example/fhir",
    "https://ehr.example\\@evil.example/fhir",
    "https://ehr.example%40evil.example/fhir",
    "https://ehr.example/fhir\t.evil.example",
    "https://evil.example/https://ehr.example/fhir",
    "//ehr.example/fhir",
    "ehr.example/fhir",
    "http://127.0.0.1/fhir",
    "http://127.0.0.1:8000/cds-services",
    "http://127.1/fhir",
    "http://2130706433/fhir",
    "http://0x7f000001/fhir",
    "http://0177.0.0.1/fhir",
    "http://0.0.0.0/fhir",
    "http://[::1]/fhir",
    "http://[::]/fhir",
    "http://[::ffff:127.0.0.1]/fhir",
    "http://localhost/fhir",
    "http://localhost:8080/fhir",
    "http://localhost./fhir",
    "http://localhost.localdomain/fhir",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/fhir",
    "http://[fd00:ec2::254]/latest",
    "http://metadata.google.internal/computeMetadata/v1",
    "http://100.100.100.200/latest",
    "http://10.0.0.1/fhir",
    "http://192.168.0.1/fhir",
    "file:///etc/passwd",
    "ftp://ehr.example/fhir",
    "gopher://127.0.0.1:6379/_SET",
    "unix:///run/docker.sock",
    "data:application/json,{}",
    "https://еhr.example/fhir",
    "http:///fhir",
    "https://[::1/fhir",
]


@pytest.mark.parametrize("server", FHIR_SERVERS)
def test_a_server_of_no_entry_is_never_asked(app: FastAPI, server: str) -> None:
    body = call(fhirServer=server, fhirAuthorization={"access_token": "s3cret", "token_type": "Bearer"})
    with respx.mock(assert_all_called=False) as web:
        anywhere = web.route()
        answer = fire(app, body=body)
    assert answer.status_code == 412
    assert not anywhere.called
    assert "s3cret" not in answer.text


def test_there_are_enough_attempts() -> None:
    assert len(set(FHIR_SERVERS)) >= 30


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/fhir?page=2",
        "http://ehr.example/fhir?page=2",
        "https://ehr.example:8443/fhir?page=2",
        "https://x@ehr.example/fhir?page=2",
        "http://169.254.169.254/",
        "//evil.example/fhir",
    ],
)
def test_the_entrys_server_is_asked_and_does_not_lead_elsewhere(app: FastAPI, elsewhere: str) -> None:
    body = call(fhirServer=ISSUER, fhirAuthorization={"access_token": "s3cret", "token_type": "Bearer"})
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        assert request.headers["authorization"] == "Bearer s3cret"
        match request.url.path.rpartition("/")[2]:
            case "p":
                return httpx.Response(200, json=patient())
            case "Condition":
                return httpx.Response(200, json=bundle(next_page=elsewhere))
            case "Procedure":
                return httpx.Response(307, headers={"Location": elsewhere})
            case _:
                return httpx.Response(200, json=bundle())

    with respx.mock() as web:
        web.route().mock(side_effect=serve)
        answer = fire(app, body=body)
    assert answer.status_code == 200
    assert len(asked) >= 8
    assert all(url.startswith(f"{ISSUER}/") for url in asked)


@pytest.mark.parametrize(
    ("server", "base"),
    [
        (ISSUER, ISSUER),
        ("https://EHR.example:443/fhir/", ISSUER),
        ("https://other-hospital.example/fhir", "https://north.example"),
        (None, "https://north.example"),
    ],
)
def test_a_patient_belongs_to_a_server_the_caller_may_point_to(server: str | None, base: str) -> None:
    asker = Asker(System("https://north.example"), AllowedServers([ISSUER], loopback=False))
    asked = HookCall(**(dict.fromkeys(HookCall.__struct_fields__) | {"patient_id": "p", "fhir_server": server}))
    assert patient_key(asked, asker) == PatientKey(base, "p")


def test_keys_are_fetched_from_the_listed_place_and_a_new_one_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cds_service.cds.keys.FLOOR_SECONDS", 0.0)
    app = signed_app(tmp_path, jwks=None, jku=JKU)
    with respx.mock(assert_all_called=False) as web:
        keys = web.get(JKU).mock(return_value=httpx.Response(200, json=public(ec_key())))
        evil = web.get("https://evil.example/jwks.json").mock(
            return_value=httpx.Response(200, json=public(ec_key("mine")))
        )
        assert fire(app).status_code == 200
        assert fire(app).status_code == 200
        assert keys.call_count == 1
        mine = sign(claims(), header(kid="mine", jku="https://evil.example/jwks.json"), ec_key("mine"))
        assert fire(app, mine).status_code == 401
        assert not evil.called
        keys.mock(return_value=httpx.Response(200, json=public(ec_key("new"))))
        assert fire(app, sign(claims(), header(kid="new"), ec_key("new"))).status_code == 200
        keys.mock(side_effect=httpx.ConnectError("away"))
        assert fire(app, sign(claims(), header(kid="new"), ec_key("new"))).status_code == 200
        assert fire(app).status_code == 401  # taken back


def test_metrics_say_nothing_of_patients(app: FastAPI) -> None:
    fire(app, body=call(prefetch={"patient": patient("erika", name=[{"family": "Mustermann"}])}))
    answer = ask("GET", "/metrics", to=app, client=("192.0.2.9", 1))
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    assert metric(app, 'cds_requests_total{service="extend-op-patient-view",status="200"}') >= 1
    assert metric(app, 'cds_request_seconds_count{service="extend-op-patient-view"}') >= 1
    for word in ("erika", "Mustermann", "Practitioner/dr", ISSUER, "token-"):
        assert word not in text


@pytest.mark.parametrize("lines", [("clients: []",), ("clients:", "- issuer: x", "  algorithms: [none]")])
def test_the_service_does_not_start_without_knowing_whom_to_trust(tmp_path: Path, lines: tuple[str, ...]) -> None:
    path = clients_file(tmp_path, *lines)
    program = Path(sys.executable).with_name("cds-service")
    environment = {
        "CDS_TRUSTED_CLIENTS": str(path),
        "CDS_PUBLIC_URL": PUBLIC,
        "CDS_DATABASE_URL": f"sqlite:///{tmp_path}/x",
    }
    for workers in ("1", "2"):
        done = subprocess.run(
            [program, "serve", "--host", "0.0.0.0", "--port", "0", "--workers", workers],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert "CDS_TRUSTED_CLIENTS" in done.stderr
        assert "clients.yaml:" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1", "192.0.2.1"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/cds-services"), ("POST", PATH), ("POST", FEEDBACK), ("GET", "/metrics")]
)
def test_unsigned_calls_under_another_name_are_refused(host: str, method: str, path: str) -> None:
    content = json.dumps(call(prefetch={"patient": patient()}) | {"feedback": []}) if method == "POST" else None
    assert ask(method, path, headers=JSON | {"Host": host}, content=content).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "[::1]:8000", "LOCALHOST"])
def test_unsigned_calls_under_a_loopback_name_are_answered(host: str) -> None:
    assert ask("GET", "/cds-services", headers={"Host": host}).status_code == 200
