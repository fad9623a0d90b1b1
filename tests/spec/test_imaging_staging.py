"""`baseline-imaging` and `pre-baseline-imaging`: verdicts typed by hand from CRITERIA, rulings 3 and 4, I10 to I12."""

from __future__ import annotations

from datetime import date

from build import day, disease_rules, facts, lesion, measured, scan
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import BaselineImaging, PreBaselineImaging
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import ImagingStudy, Kind
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Basis, Finding

TODAY = "2026-11-22"


def find(
    rule: BaselineImaging | PreBaselineImaging, *scans: ImagingStudy, as_of: str = TODAY, **more: object
) -> Finding:
    return find_with_clock(rule, *scans, as_of=as_of, **more)[0]


def find_with_clock(
    rule: BaselineImaging | PreBaselineImaging, *scans: ImagingStudy, as_of: str = TODAY, **more: object
) -> tuple[Finding, AsOf]:
    clock = AsOf(day(as_of))
    return judge(rule, Case(facts(*scans, **more), disease_rules(), frozenset()), clock), clock


def baseline(*scans: ImagingStudy, as_of: str = TODAY, **more: object) -> Finding:
    return find(BaselineImaging(), *scans, as_of=as_of, **more)


def pre_baseline(*scans: ImagingStudy, as_of: str = TODAY, **more: object) -> Finding:
    return find(PreBaselineImaging(), *scans, as_of=as_of, **more)


@each_row("""
    scanned    | as_of      | verdict
    2026-11-22 | 2026-11-22 | pass
    2026-10-25 | 2026-11-22 | pass
    2026-10-24 | 2026-11-22 | unknown
    2026-11    | 2026-11-28 | pass
    2026-11    | 2026-11-29 | pass
    2026-11    | 2026-11-30 | unknown
    2026-10    | 2026-11-22 | unknown
    2026       | 2026-11-22 | unknown
               | 2026-11-22 | unknown
""")
def test_the_window_of_the_baseline(row: dict[str, str]) -> None:
    assert baseline(scan(on=row["scanned"] or None), as_of=row["as_of"]).outcome.value == row["verdict"]


def test_the_day_after_the_window_is_known_beforehand() -> None:
    _, clock = find_with_clock(BaselineImaging(), scan(on="2026-11-10"))
    assert clock.turns_on == date(2026, 12, 9)


def test_the_earliest_required_part_dates_the_set() -> None:
    chest = scan("CT chest", on="2026-10-24", ref="a")
    belly = scan("CT abdomen, CT pelvis", on="2026-11-05", ref="b")
    assert baseline(chest, belly).outcome.value == "unknown"
    assert baseline(chest, belly, as_of="2026-11-21").outcome.value == "pass"


@each_row("""
    covered                              | verdict | basis
    CT chest, CT abdomen, CT pelvis      | pass    | recorded
    CT chest, CT abdomen, CT pelvis~     | pass    | derived
    CT chest, MR abdomen, MR pelvis      | pass    | recorded
    PET chest, PET abdomen, PET pelvis   | pass    | recorded
    PET chest~, PET abdomen~, PET pelvis~ | pass    | derived
    MR chest, MR abdomen, MR pelvis      | unknown | recorded
    CT chest, CT abdomen                 | unknown | recorded
    CT abdomen, CT pelvis                | unknown | recorded
    CT head                              | unknown | recorded
    MR head                              | unknown | recorded
""")
def test_what_a_baseline_covers(row: dict[str, str]) -> None:
    found = baseline(scan(row["covered"], on="2026-11-10"))
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"])


@each_row("""
    on         | unfit            | doubtful             | verdict
    2026-11-10 |                  | PET of limited area  | review
    2026-10-25 |                  | CTA chest            | review
    2026-10-24 |                  | CTA chest            | unknown
    2026-11-10 | biopsy guidance  |                      | unknown
    2026-11-10 | biopsy guidance  | CTA chest            | unknown
""")
def test_doubtful_scans_are_for_the_clinician(row: dict[str, str]) -> None:
    doubted = scan("CT chest", on=row["on"], unfit=row["unfit"] or None, doubtful=row["doubtful"] or None)
    assert baseline(doubted).outcome.value == row["verdict"]


def test_a_full_set_beside_a_doubtful_scan_passes() -> None:
    assert (
        baseline(scan(on="2026-11-10", ref="a"), scan(on="2026-11-11", ref="b", doubtful="CTA")).outcome.value == "pass"
    )


