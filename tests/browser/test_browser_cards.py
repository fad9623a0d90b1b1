"""Cards in the worst client there is: it lets raw HTML through, and puts every text into the page as HTML.

Whatever a record says, nothing of it may run, load, or become an element. Headless Chromium
renders it, because a browser's parser is the only judge of what runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
from assessments import assessment, verdict
from fitting import FITTING, Desk, body, drug, record
from hooks import by_kind
from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Error, Page, sync_playwright

from cds_service.catalog.loading import load_catalog, mappings_directory
from cds_service.catalog.orderables import load_orderables
from cds_service.catalog.overrides import load_override_reasons
from cds_service.catalog.sites import Contact
from cds_service.cds.cards import Sender, write_card
from cds_service.cds.wire import HookCall, HookResponse, User, encode
from cds_service.domain.verdicts import Missing
from cds_service.sandbox.pages.cards import markdown as sandbox_markdown
from cds_service.screening.speaking import Ordering

pytestmark = pytest.mark.browser

Json = dict[str, Any]
CHROMIUM = shutil.which("chromium")
CARD = "0b0b8a10-96a5-5a3c-b0a9-0d6b7c7c9a01"
WORST = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").enable("strikethrough")
RUN = "window.ran = (window.ran || 0) + 1"
CORPUS = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror='{RUN}'>",
    f"<svg onload='{RUN}'></svg>",
    f"<svg><script>{RUN}</script></svg>",
    '<iframe srcdoc="<script>parent.ran = 1</script>"></iframe>',
    "<iframe src='javascript:parent.ran=1'></iframe>",
    f"<body onload='{RUN}'>",
    f"<details open ontoggle='{RUN}'>x</details>",
    f"<video><source onerror='{RUN}'></video>",
    f"<audio src=x onerror='{RUN}'></audio>",
    f"<input autofocus onfocus='{RUN}'>",
    f"<marquee onstart='{RUN}'>x</marquee>",
    f"<math><mtext><img src=x onerror='{RUN}'></mtext></math>",
    f"<style>@import 'https://evil.example/x.css';</style><style onload='{RUN}'></style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<base href=https://evil.example/><img src=pixel.png>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<object data=https://evil.example/x></object>",
    "<embed src=https://evil.example/x>",
    "<form action=https://evil.example/><button>Approve</button></form>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<SCRIPT>{RUN}</SCRIPT>",
    f"<script\n>{RUN}</script\n>",
    f"\n\n<script>{RUN}</script>\n\n",
    f"    <script>{RUN}</script>",
    f"</li></ul><script>{RUN}</script>",
    f"--><script>{RUN}</script><!--",
    f"]]><script>{RUN}</script><![CDATA[",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}&#60;/script&#62;",
    f"\\<script\\>{RUN}\\</script\\>",
    f"`<script>{RUN}</script>`",
    f"```\n```\n<script>{RUN}</script>",
    "![x](https://evil.example/pixel.png)",
    f"[x](javascript:{RUN.replace(' ', '')})",
    f"[x]: javascript:{RUN.replace(' ', '')}\n\n[x]",
    "<https://evil.example>",
    "<javascript:alert(1)>",
    "| a |\n|---|\n| <img src=x onerror='window.ran=1'> |",
    f"\u2028<img src=x onerror='{RUN}'>\u2029",
    f"\x00<img src=x onerror='{RUN}'>",
    f"<img src=x onerror='{RUN}'",
    f'"><img src=x onerror="{RUN}">',
    f"'><img src=x onerror='{RUN}'>",
    f"<a href=javascript:window.ran=1 autofocus onfocus='{RUN}' tabindex=1>x</a>",
    f"<template><script>{RUN}</script></template><img src=x onerror='{RUN}'>",
    f"<noscript><p title=\"</noscript><img src=x onerror='{RUN}'>\">",
]
"""What has run in some client, or would."""
WHAT_IS_THERE = """(() => {
  const all = [...document.body.querySelectorAll('*')];
  return {
    ran: window.ran || 0,
    elements: all.map(e => e.tagName),
    attributes: all.flatMap(e => [...e.attributes].map(a => a.name)),
  };
})()"""
OURS = {"P", "STRONG", "UL", "LI", "DIV"}


@cache
def sender() -> Sender:
    folder = mappings_directory()
    contact = Contact("Trial office")
    return Sender(load_catalog().trials["extend-op"], contact, load_override_reasons(folder), load_orderables(folder))


def card(nasty: str) -> Json:
    """A card every word of whose record is hostile."""
    missing = (Missing(nasty, nasty),)
    found = assessment(
        verdicts=(
            verdict("histology", "pass", nasty, text=nasty),
            verdict("platelets", "unknown", nasty, text=nasty, missing=missing),
            verdict("lct-candidate", "review", nasty, text=nasty),
        )
    )
    call = HookCall("order-sign", "p", User("Practitioner", "Practitioner/dr"), None, None, None, {})
    written = write_card(sender(), found, call, CARD, Ordering((nasty,)))
    answer: Json = json.loads(encode(HookResponse((written,))))
    return answer["cards"][0]  # type: ignore[no-any-return]


def texts(value: Any) -> Iterator[str]:
    """Every text of a card but its Markdown."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield from texts(item) if name != "detail" else ()
        case list():
            for item in value:
                yield from texts(item)


