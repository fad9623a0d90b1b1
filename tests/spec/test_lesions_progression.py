"""Progression: what passes, what fails, what stays open; new lesions, earlier local therapy, pairs of scans."""

from __future__ import annotations

from dataclasses import replace

import build
import pytest
from lesion_tables import BASELINE, EARLIER, TODAY, case_of, record, status

from cds_service.domain.criteria import LesionCountBetween
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DiseaseStatus, Kind, PatientFacts, Side, Site
from cds_service.domain.rules.progression import judge_lesion_count, judge_progression
from cds_service.domain.verdicts import Finding

STEADY = "adrenal left 20>20"
LOCAL = "local-therapy/radiotherapy/prior_local_therapy"


def progression(facts: PatientFacts, today: str = TODAY) -> Finding:
    return judge_progression(case_of(facts, today), AsOf(build.day(today)))


def lesion_count(facts: PatientFacts) -> Finding:
    return judge_lesion_count(LesionCountBetween(1, 5), case_of(facts), AsOf(build.day(TODAY)))


def states(facts: PatientFacts) -> dict[str, str]:
    return {item.key: item.state.value for item in case_of(facts).lesions.summary.items}


@pytest.mark.parametrize(
    ("lesions", "overall", "verdict", "basis"),
    [
        ("liver 20>30", "", "pass", "recorded"),
        ("liver 20>30; lung left 20>21", "", "pass", "recorded"),
        ("liver 20>30", "stable", "pass", "recorded"),
        ("liver 20>30", "complete response", "unknown", "recorded"),
        ("", "progressive", "pass", "recorded"),
        ("liver 20>20", "progressive", "pass", "recorded"),
        ("liver 20>22", "stable", "fail", "recorded"),
        ("liver 20>22", "partial response", "fail", "recorded"),
        ("liver 20>22", "not progressive", "fail", "recorded"),
        ("liver 20>22", "", "unknown", "recorded"),
        ("liver 20>22", "undetermined", "unknown", "recorded"),
        ("", "stable", "unknown", "recorded"),
        ("", "partial response", "unknown", "recorded"),
        ("", "complete response", "fail", "recorded"),
        ("", "", "unknown", "recorded"),
        ("liver 20>22; bone 20>30", "stable", "unknown", "recorded"),
        ("liver 20>22; lung left 20>-", "stable", "unknown", "recorded"),
        ("liver 20>22; lung left 4.9>9.9", "stable", "unknown", "recorded"),
        ("lung left 4.9>9.9", "complete response", "unknown", "recorded"),
        ("lung left 12>-", "complete response", "fail", "recorded"),
        ("liver 20>30 !stable", "stable", "fail", "recorded"),
        ("liver 20>20 !progressive", "stable", "pass", "recorded"),
    ],
)
def test_verdicts(lesions: str, overall: str, verdict: str, basis: str) -> None:
    found = progression(record(lesions, statuses=[status(overall)] if overall else []))
    assert (found.outcome.value, found.basis.value) == (verdict, basis)
    assert bool(found.missing) is (verdict == "unknown")


def test_mixed_response_is_said_in_the_reason() -> None:
    found = progression(record("liver 20>30", statuses=[status("stable")]))
    assert "mixed response" in found.reason
    assert "stable on 2026-11-10" in found.reason


def test_the_reason_gives_sizes_dates_and_growth() -> None:
    reason = progression(record("liver 24>29")).reason
    assert reason == ("1 progressive lesion between 2026-08-20 and 2026-11-10: liver (24 mm to 29 mm (+5 mm, +20.8 %))")


