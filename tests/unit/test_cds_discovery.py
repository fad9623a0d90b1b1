"""Discovery: the exact path, the contract's keys, templates a 2.0.1 client can fill in."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from hooks import ask, walk

from cds_service.catalog.loading import load_catalog
from cds_service.catalog.watching import observation_codes
from cds_service.fhir.searches import MOST_CODES_IN_A_URL, Searches

KEYS = {
    "patient": "Patient",
    "conditions": "Condition",
    "observations": "Observation",
    "imaging": "ImagingStudy",
    "procedures": "Procedure",
    "medications": "MedicationRequest",
    "administrations": "MedicationAdministration",
    "reports": "DiagnosticReport",
    "lesions": "BodyStructure",
    "subjects": "ResearchSubject",
    "statements": "MedicationStatement",
    "episodes": "EpisodeOfCare",
    "careplans": "CarePlan",
}


def service(hook: str = "patient-view") -> dict[str, object]:
    response = ask("GET", "/cds-services")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    found = {each["hook"]: each for each in response.json()["services"]}
    return found[hook]  # type: ignore[no-any-return]


HOOKS = ["patient-view", "order-select", "order-sign", "encounter-start"]


def test_four_hooks_have_four_services_with_ids_of_their_own() -> None:
    services = ask("GET", "/cds-services").json()["services"]
    assert [(found["hook"], found["id"]) for found in services] == [(hook, f"extend-op-{hook}") for hook in HOOKS]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_service_says_what_it_is(hook: str) -> None:
    found = service(hook)
    assert found["hook"] == hook
    assert found["id"] == f"extend-op-{hook}"
    assert found["title"]
    assert found["description"]
    assert found["version"] == "2.0.1"

    def check(path: str, value: object) -> None:
        assert value not in (None, "", [], {}), path

    walk(found, check)


def test_the_keys_are_the_contract_s() -> None:
    prefetch = service()["prefetch"]
    assert isinstance(prefetch, dict)
    assert {key: re.split(r"[/?]", template)[0] for key, template in prefetch.items()} == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_a_template_uses_root_tokens_and_no_date(key: str) -> None:
    prefetch = service()["prefetch"]
    assert isinstance(prefetch, dict)
    template = prefetch[key]
    assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
    allowed = {"patient", "individual", "code", "_count"}
    assert set(parse_qs(template.partition("?")[2])) <= allowed
    assert not re.search(r"date|today|ge\d|le\d|:", template)


def test_observations_are_asked_for_by_every_code_that_is_read() -> None:
    prefetch = service()["prefetch"]
    assert isinstance(prefetch, dict)
    codes = parse_qs(prefetch["observations"].partition("?")[2])["code"][0].split(",")
    # haemoglobin, platelets, ECOG (LOINC, SNOMED), tumour size, disease status, RECIST, M category, pregnancy status
    wanted = ["718-7", "777-3", "89247-1", "423740007", "21889-1", "97509-4", "88040-1", "21907-1", "82810-3"]
    assert set(wanted) <= set(codes)
    assert "2160-0" not in codes, "creatinine is not read"
    assert len(codes) == len(set(codes)) <= MOST_CODES_IN_A_URL
    assert len(prefetch["observations"]) < 4000, "longer URLs fail on common servers"


def test_too_many_codes_are_not_put_into_a_url() -> None:
    from cds_service.domain.facts import Kind

    many = [str(number) for number in range(MOST_CODES_IN_A_URL + 1)]
    assert Searches(many).question(Kind.OBSERVATIONS, "p") == "Observation?patient=Patient/p&_count=500"


def test_every_observation_code_of_the_mappings_is_known_to_a_reader() -> None:
    catalog = load_catalog()
    systems = {row.code: row.system for row in (*catalog.rows, *catalog.test_rows)}
    for code in observation_codes(catalog):
        system = systems[code]
        assert catalog.lab_test(system, code) or catalog.meanings(system, code), code


def test_health() -> None:
    assert ask("GET", "/healthz").json() == {"status": "ok"}
    ready = ask("GET", "/readyz").json()
    assert ready["status"] == "ready"
    assert ready["trial"] == "extend-op"
    assert ready["mappings_digest"].startswith("sha256:")


def test_openapi_names_the_routes() -> None:
    paths = ask("GET", "/openapi.json").json()["paths"]
    calls = {f"/cds-services/extend-op-{hook}" for hook in HOOKS}
    expected = {"/cds-services", *calls, *(f"{call}/feedback" for call in calls), "/healthz", "/readyz"}
    assert expected | {"/api/feedback", "/api/suppressions", "/api/audit"} <= set(paths)
    for call in calls:
        answers = paths[call]["post"]["responses"]
        assert {"200", "400", "401", "403", "412", "413", "415"} <= set(answers)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/cds-services/"])
def test_nothing_else_answers(path: str) -> None:
    assert ask("GET", path).status_code == 404


ORIGINS = [
    ("http://localhost:8080", True),
    ("http://127.0.0.1:3000", True),
    ("http://[::1]:3000", True),
    ("https://localhost", True),
    ("https://evil.example", False),
    ("http://localhost.evil.example", False),
    ("http://127.0.0.1.evil.example", False),
    ("null", False),
]


@pytest.mark.parametrize(("origin", "allowed"), ORIGINS)
def test_browsers_on_loopback_may_call(origin: str, allowed: bool) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    preflight = ask("OPTIONS", "/cds-services/extend-op-patient-view", headers=asked)
    assert (preflight.headers.get("access-control-allow-origin") == origin) is allowed
    if allowed:
        assert preflight.status_code == 200
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    answer = ask("GET", "/cds-services", headers={"Origin": origin})
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
