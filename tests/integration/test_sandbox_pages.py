"""The pretend EHR against a CDS service of the test's own: what it sends, shows, writes and reports."""

from __future__ import annotations

import re
from datetime import date

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from cds_service.sandbox.loopback import Served, open_port
from cds_service.sandbox.pages.app import create_ehr
from cds_service.sandbox.pages.hooks import fill
from cds_service.sandbox.roster import sandbox_records
from cds_service.sandbox.running import fhir_server, sandbox
from cds_service.sandbox.server import embedded_fhir_server

pytestmark = pytest.mark.integration

PATIENT = "sbx-colon-liver"
CARD = "11111111-1111-4111-8111-111111111111"
TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient=Patient/{{context.patientId}}",
    "subjects": "ResearchSubject?patient=Patient/{{context.patientId}}",
    "user": "Practitioner/{{userPractitionerId}}",
    "role": "PractitionerRole/{{userPractitionerRoleId}}",
    "encounter": "Encounter/{{context.encounterId}}",
    "refused": "Condition?onset-date=never",
}
CARDS = {
    "cards": [
        {"summary": "Less urgent", "indicator": "info", "source": {"label": "Stand-in"}},
        {
            "uuid": CARD,
            "summary": "May fit <a trial>",
            "indicator": "warning",
            "source": {"label": "Stand-in", "url": "https://example.org/source"},
            "detail": "**bold** <script>alert(1)</script> [x](javascript:alert(1))\n\n| a | b |\n|---|---|\n| 1 | 2 |",
            "selectionBehavior": "any",
            "suggestions": [
                {
                    "uuid": "22222222-2222-4222-8222-222222222222",
                    "label": "Ask the trial team",
                    "actions": [
                        {
                            "type": "create",
                            "description": "a Task",
                            "resource": {
                                "resourceType": "Task",
                                "status": "requested",
                                "intent": "proposal",
                                "description": "Look at this patient",
                                "for": {"reference": f"Patient/{PATIENT}"},
                            },
                        }
                    ],
                },
                {
                    "uuid": "33333333-3333-4333-8333-333333333333",
                    "label": "Broken",
                    "actions": [{"type": "create", "description": "x", "resource": {"resourceType": "Task"}}],
                },
            ],
            "overrideReasons": [{"system": "urn:reasons", "code": "no", "display": "Patient declines"}],
            "links": [
                {"label": "Registry", "url": "https://example.org/trial", "type": "absolute"},
                {"label": "Sly", "url": "javascript:alert(1)", "type": "absolute"},
            ],
        },
    ]
}


def stand_in(received):
    """A CDS service that remembers what it is sent; feedback is unknown to it."""
    app = FastAPI()

    @app.get("/cds-services")
    def discovery():
        services = [
            {"hook": "patient-view", "id": "trial", "title": "Trial", "description": "x", "prefetch": TEMPLATES},
            {"hook": "order-select", "id": "select", "description": "x"},
            {"hook": "order-sign", "id": "orders", "description": "never called on opening a chart"},
            {"hook": "encounter-start", "id": "visit", "description": "x"},
        ]
        return {"services": services}

    @app.post("/cds-services/{service}")
    async def call(service: str, request: Request):
        body = await request.json()
        received.append((service, body))
        patient = body["context"]["patientId"]
        if patient == PATIENT:
            return CARDS
        return JSONResponse({"resourceType": "OperationOutcome"}, 412) if patient == "sbx-lung" else {"cards": []}

    @app.get("/api/feedback")
    def counts():
        row = {"hook": "order-sign", "outcome": "overridden", "reason": "no", "display": "Patient declines", "count": 3}
        return {"feedback": [row]}

    @app.post("/cds-services/{service}/feedback")
    async def feedback(service: str, request: Request):
        received.append((f"{service}/feedback", await request.json()))
        return JSONResponse({}, 404)

    return app


@pytest.fixture(scope="module")
def fhir_base():
    with embedded_fhir_server(sandbox_records(date(2026, 11, 22))) as base:
        yield base


@pytest.fixture(scope="module")
def received():
    return []


@pytest.fixture(scope="module")
def address(fhir_base, received):
    with sandbox(stand_in(received), fhir_base) as address:
        yield address


@pytest.fixture
def ehr(address, received):
    received.clear()
    with httpx.Client(base_url=address, trust_env=False, timeout=20) as client:
        yield client


def opened(ehr, patient=PATIENT, **query):
    return ehr.get(f"/patients/{patient}/cards", params=query).text


def call_in(html):
    return re.search(r"/calls/([0-9a-f-]{36})/", html).group(1)


def test_the_list_names_every_patient_and_hides_what_each_was_built_for(ehr):
    page = ehr.get("/").text
    assert page.count('href="/patients/') == 36
    assert "Testwell, Opal" in page
    assert "Adenocarcinoma of the sigmoid colon" in page
    assert "two liver metastases grew" not in page
    ehr.post("/developer", data={"on": "on", "back": "/"})
    assert "two liver metastases grew" in ehr.get("/").text