@pytest.mark.parametrize(
    ("on", "evidence", "verdict"),
    [
        (BASELINE, "", "pass"),
        ("2026-11-22", "", "pass"),
        (BASELINE, "imaging", "pass"),
        (BASELINE, "imaging marker", "pass"),
        (BASELINE, "marker", "unknown"),
        (BASELINE, "symptoms", "unknown"),
        ("2026-11-09", "", "unknown"),
        ("2026-08-20", "", "unknown"),
        ("2026-11", "", "unknown"),
        ("", "", "unknown"),
        ("2026-11-23", "", "unknown"),
    ],
)
def test_a_disease_status_that_worsened(on: str, evidence: str, verdict: str) -> None:
    worsened = status("progressive", on=on or None, recist=False, evidence_types=evidence.split())
    found = progression(record("", statuses=[worsened]))
    assert found.outcome.value == verdict
    assert verdict == "unknown" or found.basis.value == "derived"


def test_the_latest_statement_decides_and_contradictions_of_a_day_are_noted() -> None:
    first, later = status("progressive", ref="a"), status("stable", on="2026-11-15", ref="b")
    assert progression(record("liver 20>20", statuses=[first, later])).outcome.value == "fail"
    again = replace(later, date=build.when(BASELINE))
    found = progression(record("liver 20>20", statuses=[first, again]))
    assert found.outcome.value == "unknown"
    assert {note.reference for note in found.notes} == {"Observation/a", "Observation/b"}


def test_a_statement_on_one_lesion_is_that_lesions_own() -> None:
    own = status("progressive", focus=["BodyStructure/l1"], recist=False)
    facts = record(f"liver 20>21; {STEADY}", statuses=[own])
    assert states(facts) == {"BodyStructure/l1": "progressive", "BodyStructure/l2": "not_progressive"}
    by_marker = replace(own, evidence_types=frozenset({"marker"}))
    assert states(record("liver 20>21", statuses=[by_marker])) == {"BodyStructure/l1": "not_progressive"}
    old = status("progressive", focus=["BodyStructure/l1"], on=EARLIER)
    assert states(record("liver 20>21", statuses=[old])) == {"BodyStructure/l1": "not_progressive"}
    stable = status("stable", focus=["BodyStructure/l1"])
    assert progression(record("liver 20>30", statuses=[stable])).outcome.value == "unknown"


@pytest.mark.parametrize(
    ("lesions", "state"),
    [
        (f"{STEADY}; lung left ->12", "progressive"),
        (f"{STEADY}; lung left ->9.9", "possible"),
        ("lung left ->12", "unknown"),  # nothing else was measured on the earlier scan
        (f"{STEADY}; brain ->12", "unknown"),  # CT of the trunk does not show the brain
        (f"{STEADY}; femur left ->12", "unknown"),  # nor the limbs
        (f"{STEADY}; ? ->12 nodule", "unknown"),  # nobody knows where it is
        (f"{STEADY}; liver 20>20; liver ->12", "progressive"),  # the other one is known at both scans
        (f"{STEADY}; lung left 12>-; lung left ->14; lung left ->15", "unknown"),  # which of the two was it?
        (f"{STEADY}; lung 12>-; lung left ->14", "unknown"),  # the side of the earlier one is not known
        (f"{STEADY}; lung right 12>-; lung left ->14", "progressive"),
        (f"{STEADY}; lung left ->-; lung left ->14; lung left ->15", "unknown"),  # described, never measured
        (f"{STEADY}; node hilar left ->15", "progressive"),
        (f"{STEADY}; node hilar left ->9.9", "not_progressive"),
    ],
)
def test_new_lesions(lesions: str, state: str) -> None:
    found = states(record(lesions))
    assert found[max(found)] == state


def test_a_head_scan_of_the_same_weeks_shows_the_brain() -> None:
    heads = [build.scan("MR head", on="2026-08-25", ref="mr1"), build.scan("MR head", on="2026-11-14", ref="mr2")]
    facts = record(
        STEADY, build.lesion("brain", ref="l9"), build.measured(lesion="l9", on="2026-11-14", long=12), *heads
    )
    assert states(facts)["BodyStructure/l9"] == "progressive"
    assert states(replace(facts, imaging=facts.imaging[:2]))["BodyStructure/l9"] == "unknown"


