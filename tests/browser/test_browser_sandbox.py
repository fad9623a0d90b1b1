"""The sandbox as a clinician sees it: headless Chromium, the real service, the real FHIR server."""

from __future__ import annotations

import os
import re
import shutil

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from cds_service.config import Settings
from cds_service.sandbox.running import fhir_server, sandbox
from cds_service.web.app import create_app

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CANDIDATE = "sbx-colon-liver"
INELIGIBLE = "sbx-breast-effusion"


@pytest.fixture(scope="module")
def fhir():
    with fhir_server(None, None) as base:
        yield base


@pytest.fixture
def address(fhir):
    # A service of its own for each test: what one test put away would be missing in the next.
    # A slow machine must not make the service give up: what is tested is the page, not the deadline.
    with sandbox(create_app(Settings(hook_deadline_seconds=30)), fhir) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CDS_REQUIRE_ALL") == "1":
            pytest.fail("chromium is not installed, and CDS_REQUIRE_ALL=1 asks for every test")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 420], ids=["desk", "phone"])
def page(browser, address, request):
    """A page that fails its test when the console shows an error or anything foreign is asked for."""
    context = browser.new_context(base_url=address, viewport={"width": request.param, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(address) else wrong.append(f"asked {sent.url}"))
    yield page
    context.close()
    assert wrong == []


def tasks(fhir, patient):
    found = httpx.get(f"{fhir}/Task?patient=Patient/{patient}&_count=100", trust_env=False).json()
    return {entry["resource"]["id"]: entry["resource"] for entry in found.get("entry", ())}


def open_chart(page, name):
    page.goto("/")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator("#support[aria-busy]")).to_have_count(0, timeout=30_000)


def test_a_candidate_gets_a_card_and_accepting_it_makes_a_task(page, fhir):
    before = tasks(fhir, CANDIDATE)
    open_chart(page, "Testwell, Opal")
    card = page.locator("article.card")
    expect(card).to_have_count(1)
    expect(card.get_by_role("heading", level=3)).to_contain_text("EXTEND-OP")
    card.locator("button.accept").first.click()
    expect(card.get_by_role("status")).to_contain_text("Done")
    reference = card.locator("a[href^='/resources/Task/']").get_attribute("href").removeprefix("/resources/")
    made = tasks(fhir, CANDIDATE).keys() - before.keys()
    assert {f"Task/{identity}" for identity in made} == {reference}
    task = tasks(fhir, CANDIDATE)[reference.removeprefix("Task/")]
    assert task["for"]["reference"] == f"Patient/{CANDIDATE}"
    assert task["status"] in {"requested", "draft"}
    expect(page.locator(f".chart a[href='/resources/{reference}']")).to_be_visible()


def test_what_was_not_taken_stays_on_offer_and_every_order_is_accepted_by_the_server(page, fhir):
    def orders():
        found = httpx.get(f"{fhir}/ServiceRequest?patient=Patient/sbx-prostate-half-labs&_count=100", trust_env=False)
        return {entry["resource"]["id"]: entry["resource"] for entry in found.json().get("entry", ())}

    before = orders()
    open_chart(page, "Dataless, Elm")
    card = page.locator("article.card")
    card.get_by_role("button", name="Order the missing laboratory tests").click()
    expect(card.get_by_role("status")).to_contain_text("Done: Order the missing laboratory tests.")
    made = {identity: order for identity, order in orders().items() if identity not in before}
    assert {order["status"] for order in made.values()} == {"draft"}
    assert len(made) == card.locator("a[href^='/resources/ServiceRequest/']").count() > 0
    expect(card.locator("button.accept")).to_have_text(["Refer to the EXTEND-OP trial team"])
    card.locator("button.accept").click()
    expect(card.get_by_role("status")).to_contain_text("Refer to the EXTEND-OP trial team.")
    expect(card.locator("a[href^='/resources/Task/']")).to_have_count(1)
    expect(card.locator("button.accept")).to_have_count(0)


