"""Laws of time: verdicts change only on announced days, and nothing sees the future."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from build import facts
from draw import TODAY, found, patients, persons, some
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trial import trial

from cds_service.domain.criteria import Outcome
from cds_service.domain.dates import AsOf, PartialDate, on
from cds_service.domain.facts import PatientFacts
from cds_service.domain.trials import assess
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Assessment

TRIAL = trial()
LAW = settings(deadline=None, suppress_health_check=list(HealthCheck))


def _outcomes(assessment: Assessment) -> dict[str, Outcome]:
    return {verdict.id: verdict.outcome for verdict in assessment.verdicts}


@given(patients())
@settings(LAW, max_examples=12)
def test_over_a_year_verdicts_change_on_announced_days_only(patient: PatientFacts) -> None:
    before = assess(TRIAL, patient, TODAY)
    for number in range(1, 366):
        day = TODAY + timedelta(days=number)
        now = assess(TRIAL, patient, day)
        assert (_outcomes(now) != _outcomes(before)) == (before.next_change == day)
        if before.next_change != day:
            assert now.next_change == before.next_change
        before = now


@given(patients())
@settings(LAW, max_examples=40)
def test_valid_until_is_the_last_day_of_a_pass_and_stands_nowhere_else(patient: PatientFacts) -> None:
    for verdict in assess(TRIAL, patient, TODAY).verdicts:
        if verdict.valid_until is None:
            continue
        assert verdict.outcome is Outcome.PASS
        last, after = verdict.valid_until, verdict.valid_until + timedelta(days=1)
        assert assess(TRIAL, patient, last).verdict(verdict.id).outcome is Outcome.PASS
        assert assess(TRIAL, patient, after).verdict(verdict.id).outcome is not Outcome.PASS


@given(patients())
@settings(LAW, max_examples=40)
def test_the_window_closes_with_the_first_pass_that_ends(patient: PatientFacts) -> None:
    now = assess(TRIAL, patient, TODAY)
    ends = [verdict.valid_until for verdict in now.verdicts if verdict.valid_until]
    assert now.closes == (min(ends) if ends else None)
    assert now.next_change is None or now.next_change > TODAY
    assert now.closes is None or (now.next_change is not None and now.next_change <= now.closes + timedelta(days=1))


@given(found(), some(until=TODAY + timedelta(days=131)), persons())
@settings(LAW, max_examples=60)
def test_what_is_dated_later_moves_nothing(past: list[object], other: list[object], who: object) -> None:
    dated = [fact for fact in other if getattr(fact, "date", None) is not None]
    later = [fact for fact in dated if fact.date.earliest > TODAY]  # type: ignore[attr-defined]  # dated facts only
    names = {fact.evidence.reference for fact in later}  # type: ignore[attr-defined]  # every fact has evidence
    past = [fact for fact in past if fact.evidence.reference not in names]  # type: ignore[attr-defined]  # the same
    with_future = assess(TRIAL, facts(*past, *later, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    without = assess(TRIAL, facts(*past, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    assert replace(with_future, data_quality=()) == replace(without, data_quality=())
    assert len(with_future.data_quality) == len(without.data_quality) + bool(later)


# --- dates -------------------------------------------------------------------------------------

_DAYS = st.dates(date(1999, 12, 1), date(2005, 3, 31))


@given(_DAYS, _DAYS, st.integers(0, 400))
@settings(LAW)
def test_a_partial_date_decides_only_where_all_its_days_agree(one: date, other: date, number: int) -> None:
    """Told day by day, without the arithmetic of the code under test."""
    today = date(2004, 6, 15)
    when = PartialDate(min(one, other), min(max(one, other), min(one, other) + timedelta(days=40)))
    spanned = [when.earliest + timedelta(days=step) for step in range((when.latest - when.earliest).days + 1)]
    answers = {(today - day).days <= number for day in spanned}
    expected = Truth.UNKNOWN if len(answers) == 2 else {True: Truth.TRUE, False: Truth.FALSE}[answers.pop()]
    assert AsOf(today).within_days(when, number) is expected


@given(_DAYS, _DAYS, st.integers(0, 400))
@settings(LAW)
def test_turns_on_is_the_first_day_with_another_answer(recorded: date, today: date, number: int) -> None:
    clock = AsOf(today)
    answer = clock.within_days(on(recorded), number)
    turn = clock.turns_on
    if turn is None:
        assert AsOf(date(2030, 1, 1)).within_days(on(recorded), number) is answer
    else:
        assert AsOf(turn).within_days(on(recorded), number) is not answer
        assert AsOf(turn - timedelta(days=1)).within_days(on(recorded), number) is answer


@given(st.lists(st.dates(date(2004, 6, 1), date(2004, 7, 31)), max_size=6))
@settings(LAW)
def test_of_many_questions_the_first_to_turn_is_remembered(asked: list[date]) -> None:
    today = date(2004, 6, 15)
    clock = AsOf(today)
    for day in asked:
        clock.has_come(day)
    assert clock.turns_on == min((day for day in asked if day > today), default=None)
