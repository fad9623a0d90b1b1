"""Staging sets and the pair that is compared: expected days typed by hand from "Baseline set" and ruling 4.

Scans are written "DATE what it covered", parted by ";": "CT CAP" is chest, abdomen and pelvis, "PET" the trunk.
"""

from __future__ import annotations

from build import day, facts, scan, staging_rules, when
from tables import each_row

from cds_service.domain.dates import AsOf
from cds_service.domain.facts import ImagingStudy, Site
from cds_service.domain.imaging import ScanHistory, choose_pair, comparison, covers, pairing_windows, read_scans

RULES = staging_rules()
SHORT = {
    "CT CAP": "CT chest, CT abdomen, CT pelvis",
    "CT AP": "CT abdomen, CT pelvis",
    "MR AP": "MR abdomen, MR pelvis",
    "MR CAP": "MR chest, MR abdomen, MR pelvis",
    "PET": "PET chest, PET abdomen, PET pelvis",
}


def scans_of(text: str) -> list[ImagingStudy]:
    """The scans of a cell, named s1, s2, ... in the order written."""
    cells = [cell.strip().partition(" ") for cell in text.split(";") if cell.strip()]
    return [scan(SHORT.get(what, what), on=on, ref=f"s{index}") for index, (on, _, what) in enumerate(cells, start=1)]


def history(text: str) -> ScanHistory:
    return read_scans(facts(*scans_of(text)), RULES)


def names(studies: tuple[ImagingStudy, ...]) -> str:
    return " ".join(study.evidence.reference.partition("/")[2] for study in studies)


@each_row("""
    scans                                                                   | sets
    2026-11-10 CT CAP                                                       | 2026-11-10 s1
    2026-11-10 PET                                                          | 2026-11-10 s1
    2026-11-10 CT chest; 2026-11-10 CT AP                                   | 2026-11-10 s1 s2
    2026-11-10 CT chest; 2026-11-12 MR AP                                   | 2026-11-10 s1 s2
    2026-11-10 CT chest; 2026-11-12 MR abdomen; 2026-11-13 CT pelvis        | 2026-11-10 s1 s2 s3
    2026-11-01 CT chest; 2026-11-15 CT AP                                   | 2026-11-01 s1 s2
    2026-11-01 CT chest; 2026-11-16 CT AP                                   |
    2026-11-10 CT chest                                                     |
    2026-11-10 CT AP                                                        |
    2026-11-10 CT chest; 2026-11-10 CT abdomen                              |
    2026-11-10 MR CAP                                                       |
    2026-11-10 MR CAP; 2026-11-11 CT chest                                  | 2026-11-10 s1 s2
    2026-11-10 PET chest, PET abdomen                                       |
    2026-11-10 PET chest; 2026-11-10 PET abdomen; 2026-11-10 PET pelvis     |
    2026-11-10 PET chest; 2026-11-10 CT AP                                  |
    2026-11-10 MR head; 2026-11-10 CT head                                  |
    2026-11-01 CT head; 2026-11-10 CT CAP                                   | 2026-11-10 s2
    2026-11-01 CT CAP; 2026-11-05 CT chest                                  | 2026-11-01 s1
    2026-11-01 CT chest; 2026-11-05 CT chest; 2026-11-05 CT AP              | 2026-11-05 s2 s3
    2026-11-01 CT chest; 2026-11-05 CT AP; 2026-11-10 CT chest              | 2026-11-05 s2 s3, 2026-11-01 s1 s2
    2026-11-01 CT AP; 2026-11-11 CT chest; 2026-11-13 CT AP                 | 2026-11-11 s2 s3, 2026-11-01 s1 s2
    2026-11-10 CT CAP; 2026-08-10 CT CAP; 2026-05-10 PET | 2026-11-10 s1, 2026-08-10 s2, 2026-05-10 s3
    2026-11-10 CT CAP; 2026-11-10 PET                                       | 2026-11-10 s1, 2026-11-10 s2
    2026-11-10 CT CAP; 2026-11-10 CT chest                                  | 2026-11-10 s1
    2026-11 CT CAP                                                          | 2026-11 s1
    2026-11 CT chest; 2026-11 CT AP                                         |
    2026-11 CT chest; 2026-11-10 CT AP                                      |
""")
def test_what_makes_a_staging_set(row: dict[str, str]) -> None:
    found = [f"{staging.when} {names(staging.studies)}" for staging in history(row["scans"]).sets]
    assert found == [cell.strip() for cell in row["sets"].split(",") if cell.strip()]