def test_the_advice_on_an_order_comes_into_view(page):
    open_chart(page, "Testwell, Opal")
    page.get_by_role("button", name="Sign").click()
    expect(page.locator("#support")).to_contain_text("Asked because an order is about to be signed.")
    expect(page.locator("article.card h3")).to_be_in_viewport()


def test_the_developer_sees_the_call_without_scrolling(page):
    open_chart(page, "Testwell, Opal")
    page.get_by_role("button", name="Developer view").click()
    expect(page.get_by_role("link", name="Request and response")).to_be_in_viewport()


def test_an_ineligible_patient_gets_no_card(page):
    open_chart(page, "Testham, Willow")
    expect(page.locator("#support")).to_contain_text("No recommendation for this patient.")
    expect(page.locator("article.card")).to_have_count(0)


def test_a_card_can_be_dismissed_with_a_reason(page):
    open_chart(page, "Samplestone, Basil")
    card = page.locator("article.card")
    card.get_by_text("Dismiss", exact=True).click()
    reasons = card.get_by_label("Reason")
    label = reasons.locator("option").nth(1).inner_text()
    reasons.select_option(index=1)
    card.get_by_role("button", name="Dismiss card").click()
    expect(card.get_by_role("status")).to_have_text(f"Dismissed: {label}. Reported to the service.")
    expect(card.locator("button.accept")).to_have_count(0)


def test_a_card_that_was_put_away_stays_away_and_is_counted(page):
    open_chart(page, "Fakenham, Rowan")
    card = page.locator("article.card")
    card.get_by_text("Dismiss", exact=True).click()
    card.get_by_label("Reason").select_option(label="Patient refuses/declines (no context given)*")
    card.get_by_role("button", name="Dismiss card").click()
    expect(card.get_by_role("status")).to_contain_text("Reported to the service.")
    page.reload()
    expect(page.locator("#support")).to_contain_text("No recommendation for this patient.")
    page.get_by_role("link", name="Feedback").click()
    expect(page.get_by_role("cell", name="Patient refuses/declines")).to_be_visible()
    expect(page.get_by_role("rowheader", name="the patient refuses, as a clinician reported")).to_be_visible()


def test_signing_new_therapy_brings_the_card_with_its_moment(page):
    open_chart(page, "Testwell, Opal")
    page.locator("select[name=order]").select_option(label="Ondansetron")
    page.get_by_role("button", name="Sign").click()
    expect(page.locator("#support")).to_contain_text("Asked because an order is about to be signed.")
    expect(page.locator("article.card")).to_have_count(0)
    page.locator("select[name=order]").select_option(label="FOLFIRI, cycle 1")
    page.get_by_role("button", name="Choose").click()
    expect(page.locator("article.card h3")).to_contain_text("as new systemic therapy is ordered")
    expect(page.locator("article.card .detail")).to_contain_text("local consolidative therapy")


def test_a_visit_brings_the_card_too(page):
    open_chart(page, "Testwell, Opal")
    page.get_by_role("button", name="Start a visit").click()
    expect(page.locator("#support")).to_contain_text("Asked because a visit began.")
    expect(page.locator("article.card")).to_have_count(1)


def test_prefetch_and_the_service_own_queries_give_the_same_card(page):
    open_chart(page, "Fakenham, Rowan")
    page.get_by_role("button", name="Developer view").click()
    summary = page.locator("article.card h3")
    with_prefetch = summary.inner_text()
    page.get_by_role("link", name="Call without prefetch").click()
    expect(page.locator(".developer")).to_contain_text("fhirServer only")
    assert summary.inner_text() == with_prefetch


def test_the_page_never_scrolls_sideways(page):
    for path in ("/", f"/patients/{CANDIDATE}?cards=now", f"/patients/{INELIGIBLE}?cards=now"):
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width == 0, path


def test_what_each_patient_was_built_for_is_for_developers(page):
    page.goto("/")
    expect(page.get_by_text("malignant pleural effusion is on the problem list")).to_have_count(0)
    page.get_by_role("button", name="Developer view").click()
    expect(page.get_by_text("malignant pleural effusion is on the problem list")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/$"))
