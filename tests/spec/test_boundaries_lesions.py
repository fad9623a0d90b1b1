"""Both sides of every limit of lesions and nodes, typed by hand from RECIST 1.1 and CRITERIA I8 to I9."""

from __future__ import annotations

import build
import pytest
from build import day
from lesion_tables import TODAY, case_of, lesion_list, record, trial
from tables import each_row

from cds_service.domain.assessments import as_json
from cds_service.domain.criteria import LesionCountBetween
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import PatientFacts
from cds_service.domain.judging import judge
from cds_service.domain.trials import assess
from cds_service.domain.verdicts import Finding

COUNT = LesionCountBetween(at_least=1, at_most=5)


def counted(patient: PatientFacts) -> Finding:
    return judge(COUNT, case_of(patient), AsOf(day(TODAY)))


def state(lesion: str) -> str:
    found = case_of(record(f"{lesion}; adrenal left 20>20")).lesions.summary.items
    return next(item for item in found if item.site != "adrenal").state.value


@each_row("""
    lesion                   | state           | because
    liver 25>30              | progressive     | 20 % and 5 mm
    liver 25>29.9            | not_progressive | 19.6 %, 4.9 mm
    liver 24>28.9            | not_progressive | 20.4 % but 4.9 mm
    liver 25.1>30.1          | not_progressive | 5 mm but 19.9 %
    liver 26>31.2            | progressive     | exactly 20 %, 5.2 mm
    liver 5>10               | progressive     | just measurable
    liver 4.9>9.9            | possible        | grown, not measurable
    liver ->10               | progressive     | new and measurable
    liver ->9.9              | possible        | new and small
    node iliac left 10>15    | progressive     | a node of 15 mm
    node iliac left 9.9>14.9 | possible        | a node of 14.9 mm
    node iliac left ->15     | progressive     | a new node of 15 mm
    node iliac left ->14.9   | possible        | a new node of 14.9 mm
    node iliac left ->10     | possible        | a new node of 10 mm
    node iliac left ->9.9    | not_progressive | a new node of 9.9 mm
""")
def test_limits_of_one_lesion(row: dict[str, str]) -> None:
    assert state(row["lesion"]) == row["state"]


@each_row("""
    lesions | more                              | least | most | verdict
    0       |                                   | 0     | 0    | unknown
    1       |                                   | 1     | 1    | pass
    5       |                                   | 5     | 5    | pass
    6       |                                   | 6     | 6    | fail
    4       | axillary ?                        | 5     | 5    | pass
    4       | axillary ? axillary ?             | 5     | 6    | unknown
    4       | axillary left axillary ?          | 5     | 6    | unknown
    4       | axillary left axillary right      | 6     | 6    | unknown
    5       | axillary left axillary right      | 7     | 7    | fail
    4       | axillary left axillary left       | 5     | 5    | pass
    4       | mediastinal ? mediastinal ?       | 5     | 5    | pass
    5       | liver>possible                    | 5     | 6    | unknown
    4       | liver>possible                    | 4     | 5    | pass
    0       | liver>possible                    | 0     | 1    | unknown
""")
def test_the_count_at_its_limits(row: dict[str, str]) -> None:
    """Distant nodes of a colorectal cancer; the side "?" is not recorded."""
    parts = [f"liver {size}>{size + 10}" for size in range(20, 20 + int(row["lesions"]))]
    words = row["more"].split()
    if row["more"] == "liver>possible":
        parts.append("lung left 4>9.5")
    else:
        parts += [
            f"node {chain} {'' if side == '?' else side} 10>16"
            for chain, side in zip(words[::2], words[1::2], strict=True)
        ]
    patient = record("; ".join([*parts, "adrenal left 20>20"]))
    summary = case_of(patient).lesions.summary
    assert [summary.count_min, summary.count_max] == [int(row["least"]), int(row["most"])]
    assert counted(patient).outcome.value == row["verdict"]


def test_sides_that_are_not_recorded_are_asked_for() -> None:
    lesions = "liver 20>30; liver 21>31; liver 22>32; liver 23>33; node axillary 10>16; node axillary 11>17"
    found = counted(record(lesions))
    assert [item.what for item in found.missing] == ["side and chain of each node"]
    assert found.reason.startswith("5 to 6 progressive lesions (needs 1 to 5)"), found.reason


def test_a_line_without_a_day_is_written_without_one() -> None:
    patient = build.facts(
        build.primary(),
        build.metastasis(recorded="2026-01-10"),
        build.numbered_line(1),
        build.numbered_line(2, on="2026-03-01", until="2026-06-01"),
    )
    lines = as_json(assess(trial(), patient, day(TODAY)))["therapy"]["lines"]  # type: ignore[index,call-overload]
    assert [(line["number"], line.get("start"), line.get("end")) for line in lines] == [
        (1, None, None),
        (2, "2026-03-01", "2026-06-01"),
    ]


def test_a_verdict_is_found_by_its_criterion() -> None:
    found = assess(trial(), build.facts(*lesion_list("liver 20>30")), day(TODAY))
    assert found.verdict("age").id == "age"
    with pytest.raises(KeyError):
        found.verdict("nothing-of-the-kind")


@each_row("""
    lesion                        | state           | said
    liver ->1                     | possible        | new since the earlier scan, 1 mm: below 10 mm, a reader must confirm it
    liver ->0                     | not_progressive | looked for and not there at the baseline scan
    node iliac left ->15          | progressive     | new since the earlier scan, 15 mm short axis
    node iliac left 10>16         | progressive     | 10 mm to 16 mm short axis (+6 mm, +60 %)
    liver 20>30                   | progressive     | 20 mm to 30 mm (+10 mm, +50 %)
""")  # noqa: E501
def test_what_is_said_of_one_lesion(row: dict[str, str]) -> None:
    found = case_of(record(f"{row['lesion']}; adrenal left 20>20")).lesions.summary.items
    item = next(item for item in found if item.site != "adrenal")
    assert (item.state.value, item.explanation.partition("; ")[0]) == (row["state"], row["said"])


def test_readings_that_lead_to_different_results_are_told_with_their_sizes() -> None:
    second = build.measured(lesion="l1", on="2026-11-10", long=30, ref="second")
    (item,) = case_of(record("liver 20>24", second)).lesions.summary.items
    assert item.explanation == "readings of one day disagree (20 mm, 24 mm, 30 mm) and lead to different results"
