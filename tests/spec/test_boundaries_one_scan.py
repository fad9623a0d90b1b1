"""One scan told of by several records: typed by hand from CRITERIA, "Baseline set", and row I10."""

from __future__ import annotations

from dataclasses import replace

import pytest
from build import scan
from tables import each_row

from cds_service.domain.facts import ImagingStudy
from cds_service.domain.scans import Scan, one_each


def told(*records: ImagingStudy) -> Scan:
    (found,) = one_each(records)
    return found


def study(covered: str = "CT chest", *, ref: str = "s", on: str | None = "2026-11-10", **more: object) -> ImagingStudy:
    return scan(covered, on=on, ref=ref, links=["acc"], **more)  # type: ignore[arg-type]


def report(covered: str = "", *, ref: str = "r", on: str | None = "2026-11-11", **more: object) -> ImagingStudy:
    return study(covered, ref=ref, on=on, record="report", **more)


def procedure(covered: str = "", *, ref: str = "p", on: str | None = "2026-11-12", **more: object) -> ImagingStudy:
    return study(covered, ref=ref, on=on, record="procedure", **more)


@each_row("""
    study      | procedure  | report     | date
    2026-11-10 | 2026-11-12 | 2026-11-11 | 2026-11-10
    -          | 2026-11-12 | 2026-11-11 | 2026-11-12
    none       | -          | 2026-11-11 | 2026-11-11
    none       | 2026-11-12 | 2026-11-11 | 2026-11-12
    none       | none       | 2026-11-11 | 2026-11-11
    none       | none       | none       | None
""")
def test_the_date_is_the_studys_else_the_procedures_else_the_reports(row: dict[str, str]) -> None:
    """ "none" has no date, "-" is not recorded at all."""
    made = {"study": study, "procedure": procedure, "report": report}
    records = [
        make("CT chest", on=None if row[name] == "none" else row[name])
        for name, make in made.items()
        if row[name] != "-"
    ]
    for order in (records, records[::-1]):
        assert str(told(*order).study.date) == row["date"]


def test_what_several_records_say_is_put_together() -> None:
    found = told(
        study("CT chest", modalities="CT", areas="chest"), report("CT abdomen", modalities="CT PET", areas="abdomen")
    )
    assert {item.value for item in found.study.modalities} == {"CT", "PET"}
    assert {item.value for item in found.study.areas} == {"chest", "abdomen"}
    assert {item.region.value for item in found.study.coverage} == {"chest", "abdomen"}
    assert [item.reference for item in found.evidence] == ["ImagingStudy/s", "DiagnosticReport/r"]
    assert found.reference == "ImagingStudy/s"


@each_row("""
    study          | report          | unfit         | doubtful
                   |                 |               |
    unfit a        |                 | a             |
                   | unfit b         | b             |
    unfit a        | unfit b         | a             |
    doubtful a     |                 |               | a
                   | doubtful b      |               | b
    doubtful a     | unfit b         | b             | a
""")
def test_what_makes_one_record_unfit_or_doubtful_makes_the_scan_so(row: dict[str, str]) -> None:
    records = []
    for make, name in ((study, "study"), (report, "report")):
        kind, _, why = row[name].partition(" ")
        records.append(make("CT chest", **({kind: why} if kind else {})))
    for order in (records, records[::-1]):
        found = told(*order)
        assert (found.study.unfit or "", found.study.doubtful or "") == (row["unfit"], row["doubtful"])
        assert found.is_fit is not bool(row["unfit"] or row["doubtful"])


@each_row("""
    study covers | study says | report covers | report says | unstated
    CT chest     |            |               | region      |
                 | region     | CT chest      |             |
                 | region     |               |             | region
                 |            |               | modality    | modality
                 | region     |               | modality    | region
""")
def test_what_is_not_stated_is_told_only_where_no_record_states_it(row: dict[str, str]) -> None:
    first = study(row["study covers"], unstated=row["study says"] or None)
    second = report(row["report covers"], unstated=row["report says"] or None)
    assert (told(first, second).study.unstated or "") == row["unstated"]


@each_row("""
    study | report | preliminary
    final | final  | no
    prel  | final  | no
    final | prel   | no
    prel  | prel   | yes
""")
def test_a_scan_is_preliminary_only_where_every_record_is(row: dict[str, str]) -> None:
    found = told(study(preliminary=row["study"] == "prel"), report(preliminary=row["report"] == "prel"))
    assert found.study.preliminary is (row["preliminary"] == "yes")


@each_row("""
    links                  | scans
    a:x  b:x               | 1
    a:x  b:y               | 2
    a    b                 | 2
    a    b:a               | 1
    a:x  b:y  c:x,y        | 1
    c:x,y  a:x  b:y        | 1
    a:x  b:y  c:y  d:x     | 2
    a:x  b:y  c:z  d:x,y,z | 1
""")
def test_records_that_name_each_other_or_share_a_number_are_one(row: dict[str, str]) -> None:
    records = []
    for part in row["links"].split():
        name, _, links = part.partition(":")
        named = [f"ImagingStudy/{link}" if link in "abcd" else link for link in links.split(",") if link]
        records.append(scan(on="2026-11-10", ref=name, links=named))
    assert len(one_each(records)) == int(row["scans"])


def test_a_report_on_studies_of_two_days_is_none_of_them() -> None:
    first, second = study("CT chest", ref="a", on="2026-11-10"), study("CT abdomen", ref="b", on="2026-11-12")
    found = one_each([first, second, report("CT pelvis")])
    regions = [sorted(item.region.value for item in one.study.coverage) for one in found]
    assert sorted(regions) == [["abdomen"], ["chest"]]


@each_row("""
    modalities | areas        | covers
    CT         | chest        | CT chest
    MR         | chest        | MR chest
    PET        | chest pelvis | PET chest, PET pelvis
    CT PET     | chest        |
    CT other   | chest        | CT chest
    other      | chest        |
               | chest        |
""")
def test_one_record_may_give_the_modality_and_another_the_region(row: dict[str, str]) -> None:
    first = study("", modalities=row["modalities"])
    second = report("", areas=row["areas"])
    found = sorted(
        (item.modality.value, item.region.value, item.derived) for item in told(first, second).study.coverage
    )
    assert [f"{modality} {region}" for modality, region, _ in found] == list(filter(None, row["covers"].split(", ")))
    assert all(derived for _, _, derived in found)


@pytest.mark.parametrize(("coded", "derived"), [("CT abdomen", "CT abdomen~"), ("MR abdomen", "CT abdomen~")])
def test_what_is_coded_is_surer_than_what_words_tell_and_ct_before_mr(coded: str, derived: str) -> None:
    for covered in (f"{coded}, {derived}", f"{derived}, {coded}"):
        (part,) = told(scan(covered, on="2026-11-10")).parts()
        assert f"{part.modality.value} {part.region.value}" == coded
        assert not part.derived
    (ct,) = told(scan("MR pelvis, CT pelvis", on="2026-11-10")).parts()
    assert ct.modality.value == "CT"
    assert told(replace(scan("MR chest", on="2026-11-10"))).parts() == ()