@pytest.mark.parametrize(
    ("day", "state"),
    [
        ("2026-11-13", "progressive"),
        ("2026-11-14", "unknown"),
        ("2026-11-07", "progressive"),
        ("2026-11-06", "unknown"),
    ],
)
def test_a_reading_belongs_to_a_scan_within_three_days(day: str, state: str) -> None:
    facts = record("", build.lesion(), build.measured(on=EARLIER, long=20), build.measured(on=day, long=30))
    assert states(facts) == {"BodyStructure/l1": state}


def test_a_reading_that_names_its_study_belongs_to_it_whatever_its_date() -> None:
    late = replace(build.measured(on="2026-11-20", long=30), studies=("ImagingStudy/ct2",))
    facts = record("", build.lesion(), build.measured(on=EARLIER, long=20), late)
    assert states(facts) == {"BodyStructure/l1": "progressive"}


def test_specimens_are_no_readings() -> None:
    specimen = replace(build.measured(on=BASELINE, long=30), specimen=True)
    facts = record("", build.lesion(), build.measured(on=EARLIER, long=20), specimen)
    assert states(facts) == {"BodyStructure/l1": "unknown"}


def test_readings_of_one_day_that_disagree_are_noted() -> None:
    facts = record("liver 20>24", build.measured(on=BASELINE, long=25, ref="second"))
    found = progression(facts)
    assert found.outcome.value == "unknown"
    assert {note.reference for note in found.notes} == {"Observation/size-l1-2026-11-10", "Observation/second"}
    same = record("liver 20>24", build.measured(on=BASELINE, long=24, ref="second"))
    assert progression(same).notes == ()


def treatment(
    on: str | None, *, organ: str | None = "lung", side: str | None = "left", focus: str = "", **more: object
) -> object:
    done = build.procedure(LOCAL, on=on, organ=organ, side=side, text=more.pop("text", "Stereotactic radiotherapy"))  # type: ignore[arg-type]
    return replace(done, focus=(focus,) if focus else (), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lesion", "on", "organ", "side", "verdict", "state", "counts"),
    [
        # certain place: out when before the earlier scan, possible between the two, in after the baseline scan
        ("lung left 20>30", "2026-01-10", "lung", "left", "unknown", "progressive", False),
        ("lung left 20>30", "2026-08-19", "lung", "left", "unknown", "progressive", False),
        ("lung left 20>30", "2026-08-20", "lung", "left", "unknown", "possible", True),
        ("lung left 20>30", "2026-09-10", "lung", "left", "unknown", "possible", True),
        ("lung left 20>15", "2026-09-10", "lung", "left", "unknown", "possible", True),
        ("lung left 20>30", "2026-11-10", "lung", "left", "unknown", "possible", True),
        ("lung left 20>30", "2026-11-11", "lung", "left", "pass", "progressive", True),
        ("lung left 20>30", "2026", "lung", "left", "unknown", "possible", True),
        ("lung left 20>30", "", "lung", "left", "unknown", "possible", True),
        # another place
        ("lung left 20>30", "2026-01-10", "lung", "right", "pass", "progressive", True),
        ("lung left 20>30", "2026-01-10", "liver", "", "pass", "progressive", True),
        # not certainly the same place
        ("lung left 20>30", "2026-01-10", "lung", "", "unknown", "possible", True),
        ("lung 20>30", "2026-01-10", "lung", "", "unknown", "possible", True),
        ("lung left 20>30", "2026-01-10", "chest", "", "unknown", "possible", True),
        ("lung left 20>22", "2026-01-10", "chest", "", "unknown", "not_progressive", True),
        ("node iliac left 10>16 common iliac", "2026-01-10", "pelvis", "", "unknown", "possible", True),
        ("node hilar left 10>16", "2026-01-10", "pelvis", "", "pass", "progressive", True),
        ("liver 20>30", "2026-01-10", "liver", "", "unknown", "progressive", False),
        ("liver 20>30 segment 4", "2026-01-10", "liver", "", "unknown", "progressive", False),
        ("rib left 20>30 !progressive", "2026-01-10", "rib", "left", "unknown", "possible", True),
    ],
)  # fmt: skip
def test_earlier_local_therapy(
    lesion: str, on: str, organ: str, side: str, verdict: str, state: str, counts: bool
) -> None:
    facts = record(lesion, treatment(on or None, organ=organ, side=side or None))
    (item,) = case_of(facts).lesions.summary.items
    assert (progression(facts).outcome.value, item.state.value, item.counts) == (verdict, state, counts)


