"""The card as CDS Hooks 2.0.1 has it, and as a clinician reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from assessments import assessment, verdict
from fhir.resources.R4B.task import Task
from hooks import walk
from markdown_it import MarkdownIt

from cds_service.catalog.loading import load_catalog, mappings_directory
from cds_service.catalog.overrides import load_override_reasons
from cds_service.catalog.sites import Contact
from cds_service.cds.cards import Sender, summarise, write_card
from cds_service.cds.wire import HookCall, HookResponse, User, encode
from cds_service.domain.criteria import CriterionKind
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Basis, Missing

# A renderer as trusting as the worst client met: raw HTML let through, tables and strikethrough on.
WORST = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
NOBODY = Contact()
OURS = {"p", "strong", "ul", "li"}

NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<svg/onload=alert(1)>",
    "</li></ul><h1>Approved</h1>",
    "<!-- hidden",
    "<![CDATA[ x ]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "[click](javascript:alert(1))",
    "[click]: javascript:alert(1)",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "https://evil.example/steal",
    "www.evil.example",
    "me@evil.example",
    "**bold** _it_ ~~gone~~ `code`",
    "```\nblock\n```",
    "\n\n# Heading\n\n",
    "\n- item\n",
    "\n1. item\n",
    "\n> quote\n",
    "\n---\n",
    "\n    indented\n",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "\u202egnp.exe",
    "\u0000\u0007",
    "a\r\nb\u2028c",
    "\\<b\\>",
]


@cache
def trial() -> Trial:
    return load_catalog().trials["extend-op"]


@cache
def sender(contact: Contact = NOBODY) -> Sender:
    return Sender(trial(), contact, load_override_reasons(mappings_directory()))


def call(**changed: Any) -> HookCall:
    said: dict[str, Any] = {
        "hook": "patient-view",
        "patient_id": "p",
        "user": User("Practitioner", "Practitioner/dr"),
        "encounter_id": None,
        "fhir_server": None,
        "token": None,
        "prefetch": {},
    }
    return HookCall(**(said | changed))


def card(found: Assessment | None = None, contact: Contact = NOBODY, **changed: Any) -> dict[str, Any]:
    written = write_card(sender(contact), found or assessment(), call(**changed))
    answer: dict[str, Any] = json.loads(encode(HookResponse((written,))))
    return answer["cards"][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("lesions", "closes", "summary"),
    [
        ((2, 2), date(2026, 12, 8), "EXTEND-OP trial: 2 progressing lesions, may fit until 8 Dec"),
        ((1, 1), date(2026, 12, 8), "EXTEND-OP trial: 1 progressing lesion, may fit until 8 Dec"),
        ((1, 3), date(2027, 1, 2), "EXTEND-OP trial: 1 to 3 progressing lesions, may fit until 2 Jan 2027"),
        ((0, 2), None, "EXTEND-OP trial: up to 2 progressing lesions, may fit"),
        ((0, 0), date(2026, 11, 30), "EXTEND-OP trial: progression recorded, may fit until 30 Nov"),
    ],
)
def test_the_summary_has_reason_and_deadline(lesions: tuple[int, int], closes: date | None, summary: str) -> None:
    assert card(assessment(lesions=lesions, closes=closes))["summary"] == summary


def test_no_summary_reaches_140_characters() -> None:
    long = replace(trial(), short_title="A" * 200)
    assert len(summarise(long, assessment())) == 139


def test_the_card_keeps_to_the_specification() -> None:
    found = card()
    UUID(found["uuid"])
    assert found["indicator"] == "info"
    assert len(found["summary"]) < 140
    assert found["source"]["label"]
    assert found["source"]["url"].startswith("https://")
    assert set(found["source"]["topic"]) == {"code", "system", "display"}
    assert found["selectionBehavior"] == "at-most-one"
    assert [link["type"] for link in found["links"]] == ["absolute"]
    assert found["links"][0]["url"] == trial().registry_url
    assert len(found["overrideReasons"]) >= 5
    assert all(set(reason) == {"code", "system", "display"} for reason in found["overrideReasons"])
    assert {"patient-ineligible", "patient-refuses", "limited-time"} <= {r["code"] for r in found["overrideReasons"]}


def test_nothing_is_null_or_empty() -> None:
    def check(path: str, value: Any) -> None:
        assert value not in (None, "", [], {}), path

    walk(card(assessment({"platelets": "unknown"}, closes=None)), check)


def test_one_recommended_suggestion_creates_a_task() -> None:
    (suggestion,) = card()["suggestions"]
    UUID(suggestion["uuid"])
    assert suggestion["isRecommended"] is True
    assert suggestion["label"] == "Refer to the EXTEND-OP trial team"
    (action,) = suggestion["actions"]
    assert action["type"] == "create"
    assert action["description"]
    task = action["resource"]
    Task.model_validate(task)
    assert (task["resourceType"], task["status"], task["intent"]) == ("Task", "requested", "proposal")
    assert task["for"] == {"reference": "Patient/p"}
    assert task["requester"] == {"reference": "Practitioner/dr"}
    assert task["restriction"] == {"period": {"end": "2026-12-08"}}
    assert "NCT06367972" in task["code"]["text"]
    assert "id" not in task
    assert "focus" not in task


def test_the_task_names_a_requester_and_encounter_only_where_known() -> None:
    task = card(user=User("Device"), encounter_id="e1")["suggestions"][0]["actions"][0]["resource"]
    assert "requester" not in task
    assert task["encounter"] == {"reference": "Encounter/e1"}


def test_the_same_question_on_the_same_day_has_the_same_uuids() -> None:
    one, again, other = card(), card(), card(user=User("Practitioner", "Practitioner/other"))
    assert one == again
    assert one["uuid"] != other["uuid"]
    assert one["uuid"] != one["suggestions"][0]["uuid"]


def test_the_detail_answers_the_clinicians_questions_in_order() -> None:
    needed = Missing("platelets", "lab within 28 days", date(2026, 11, 22), date(2026, 12, 20))
    found = assessment(
        verdicts=(
            verdict("histology", "pass", "Colon cancer (CRC)", text="Colon cancer"),
            verdict("anc", "pass"),
            verdict("effusion", "pass", basis=Basis.NO_RECORD, kind=CriterionKind.EXCLUSION),
            verdict("prior-lines", "pass", kind=CriterionKind.EXCLUSION),
            verdict("stage-iv", "pass", "Metastatic (2026-11-10)", text="Liver metastases"),
            verdict("platelets", "unknown", "None in the last 28 days", missing=(needed,)),
            verdict("lct-candidate", "review", "Can every lesion be treated?"),
        )
    )
    detail = card(found, Contact("Trial office", "+1 555 0100", "trials@hospital.example"))["detail"]
    assert re.findall(r"^\*\*(.+)\*\*$", detail, re.MULTILINE) == [
        "Why",
        "Missing",
        "For you to judge",
        "Until when",
        "Contact",
    ]
    assert "Colon cancer (2026-11-10)" in detail
    assert "Liver metastases" not in detail, "its date stands in the reason"
    assert "- No record of: Malignant effusion\n" in detail
    assert "- Looked at and not excluding: More than 4 earlier lines\n" in detail
    assert "- Also fits: Alive; Adult; Neutrophils" in detail
    assert "platelets (lab within 28 days) from 22 Nov 2026 until 20 Dec 2026" in detail
    assert "holds until 8 Dec 2026" in detail
    assert "Trial office, +1 555 0100, trials@hospital.example" in WORST.render(detail)


@pytest.mark.parametrize("nasty", NASTY)
def test_words_of_a_record_stay_words(nasty: str) -> None:
    missing = (Missing(nasty, nasty),)
    found = assessment(
        verdicts=(
            verdict("histology", "pass", nasty, text=nasty),
            verdict("platelets", "unknown", nasty, missing=missing),
            verdict("lct-candidate", "review", nasty, text=nasty),
        )
    )
    html = WORST.render(card(found)["detail"])
    assert set(re.findall(r"<\s*/?\s*([a-zA-Z0-9!?]+)", html)) <= OURS
    assert not re.search(r"<[a-z]+\s", html), "an element of ours with an attribute"


def test_markup_of_ours_is_all_there_is() -> None:
    plain = assessment(verdicts=(verdict("histology", "pass", "plain", text="plain"),))
    for nasty in NASTY:
        found = assessment(verdicts=(verdict("histology", "pass", nasty, text="plain"),))
        tags = [re.findall(r"</?\w+>", WORST.render(card(each)["detail"])) for each in (plain, found)]
        assert tags[0] == tags[1], nasty
