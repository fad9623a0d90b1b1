"""What a call came to is reused for the same bytes, patient, day and trial, for a while, and for nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from fitting import Desk, body, drug, scan
from hooks import AS_OF

from cds_service.bootstrap import build_trial_service
from cds_service.cds.answering import Moment, TrialService
from cds_service.cds.recent import RecentCalls
from cds_service.cds.wire import HookCall, read_call
from cds_service.config import Settings
from cds_service.domain.facts import Kind, PatientFacts

DAY = date(2026, 3, 2)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """The reader of the service, counting how often it is asked."""

    def __init__(self, read: Any) -> None:
        self.read = read
        self.times = 0

    def __call__(self, patient_id: str, deliveries: Any) -> PatientFacts:
        self.times += 1
        found = self.read(patient_id, deliveries)
        assert isinstance(found, PatientFacts)
        return found


def a_call(*, patient: str = "p", gender: str = "female", without: str = "", **more: Any) -> HookCall:
    prefetch: dict[str, Any] = {kind.value: None for kind in Kind if kind.value != without}
    prefetch["patient"] = {"resourceType": "Patient", "id": patient, "gender": gender, "birthDate": "1970-01-01"}
    body = {
        "hook": "patient-view",
        "hookInstance": "3b5e5a3a-51b9-4b1d-9c3c-000000000001",
        "context": {"userId": "Practitioner/u", "patientId": patient},
        "prefetch": {**prefetch, **more},
    }
    return read_call(json.dumps(body).encode(), "patient-view")


def a_service(recent: RecentCalls) -> tuple[TrialService, Counted]:
    service = build_trial_service(Settings())
    counted = Counted(service.read)
    return dataclasses.replace(service, read=counted, recent=recent), counted


def ask(service: TrialService, *calls: HookCall, day: date = DAY) -> list[Any]:
    async def all_of_them() -> list[Any]:
        moment = Moment(day, datetime(2026, 3, 2, 12, tzinfo=UTC))
        return [await service.answer(call, no_http, moment) for call in calls]

    return asyncio.run(all_of_them())


def no_http() -> Any:
    raise AssertionError("nothing is to be fetched here")


def test_the_same_record_sent_again_is_not_read_again_and_says_the_same() -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15)))
    first, again = ask(service, a_call(), a_call())
    assert counted.times == 1
    assert (first.silence, first.sent) == (again.silence, again.sent)
    assert first.sent == 13


@pytest.mark.parametrize("other", [{"gender": "male"}, {"patient": "q"}, {"conditions": {"resourceType": "Bundle"}}])
def test_another_record_or_patient_is_read(other: dict[str, Any]) -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15)))
    ask(service, a_call(), a_call(**other))
    assert counted.times == 2


def test_another_day_is_assessed_anew() -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15)))
    ask(service, a_call())
    ask(service, a_call(), day=DAY + timedelta(days=1))
    assert counted.times == 2


def test_another_trial_is_assessed_anew() -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15)))
    ask(service, a_call())
    trial = dataclasses.replace(service.sender.trial, criteria=service.sender.trial.criteria[:3])
    ask(dataclasses.replace(service, sender=dataclasses.replace(service.sender, trial=trial)), a_call())
    assert counted.times == 2


def test_a_record_sent_in_part_is_not_kept() -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15)))
    ask(service, a_call(without="imaging"), a_call(without="imaging"))
    assert counted.times == 2


@pytest.mark.parametrize(("seconds", "times"), [(899.0, 1), (900.0, 2)])
def test_what_is_too_old_is_dropped(seconds: float, times: int) -> None:
    clock = Clock()
    recent = RecentCalls(timedelta(minutes=15), clock=clock)
    service, counted = a_service(recent)
    ask(service, a_call())
    clock.now += seconds
    ask(service, a_call())
    assert counted.times == times


def test_the_oldest_goes_first_when_it_is_full() -> None:
    service, counted = a_service(RecentCalls(timedelta(minutes=15), at_most=2))
    ask(service, a_call(patient="a"), a_call(patient="b"), a_call(patient="c"))
    assert counted.times == 3
    ask(service, a_call(patient="b"), a_call(patient="c"))
    assert counted.times == 3
    ask(service, a_call(patient="a"))
    assert counted.times == 4


def test_nothing_is_kept_where_the_setting_is_zero() -> None:
    assert build_trial_service(Settings(recent_minutes=0)).recent.keep_for == timedelta(0)
    assert build_trial_service(Settings()).recent.keep_for == timedelta(minutes=15)
    service, counted = a_service(RecentCalls())
    ask(service, a_call(), a_call())
    assert counted.times == 2


def test_the_same_record_with_other_orders_is_spoken_of_in_other_words() -> None:
    desk = Desk()
    sent = [
        body(),
        body("order-sign", drug()),
        body("order-sign", scan()),
        body("order-sign", drug("51499"), scan()),
        body(),
    ]
    said = [desk.cards(one)[0]["detail"].partition("\n\n**Why**")[0] for one in (*sent, *sent)]
    assert said[:5] == said[5:]
    plain, drugs, scans, both, again = said[:5]
    assert plain == again
    assert "Why now" not in plain
    assert "new systemic therapy: irinotecan" in drugs
    assert "a staging scan" not in drugs
    assert "a staging scan" in scans
    assert "irinotecan" not in scans
    assert "new systemic therapy: irinotecan and a staging scan" in both


def test_words_for_ever_other_orders_do_not_pile_up() -> None:
    service = dataclasses.replace(build_trial_service(Settings()), recent=RecentCalls(timedelta(minutes=15)))
    names = ("docetaxel", "gemcitabine", "paclitaxel", "carboplatin")
    orders = [
        [drug(None, id=name, medicationCodeableConcept={"text": name}) for name in chosen]
        for size in (1, 2, 3)
        for chosen in combinations(names, size)
    ]
    calls = [read_call(json.dumps(body("order-sign", *chosen)).encode(), "order-sign") for chosen in orders]
    answers = ask(service, *calls, day=AS_OF)
    assert len({answer.response.cards[0].detail for answer in answers}) == 14
    came = service.recent.find(service.recent.key(calls[0], AS_OF), service.sender.trial)
    assert came is not None
    assert 0 < len(came.details) <= 8
