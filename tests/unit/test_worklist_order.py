"""The coordinator's list: who is on it, what the last run changed, what people decided."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from ledgers import decision
from nights import DAY, EHR, TRIAL, key, names, run, screened, stored

from cds_service.screening.entries import Decided, Decision
from cds_service.screening.runs import RunState
from cds_service.screening.screened import Screened
from cds_service.screening.worklist import Change, Entry, Move, Worklist, read_worklist
from cds_service.store.memory_worklists import MemoryWorklist
from cds_service.store.opening import RunStore

FAILS = {"age": "fail"}


def screen(book: MemoryWorklist, name: str, night: int, *found: Screened, **changed: object) -> None:
    stored(RunStore(book, book, lambda: None), run(name, night, **changed), *found)


def read(book: MemoryWorklist, *decisions: Decision, day: date = DAY, everyone: bool = False) -> Worklist:
    return read_worklist(book, {one.patient: one for one in decisions}, TRIAL, day, everyone=everyone)


def decided(what: Decided, patient: str) -> Decision:
    return decision(what, patient=key(patient))


def one(entries: Iterable[Entry], patient: str) -> Entry:
    (found,) = (entry for entry in entries if entry.stored.patient.id == patient)
    return found


def test_an_empty_book_is_an_empty_list() -> None:
    worklist = read(MemoryWorklist())
    assert worklist.entries == ()
    assert worklist.runs == ()


# verdicts before | verdicts now | what became of it
CHANGES = """
                | pass           | new
