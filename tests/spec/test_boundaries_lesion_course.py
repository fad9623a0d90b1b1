"""What becomes of one lesion beside its sizes: earlier mentions, responses, signals, what is shown: rulings 6 to 11."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import build
import pytest
from build import measured, procedure
from lesion_tables import BASELINE, EARLIER, TODAY, case_of, record, status, trial
from tables import each_row

from cds_service.domain.assessments import as_json
from cds_service.domain.facts import Kind, LesionMeasurement, PatientFacts, Site
from cds_service.domain.trials import assess
from cds_service.domain.verdicts import JudgedLesion

STEADY = "adrenal left 20>20"
LOCAL = "local-therapy/radiotherapy/prior_local_therapy"


def items(patient: PatientFacts) -> dict[str, JudgedLesion]:
    """The lesions judged, by the number in their reference."""
    found = case_of(patient).lesions.summary.items
    return {item.key.removeprefix("BodyStructure/"): item for item in found}


def references(item: JudgedLesion) -> list[str]:
    return [found.reference.partition("/")[2] for found in item.evidence]


# --- new or not ---------------------------------------------------------------------------------------------


@each_row("""
    lesions                       | also read                   | l1              | because
    lung left ->14; liver 20>20   |                             | progressive     | nothing older mentions it, another was measured
    lung left ->14; liver 20>20   | l1 2026-02-01 12            | unknown         | it was there before
    lung left ->14; liver 20>20   | l1 2026-02-01 unseen        | progressive     | it was looked for and not there
    lung left ->14; liver 20>20   | l1 2026-08-20 unseen        | progressive     |
    lung left ->14; liver 20>20   | l1 2026-12-01 15            | progressive     | later says nothing of earlier
    lung left ->14; liver 20>20   | loose-lung 2026-02-01 12    | unknown         | that one may have been it
    lung left ->14; liver 20>20   | loose-spleen 2026-02-01 12  | progressive     | that one was elsewhere
    lung left ->14; liver ->20    |                             | unknown         | nothing was measured on the earlier scan
    lung left ->14; liver ->20    | l2 2026-02-01 12            | unknown         | nor is an older day the earlier scan
    lung left ->14; liver ->20    | l2 2026-08-20 unseen        | unknown         | nor is one looked for in vain
    lung left ->14; liver ->20    | l2 2026-08-20 12            | progressive     |
    lung left ->14                |                             | unknown         | alone
    lung left 12>14; liver ->20   |                             | not_progressive | it is known, with its size
""")  # noqa: E501
def test_a_lesion_is_new_only_where_the_earlier_scan_shows_it_was_not_there(row: dict[str, str]) -> None:
    more: list[object] = []
    if row["also read"]:
        what, on, size = row["also read"].split()
        ref, organ = (None, what.removeprefix("loose-")) if what.startswith("loose") else (what, None)
        seen = size != "unseen"
        site = Site(organ) if organ else None
        more.append(measured(lesion=ref, on=on, long=size if seen else None, seen=seen, site=site, ref="more"))
    assert items(record(row["lesions"], *more))["l1"].state.value == row["l1"]


# --- which readings and responses count ---------------------------------------------------------------------


def read(on: str | None, size: str | int | None, *, ref: str, **more: Any) -> LesionMeasurement:
    return replace(measured(on=on, long=size, ref=ref), **more)


def one_lesion(*readings: LesionMeasurement, **more: Any) -> JudgedLesion:
    return items(record(STEADY, build.lesion("lung", side="left", ref="one"), *_of_one(readings), **more))["one"]


def _of_one(readings: tuple[LesionMeasurement, ...]) -> list[LesionMeasurement]:
    return [replace(item, lesion="BodyStructure/one") for item in readings]


@each_row("""
    baseline readings                  | state           | largest
    2026-11-10 30                      | progressive     | 30
    2026-11-09 24, 2026-11-10 30       | progressive     | 30
    2026-11-10 30, 2026-11-12 24       | not_progressive | 24
    2026-11-10 24, 2026-11-10 30       | possible        | 30
    2026-11-10 30, 2026-11-10 30       | progressive     | 30
