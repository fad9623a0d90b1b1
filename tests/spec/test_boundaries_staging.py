"""What is said of the two staging scans, sentence by sentence: typed by hand from CRITERIA I10 to I12, rulings 3 and 4."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from typing import Any

import pytest
from build import day, disease_rules, facts, lesion, measured, scan
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import BaselineImaging, PreBaselineImaging, Rule
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

BASELINE, EARLIER = BaselineImaging(), PreBaselineImaging()
TODAY = "2026-11-22"
NEEDED = "PET/CT, or CT of the chest with CT or MR of abdomen and pelvis"
NO_BRAIN = "No brain imaging with it (recommended where routine)."
DERIVED = "What it covers is derived from its description or modality, not coded."
WHOLE = "CT of chest, abdomen and pelvis"


def find(rule: Rule, *found: object, as_of: str = TODAY, **more: Any) -> Finding:
    return judge(rule, Case(facts(*found, **more), disease_rules(), frozenset()), AsOf(day(as_of)))


def references(found: Finding) -> list[str]:
    return [item.reference for item in found.evidence]


def asked(found: Finding) -> list[tuple[str, str, str, str]]:
    return [(item.what, item.how, str(item.opens or ""), str(item.closes or "")) for item in found.missing]


# --- the baseline -----------------------------------------------------------------------------------


@each_row("""
    covered                            | on         | reason
    CT chest, CT abdomen, CT pelvis    | 2026-11-10 | whole on 2026-11-10, 12 days before (at most 28). brain
    CT chest, CT abdomen, CT pelvis    | 2026-11-21 | whole on 2026-11-21, 1 day before (at most 28). brain
    CT chest, CT abdomen, CT pelvis    | 2026-11-22 | whole on 2026-11-22, 0 days before (at most 28). brain
    CT chest, MR abdomen, MR pelvis    | 2026-11-10 | CT of chest with MR of abdomen and pelvis on 2026-11-10, 12 days before (at most 28). brain
    PET chest, PET abdomen, PET pelvis | 2026-11-10 | PET of the whole body on 2026-11-10, 12 days before (at most 28). brain
    CT chest, CT abdomen, CT pelvis~   | 2026-11-10 | whole on 2026-11-10, 12 days before (at most 28). derived brain
""")
def test_a_baseline_is_described(row: dict[str, str]) -> None:
    found = find(BASELINE, scan(row["covered"], on=row["on"]))
    expected = row["reason"].replace("whole on", f"{WHOLE} on").replace("derived", DERIVED).replace("brain", NO_BRAIN)
    assert (found.outcome.value, found.reason) == ("pass", expected)
    assert found.basis.value == ("derived" if "~" in row["covered"] else "recorded")
    assert references(found) == ["ImagingStudy/scan"]


@each_row("""
    head       | words
    2026-11-10 | Brain imaging on 2026-11-10.
    2026-10-27 | Brain imaging on 2026-10-27.
    2026-10-26 | none