@each_row("""
    kind         | with_scan | baseline | pre_baseline
    IMAGING      | yes       | unknown  | unknown
    IMAGING      |           | unknown  | unknown
    REPORTS      | yes       | pass     | pass
    REPORTS      |           | unknown  | unknown
    PROCEDURES   | yes       | pass     | pass
    PROCEDURES   |           | unknown  | unknown
    OBSERVATIONS | yes       | pass     | pass
""")
def test_what_could_not_be_retrieved_is_unknown(row: dict[str, str]) -> None:
    scans = (scan(on="2026-11-10", ref="a"), scan(on="2026-09-01", ref="b")) if row["with_scan"] else ()
    gone = ((Kind[row["kind"]], "server timed out"),)
    for found, expected in (
        (baseline(*scans, not_retrieved=gone), row["baseline"]),
        (pre_baseline(*scans, not_retrieved=gone), row["pre_baseline"]),
    ):
        assert found.outcome.value == expected
        assert ("not retrieved: server timed out" in found.reason) == (expected == "unknown")


def test_a_passing_baseline_says_what_when_and_against_which_limit() -> None:
    found = baseline(scan(on="2026-11-10"))
    assert found.reason == (
        "CT of chest, abdomen and pelvis on 2026-11-10, 12 days before (at most 28). "
        "No brain imaging with it (recommended where routine)."
    )
    assert [item.reference for item in found.evidence] == ["ImagingStudy/scan"]


@each_row("""
    head       | says
    2026-11-20 | Brain imaging on 2026-11-20.
    2026-11-24 | Brain imaging on 2026-11-24.
    2026-10-26 | No brain imaging with it (recommended where routine).
""")
def test_brain_imaging_is_a_note_only(row: dict[str, str]) -> None:
    found = baseline(scan(on="2026-11-10"), scan("MR head", on=row["head"], ref="head"), as_of="2026-11-25")
    assert (found.outcome.value, row["says"] in found.reason) == ("pass", True)


def test_an_expired_staging_gives_the_days_on_which_a_new_one_would_pair() -> None:
    found = baseline(scan(on="2026-09-01"))
    assert found.outcome.value == "unknown"
    assert "82 days old (at most 28)" in found.reason
    assert [(item.opens, item.closes) for item in found.missing] == [(date(2026, 11, 22), date(2026, 12, 22))]


def test_without_any_scan_a_new_one_counts_from_today() -> None:
    found = baseline()
    assert [(item.opens, item.closes) for item in found.missing] == [(date(2026, 11, 22), None)]
    assert found.reason.startswith("No full staging is recorded")


def test_what_would_complete_a_recent_scan_is_told() -> None:
    found = baseline(scan("CT chest", on="2026-11-18"))
    assert "CT of 2026-11-18 covers chest only." in found.reason
    completing = found.missing[0]
    assert completing.what == "CT or MR of abdomen and pelvis"
    assert (completing.opens, completing.closes) == (date(2026, 11, 22), date(2026, 12, 2))
    assert baseline(scan("CT abdomen", on="2026-11-18")).missing[0].what == "CT of the chest and CT or MR of pelvis"


def test_a_scan_too_old_to_be_completed_is_not_offered() -> None:
    assert [item.what for item in baseline(scan("CT chest", on="2026-11-07")).missing] == ["new staging scan"]
    assert baseline(scan("CT chest", on="2026-11-08")).missing[0].closes == date(2026, 11, 22)


@each_row("""
    unfit        | unstated                                | on         | says
    planning CT  |                                         | 2026-11-10 | CT of 2026-11-10 does not count: planning CT.
                 | which region it covers is not stated    | 2026-11-10 | CT of 2026-11-10: which region it covers is not stated.
""")  # noqa: E501
def test_why_a_scan_is_not_enough(row: dict[str, str]) -> None:
    found = baseline(
        scan("", on=row["on"], modalities="CT", unfit=row["unfit"] or None, unstated=row["unstated"] or None)
    )
    assert row["says"] in found.reason


def test_an_x_ray_is_not_worth_a_word() -> None:
    assert baseline(scan("", on="2026-11-10", modalities="other")).reason.endswith("abdomen and pelvis).")


def test_a_full_scan_without_a_date_cannot_be_placed() -> None:
    assert "CT without a date cannot be placed in time." in baseline(scan(on=None)).reason