def test_the_chart_shows_the_record(ehr):
    page = ehr.get(f"/patients/{PATIENT}").text
    for words in ("Liver metastases", "Liver segment VI", "21 × 17 mm", "38.5 ng/mL", "oxaliplatin", "28 × since"):
        assert words in page
    assert 'hx-trigger="load"' in page


def test_every_chart_opens(ehr):
    for patient in sorted(set(re.findall(r'href="/patients/([\w-]+)"', ehr.get("/").text))):
        assert ehr.get(f"/patients/{patient}").status_code == 200, patient


def test_opening_a_chart_sends_what_the_specification_asks(ehr, received):
    opened(ehr)
    ((service, body),) = received
    assert service == "trial"
    assert body["hook"] == "patient-view"
    assert body["context"] == {"userId": "Practitioner/sandbox-physician", "patientId": PATIENT}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", body["hookInstance"])
    assert body["fhirServer"].startswith("http://127.0.0.1:")


def test_prefetch_is_sent_null_for_nothing_found_and_left_out_on_failure(ehr, received):
    opened(ehr)
    prefetch = received[0][1]["prefetch"]
    assert set(prefetch) == {"patient", "conditions", "subjects", "user"}
    assert prefetch["patient"]["id"] == PATIENT
    assert len(prefetch["conditions"]["entry"]) == 4
    assert prefetch["subjects"] is None
    assert prefetch["user"]["resourceType"] == "Practitioner"


def test_without_prefetch_only_the_server_is_named(ehr, received):
    opened(ehr, prefetch="off")
    assert "prefetch" not in received[0][1]
    assert "fhirServer" in received[0][1]


def test_cards_are_sorted_by_urgency_and_made_safe(ehr):
    html = opened(ehr)
    assert html.index("May fit &lt;a trial&gt;") < html.index("Less urgent")
    assert "<strong>bold</strong>" in html
    assert "<td>1</td>" in html
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "Sly" not in html
    assert 'href="https://example.org/trial"' in html


@pytest.mark.parametrize(("hook", "service"), [("order-select", "select"), ("order-sign", "orders")])
def test_choosing_and_signing_an_order_send_the_drafts(ehr, received, hook, service):
    html = opened(ehr, hook=hook, order="folfiri")
    ((called, body),) = received
    assert (called, body["hook"]) == (service, hook)
    drafts = [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]
    assert [f"{draft['resourceType']}/{draft['id']}" for draft in drafts] == body["context"]["selections"]
    words = [draft["medicationCodeableConcept"]["text"] for draft in drafts]
    assert words == ["irinotecan", "fluorouracil", "leucovorin"]
    assert all(draft["subject"] == {"reference": f"Patient/{PATIENT}"} for draft in drafts)
    assert {"order-select": "an order was chosen", "order-sign": "an order is about to be signed"}[hook] in html


def test_nothing_is_ordered_by_accident(ehr, received):
    assert "Choose what to order first" in opened(ehr, hook="order-sign", order="none")
    assert "Choose what to order first" in opened(ehr, hook="made-up", order="folfiri")
    assert received == []


def test_a_visit_is_written_before_the_service_is_asked(ehr, received, fhir_base):
    page = ehr.post(f"/patients/{PATIENT}/visits", headers={"HX-Request": "true"}).text
    ((called, body),) = received
    assert (called, body["hook"]) == ("visit", "encounter-start")
    encounter = httpx.get(f"{fhir_base}/Encounter/{body['context']['encounterId']}", trust_env=False).json()
    assert encounter["subject"] == {"reference": f"Patient/{PATIENT}"}
    assert "a visit began" in page


def test_orders_and_visits_work_without_javascript(ehr):
    page = ehr.get(f"/patients/{PATIENT}", params={"cards": "now", "hook": "order-sign", "order": "ct-cap"}).text
    assert "May fit &lt;a trial&gt;" in page
    assert '<option value="ct-cap" selected>' in page
    back = ehr.post(f"/patients/{PATIENT}/visits")
    assert back.status_code == 303
    assert "May fit &lt;a trial&gt;" in ehr.get(back.headers["location"]).text


def test_what_the_service_counted_is_shown(ehr):
    page = ehr.get("/feedback").text
    assert "<td>Patient declines</td>" in page
    assert "<td>3</td>" in page
    assert "Every call was answered with a card." in page