""")
def test_brain_imaging_of_the_same_weeks_is_named(row: dict[str, str]) -> None:
    found = find(BASELINE, scan(on="2026-11-10"), scan("MR head", on=row["head"], ref="head"))
    assert found.reason.endswith(row["words"] if row["words"] != "none" else NO_BRAIN)


def test_a_preliminary_report_and_several_days_are_told() -> None:
    chest = scan("CT chest", on="2026-11-05", ref="chest", preliminary=True)
    found = find(BASELINE, chest, scan("CT abdomen, CT pelvis", on="2026-11-10", ref="belly"))
    assert found.reason == (
        f"{WHOLE} on 2026-11-05 to 2026-11-10, 17 days before (at most 28). Its report is preliminary. {NO_BRAIN}"
    )


def test_imaging_that_was_not_retrieved_is_asked_for() -> None:
    for kind in (Kind.IMAGING, Kind.REPORTS, Kind.PROCEDURES):
        found = find(BASELINE, not_retrieved=((kind, "timed out"),))
        assert (found.outcome.value, found.reason) == ("unknown", "Imaging not retrieved: timed out.")
        assert asked(found) == [("imaging", "studies, radiology reports and procedures read from the record", "", "")]
    kept = find(BASELINE, scan(on="2026-11-10"), not_retrieved=((Kind.REPORTS, "timed out"),))
    assert kept.outcome.value == "pass"
    lost = find(BASELINE, scan(on="2026-11-10"), not_retrieved=((Kind.IMAGING, "timed out"),))
    assert lost.outcome.value == "unknown"


@pytest.mark.parametrize(
    ("scanned", "reason", "shown"),
    [
        ([], "", []),
        (
            [scan("CT chest", on="2026-11-10", ref="a")],
            " CT of 2026-11-10 covers chest only.",
            ["ImagingStudy/a"],
        ),
        (
            [scan("CT chest, CT abdomen", on="2026-11-10", ref="a"), scan("MR head", on="2026-11-09", ref="b")],
            " CT of 2026-11-10 covers chest and abdomen only.",
            ["ImagingStudy/a", "ImagingStudy/b"],
        ),
        (
            [scan("CT chest", on="2026-11-10", ref="a", unfit="biopsy guidance")],
            " CT of 2026-11-10 does not count: biopsy guidance.",
            ["ImagingStudy/a"],
        ),
        (
            [scan("CT chest", on=None, ref="a")],
            " CT without a date cannot be placed in time.",
            ["ImagingStudy/a"],
        ),
        (
            [scan("", on="2026-11-10", ref="a", modalities="CT", unstated="the region is not stated")],
            " CT of 2026-11-10: the region is not stated.",
            ["ImagingStudy/a"],
        ),
        (
            [scan("", on="2026-11-10", ref="a", modalities="CT PET", unstated="the region is not stated")],
            " CT/PET of 2026-11-10: the region is not stated.",
            ["ImagingStudy/a"],
        ),
        ([scan("", on="2026-11-10", ref="a", modalities="CT")], "", ["ImagingStudy/a"]),
        ([scan("", on="2026-11-10", ref="a", modalities="other")], "", []),
        (
            [scan("", on="2026-11-10", ref="a", modalities="other", unfit="bone PET")],
            " other of 2026-11-10 does not count: bone PET.",
            ["ImagingStudy/a"],
        ),
        ([scan("CT chest", on="2026-10-24", ref="a")], "", []),
    ],
)
def test_what_falls_short_of_a_staging_is_explained(scanned: list[object], reason: str, shown: list[str]) -> None:
    found = find(BASELINE, *scanned)
    assert (found.outcome.value, found.reason) == ("unknown", f"No full staging is recorded ({NEEDED}).{reason}")
    assert references(found) == shown


def test_at_most_three_scans_are_explained() -> None:
    scans = [scan("CT chest", on=f"2026-11-{number}", ref=f"s{number}") for number in range(10, 15)]
    assert find(BASELINE, *scans).reason.count("covers chest only") == 3


def test_a_staging_too_old_or_undecided_is_told_and_shown() -> None:
    old = find(BASELINE, scan(on="2026-10-24"))
    assert old.reason == f"The latest full staging, {WHOLE} on 2026-10-24, is 29 days old (at most 28)."
    assert references(old) == ["ImagingStudy/scan"]
    month = find(BASELINE, scan(on="2026-10"))
    assert month.reason == f"{WHOLE} on 2026-10: without the day it may lie outside the last 28 days."


@each_row("""
    covered              | on         | what                                        | until
    CT chest             | 2026-11-10 | CT or MR of abdomen and pelvis              | 2026-11-24
    CT abdomen           | 2026-11-10 | CT of the chest and CT or MR of pelvis      | 2026-11-24
    CT abdomen, CT pelvis | 2026-11-08 | CT of the chest                            | 2026-11-22
    CT abdomen, CT pelvis | 2026-11-07 |                                            |
    MR head              | 2026-11-10 |                                             |
    CT chest, CT abdomen | 2026-11-10 | CT or MR of pelvis                          | 2026-11-24
