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
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.task import Task
from hooks import walk
from markdown_it import MarkdownIt

from cds_service.catalog.loading import load_catalog, mappings_directory
from cds_service.catalog.orderables import load_orderables
from cds_service.catalog.overrides import load_override_reasons
from cds_service.catalog.sites import Contact
from cds_service.cds.cards import Sender, summarise, write_card
from cds_service.cds.wire import HookCall, HookResponse, User, encode
from cds_service.domain.criteria import CriterionKind
from cds_service.domain.dates import parse_partial_date
from cds_service.domain.facts import PatientFacts, Person, Sex
from cds_service.domain.trials import Trial, assess
from cds_service.domain.verdicts import Assessment, Basis, Missing
from cds_service.screening.speaking import Ordering

# A renderer as trusting as the worst client met: raw HTML let through, tables and strikethrough on.
WORST = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
CARD = "0b0b8a10-96a5-5a3c-b0a9-0d6b7c7c9a01"
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
    reasons, orders = load_override_reasons(mappings_directory()), load_orderables(mappings_directory())
    return Sender(trial(), contact, reasons, orders)


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
    written = write_card(sender(contact), found or assessment(), call(**changed), CARD)
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


@pytest.mark.parametrize(
    ("unknown", "ordering", "summary"),
    [
        (["platelets"], None, "EXTEND-OP trial: 2 progressing lesions, may fit until 8 Dec; 1 item missing"),
        (["platelets", "ast"], None, "EXTEND-OP trial: 2 progressing lesions, may fit until 8 Dec; 2 items missing"),
        (
            [],
            Ordering(("irinotecan",)),
            "EXTEND-OP trial, as new systemic therapy is ordered: 2 progressing lesions, may fit until 8 Dec",
        ),
        (
            [],
            Ordering(therapy=True),
            "EXTEND-OP trial, as new systemic therapy is ordered: 2 progressing lesions, may fit until 8 Dec",
        ),
        (
            [],
            Ordering(staging=True),
            "EXTEND-OP trial, as staging is ordered: 2 progressing lesions, may fit until 8 Dec",
        ),
    ],
)
def test_the_summary_hints_at_what_is_missing_and_at_the_moment(
    unknown: list[str], ordering: Ordering | None, summary: str
) -> None:
    assert summarise(trial(), assessment(dict.fromkeys(unknown, "unknown")), ordering) == summary


def test_what_is_being_ordered_is_said_first() -> None:
    ordering = Ordering(("fluorouracil", "irinotecan"), staging=True)
    written = write_card(sender(), assessment(), call(hook="order-sign"), CARD, ordering)
    first, second = (written.detail or "").split("\n\n")[:2]
    assert first == "**Why now**"
    assert second == (
        "Being ordered: new systemic therapy: fluorouracil, irinotecan and a staging scan. The trial's alternative is"
        " local consolidative therapy of the progressing lesions (radiotherapy, surgery, ablation or embolisation)."
    )


# --- suggestions ----------------------------------------------------------------------------------------


def lab(what: str) -> Missing:
    return Missing(what, "lab within 28 days", date(2026, 10, 25), date(2026, 11, 22))


SCAN = Missing("new staging scan", "CT; pairs with that of 2026-09-01", date(2026, 12, 1), date(2026, 12, 22))
FULL = assessment(
    verdicts=(
        verdict("platelets", "unknown", missing=(lab("platelets"),)),
        verdict("bilirubin", "unknown", missing=(lab("bilirubin total"),)),
        verdict("pregnancy", "unknown", missing=(lab("pregnancy test"),)),
        verdict("baseline-imaging", "unknown", missing=(SCAN,)),
    )
)


def orders(found: Assessment, **changed: Any) -> dict[str, list[dict[str, Any]]]:
    """The resources of every suggestion by its label."""
    return {
        suggestion["label"]: [action["resource"] for action in suggestion["actions"]]
        for suggestion in card(found, **changed)["suggestions"]
    }


def codes(resources: list[dict[str, Any]]) -> list[str]:
    return [resource["code"]["coding"][0]["code"] for resource in resources]


LABS, SCANS = "Order the missing laboratory tests", "Order the staging scan"


def test_labs_and_scans_are_separate_suggestions_of_which_any_may_be_taken() -> None:
    found = card(FULL)
    assert found["selectionBehavior"] == "any"
    assert [s["label"] for s in found["suggestions"]] == ["Refer to the EXTEND-OP trial team", LABS, SCANS]
    assert [s.get("isRecommended") for s in found["suggestions"]] == [True, None, None]
    assert codes(orders(FULL)[LABS]) == ["777-3", "1975-2", "2118-8"]
    assert codes(orders(FULL)[SCANS]) == ["87869-4"]


def test_every_order_is_a_valid_draft_about_the_patient() -> None:
    for resources in orders(FULL, encounter_id="e1").values():
        for resource in resources:
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            if resource["resourceType"] == "ServiceRequest":
                assert (resource["status"], resource["intent"]) == ("draft", "order")
                assert resource["subject"] == {"reference": "Patient/p"}
                assert resource["requester"] == {"reference": "Practitioner/dr"}
                assert resource["encounter"] == {"reference": "Encounter/e1"}
                assert resource["authoredOn"] == "2026-11-22"