""")
def test_of_readings_of_several_days_of_one_scan_the_latest_counts(row: dict[str, str]) -> None:
    now = [
        read(on, size, ref=f"m{n}")
        for n, (on, size) in enumerate(part.split() for part in row["baseline readings"].split(", "))
    ]
    item = one_lesion(read(EARLIER, 20, ref="then"), *now)
    assert (item.state.value, str(item.baseline_mm)) == (row["state"], row["largest"])


def test_readings_that_disagree_are_named_with_the_reason() -> None:
    patient = record("liver 20>24", measured(on=BASELINE, long=30, ref="second"))
    notes = case_of(patient).lesions.notes
    problem = "two readings of this lesion on one day disagree"
    assert {(note.reference, note.problem) for note in notes} == {
        ("Observation/size-l1-2026-11-10", problem),
        ("Observation/second", problem),
    }


@each_row("""
    said                        | also read            | state
    progressive 2026-11-10      |                      | progressive
    progressive 2026-11-10      | 2026-11-12           | progressive
    progressive 2026-11-10      | stable 2026-11-12    | not_progressive
    stable 2026-11-10           | progressive 2026-11-12 | progressive
    progressive 2026-11-10      | undetermined 2026-11-12 | progressive
    progressive 2026-11-06      |                      | not_progressive
    progressive 2026-11-07      |                      | progressive
    progressive 2026-08-20      |                      | not_progressive
""")
def test_the_latest_response_said_of_the_lesion_counts(row: dict[str, str]) -> None:
    """The sizes, 20 and 21 mm, say that it did not grow; a later size without a response takes nothing back."""
    found = [read(EARLIER, 20, ref="then"), read(BASELINE, 21, ref="now")]
    for number, text in enumerate(filter(None, (row["said"], row["also read"]))):
        *response, on = text.split()
        made = measured(
            on=on, long=None if response else 21, response=response[0] if response else None, ref=f"s{number}"
        )
        found.append(made)
    assert one_lesion(*found).state.value == row["state"]


@each_row("""
    text                          | state
                                  | unknown
    with soft tissue component    | progressive
    with Soft-Tissue component    | progressive
    malignant effusion            | unknown
""")
def test_the_words_of_the_structure_say_whether_numbers_decide(row: dict[str, str]) -> None:
    patient = record("rib left 20>30")
    patient = replace(patient, lesions=tuple(replace(item, text=row["text"]) for item in patient.lesions))
    assert items(patient)["l1"].state.value == row["state"]


# --- nodes that need more than words ------------------------------------------------------------------------


@pytest.mark.parametrize("use", ["flag_review", "exclude", "review"])
def test_another_cause_of_enlarged_nodes_leaves_size_alone_possible(use: str) -> None:
    cause = build.condition(f"nodal-confounder/X/{use}", ref="sarcoid", status="inactive")
    item = items(record("node hilar left 10>16", cause, primary="RCC"))["l1"]
    assert (item.state.value, item.why) == ("possible", "confounder")
    benign = build.condition("nodal-confounder/X/information", ref="other")
    assert items(record("node hilar left 10>16", benign, primary="RCC"))["l1"].state.value == "progressive"


@each_row("""
    signal on  | of study | state
    2026-11-10 |          | progressive
    2026-11-22 |          | progressive
    2026-11-07 |          | progressive
    2026-11-06 |          | possible
    2026-08-20 |          | possible
               |          | possible
               | ct2      | progressive
    2026-08-20 | ct2      | progressive
    2026-11-10 | ct1      | progressive
""")
def test_a_signal_counts_from_the_baseline_scan_on(row: dict[str, str]) -> None:
    """A node of 12 mm that is said to have progressed; studies: ct1 the earlier, ct2 the baseline scan."""
    avid = replace(measured(lesion="l1", on=row["signal on"] or None, ref="suv"), signal=True)
    if row["of study"]:
        avid = replace(avid, studies=(f"ImagingStudy/{row['of study']}",))
    item = items(record("node hilar left 10>12 !progressive", avid, primary="RCC"))["l1"]
    assert item.state.value == row["state"]
    assert row["state"] == "progressive" or item.why == "node not confirmed"


# --- what is shown ------------------------------------------------------------------------------------------


@each_row("""
    lesion                          | primary  | regional | site        | chain
    liver 20>30                     | PROSTATE |          | liver       |
    node para-aortic 10>16          | PROSTATE | False    | lymph node  | para-aortic
    node para-aortic 10>16          | RCC      | True     | lymph node  | para-aortic
    node iliac left 10>16           | PROSTATE |          | lymph node  | iliac
    node unspecified 10>16          | PROSTATE |          | lymph node  | unspecified
    lymph_node 20>30                | PROSTATE |          | lymph node  |
    pelvis 20>30                    | PROSTATE |          |             |
    neck 20>30                      | PROSTATE |          |             |
    ? 20>30 nodule                  | PROSTATE |          |             |
