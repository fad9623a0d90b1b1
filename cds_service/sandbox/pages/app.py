"""The pretend EHR's web application: server-rendered pages that work without JavaScript too."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.middleware.trustedhost import TrustedHostMiddleware

from cds_service import clock
from cds_service.errors import RemoteError
from cds_service.sandbox.loading import is_loopback
from cds_service.sandbox.pages.cards import card_views, keyed, open_suggestions, suggestion_of
from cds_service.sandbox.pages.chart import Person, open_chart, read_person, read_tasks, text
from cds_service.sandbox.pages.hooks import CHART_HOOK, HookCall, HookClient
from cds_service.sandbox.pages.ordering import choices, context_of, find_choice
from cds_service.sandbox.pages.records import Json, Records, visit
from cds_service.sandbox.roster import PHYSICIAN, synthetic_patients

HERE = Path(__file__).parent
CALLS_KEPT = 200
HOOKS = {
    CHART_HOOK: "the chart was opened",
    "order-select": "an order was chosen",
    "order-sign": "an order is about to be signed",
    "encounter-start": "a visit began",
}
SECONDS = 30.0
CONTENT_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'"

templates = Jinja2Templates(HERE / "templates")


@dataclass
class Ward:
    """What the pages share: the FHIR server, the CDS service, and the calls made so far."""

    records: Records
    hooks: HookClient
    calls: OrderedDict[str, HookCall] = field(default_factory=OrderedDict)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def keep(self, calls: Sequence[HookCall]) -> None:
        """Remembers calls, forgetting the oldest."""
        for call in calls:
            self.calls[call.id] = call
        while len(self.calls) > CALLS_KEPT:
            self.calls.popitem(last=False)

    def call(self, identity: str) -> HookCall:
        """A remembered call; 404 when it is not."""
        if identity not in self.calls:
            raise HTTPException(404, "This call is not remembered any more: open the chart again.")
        return self.calls[identity]


def create_ehr(fhir_base: str, service_base: str) -> FastAPI:
    """The pages over one FHIR server and one CDS service."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            httpx.AsyncClient(timeout=SECONDS, trust_env=not is_loopback(fhir_base)) as to_fhir,
            httpx.AsyncClient(timeout=SECONDS, trust_env=not is_loopback(service_base)) as to_service,
        ):
            records = Records(fhir_base, to_fhir)
            app.state.ward = Ward(records, HookClient(service_base, records, f"Practitioner/{PHYSICIAN}", to_service))
            yield

    app = FastAPI(title="Sandbox EHR", lifespan=lifespan, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app.middleware("http")(_guard)
    shared: list[str | tuple[str, str]] = [("cds_service.web", "static")]
    app.mount("/static", StaticFiles(directory=HERE / "static", packages=shared), name="static")
    app.add_exception_handler(RemoteError, _remote_failed)
    _add_pages(app)
    return app


async def _guard(request: Request, call_next: Any) -> Response:  # noqa: ANN401  starlette's own callable type
    """Refuses forms sent from other sites, and keeps the pages from loading anything foreign."""
    origin = request.headers.get("origin")
    if request.method == "POST" and origin and origin.partition("//")[2] != request.headers.get("host"):
        return Response("Forms are accepted from these pages only.", 403)
    response: Response = await call_next(request)
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _remote_failed(request: Request, error: Exception) -> Response:
    return _page(request, "problem.html", {"problem": str(error)}, status=502)


def _page(request: Request, name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    shared = {"developer": request.cookies.get("developer") == "on", "here": request.url.path}
    return templates.TemplateResponse(request, name, {**shared, **values}, status_code=status)


def _ward(request: Request) -> Ward:
    ward: Ward = request.app.state.ward
    return ward


def _is_fragment(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _add_pages(app: FastAPI) -> None:
    app.get("/")(patients_page)
    app.get("/patients/{patient}")(chart_page)
    app.get("/patients/{patient}/cards")(cards_fragment)
    app.get("/patients/{patient}/tasks")(tasks_fragment)
    app.post("/patients/{patient}/visits")(start_visit)
    app.get("/feedback")(feedback_page)
    app.post("/calls/{call}/cards/{card}/accept")(accept)
    app.post("/calls/{call}/cards/{card}/dismiss")(dismiss)
    app.get("/calls/{call}")(call_page)
    app.get("/resources/{kind}/{identity}")(resource_page)
    app.post("/developer")(switch_developer)


async def patients_page(request: Request) -> HTMLResponse:
    """The list of patients; what each was built for is for developers."""
    records, today = _ward(request).records, clock.today()
    people = [read_person(patient, today) for patient in await records.search("Patient?_count=200")]
    diagnoses = await _diagnoses(records, people)
    built = {patient.id: patient for patient in synthetic_patients()}
    people.sort(key=lambda person: (person.id not in built, person.name))
    return _page(request, "patients.html", {"people": people, "diagnoses": diagnoses, "built": built})


async def _diagnoses(records: Records, people: Sequence[Person]) -> dict[str, str]:
    """The first primary cancer of each patient's problem list."""
    wanted = ",".join(f"Patient/{person.id}" for person in people)
    found: dict[str, str] = {}
    for condition in await records.search(f"Condition?patient={wanted}&_count=500"):
        profiles = " ".join(condition.get("meta", {}).get("profile", ()))
        if "primary-cancer" in profiles:
            patient = condition.get("subject", {}).get("reference", "").removeprefix("Patient/")
            found.setdefault(patient, text(condition.get("code")))
    return found


async def chart_page(
    request: Request,
    patient: str,
    cards: str = "",
    call: str = "",
    prefetch: str = "on",
    hook: str = CHART_HOOK,
    order: str = "",
) -> HTMLResponse:
    """The chart; decision support is asked by the page itself, or at once with `cards=now` (no JavaScript needed)."""
    ward = _ward(request)
    chart = await open_chart(ward.records, patient, clock.today())
    if chart is None:
        return _page(request, "problem.html", {"problem": "There is no such patient on the FHIR server."}, 404)
    values: dict[str, Any] = {"chart": chart, "prefetch": prefetch, "choices": choices(), "order": order}
    if call:
        values |= _shown([ward.call(call)])
    elif cards == "now":
        values |= await _asked(ward, patient, prefetch, hook, order)
    return _page(request, "chart.html", values)


async def cards_fragment(
    request: Request, patient: str, prefetch: str = "on", hook: str = CHART_HOOK, order: str = ""
) -> HTMLResponse:
    """The decision support section, asked afresh: on opening the chart, or on choosing or signing an order."""
    shown = await _asked(_ward(request), patient, prefetch, hook, order)
    return _page(request, "_support.html", {"prefetch": prefetch, "patient": patient, **shown})


async def start_visit(request: Request, patient: str) -> Response:
    """Writes an Encounter, and asks the service as an EHR does when a visit begins."""
    ward = _ward(request)
    actions = [{"type": "create", "description": "a visit", "resource": visit(patient)}]
    (reference,) = await ward.records.write(actions)
    begun = {"encounterId": reference.partition("/")[2]}
    calls = await ward.hooks.fire("encounter-start", patient, with_prefetch=True, more=begun)
    ward.keep(calls)
    if not _is_fragment(request):
        return RedirectResponse(f"/patients/{patient}" + (f"?call={calls[0].id}" if calls else ""), 303)
    return _page(request, "_support.html", {"prefetch": "on", "patient": patient, **_shown(calls)})


async def feedback_page(request: Request) -> HTMLResponse:
    """What the service counted: what became of its cards, and why others were not shown."""
    hooks = _ward(request).hooks
    counted = await asyncio.gather(hooks.counts("feedback"), hooks.counts("suppressions"))
    return _page(request, "feedback.html", {"feedback": counted[0], "suppressions": counted[1]})


async def tasks_fragment(request: Request, patient: str) -> HTMLResponse:
    """The chart's tasks, read again after a suggestion was taken."""
    return _page(request, "_tasks.html", {"tasks": await read_tasks(_ward(request).records, patient)})


async def _asked(ward: Ward, patient: str, prefetch: str, hook: str, order: str) -> dict[str, Any]:
    choice = find_choice(order)
    if hook not in HOOKS or (hook != CHART_HOOK and choice is None):
        return {"calls": [], "cards": [], "problems": ["Choose what to order first"]}
    more = {} if choice is None or hook == CHART_HOOK else context_of(choice, patient)
    try:
        calls = await ward.hooks.fire(hook, patient, prefetch != "off", more)
    except RemoteError as error:
        return {"calls": [], "cards": [], "problems": [str(error)]}
    ward.keep(calls)
    return _shown(calls)


def _shown(calls: Sequence[HookCall]) -> dict[str, Any]:
    problems = [f"{call.service.get('title', call.service['id'])} {call.problem}" for call in calls if call.problem]
    hook = calls[0].request["hook"] if calls else CHART_HOOK
    return {"calls": calls, "cards": card_views(calls), "problems": problems, "moment": HOOKS.get(hook, hook)}


async def accept(request: Request, call: str, card: str, suggestion: Annotated[str, Form(max_length=200)]) -> Response:
    """Writes what a suggestion proposes to the FHIR server, all or nothing, and reports it to the service.

    A second click, or a form sent again, finds the suggestion taken and writes nothing; so does
    another suggestion of a card of which one may be taken.
    """
    ward = _ward(request)
    made = ward.call(call)
    chosen = suggestion_of(keyed(made).get(card, {}), suggestion)
    if chosen is None:
        raise HTTPException(404, "The card has no such suggestion.")
    async with ward.writing:
        if suggestion in open_suggestions(keyed(made)[card], made.outcomes.get(card)):
            made.outcomes[card] = await _take(ward, made, card, chosen, suggestion)
    return _answer(request, made, card)


async def _take(ward: Ward, call: HookCall, card: str, chosen: Json, key: str) -> Json:
    before = call.outcomes.get(card, {})
    taken, written = before.get("taken", []), before.get("references", [])
    try:
        references = await ward.records.write(chosen.get("actions", ()))
    except RemoteError as error:
        return {"kind": "failed", "text": str(error), "taken": taken, "references": written}
    words = "; ".join(part for part in (before.get("text", "") if taken else "", chosen.get("label", "")) if part)
    outcome: Json = {
        "kind": "accepted",
        "text": words,
        "taken": [*taken, key],
        "references": [*written, *references],
    }
    if "uuid" in chosen:
        report = {"card": card, "outcome": "accepted", "acceptedSuggestions": [{"id": chosen["uuid"]}]}
        outcome["feedback"] = await ward.hooks.feedback(call, report)
    return outcome


async def dismiss(
    request: Request,
    call: str,
    card: str,
    reason: Annotated[str, Form(max_length=500)] = "",
    comment: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Puts a card away, with the reason given, and reports it to the service."""
    ward = _ward(request)
    made = ward.call(call)
    shown = keyed(made).get(card)
    if shown is None:
        raise HTTPException(404, "There is no such card.")
    coding = next((c for c in shown.get("overrideReasons", ()) if f"{c.get('system')}|{c.get('code')}" == reason), None)
    report: Json = {"card": card, "outcome": "overridden"}
    why: Json = {"reason": {"code": coding["code"], "system": coding["system"]}} if coding else {}
    if comment.strip():
        why["userComment"] = comment.strip()
    if why:
        report["overrideReason"] = why
    words = coding.get("display", "") if coding else comment.strip()
    made.outcomes[card] = {"kind": "dismissed", "text": words, "feedback": await ward.hooks.feedback(made, report)}
    return _answer(request, made, card)


def _answer(request: Request, call: HookCall, card: str) -> Response:
    """The card as it stands now: alone for htmx, else the chart with the same call shown again."""
    if not _is_fragment(request):
        return RedirectResponse(f"/patients/{call.patient}?call={call.id}", 303)
    view = next(view for view in card_views([call]) if view.key == card)
    answer = _page(request, "_card.html", {"card": view})
    answer.headers["HX-Trigger"] = "chart-changed"
    return answer


async def call_page(request: Request, call: str) -> HTMLResponse:
    """The developer's view of one call: request, answer, timing."""
    made = _ward(request).call(call)
    bodies = {"request_body": _pretty(made.request), "response": _pretty(made.response)}
    return _page(request, "call.html", {"call": made, **bodies})


async def resource_page(request: Request, kind: str, identity: str) -> HTMLResponse:
    """One resource as it stands on the FHIR server."""
    resource = await _ward(request).records.get(f"{kind}/{identity}")
    if resource is None:
        return _page(request, "problem.html", {"problem": f"There is no {kind}/{identity} on the FHIR server."}, 404)
    return _page(request, "resource.html", {"reference": f"{kind}/{identity}", "body": _pretty(resource)})


async def switch_developer(on: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/") -> Response:
    """Shows or hides what is for developers, and goes back to the page it was asked on."""
    target = back if back.startswith("/") and not back.startswith("//") else "/"
    response = RedirectResponse(target, 303)
    response.set_cookie("developer", "on" if on else "off", samesite="strict", httponly=True)
    return response


def _pretty(body: Json | None) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False) if body is not None else "no readable answer"
