"""The service over time: one card, the same again, silence, and what breaks it. Through HTTP, with a clock to turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fitting import FITTING, HALF_LABS, START, Desk, body, drug, record, scan
from hooks import by_kind

Json = dict[str, Any]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_same_user_gets_the_same_card_for_twelve_hours_then_none_for_fourteen_days(desk: Desk) -> None:
    (first,) = desk.cards()
    for hours in (0, 1, 11):
        desk.later(hours=hours)
        assert desk.cards() == [first]
    desk.later(minutes=1)
    assert desk.cards() == []
    desk.at = datetime(2026, 12, 6, 8, 59, tzinfo=UTC)
    assert desk.cards() == []
    desk.later(minutes=1)
    (second,) = desk.cards()
    assert second["uuid"] != first["uuid"]
    assert second["summary"] == first["summary"]
    assert desk.silences() == {"SHOWN_LATELY": 2}


def test_another_user_gets_a_card_of_their_own(desk: Desk) -> None:
    (mine,), (theirs,) = desk.cards(), desk.cards(user="Practitioner/other")
    assert mine["uuid"] != theirs["uuid"]


def test_the_four_hooks_give_a_user_one_card(desk: Desk) -> None:
    sent = [body(), body("encounter-start"), body("order-sign", drug()), body("order-select", scan())]
    assert len({card["uuid"] for each in sent for card in desk.cards(each)}) == 1


def test_what_is_ordered_is_said_and_nothing_else_is_reason_to_speak(desk: Desk) -> None:
    (card,) = desk.cards(body("order-sign", drug(), scan()))
    assert card["summary"].startswith("EXTEND-OP trial, as new systemic therapy is ordered: 2 progressing lesions")
    assert card["detail"].startswith(
        "**Why now**\n\nBeing ordered: new systemic therapy: irinotecan and a staging scan."
    )
    silent = [drug(None), drug("26225", "Ondansetron"), scan("58410-2", "CBC")]
    for order in silent:
        assert desk.cards(body("order-select", order)) == []
        assert desk.cards(body("order-sign", order)) == []
    assert desk.silences() == {"NOTHING_ORDERED": 6}


def test_the_next_dose_of_a_running_drug_is_no_reason_to_speak(desk: Desk) -> None:
    running = [r for r in record() if r["resourceType"] == "MedicationAdministration"][-1]
    again = drug("0", medicationCodeableConcept=running["medicationCodeableConcept"])
    assert desk.cards(body("order-sign", again)) == []
    assert desk.silences() == {"NOTHING_ORDERED": 1}


def unprogressed() -> Json:
    """The record without what tells of progression: lesion sizes and stated responses."""
    kept = [r for r in record() if r["resourceType"] != "BodyStructure" and not _tells_of_course(r)]
    return by_kind(kept)


def _tells_of_course(resource: Json) -> bool:
    codes = {coding["code"] for coding in resource.get("code", {}).get("coding", [])}
    return bool(resource.get("focus")) or bool(codes & {"97509-4", "88040-1", "21976-6"})


@pytest.mark.parametrize(
    ("sent", "speaks"),
    [
        (body(prefetch=unprogressed()), False),
        (body("encounter-start", prefetch=unprogressed()), False),
        (body("order-select", drug(), prefetch=unprogressed()), True),
        (body("order-sign", scan(), prefetch=unprogressed()), True),
    ],
    ids=["patient-view", "encounter-start", "drug", "scan"],
)
def test_unknown_progression_is_enough_only_while_treatment_or_staging_is_ordered(sent: Json, speaks: bool) -> None:
    desk = Desk()
    cards = desk.cards(sent)
    assert bool(cards) is speaks
    if speaks:
        assert "progression not established" in cards[0]["summary"]
    else:
        assert desk.silences() == {"NOT_ESTABLISHED": 1}


def test_new_facts_make_a_new_card(desk: Desk) -> None:
    (first,) = desk.cards(patient=HALF_LABS)
    assert "items missing" in first["summary"]
    lab = {
        "resourceType": "Observation",
        "id": "new-alt",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "1742-6"}]},
        "subject": {"reference": f"Patient/{HALF_LABS}"},
        "effectiveDateTime": "2026-11-21",
        "valueQuantity": {"value": 20, "unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"},
        "referenceRange": [{"high": {"value": 40, "unit": "U/L"}}],
    }
    fuller = by_kind([*record(HALF_LABS), lab])
    (second,) = desk.cards(body(patient=HALF_LABS, prefetch=fuller))
    assert second["uuid"] != first["uuid"]
    assert second["summary"] != first["summary"]


SILENCED = [
    ("patient-refuses", "Practitioner/other", 400, "REFUSED"),
    ("patient-ineligible", "Practitioner/other", 400, "FOUND_INELIGIBLE"),
    ("action-completed", "Practitioner/other", 400, "ALREADY_DONE"),
    ("limited-time", "Practitioner/dr", 6.9, "NO_TIME"),
    ("limited-time", "Practitioner/dr", 7.1, None),
    ("limited-time", "Practitioner/other", 0, None),
    ("need-more-info", "Practitioner/dr", 13, "DISMISSED"),
    ("need-more-info", "Practitioner/dr", 15, None),
    ("need-more-info", "Practitioner/other", 0, None),
    (None, "Practitioner/dr", 0, "DISMISSED"),
]


@pytest.mark.parametrize(("reason", "user", "days", "silence"), SILENCED)
def test_feedback_silences_by_its_reason(
    desk: Desk, reason: str | None, user: str, days: float, silence: str | None
) -> None:
    (card,) = desk.cards()
    assert desk.put_away(card, reason).status_code == 200
    desk.later(days=days)
    assert bool(desk.cards(user=user)) is (silence is None)
    assert desk.silences() == ({silence: 1} if silence else {})


def test_a_referral_taken_silences_the_card_for_everyone_and_an_order_does_not(desk: Desk) -> None:
    (card,) = desk.cards(patient=HALF_LABS)
    assert [suggestion["label"][:5] for suggestion in card["suggestions"]] == ["Refer", "Order"]
    desk.take(card, 1)
    assert desk.cards(patient=HALF_LABS) == [card]
    desk.take(card, 0)
    assert desk.cards(patient=HALF_LABS) == []
    assert desk.cards(patient=HALF_LABS, user="Practitioner/other") == []
    assert desk.silences() == {"ALREADY_DONE": 2}


def subject(status: str, **study: Any) -> Json:
    return {
        "resourceType": "ResearchSubject",
        "id": "s1",
        "status": status,
        "study": study,
        "individual": {"reference": f"Patient/{FITTING}"},
    }


@pytest.mark.parametrize(
    ("found", "speaks"),
    [
        (subject("on-study", identifier={"value": "NCT06367972"}), False),
        (subject("screening", reference="ResearchStudy/NCT06367972"), False),
        (subject("candidate", reference="ResearchStudy/77", display="EXTEND-OP (NCT06367972)"), False),
        (subject("withdrawn", identifier={"value": "NCT06367972"}), True),
        (subject("on-study", identifier={"value": "NCT00000001"}), True),
    ],
)
def test_who_is_on_the_trial_gets_no_card(desk: Desk, found: Json, speaks: bool) -> None:
    assert bool(desk.cards(body(prefetch=by_kind([*record(), found])))) is speaks
    assert desk.silences() == ({} if speaks else {"ALREADY_SUBJECT": 1})


def test_a_site_names_its_own_record_of_the_study() -> None:
    found = subject("on-study", reference="ResearchStudy/example-extend-op")
    assert Desk(site="example-hospital").cards(body(prefetch=by_kind([*record(), found]))) == []
    assert Desk().cards(body(prefetch=by_kind([*record(), found]))) != []


NO_CLINICIANS = [
    "Patient/sbx-colon-liver",
    "RelatedPerson/mother",
    "https://ehr.example/fhir/Patient/sbx-colon-liver",
    "https://ehr.example/fhir/RelatedPerson/1/_history/2",
    "https://ehr.example/Practitioner/Patient/1",
    "patient/sbx-colon-liver",
    " Patient/sbx-colon-liver ",
    "Patient/",
    "Patient",
]


@pytest.mark.parametrize("user", NO_CLINICIANS)
@pytest.mark.parametrize("hook", ["patient-view", "encounter-start", "order-sign"])
def test_no_card_for_patients_and_relatives(desk: Desk, user: str, hook: str) -> None:
    orders = [drug()] if hook == "order-sign" else []
    assert desk.cards(body(hook, *orders, user=user)) == []
    assert desk.silences() == {"NOT_FOR_PATIENTS": 1}


ODD_USERS = [
    "https://ehr.example/fhir/Practitioner/1",
    "https://ehr.example/fhir/Practitioner/2",
    "dr.smith",
    "dr.jones",
    "Device/7",
    "x" * 5000,
    "x" * 5001,
    "a\x00b",
    "a\x00c",
]


def test_users_with_ids_of_another_form_are_told_apart(desk: Desk) -> None:
    shown = [desk.cards(user=user)[0]["uuid"] for user in (*ODD_USERS, *ODD_USERS)]
    assert shown[:9] == shown[9:]
    assert len(set(shown)) == 9


def test_the_limits_are_settings() -> None:
    assert Desk(card_max_unknowns=3).cards(patient=HALF_LABS) == []
    assert Desk(card_max_unknowns=4).cards(patient=HALF_LABS) != []
    assert Desk(card_needs=("alive", "platelets")).cards(patient=HALF_LABS) == []
    short = Desk(card_same_hours=1, card_again_days=2, card_no_time_days=1)
    (first,) = short.cards()
    short.later(hours=1, minutes=1)
    assert short.cards() == []
    short.later(days=2)
    (second,) = short.cards()
    assert second["uuid"] != first["uuid"]
    short.put_away(second, "limited-time")
    short.later(hours=23)
    assert short.cards() == []
    short.later(hours=2)
    assert short.cards() != []


def test_every_call_is_audited_with_what_came_of_it(desk: Desk) -> None:
    (card,) = desk.cards()
    desk.cards(user="Patient/p")
    desk.call(body(prefetch={}))
    desk.call(body() | {"hook": "patient-view", "hookInstance": ""})
    events = desk.audit()
    assert [event["outcomeDesc"] for event in events] == [
        "A card was shown",
        "No card was shown: NOT_FOR_PATIENTS",
        "The call failed: 412",
        "The call failed: 400",
    ]
    shown = events[0]
    assert shown["recorded"].startswith(START.strftime("%Y-%m-%dT%H:%M:%S"))
    assert shown["agent"][0]["who"] == {"reference": "Practitioner/dr"}
    assert shown["entity"][0]["what"] == {"reference": f"Patient/{FITTING}"}
    details = {detail["type"]: detail["valueString"] for detail in shown["entity"][1]["detail"]}
    assert details["card"] == card["uuid"]
    assert details["hookInstance"] == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