def test_an_undated_scan_makes_no_set() -> None:
    assert read_scans(facts(scan(on=None)), RULES).sets == ()


def test_unfit_and_doubtful_scans_make_no_set_and_are_left_over() -> None:
    found = read_scans(
        facts(scan(on="2026-11-10", ref="a", unfit="planning CT"), scan(on="2026-11-11", ref="b", doubtful="CTA")),
        RULES,
    )
    assert found.sets == ()
    assert {study.evidence.reference for study in found.left_over} == {"ImagingStudy/a", "ImagingStudy/b"}


@each_row("""
    first      | second                | link           | days                  | case
    2026-11-10 | 2026-11-12 report     | ImagingStudy/a | 2026-11-10            | the study dates the scan
    none       | 2026-11-12 report     | ImagingStudy/a | 2026-11-12            | an undated study: its report's day
    2026-11-10 | 2026-11-12 procedure  | ImagingStudy/a | 2026-11-10            | a procedure is another record of it
    2026-11-10 | 2026-11-12 report     | ImagingStudy/x | 2026-11-12 2026-11-10 | on another study: another scan
""")
def test_records_of_one_scan_are_one(row: dict[str, str]) -> None:
    on, _, record = row["second"].partition(" ")
    found = read_scans(
        facts(
            scan(on=None if row["first"] == "none" else row["first"], ref="a"),
            scan(on=on, ref="b", record=record, links=[row["link"]]),
        ),
        RULES,
    )
    assert " ".join(str(one.when) for one in found.scans) == row["days"]


def test_what_one_record_lacks_the_other_gives() -> None:
    study = scan("", on="2026-11-10", ref="a", modalities="CT", unstated="which region it covers is not stated")
    report = scan("", on="2026-11-10", ref="r", areas="chest abdomen pelvis", links=["ImagingStudy/a"], record="report")
    found = read_scans(facts(study, report), RULES)
    assert [str(staging.when) for staging in found.sets] == ["2026-11-10"]
    assert found.sets[0].derived
    assert [item.reference for item in found.sets[0].evidence] == ["ImagingStudy/a", "DiagnosticReport/r"]


def test_one_unfit_record_makes_the_scan_unfit() -> None:
    report = scan(on="2026-11-10", ref="r", unfit="biopsy", links=["ImagingStudy/a"], record="report")
    assert read_scans(facts(scan(on="2026-11-10", ref="a"), report), RULES).sets == ()


def test_a_report_on_studies_of_two_days_joins_neither() -> None:
    parts = (scan("CT chest", on="2026-11-01", ref="a"), scan("CT abdomen, CT pelvis", on="2026-11-20", ref="b"))
    report = scan(on="2026-11-20", ref="r", links=["ImagingStudy/a", "ImagingStudy/b"], record="report")
    assert read_scans(facts(*parts, report), RULES).sets == ()


def test_accession_numbers_link_study_and_report() -> None:
    study = scan("CT chest", on="2026-11-10", ref="a", links=["accession:urn:x|77"])
    report = scan("CT abdomen, CT pelvis", on="2026-11-12", ref="r", links=["accession:urn:x|77"], record="report")
    assert [str(staging.when) for staging in read_scans(facts(study, report), RULES).sets] == ["2026-11-10"]


