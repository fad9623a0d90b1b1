"""When a server is asked again: what Retry-After says, in either form, and never too long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cds_service.fhir.waiting import Patience, TryAgain, next_wait, persist, retry_after_seconds

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 03:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 02:00:00 GMT", 0),
        (str(int(NOW.timestamp()) + 30), 30),
        (str(int(NOW.timestamp()) - 30), 0),
        ("86400", 86400),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.parametrize("asked", [300.0, 86400.0, 1.8e9, 57 * 365 * 86400.0])
def test_no_wait_is_longer_than_the_cap(asked):
    assert next_wait(asked, 1, Patience(longest_wait_seconds=60)) == 60


def test_what_is_asked_is_waited_at_least_and_a_fifth_longer_at_most():
    waits = [next_wait(10, 1, Patience()) for _ in range(200)]
    assert 10 <= min(waits) < max(waits) <= 12


def test_waits_double_where_the_server_says_nothing():
    bounds = [(1, 1.2), (2, 2.4), (4, 4.8), (8, 9.6)]
    for attempt, (low, high) in enumerate(bounds, 1):
        assert low <= next_wait(None, attempt, Patience()) <= high


def test_a_failure_that_goes_on_comes_through_after_the_deadline():
    waits = []

    def fail():
        raise TryAgain("down")

    with pytest.raises(TryAgain, match="down"):
        persist(fail, Patience(), 60, waits.append)
    assert 25 < sum(waits) <= 60


def test_a_bounded_failure_is_tried_so_often():
    tried = []

    def fail():
        tried.append(1)
        raise TryAgain("wrong", at_most=3)

    with pytest.raises(TryAgain):
        persist(fail, Patience(), 900, lambda _: None)
    assert len(tried) == 3