""")
def test_what_would_complete_a_scan_of_the_last_two_weeks(row: dict[str, str]) -> None:
    found = find(BASELINE, scan(row["covered"], on=row["on"]))
    first = [(row["what"], f"would complete the scan of {row['on']}", TODAY, row["until"])] if row["what"] else []
    assert asked(found) == [*first, ("new staging scan", NEEDED, TODAY, "")]


def test_an_unfit_scan_is_not_completed() -> None:
    found = find(BASELINE, scan("CT chest", on="2026-11-10", unfit="biopsy guidance"))
    assert [item.what for item in found.missing] == ["new staging scan"]


def test_a_scan_only_a_clinician_can_judge() -> None:
    doubtful = [scan("", on=f"2026-11-1{n}", ref=f"d{n}", modalities="PET", doubtful=f"PET {n}") for n in range(4)]
    found = find(BASELINE, *doubtful)
    assert found.outcome.value == "review"
    assert found.reason == (
        "No full staging in the window, but PET 3 on 2026-11-13; PET 2 on 2026-11-12; PET 1 on 2026-11-11: "
        "a clinician has to say whether it serves."
    )
    assert asked(found) == [("clinician's word on the scan", f"or {NEEDED}", "", "")]
    assert references(found) == [f"ImagingStudy/d{n}" for n in (3, 2, 1, 0)]
    unfit = find(BASELINE, scan("", on="2026-11-10", modalities="PET", doubtful="PET", unfit="bone PET"))
    assert unfit.outcome.value == "unknown"


# --- the earlier scan -----------------------------------------------------------------------------------


@each_row("""
    earlier    | verdict | reason
    2026-09-29 | pass    | whole on 2026-09-29, 42 days before the baseline of 2026-11-10.
    2026-09-30 | unknown | None of the earlier stagings lies 42 to 112 days before the baseline of 2026-11-10: 2026-09-30 (41 days).
    2026-07-21 | pass    | whole on 2026-07-21, 112 days before the baseline of 2026-11-10.
    2026-07-20 | unknown | None of the earlier stagings lies 42 to 112 days before the baseline of 2026-11-10: 2026-07-20 (113 days).
    2026-11-09 | unknown | None of the earlier stagings lies 42 to 112 days before the baseline of 2026-11-10: 2026-11-09 (1 day).
