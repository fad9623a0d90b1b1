"""`alive`, `age`, `ecog`: expected verdicts typed by hand from CRITERIA I1, I3 and the table."""

from __future__ import annotations

from build import day, disease_rules, ecog, facts, karnofsky, person
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import AgeAtLeast, NotKnownDead, Outcome, PerformanceAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, PatientFacts
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Basis, Finding

ECOG = PerformanceAtMost(ecog=2, within_days=90, karnofsky_passes_from=70, karnofsky_fails_to=40)


def find(rule: NotKnownDead | AgeAtLeast | PerformanceAtMost, patient: PatientFacts, as_of: str) -> Finding:
    clock = AsOf(day(as_of))
    return judge(rule, Case(patient.known_on(AsOf(day(as_of))), disease_rules(), frozenset()), clock)


@each_row("""
    born       | as_of      | verdict
    2008-11-22 | 2026-11-21 | fail
    2008-11-22 | 2026-11-22 | pass
    2008-02-29 | 2026-02-28 | fail
    2008-02-29 | 2026-03-01 | pass
    2008       | 2026-01-01 | unknown
    2008       | 2026-12-30 | unknown
    2008       | 2026-12-31 | pass
    2008       | 2025-12-31 | fail
    2008-06    | 2026-05-31 | fail
    2008-06    | 2026-06-01 | unknown
    2008-06    | 2026-06-29 | unknown
    2008-06    | 2026-06-30 | pass
    1908-05-17 | 2026-11-22 | pass
               | 2026-11-22 | unknown
""")
def test_age(row: dict[str, str]) -> None:
    found = find(AgeAtLeast(18), facts(of=person(born=row["born"] or None)), row["as_of"])
    assert found.outcome.value == row["verdict"]


def test_age_is_told_with_its_limit() -> None:
    found = find(AgeAtLeast(18), facts(of=person(born="1960-05-17")), "2026-05-16")
    assert found.reason == "Aged 65 (needs 18 or more)"
    assert find(AgeAtLeast(18), facts(of=person(born="2008")), "2026-06-01").reason == (
        "Born 2008: aged 17 or 18 (needs 18 or more)"
    )


def test_who_is_born_later_is_not_of_age() -> None:
    found = find(AgeAtLeast(18), facts(of=person(born="2027-01-05")), "2026-11-22")
    assert (found.outcome, found.reason) == (Outcome.FAIL, "Born 2027-01-05, after the day of assessment")


def test_a_missing_birth_date_is_asked_for() -> None:
    found = find(AgeAtLeast(18), facts(of=person(born=None)), "2026-11-22")
    assert [item.what for item in found.missing] == ["birth date"]


@each_row("""
    deceased | died       | verdict
             |            | pass
    no       |            | pass
    yes      |            | fail
             | 2026-11-22 | fail
             | 2026-11-23 | pass
    yes      | 2026-11-23 | pass
             | 2026       | fail
""")
def test_alive_on_22_november_2026(row: dict[str, str]) -> None:
    deceased = {"yes": True, "no": False, "": None}[row["deceased"]]
    found = find(NotKnownDead(), facts(of=person(deceased=deceased, died=row["died"] or None)), "2026-11-22")
    assert found.outcome.value == row["verdict"]


def test_alive_is_open_where_the_patient_resource_could_not_be_read_in_full() -> None:
    lost = ((Kind.PATIENT, "one Patient could not be read"),)
    found = find(NotKnownDead(), facts(of=person(), not_retrieved=lost), "2026-11-22")
    assert (found.outcome, found.basis) == (Outcome.UNKNOWN, Basis.NO_RECORD)
    assert found.reason == "Not read in full: one Patient could not be read"
    assert [(item.what, item.how) for item in found.missing] == [("vital status", "see whether the patient is alive")]
    said = find(NotKnownDead(), facts(of=person(deceased=False), not_retrieved=lost), "2026-11-22")
    assert said.outcome is Outcome.PASS