def test_a_treated_lesion_leaves_the_decision_to_the_others_and_is_flagged() -> None:
    facts = record("lung left 20>30; liver 20>30", treatment("2026-01-10"))
    found = progression(facts)
    assert found.outcome.value == "pass"
    assert "not counted after earlier local therapy: left lung" in found.reason
    assert "Stereotactic radiotherapy (2026-01-10)" in found.reason
    assert case_of(facts).lesions.summary.count_max == 1


def test_progression_of_a_treated_lesion_alone_does_not_explain_a_stated_progression() -> None:
    facts = record("lung left 20>30", treatment("2026-01-10"), statuses=[status("progressive")])
    assert progression(facts).outcome.value == "unknown"


def test_therapy_that_names_its_lesion() -> None:
    lesions = "lung left 20>30; lung left 10>20"
    done = treatment("2026-01-10", focus="BodyStructure/l1")
    counted = [item.key for item in case_of(record(lesions, done)).lesions.summary.items if item.counts]
    assert counted == ["BodyStructure/l2"]


@pytest.mark.parametrize(
    ("text", "lesion", "state", "counts"),
    [
        ("Right nephrectomy", "liver 20>30", "progressive", True),
        ("Radical prostatectomy", "prostate 20>30", "progressive", False),
        ("Left upper lobectomy of lung", "lung left 20>30", "progressive", False),
        ("Bilateral mastectomy", "breast left 20>30", "progressive", False),
        ("Mastectomy", "breast left 20>30", "possible", True),
        ("Cholecystectomy", "bladder 20>30", "possible", True),
        ("Excision of lesion", "liver 20>30", "possible", True),
        ("Radiotherapy to pelvis", "node iliac left 10>16 common iliac", "possible", True),
        ("Radiotherapy to pelvis", "lung left 20>30", "progressive", True),
    ],
)
def test_the_place_in_the_name_of_a_procedure(text: str, lesion: str, state: str, counts: bool) -> None:
    facts = record(lesion, treatment("2026-01-10", organ=None, text=text), primary="PROSTATE")
    (item,) = case_of(facts).lesions.summary.items
    assert (item.state.value, item.counts) == (state, counts)


@pytest.mark.parametrize("use", ["radiopharmaceutical", "support"])
def test_radionuclides_and_support_are_not_local(use: str) -> None:
    systemic = build.procedure(f"local-therapy/{use}/{use}", on="2026-01-10", organ="lung", side="left")
    assert progression(record("lung left 20>30", systemic)).outcome.value == "pass"


def test_a_treatment_not_completed_leaves_doubt() -> None:
    facts = record("lung left 20>30", treatment("2026-01-10", completed=False))
    assert progression(facts).outcome.value == "unknown"


def test_without_scans_the_days_of_readings_are_compared_and_nothing_is_new() -> None:
    facts = record("liver 20>30; lung left ->12", scans=False)
    found = progression(facts)
    assert (found.outcome.value, found.basis.value) == ("pass", "derived")
    assert "two comparable scans are not recorded" in found.reason
    assert states(facts)["BodyStructure/l2"] == "unknown"
    assert lesion_count(record("liver 20>30", scans=False)).basis.value == "derived"


