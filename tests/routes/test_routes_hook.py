"""The same patient as a Bundle, by prefetch, by REST, and by any mixture: equal assessments."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import pytest
from hooks import AS_OF, as_bytes, bundle, by_kind, call, outcome, patient, settings

from cds_service.bootstrap import build_trial_service
from cds_service.catalog.loading import load_catalog
from cds_service.cds.answering import Answer, Asker, Moment, TrialService
from cds_service.cds.prefetch import read_prefetch
from cds_service.cds.wire import HookCall, read_call
from cds_service.domain.assessments import as_json
from cds_service.domain.criteria import Outcome
from cds_service.domain.trials import assess
from cds_service.domain.verdicts import Assessment
from cds_service.fhir.pages import RESOURCE_TYPES
from cds_service.fhir.reading import read_patient
from cds_service.sandbox.roster import synthetic_patients

Json = dict[str, Any]
NOW = Moment(AS_OF, datetime(2026, 11, 22, 12, tzinfo=UTC))
SERVER = "http://127.0.0.1:9999/fhir"
PATIENTS = [each.id for each in synthetic_patients()]
FITTING = "sbx-colon-liver"


@cache
def service() -> TrialService:
    return build_trial_service(settings(hook_deadline_seconds=20))


@cache
def record(identity: str) -> tuple[Json, ...]:
    found = next(each for each in synthetic_patients() if each.id == identity)
    return tuple(json.loads(json.dumps(resource)) for resource in found.resources(AS_OF))


class FhirServer:
    """A FHIR server of two rows a page, which gives somebody else's record away beside the patient's own."""

    def __init__(self, resources: tuple[Json, ...], broken: dict[str, httpx.Response] | None = None) -> None:
        self.resources = resources
        self.broken = broken or {}
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/fhir/").split("/")[0]
        self.asked.append(name)
        if name in self.broken:
            return self.broken[name]
        rows = [resource for resource in self.resources if resource["resourceType"] == name]
        if name == "Patient":
            return httpx.Response(200, json=rows[0])
        if rows:
            rows.append(elses(name))
        codes = request.url.params.get("code")
        if codes:
            rows = [
                row for row in rows if {c["code"] for c in row.get("code", {}).get("coding", [])} & {*codes.split(",")}
            ]
        start = int(request.url.params.get("offset", 0))
        following = str(request.url.copy_set_param("offset", start + 2)) if start + 2 < len(rows) else None
        return httpx.Response(200, json=bundle(*rows[start : start + 2], next_page=following, total=len(rows)))


def elses(name: str) -> Json:
    """Another patient's active excluding record, of any type."""
    owner = {"BodyStructure": "patient", "EpisodeOfCare": "patient", "ResearchSubject": "individual"}.get(
        name, "subject"
    )
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "J91.0"}]}
    return {"resourceType": name, "id": "elses", owner: {"reference": "Patient/other"}, "code": code}


def from_bundle(identity: str) -> Json:
    facts = read_patient([json.dumps(bundle(*record(identity))).encode()], load_catalog(), patient=identity)
    return plain(assess(service().sender.trial, facts, AS_OF, service().engine_version))


def asked(identity: str, prefetch: Json | None = None, server: FhirServer | None = None) -> HookCall:
    context = {"userId": "Practitioner/dr", "patientId": identity}
    body = call(context=context, prefetch=prefetch, fhirServer=SERVER if server else None)
    return read_call(as_bytes(body), "patient-view")


def by_hook(identity: str, prefetch: Json | None = None, server: FhirServer | None = None) -> Assessment:
    ours = asked(identity, prefetch, server)
    return run(
        server, lambda http: service().screen(ours, read_prefetch(ours.prefetch, identity), http, AS_OF)
    ).assessment


def answered(identity: str, prefetch: Json | None = None, server: FhirServer | None = None) -> Answer:
    return run(server, lambda http: service().answer(asked(identity, prefetch, server), http, NOW))


def run(server: FhirServer | None, work: Callable[[Callable[[], httpx.AsyncClient]], Any]) -> Any:
    async def once() -> Any:
        transport = httpx.MockTransport(server or FhirServer(()))
        async with httpx.AsyncClient(transport=transport) as http:
            return await work(lambda: http)

    return asyncio.run(once())


def plain(assessment: Assessment) -> Json:
    """The assessment without the count of others' records, which is not the patient's."""
    found = as_json(assessment)
    notes = found["data_quality"]
    assert isinstance(notes, list)
    return found | {"data_quality": [note for note in notes if "somebody else" not in note["problem"]]}


@pytest.mark.parametrize("identity", PATIENTS)
def test_bundle_prefetch_and_rest_agree(identity: str) -> None:
    expected = from_bundle(identity)
    server = FhirServer(record(identity))
    assert plain(by_hook(identity, by_kind(record(identity)))) == expected
    assert plain(by_hook(identity, None, server)) == expected
    assert set(server.asked) == set(RESOURCE_TYPES.values())


@pytest.mark.parametrize("kind", [kind.value for kind in RESOURCE_TYPES])
def test_any_one_key_may_come_from_the_server(kind: str) -> None:
    server = FhirServer(record(FITTING))
    prefetch = {key: value for key, value in by_kind(record(FITTING)).items() if key != kind}
    assert plain(by_hook(FITTING, prefetch, server)) == from_bundle(FITTING)
    assert set(server.asked) == {name for found, name in RESOURCE_TYPES.items() if found.value == kind}


