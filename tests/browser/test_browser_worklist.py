"""The coordinator's pages in headless Chromium: they fit a desk and a telephone, and a decision can be made in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from assessments import verdict
from hooks import AS_OF, settings
from nights import run, screened, stored
from playwright.sync_api import Browser, Page, sync_playwright
from screens import Hospital, lay_out, records

from cds_service.domain.verdicts import Missing
from cds_service.sandbox.loopback import Served, open_port
from cds_service.screening.runs import RunState
from cds_service.store.opening import open_runs
from cds_service.web.app import create_app

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WIDTHS = [1280, 420]
LONG = "Pneumonoultramicroscopicsilicovolcanoconiosis_" * 4


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CDS_REQUIRE_ALL") == "1":
            pytest.fail("chromium is not installed, and CDS_REQUIRE_ALL=1 asks for every test")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.sqlite"


@pytest.fixture
def address(database: str) -> Iterator[str]:
    app = create_app(settings(database_url=database), today=lambda: AS_OF)
    with Served(app, open_port(), "CDS service") as served:
        yield served.address


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page on a desk and on a telephone; nothing on it may fail."""
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert said == []


@pytest.fixture
def screened_hospital(tmp_path: Path, database: str) -> Hospital:
    """The sandbox's patients, screened twice: on the second night one is gone and the run after it incomplete."""
    hospital = Hospital(tmp_path / "ours", database)
    folder = lay_out(tmp_path / "data", records())
    assert hospital.screen(folder) == 0
    gone = hospital.rows()[-1]["patient"]
    left = [one for one in records() if gone not in (f"Patient/{one['id']}", one.get("subject", {}).get("reference"))]
    assert hospital.screen(lay_out(folder, left)) == 0
    (folder / "ImagingStudy.ndjson").unlink()
    assert hospital.screen(folder) == 6
    return hospital


def check_fits(page: Page) -> None:
    """Nothing is wider than the window, so that nobody has to scroll sideways to read."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_list_and_its_parts_fit_the_window(page: Page, address: str, screened_hospital: Hospital) -> None:
    waiting = len(screened_hospital.rows())
    page.goto(f"{address}/worklist")
    check_fits(page)
    assert page.get_by_role("row").filter(has=page.locator("td")).count() == waiting
    first = screened_hospital.rows()[0]
    row = page.get_by_role("row").filter(has_text=first["patient"])
    assert "candidate" in row.inner_text()
    assert page.get_by_role("status").inner_text().startswith("The run of 22 Nov 2026 is incomplete.")
    for name in ("New", "Changed", "Within 7 days", "Off the list", "Decided", "Waiting"):
        page.get_by_role("link", name=name).click()
        assert page.locator("[aria-current=page]").inner_text().startswith(name)
        check_fits(page)
    page.get_by_role("link", name="Off the list").click()
    assert "vanished" in page.get_by_role("table").inner_text()


def test_a_decision_is_made_on_the_worksheet_and_taken_back(
    page: Page, address: str, screened_hospital: Hospital
) -> None:
    patient = screened_hospital.rows()[0]["patient"]
    page.goto(f"{address}/worklist")
    page.get_by_role("link", name=patient, exact=True).click()
    check_fits(page)
    assert page.get_by_role("heading", level=1).inner_text() == patient
    page.get_by_text("Evidence (", exact=False).first.click()
    assert page.locator("details[open] li").first.is_visible()

    page.get_by_label("Patient declined").check()
    page.get_by_label("Who decided").fill("A. Nurse")
    page.get_by_label("Note").fill("wants to think")
    page.get_by_role("button", name="Write down").click()
    assert page.url.endswith("#decisions")
    assert "Patient declined (A. Nurse" in page.locator("#decisions").inner_text()
    check_fits(page)
    page.get_by_role("link", name="Worklist").click()
    assert page.get_by_role("link", name=patient, exact=True).count() == 0

    page.get_by_role("link", name="Decided").click()
    page.get_by_role("link", name=patient, exact=True).click()
    page.get_by_label("Reopened").check()
    assert page.get_by_label("Who decided").input_value() == "A. Nurse"
    page.get_by_role("button", name="Write down").click()
    page.get_by_role("link", name="Worklist").click()
    assert page.get_by_role("link", name=patient, exact=True).count() == 1


def test_a_form_without_a_choice_is_not_sent(page: Page, address: str, screened_hospital: Hospital) -> None:
    page.goto(f"{address}/worklist")
    page.get_by_role("link", name=screened_hospital.rows()[0]["patient"], exact=True).click()
    before = page.url
    page.get_by_label("Who decided").fill("A. Nurse")
    page.get_by_role("button", name="Write down").click()
    assert page.url == before
    assert "Nothing has been decided." in page.locator("#decisions").inner_text()


def test_before_the_first_run_and_without_anybody_there_is_a_word(page: Page, address: str, database: str) -> None:
    page.goto(f"{address}/worklist")
    check_fits(page)
    assert "No run has been stored yet" in page.locator("main").inner_text()
    store = open_runs(database)
    stored(store, run())
    store.close()
    page.reload()
    assert "Nobody here." in page.locator("main").inner_text()


def test_long_and_hostile_words_neither_widen_the_page_nor_run(page: Page, address: str, database: str) -> None:
    evil = f"{LONG} <img src=x onerror='window.ran=1'><script>window.ran=1</script>"
    spoiled = (
        verdict("histology", "pass", evil, text=evil),
        verdict("platelets", "unknown", evil, text=evil, missing=(Missing(evil, evil),)),
        verdict("lct-candidate", "review", evil, text=evil),
    )
    failed = run("r2", 1, state=RunState.INCOMPLETE, problems=(evil,))
    store = open_runs(database)
    stored(store, run(source=f"https://{LONG}", base=f"https://{LONG}"), screened(LONG, verdicts=spoiled))
    store.runs.end(failed)
    store.close()
    for path in ("/worklist", "/worklist/1"):
        page.goto(f"{address}{path}")
        check_fits(page)
        assert page.evaluate("window.ran") is None
        assert page.locator("img").count() == 0
