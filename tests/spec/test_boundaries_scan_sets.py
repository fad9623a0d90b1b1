"""Which stagings are compared, chosen and asked for: typed by hand from CRITERIA I10 to I12, rulings 4 and 6."""

# ruff: noqa: E501  (rows with their reasons)

from __future__ import annotations

from build import day, facts, scan, staging_rules
from tables import each_row

from cds_service.domain.dates import AsOf
from cds_service.domain.facts import ImagingStudy, Site
from cds_service.domain.imaging import (
    ScanHistory,
    StagingSet,
    choose_pair,
    comparison,
    covers,
    incomplete_sets,
    pairing_windows,
    read_scans,
)
from cds_service.domain.scans import one_each

RULES = staging_rules()
TODAY = "2026-11-22"
KINDS = {
    "ct": "CT chest, CT abdomen, CT pelvis",
    "mr": "CT chest, MR abdomen, MR pelvis",
    "pet": "PET chest, PET abdomen, PET pelvis",
    "chest": "CT chest",
    "belly": "CT abdomen, CT pelvis",
    "abdomen": "CT abdomen",
    "head": "MR head",
    "other": "other chest",
}


def scans(text: str) -> list[ImagingStudy]:
    """ "ct 2026-11-10, unfit-chest 2026-11-12": kind (see KINDS) and day; the reference is the place in the list."""
    found = []
    for number, part in enumerate(filter(None, text.split(", "))):
        kind, on = part.split()
        unfit = "biopsy guidance" if kind.startswith("unfit-") else None
        covered = KINDS[kind.removeprefix("unfit-")]
        found.append(scan(covered, on=None if on == "undated" else on, ref=f"{number}", unfit=unfit))
    return found


def history(text: str) -> ScanHistory:
    return read_scans(facts(*scans(text)), RULES)


def shown(staging: StagingSet | None) -> str:
    return "" if staging is None else f"{'' if staging.complete else 'part '}{staging.day}"


@each_row("""
    scans                                   | day        | because
    ct 2026-11-10                           | 2026-11-10 | a complete set
    chest 2026-11-12, ct 2026-11-10         | 2026-11-10 | the set, whatever else was scanned later
    chest 2026-11-12, head 2026-11-10       | 2026-11-12 | without a set the latest CT, MR or PET
    other 2026-11-12, chest 2026-11-10       | 2026-11-10 | a bone scan or the like is none
    other 2026-11-12                         |            |
    unfit-chest 2026-11-12, head 2026-11-10 | 2026-11-10 | nor is a biopsy
    chest undated, head 2026-11-10          | 2026-11-10 |
    chest undated                           |            |
    chest 2026-11                           | 2026-11-01 |
                                            |            |
""")
def test_the_day_that_explicit_responses_are_anchored_to(row: dict[str, str]) -> None:
    found = history(row["scans"]).baseline_day
    assert (str(found) if found else "") == row["day"]


@each_row("""
    scanned | colon   | liver   | lung    | vertebra
    ct      | true    | true    | true    | unknown
    belly   | true    | true    | false   | unknown
    abdomen | unknown | true    | false   | unknown
    chest   | false   | false   | true    | unknown
    other   | false   | false   | false   | unknown
""")
def test_a_place_is_covered_where_all_its_regions_were_scanned(row: dict[str, str]) -> None:
    (made,) = one_each(scans(f"{row['scanned']} 2026-11-10"))
    staging = StagingSet(made.when, (made,), made.parts(), complete=False)
    for organ in ("colon", "liver", "lung", "vertebra"):
        assert covers(staging, Site(organ)).value == row[organ], organ


