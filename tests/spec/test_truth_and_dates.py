"""Kleene's tables and the calendar, typed by hand."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest
from build import day, when
from tables import each_row

from cds_service.domain.dates import AsOf, PartialDate, days_after, months_after, parse_partial_date, years_after
from cds_service.domain.truth import Truth, all_of, any_of, known

TRUTHS = {"T": Truth.TRUE, "U": Truth.UNKNOWN, "F": Truth.FALSE}


@each_row("""
    a | b | and | or | not a
    T | T | T   | T  | F
    T | U | U   | T  | F
    T | F | F   | T  | F
    U | T | U   | T  | U
    U | U | U   | U  | U
    U | F | F   | U  | U
    F | T | F   | T  | T
    F | U | F   | U  | T
    F | F | F   | F  | T
""")
def test_kleene(row: dict[str, str]) -> None:
    a, b = TRUTHS[row["a"]], TRUTHS[row["b"]]
    assert a & b is TRUTHS[row["and"]]
    assert a | b is TRUTHS[row["or"]]
    assert ~a is TRUTHS[row["not a"]]


def test_all_and_any_of_none_and_of_many() -> None:
    assert all_of([]) is Truth.TRUE
    assert any_of([]) is Truth.FALSE
    for mixed in permutations([Truth.TRUE, Truth.UNKNOWN, Truth.FALSE]):
        assert all_of(mixed) is Truth.FALSE
        assert any_of(mixed) is Truth.TRUE
    assert all_of([Truth.TRUE, Truth.UNKNOWN]) is Truth.UNKNOWN
    assert any_of([Truth.FALSE, Truth.UNKNOWN]) is Truth.UNKNOWN
    assert tuple(map(known, (True, False))) == (Truth.TRUE, Truth.FALSE)


def test_a_truth_is_no_bool() -> None:
    for truth in Truth:
        with pytest.raises(TypeError, match="not a bool"):
            bool(truth)


@each_row("""
    text                          | earliest   | latest     | shown
    2008                          | 2008-01-01 | 2008-12-31 | 2008
    2008-02                       | 2008-02-01 | 2008-02-29 | 2008-02
    2007-02                       | 2007-02-01 | 2007-02-28 | 2007-02
    2008-06-14                    | 2008-06-14 | 2008-06-14 | 2008-06-14
    2008-06-14T23:30:00-05:00     | 2008-06-14 | 2008-06-14 | 2008-06-14
    2008-06-14T00:30:00.123+14:00 | 2008-06-14 | 2008-06-14 | 2008-06-14
    2008-06-14T10:00:00Z          | 2008-06-14 | 2008-06-14 | 2008-06-14
""")
def test_a_recorded_date_stands_for_all_its_days(row: dict[str, str]) -> None:
    found = parse_partial_date(row["text"])
    assert found == PartialDate(day(row["earliest"]), day(row["latest"]))
    assert str(found) == row["shown"]


@pytest.mark.parametrize(
    "text", ["", "08", "2008-6", "2008-13", "2008-02-30", "14.06.2008", "2008-06-14 10:00", "２００８"]
)
def test_what_is_no_date_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  (the message must not hold the text)
        parse_partial_date(text)
    assert not text or text not in str(refused.value)


@each_row("""
    day        | years | later
    2008-06-14 | 18    | 2026-06-14
    2008-02-29 | 18    | 2026-03-01
    2008-02-29 | 4     | 2012-02-29
    9990-01-01 | 18    | 9999-12-31
    9998-03-04 | 1     | 9999-03-04
    9999-03-04 | 1     | 9999-12-31
    0002-03-04 | -1    | 0001-03-04
    0001-03-04 | -1    | 0001-01-01
    9996-02-29 | 3     | 9999-03-01
    0004-02-29 | -3    | 0001-03-01
    0004-02-29 | -4    | 0001-01-01
    9999-02-28 | 0     | 9999-02-28
""")
def test_years_later(row: dict[str, str]) -> None:
    assert years_after(day(row["day"]), int(row["years"])) == day(row["later"])


@each_row("""
    day        | months | later
    2026-01-31 | 1      | 2026-02-28
    2026-11-22 | 12     | 2027-11-22
    2026-12-15 | 1      | 2027-01-15
    2026-03-31 | -1     | 2026-02-28
    9999-11-30 | 1      | 9999-12-30
    9999-12-30 | 1      | 9999-12-31
    9999-12-30 | 12     | 9999-12-31
    9998-12-30 | 12     | 9999-12-30
    0001-02-03 | -1     | 0001-01-03
    0001-01-03 | -1     | 0001-01-01
    0002-02-03 | -12    | 0001-02-03
""")
def test_months_later(row: dict[str, str]) -> None:
    assert months_after(day(row["day"]), int(row["months"])) == day(row["later"])


@each_row("""
    day        | days | later
    2026-02-27 | 2    | 2026-03-01
    2026-03-01 | -2   | 2026-02-27
    9999-12-30 | 1    | 9999-12-31
    9999-12-31 | 1    | 9999-12-31
    0001-01-02 | -1   | 0001-01-01
    0001-01-01 | -1   | 0001-01-01
""")
def test_days_later(row: dict[str, str]) -> None:
    """The first and the last day of the calendar stand for all beyond them."""
    assert days_after(day(row["day"]), int(row["days"])) == day(row["later"])


@each_row("""
    recorded   | as_of      | within_28 | turns
    2026-11-10 | 2026-11-10 | T         | 2026-12-09
    2026-11-10 | 2026-12-08 | T         | 2026-12-09
    2026-11-10 | 2026-12-09 | F         |
    2026-11    | 2026-11-29 | T         | 2026-11-30
    2026-11    | 2026-11-30 | U         | 2026-12-29
    2026-11    | 2026-12-28 | U         | 2026-12-29
    2026-11    | 2026-12-29 | F         |
""")
def test_a_window_of_28_days_and_when_it_turns(row: dict[str, str]) -> None:
    clock, recorded = AsOf(day(row["as_of"])), when(row["recorded"])
    assert recorded is not None
    assert clock.within_days(recorded, 28) is TRUTHS[row["within_28"]]
    assert clock.turns_on == (day(row["turns"]) if row["turns"] else None)


@each_row("""
    recorded   | as_of      | within_12_months
    2025-11-22 | 2026-11-22 | T
    2025-11-22 | 2026-11-23 | F
    2025-11    | 2026-11-01 | T
    2025-11    | 2026-11-02 | U
    2025-11    | 2026-11-30 | U
    2025-11    | 2026-12-01 | F
""")
def test_a_window_of_12_months(row: dict[str, str]) -> None:
    recorded = when(row["recorded"])
    assert recorded is not None
    assert AsOf(day(row["as_of"])).within_months(recorded, 12) is TRUTHS[row["within_12_months"]]


def test_the_calendar_ends_without_an_error() -> None:
    late = PartialDate(date.max, date.max)
    for clock in (AsOf(date.max), AsOf(date.min)):
        assert clock.within_days(late, 28) in Truth
        assert clock.within_months(late, 12) in Truth
        assert clock.years_since(late, 18) in Truth
