"""Laws of records: order, repetition and what has no bearing change no assessment."""

from __future__ import annotations

from dataclasses import replace

from build import condition, facts, lab, procedure
from draw import TODAY, found, patients, persons
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trial import trial

from cds_service.domain.criteria import Outcome
from cds_service.domain.facts import Kind, PatientFacts
from cds_service.domain.trials import assess
from cds_service.domain.verdicts import Assessment

TRIAL = trial()
LAW = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=40)
IRRELEVANT = (
    condition(ref="flu", text="Influenza", unlisted=True, recorded="2025-12-20"),
    condition("nothing/OF/interest", ref="knee", text="Knee pain", recorded="2025-11-02"),
    lab("sodium", 140, on="2025-12-30", ref="na"),
    procedure(on="2025-12-01", ref="tooth", text="Tooth extraction"),
)


def _outcomes(assessment: Assessment) -> dict[str, tuple[Outcome, object]]:
    return {verdict.id: (verdict.outcome, verdict.valid_until) for verdict in assessment.verdicts}


@given(found(), persons(), st.randoms(use_true_random=False))
@settings(LAW)
def test_the_order_of_facts_does_not_matter(record: list[object], who: object, chance: object) -> None:
    shuffled = list(record)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    one = assess(TRIAL, facts(*record, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    other = assess(TRIAL, facts(*shuffled, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    assert one == other


@given(found(), persons())
@settings(LAW)
def test_a_fact_told_twice_changes_nothing(record: list[object], who: object) -> None:
    twice = [fact for fact in record for _ in range(2)]
    one = assess(TRIAL, facts(*record, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    other = assess(TRIAL, facts(*twice, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    assert _outcomes(one) == _outcomes(other)
    assert (one.lesions.count_min, one.lesions.count_max) == (other.lesions.count_min, other.lesions.count_max)


@given(found(), persons())
@settings(LAW)
def test_what_has_no_bearing_changes_nothing(record: list[object], who: object) -> None:
    one = assess(TRIAL, facts(*record, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    other = assess(TRIAL, facts(*record, *IRRELEVANT, of=who), TODAY)  # type: ignore[arg-type]  # drawn as object
    assert one == other


@given(patients())
@settings(LAW)
def test_a_record_that_could_not_be_read_settles_no_exclusion(patient: PatientFacts) -> None:
    unread = replace(patient, conditions=(), not_retrieved=((Kind.CONDITIONS, "timed out"),))
    now = assess(TRIAL, unread, TODAY)
    for name in ("stage-iv", "histology", "effusion", "marrow-involvement", "other-malignancy"):
        assert now.verdict(name).outcome is Outcome.UNKNOWN


@given(patients())
@settings(LAW)
def test_every_unknown_says_what_would_settle_it(patient: PatientFacts) -> None:
    for verdict in assess(TRIAL, patient, TODAY).verdicts:
        assert verdict.reason
        if verdict.outcome is Outcome.UNKNOWN:
            assert verdict.missing, verdict.id