@each_row("""
    scans                                                        | later           | earlier         | because
    ct 2026-11-10, ct 2026-08-20                                 | 2026-11-10      | 2026-08-20      |
    ct 2026-11-10, ct 2026-10-27                                 |                 |                 | two weeks apart are one staging
    ct 2026-11-10, ct 2026-10-26                                 | 2026-11-10      | 2026-10-26      |
    ct 2026-11-10, ct 2026-08-20, ct 2026-08-10                  | 2026-11-10      | 2026-08-20      | the later of one staging
    ct 2026-11-10, ct 2026-08-20, ct 2026-05-10                  | 2026-11-10      | 2026-08-20      | the latest before
    ct 2026-11-10, pet 2026-08-20, ct 2026-08-06                 | 2026-11-10      | 2026-08-06      | of one staging that of the same means
    ct 2026-11-10, pet 2026-08-20, ct 2026-08-05                 | 2026-11-10      | 2026-08-20      | that one is of another staging
    ct 2026-11-10, pet 2026-08-20, mr 2026-08-10                 | 2026-11-10      | 2026-08-10      | one region alike rather than none
    ct 2026-11-10                                                |                 |                 |
    chest 2026-11-10, ct 2026-08-10, chest 2026-08-20            | part 2026-11-10 | 2026-08-10      | a complete set before a part of one
    chest 2026-11-10, chest 2026-08-20                           | part 2026-11-10 | part 2026-08-20 | parts that share a region
    chest 2026-11-10, abdomen 2026-08-20                         |                 |                 | that share none
    chest 2026-11-10, chest 2026-11, chest 2026-08-20            | part 2026-11-10 | part 2026-08-20 | some day of a month is no scan to compare
    unfit-chest 2026-11-20, chest 2026-11-10, chest 2026-08-20   | part 2026-11-10 | part 2026-08-20 |
    chest 2026-11-10, unfit-chest 2026-08-25, chest 2026-08-20   | part 2026-11-10 | part 2026-08-20 |
""")
def test_which_stagings_lesions_are_compared_on(row: dict[str, str]) -> None:
    found = comparison(history(row["scans"]))
    assert (shown(found.later if found else None), shown(found.earlier if found else None)) == (
        row["later"],
        row["earlier"],
    )


@each_row("""
    scans                                             | parts
    chest 2026-11-10                                  | 2026-11-10: 0
    chest 2026-11-10, abdomen 2026-10-27              | 2026-10-27: 1 0
    chest 2026-11-10, abdomen 2026-10-26              | 2026-11-10: 0; 2026-10-26: 1
    chest 2026-11-10, ct 2026-08-20                   | 2026-11-10: 0
    other 2026-11-10                                   |
    unfit-chest 2026-11-10                            |
    chest 2026-11                                     |
    chest undated                                     |
    other 2026-11-12, chest 2026-10-28, abdomen 2026-10-20 | 2026-10-20: 2 1
    head 2026-11-10                                   | 2026-11-10: 0
""")
def test_what_is_in_no_complete_set_is_gathered_by_two_weeks(row: dict[str, str]) -> None:
    found = incomplete_sets(history(row["scans"]))
    listed = [f"{one.day}: {' '.join(s.reference.rpartition('/')[2] for s in one.scans)}" for one in found]
    assert "; ".join(listed) == row["parts"]
    assert all(not one.complete for one in found)