def test_accepting_writes_the_task_and_reports_it(ehr, received, fhir_base):
    call = call_in(opened(ehr))
    received.clear()
    form = {"suggestion": "22222222-2222-4222-8222-222222222222"}
    html = ehr.post(f"/calls/{call}/cards/{CARD}/accept", data=form, headers={"HX-Request": "true"}).text
    reference = re.search(r"/resources/(Task/[\w-]+)", html).group(1)
    task = httpx.get(f"{fhir_base}/{reference}", trust_env=False).json()
    assert task["description"] == "Look at this patient"
    assert "Look at this patient" in ehr.get(f"/patients/{PATIENT}/tasks").text
    ((path, body),) = received
    assert path == "trial/feedback"
    (report,) = body["feedback"]
    assert report["card"] == CARD
    assert report["outcome"] == "accepted"
    assert report["acceptedSuggestions"] == [{"id": form["suggestion"]}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", report["outcomeTimestamp"])


def test_a_form_sent_twice_writes_one_task(ehr, fhir_base):
    def count():
        query = f"{fhir_base}/Task?patient=Patient/{PATIENT}&_summary=count"
        return httpx.get(query, trust_env=False).json()["total"]

    before, call = count(), call_in(opened(ehr))
    form = {"suggestion": "22222222-2222-4222-8222-222222222222"}
    answers = [ehr.post(f"/calls/{call}/cards/{CARD}/accept", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert count() == before + 1


def test_an_invalid_resource_is_refused_before_anything_is_written(ehr, received):
    call = call_in(opened(ehr))
    received.clear()
    form = {"suggestion": "33333333-3333-4333-8333-333333333333"}
    html = ehr.post(f"/calls/{call}/cards/{CARD}/accept", data=form, headers={"HX-Request": "true"}).text
    assert "Not done." in html
    assert "not valid FHIR R4" in html
    assert received == []


def test_dismissing_reports_the_reason_and_puts_the_card_away(ehr, received):
    call = call_in(opened(ehr))
    received.clear()
    form = {"reason": "urn:reasons|no", "comment": " later "}
    html = ehr.post(f"/calls/{call}/cards/{CARD}/dismiss", data=form, headers={"HX-Request": "true"}).text
    assert "Dismissed: Patient declines" in html
    assert "Ask the trial team" not in html
    (report,) = received[0][1]["feedback"]
    assert report["outcome"] == "overridden"
    assert report["overrideReason"] == {"reason": {"code": "no", "system": "urn:reasons"}, "userComment": "later"}


def test_everything_essential_works_without_javascript(ehr):
    page = ehr.get(f"/patients/{PATIENT}", params={"cards": "now"}).text
    call = call_in(page)
    assert "May fit &lt;a trial&gt;" in page
    back = ehr.post(f"/calls/{call}/cards/{CARD}/dismiss", data={"reason": "urn:reasons|no"})
    assert back.status_code == 303
    assert "Dismissed: Patient declines" in ehr.get(back.headers["location"]).text


def test_no_card_is_said_and_a_refusal_is_not_shown_as_all_clear(ehr):
    assert "No recommendation for this patient." in opened(ehr, "sbx-breast-effusion")
    refused = opened(ehr, "sbx-lung")
    assert "answered 412" in refused
    assert "No recommendation" not in refused


def test_the_developer_sees_request_answer_and_timing(ehr):
    ehr.cookies.set("developer", "on")
    html = opened(ehr)
    assert "Request and response" in html
    assert "left out" in html
    page = ehr.get(f"/calls/{call_in(html)}").text
    assert "&#34;hookInstance&#34;" in page
    assert "Less urgent" in page


def test_forms_of_other_sites_are_refused(ehr):
    answer = ehr.post("/developer", data={"on": "on"}, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert ehr.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_nothing_of_another_host_is_loaded(ehr):
    for path in ("/", f"/patients/{PATIENT}"):
        page = ehr.get(path)
        assert not re.search(r'(src|href)="(https?:)?//', page.text)
        assert page.headers["content-security-policy"].startswith("default-src 'self'")


def test_unknown_patients_and_calls_are_plain_pages(ehr):
    assert ehr.get("/patients/nobody").status_code == 404
    assert ehr.get("/calls/forgotten").status_code == 404
    assert ehr.get("/resources/Task/none").status_code == 404


def test_a_service_that_is_gone_is_said(fhir_base):
    gone = open_port()
    dead = f"http://127.0.0.1:{gone.getsockname()[1]}"
    gone.close()
    with Served(create_ehr(fhir_base, dead), open_port(), "EHR") as served:
        html = httpx.get(f"{served.address}/patients/{PATIENT}/cards", trust_env=False, timeout=20).text
    assert "No answer." in html
    assert "discovery at" in html


def test_another_fhir_server_is_written_to_only_when_asked():
    def total(base):
        return httpx.get(f"{base}/Patient?_summary=count", trust_env=False).json()["total"]

    with embedded_fhir_server() as other:
        with fhir_server(other + "/", None) as base:
            assert base == other
        assert total(other) == 0
        with fhir_server(other, 2):
            assert total(other) >= 2
            known = httpx.get(f"{other}/Patient/sbx-kidney-nodes", trust_env=False)
            assert known.status_code == 200
            later = httpx.get(f"{other}/Patient/sbx-breast-enzymes", trust_env=False)
            assert later.status_code == 404


@pytest.mark.parametrize(
    ("template", "query"),
    [
        ("Patient/{{context.patientId}}", "Patient/p1"),
        ("Patient/{{ context.patientId }}", "Patient/p1"),
        ("Practitioner/{{userPractitionerId}}", "Practitioner/d1"),
        ("PractitionerRole/{{userPractitionerRoleId}}", None),
        ("Encounter/{{context.encounterId}}", None),
        ("Observation?date=ge{{today() - 90 days}}", None),
        ("Metadata", "Metadata"),
    ],
)
def test_tokens(template, query):
    assert fill(template, {"patientId": "p1", "userId": "Practitioner/d1"}) == query
