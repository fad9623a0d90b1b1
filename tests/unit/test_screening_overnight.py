"""Whether a night's run is believed, whom it assesses anew, and what becomes of the list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from build import disease_rules
from nights import DAY, EHR, NIGHT, FakeEngine, names, screened

from cds_service.domain.trials import Trial
from cds_service.errors import IncompleteRun
from cds_service.screening.overnight import BeliefRules, Changes, Done, Order, Since, ranked, screen_overnight
from cds_service.screening.runs import RunState, Saved
from cds_service.store.memory_worklists import MemoryWorklist

TRIAL = Trial(
    "extend-op", "1", "A trial", "EXTEND-OP", "NCT1", "https://registry.example", (), disease_rules(), digest="d1"
)
UNSURE = {"ecog": "unknown"}
FAILS = {"age": "fail"}


class Nights:
    """A hospital screened night after night."""

    def __init__(self) -> None:
        self.store = MemoryWorklist()
        self.changes: Changes | None = None
        self._night = 0

    def screen(self, engine: FakeEngine, rules: BeliefRules | None = None, **changed: Any) -> Done:
        self._night += 1
        day = DAY + timedelta(days=self._night - 1)
        values: dict[str, Any] = {"source": EHR, "trial": TRIAL, "as_of": day, "engine": "local", "base": EHR}
        order = Order(run=f"r{self._night}", engine_version="1", **(values | changed))

        def prepare(changes: Changes | None) -> FakeEngine:
            self.changes = changes
            return engine

        began = NIGHT + timedelta(days=self._night)
        ticks = iter([began, began + timedelta(minutes=5)])
        return screen_overnight(order, self.store, self.store, prepare, rules or BeliefRules(), lambda: next(ticks))

    def listed(self) -> list[str]:
        complete = [run for run in self.store.runs("extend-op") if run.state is RunState.COMPLETE]
        return names(ranked(self.store, complete[0]))


@pytest.fixture
def nights() -> Nights:
    return Nights()


def rows(**changed: int) -> dict[str, int]:
    return {"Patient": 100, "Condition": 300, "Observation": 1000, "CarePlan": 3} | changed


def test_a_complete_run_says_what_it_read_and_with_which_rules(nights: Nights) -> None:
    done = nights.screen(FakeEngine([screened("anna")], rows=rows(), quarantined=4))
    assert done.saved == Saved(new=1)
    run = nights.store.find("r1")
    assert run == done.run
    assert (run.state, run.problems) == (RunState.COMPLETE, ())
    assert (run.trial_version, run.mappings_digest, run.engine, run.whole) == ("1", "d1", "local", True)
    assert (run.counts.rows, run.counts.quarantined) == (rows(), 4)
    assert run.ended_at == run.started_at + timedelta(minutes=5)


SUSPICIOUS = [
    (rows(Patient=0), 0, "the source holds no Patient"),
    (rows(Condition=0), 0, "the source holds no Condition"),
    (rows(Observation=0), 0, "no Observation, where the last run had 1000"),
    (rows(CarePlan=0), 0, "no CarePlan, where the last run had 3"),
    (rows(Observation=699), 0, "699 Observation, where the last run had 1000"),
    (rows(Patient=69), 0, "69 Patient, where the last run had 100"),
    (rows(), 351, "351 of 1754 lines cannot be read"),
]


@pytest.mark.parametrize(("read", "quarantined", "said"), SUSPICIOUS, ids=[said for *_, said in SUSPICIOUS])
def test_a_run_that_read_suspiciously_little_is_incomplete(
    nights: Nights, read: dict[str, int], quarantined: int, said: str
) -> None:
    nights.screen(FakeEngine([screened("anna"), screened("bert")], rows=rows()))
    with pytest.raises(IncompleteRun, match=f"the last list is kept: .*{said}"):
        nights.screen(FakeEngine([screened("bert", FAILS)], rows=read, quarantined=quarantined))
    run = nights.store.find("r2")
    assert run is not None
    assert run.state is RunState.INCOMPLETE
    assert said in run.problems
    assert run.counts.rows == read
    assert nights.listed() == ["anna", "bert"]


@pytest.mark.parametrize("read", [rows(Observation=700), rows(CarePlan=1), rows(Observation=5000), rows(Procedure=1)])
def test_a_run_that_read_about_as_much_is_believed(nights: Nights, read: dict[str, int]) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    nights.screen(FakeEngine([screened("anna")], rows=read))


def test_patients_lost_from_the_source_are_noticed_though_its_rows_grew(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    engine = FakeEngine([screened("anna")], rows=rows(Patient=60, Condition=900))
    with pytest.raises(IncompleteRun, match="60 patients, where the last run had 100"):
        nights.screen(engine)


def test_the_very_first_run_may_find_nobody_but_not_read_nothing(nights: Nights) -> None:
    with pytest.raises(IncompleteRun, match="no Patient"):
        nights.screen(FakeEngine(rows={}))
    assert nights.screen(FakeEngine(rows=rows())).saved == Saved()


@pytest.mark.parametrize("read", [rows(Observation=0), rows(Observation=10, Patient=20)])
def test_an_operator_may_accept_a_drop(nights: Nights, read: dict[str, int]) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    with pytest.raises(IncompleteRun, match="--accept-drop"):
        nights.screen(FakeEngine([screened("anna")], rows=read))
    nights.screen(FakeEngine([screened("anna")], rows=read), BeliefRules(accept_drop=True))


def test_nobody_accepts_an_empty_source(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    with pytest.raises(IncompleteRun, match="no Condition"):
        nights.screen(FakeEngine(rows=rows(Condition=0)), BeliefRules(accept_drop=True))


def test_a_run_is_compared_with_the_last_complete_one(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    for _ in range(2):
        with pytest.raises(IncompleteRun, match="no Observation"):
            nights.screen(FakeEngine([screened("anna")], rows=rows(Observation=0)))


def test_a_full_download_after_many_of_changes_is_no_drop(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()), rows_in_full=rows())
    nights.screen(FakeEngine([screened("anna")], rows=rows(Observation=2600)), rows_in_full=rows())
    fresh = rows(Observation=1100)
    nights.screen(FakeEngine([screened("anna")], rows=fresh), rows_in_full=fresh)
    with pytest.raises(IncompleteRun, match="500 Observation, where the last run had 1100"):
        nights.screen(FakeEngine([screened("anna")], rows=rows(Observation=500)), rows_in_full=rows(Observation=500))


@pytest.mark.parametrize("where", ["source", "engine"])
def test_a_source_or_an_engine_with_problems_makes_it_incomplete(nights: Nights, where: str) -> None:
    said = "the server reported 3 errors beside the data"
    engine = FakeEngine([screened("anna")], rows=rows(), problems=[said] if where == "engine" else [])
    with pytest.raises(IncompleteRun, match=said):
        nights.screen(engine, source_problems=(said,) if where == "source" else ())
    run = nights.store.find("r1")
    assert run is not None
    assert run.problems == (said,)


def test_since_the_last_run_leaves_out_who_cannot_have_changed(nights: Nights) -> None:
    found = [
        screened("always", FAILS, record="d1"),
        screened("tomorrow", FAILS, record="d2", next_change=date(2026, 11, 24)),
        screened("today", FAILS, record="d3", next_change=date(2026, 11, 23)),
        screened("long-due", FAILS, record="d4", next_change=date(2026, 11, 22)),
        screened("on-the-list", record="d5", next_change=date(2026, 12, 24)),
    ]
    nights.screen(FakeEngine(found, rows=rows()))
    engine = FakeEngine(found[2:], rows=rows(), unchanged={"always", "tomorrow"})
    done = nights.screen(engine, since=Since.LAST_RUN)
    assert nights.changes == Changes({"always": "d1", "tomorrow": "d2"})
    assert done.run.whole is False
    assert done.saved == Saved(same=3)
    assert len(ranked(nights.store, done.run, every=True)) == 5


def test_since_a_day_counts_from_its_beginning(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna", FAILS, record="d")], rows=rows()))
    nights.screen(FakeEngine([screened("anna")], rows=rows()), since=date(2026, 11, 20))
    assert nights.changes == Changes({"anna": "d"}, datetime(2026, 11, 20, tzinfo=UTC))


def test_since_a_day_after_the_last_run_loses_nothing_between_them(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna", FAILS, record="d")], rows=rows()))
    nights.screen(FakeEngine([screened("anna")], rows=rows()), since=date(2027, 1, 10), as_of=date(2027, 1, 12))
    assert nights.changes == Changes({"anna": "d"}, None)


def test_whom_another_source_found_is_assessed_anew(nights: Nights) -> None:
    """She was assessed in Group a, by other rules, and joined Group b since its last run."""
    nights.screen(FakeEngine([screened("anna", FAILS)], rows=rows()), source="a", trial=replace(TRIAL, version="0"))
    nights.screen(FakeEngine([screened("bert", FAILS)], rows=rows()), source="b")
    found = [screened("anna"), screened("bert", FAILS)]
    nights.screen(FakeEngine(found, rows=rows()), source="b", since=Since.LAST_RUN)
    assert nights.changes == Changes({"bert": "bert"})


OTHER_RULES = [
    {"trial": replace(TRIAL, version="2")},
    {"trial": replace(TRIAL, digest="d2")},
    {"as_of": DAY - timedelta(days=1)},
]


@pytest.mark.parametrize("changed", OTHER_RULES, ids=["trial", "mappings", "an earlier day"])
def test_other_rules_or_an_earlier_day_assess_everybody(nights: Nights, changed: dict[str, Any]) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()))
    done = nights.screen(FakeEngine([screened("anna")], rows=rows()), since=Since.LAST_RUN, **changed)
    assert nights.changes is None
    assert done.run.whole is True


def test_a_first_run_assesses_everybody_whatever_was_asked(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna")], rows=rows()), since=Since.LAST_RUN)
    assert nights.changes is None


def test_who_vanished_is_not_among_those_left_out(nights: Nights) -> None:
    nights.screen(FakeEngine([screened("anna", FAILS), screened("bert", FAILS)], rows=rows()))
    nights.screen(FakeEngine([screened("anna", FAILS)], rows=rows()))
    nights.screen(FakeEngine([screened("anna", FAILS)], rows=rows()), since=Since.LAST_RUN)
    assert nights.changes is not None
    assert nights.changes.held.keys() == {"anna"}


# who | verdicts that are not pass | window closes | place
PLACES = """
soon        |                                       | 2026-11-24 | 1
late        |                                       | 2026-12-20 | 2
no-end      |                                       |            | 3
unsure-soon | ecog=unknown                          | 2026-11-23 | 4
unsure-late | ecog=unknown                          | 2026-12-20 | 5
less-known  | ecog=unknown age=unknown              | 2026-11-22 | 6
failing     | ecog=fail                             | 2026-11-22 |
no-type     | histology=unknown                     | 2026-11-22 |
no-stage    | stage-iv=unknown                      | 2026-11-22 |
"""


def test_the_list_has_candidates_first_then_fewer_unknowns_then_less_time(nights: Nights) -> None:
    found, expected = [], []
    for line in PLACES.strip("\n").splitlines():
        name, outcomes, closes, place = (cell.strip() for cell in line.split("|"))
        said = dict(one.split("=") for one in outcomes.split())
        found.append(screened(name, said, closes=date.fromisoformat(closes) if closes else None))
        expected += [name] if place else []
    nights.screen(FakeEngine(reversed(found), rows=rows()))
    assert nights.listed() == expected
