"""RECIST 1.1 applied to one lesion between two scans.

RECIST judges a patient by a sum of target lesions; the trial asks of each lesion whether it
progressed. The thresholds of the sum (20 % and 5 mm) are therefore applied to the single
lesion, the earlier scan being the reference. An explicit response code for the lesion wins.
Exact decimals; nothing is rounded before it is compared.

Source: RECIST 1.1 (Eisenhauer 2009; PMC2755245), RECIST reading section 3, rulings 6-8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from cds_service.domain.criteria import LesionRules
from cds_service.domain.facts import LesionMeasurement, Response
from cds_service.domain.making import quick_to_make
from cds_service.domain.quantities import plain
from cds_service.domain.verdicts import LesionState

_NOT_MEASURING = {
    "us": "ultrasound",
    "pet": "PET alone",
}
_COARSE = {
    "xr": "a plain radiograph",
    "physical_exam": "physical examination",
}


@quick_to_make
@dataclass(frozen=True, slots=True)
class Readings:
    """What one scan says of one lesion: its size in mm (two where readings of a day disagree).

    `gap` says why there is no size. A lesion looked for and not there has the size 0.
    `methods` how it was measured, where recorded.
    """

    sizes: tuple[Decimal, ...] = ()
    gap: str = "not measured"
    day: str = ""
    methods: frozenset[str] = frozenset()

    @property
    def largest(self) -> Decimal | None:
        """The size, the larger one where two readings disagree."""
        return max(self.sizes, default=None)


@quick_to_make
@dataclass(frozen=True, slots=True)
class LesionCourse:
    """One lesion from the earlier scan to the baseline scan.

    `said` are the explicit responses of the latest day on which one was recorded at or after the
    baseline scan; `doubt` why numbers never decide on it ("bone"); `not_new` why its absence
    from the earlier scan does not show it to be new (empty: it is new).
    """

    is_node: bool
    earlier: Readings
    baseline: Readings
    said: frozenset[Response] = frozenset()
    doubt: str | None = None
    not_new: str = ""


@quick_to_make
@dataclass(frozen=True, slots=True)
class Judgement:
    """The state of a lesion, why in a word, and why in a sentence."""

    state: LesionState
    why: str
    explanation: str


def size_of(measurement: LesionMeasurement, is_node: bool) -> Decimal | str:
    """The size that RECIST uses, in mm: short axis of a node, longest diameter of anything else.

    Of a node whose axes are not named, the smaller of two or more diameters; one diameter alone is
    no size. Words for why there is none otherwise.
    """
    if not measurement.seen:
        return Decimal(0)
    if measurement.method in _NOT_MEASURING:
        return f"measured by {_NOT_MEASURING[measurement.method]}, which RECIST does not accept"
    found = _node_size(measurement) if is_node else _longest(measurement)
    if found is not None:
        return found
    if measurement.problem:
        return measurement.problem
    if is_node and (measurement.long_axis_mm is not None or measurement.diameters_mm):
        return "a single diameter of a node without its axis is no size"
    return "no size recorded"


def _node_size(measurement: LesionMeasurement) -> Decimal | None:
    if measurement.short_axis_mm is not None:
        return measurement.short_axis_mm
    long_axis = () if measurement.long_axis_mm is None else (measurement.long_axis_mm,)
    diameters = (*long_axis, *measurement.diameters_mm)
    return min(diameters) if len(diameters) > 1 else None


def _longest(measurement: LesionMeasurement) -> Decimal | None:
    if measurement.long_axis_mm is not None:
        return measurement.long_axis_mm
    return max(measurement.diameters_mm, default=None)


def judge_course(course: LesionCourse, rules: LesionRules) -> Judgement:
    """What became of a lesion between the two scans (RECIST reading section 3)."""
    return _explicit(course) or _by_readings(course, rules)


def _explicit(course: LesionCourse) -> Judgement | None:
    states = {_STATED[said] for said in course.said if said in _STATED}
    if not states:
        return None
    words = " and ".join(sorted(said.value for said in course.said if said in _STATED))
    if len(states) > 1:
        return Judgement(LesionState.POSSIBLE, "conflict", f"the lesion's own response is recorded as {words}")
    return Judgement(states.pop(), "explicit", f"the lesion's own response is recorded as {words}")


_STATED = {
    Response.PROGRESSIVE: LesionState.PROGRESSIVE,
    Response.STABLE: LesionState.NOT_PROGRESSIVE,
    Response.PARTIAL: LesionState.NOT_PROGRESSIVE,
    Response.COMPLETE: LesionState.NOT_PROGRESSIVE,
    Response.NOT_PROGRESSIVE: LesionState.NOT_PROGRESSIVE,
}


def _by_readings(course: LesionCourse, rules: LesionRules) -> Judgement:
    if not course.baseline.sizes:
        return Judgement(LesionState.UNKNOWN, "no baseline size", f"at the baseline scan {course.baseline.gap}")
    earlier: tuple[Decimal | None, ...] = course.earlier.sizes or (None,)
    judged = [_by_sizes(course, old, new, rules) for old in earlier for new in course.baseline.sizes]
    if len({judgement.state for judgement in judged}) == 1:
        return judged[-1]
    sizes = ", ".join(f"{plain(size)} mm" for size in (*course.earlier.sizes, *course.baseline.sizes))
    return Judgement(
        LesionState.POSSIBLE, "conflict", f"readings of one day disagree ({sizes}) and lead to different results"
    )


def _by_sizes(course: LesionCourse, old: Decimal | None, new: Decimal, rules: LesionRules) -> Judgement:
    if old is None and new == 0:
        return Judgement(LesionState.NOT_PROGRESSIVE, "gone", "looked for and not there at the baseline scan")
    if old is None:
        return _absent_before(course, new, rules)
    if old == 0:
        return _new(course, new, rules)
    return _grown(course, old, new, rules)


def _absent_before(course: LesionCourse, new: Decimal, rules: LesionRules) -> Judgement:
    if course.not_new:
        return Judgement(LesionState.UNKNOWN, "no earlier size", f"{plain(new)} mm at baseline; {course.not_new}")
    return _new(course, new, rules)


def _new(course: LesionCourse, new: Decimal, rules: LesionRules) -> Judgement:
    if new == 0:
        return Judgement(LesionState.NOT_PROGRESSIVE, "gone", "not there at either scan")
    text = f"new since the earlier scan, {plain(new)} mm"
    if course.is_node:
        return _new_node(new, text, rules)
    if course.doubt:
        return Judgement(LesionState.POSSIBLE, course.doubt, f"{text}; {_CANNOT[course.doubt]}")
    if new < rules.measurable_mm:
        return Judgement(
            LesionState.POSSIBLE, "small", f"{text}: below {plain(rules.measurable_mm)} mm, a reader must confirm it"
        )
    return _unless_coarse(course, Judgement(LesionState.PROGRESSIVE, "new", text))


def _new_node(new: Decimal, text: str, rules: LesionRules) -> Judgement:
    if new >= rules.measurable_node_mm:
        return Judgement(LesionState.PROGRESSIVE, "new", f"{text} short axis")
    if new >= rules.normal_node_below_mm:
        return Judgement(
            LesionState.POSSIBLE, "small", f"{text} short axis: below {plain(rules.measurable_node_mm)} mm"
        )
    return Judgement(LesionState.NOT_PROGRESSIVE, "normal node", f"{text} short axis: a node of normal size")


_CANNOT = {
    "bone": "a bone lesion cannot be judged by size alone",
    "effusion": "an effusion cannot be judged by size",
    "meninges": "a lesion of the meninges cannot be judged by size",
}


def _grown(course: LesionCourse, old: Decimal, new: Decimal, rules: LesionRules) -> Judgement:
    by_ratio, by_mm = grew(old, new, rules)
    text = change_in_words(old, new, course.is_node)
    if not (by_ratio and by_mm):
        return _not_grown(text, rules, by_ratio, by_mm)
    if course.doubt:
        return Judgement(LesionState.UNKNOWN, course.doubt, f"{text}; {_CANNOT[course.doubt]}")
    measurable = rules.measurable_node_mm if course.is_node else rules.measurable_mm
    if new < measurable:
        return Judgement(
            LesionState.POSSIBLE,
            "small",
            f"{text}: grown, but below {plain(measurable)} mm at baseline (not measurable)",
        )
    return _unless_coarse(course, Judgement(LesionState.PROGRESSIVE, "recist", text))


def _unless_coarse(course: LesionCourse, judgement: Judgement) -> Judgement:
    coarse = [_COARSE[m] for m in sorted(course.earlier.methods | course.baseline.methods) if m in _COARSE]
    if not coarse:
        return judgement
    return Judgement(LesionState.POSSIBLE, "method", f"{judgement.explanation}, measured by {coarse[0]}")


def _not_grown(text: str, rules: LesionRules, by_ratio: bool, by_mm: bool) -> Judgement:
    ratio, mm = f"{plain(rules.grows_by_ratio * 100)} %", f"{plain(rules.grows_by_mm)} mm"
    if by_ratio:
        return Judgement(LesionState.NOT_PROGRESSIVE, "near miss", f"{text}: {ratio} or more, but less than {mm}")
    if by_mm:
        return Judgement(LesionState.NOT_PROGRESSIVE, "near miss", f"{text}: {mm} or more, but less than {ratio}")
    return Judgement(LesionState.NOT_PROGRESSIVE, "recist", f"{text}: less than {ratio} and less than {mm}")


def grew(old: Decimal, new: Decimal, rules: LesionRules) -> tuple[bool, bool]:
    """Whether a size grew by the ratio, and whether by the millimetres; bounds inclusive, exact."""
    growth = new - old
    return growth >= rules.grows_by_ratio * old, growth >= rules.grows_by_mm


def change_in_words(old: Decimal, new: Decimal, is_node: bool) -> str:
    """The change for people: "24 mm to 29 mm (+5 mm, +20.8 %)"; the percentage cut off, never rounded up."""
    growth = new - old
    percent = (growth * 100 / old).quantize(Decimal("0.1"), rounding=ROUND_DOWN)
    sign = "+" if growth > 0 else ""
    axis = " short axis" if is_node else ""
    return f"{plain(old)} mm to {plain(new)} mm{axis} ({sign}{plain(growth)} mm, {sign}{plain(percent)} %)"


def modalities_differ(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two scans measured by methods that are recorded and have none in common."""
    mine, theirs = frozenset(one), frozenset(other)
    return bool(mine and theirs) and mine.isdisjoint(theirs)
