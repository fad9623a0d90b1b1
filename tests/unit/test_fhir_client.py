"""The client of a hook call's FHIR server: what it sends, what it follows, what it makes of bad answers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import respx
from hooks import bundle, outcome, patient

from cds_service.domain.facts import Kind
from cds_service.fhir.client import ServerSession, open_http
from cds_service.fhir.pages import Page
from cds_service.fhir.searches import Searches
from cds_service.fhir.servers import Server
from cds_service.screening.ports import Delivery

BASE = "https://ehr.example/fhir"
FIRST = f"{BASE}/Condition?patient=Patient/p&_count=500"


def condition(identity: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": identity, "subject": {"reference": "Patient/p"}}


def fetch(kind: Kind = Kind.CONDITIONS, token: str | None = "secret", seconds: float = 5, most: int = 100_000) -> Page:
    async def once() -> Page:
        async with open_http() as http:
            return await _session(http, token, seconds, most).fetch(kind, "p")

    return asyncio.run(once())


def follow(first: Page) -> Page:
    async def once() -> Page:
        async with open_http() as http:
            return await _session(http, "secret", 5, 100_000).follow(Kind.CONDITIONS, first)

    return asyncio.run(once())


def _session(http: httpx.AsyncClient, token: str | None, seconds: float, most: int) -> ServerSession:
    deadline = asyncio.get_running_loop().time() + seconds
    return ServerSession(http, Searches(("718-7", "777-3")), Server(BASE), token, deadline, most)


@respx.mock
def test_the_question_as_real_servers_understand_it() -> None:
    route = respx.get(f"{BASE}/Condition").respond(json=bundle(condition("a")))
    assert len(fetch().resources) == 1
    sent = route.calls.last.request
    assert str(sent.url) == FIRST
    assert sent.headers["authorization"] == "Bearer secret"
    assert sent.headers["prefer"] == "handling=strict"
    assert sent.headers["accept"].startswith("application/fhir+json")


@respx.mock
def test_without_a_token_none_is_sent() -> None:
    route = respx.get(f"{BASE}/Condition").respond(json=bundle())
    assert fetch(token=None) == Delivery()
    assert "authorization" not in route.calls.last.request.headers


@respx.mock
def test_the_patient_is_read_and_observations_are_narrowed_by_code() -> None:
    respx.get(f"{BASE}/Patient/p").respond(json=patient())
    searched = respx.get(f"{BASE}/Observation").respond(json=bundle())
    assert len(fetch(Kind.PATIENT).resources) == 1
    fetch(Kind.OBSERVATIONS)
    assert dict(searched.calls.last.request.url.params) == {
        "patient": "Patient/p",
        "code": "718-7,777-3",
        "_count": "500",
    }


@respx.mock
def test_every_page_is_fetched_relative_links_too() -> None:
    respx.get(FIRST).respond(json=bundle(condition("a"), next_page="?page=2"))
    respx.get(f"{BASE}/Condition?page=2").respond(json=bundle(condition("b"), next_page=f"{BASE}/x?page=3"))
    respx.get(f"{BASE}/x?page=3").respond(json=bundle(condition("c")))
    page = fetch()
    assert len(page.resources) == 3
    assert page.problem is None
    assert [call.request.headers["authorization"] for call in respx.calls] == ["Bearer secret"] * 3


@respx.mock
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir?page=2",
        "http://ehr.example/fhir?page=2",
        "https://ehr.example:8443/fhir?page=2",
        "//evil.example/x",
        "https://ehr.example@evil.example/",
        "http://[::1",
        "file:///etc/passwd",
    ],
)
def test_a_next_page_elsewhere_is_not_asked(link: str) -> None:
    respx.get(f"{BASE}/Condition").respond(json=bundle(condition("a"), next_page=link))
    page = fetch()
    assert len(page.resources) == 1
    assert "another server" in (page.problem or "")
    assert len(respx.calls) == 1


@respx.mock
def test_pages_in_a_circle_end() -> None:
    respx.get(FIRST).respond(json=bundle(condition("a"), next_page=f"{BASE}/x?page=2"))
    respx.get(f"{BASE}/x?page=2").respond(json=bundle(condition("b"), next_page=FIRST))
    page = fetch()
    assert len(page.resources) == 2
    assert "circle" in (page.problem or "")


@respx.mock
def test_a_page_that_fails_leaves_what_came_before_and_says_so() -> None:
    respx.get(FIRST).respond(json=bundle(condition("a"), next_page=f"{BASE}/x?page=2"))
    respx.get(f"{BASE}/x?page=2").respond(504)
    page = fetch()
    assert len(page.resources) == 1
    assert page.problem == "the record system answered HTTP 504"


@respx.mock
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(401), "refused access (HTTP 401)"),
        (httpx.Response(403, json=outcome()), "refused access (HTTP 403)"),
        (httpx.Response(404), "does not have it (HTTP 404)"),
        (httpx.Response(400, json=outcome()), "answered HTTP 400"),
        (httpx.Response(429, headers={"Retry-After": "1790000000"}), "answered HTTP 429"),
        (httpx.Response(500), "answered HTTP 500"),
        (httpx.Response(204), "answered HTTP 204"),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), "redirected elsewhere"),
        (httpx.Response(307, headers={"Location": f"{BASE}/Condition"}), "redirected elsewhere"),
        (httpx.Response(200, text="<html><body>Please log in</body></html>"), "something else"),
        (httpx.Response(200, text=""), "something else"),
        (httpx.Response(200, text='{"resourceType": "Bundle", "entry": ['), "something else"),
        (httpx.Response(200, json=patient()), "something else"),
        (httpx.Response(200, json=outcome()), "answered with an error"),
        (httpx.Response(200, json=bundle(outcome())), "answered with an error"),
        (httpx.Response(200, content=b"x" * 100_001), "larger than"),
    ],
)
def test_a_bad_answer_is_never_no_record(answer: httpx.Response, says: str) -> None:
    respx.get(f"{BASE}/Condition").mock(return_value=answer)
    page = fetch()
    assert page.resources == ()
    assert says in (page.problem or "")
    assert len(respx.calls) == 1


@respx.mock
@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.ReadError("no"), httpx.RemoteProtocolError("no")])
def test_a_server_beyond_reach_is_a_problem(failure: httpx.HTTPError) -> None:
    respx.get(f"{BASE}/Condition").mock(side_effect=failure)
    assert fetch() == Delivery(problem="the record system could not be reached")


@respx.mock
def test_what_came_in_time_is_kept_when_the_rest_does_not() -> None:
    async def slowly(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        return httpx.Response(200, json=bundle())

    respx.get(FIRST).respond(json=bundle(condition("a"), next_page=f"{BASE}/x?page=2"))
    respx.get(f"{BASE}/x?page=2").mock(side_effect=slowly)
    page = fetch(seconds=0.2)
    assert len(page.resources) == 1
    assert page.problem == "the record system did not answer in time"


@respx.mock
def test_a_delivered_first_page_is_completed() -> None:
    respx.get(f"{BASE}/x?page=2").respond(json=bundle(condition("b")))
    first: Page = Delivery(resources=(), next_page=f"{BASE}/x?page=2")
    page = follow(first)
    assert len(page.resources) == 1
    assert page.problem is None
    assert page.next_page is None


@respx.mock
def test_a_delivered_first_page_that_points_elsewhere_stays_incomplete() -> None:
    page = follow(Delivery(next_page="https://evil.example/x?page=2"))
    assert "another server" in (page.problem or "")
    assert not respx.calls


def test_neither_url_nor_token_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with respx.mock:
        respx.get(f"{BASE}/Patient/p").respond(json=patient())
        fetch(Kind.PATIENT)
    assert "secret" not in caplog.text
    assert "Patient/p" not in caplog.text
