"""Of two records of one day, of the past and the future, which one counts: CRITERIA conventions, I1, I3, E1 to E9."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from build import condition, day, disease_rules, drug, ecog, facts, lab, metastasis, person, primary, procedure, scan
from lesion_tables import TODAY, record
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import (
    ClinicianJudges,
    Exhibit,
    MetastaticDisease,
    NoActiveCondition,
    NotKnownDead,
    Outcome,
    PerformanceAtMost,
    PreBaselineImaging,
    Rule,
)
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import PatientFacts, Site
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

ECOG = PerformanceAtMost(ecog=2, within_days=90, karnofsky_passes_from=70, karnofsky_fails_to=40)


def judged(rule: Rule, patient: PatientFacts) -> Finding:
    case = Case(patient.known_on(AsOf(day(TODAY))), disease_rules(), frozenset({"CRC"}))
    return judge(rule, case, AsOf(day(TODAY)))


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    return judged(rule, facts(*found, **more))


# --- what lies ahead does not exist -------------------------------------------------------------------------


@each_row("""
    deceased | died       | verdict | reason
             | 2026-11-22 | fail    | Recorded as deceased (2026-11-22)
             | 2026-11-23 | pass    | No death is recorded
    yes      | 2026-11-23 | pass    | No death is recorded
    yes      | 2026-11    | fail    | Recorded as deceased (2026-11)
    yes      | 2026-12    | pass    | No death is recorded
""")
def test_who_dies_later_is_not_known_dead(row: dict[str, str]) -> None:
    found = find(NotKnownDead(), of=person(deceased=True if row["deceased"] else None, died=row["died"]))
    assert (found.outcome.value, found.reason) == (row["verdict"], row["reason"])


def test_facts_of_later_days_are_left_out_and_counted() -> None:
    clock = AsOf(day(TODAY))
    known = facts(lab("anc", 600, on=TODAY), ecog(1, on="2026-11-23"), ecog(1, on="2026-12"), ecog(1, on=None))
    now = known.known_on(clock)
    assert (now.hidden, len(now.labs), len(now.performance)) == (2, 1, 1)
    assert replace(known, hidden=3).known_on(clock).hidden == 5
    assert facts(lab("anc", 600)).known_on(clock).hidden == 0
    assert clock.turns_on == day("2026-11-23")


@each_row("""
    status   | ended      | active
    resolved | 2026-11-22 | no
    resolved | 2026-11-23 | yes
             | 2026-11-22 | no
             | 2026-11-23 | yes
    resolved |            | no
    active   |            | yes
""")
def test_a_condition_that_ends_later_is_still_active(row: dict[str, str]) -> None:
    recorded = condition("effusion/E/exclude", status=row["status"] or None, abated=row["ended"] or None)
    rule = NoActiveCondition("effusion", {"exclude": Outcome.FAIL})
    assert find(rule, recorded).outcome.value == ("fail" if row["active"] == "yes" else "pass")


@each_row("""
    deceased | died       | still deceased | still died
    yes      | 2026-11-22 | True           | 2026-11-22
    yes      | 2026-11-23 | None           | None
    no       | 2026-11-23 | None           | None
             | 2026-11-23 | None           | None
    yes      |            | True           | None
    no       |            | False          | None
""")
def test_what_is_known_of_a_death_on_a_day(row: dict[str, str]) -> None:
    recorded = {"yes": True, "no": False, "": None}[row["deceased"]]
    known = facts(of=person(deceased=recorded, died=row["died"] or None)).known_on(AsOf(day(TODAY))).person
    assert (str(known.deceased), str(known.deceased_on)) == (row["still deceased"], row["still died"])


@each_row("""
    status   | ended      | known status | known end
    resolved | 2026-11-22 | resolved     | 2026-11-22
    resolved | 2026-11-23 | active       | None
    resolved | 2026-12    | active       | None
    resolved | 2026-11    | resolved     | 2026-11
    resolved |            | resolved     | None
             | 2026-11-23 | active       | None
""")
def test_how_a_condition_stood_on_a_day(row: dict[str, str]) -> None:
    recorded = condition("effusion/E/exclude", status=row["status"] or None, abated=row["ended"] or None)
    (known,) = facts(recorded).known_on(AsOf(day(TODAY))).conditions
    assert known.clinical_status is not None
    assert (known.clinical_status.value, str(known.abated)) == (row["known status"], row["known end"])


@each_row("""
    start      | end        | held from
    2026-01-10 | 2026-03-01 | 2026-01-10
    2026-01-10 |            | 2026-01-10
               | 2026-03-01 | 2026-03-01
               |            | None
""")
def test_a_drug_and_a_procedure_are_held_from_their_start_or_else_their_end(row: dict[str, str]) -> None:
    given = drug("oxaliplatin", on=row["start"] or None, until=row["end"] or None)
    done = replace(procedure(on=row["start"] or None), end=given.end)
    assert str(given.date) == str(done.date) == row["held from"]


# --- several records ----------------------------------------------------------------------------------------


@each_row("""
    scores                              | verdict | reason
    a 1 2026-11-10, b 0 2026-11-10      | pass    | ECOG 1 on 2026-11-10 (needs 2 or less)
    a 0 2026-11-10, b 1 2026-11-10      | pass    | ECOG 1 on 2026-11-10 (needs 2 or less)
    a 1 2026-11, b 3 2026-11            | unknown | ECOG 3 on 2026-11: its date leaves open whether it is the latest within 90 days
    a 3 2026-11, b 3 2026-11            | fail    | ECOG 3 on 2026-11 (needs 2 or less)
    a 1 2026-06-01, b 1 2026-05-01      | unknown | ECOG 1 on 2026-06-01 is older than 90 days
    b 1 2026-06-01, a 1 2026-05-01      | unknown | ECOG 1 on 2026-06-01 is older than 90 days