# as of 2026-11-22: the baseline lies from 2026-10-25 on
@each_row("""
    scans                                                               | baseline   | pre_baseline
    2026-11-10 CT CAP; 2026-09-01 CT CAP                                | 2026-11-10 | 2026-09-01
    2026-10-25 CT CAP                                                   | 2026-10-25 |
    2026-10-24 CT CAP                                                   |            |
    2026-11-10 CT CAP; 2026-09-30 CT CAP                                | 2026-11-10 |
    2026-11-10 CT CAP; 2026-09-29 CT CAP                                | 2026-11-10 | 2026-09-29
    2026-11-10 CT CAP; 2026-07-21 CT CAP                                | 2026-11-10 | 2026-07-21
    2026-11-10 CT CAP; 2026-07-20 CT CAP                                | 2026-11-10 |
    2026-11-20 CT CAP; 2026-10-30 CT CAP; 2026-07-20 CT CAP             | 2026-10-30 | 2026-07-20
    2026-11-20 CT CAP; 2026-11-05 CT CAP; 2026-09-20 CT CAP             | 2026-11-20 | 2026-09-20
    2026-11-10 CT CAP; 2026-09-02 CT CAP; 2026-09-15 CT CAP             | 2026-11-10 | 2026-09-02
    2026-11-10 CT CAP; 2026-09-02 PET; 2026-09-15 CT CAP                | 2026-11-10 | 2026-09-15
    2026-11-10 CT CAP; 2026-08-31 CT CAP; 2026-09-02 CT CAP             | 2026-11-10 | 2026-09-02
    2026-11-10 CT CAP; 2026-09-01 PET                                   | 2026-11-10 | 2026-09-01
    2026-11-10 CT CAP; 2026-09-01 CT AP                                 | 2026-11-10 |
    2026-11-10 CT CAP; 2026-09 CT CAP                                   | 2026-11-10 |
    2026-11-10 CT CAP; 2026-08 CT CAP                                   | 2026-11-10 | 2026-08-01
""")
def test_the_pair_that_settles_most(row: dict[str, str]) -> None:
    choice = choose_pair(history(row["scans"]), RULES, AsOf(day("2026-11-22")))
    assert str(choice.baseline.day if choice.baseline else "") == row["baseline"]
    assert str(choice.pre_baseline.day if choice.pre_baseline else "") == row["pre_baseline"]


def test_of_two_baselines_of_a_day_the_one_of_the_earlier_scans_kind() -> None:
    choice = choose_pair(history("2026-11-10 CT CAP; 2026-11-10 PET; 2026-09-01 PET"), RULES, AsOf(day("2026-11-22")))
    assert choice.baseline_set is not None
    assert choice.baseline_set.references == ("ImagingStudy/s2",)


def test_the_assessment_shows_the_studies_of_each_set() -> None:
    choice = choose_pair(
        history("2026-11-12 CT AP; 2026-11-10 CT chest; 2026-09-01 PET"), RULES, AsOf(day("2026-11-22"))
    )
    assert choice.baseline_set is not None
    assert (choice.baseline_set.day, choice.baseline_set.references) == (
        day("2026-11-10"),
        ("ImagingStudy/s1", "ImagingStudy/s2"),
    )
    assert choice.pre_baseline_set is not None
    assert choice.pre_baseline_set.references == ("ImagingStudy/s3",)


# from 2026-11-22 on
@each_row("""
    scans                                                       | windows
                                                                |
    2026-09-01 CT CAP                                           | 2026-11-22 2026-12-22 2026-09-01
    2026-11-10 CT CAP                                           | 2026-12-22 2027-03-02 2026-11-10
    2026-08-02 CT CAP                                           | 2026-11-22 2026-11-22 2026-08-02
    2026-08-01 CT CAP                                           |
    2026-11-10 CT CAP; 2026-09-01 CT CAP                        | 2026-11-22 2027-03-02 2026-11-10
    2026-11-10 CT CAP; 2026-08-30 CT CAP   | 2026-11-22 2026-12-20 2026-08-30, 2026-12-22 2027-03-02 2026-11-10
    2026-09 CT CAP                                              | 2026-11-22 2026-12-22 2026-09-01
""")
def test_when_a_new_baseline_would_pair(row: dict[str, str]) -> None:
    found = pairing_windows(history(row["scans"]), RULES, day("2026-11-22"))
    listed = [f"{window.opens} {window.closes} {window.with_day}" for window in found]
    assert listed == [cell.strip() for cell in row["windows"].split(",") if cell.strip()]


