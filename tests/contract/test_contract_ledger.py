"""What every ledger promises, whatever it is kept in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from ledgers import ANNA, DOCTOR, EHR, NOON, TRIAL, card, decision, entry, feedback, later, suppression, wait_for
from sqlalchemy import Engine, event

from cds_service.screening.entries import (
    Asked,
    CardFeedback,
    Decided,
    FeedbackCount,
    FeedbackOutcome,
    PatientKey,
    SuppressionCount,
    System,
)
from cds_service.screening.ports import Ledger

OTHER_SYSTEMS = [
    System("https://ehr.example", "south"),
    System("https://ehr.example"),
    System("https://other.example", "north"),
    System(),
]
ODD = 'Ünïcode ’ " ; -- \\ %s {} 你好 🙂'


class TestCards:
    def test_nothing_is_found_before_anything_is_shown(self, ledger: Ledger) -> None:
        assert wait_for(ledger.cards.latest(ANNA, TRIAL, DOCTOR, EHR)) is None
        assert wait_for(ledger.cards.find("c1")) is None

    def test_a_card_comes_back_as_it_was(self, ledger: Ledger) -> None:
        shown = card(fingerprint=ODD, outcomes={"age": "pass", ODD: ""}, shown_at=NOON)
        wait_for(ledger.cards.shown(shown))
        assert wait_for(ledger.cards.find("c1")) == shown
        assert wait_for(ledger.cards.latest(ANNA, TRIAL, DOCTOR, EHR)) == shown

    def test_the_latest_is_the_one_shown_last_whatever_the_order_written(self, ledger: Ledger) -> None:
        for uuid, hours in (("c1", 0), ("c3", 2), ("c2", 1)):
            wait_for(ledger.cards.shown(card(uuid, shown_at=later(hours=hours))))
        found = wait_for(ledger.cards.latest(ANNA, TRIAL, DOCTOR, EHR))
        assert found is not None
        assert found.uuid == "c3"

    def test_a_user_has_cards_of_their_own(self, ledger: Ledger) -> None:
        wait_for(ledger.cards.shown(card("c1")))
        wait_for(ledger.cards.shown(card("c2", user="Practitioner/other", shown_at=later(hours=1))))
        mine = wait_for(ledger.cards.latest(ANNA, TRIAL, DOCTOR, EHR))
        assert mine is not None
        assert mine.uuid == "c1"
        assert wait_for(ledger.cards.latest(ANNA, TRIAL, "Practitioner/third", EHR)) is None

    @pytest.mark.parametrize("other", OTHER_SYSTEMS)
    def test_a_record_system_has_cards_of_its_own(self, ledger: Ledger, other: System) -> None:
        wait_for(ledger.cards.shown(card("c1")))
        wait_for(ledger.cards.shown(card("c2", system=other, shown_at=later(hours=1))))
        mine, theirs = (wait_for(ledger.cards.latest(ANNA, TRIAL, DOCTOR, system)) for system in (EHR, other))
        assert mine == card("c1")
        assert theirs == card("c2", system=other, shown_at=later(hours=1))

    @pytest.mark.parametrize("other", OTHER_SYSTEMS)
    def test_who_was_shown_which_card_can_be_asked_of_many(self, ledger: Ledger, other: System) -> None:
        for uuid, system in (("c1", EHR), ("c2", other), ("c3", EHR)):
            wait_for(ledger.cards.shown(card(uuid, system=system)))
        asked = ["c1", "c2", "c3", ODD, *(f"never-{number}" for number in range(1200))]
        assert wait_for(ledger.cards.shown_to(EHR, asked)) == {"c1", "c3"}
        assert wait_for(ledger.cards.shown_to(other, asked)) == {"c2"}
        assert wait_for(ledger.cards.shown_to(EHR, [])) == frozenset()

    @pytest.mark.parametrize(
        ("patient", "trial"),
        [
            (PatientKey("https://other.example/fhir", "anna"), TRIAL),
            (PatientKey("", "anna"), TRIAL),
            (PatientKey(ANNA.base, "bert"), TRIAL),
            (PatientKey(ANNA.base, "ANNA"), TRIAL),
            (ANNA, "another-trial"),
        ],
    )
    def test_another_patient_or_trial_has_none(self, ledger: Ledger, patient: PatientKey, trial: str) -> None:
        wait_for(ledger.cards.shown(card()))
        assert wait_for(ledger.cards.latest(patient, trial, DOCTOR, EHR)) is None

    def test_a_card_is_written_once(self, ledger: Ledger) -> None:
        first = card()
        wait_for(ledger.cards.shown(first))
        wait_for(ledger.cards.shown(replace(first, shown_at=later(days=1), fingerprint="f2")))
        assert wait_for(ledger.cards.find("c1")) == first

    def test_showing_a_card_again_leaves_the_first_time_as_it_is(self, ledger: Ledger, store: object) -> None:
        wait_for(ledger.cards.shown(card()))
        ledger.cards.shown_again("c1", later(hours=3))
        ledger.cards.shown_again("never", later(hours=3))
        wait_for(ledger.audit.entries())  # reading what is written soon waits for it
        assert wait_for(ledger.cards.find("c1")) == card(last_shown_at=later(hours=3))


class TestFeedback:
    def test_none_is_known_before_any_is_given(self, ledger: Ledger) -> None:
        wait_for(ledger.cards.shown(card()))
        wait_for(ledger.feedback.record([]))
        assert wait_for(ledger.feedback.of_patient(ANNA, TRIAL)) == ()
        assert wait_for(ledger.feedback.counts()) == ()

    def test_feedback_comes_back_as_it_was_with_its_card(self, ledger: Ledger) -> None:
        given = feedback(comment=ODD, reason_system="http://terminology.hl7.org/x", suggestions=("s1", "s2"))
        wait_for(ledger.cards.shown(card()))
        wait_for(ledger.feedback.record([given]))
        assert wait_for(ledger.feedback.of_patient(ANNA, TRIAL)) == (CardFeedback(card(), given),)

    def test_repeats_change_nothing(self, ledger: Ledger) -> None:
        wait_for(ledger.cards.shown(card()))
        for _ in range(3):
            wait_for(ledger.feedback.record([feedback(), feedback()]))
        assert wait_for(ledger.feedback.of_patient(ANNA, TRIAL)) == (CardFeedback(card(), feedback()),)
        assert wait_for(ledger.feedback.counts()) == (
            FeedbackCount("patient-view", FeedbackOutcome.OVERRIDDEN, "patient-refuses", "Practitioner", 1),
        )

    @pytest.mark.parametrize("in_order", [True, False])
    def test_the_later_outcome_holds_and_what_was_accepted_stays_listed(self, ledger: Ledger, in_order: bool) -> None:
        accepted = feedback(outcome=FeedbackOutcome.ACCEPTED, reason="", suggestions=("s1",))
        overridden = feedback(at=later(minutes=1))
        wait_for(ledger.cards.shown(card()))
        both = [accepted, overridden] if in_order else [overridden, accepted]
        wait_for(ledger.feedback.record(both[:1]))
        wait_for(ledger.feedback.record(both[1:]))
        (found,) = wait_for(ledger.feedback.of_patient(ANNA, TRIAL))
        assert found.feedback == replace(overridden, suggestions=("s1",))

    def test_of_equal_times_the_last_to_arrive_holds(self, ledger: Ledger) -> None:
        wait_for(ledger.cards.shown(card()))
        wait_for(ledger.feedback.record([feedback(reason="a"), feedback(reason="b")]))
        (found,) = wait_for(ledger.feedback.of_patient(ANNA, TRIAL))
        assert found.feedback.reason == "b"

    def test_feedback_on_an_unknown_card_counts_and_concerns_nobody(self, ledger: Ledger) -> None:
        wait_for(ledger.feedback.record([feedback("never-shown")]))
        assert wait_for(ledger.feedback.of_patient(ANNA, TRIAL)) == ()
        (count,) = wait_for(ledger.feedback.counts())
        assert (count.role, count.count) == ("", 1)

    def test_of_several_cards_the_latest_outcome_comes_first(self, ledger: Ledger) -> None:
        for uuid in ("c1", "c2", "c3"):
            wait_for(ledger.cards.shown(card(uuid, user=f"Practitioner/{uuid}")))
        wait_for(ledger.cards.shown(card("b1", patient=PatientKey(ANNA.base, "bert"))))
        wait_for(
            ledger.feedback.record(
                [feedback("c1", at=later(hours=1)), feedback("c2", at=later(hours=3)), feedback("c3"), feedback("b1")]
            )
        )
        found = wait_for(ledger.feedback.of_patient(ANNA, TRIAL))
        assert [item.card.uuid for item in found] == ["c2", "c1", "c3"]

    def test_counts_tell_hooks_outcomes_reasons_and_roles_apart(self, ledger: Ledger) -> None:
        wait_for(ledger.cards.shown(card("c1")))
        wait_for(ledger.cards.shown(card("c2")))
        wait_for(ledger.cards.shown(card("c3", role="PractitionerRole")))
        given = [feedback("c1"), feedback("c2"), feedback("c3"), feedback("c4", hook="order-sign", reason="x")]
        wait_for(ledger.feedback.record(given))
        overridden = FeedbackOutcome.OVERRIDDEN
        assert set(wait_for(ledger.feedback.counts())) == {
            FeedbackCount("patient-view", overridden, "patient-refuses", "Practitioner", 2),
            FeedbackCount("patient-view", overridden, "patient-refuses", "PractitionerRole", 1),
            FeedbackCount("order-sign", overridden, "x", "", 1),
        }


@pytest.fixture
def slow_reader() -> Iterator[None]:
    """Between asking which decision holds and adding one, others have the time to do the same."""

    def linger(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().startswith("SELECT decisions"):
            time.sleep(0.02)

    event.listen(Engine, "after_cursor_execute", linger)
    yield
    event.remove(Engine, "after_cursor_execute", linger)


class TestDecisions:
    def test_there_is_none_before_one_is_made(self, ledger: Ledger) -> None:
        assert wait_for(ledger.decisions.latest(ANNA, TRIAL)) is None
        assert wait_for(ledger.decisions.history(ANNA, TRIAL)) == ()

    def test_the_last_made_holds_and_all_are_kept(self, ledger: Ledger) -> None:
        made = [
            decision(Decided.SCREENED, note=ODD),
            decision(Decided.REFUSED, at=later(days=1)),
            decision(Decided.REOPENED, at=later(hours=1), by="another"),
        ]
        for one in made:
            wait_for(ledger.decisions.record(one))
        assert wait_for(ledger.decisions.history(ANNA, TRIAL)) == tuple(made)
        assert wait_for(ledger.decisions.latest(ANNA, TRIAL)) == made[-1]

    def test_another_patient_and_another_trial_have_their_own(self, ledger: Ledger) -> None:
        wait_for(ledger.decisions.record(decision()))
        assert wait_for(ledger.decisions.latest(PatientKey("", "anna"), TRIAL)) is None
        assert wait_for(ledger.decisions.latest(ANNA, "other")) is None

    def test_one_that_is_not_later_than_what_holds_is_not_added(self, ledger: Ledger) -> None:
        held = decision(Decided.REFUSED)
        assert wait_for(ledger.decisions.record_later(held)) is True
        for at in (NOON, later(days=-1)):
            assert wait_for(ledger.decisions.record_later(decision(Decided.REOPENED, at=at))) is False
        assert wait_for(ledger.decisions.history(ANNA, TRIAL)) == (held,)
        after = decision(Decided.REOPENED, at=later(seconds=1))
        assert wait_for(ledger.decisions.record_later(after)) is True
        assert wait_for(ledger.decisions.latest(ANNA, TRIAL)) == after

    def test_the_one_that_holds_is_told_of_every_patient(self, ledger: Ledger) -> None:
        bert = decision(patient=PatientKey(ANNA.base, "bert"))
        for one in (decision(), bert, decision(Decided.REOPENED), decision(trial="another")):
            wait_for(ledger.decisions.record(one))
        assert wait_for(ledger.decisions.holding(TRIAL)) == {ANNA: decision(Decided.REOPENED), bert.patient: bert}

    @pytest.mark.usefixtures("slow_reader")
    def test_of_decisions_written_at_once_the_latest_made_holds(self, ledger: Ledger) -> None:
        made = [decision(by=f"nurse-{minute}", at=later(minutes=minute)) for minute in range(24)]

        async def bring_in() -> None:
            await asyncio.gather(*(ledger.decisions.record_later(one) for one in reversed(made)))

        for _ in range(3):
            wait_for(bring_in())
        history = wait_for(ledger.decisions.history(ANNA, TRIAL))
        assert [one.at for one in history] == sorted(one.at for one in history)
        assert history[-1] == made[-1]


class TestSuppressions:
    def test_each_is_counted_with_its_kind(self, ledger: Ledger) -> None:
        for _ in range(3):
            ledger.suppressions.note(suppression())
        ledger.suppressions.note(suppression(role="Patient"))
        ledger.suppressions.note(suppression(reason="TRIAL_CLOSED"))
        service = "extend-op-patient-view"
        assert set(wait_for(ledger.suppressions.counts())) == {
            SuppressionCount("INELIGIBLE", service, "Practitioner", 3),
            SuppressionCount("INELIGIBLE", service, "Patient", 1),
            SuppressionCount("TRIAL_CLOSED", service, "Practitioner", 1),
        }

    def test_days_add_up_from_the_day_asked_for(self, ledger: Ledger) -> None:
        for day in (20, 21, 21, 22):
            ledger.suppressions.note(suppression(day=date(2026, 11, day)))
        (count,) = wait_for(ledger.suppressions.counts(since=date(2026, 11, 21)))
        assert count.count == 3


class TestReplays:
    def test_a_token_is_claimed_once(self, ledger: Ledger) -> None:
        until = later(days=365_0)
        assert wait_for(ledger.replays.claim("a", "1", until)) is True
        assert wait_for(ledger.replays.claim("a", "1", until)) is False
        assert wait_for(ledger.replays.claim("a", "1", later(days=365_1))) is False

    def test_issuers_number_their_tokens_independently(self, ledger: Ledger) -> None:
        until = later(days=365_0)
        pairs = [
            ("a", "1"),
            ("b", "1"),
            ("a", "2"),
            ("ab", "c"),
            ("a", "bc"),
            ("", "abc"),
            ("a", ODD),
            ("a", "x" * 5000),
        ]
        assert [wait_for(ledger.replays.claim(issuer, token, until)) for issuer, token in pairs] == [True] * len(pairs)
        assert [wait_for(ledger.replays.claim(issuer, token, until)) for issuer, token in pairs] == [False] * len(pairs)


class TestAudit:
    def test_entries_come_back_as_they_were_in_the_order_written(self, ledger: Ledger) -> None:
        written = [
            entry(),
            entry(asked=Asked.SILENT, reason="INELIGIBLE", card="", at=later(hours=-1)),
            entry(patient=PatientKey("", "bert"), issuer="", tenant="", user=ODD, hook_instance=ODD * 20),
        ]
        for one in written:
            ledger.audit.note(one)
        assert wait_for(ledger.audit.entries()) == tuple(written)

    def test_one_patients_entries_from_an_instant_on(self, ledger: Ledger) -> None:
        for hours in range(4):
            ledger.audit.note(entry(at=later(hours=hours)))
            ledger.audit.note(entry(at=later(hours=hours), patient=PatientKey(ANNA.base, "bert")))
        found = wait_for(ledger.audit.entries(ANNA, since=later(hours=2)))
        assert [(one.patient, one.at) for one in found] == [(ANNA, later(hours=2)), (ANNA, later(hours=3))]

    def test_a_limit_keeps_the_first(self, ledger: Ledger) -> None:
        for number in range(5):
            ledger.audit.note(entry(hook_instance=str(number)))
        assert [one.hook_instance for one in wait_for(ledger.audit.entries(at_most=2))] == ["0", "1"]

    def test_many_entries_are_all_kept(self, ledger: Ledger) -> None:
        for number in range(1500):
            ledger.audit.note(entry(hook_instance=str(number)))
        found = wait_for(ledger.audit.entries(at_most=2000))
        assert [one.hook_instance for one in found] == [str(number) for number in range(1500)]

    def test_an_entry_cannot_be_taken_back(self, ledger: Ledger) -> None:
        offered = {name for name in dir(ledger.audit) if not name.startswith("_")}
        assert offered == {"note", "entries"}
