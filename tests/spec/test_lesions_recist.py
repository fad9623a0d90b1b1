"""RECIST 1.1 on one lesion: both sides of every boundary. Blank: not recorded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import build
import pytest
from build import lesion_rules

from cds_service.domain.facts import LesionMeasurement, Response
from cds_service.domain.recist import LesionCourse, Readings, change_in_words, judge_course, modalities_differ, size_of

RULES = lesion_rules()


def course(kind: str, earlier: str, baseline: str, **more: object) -> LesionCourse:
    def readings(text: str) -> Readings:
        return Readings(tuple(Decimal(size) for size in text.split("/") if size))

    return LesionCourse(
        is_node=kind == "node",
        earlier=readings(earlier),
        baseline=readings(baseline),
        doubt=kind if kind in ("bone", "meninges", "effusion") else None,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("kind", "earlier", "baseline", "state", "why"),
    [
        # 20 % and 5 mm, both needed, bounds inclusive, nothing rounded
        ("other", "24", "29", "progressive", "recist"),
        ("other", "25", "30", "progressive", "recist"),
        ("other", "26.0", "31.2", "progressive", "recist"),
        ("other", "26.0", "31.1", "not_progressive", "near miss"),
        ("other", "30", "35", "not_progressive", "near miss"),
        ("other", "10.0", "12.0", "not_progressive", "near miss"),
        ("other", "20", "24.9", "not_progressive", "near miss"),
        ("other", "20", "25", "progressive", "recist"),
        ("other", "100", "119.9", "not_progressive", "near miss"),
        ("other", "100", "120", "progressive", "recist"),
        ("other", "40", "44", "not_progressive", "recist"),
        ("other", "30", "20", "not_progressive", "recist"),
        ("other", "20", "20", "not_progressive", "recist"),
        ("other", "20", "0", "not_progressive", "recist"),
        # measurable at baseline: 10 mm, a node 15 mm
        ("other", "4.9", "9.9", "possible", "small"),
        ("other", "5", "10", "progressive", "recist"),
        ("other", "5", "9", "not_progressive", "near miss"),
        ("node", "9.9", "15", "progressive", "recist"),
        ("node", "9.9", "14.9", "possible", "small"),
        ("node", "10", "15", "progressive", "recist"),
        ("node", "10", "14.9", "not_progressive", "near miss"),
        ("node", "3", "9", "possible", "small"),
        # new lesions
        ("other", "", "10", "progressive", "new"),
        ("other", "", "9.9", "possible", "small"),
        ("other", "0", "10", "progressive", "new"),
        ("other", "0", "9.9", "possible", "small"),
        ("other", "0", "0", "not_progressive", "gone"),
        ("other", "", "0", "not_progressive", "gone"),
        ("node", "", "15", "progressive", "new"),
        ("node", "", "14.9", "possible", "small"),
        ("node", "", "10", "possible", "small"),
        ("node", "", "9.9", "not_progressive", "normal node"),
        # bone, meninges, effusion: numbers never decide
        ("bone", "20", "30", "unknown", "bone"),
        ("bone", "20", "24", "not_progressive", "near miss"),
        ("bone", "", "20", "possible", "bone"),
        ("meninges", "20", "30", "unknown", "meninges"),
        ("effusion", "20", "30", "unknown", "effusion"),
        # one size missing
        ("other", "20", "", "unknown", "no baseline size"),
        # two readings of one day
        ("other", "20", "24/25", "possible", "conflict"),
        ("other", "20", "25/30", "progressive", "recist"),
        ("other", "20/24", "25", "possible", "conflict"),
        ("other", "20", "21/22", "not_progressive", "recist"),
    ],
)
def test_sizes_decide(kind: str, earlier: str, baseline: str, state: str, why: str) -> None:
    found = judge_course(course(kind, earlier, baseline), RULES)
    assert (found.state.value, found.why) == (state, why)


def test_absence_from_the_earlier_scan_must_be_shown() -> None:
    found = judge_course(course("other", "", "20", not_new="the earlier scan is not certain to cover its place"), RULES)
    assert (found.state.value, found.why) == ("unknown", "no earlier size")
    assert "20 mm at baseline" in found.explanation
    assert "not certain to cover" in found.explanation


@pytest.mark.parametrize(
    ("kind", "earlier", "baseline", "said", "state"),
    [
        ("other", "20", "20", "progressive", "progressive"),
        ("other", "20", "40", "stable", "not_progressive"),
        ("other", "20", "40", "partial response", "not_progressive"),
        ("other", "20", "40", "complete response", "not_progressive"),
        ("other", "20", "40", "not progressive", "not_progressive"),
        ("other", "20", "40", "undetermined", "progressive"),
        ("bone", "20", "20", "progressive", "progressive"),
        ("other", "4", "8", "progressive", "progressive"),
        ("other", "", "", "progressive", "progressive"),
        ("other", "20", "40", "progressive, stable", "possible"),
    ],
)
def test_an_explicit_code_wins(kind: str, earlier: str, baseline: str, said: str, state: str) -> None:
    responses = frozenset(Response(word) for word in said.split(", "))
    assert judge_course(course(kind, earlier, baseline, said=responses), RULES).state.value == state


@pytest.mark.parametrize(
    ("method", "state"), [("ct", "progressive"), ("xr", "possible"), ("physical_exam", "possible")]
)
def test_coarse_methods_make_growth_possible_only(method: str, state: str) -> None:
    found = course("other", "20", "40")
    measured = replace(found, baseline=replace(found.baseline, methods=frozenset({method})))
    assert judge_course(measured, RULES).state.value == state


def reading(**sizes: object) -> LesionMeasurement:
    return LesionMeasurement(build.evidence(), **sizes)  # type: ignore[arg-type]


def mm(*sizes: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(size) for size in sizes)


@pytest.mark.parametrize(
    ("kind", "long", "short", "others", "size"),
    [
        ("node", "21", "14", "", "14"),
        ("node", "", "14", "", "14"),
        ("node", "21", "", "14", "14"),
        ("node", "21", "", "14 12", "12"),
        ("node", "", "", "21 14", "14"),
        ("node", "21", "", "", "a single diameter of a node without its axis is no size"),
        ("node", "", "", "21", "a single diameter of a node without its axis is no size"),
        ("other", "21", "14", "", "21"),
        ("other", "", "", "14 21", "21"),
        ("other", "", "", "14", "14"),
        ("other", "", "14", "", "no size recorded"),
        ("other", "", "", "", "no size recorded"),
        ("node", "", "", "", "no size recorded"),
    ],
)
def test_the_size_recist_uses(kind: str, long: str, short: str, others: str, size: str) -> None:
    measured = reading(
        long_axis_mm=build.number(long or None),
        short_axis_mm=build.number(short or None),
        diameters_mm=mm(*others.split()),
    )
    assert str(size_of(measured, kind == "node")) == size


@pytest.mark.parametrize("method", ["us", "pet"])
def test_ultrasound_and_pet_do_not_measure(method: str) -> None:
    found = size_of(reading(long_axis_mm=Decimal(20), method=method), is_node=False)
    assert "RECIST does not accept" in str(found)


def test_a_lesion_looked_for_and_not_there_measures_nothing() -> None:
    assert size_of(reading(seen=False, long_axis_mm=Decimal(9)), is_node=False) == 0


def test_the_problem_of_a_reading_is_its_gap() -> None:
    assert size_of(reading(problem="no unit is recorded"), is_node=False) == "no unit is recorded"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("24", "29", "24 mm to 29 mm (+5 mm, +20.8 %)"),
        ("100", "119.99", "100 mm to 119.99 mm (+19.99 mm, +19.9 %)"),
        ("30", "20", "30 mm to 20 mm (-10 mm, -33.3 %)"),
        ("20", "20", "20 mm to 20 mm (0 mm, 0 %)"),
    ],
)
def test_a_change_in_words_never_rounds_up(old: str, new: str, words: str) -> None:
    assert change_in_words(Decimal(old), Decimal(new), is_node=False) == words


def test_a_node_names_its_axis() -> None:
    assert "15 mm short axis" in change_in_words(Decimal(10), Decimal(15), is_node=True)


@pytest.mark.parametrize(
    ("one", "other", "differ"), [("ct", "mr", True), ("ct", "ct", False), ("", "mr", False), ("ct", "", False)]
)
def test_whether_two_scans_measured_alike(one: str, other: str, differ: bool) -> None:
    assert modalities_differ(one.split(), other.split()) is differ