@each_row("""
    scans                                                        | baseline   | earlier    | because
    ct 2026-11-10, ct 2026-08-20                                 | 2026-11-10 | 2026-08-20 |
    ct 2026-10-25                                                | 2026-10-25 |            | 28 days before today
    ct 2026-10-24                                                |            |            |
    ct 2026-11-10, ct 2026-09-29                                 | 2026-11-10 | 2026-09-29 | 42 days
    ct 2026-11-10, ct 2026-09-30                                 | 2026-11-10 |            |
    ct 2026-11-10, ct 2026-07-21                                 | 2026-11-10 | 2026-07-21 | 112 days
    ct 2026-11-10, ct 2026-07-20                                 | 2026-11-10 |            |
    ct 2026-11-20, ct 2026-11-02, ct 2026-07-20                  | 2026-11-02 | 2026-07-20 | the latest baseline that has an earlier set
    ct 2026-11-20, ct 2026-11-02, ct 2026-08-20                  | 2026-11-20 | 2026-08-20 |
    ct 2026-11-10, ct 2026-09-20, ct 2026-08-20                  | 2026-11-10 | 2026-08-20 | 51 and 82 days: 82 is nearer to ten weeks
    ct 2026-11-10, ct 2026-09-02, ct 2026-09-01, ct 2026-08-31   | 2026-11-10 | 2026-09-01 | ten weeks
    ct 2026-11-10, ct 2026-09-02, ct 2026-08-31                  | 2026-11-10 | 2026-09-02 | 69 or 71: the later
    ct 2026-11-10, pet 2026-09-01, ct 2026-07-21                 | 2026-11-10 | 2026-07-21 | the same means first
    pet 2026-10, ct 2026-10-27                                   | 2026-10-27 |            | of October nobody knows the day
    pet 2026-11, ct 2026-10-27                                   | 2026-11-01 |            | any day of November is recent
""")
def test_the_pair_that_settles_most(row: dict[str, str]) -> None:
    found = choose_pair(history(row["scans"]), RULES, AsOf(day(TODAY)))
    assert (shown(found.baseline), shown(found.pre_baseline)) == (row["baseline"], row["earlier"])


@each_row("""
    scans                                    | windows
    ct 2026-10-01                            | 2026-11-22 to 2027-01-21 with 2026-10-01
    ct 2026-10-31                            | 2026-12-12 to 2027-02-20 with 2026-10-31
    ct 2026-08-02                            | 2026-11-22 to 2026-11-22 with 2026-08-02
    ct 2026-08-01                            |
    ct 2026-10-01, ct 2026-01-05             | 2026-11-22 to 2027-01-21 with 2026-10-01
    ct 2026-10-31, ct 2026-10-01             | 2026-11-22 to 2027-02-20 with 2026-10-31
    ct 2026-11-09, ct 2026-08-30             | 2026-11-22 to 2027-03-01 with 2026-11-09
    ct 2026-11-10, ct 2026-08-30             | 2026-11-22 to 2026-12-20 with 2026-08-30; 2026-12-22 to 2027-03-02 with 2026-11-10
    ct 2026-11-09, ct 2026-08-29             | 2026-11-22 to 2026-12-19 with 2026-08-29; 2026-12-21 to 2027-03-01 with 2026-11-09
                                             |
""")
def test_when_a_new_baseline_would_pair_with_a_set_that_is_there(row: dict[str, str]) -> None:
    """42 to 112 days after the set, from today on; windows that touch are one."""
    found = pairing_windows(history(row["scans"]), RULES, day(TODAY))
    listed = [f"{window.opens} to {window.closes} with {window.with_day}" for window in found]
    assert "; ".join(listed) == row["windows"]


@each_row("""
    scans                                         | methods
    pet 2026-11-10, ct 2026-11-10, ct 2026-08-20  | CT CT CT
    ct 2026-11-10, pet 2026-11-10, ct 2026-08-20  | CT CT CT
    pet 2026-11-10, mr 2026-11-10, ct 2026-08-20  | CT MR MR
    pet 2026-11-11, ct 2026-11-10, ct 2026-08-20  | PET PET PET
""")
def test_of_one_day_ct_or_mr_stands_before_pet(row: dict[str, str]) -> None:
    """Lesions are measured on CT or MR; PET alone does not measure."""
    found = comparison(history(row["scans"]))
    assert found is not None
    assert " ".join(modality.value for modality in found.later.methods.values()) == row["methods"]


def test_the_days_of_one_staging_are_those_of_the_trial() -> None:
    week = staging_rules(set_within_days=7)
    parts = facts(*scans("chest 2026-11-10, belly 2026-11-02"))
    assert read_scans(parts, week).within_days == 7
    assert (read_scans(parts, week).sets, len(read_scans(parts, RULES).sets)) == ((), 1)
    assert len(incomplete_sets(read_scans(parts, week))) == 2