def test_a_month_that_may_lie_outside_the_window_is_named() -> None:
    assert "without the day it may lie outside the last 28 days" in baseline(scan(on="2026-10")).reason


# baseline 2026-11-10
@each_row("""
    earlier    | verdict | days
    2026-09-30 | unknown | 41
    2026-09-29 | pass    | 42
    2026-09-01 | pass    | 70
    2026-07-21 | pass    | 112
    2026-07-20 | unknown | 113
""")
def test_the_window_before_the_baseline(row: dict[str, str]) -> None:
    found = pre_baseline(scan(on="2026-11-10", ref="a"), scan(on=row["earlier"], ref="b"))
    assert found.outcome.value == row["verdict"]
    assert f"{row['days']} days" in found.reason


@each_row("""
    earlier                            | verdict | note
    CT chest, CT abdomen, CT pelvis    | pass    |
    CT chest, MR abdomen, MR pelvis    | pass    | Another modality than the baseline's for abdomen and pelvis.
    PET chest, PET abdomen, PET pelvis | pass    | Another modality than the baseline's for chest, abdomen and pelvis.
    CT abdomen, CT pelvis              | unknown |
    MR head                            | unknown |
""")
def test_another_modality_is_noted_only(row: dict[str, str]) -> None:
    found = pre_baseline(scan(on="2026-11-10", ref="a"), scan(row["earlier"], on="2026-09-01", ref="b"))
    assert found.outcome.value == row["verdict"]
    assert row["note"] in found.reason
    assert ("Another modality" in found.reason) == bool(row["note"])


def test_an_earlier_scan_read_from_words_makes_the_pass_derived() -> None:
    words = "CT chest~, CT abdomen~, CT pelvis~"
    assert pre_baseline(scan(on="2026-11-10", ref="a"), scan(words, on="2026-09-01", ref="b")).basis is Basis.DERIVED


def test_without_a_pair_the_days_of_a_new_baseline_are_given() -> None:
    found = pre_baseline(scan(on="2026-11-10", ref="a"), scan(on="2026-10-01", ref="b"))
    assert "2026-10-01 (40 days)" in found.reason
    assert "from 2026-11-22 to 2027-03-02 would pair with that of 2026-11-10" in found.reason
    assert [(item.opens, item.closes) for item in found.missing] == [(date(2026, 11, 22), date(2027, 3, 2))]


def test_with_nothing_to_pair_both_scans_are_asked_for() -> None:
    found = pre_baseline()
    assert found.outcome.value == "unknown"
    assert [(item.what, item.opens, item.closes) for item in found.missing] == [("two staging scans", None, None)]
    assert "no baseline scan of the last 28 days" in found.reason


def test_the_pair_ends_with_the_baseline() -> None:
    _, clock = find_with_clock(PreBaselineImaging(), scan(on="2026-11-10", ref="a"), scan(on="2026-09-01", ref="b"))
    assert clock.turns_on == date(2026, 12, 9)


def test_a_preliminary_report_counts_and_is_marked() -> None:
    found = baseline(scan(on="2026-11-10", preliminary=True))
    assert (found.outcome.value, "Its report is preliminary." in found.reason) == ("pass", True)


# baseline 2026-11-10 of the whole trunk, earlier scan 2026-09-01; the lesion grew from 20 to 30 mm
@each_row("""
    earlier                | lesion   | second | verdict
    CT abdomen, CT pelvis  | liver    |        | pass
    CT chest               | liver    |        | unknown
    CT abdomen, CT pelvis  | liver    | lung   | unknown
    CT abdomen, CT pelvis  | vertebra |        | unknown
    CT abdomen, CT pelvis  |          |        | unknown
""")
def test_an_earlier_scan_of_a_part_serves_when_it_shows_every_lesion(row: dict[str, str]) -> None:
    tumours = [
        found
        for name in (row["lesion"], row["second"])
        if name
        for found in (
            lesion(name, ref=name),
            measured(lesion=name, on="2026-09-01", long=20),
            measured(lesion=name, on="2026-11-10", long=30),
        )
    ]
    scans = (scan(on="2026-11-10", ref="a"), scan(row["earlier"], on="2026-09-01", ref="b"))
    clock = AsOf(day(TODAY))
    found = judge(PreBaselineImaging(), Case(facts(*scans, *tumours), disease_rules(), frozenset()), clock)
    assert found.outcome.value == row["verdict"]
    assert ("no full staging, but" in found.reason) == (row["verdict"] == "pass")