def as_page(found: Json) -> str:
    """A card as HTML in the most trusting way."""
    plain = "".join(f"<div>{text}</div>" for text in texts(found))
    return f"<!doctype html><html><body>{WORST.render(found['detail'])}{plain}</body></html>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CDS_REQUIRE_ALL") == "1":
            pytest.fail("chromium is not installed, and CDS_REQUIRE_ALL=1 asks for every test")
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


def happens(page: Page, html: str) -> list[str]:
    """What a page does beside being there: scripts run, things asked for, elements that are not ours."""
    asked: list[str] = []

    def note(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route("**/*", note)
    try:
        page.evaluate("window.ran = 0")
        page.set_content(html, wait_until="load")
        page.wait_for_timeout(20)
        found = page.evaluate(WHAT_IS_THERE)
        page.unroute("**/*")
    except Error:
        return [*asked, "it went elsewhere"]
    names = [*(name for name in found["elements"] if name not in OURS), *found["attributes"]]
    return [*(["a script ran"] if found["ran"] else []), *asked, *names]


def test_the_corpus_would_act_if_nothing_were_escaped(browser: Browser) -> None:
    """The judge is no pushover: as it stands, most of the corpus runs or loads something in this browser."""
    page, acting = browser.new_page(), 0
    for nasty in CORPUS:
        does = happens(page, f"<!doctype html><html><body>{WORST.render(nasty)}</body></html>")
        acting += "a script ran" in does or any(what.startswith("http") for what in does)
        if "it went elsewhere" in does or any("evil" in what for what in does):
            page.close()
            page = browser.new_page()
    page.close()
    assert acting > 0.5 * len(CORPUS)


@pytest.mark.parametrize("at", range(len(CORPUS)))
def test_nothing_of_a_record_runs_loads_or_becomes_an_element(page: Page, at: int) -> None:
    assert happens(page, as_page(card(CORPUS[at]))) == []


@pytest.mark.parametrize("at", range(0, len(CORPUS), 4))
def test_the_sandbox_s_own_rendering_is_as_safe(page: Page, at: int) -> None:
    html = str(sandbox_markdown(card(CORPUS[at])["detail"]))
    assert happens(page, f"<!doctype html><html><body>{html}</body></html>") == []


def test_a_hostile_record_sent_through_the_hook_does_nothing(page: Page) -> None:
    """The whole way: hostile words in every text of the prefetched record, and of the orders."""
    nasty = "<img src=x onerror='window.ran=1'>"

    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            words = {"text", "display", "description", "family", "title"}
            return {k: f"{v} {nasty}" if k in words and isinstance(v, str) else spoil(v) for k, v in value.items()}
        return [spoil(item) for item in value] if isinstance(value, list) else value

    sent = body("order-sign", drug(text=f"Irinotecan {nasty}"), prefetch=spoil(by_kind(record(FITTING))))
    with ThreadPoolExecutor(1) as elsewhere:  # the browser's driver keeps an event loop of its own in this thread
        (found,) = elsewhere.submit(lambda: Desk().cards(sent)).result()
    assert "window.ran" in found["detail"], "the words themselves are shown"
    assert happens(page, as_page(found)) == []