""")  # noqa: E501
def test_of_several_scores(row: dict[str, str]) -> None:
    parts = [part.split() for part in row["scores"].split(", ")]
    found = find(ECOG, *(ecog(int(score), on=on, ref=ref) for ref, score, on in parts))
    assert (found.outcome.value, found.reason) == (row["verdict"], row["reason"])


@each_row("""
    unreadable on | noted
    2026-11-09    | no
    2026-11-10    | yes
    2026-11-11    | yes
""")
def test_a_score_that_cannot_be_read_is_noted_where_it_may_be_the_latest(row: dict[str, str]) -> None:
    found = find(ECOG, ecog(1, on="2026-11-10"), ecog(None, on=row["unreadable on"], ref="odd"))
    assert found.outcome is Outcome.PASS
    assert [note.reference for note in found.notes] == (["Observation/odd"] if row["noted"] == "yes" else [])


@each_row("""
    a    | b    | verdict
    ask  | open | review
    open | ask  | review
    open | info | unknown
    info | open | unknown
    bad  | ask  | fail
    ask  | bad  | fail
""")
def test_the_gravest_of_two_conditions_decides_in_either_order(row: dict[str, str]) -> None:
    outcomes = {"bad": Outcome.FAIL, "ask": Outcome.REVIEW, "open": Outcome.UNKNOWN}
    found = [condition(f"effusion/E/{row[ref]}", ref=ref, text=ref) for ref in ("a", "b")]
    assert find(NoActiveCondition("effusion", outcomes), *found).outcome.value == row["verdict"]


# --- tissue -------------------------------------------------------------------------------------------------


@each_row("""
    proven                              | profile | verdict
    cancer-type/CRC/secondary           |         | pass
    primary-cancer/SECONDARY/secondary  |         | pass
    secondary-site/bone/metastatic      |         | pass
                                        | primary | pass
    gilbert/GILBERT/bilirubin_exception |         | unknown
""")
def test_tissue_of_any_cancer_that_may_be_this_one_counts(row: dict[str, str]) -> None:
    """The primary itself is neither confirmed nor proven."""
    means = [row["proven"]] if row["proven"] else []
    proven = condition(
        *means, ref="p", verified=None, confirmation="histology", profile=row["profile"] or None, unlisted=not means
    )
    found = find(MetastaticDisease(), primary(verified=None), metastasis("bone"), proven)
    assert found.outcome.value == row["verdict"]


# --- what is listed for the clinician -----------------------------------------------------------------------


def test_long_lists_are_cut_and_say_how_many_more() -> None:
    def told(number: int) -> str:
        listed = [condition("other/X/y", ref=f"{n:02}", text=f"P{n:02}") for n in range(1, number + 1)]
        return find(ClinicianJudges("Well?", (Exhibit.PROBLEM_LIST,)), *listed).reason

    twelve = "P01, P02, P03, P04, P05, P06, P07, P08, P09, P10, P11, P12"
    assert told(12) == f"Well? Problem list: {twelve}."
    assert told(13) == f"Well? Problem list: {twelve} and 1 more."


@each_row("""
    organ | words      | told
    liver |            | SBRT of liver (2025-01-01)
    liver | left lobe  | SBRT of left lobe (2025-01-01)
          | the flank  | SBRT of the flank (2025-01-01)
          |            | SBRT (2025-01-01)
""")
def test_the_place_of_a_treatment_is_told_in_the_records_words(row: dict[str, str]) -> None:
    done = procedure("local-therapy/RT/prior_local_therapy", on="2025-01-01", text="SBRT")
    done = replace(done, sites=(Site(row["organ"] or None, text=row["words"]),))
    found = find(ClinicianJudges("Well?", (Exhibit.LOCAL_THERAPY,)), done)
    assert found.reason == f"Well? Earlier local therapy: {row['told']}."


def test_a_lesion_without_a_size_is_listed_without_one() -> None:
    done = procedure("local-therapy/RT/prior_local_therapy", on="2026-09-10", organ="lung", side="left", text="SBRT")
    found = judged(ClinicianJudges("Well?", (Exhibit.PROGRESSIVE_LESIONS,)), record("lung left 20>-", done))
    assert found.reason == "Well? Lesions that progress or may: left lung (possibly)."


def test_a_condition_without_words_is_listed_by_its_evidence() -> None:
    found = find(ClinicianJudges("Well?", (Exhibit.PROBLEM_LIST,)), condition("other/X/y", ref="odd"))
    assert found.reason == "Well? Problem list: odd."


# --- an earlier scan that is no full staging ----------------------------------------------------------------


@each_row("""
    lesions                              | verdict | because
    liver 20>30                          | pass    | it shows the liver
    liver 20>30; lung left 10>10         | pass    | the lung lesion did not progress
    liver 20>30; lung left 10>20         | unknown | the lung lesion counts and is not shown
    lung left 10>20                      | unknown |
                                         | unknown |
""")
def test_an_earlier_scan_of_the_belly_counts_where_it_shows_what_counts(row: dict[str, str]) -> None:
    scans = [scan(on="2026-11-10", ref="now"), scan("CT abdomen, CT pelvis", on="2026-08-20", ref="then")]
    found = judged(PreBaselineImaging(), record(row["lesions"], *scans, scans=False))
    assert found.outcome.value == row["verdict"], found.reason
