"""Which reading belongs to which scan, and the pair compared: typed by hand from RECIST reading 3 and ruling 6."""

from __future__ import annotations

from build import day, disease_rules, facts, lesion_rules, measured, scan
from tables import each_row

from cds_service.domain.facts import ImagingStudy, LesionMeasurement
from cds_service.domain.imaging import read_scans
from cds_service.domain.scan_pair import ScanPair, read_pair

RULES = disease_rules()


def pair(*found: object) -> ScanPair:
    patient = facts(*found)
    return read_pair(read_scans(patient, RULES.staging), patient.measurements, RULES)


def both() -> list[ImagingStudy]:
    return [scan(on="2026-08-20", ref="then"), scan(on="2026-11-10", ref="now")]


@each_row("""
    reading    | belongs to
    2026-11-10 | baseline
    2026-11-13 | baseline
    2026-11-14 | none
    2026-11-07 | baseline
    2026-11-06 | none
    2026-08-17 | earlier
    2026-08-16 | none
    2026-08-23 | earlier
    2026-08-24 | none
    2026-11    | none
               | none
""")
def test_a_reading_belongs_to_the_scan_of_three_days_around(row: dict[str, str]) -> None:
    found = pair(*both()).scan_of(measured(on=row["reading"] or None, long=10))
    assert (found or "none") == row["belongs to"]


def test_days_of_readings_stand_in_for_scans() -> None:
    without = pair(measured(on="2026-08-20", long=10), measured(on="2026-11-10", long=10))
    assert without.scan_of(measured(on="2026-11-08", long=10)) == "baseline"


@each_row("""
    day        | since
    2026-11-10 | yes
    2026-11-07 | yes
    2026-11-06 | no
    2026-12-10 | yes
""")
def test_what_is_since_the_baseline_scan(row: dict[str, str]) -> None:
    assert pair(*both()).is_since_baseline(day(row["day"])) is (row["since"] == "yes")
    assert pair().is_since_baseline(day(row["day"])) is False


def test_the_days_and_words_of_a_pair() -> None:
    found = pair(*both())
    assert str(found) == "2026-08-20 and 2026-11-10"
    assert str(found.anchor) == "2026-11-10"
    assert not found.by_readings
    assert found.days is not None
    assert found.days.baseline == (day("2026-11-10"), day("2026-11-10"))
    assert found.days.earlier == (day("2026-08-20"), day("2026-08-20"))
    nothing = pair()
    assert (str(nothing), nothing.days, nothing.anchor, nothing.baseline) == ("", None, None, None)


def readings(*days: str) -> list[LesionMeasurement]:
    return [measured(on=on, long=10, ref=f"r-{on}") for on in days]


@each_row("""
    readings                         | baseline              | earlier
    2026-11-10                       | 2026-11-10            |
    2026-11-10 2026-10-27            | 2026-10-27 2026-11-10 |
    2026-11-10 2026-10-26            | 2026-11-10            | 2026-10-26
    2026-11-10 2026-10-26 2026-10-12 | 2026-11-10            | 2026-10-12 2026-10-26
    2026-11-10 2026-10-26 2026-10-11 | 2026-11-10            | 2026-10-26
    2026-11-10 2026-10-28 2026-10-14 | 2026-10-28 2026-11-10 |
    2026-11-10 2026-10-28 2026-10-13 | 2026-10-28 2026-11-10 | 2026-10-13
""")
def test_without_scans_days_of_readings_two_weeks_apart_are_two_scans(row: dict[str, str]) -> None:
    found = pair(*readings(*row["readings"].split()))
    assert found.by_readings
    assert found.baseline is not None
    assert sorted(str(on) for on in found.baseline.days) == row["baseline"].split()
    earlier = found.earlier.days if found.earlier is not None else frozenset()
    assert sorted(str(on) for on in earlier) == row["earlier"].split()
    assert found.anchor == min(found.baseline.days)


@each_row("""
    more                    | counts
    MR head 2026-11-20      | yes
    MR head 2026-11-24      | yes
    MR head 2026-11-25      | no
    MR head 2026-10-27      | yes
    MR head 2026-10-26      | no
    unfit 2026-11-12        | no
    nothing 2026-11-12      | no
""")
def test_a_scan_of_the_same_weeks_shows_lesions_too(row: dict[str, str]) -> None:
    """A head scan not required for staging is a day of the baseline; one that is unfit or shows no region is not."""
    kind, _, on = row["more"].rpartition(" ")
    extra = {
        "MR head": scan("MR head", on=on, ref="more"),
        "unfit": scan("MR head", on=on, ref="more", unfit="planning CT"),
        "nothing": scan("", on=on, ref="more", modalities="MR"),
    }[kind]
    found = pair(*both(), extra)
    assert found.baseline is not None
    assert (day(on) in found.baseline.days) is (row["counts"] == "yes")


@each_row("""
    reading    | belongs to
    2026-11-15 | baseline
    2026-11-16 | none
    2026-08-15 | earlier
    2026-08-14 | none
""")
def test_how_far_a_reading_may_lie_is_the_trials_to_say(row: dict[str, str]) -> None:
    five = disease_rules(lesions=lesion_rules(measured_within_days=5))
    patient = facts(*both())
    reading = measured(on=row["reading"], long=10)
    found = read_pair(read_scans(patient, five.staging), (), five).scan_of(reading)
    assert (found or "none") == row["belongs to"]
    alone = facts(scan(on="2026-11-10", ref="now"))
    by_one = read_pair(read_scans(alone, five.staging), (), five).scan_of(reading)
    assert (by_one or "none") == (row["belongs to"] if row["belongs to"] == "baseline" else "none")