def test_the_rest_of_a_first_page_is_fetched() -> None:
    server = FhirServer(record(FITTING))
    prefetch = by_kind(record(FITTING))
    rows = prefetch["conditions"]["entry"]
    next_page = f"{SERVER}/Condition?patient=Patient/{FITTING}&offset=2"
    prefetch["conditions"] = bundle(*(row["resource"] for row in rows[:2]), next_page=next_page)
    assert plain(by_hook(FITTING, prefetch, server)) == from_bundle(FITTING)
    assert server.asked


ANSWERS_ON_CONDITIONS = [
    "histology",
    "stage-iv",
    "effusion",
    "leptomeningeal",
    "peritoneal-carcinomatosis",
    "cognitive-impairment",
    "marrow-involvement",
    "prior-lines",
    "rheumatologic",
    "psychiatric-substance",
    "other-malignancy",
]
FAILURES: list[tuple[str, Json, dict[str, httpx.Response] | None]] = [
    ("somebody else's only", {"conditions": bundle(elses("Condition"))}, None),
    ("somebody else's only, from the server", {}, {"Condition": httpx.Response(200, json=bundle(elses("Condition")))}),
    ("somebody else's only, twice the same", {"conditions": bundle(elses("Condition"), elses("Condition"))}, None),
    (
        "somebody else's only, in two versions, from the server",
        {},
        {
            "Condition": httpx.Response(
                200, json=bundle(elses("Condition"), elses("Condition") | {"meta": {"versionId": "2"}})
            )
        },
    ),
    ("absent, no server", {}, None),
    ("failed at the client", {"conditions": outcome()}, None),
    ("failed inside a Bundle", {"conditions": bundle(outcome())}, None),
    ("wrong type, no server", {"conditions": patient()}, None),
    ("HTML", {"conditions": "<html>"}, None),
    ("first page, no server", {"conditions": bundle(next_page=f"{SERVER}/x")}, None),
    ("refused", {}, {"Condition": httpx.Response(403)}),
    ("not there", {}, {"Condition": httpx.Response(404)}),
    ("down", {}, {"Condition": httpx.Response(503)}),
    ("HTML from the server", {}, {"Condition": httpx.Response(200, text="<html>")}),
    ("an error in a Bundle", {}, {"Condition": httpx.Response(200, json=bundle(outcome()))}),
    ("next page elsewhere", {}, {"Condition": httpx.Response(200, json=bundle(next_page="https://evil.example/"))}),
]


@pytest.mark.parametrize(("sent", "broken"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_conditions_that_were_not_had_are_unknown_never_none(
    sent: Json, broken: dict[str, httpx.Response] | None
) -> None:
    prefetch = {key: value for key, value in by_kind(record(FITTING)).items() if key != "conditions"} | sent
    server = FhirServer(record(FITTING), broken) if broken else None
    found = by_hook(FITTING, prefetch, server)
    for criterion in ANSWERS_ON_CONDITIONS:
        assert found.verdict(criterion).outcome is Outcome.UNKNOWN, criterion


def test_conditions_that_are_none_are_none() -> None:
    prefetch = by_kind(record(FITTING)) | {"conditions": None}
    found = by_hook(FITTING, prefetch)
    assert found.verdict("effusion").outcome is Outcome.PASS


def test_the_time_it_took_to_find_out_who_asks_comes_off_the_time_to_answer() -> None:
    server = FhirServer(record(FITTING))
    ours = asked(FITTING, {"patient": by_kind(record(FITTING))["patient"]}, server)
    delivered = read_prefetch(ours.prefetch, FITTING)
    for waited, outcome_of_effusion in ((0.0, Outcome.PASS), (20.0, Outcome.UNKNOWN)):
        found = run(server, lambda http, at=waited: service().screen(ours, delivered, http, AS_OF, Asker(waited=at)))
        assert found.assessment.verdict("effusion").outcome is outcome_of_effusion


def test_somebody_elses_records_do_not_count() -> None:
    prefetch = by_kind(record(FITTING))
    prefetch["conditions"]["entry"].append({"resource": elses("Condition")})
    found = by_hook(FITTING, prefetch)
    assert plain(found) == from_bundle(FITTING)
    assert any("1 resources about somebody else" in note.problem for note in found.data_quality)


def test_a_server_that_is_not_allowed_is_not_asked() -> None:
    body = call(
        context={"userId": "Practitioner/dr", "patientId": FITTING},
        prefetch={"patient": record(FITTING)[0]},
        fhirServer="https://elsewhere.example/fhir",
        fhirAuthorization={"access_token": "t", "token_type": "Bearer"},
    )
    server = FhirServer(record(FITTING))
    ours = read_call(as_bytes(body), "patient-view")
    found = run(
        server, lambda http: service().screen(ours, read_prefetch(ours.prefetch, FITTING), http, AS_OF)
    ).assessment
    assert not server.asked
    assert "CDS_ALLOWED_FHIR_SERVERS" in found.verdict("histology").reason


def test_who_may_fit_gets_a_card_and_who_cannot_gets_none() -> None:
    wanted = {each.id: each.expected.status for each in synthetic_patients()}
    for identity in PATIENTS:
        answer = answered(identity, by_kind(record(identity)))
        if wanted[identity] == "ineligible":
            assert answer.response.cards == (), identity
    assert len(answered(FITTING, by_kind(record(FITTING))).response.cards) == 1


@pytest.mark.parametrize("user", ["Patient/1", "RelatedPerson/1"])
def test_the_patient_is_not_shown_a_clinician_s_card(user: str) -> None:
    body = call(context={"userId": user, "patientId": FITTING}, prefetch=by_kind(record(FITTING)))
    ours = read_call(as_bytes(body), "patient-view")
    answer = run(None, lambda http: service().answer(ours, http, NOW))
    assert answer.response.cards == ()