@each_row("""
    ecog | on         | karnofsky | kps_on     | verdict | basis
    0    | 2026-11-20 |           |            | pass    | recorded
    2    | 2026-11-20 |           |            | pass    | recorded
    3    | 2026-11-20 |           |            | fail    | recorded
    5    | 2026-11-20 |           |            | fail    | recorded
    2    | 2026-08-24 |           |            | pass    | recorded
    2    | 2026-08-23 |           |            | unknown | recorded
    3    | 2026-08-23 |           |            | unknown | recorded
    1    | 2026-08    |           |            | unknown | recorded
    1    | 2026-09    |           |            | pass    | recorded
    1    |            |           |            | unknown | no_record
         | 2026-11-20 |           |            | unknown | no_record
         |            | 70        | 2026-11-20 | pass    | derived
         |            | 60        | 2026-11-20 | unknown | derived
         |            | 50        | 2026-11-20 | unknown | derived
         |            | 40        | 2026-11-20 | fail    | derived
         |            | 90        | 2026-08-23 | unknown | recorded
    3    | 2026-09-01 | 90        | 2026-11-20 | fail    | recorded
    3    | 2026-08-01 | 90        | 2026-11-20 | pass    | derived
         |            |           |            | unknown | no_record
""")
def test_performance_status_on_22_november_2026(row: dict[str, str]) -> None:
    """90 days before 22 November 2026 is 24 August."""
    recorded = []
    if row["ecog"] or row["on"]:
        recorded.append(ecog(int(row["ecog"]) if row["ecog"] else None, on=row["on"] or None))
    if row["karnofsky"]:
        recorded.append(karnofsky(int(row["karnofsky"]), on=row["kps_on"]))
    found = find(ECOG, facts(*recorded), "2026-11-22")
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"])


def test_the_latest_score_decides_not_the_best() -> None:
    older, newer = ecog(1, on="2026-11-01", ref="a"), ecog(3, on="2026-11-20", ref="b")
    assert find(ECOG, facts(older, newer), "2026-11-22").outcome is Outcome.FAIL
    assert find(ECOG, facts(newer, older), "2026-11-22").outcome is Outcome.FAIL


def test_of_two_scores_of_one_day_the_worse_decides_and_is_noted() -> None:
    found = find(ECOG, facts(ecog(3, on="2026-11-20", ref="a"), ecog(1, on="2026-11-20", ref="b")), "2026-11-22")
    assert found.outcome is Outcome.FAIL
    assert [(note.reference, "disagree" in note.problem) for note in found.notes] == [("Observation/a", True)]


def test_of_two_karnofsky_scores_of_one_day_the_lower_decides() -> None:
    found = find(
        ECOG, facts(karnofsky(80, on="2026-11-20", ref="a"), karnofsky(40, on="2026-11-20", ref="b")), "2026-11-22"
    )
    assert found.outcome is Outcome.FAIL


def test_a_month_that_may_be_later_than_a_day_decides_only_in_agreement() -> None:
    month, exact = ecog(3, on="2026-11", ref="a"), ecog(1, on="2026-11-10", ref="b")
    assert find(ECOG, facts(month, exact), "2026-11-22").outcome is Outcome.UNKNOWN
    assert find(ECOG, facts(ecog(2, on="2026-11", ref="a"), exact), "2026-11-22").outcome is Outcome.PASS


def test_a_newer_score_that_cannot_be_read_does_not_hide_an_older_one() -> None:
    unread = ecog(None, on="2026-11-20", ref="a", problem="no score")
    found = find(ECOG, facts(unread, ecog(1, on="2026-11-10", ref="b")), "2026-11-22")
    assert found.outcome is Outcome.PASS
    assert [note.reference for note in found.notes] == ["Observation/a"]


def test_scores_of_the_future_do_not_exist() -> None:
    found = find(ECOG, facts(ecog(3, on="2026-11-23", ref="a"), ecog(1, on="2026-11-10", ref="b")), "2026-11-22")
    assert found.outcome is Outcome.PASS


def test_scores_that_were_not_retrieved_are_unknown() -> None:
    patient = facts(ecog(1, on="2026-11-20"), not_retrieved=((Kind.OBSERVATIONS, "timed out"),))
    found = find(ECOG, patient, "2026-11-22")
    assert (found.outcome, found.reason) == (Outcome.UNKNOWN, "Not retrieved: timed out")
    assert found.basis is Basis.NO_RECORD


def test_an_unknown_score_says_between_which_days_a_new_one_would_count() -> None:
    (missing,) = find(ECOG, facts(), "2026-11-22").missing
    assert (missing.opens, missing.closes) == (day("2026-08-24"), day("2026-11-22"))