def test_a_scan_order_carries_the_days_between_which_it_counts() -> None:
    (scan,) = orders(FULL)[SCANS]
    assert scan["occurrencePeriod"] == {"start": "2026-12-01", "end": "2026-12-22"}
    (action,) = card(FULL)["suggestions"][2]["actions"]
    assert action["description"].endswith("from 2026-12-01 until 2026-12-22")


def test_a_lab_is_needed_from_today_while_the_patient_fits() -> None:
    assert orders(FULL)[LABS][0]["occurrencePeriod"] == {"start": "2026-11-22", "end": "2026-12-08"}


def test_a_scan_without_a_last_day_has_none() -> None:
    anytime = Missing("new staging scan", "CT", date(2026, 11, 22))
    (scan,) = orders(assessment(verdicts=(verdict("baseline-imaging", "unknown", missing=(anytime,)),)))[SCANS]
    assert scan["occurrencePeriod"] == {"start": "2026-11-22"}


def test_one_scan_is_ordered_the_first_that_counts() -> None:
    later = Missing("new staging scan", "CT", date(2027, 1, 5), date(2027, 2, 1))
    verdicts = (
        verdict("baseline-imaging", "unknown", missing=(SCAN, later)),
        verdict("pre-baseline-imaging", "unknown", missing=(later,)),
    )
    (scan,) = orders(assessment(verdicts=verdicts))[SCANS]
    assert scan["occurrencePeriod"]["start"] == "2026-12-01"


def test_a_staging_is_completed_where_that_is_all_it_takes() -> None:
    rest = Missing("CT of the chest", "would complete the scan of 2026-11-20", date(2026, 11, 22), date(2026, 12, 4))
    verdicts = (
        verdict("baseline-imaging", "unknown", missing=(rest,)),
        verdict("pre-baseline-imaging", "unknown", missing=(SCAN,)),
    )
    (scan,) = orders(assessment(verdicts=verdicts))[SCANS]
    assert codes([scan]) == ["24627-2"]
    assert scan["occurrencePeriod"] == {"start": "2026-11-22", "end": "2026-12-04"}


def test_direct_bilirubin_is_ordered_with_the_total_of_the_same_draw() -> None:
    missing = Missing("direct bilirubin", "of the same day", date(2026, 11, 9), date(2026, 11, 11))
    found = orders(assessment(verdicts=(verdict("bilirubin", "unknown", missing=(missing,)),)))
    assert codes(found[LABS]) == ["1975-2", "1968-7"]


def test_what_could_not_be_retrieved_is_not_ordered_anew() -> None:
    missing = Missing("platelets", "laboratory results of this patient")
    found = orders(assessment(verdicts=(verdict("platelets", "unknown", missing=(missing,)),)))
    assert list(found) == ["Refer to the EXTEND-OP trial team"]


@pytest.mark.parametrize(
    ("born", "tests"), [("1971-11-23", ["2118-8"]), ("1971-11-22", []), ("1960-01-01", []), ("1985-06-01", ["2118-8"])]
)
def test_no_pregnancy_test_is_suggested_from_55_years_on(born: str, tests: list[str]) -> None:
    person = Person("Patient/p", birth_date=parse_partial_date(born), birth_sex=Sex.FEMALE)
    judged = assess(trial(), PatientFacts(person), date(2026, 11, 22))
    found = orders(judged)
    ordered = codes(found[LABS])
    assert [code for code in ordered if code == "2118-8"] == tests
    assert {"751-8", "777-3", "718-7", "1975-2", "1920-8", "1742-6"} <= set(ordered)


def test_the_referral_goes_to_the_team_the_site_names() -> None:
    contact = Contact("Trial office", reference="Organization/trial-office")
    task = orders(assessment())["Refer to the EXTEND-OP trial team"][0]
    assert "owner" not in task
    owned = card(assessment(), contact)["suggestions"][0]["actions"][0]["resource"]
    assert owned["owner"] == {"reference": "Organization/trial-office", "display": "Trial office"}
    Task.model_validate(owned)


def test_every_code_that_is_ordered_is_read_again() -> None:
    catalog = load_catalog()
    for group in load_orderables(mappings_directory()):
        for order in group.orders:
            assert order.criterion in {criterion.id for criterion in trial().criteria}
            concepts = catalog.concepts(order.coding.system, order.coding.code)
            assert concepts & {"lab", "imaging-procedure"}, order.coding.code


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


def test_card_and_suggestions_have_uuids_of_their_own() -> None:
    found = card(FULL)
    uuids = [found["uuid"], *(suggestion["uuid"] for suggestion in found["suggestions"])]
    assert len({UUID(text) for text in uuids}) == 4
    assert found == card(FULL), "the same card has the same suggestions"


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