""")
def test_where_a_lesion_is_said_to_be(row: dict[str, str]) -> None:
    item = items(record(row["lesion"], primary=row["primary"]))["l1"]
    regional = "" if item.regional is None else str(item.regional)
    assert (regional, item.site or "", item.chain or "") == (row["regional"], row["site"], row["chain"])


def test_a_region_or_words_are_shown_as_recorded_and_an_organ_is_not_repeated() -> None:
    assert items(record("pelvis 20>30"))["l1"].explanation.endswith("; recorded at: pelvis")
    assert items(record("? 20>30 hepatic nodule"))["l1"].explanation.endswith("; recorded at: hepatic nodule")
    assert "recorded at" not in items(record("liver 20>30"))["l1"].explanation


@each_row("""
    methods | remark
    CT CT   | no
    CT MR   | yes
    CT      | no
""")
def test_different_techniques_are_remarked(row: dict[str, str]) -> None:
    methods = [*row["methods"].split(), None][:2]
    readings = [
        read(on, size, ref=on, method=method)
        for (on, size), method in zip([(EARLIER, 20), (BASELINE, 30)], methods, strict=True)
    ]
    item = one_lesion(*readings)
    assert item.state.value == "progressive"
    assert ("measured by different techniques at the two scans" in item.explanation) is (row["remark"] == "yes")


def test_what_stands_as_evidence_of_each_lesion() -> None:
    """Its readings of the two scans and its responses by day, what is said of it, its treatment; no other lesion's."""
    own = status("progressive", focus=["BodyStructure/l1"], ref="said")
    late = measured(lesion="l1", on="2026-11-20", long=31, ref="late")
    told = measured(lesion="l1", on="2026-11-20", response="progressive", ref="told")
    treated = procedure(LOCAL, on="2026-11-15", organ="liver", text="Radiotherapy")
    found = items(record("liver 20>30; lung left 10>10; brain ->-", late, told, treated, statuses=[own]))
    assert references(found["l1"]) == ["size-l1-2026-08-20", "size-l1-2026-11-10", "told", "said"]
    assert references(found["l2"]) == ["size-l2-2026-08-20", "size-l2-2026-11-10"]
    assert references(found["l3"]) == ["l3"]
    before = procedure(LOCAL, on="2026-01-15", organ="liver", text="Radiotherapy")
    assert references(items(record("liver 20>30", before))["l1"])[-1] == "proc"


def test_a_reading_without_a_day_stands_first() -> None:
    undated = replace(measured(lesion="l1", on=None, long=30, ref="undated"), studies=("ImagingStudy/ct2",))
    found = items(record("liver 20>-; lung left 20>20", undated))["l1"]
    assert (found.state.value, references(found)) == ("progressive", ["undated", "size-l1-2026-08-20"])


def test_lesions_that_were_not_retrieved_are_not_counted_as_none() -> None:
    patient = record("", not_retrieved=((Kind.LESIONS, "timed out"),))
    assert case_of(patient).lesions.summary.items == ()


# --- earlier local therapy ----------------------------------------------------------------------------------


@each_row("""
    lesion          | treated                                        | state           | counts | because
    lung left 20>22 | chest 2026-09-10                               | not_progressive | yes    | perhaps another place, and it did not grow
    lung left 20>22 | lung-left 2026-09-10                           | possible        | yes    | treated between the scans
    lung left 20>22 | lung-left 2026-01-10                           | not_progressive | no     |
    lung left 20>30 | chest 2026-09-10                               | possible        | yes    |
    lung left 20>30 | chest 2026-02-10, lung-left 2026-01-10         | progressive     | no     | one of the two was certainly given to it
    lung left 20>30 | lung-left 2026-09-10, lung-left 2026-01-10     | progressive     | no     |
    lung left 20>30 | lung-left 2026-01-10 stopped                   | possible        | yes    | not completed
    lung left 20>30 | lung-left undated                              | possible        | yes    |
    lung left 20>30 | lung-right 2026-01-10, liver 2026-01-10        | progressive     | yes    | elsewhere
""")  # noqa: E501
def test_the_therapy_that_weighs_most_decides(row: dict[str, str]) -> None:
    given = []
    for number, part in enumerate(row["treated"].split(", ")):
        where, on, *how = part.split()
        organ, _, side = where.partition("-")
        day = None if on == "undated" else on
        done = procedure(LOCAL, on=day, organ=organ, side=side or None, text="Radiotherapy", ref=f"p{number}")
        given.append(replace(done, completed=not how))
    item = items(record(row["lesion"], *given))["l1"]
    assert (item.state.value, item.counts) == (row["state"], row["counts"] == "yes")


