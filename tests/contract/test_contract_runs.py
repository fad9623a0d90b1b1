"""What every store promises of nightly runs: all of a run or nothing, nobody deleted, history kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from nights import DAY, EHR, NIGHT, TRIAL, key, names, run, screened, stored

from cds_service.errors import AnotherRun
from cds_service.screening.runs import Held, RunState, Saved, Standing
from cds_service.screening.screened import RunCounts
from cds_service.store.opening import RunStore

FITS: dict[str, str] = {}
UNSURE = {"ecog": "unknown"}
FAILS = {"age": "fail"}


class TestRuns:
    def test_a_run_comes_back_as_it_was(self, nights: RunStore) -> None:
        counts = RunCounts(
            rows={"Patient": 9, "Condition": 30},
            quarantined=2,
            dropped=1,
            patients=9,
            considered=4,
            absent=1,
            evaluated=3,
            unchanged=1,
            partly_read=1,
            statuses={"possible": 3},
            seconds={"survey": 0.5},
        )
        made = run(counts=counts, whole=False, mappings_digest="sha256:ü")
        stored(nights, made)
        assert nights.runs.find("r1") == made
        assert nights.runs.find("r2") is None
        assert nights.book.runs(TRIAL) == (made,)
        assert nights.book.runs("another") == ()

    def test_the_last_is_the_last_complete_one_of_the_source_and_trial(self, nights: RunStore) -> None:
        for made in (run("r1"), run("r2", night=1), run("other", night=2, source="/elsewhere")):
            stored(nights, made)
        failed = run("r3", night=3, state=RunState.INCOMPLETE, problems=("the source holds no Condition",))
        nights.runs.begin(replace(failed, state=RunState.RUNNING))
        nights.runs.end(failed)
        last = nights.runs.last(EHR, TRIAL)
        assert last is not None
        assert last.id == "r2"
        assert nights.runs.last(EHR, "another") is None
        assert [one.id for one in nights.book.runs(TRIAL)] == ["r3", "other", "r2", "r1"]
        assert nights.runs.find("r3") == failed

    def test_one_begun_anew_under_its_id_is_one_run(self, nights: RunStore) -> None:
        nights.runs.begin(run(state=RunState.RUNNING, ended_at=None))
        nights.runs.begin(run(state=RunState.RUNNING, ended_at=None, started_at=NIGHT + timedelta(hours=1)))
        (found,) = nights.book.runs(TRIAL)
        assert found.started_at == NIGHT + timedelta(hours=1)

    def test_a_complete_run_is_stored_once(self, nights: RunStore) -> None:
        stored(nights, run(), screened("anna"))
        assert nights.runs.complete(run(), [screened("bert")]) == Saved()
        assert names(nights.book.current(TRIAL)) == ["anna"]

    def test_one_at_a_time(self, nights: RunStore) -> None:
        with nights.runs.lock(), pytest.raises(AnotherRun, match="wait for it"), nights.runs.lock():
            pass
        with nights.runs.lock():
            pass

    def test_the_lock_is_free_again_after_an_error(self, nights: RunStore) -> None:
        with pytest.raises(ZeroDivisionError), nights.runs.lock():
            1 / 0  # noqa: B018
        with nights.runs.lock():
            pass


class TestAssessments:
    def test_an_assessment_comes_back_as_it_was(self, nights: RunStore) -> None:
        made = screened("anna", UNSURE | {"lct-candidate": "review"}, record="r", next_change=date(2026, 12, 9))
        stored(nights, run(), made)
        (found,) = nights.book.current(TRIAL, documents=True)
        assert found.patient == key("anna")
        assert found.summary == made.summary
        assert (found.fingerprint, found.record) == (made.fingerprint, "r")
        assert (found.first_run, found.last_run, found.turned_in) == ("r1", "r1", "r1")
        assert (found.standing, found.superseded) == (Standing.CURRENT, False)
        assert json.loads(found.document)["patient"] == "Patient/anna"
        assert nights.book.document(key("anna"), TRIAL) == found.document
        assert nights.book.numbered(found.number) == found
        assert nights.book.documents([found.number, 99]) == {found.number: found.document}

    def test_one_that_says_the_same_is_said_again(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna", UNSURE))
        again = screened("anna", UNSURE, as_of=DAY + timedelta(days=1), record="newer")
        nights.runs.begin(run("r2", night=1, state=RunState.RUNNING))
        assert nights.runs.complete(run("r2", night=1), [again]) == Saved(same=1)
        (found,) = nights.book.history(key("anna"), TRIAL)
        assert (found.first_run, found.last_run, found.turned_in) == ("r1", "r2", "r1")
        assert found.summary.as_of == date(2026, 11, 23)
        assert json.loads(found.document)["as_of"] == "2026-11-23"
        assert found.record == "newer"

    def test_another_makes_the_first_history(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna", UNSURE))
        nights.runs.begin(run("r2", night=1, state=RunState.RUNNING))
        assert nights.runs.complete(run("r2", night=1), [screened("anna", FITS)]) == Saved(changed=1)
        before, now = nights.book.history(key("anna"), TRIAL)
        assert (before.superseded, before.summary.status, before.last_run) == (True, "possible", "r1")
        assert (now.superseded, now.summary.status, now.first_run) == (False, "candidate", "r2")
        assert [one.number for one in nights.book.current(TRIAL)] == [now.number]

    def test_who_vanished_is_marked_and_kept(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"), screened("bert"))
        nights.runs.begin(run("r2", night=1, state=RunState.RUNNING))
        assert nights.runs.complete(run("r2", night=1), [screened("bert")]) == Saved(same=1, vanished=1)
        found = {one.patient.id: one for one in nights.book.current(TRIAL)}
        assert found["anna"].standing is Standing.VANISHED
        assert found["anna"].turned_in == "r2"
        assert found["anna"].last_run == "r1"
        assert nights.book.document(key("anna"), TRIAL) != b""
        assert nights.book.held(TRIAL, EHR).keys() == {"bert"}

    def test_who_vanished_is_told_once_and_may_come_back(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"), screened("bert"))
        stored(nights, run("r2", night=1), screened("bert"))
        nights.runs.begin(run("r3", night=2, state=RunState.RUNNING))
        assert nights.runs.complete(run("r3", night=2), [screened("bert")]).vanished == 0
        stored(nights, run("r4", night=3), screened("bert"), screened("anna"))
        (found,) = nights.book.history(key("anna"), TRIAL)
        assert (found.standing, found.turned_in) == (Standing.CURRENT, "r4")

    def test_another_source_and_another_trial_make_nobody_vanish(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"))
        other = run("r2", night=1, source="/elsewhere", base="")
        nights.runs.begin(replace(other, state=RunState.RUNNING))
        assert nights.runs.complete(other, [screened("anna", FAILS, base="")]).vanished == 0
        another_trial = run("r3", night=1, trial="another")
        nights.runs.begin(replace(another_trial, state=RunState.RUNNING))
        assert nights.runs.complete(another_trial, []).vanished == 0
        assert {one.patient for one in nights.book.current(TRIAL)} == {key("anna"), key("anna", "")}
        assert names(nights.book.current(TRIAL, EHR)) == ["anna"]

    def test_the_unchanged_are_said_again_without_being_assessed(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"), screened("bert"))
        made = run("r2", night=1, whole=False)
        nights.runs.begin(replace(made, state=RunState.RUNNING))
        saved = nights.runs.complete(made, [screened("bert", UNSURE)], [key("anna"), key("nobody-stored")])
        assert saved == Saved(changed=1)
        found = {one.patient.id: one for one in nights.book.current(TRIAL)}
        assert (found["anna"].last_run, found["anna"].standing) == ("r2", Standing.CURRENT)

    def test_what_is_held_is_the_record_and_the_day_on_which_it_changes(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna", record="d1", next_change=date(2026, 12, 9)), screened("bert", FAILS))
        assert nights.book.held(TRIAL, EHR) == {
            "anna": Held("d1", date(2026, 12, 9), listed=True, run="r1"),
            "bert": Held("bert", None, listed=False, run="r1"),
        }
        assert nights.book.held(TRIAL, "") == {}

    def test_a_run_that_breaks_off_while_it_is_stored_leaves_nothing(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"), screened("bert"))
        before = list(nights.book.current(TRIAL))

        def breaking_off():
            for number in range(700):
                yield screened(f"new-{number}")
            raise ZeroDivisionError

        nights.runs.begin(run("r2", night=1, state=RunState.RUNNING))
        with pytest.raises(ZeroDivisionError):
            nights.runs.complete(run("r2", night=1), breaking_off())
        assert list(nights.book.current(TRIAL)) == before
        found = nights.runs.find("r2")
        assert found is not None
        assert found.state is RunState.RUNNING
        nights.runs.complete(run("r2", night=1), [screened("anna"), screened("carl")])
        assert {one.patient.id: one.standing.value for one in nights.book.current(TRIAL)} == {
            "anna": "current",
            "bert": "vanished",
            "carl": "current",
        }

    def test_an_incomplete_run_leaves_the_assessments_alone(self, nights: RunStore) -> None:
        stored(nights, run("r1"), screened("anna"))
        before = list(nights.book.current(TRIAL))
        nights.runs.begin(run("r2", night=1, state=RunState.RUNNING))
        nights.runs.end(run("r2", night=1, state=RunState.INCOMPLETE, problems=("it read too little",)))
        assert list(nights.book.current(TRIAL)) == before


class TestWorklistBook:
    def test_listed_are_those_with_a_place_and_those_named(self, nights: RunStore) -> None:
        stored(nights, run(), screened("fits"), screened("fails", FAILS), screened("named", FAILS))
        assert sorted(names(nights.book.listed(TRIAL))) == ["fits"]
        assert sorted(names(nights.book.listed(TRIAL, [key("named"), key("fits"), key("unknown")]))) == [
            "fits",
            "named",
        ]

    def test_turned_are_the_new_the_changed_and_the_lost_with_what_was_before(self, nights: RunStore) -> None:
        stored(
            nights,
            run("r1"),
            screened("same"),
            screened("changed", UNSURE),
            screened("lost"),
            screened("gone"),
            screened("never", FAILS),
        )
        stored(
            nights,
            run("r2", night=1),
            screened("same"),
            screened("changed", FITS),
            screened("lost", FAILS),
            screened("new"),
            screened("never", FAILS | UNSURE),
        )
        turned = {now.patient.id: (now, before) for now, before in nights.book.turned(TRIAL, ["r2"])}
        assert turned.keys() == {"changed", "lost", "gone", "new"}
        told = {name: (now.summary.status, before and before.summary.status) for name, (now, before) in turned.items()}
        assert told == {
            "changed": ("candidate", "possible"),
            "lost": ("ineligible", "candidate"),
            "gone": ("candidate", None),
            "new": ("candidate", None),
        }
        assert turned["gone"][0].standing is Standing.VANISHED
        assert list(nights.book.turned(TRIAL, [])) == []

    def test_a_number_that_is_none_finds_nothing(self, nights: RunStore) -> None:
        assert nights.book.numbered(1) is None
        assert nights.book.documents([1]) == {}