@each_row("""
    scans                                                               | later      | earlier
    2026-11-10 CT CAP; 2026-09-01 CT CAP                                | 2026-11-10 | 2026-09-01
    2026-11-10 CT CAP; 2025-01-01 CT CAP                                | 2026-11-10 | 2025-01-01
    2020-11-10 CT CAP; 2020-10-01 CT CAP                                | 2020-11-10 | 2020-10-01
    2026-11-10 CT CAP; 2026-10-27 CT CAP                                |            |
    2026-11-10 CT CAP; 2026-10-26 CT CAP                                | 2026-11-10 | 2026-10-26
    2026-11-10 CT CAP; 2026-10-27 CT CAP; 2026-08-01 CT CAP             | 2026-11-10 | 2026-08-01
    2026-11-10 CT CAP; 2026-09-05 PET; 2026-09-01 CT CAP                | 2026-11-10 | 2026-09-01
    2026-11-10 CT CAP; 2026-09-05 PET                                   | 2026-11-10 | 2026-09-05
    2026-11-10 CT CAP; 2026-09-05 CT abdomen                            | 2026-11-10 | 2026-09-05
    2026-11-10 CT abdomen; 2026-09-05 CT abdomen                        | 2026-11-10 | 2026-09-05
    2026-11-10 CT abdomen; 2026-09-05 CT chest                          |            |
    2026-11-10 MR head; 2026-09-05 MR head                              | 2026-11-10 | 2026-09-05
    2026-11-10 CT pelvis, other head; 2026-09-05 MR head                |            |
    2026-11-10 CT CAP                                                   |            |
                                                                        |            |
""")
def test_the_latest_comparable_pair_whatever_the_windows(row: dict[str, str]) -> None:
    found = comparison(history(row["scans"]))
    days = [str(found.later.day), str(found.earlier.day)] if found else ["", ""]
    assert days == [row["later"], row["earlier"]]


@each_row("""
    scans                                      | organ    | chain     | covered
    2026-11-10 CT CAP                          | liver    |           | true
    2026-11-10 CT CAP                          | colon    |           | true
    2026-11-10 CT CAP                          |          | iliac     | true
    2026-11-10 CT CAP                          | brain    |           | false
    2026-11-10 CT CAP                          | vertebra |           | unknown
    2026-11-10 CT CAP                          |          |           | unknown
    2026-11-10 PET                             | lung     |           | true
    2026-11-10 PET                             | brain    |           | false
    2026-11-10 CT chest; 2026-11-12 MR AP      | liver    |           | true
""")
def test_what_a_set_shows(row: dict[str, str]) -> None:
    staging = history(row["scans"]).sets[0]
    assert covers(staging, Site(row["organ"] or None, row["chain"] or None)).value == row["covered"]


@each_row("""
    scans                                          | baseline
    2026-11-10 CT CAP; 2026-11-20 CT head          | 2026-11-10
    2026-11-10 CT abdomen; 2026-11-20 MR abdomen   | 2026-11-20
                                                   |
""")
def test_the_day_responses_are_anchored_to(row: dict[str, str]) -> None:
    assert str(history(row["scans"]).baseline_day or "") == row["baseline"]


def test_an_unfit_scan_anchors_nothing() -> None:
    assert read_scans(facts(scan(on="2026-11-10", unfit="planning CT")), RULES).baseline_day is None


def test_a_region_rests_on_ct_before_mr_and_on_codes_before_words() -> None:
    both = "CT chest~, CT chest, CT abdomen, MR abdomen, MR pelvis, CT pelvis~"
    parts = read_scans(facts(scan(both, on="2026-11-10")), RULES).sets[0].parts
    assert [f"{part.modality.value} {part.region.value} {part.derived}" for part in parts] == [
        "CT chest False",
        "CT abdomen False",
        "MR pelvis False",
    ]


def test_of_two_scans_of_a_day_the_coded_one_stands() -> None:
    words = scan("CT chest~, CT abdomen~, CT pelvis~", on="2026-11-10", ref="z")
    found = read_scans(facts(words, scan(on="2026-11-10", ref="a")), RULES).sets
    assert [names(staging.studies) for staging in found] == ["a"]


def test_regions_stated_apart_say_nothing_of_a_hybrid_scan() -> None:
    study = scan("", on="2026-11-10", ref="a", modalities="CT PET")
    report = scan("", on="2026-11-10", ref="r", areas="chest abdomen pelvis", links=["ImagingStudy/a"], record="report")
    assert read_scans(facts(study, report), RULES).sets == ()


def test_without_a_set_the_assessment_shows_none() -> None:
    choice = choose_pair(history(""), RULES, AsOf(day("2026-11-22")))
    assert (choice.baseline_set, choice.pre_baseline_set) == (None, None)


def test_the_day_of_a_set_of_a_month_is_its_first() -> None:
    staging = history("2026-10 CT CAP").sets[0]
    assert (staging.day, staging.when) == (day("2026-10-01"), when("2026-10"))
