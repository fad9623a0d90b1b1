"""Harmless changes of a hand-made patient's file: what it was built for stays as it is.

Everything here keeps each value on its side of every limit of the trial (CRITERIA, "The ids"):
ages within the band that matters, scans within their windows, results within their limits, lesions
that grew growing, lesions that did not staying as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from random import Random

from cds_service.sandbox.codebook import Json

WINDOW = 28
PAIR_FROM, PAIR_TO = 42, 112

_USUAL: Mapping[str, tuple[float, float, int]] = {
    "anc": (0.8, 7.4, 1),
    "platelets": (40, 390, 0),
    "hemoglobin": (7.8, 15.4, 1),
    "bilirubin": (0.3, 1.4, 1),
    "ast": (10, 110, 0),
    "alt": (9, 115, 0),
    "creatinine": (0.6, 1.4, 2),
}
"""Values of the usual tests that keep every limit (three times the upper limits of 40 and 41 included)."""

_HISTORY = ("cancer", "metastases", "stage", "other_cancers")


def varied(document: Json, identity: str, chance: Random) -> Json:
    """A copy for another person who is to be judged as the original is."""
    copied = copy.deepcopy(document)
    copied |= {"id": identity, "mrn": identity}
    _vary_age(copied, chance)
    _vary_history(copied, chance)
    _vary_scans(copied, chance)
    _vary_performance(copied, chance)
    _vary_laboratory(copied, chance)
    _vary_growth(copied, chance)
    return copied


def _vary_age(document: Json, chance: Random) -> None:
    born = document["born"]
    if born["years"] == 18 and born.get("days", 0) < 0:
        born["days"] = -chance.randrange(1, 330)
        return
    low, high = _age_band(document, born["years"])
    document["born"] = {"years": chance.randrange(low, high), "days": chance.randrange(0, 360)}


def _age_band(document: Json, years: int) -> tuple[int, int]:
    """Ages at which nothing is judged otherwise: childbearing is asked of women alone (ruling 13)."""
    if document["sex"] == "male" or any("hysterectomy" in p.values() for p in document.get("procedures", ())):
        return 30, 88
    return (52, 88) if years >= 50 else (22, 49)


def _vary_history(document: Json, chance: Random) -> None:
    """The disease and its treatment begin some weeks earlier; the last treatment ends when it did."""
    earlier = chance.randrange(0, 60)
    for section in _HISTORY:
        for entry in _entries(document.get(section, ())):
            if entry["days"] < -150:
                entry["days"] -= earlier
    lines = document.get("therapy", ())
    last = max((line["to"] for line in lines), default=0)
    for line in lines:
        line["from"] -= earlier
        if line["to"] < last - 30:
            line["to"] -= earlier


def _entries(section: object) -> list[Json]:
    return [section] if isinstance(section, dict) else list(section)  # type: ignore[call-overload]  # a list of mappings


# --- scans ------------------------------------------------------------------------------------------


def _vary_scans(document: Json, chance: Random) -> None:
    """Both scans move within their windows; what was measured on them moves with them."""
    days = sorted({study["days"] for study in document.get("imaging", ())})
    if not days:
        return
    stagings = _stagings(days)
    newest = stagings[-1]
    if newest[0] < -WINDOW:
        moved = [(staging, shift) for shift in (-chance.randrange(0, 20),) for staging in stagings]
    elif len(stagings) > 1 and PAIR_FROM <= newest[0] - stagings[-2][0] <= PAIR_TO:
        moved = _in_windows(stagings, chance)
    else:
        shift = _within(newest, chance)
        moved = [(staging, shift) for staging in stagings]
    move = {day: day + shift for staging, shift in moved for day in staging}
    move_days(document, lambda day: move.get(day, day))


def _stagings(days: list[int]) -> list[list[int]]:
    """Days of scans that belong together: at most two weeks apart."""
    groups: list[list[int]] = []
    for day in days:
        if groups and day - groups[-1][0] <= 14:
            groups[-1].append(day)
        else:
            groups.append([day])
    return groups


def _within(staging: list[int], chance: Random) -> int:
    """How far a staging may move and all of it stay in the four weeks before today."""
    return chance.randint(-WINDOW + 1 - staging[0], -1 - staging[-1])


def _in_windows(stagings: list[list[int]], chance: Random) -> list[tuple[list[int], int]]:
    newest, earlier = stagings[-1], stagings[-2]
    shift = _within(newest, chance)
    gap = chance.randint(PAIR_FROM + 2, PAIR_TO - 2)
    return [
        *((staging, 0) for staging in stagings[:-2]),
        (earlier, newest[0] + shift - gap - earlier[0]),
        (newest, shift),
    ]


def move_days(document: Json, moved: Callable[[int], int]) -> None:
    """Move the scans, and the sizes, courses, states and responses dated by them."""
    for section in ("imaging", "status", "responses"):
        for entry in document.get(section, ()):
            entry["days"] = moved(entry["days"])
    for lesion in document.get("lesions", ()):
        lesion["sizes"] = {moved(day): size for day, size in lesion.get("sizes", {}).items()}
        if "course" in lesion:
            lesion["course"]["days"] = moved(lesion["course"]["days"])
    scanned = {entry["days"] for entry in document.get("imaging", ())}
    for stage in document.get("stage", ()):
        if scanned and stage["days"] > -WINDOW:
            stage["days"] = max(*scanned, stage["days"])


# --- what was measured --------------------------------------------------------------------------------


def _vary_performance(document: Json, chance: Random) -> None:
    scores = document.get("ecog", ())
    for entry in scores[:1]:
        if entry["days"] < -90:
            entry["days"] = -chance.randrange(91, 300)
            continue
        entry["days"] = -chance.randrange(1, 30)
        if entry["score"] <= 2:
            entry["score"] = chance.randrange(3)


def _vary_laboratory(document: Json, chance: Random) -> None:
    panels = document.get("labs", ())
    for at, panel in enumerate(panels):
        if at == 0 and panel["days"] >= -WINDOW:
            panel["days"] = -chance.randrange(1, 15)
            for test in document.get("pregnancy_tests", ()):
                if test["days"] >= -WINDOW:
                    test["days"] = panel["days"]
        values = panel.setdefault("values", {})
        for name, value in list(values.items()):
            if isinstance(value, int | float):
                values[name] = _near(value, chance)
        if panel.get("usual"):
            for name, (low, high, decimals) in _USUAL.items():
                values.setdefault(name, _number(chance.uniform(low, high), decimals))


def _near(value: float, chance: Random) -> float:
    """A value within four per cent: no hand-made value lies that close to a limit."""
    return _number(value * chance.uniform(0.96, 1.04), 0 if value >= 100 else 2)


def _number(value: float, decimals: int) -> float:
    return round(value, decimals) if decimals else round(value)


def _vary_growth(document: Json, chance: Random) -> None:
    """Lesions that grew by RECIST grew a little more."""
    for lesion in document.get("lesions", ()):
        sizes = lesion.get("sizes", {})
        if len(sizes) < 2:
            continue
        earlier, later = sorted(sizes)[-2:]
        if grew(sizes[earlier], sizes[later]):
            more = chance.randrange(0, 60) / 10
            sizes[later] = [round(size + more, 1) for size in sizes[later]]


def grew(before: list[float], after: list[float]) -> bool:
    """Whether both diameters grew by at least 20 % and 4 mm, as those of every lesion built to progress."""
    return all(new >= old * 1.2 and new - old >= 4 for old, new in zip(before, after, strict=True))