age=fail        | pass           | new
histology=unknown | pass         | new
pass            | pass           | same
ecog=unknown    | pass           | changed
pass            | ecog=unknown   | changed
ecog=unknown    | ecog=unknown   | same
pass            | age=fail       | lost
ecog=unknown    | histology=unknown | lost
pass            |                | lost
age=fail        | age=fail       |
age=fail        | ecog=fail      |
"""


@pytest.mark.parametrize("line", CHANGES.strip("\n").splitlines())
def test_what_a_run_changes_is_told(line: str) -> None:
    before, now, expected = (cell.strip() for cell in line.split("|"))
    book = MemoryWorklist()
    for night, cell in enumerate((before, now)):
        outcomes = dict(said.split("=") for said in cell.split() if "=" in said)
        found = [screened("anna", outcomes)] if cell else []
        screen(book, f"r{night}", night, screened("other"), *found)
    entries = [entry for entry in read(book).entries if entry.stored.patient.id == "anna"]
    assert [entry.change.value for entry in entries] == ([expected] if expected else [])


def test_a_change_names_the_verdicts_that_turned_and_a_loss_its_reason() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("a", {"ecog": "unknown", "anc": "review"}), screened("b"), screened("c"))
    screen(book, "r2", 1, screened("a", {"anc": "unknown"}), screened("b", FAILS | {"ecog": "fail"}))
    worklist = read(book)
    assert one(worklist.waiting, "a").moves == (Move("anc", "review", "unknown"), Move("ecog", "unknown", "pass"))
    assert one(worklist.lost, "b").lost_because == ("age", "ecog")
    gone = one(worklist.lost, "c")
    assert gone.vanished
    assert gone.lost_because == ()


def test_what_was_new_yesterday_is_not_new_today() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("anna"))
    assert one(read(book).waiting, "anna").change is Change.NEW
    screen(book, "r2", 1, screened("anna"))
    assert one(read(book).waiting, "anna").change is Change.SAME


def test_who_left_is_told_until_the_next_run_and_may_come_back_as_new() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("anna"), screened("other"))
    screen(book, "r2", 1, screened("other"))
    assert names(read(book).lost) == ["anna"]
    screen(book, "r3", 2, screened("other"))
    assert read(book).lost == ()
    screen(book, "r4", 3, screened("other"), screened("anna"))
    assert one(read(book).waiting, "anna").change is Change.NEW


def test_the_window_counts_from_the_day_on_which_the_list_is_read() -> None:
    book = MemoryWorklist()
    screen(
        book,
        "r1",
        0,
        screened("today", closes=DAY),
        screened("in-7", closes=DAY + timedelta(days=7)),
        screened("in-8", closes=DAY + timedelta(days=8)),
        screened("no-end", closes=None),
    )
    worklist = read(book)
    assert names(worklist.waiting) == ["today", "in-7", "in-8", "no-end"]
    assert names(worklist.expiring) == ["today", "in-7"]
    later = read(book, day=DAY + timedelta(days=1))
    assert names(later.waiting) == ["in-7", "in-8", "no-end", "today"]
    assert names(later.expiring) == ["in-7", "in-8"]
    assert one(later.waiting, "today").days_left(later.day) == -1


@pytest.mark.parametrize("what", [Decided.SCREENED, Decided.REFUSED, Decided.ENROLLED, Decided.NOT_ELIGIBLE])
def test_a_decision_takes_a_patient_off_and_no_run_brings_them_back(what: Decided) -> None:
    book = MemoryWorklist()
    made = decided(what, "anna")
    screen(book, "r1", 0, screened("anna", {"ecog": "unknown"}), screened("bert"))
    assert names(read(book, made).waiting) == ["bert"]
    screen(book, "r2", 1, screened("anna"), screened("bert"))
    worklist = read(book, made)
    assert names(worklist.waiting) == ["bert"]
    entry = one(worklist.decided, "anna")
    assert (entry.decision, entry.change) == (made, Change.CHANGED)


def test_reopening_brings_a_patient_back() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("anna"))
    worklist = read(book, decided(Decided.REOPENED, "anna"))
    assert names(worklist.waiting) == ["anna"]
    assert worklist.decided == ()


def test_who_is_being_screened_and_stops_fitting_is_told_others_decided_are_not() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("anna"), screened("bert"))
    screen(book, "r2", 1, screened("anna", FAILS), screened("bert", FAILS))
    worklist = read(book, decided(Decided.SCREENED, "anna"), decided(Decided.REFUSED, "bert"))
    assert names(worklist.lost) == ["anna"]
    assert sorted(names(worklist.decided)) == ["anna", "bert"]
    assert sorted(names(worklist.entries)) == ["anna", "bert"]


def test_everybody_considered_is_shown_where_asked_for() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("fits"), screened("fails", FAILS))
    assert names(read(book).entries) == ["fits"]
    assert names(read(book, everyone=True).others) == ["fails"]


def test_an_incomplete_run_is_told_and_changes_nothing() -> None:
    book = MemoryWorklist()
    screen(book, "r1", 0, screened("anna"))
    failed = run("r2", 1, state=RunState.INCOMPLETE, problems=("no Observation",))
    book.begin(failed)
    book.end(failed)
    worklist = read(book)
    assert names(worklist.of_change(Change.NEW)) == ["anna"]
    assert [one.id for one in worklist.runs] == ["r1"]
    assert [one.id for one in worklist.failed] == ["r2"]
    screen(book, "r3", 2, screened("anna"))
    assert read(book).failed == ()
    book.begin(run("r4", 3, state=RunState.RUNNING))
    assert [one.id for one in read(book).failed] == ["r4"]


def test_each_server_and_each_group_of_one_has_a_last_run() -> None:
    book = MemoryWorklist()
    other = "https://other.example/fhir"
    screen(book, "r1", 0, screened("anna"))
    screen(book, "r2", 1, screened("bert", base=other), source=other, base=other)
    screen(book, "r3", 2, screened("carl"), source=f"{EHR} Group/g")
    worklist = read(book)
    assert sorted(one.id for one in worklist.runs) == ["r1", "r2", "r3"]
    assert sorted(names(worklist.of_change(Change.NEW))) == ["anna", "bert", "carl"]
