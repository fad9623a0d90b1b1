"""Laws of the imaging picture: order, duplicates and second records of a scan change nothing.

Days are drawn from narrow bands around the limits: 28 days back, 14 days within a set, 42 and 112 days between sets.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from build import disease_rules, facts, scan, staging_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.domain.case import Case
from cds_service.domain.criteria import BaselineImaging, PreBaselineImaging
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Evidence, ImagingStudy, PatientFacts, ScanRecord
from cds_service.domain.imaging import choose_pair, comparison, read_scans
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

RULES = staging_rules()
TODAY = date(2026, 11, 22)
COVERED = (
    "CT chest, CT abdomen, CT pelvis",
    "CT chest",
    "CT abdomen, CT pelvis",
    "CT abdomen~",
    "MR abdomen, MR pelvis",
    "PET chest, PET abdomen, PET pelvis",
    "PET chest",
    "MR head",
)
NEAR = st.sampled_from([0, 1, 13, 14, 15, 27, 28, 29, 30, 41, 42, 43, 69, 70, 71, 111, 112, 113, 126, 140, 141])


@st.composite
def histories(draw: st.DrawFn) -> list[ImagingStudy]:
    count = draw(st.integers(0, 7))
    return [
        scan(
            draw(st.sampled_from(COVERED)),
            on=(TODAY - timedelta(days=draw(NEAR))).isoformat(),
            ref=f"s{index}",
            unfit=draw(st.sampled_from([None, None, None, "planning CT"])),
            doubtful=draw(st.sampled_from([None, None, None, "CTA chest"])),
        )
        for index in range(count)
    ]


def of(studies: list[ImagingStudy]) -> PatientFacts:
    """Facts whose imaging keeps the order given."""
    return replace(facts(), imaging=tuple(studies))


def findings(studies: list[ImagingStudy], day: date = TODAY) -> tuple[Finding, Finding]:
    case = Case(of(studies), disease_rules(), frozenset())
    return judge(BaselineImaging(), case, AsOf(day)), judge(PreBaselineImaging(), case, AsOf(day))


def picture(studies: list[ImagingStudy]) -> object:
    history = read_scans(of(studies), RULES)
    choice = choose_pair(history, RULES, AsOf(TODAY))
    pair = comparison(history)
    compared = (pair.later.when, pair.later.scans, pair.earlier.when, pair.earlier.scans) if pair else None
    return history, choice, compared


@given(histories(), st.randoms(use_true_random=False))
def test_order_does_not_matter(studies: list[ImagingStudy], chance: object) -> None:
    shuffled = list(studies)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert picture(shuffled) == picture(studies)
    assert findings(shuffled) == findings(studies)


@given(histories())
def test_a_duplicate_changes_nothing(studies: list[ImagingStudy]) -> None:
    assert picture(studies + studies) == picture(studies)


@given(histories(), st.integers(0, 30))
def test_a_report_on_a_scan_does_not_make_it_two(studies: list[ImagingStudy], days_later: int) -> None:
    reports = [
        replace(
            study,
            evidence=Evidence(f"DiagnosticReport/{index}", None, "report"),
            date=None if study.date is None else scan(on=str(study.date.earliest + timedelta(days=days_later))).date,
            same_study=(study.evidence.reference,),
            record=ScanRecord.REPORT,
        )
        for index, study in enumerate(studies)
    ]
    alone, told = read_scans(of(studies), RULES), read_scans(of(studies + reports), RULES)
    assert len(told.scans) == len(alone.scans)
    assert [(s.when, s.parts) for s in told.sets] == [(s.when, s.parts) for s in alone.sets]
    outcomes = [finding.outcome for finding in findings(studies)]
    assert [finding.outcome for finding in findings(studies + reports)] == outcomes


@given(histories(), histories())
def test_more_scans_never_take_a_baseline_away(studies: list[ImagingStudy], others: list[ImagingStudy]) -> None:
    added = [replace(one, evidence=replace(one.evidence, reference=f"{one.evidence.reference}-more")) for one in others]
    before, after = findings(studies)[0], findings(studies + added)[0]
    assert not (before.outcome.value == "pass" and after.outcome.value != "pass")


@given(histories())
def test_a_set_is_whole_and_close_together(studies: list[ImagingStudy]) -> None:
    for staging in read_scans(of(studies), RULES).sets:
        days = [one.day for one in staging.scans]
        assert (max(days) - min(days)).days <= 14
        assert staging.day == min(days)
        assert {part.region.value for part in staging.parts} == {"chest", "abdomen", "pelvis"}
        assert all(study.unfit is None and study.doubtful is None for study in staging.studies)


@settings(max_examples=40)
@given(histories())
def test_outcomes_change_only_on_announced_days(studies: list[ImagingStudy]) -> None:
    case = Case(of(studies), disease_rules(), frozenset())
    for rule in (BaselineImaging(), PreBaselineImaging()):
        announced: date | None = TODAY
        outcome = None
        for offset in range(35):
            day = TODAY + timedelta(days=offset)
            clock = AsOf(day)
            found = judge(rule, case, clock).outcome
            if announced is None or day < announced:
                assert found is outcome
            outcome, announced = found, clock.turns_on