def test_a_therapy_is_told_with_its_day_or_without() -> None:
    def told(on: str | None) -> str:
        done = procedure(LOCAL, on=on, organ="lung", side="left", text="Radiotherapy")
        return items(record("lung left 20>30", done))["l1"].explanation

    assert told("2026-01-10").endswith(
        "had local therapy before: Radiotherapy (2026-01-10), so it does not count: for the investigator to judge"
    )
    assert told(None).endswith("had local therapy, not certainly before the baseline scan: Radiotherapy (no date)")


# --- nodes counted ------------------------------------------------------------------------------------------


@each_row("""
    nodes                                                                                    | least | most
    node iliac left 10>16; node iliac left 10>16 common iliac                                | 1     | 2
    node iliac left 10>16; node iliac left 10>16 common iliac; node hilar left 10>16         | 2     | 3
    node hilar left 10>16; node iliac left 10>16; node iliac left 10>16 common iliac         | 2     | 3
    node axillary left 10>16; node hilar left 10>16                                          | 2     | 2
    node iliac left 10>16 common iliac; node iliac right 10>16                               | 2     | 2
""")
def test_an_undecided_node_may_be_of_a_chain_that_counts_or_regional(row: dict[str, str]) -> None:
    """Prostate cancer: common iliac is distant, a plain iliac node of unknown category."""
    summary = case_of(record(row["nodes"], primary="PROSTATE")).lesions.summary
    assert (summary.count_min, summary.count_max) == (int(row["least"]), int(row["most"]))


@each_row("""
    primary side | node                | regional
    left         | iliac left          |
    left         | iliac right         |
                 | iliac left          |
    left         | iliac left common   | False
    left         | iliac left internal | True
""")
def test_a_plain_iliac_node_of_prostate_cancer_is_undecided_on_any_side(row: dict[str, str]) -> None:
    chain, side, *which = row["node"].split()
    words = f"{which[0]} iliac" if which else ""
    patient = record(f"node {chain} {side} 10>16 {words}", primary="PROSTATE", side=row["primary side"] or None)
    found = items(patient)["l1"].regional
    assert ("" if found is None else str(found)) == row["regional"]


@pytest.mark.parametrize("chain", ["internal_mammary", "internal_mammary*"])
def test_a_chain_that_is_assumed_to_be_another_counts_like_it(chain: str) -> None:
    """Breast: internal mammary nodes are regional on the side of the primary."""
    own = items(record(f"node {chain} left 10>16", primary="BREAST", side="left"))["l1"]
    other = items(record(f"node {chain} right 10>16", primary="BREAST", side="left"))["l1"]
    assert (own.regional, other.regional) == (True, False)


def test_a_therapy_without_words_is_told_by_its_code() -> None:
    done = replace(procedure(LOCAL, on="2026-01-10", organ="lung", side="left"), text="")
    told = items(record("lung left 20>30", done))["l1"].explanation
    assert "had local therapy before: radiotherapy (2026-01-10)" in told


def test_a_therapy_beside_a_lesion_without_any_day_changes_nothing() -> None:
    done = procedure(LOCAL, on="2026-01-10", organ="liver", text="Radiotherapy")
    patient = record("", build.lesion("liver", ref="l1"), measured(lesion="l1", on=None, long=20), done, scans=False)
    assert (items(patient)["l1"].state.value, items(patient)["l1"].counts) == ("unknown", True)


@each_row("""
    lesion                | side
    lung left 20>30       | left
    lung right 20>30      | right
    lung bilateral 20>30  | bilateral
    liver 20>30           |
""")
def test_an_assessment_shows_the_side_of_a_lesion(row: dict[str, str]) -> None:
    shown: Any = as_json(assess(trial(), record(row["lesion"]), build.day(TODAY)))
    (item,) = shown["lesions"]["items"]
    assert (item.get("side") or "") == row["side"]
