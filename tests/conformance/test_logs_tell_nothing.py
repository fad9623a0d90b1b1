"""No log record tells of a patient: the watch of `conftest.py` sees every record of every test, and would say so."""

from __future__ import annotations

import logging

import pytest
from fitting import HOOKS, Desk, body, drug, scan
from hooks import AS_OF, bundle, outcome
from watching import LogWatch, secrets

from cds_service.sandbox.roster import synthetic_patients


def record(words: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord("cds_service.test", logging.INFO, __file__, 1, words, values, None)


def person(number: int = 0) -> dict[str, object]:
    resources = synthetic_patients()[number].resources(AS_OF)
    return next(resource for resource in resources if resource["resourceType"] == "Patient")


@pytest.mark.parametrize("what", ["name", "identifier", "birthDate", "id"])
def test_the_watch_would_notice(what: str) -> None:
    found = person()
    told = found[what]
    words = told[0]["family" if what == "name" else "value"] if isinstance(told, list) else told
    watch = LogWatch()
    watch.emit(record("hook patient=%s", words))
    assert len(watch.told) == 1
    assert str(words) not in watch.told[0], "what is noted is the place, not the words"


def test_the_watch_lets_numbers_pass() -> None:
    watch = LogWatch()
    watch.emit(record("hook service=%s status=%d ms=%.1f", "extend-op-patient-view", 200, 1.5))
    assert (watch.seen, watch.told) == (1, [])


def test_every_synthetic_patient_is_watched_for() -> None:
    for number in range(len(synthetic_patients())):
        assert secrets().search(f"patient={person(number)['id']} ")


def test_calls_of_every_kind_log_numbers_only(watch: LogWatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk, before = Desk(), watch.seen
    for patient in synthetic_patients():
        for hook in HOOKS:
            orders = [drug(), scan()] if hook.startswith("order") else []
            for card in desk.cards(body(hook, *orders, patient=patient.id)):
                desk.put_away(card, "patient-ineligible", hook)
    sent = body()
    for spoiled in (outcome(), bundle(outcome()), "<html>", [sent["prefetch"]["patient"]]):
        desk.call(sent | {"prefetch": sent["prefetch"] | {"patient": spoiled}})
    desk.call(sent | {"hook": sent["prefetch"]["patient"]["name"][0]["family"]} | {"hookInstance": ""})
    assert watch.seen > before + 100
    assert not watch.told
    assert "hook service=extend-op-order-sign status=200" in caplog.text