""")
def test_the_window_of_the_earlier_scan(row: dict[str, str]) -> None:
    found = find(EARLIER, scan(on="2026-11-10", ref="now"), scan(on=row["earlier"], ref="then"))
    assert found.outcome.value == row["verdict"]
    assert found.reason.startswith(row["reason"].replace("whole on", f"{WHOLE} on"))
    shown = ["ImagingStudy/then", "ImagingStudy/now"] if row["verdict"] == "pass" else ["ImagingStudy/now"]
    assert references(found) == shown


def test_several_earlier_scans_outside_the_window_are_listed_up_to_three() -> None:
    days = ("2026-05-01", "2026-06-01", "2026-07-01", "2026-10-20")
    found = find(EARLIER, scan(on="2026-11-10", ref="now"), *(scan(on=on, ref=on) for on in days))
    assert "2026-10-20 (21 days), 2026-07-01 (132 days) and 2026-06-01 (162 days)." in found.reason


def test_no_baseline_and_no_earlier_scan() -> None:
    none = find(EARLIER)
    assert none.reason == (
        "There is no baseline scan of the last 28 days to count back from. No recorded scan can be paired: "
        "a scan made now would pair with a baseline 42 to 112 days later."
    )
    assert asked(none) == [
        (
            "two staging scans",
            "one now and a baseline 42 to 112 days later, or an earlier scan from elsewhere",
            "",
            "",
        )
    ]
    assert references(none) == []
    alone = find(EARLIER, scan(on="2026-11-10"))
    assert alone.reason == (
        "No full staging before the baseline of 2026-11-10 is recorded (42 to 112 days before it). "
        "A new baseline from 2026-12-22 to 2027-03-02 would pair with that of 2026-11-10."
    )
    assert references(alone) == ["ImagingStudy/scan"]
    how = f"{NEEDED}; pairs with that of 2026-11-10 (42 to 112 days)"
    assert asked(alone) == [("new staging scan", how, "2026-12-22", "2027-03-02")]


def test_the_earlier_scan_by_another_modality_or_by_its_words() -> None:
    pet = find(
        EARLIER,
        scan(on="2026-11-10", ref="now"),
        scan("PET chest, PET abdomen, PET pelvis", on="2026-09-01", ref="then"),
    )
    assert pet.reason == (
        "PET of the whole body on 2026-09-01, 70 days before the baseline of 2026-11-10. "
        "Another modality than the baseline's for chest, abdomen and pelvis."
    )
    assert pet.basis.value == "recorded"
    words = find(
        EARLIER, scan(on="2026-11-10", ref="now"), scan("CT chest, CT abdomen, CT pelvis~", on="2026-09-01", ref="then")
    )
    assert words.reason == f"{WHOLE} on 2026-09-01, 70 days before the baseline of 2026-11-10. {DERIVED}"
    assert words.basis.value == "derived"
    now = find(
        EARLIER, scan("CT chest, CT abdomen, CT pelvis~", on="2026-11-10", ref="now"), scan(on="2026-09-01", ref="then")
    )
    assert (now.reason, now.basis.value) == (
        f"{WHOLE} on 2026-09-01, 70 days before the baseline of 2026-11-10.",
        "derived",
    )


@each_row("""
    part                  | place | verdict
    CT chest              | lung  | pass
    CT abdomen, CT pelvis | lung  | unknown
    CT abdomen            | liver | pass
    CT chest              | liver | unknown
    CT chest              |       | unknown
""")
def test_an_earlier_scan_of_a_part_serves_where_it_shows_every_lesion(row: dict[str, str]) -> None:
    recorded: list[object] = [scan(on="2026-11-10", ref="now"), scan(row["part"], on="2026-09-01", ref="then")]
    if row["place"]:
        recorded += [lesion(row["place"]), measured(on="2026-09-01", long=20), measured(on="2026-11-10", long=30)]
    found = find(EARLIER, *recorded)
    assert found.outcome.value == row["verdict"]
    if row["verdict"] == "pass":
        assert found.reason == (
            f"CT of {row['part'].removeprefix('CT ')} on 2026-09-01, 70 days before the baseline of 2026-11-10: "
            "no full staging, but it shows the region of every lesion that may count."
        )
        assert found.basis.value == "derived"
        assert references(found) == ["ImagingStudy/then", "ImagingStudy/now"]


def test_a_node_is_looked_for_where_its_chain_lies() -> None:
    pair = [scan(on="2026-11-10", ref="now"), scan("CT chest", on="2026-09-01", ref="then")]
    read = [measured(on="2026-09-01", short=10), measured(on="2026-11-10", short=16)]
    assert find(EARLIER, *pair, lesion(None, chain="mediastinal"), *read).outcome.value == "pass"
    assert find(EARLIER, *pair, lesion(None, chain="inguinal", side="left"), *read).outcome.value == "unknown"


@each_row("""
    belly      | verdict
    2026-09-15 | pass
    2026-09-16 | unknown
""")
def test_scans_of_parts_within_two_weeks_are_one_earlier_scan(row: dict[str, str]) -> None:
    """A chest CT of 1 September and a CT of the abdomen: together they show a lung and a liver lesion."""
    parts = [scan("CT chest", on="2026-09-01", ref="chest"), scan("CT abdomen", on=row["belly"], ref="belly")]
    lesions: list[object] = [lesion("lung", ref="a"), lesion("liver", ref="b")]
    for ref in ("a", "b"):
        lesions += [measured(lesion=ref, on="2026-09-01", long=20), measured(lesion=ref, on="2026-11-10", long=30)]
    found = find(EARLIER, scan(on="2026-11-10", ref="now"), *parts, *lesions)
    assert found.outcome.value == row["verdict"], found.reason