def test_without_an_earlier_scan_growth_is_judged_by_readings_only() -> None:
    facts = record("liver 20>30; lung left ->12", build.scan(on=BASELINE), scans=False)
    assert states(facts) == {"BodyStructure/l1": "progressive", "BodyStructure/l2": "unknown"}


def test_a_statement_without_any_scan_belongs_to_none() -> None:
    found = progression(record("", scans=False, statuses=[status("progressive")]))
    assert found.outcome.value == "unknown"
    assert "no scan is recorded" in found.reason


def test_the_latest_pair_is_judged_whatever_its_age() -> None:
    assert progression(record("liver 20>30"), "2028-01-01").outcome.value == "pass"


def test_what_is_dated_later_does_not_exist_yet() -> None:
    facts = record("liver 20>30")
    assert progression(facts, "2026-11-09").outcome.value == "unknown"
    assert progression(facts, BASELINE).outcome.value == "pass"


@pytest.mark.parametrize(
    "kind", [Kind.OBSERVATIONS, Kind.LESIONS, Kind.IMAGING, Kind.REPORTS, Kind.PROCEDURES, Kind.CONDITIONS]
)
def test_what_could_not_be_retrieved_is_unknown(kind: Kind) -> None:
    facts = replace(record("liver 20>30"), not_retrieved=((kind, "the server timed out"),))
    assert progression(facts).outcome.value == "unknown"
    assert lesion_count(facts).outcome.value == "unknown"
    assert "the server timed out" in progression(facts).reason


def test_zero_lesions_fail_only_with_progression() -> None:
    assert lesion_count(record("liver 20>22", statuses=[status("stable")])).outcome.value == "fail"
    assert lesion_count(record("liver 20>22")).outcome.value == "unknown"
    assert lesion_count(record("", statuses=[status("progressive")])).outcome.value == "unknown"
    assert lesion_count(record("", statuses=[status("complete response")])).outcome.value == "fail"


def test_each_lesion_shows_its_sizes_place_and_evidence() -> None:
    (item,) = case_of(record("node hilar left 10>16", primary="RCC")).lesions.summary.items
    assert (item.site, item.chain, item.side) == ("lymph node", "hilar", Side.LEFT)
    assert (str(item.pre_baseline_mm), str(item.baseline_mm)) == ("10", "16")
    assert [found.reference for found in item.evidence] == [
        "Observation/size-l1-2026-08-20",
        "Observation/size-l1-2026-11-10",
    ]


def test_a_place_known_by_words_only_is_no_organ() -> None:
    facts = record("", build.measured(lesion=None, on=BASELINE, long=12, site=Site(text="hepatic nodule")))
    (item,) = case_of(facts).lesions.summary.items
    assert item.site is None
    assert "recorded at: hepatic nodule" in item.explanation


def test_a_preliminary_statement_is_marked() -> None:
    early: DiseaseStatus = replace(status("progressive"), preliminary=True)
    assert "preliminary" in progression(record("", statuses=[early])).reason


def test_therapy_before_a_baseline_scan_without_an_earlier_one() -> None:
    facts = record("", build.scan(on=BASELINE), treatment("2026-01-10"), scans=False)
    facts = replace(facts, **vars_of_lesion())
    (item,) = case_of(facts).lesions.summary.items
    assert (item.state.value, item.counts) == ("unknown", False)


def vars_of_lesion() -> dict[str, tuple[object, ...]]:
    """A lung lesion measured at the baseline scan only."""
    return {
        "lesions": (build.lesion("lung", side="left"),),
        "measurements": (build.measured(on=BASELINE, long=20),),
    }


def test_an_undated_reading_belongs_to_no_scan() -> None:
    facts = record("", build.lesion(), build.measured(on=None, long=20), build.measured(on=BASELINE, long=30))
    assert states(facts) == {"BodyStructure/l1": "unknown"}


def test_lesions_without_any_day_are_unknown() -> None:
    facts = record("", build.lesion(), build.measured(on=None, long=20), scans=False)
    assert states(facts) == {"BodyStructure/l1": "unknown"}
