"""What exclusions, performance, opinions and the lesion count say: typed by hand from CRITERIA E1 to E9, I3 to I8."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import condition, day, disease_rules, ecog, facts, karnofsky, lesion, measured, person, procedure, scan
from lesion_tables import TODAY, case_of, record
from lesion_tables import status as disease_status
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import (
    AgeAtLeast,
    ClinicianJudges,
    Exhibit,
    LesionCountBetween,
    NoActiveCondition,
    NotKnownDead,
    Outcome,
    PerformanceAtMost,
    ProgressiveDisease,
    Rule,
)
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, PatientFacts, Site
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

EFFUSION = NoActiveCondition(
    "effusion",
    {"exclude": Outcome.FAIL, "ask": Outcome.REVIEW, "open": Outcome.UNKNOWN},
    {"ask": "whether it is malignant is not stated"},
    ("dural", "dura mater"),
)
ECOG = PerformanceAtMost(ecog=2, within_days=90, karnofsky_passes_from=70, karnofsky_fails_to=40)


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    case = Case(facts(*found, **more).known_on(AsOf(day(TODAY))), disease_rules(), frozenset({"CRC"}))
    return judge(rule, case, AsOf(day(TODAY)))


def references(found: Finding) -> list[str]:
    return [item.reference.partition("/")[2] for item in found.evidence]


def asked(found: Finding) -> list[tuple[str, str, str, str]]:
    return [(item.what, item.how, str(item.opens or ""), str(item.closes or "")) for item in found.missing]


def noted(found: Finding) -> list[tuple[str, str]]:
    return [(note.reference, note.problem) for note in found.notes]


# --- conditions -----------------------------------------------------------------------------------------


@each_row("""
    use     | status   | verified    | since      | text           | verdict | reason
    exclude | active   | confirmed   |            | Effusion       | fail    | Effusion
    exclude | active   | confirmed   | 2026-10-01 | Effusion       | fail    | Effusion since 2026-10-01
    exclude | active   | provisional | 2026-10-01 | Effusion       | review  | Effusion since 2026-10-01 (recorded as provisional)
    exclude | resolved | confirmed   | 2026-10-01 | Effusion       | pass    | Effusion (recorded as resolved)
    exclude | active   | confirmed   |            | Dural effusion | review  | Dural effusion (documented as "dural")
    exclude | active   | confirmed   |            | (dural) spread | review  | (dural) spread (documented as "dural")
    exclude | active   | confirmed   |            | Subdural fluid | fail    | Subdural fluid
    exclude | active   | confirmed   |            | At dura, mater | review  | At dura, mater (documented as "dura mater")
    exclude | active   | confirmed   |            | Dura           | fail    | Dura
    ask     | active   | confirmed   |            | Effusion       | review  | Effusion (whether it is malignant is not stated)
    ask     | active   | provisional |            | Effusion       | review  | Effusion (whether it is malignant is not stated; recorded as provisional)
    ask     | inactive | provisional |            | Effusion       | pass    | Effusion (recorded as inactive)
    open    | active   | confirmed   |            | Effusion       | unknown | Effusion
    info    | active   | confirmed   |            | Effusion       | pass    | Effusion (for information)
    info    | active   | confirmed   | 2026-10-01 | Effusion       | pass    | Effusion since 2026-10-01 (for information)
""")
def test_one_condition_in_words(row: dict[str, str]) -> None:
    recorded = condition(
        f"effusion/E/{row['use']}",
        ref="e",
        text=row["text"],
        status=row["status"],
        verified=row["verified"],
        onset=row["since"] or None,
    )
    found = find(EFFUSION, recorded)
    assert (found.outcome.value, found.reason) == (row["verdict"], row["reason"])
    assert references(found) == ["e"]


def test_a_condition_by_words_or_ended_without_a_status() -> None:
    words = find(EFFUSION, condition("effusion/E/exclude", ref="w", text="Fluid", text_only=True))
    assert (words.outcome.value, words.reason) == ("review", "Fluid (known by its words only)")
    ended = find(EFFUSION, condition("effusion/E/exclude", ref="w", text="Fluid", status=None, abated="2026-01-01"))
    assert (ended.outcome.value, ended.reason) == ("pass", "Fluid (recorded as ended)")
    untitled = find(EFFUSION, condition("effusion/E/exclude", ref="w", note="a doubt"))
    assert untitled.reason == "w (a doubt)"


def test_the_words_of_the_site_count_too() -> None:
    recorded = condition("effusion/E/exclude", ref="w", text="Spread", site=Site(text="dura mater of brain"))
    assert find(EFFUSION, recorded).outcome is Outcome.REVIEW


def test_the_gravest_conditions_are_told_each_once() -> None:
    def one(use: str, ref: str, text: str = "Effusion") -> Any:
        return condition(f"effusion/E/{use}", ref=ref, text=text)

    found = find(EFFUSION, one("exclude", "a"), one("exclude", "b"), one("exclude", "c", "Other"), one("ask", "d"))
    assert (found.outcome.value, found.reason) == ("fail", "Effusion; Other")
    assert references(found) == ["a", "b", "c"]
    assert find(EFFUSION, one("ask", "a"), one("open", "b")).outcome is Outcome.REVIEW
    assert find(EFFUSION, one("info", "a"), one("open", "b")).outcome is Outcome.UNKNOWN
    both = condition("effusion/E/info", "effusion/E/exclude", ref="both", text="Both")
    assert find(EFFUSION, both).outcome is Outcome.FAIL


# --- alive, age, performance --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deceased", "died", "verdict", "reason", "shown"),
    [
        (None, "2026-11-01", "fail", "Recorded as deceased (2026-11-01)", [("Patient/p1", "2026-11-01", "Deceased")]),
        (False, "2026-11-01", "fail", "Recorded as deceased (2026-11-01)", [("Patient/p1", "2026-11-01", "Deceased")]),
        (True, None, "fail", "Recorded as deceased", [("Patient/p1", None, "Deceased")]),
        (None, None, "pass", "No death is recorded", None),
        (False, None, "pass", "Recorded as not deceased", None),
    ],
)
def test_who_has_died(
    deceased: bool | None, died: str | None, verdict: str, reason: str, shown: list[tuple[str, str | None, str]] | None
) -> None:
    found = find(NotKnownDead(), of=person(deceased=deceased, died=died))
    assert (found.outcome.value, found.reason) == (verdict, reason)
    if shown is not None:
        assert [(item.reference, item.date, item.text) for item in found.evidence] == shown


@pytest.mark.parametrize(
    ("born", "basis", "reason", "shown", "missing"),
    [
        ("1960-11-22", "recorded", "Aged 66 (needs 18 or more)", [("1960-11-22", "Born 1960-11-22")], []),
        ("1960-11-23", "recorded", "Aged 65 (needs 18 or more)", [("1960-11-23", "Born 1960-11-23")], []),
        ("2020-01-01", "recorded", "Aged 6 (needs 18 or more)", [("2020-01-01", "Born 2020-01-01")], []),
        (
            "2027-01-01",
            "recorded",
            "Born 2027-01-01, after the day of assessment",
            [("2027-01-01", "Born 2027-01-01")],
            [],
        ),
        (
            "2008",
            "recorded",
            "Born 2008: aged 17 or 18 (needs 18 or more)",
            [("2008", "Born 2008")],
            [("birth date", "record the exact date of birth", "", "")],
        ),
        (None, "no_record", "No birth date is recorded", [], [("birth date", "record the date of birth", "", "")]),
    ],
)
def test_the_age_in_words(
    born: str | None, basis: str, reason: str, shown: list[tuple[str, str]], missing: list[tuple[str, str, str, str]]
) -> None:
    found = find(AgeAtLeast(18), of=person(born=born))
    assert (found.basis.value, found.reason, asked(found)) == (basis, reason, missing)
    assert [(item.date, item.text) for item in found.evidence] == shown


@pytest.mark.parametrize(
    ("found", "verdict", "reason", "shown"),
    [
        ([ecog(2, on="2026-11-10")], "pass recorded", "ECOG 2 on 2026-11-10 (needs 2 or less)", "ecog"),
        ([ecog(3, on="2026-11-10")], "fail recorded", "ECOG 3 on 2026-11-10 (needs 2 or less)", "ecog"),
        (
            [ecog(2, on="2026-11-10", preliminary=True)],
            "pass recorded",
            "ECOG 2 on 2026-11-10 (preliminary) (needs 2 or less)",
            "ecog",
        ),
        (
            [karnofsky(70, on="2026-11-10")],
            "pass derived",
            "Karnofsky 70 on 2026-11-10 (no ECOG score; 70 or more stands for ECOG 2 or less)",
            "kps",
        ),
        (
            [karnofsky(40, on="2026-11-10")],
            "fail derived",
            "Karnofsky 40 on 2026-11-10 (no ECOG score; 70 or more stands for ECOG 2 or less)",
            "kps",
        ),
        (
            [karnofsky(50, on="2026-11-10")],
            "unknown derived",
            "Karnofsky 50 on 2026-11-10 (no ECOG score; 70 or more stands for ECOG 2 or less)",
            "kps",
        ),
        (
            [karnofsky(69, on="2026-11-10")],
            "unknown derived",
            "Karnofsky 69 on 2026-11-10 (no ECOG score; 70 or more stands for ECOG 2 or less)",
            "kps",
        ),
        (
            [karnofsky(41, on="2026-11-10")],
            "unknown derived",
            "Karnofsky 41 on 2026-11-10 (no ECOG score; 70 or more stands for ECOG 2 or less)",
            "kps",
        ),
        ([ecog(2, on="2026-08-24")], "pass recorded", "ECOG 2 on 2026-08-24 (needs 2 or less)", "ecog"),
        ([ecog(2, on="2026-08-23")], "unknown recorded", "ECOG 2 on 2026-08-23 is older than 90 days", "ecog"),
        (
            [ecog(2, on="2026-08")],
            "unknown recorded",
            "ECOG 2 on 2026-08: its date leaves open whether it is the latest within 90 days",
            "ecog",
        ),
        (
            [ecog(2, on="2026-11-10", ref="a"), ecog(3, on="2026-11", ref="b")],
            "unknown recorded",
            "ECOG 3 on 2026-11: its date leaves open whether it is the latest within 90 days",
            "b a",
        ),
        (
            [ecog(1, on="2026-11-10", ref="a"), ecog(2, on="2026-11", ref="b")],
            "pass recorded",
            "ECOG 2 on 2026-11 (needs 2 or less)",
            "b a",
        ),
        ([], "unknown no_record", "No performance status with a score and a date is recorded", ""),
        (
            [ecog(1, on=None)],
            "unknown no_record",
            "No performance status with a score and a date is recorded",
            "ecog",
        ),
    ],
)
def test_performance_in_words(found: list[object], verdict: str, reason: str, shown: str) -> None:
    judged = find(ECOG, *found)
    assert (judged.outcome.value, judged.basis.value, judged.reason) == (*verdict.split(), reason)
    assert references(judged) == shown.split()
    now = [("ECOG performance status", "a score within 90 days", "2026-08-24", "2026-11-22")]
    assert asked(judged) == (now if judged.outcome is Outcome.UNKNOWN else [])


def test_scores_of_one_day_and_unreadable_ones_are_noted() -> None:
    found = find(
        ECOG,
        ecog(1, on="2026-11-10", ref="a"),
        ecog(3, on="2026-11-10", ref="b"),
        ecog(None, on="2026-11-11", ref="c", problem="not a score"),
        ecog(None, on="2026-11-12", ref="d"),
    )
    assert (found.outcome.value, found.reason) == ("fail", "ECOG 3 on 2026-11-10 (needs 2 or less)")
    assert noted(found) == [
        ("Observation/d", "no score recorded"),
        ("Observation/c", "not a score"),
        ("Observation/b", "ECOG scores of one day disagree; the worse one decides"),
    ]
    low = find(ECOG, karnofsky(80, on="2026-11-10", ref="a"), karnofsky(40, on="2026-11-10", ref="b"))
    assert noted(low) == [("Observation/b", "Karnofsky scores of one day disagree; the worse one decides")]
    alone = find(ECOG, ecog(None, on="2026-11-11", ref="c", problem="not a score"), ecog(None, on=None, ref="d"))
    assert noted(alone) == [("Observation/c", "not a score"), ("Observation/d", "no date recorded")]


def test_performance_not_retrieved() -> None:
    found = find(ECOG, not_retrieved=((Kind.OBSERVATIONS, "timed out"),))
    assert (found.outcome.value, found.basis.value, found.reason) == (
        "unknown",
        "no_record",
        "Not retrieved: timed out",
    )
    assert asked(found)[0][0] == "ECOG performance status"


# --- opinions ---------------------------------------------------------------------------------------------------


def opinion(*exhibits: Exhibit, moot: bool = False) -> ClinicianJudges:
    return ClinicianJudges("Can it be treated?", exhibits, moot)


LOCAL = "local-therapy/RT/prior_local_therapy"


@pytest.mark.parametrize(
    ("found", "words", "shown"),
    [
        ([], "No earlier local therapy is recorded", ""),
        ([procedure(LOCAL, on="2025-01-01", text="SBRT")], "Earlier local therapy: SBRT (2025-01-01)", "proc"),
        ([procedure(LOCAL, on=None, text="SBRT")], "Earlier local therapy: SBRT", "proc"),
        ([procedure(LOCAL, on=None, text="SBRT", organ="liver")], "Earlier local therapy: SBRT of liver", "proc"),
        (
            [procedure(LOCAL, on=on, text="SBRT", ref=on) for on in ("2025-01-01", "2025-01-02")],
            "Earlier local therapy: SBRT (2 times, last 2025-01-02)",
            "2025-01-02 2025-01-01",
        ),
        (
            [procedure(LOCAL, on=None, text="SBRT", ref=ref) for ref in ("a", "b")],
            "Earlier local therapy: SBRT (2 times)",
            "a b",
        ),
        ([procedure("other/X/y", on="2025-01-01", text="Sewing")], "No earlier local therapy is recorded", ""),
        (
            [replace(procedure(LOCAL, on="2025-01-01", text="SBRT"), completed=False)],
            "No earlier local therapy is recorded",
            "",
        ),
    ],
)
def test_earlier_local_therapy_is_shown(found: list[object], words: str, shown: str) -> None:
    judged = find(opinion(Exhibit.LOCAL_THERAPY), *found)
    assert (judged.outcome.value, judged.reason) == ("review", f"Can it be treated? {words}.")
    assert references(judged) == shown.split()


@pytest.mark.parametrize(
    ("exhibit", "kind", "words"),
    [
        (Exhibit.LOCAL_THERAPY, Kind.PROCEDURES, "Procedures not retrieved (timed out)."),
        (Exhibit.PROBLEM_LIST, Kind.CONDITIONS, "Problem list not retrieved (timed out)."),
        (Exhibit.PROGRESSIVE_LESIONS, Kind.LESIONS, "not retrieved (timed out)."),
        (Exhibit.PROGRESSIVE_LESIONS, Kind.OBSERVATIONS, "not retrieved (timed out)."),
    ],
)
def test_an_exhibit_that_was_not_retrieved_says_so(exhibit: Exhibit, kind: Kind, words: str) -> None:
    found = find(opinion(exhibit), not_retrieved=((kind, "timed out"),))
    assert found.reason == f"Can it be treated? {words}"


def test_lesions_are_shown_with_side_place_size_and_doubt() -> None:
    pair = [scan(on="2026-08-20", ref="then"), scan(on="2026-11-10", ref="now")]
    one = [
        lesion("lung", ref="a", side="left"),
        measured(lesion="a", on="2026-08-20", long=20),
        measured(lesion="a", on="2026-11-10", long="30.5"),
    ]
    two = [
        lesion(None, ref="b", chain="mediastinal"),
        measured(lesion="b", on="2026-08-20", short=8),
        measured(lesion="b", on="2026-11-10", short=14),
    ]
    still = [
        lesion("liver", ref="c"),
        measured(lesion="c", on="2026-08-20", long=20),
        measured(lesion="c", on="2026-11-10", long=20),
    ]
    found = find(opinion(Exhibit.PROGRESSIVE_LESIONS), *pair, *one, *two, *still)
    assert found.reason.startswith("Can it be treated? Lesions that progress or may: ")
    assert "left lung 30.5 mm" in found.reason
    assert "mediastinal lymph node 14 mm (possibly)" in found.reason
    assert "liver" not in found.reason


def test_contraception_on_record_of_any_kind() -> None:
    means = "childbearing/CONTRACEPTION/contraception"
    found = find(
        opinion(Exhibit.CONTRACEPTION),
        condition(means, ref="c", text="IUD in place"),
        procedure(means, on="2025-01-01", text="IUD put in"),
        condition("childbearing/X/not_wocbp", ref="x", text="Something else"),
    )
    assert found.reason == "Can it be treated? Recorded: IUD in place, IUD put in."
    assert references(found) == ["c", "proc"]


def test_a_sterility_makes_the_question_moot_with_its_doubt() -> None:
    sure = condition("childbearing/S/not_wocbp", ref="s", text="Uterus removed")
    doubt = condition("childbearing/S/not_wocbp", ref="s", text="Tubes tied", note="side not stated")
    assert find(opinion(moot=True), sure).reason == "Not applicable: sterile by record"
    assert find(opinion(moot=True), doubt).reason == "Not applicable: sterile by record (side not stated)"
    assert references(find(opinion(moot=True), sure)) == ["s"]
    assert find(opinion(moot=False), sure).outcome is Outcome.REVIEW


# --- progression and count ------------------------------------------------------------------------------------------


def progression(patient: PatientFacts) -> Finding:
    return judge(ProgressiveDisease(), case_of(patient), AsOf(day(TODAY)))


def count(patient: PatientFacts) -> Finding:
    return judge(LesionCountBetween(1, 5), case_of(patient), AsOf(day(TODAY)))


PAIR = "between 2026-08-20 and 2026-11-10"


@pytest.mark.parametrize(
    ("lesions", "overall", "verdict", "starts", "contains"),
    [
        ("liver 20>30; adrenal left 20>20", "", "pass", f"1 progressive lesion {PAIR}: ", "20 mm to 30 mm"),
        ("liver 20>30; lung left 10>20", "", "pass", f"2 progressive lesions {PAIR}: ", ""),
        (
            "liver 20>30; lung left 10>10",
            "stable",
            "pass",
            f"1 progressive lesion {PAIR}: ",
            "; mixed response: the disease as a whole is stated as stable on 2026-11-10",
        ),
        ("", "progressive", "pass", "Progression is stated for the baseline scan (progressive on 2026-11-10)", ""),
        (
            "liver 20>20",
            "complete response",
            "fail",
            "Complete response is stated for the baseline scan (complete response on 2026-11-10)",
            "",
        ),
        (
            "liver 20>20; lung left 10>10",
            "stable",
            "fail",
            f"None of 2 lesions progressed {PAIR}, and the baseline scan is stated as stable on 2026-11-10",
            "",
        ),
        (
            "liver 20>20",
            "stable",
            "fail",
            f"None of 1 lesion progressed {PAIR}, and the baseline scan is stated as stable on 2026-11-10",
            "",
        ),
        (
            "liver 20>20; lung left 10>10",
            "",
            "unknown",
            f"Progression is open: none of 2 recorded lesions progressed {PAIR}; no response is stated for the baseline scan",
            "",
        ),
        (
            "",
            "",
            "unknown",
            "Progression is open: no lesion is recorded at two scans; no response is stated for the baseline scan",
            "",
        ),
        (
            "",
            "stable",
            "unknown",
            "Progression is open: no lesion is recorded at two scans; the baseline scan is stated as stable on 2026-11-10",
            "",
        ),
        (
            "lung left 4>9.5; liver 20>20",
            "stable",
            "unknown",
            "Progression is open: not decided for ",
            "; the baseline scan is stated as stable on 2026-11-10",
        ),
        (
            "",
            "complete response",
            "fail",
            "Complete response is stated for the baseline scan (complete response on 2026-11-10)",
            "",
        ),
    ],
)
def test_progression_in_words(lesions: str, overall: str, verdict: str, starts: str, contains: str) -> None:
    statuses = [disease_status(overall)] if overall else []
    found = progression(record(lesions, statuses=statuses))
    assert found.outcome.value == verdict, found.reason
    assert found.reason.startswith(starts), found.reason
    assert contains in found.reason
    if overall and verdict in ("pass", "fail"):
        assert "Observation/status" in [item.reference for item in found.evidence]


@each_row("""
    lesions                                          | verdict | starts
    liver 20>30                                      | pass    | 1 progressive lesion (needs 1 to 5)
    liver 20>30; lung left 10>20                     | pass    | 2 progressive lesions (needs 1 to 5)
    lung left 4>9.5                                  | unknown | 0 to 1 progressive lesions (needs 1 to 5); it depends on
    liver 20>30; lung left 4>9.5; liver 20>20        | pass    | 1 to 2 progressive lesions (needs 1 to 5)
                                                     | unknown | No lesion is recorded, so progressive lesions cannot be counted
    liver 20>20                                      | unknown | No recorded lesion is progressive, and that there is none is not certain
""")
def test_the_count_in_words(row: dict[str, str]) -> None:
    found = count(record(row["lesions"]))
    assert found.outcome.value == row["verdict"], found.reason
    assert found.reason.startswith(row["starts"]), found.reason


@each_row("""
    lesions                      | overall           | asked
                                 |                   | lesion table, response
                                 | stable            | lesion table
    liver 20>20                  |                   | response
    lung left 4>9.5              |                   | lesion table, response
    lung left 4>9.5              | stable            | lesion table
    lung left 4>9.5              | complete response | lesion table
    liver 20>20                  | marker            | response
""")
def test_what_would_settle_progression(row: dict[str, str]) -> None:
    statuses = [disease_status(row["overall"])] if row["overall"] and row["overall"] != "marker" else []
    if row["overall"] == "marker":
        statuses = [disease_status("progressive", recist=False, evidence_types=["marker"])]
    found = progression(record(row["lesions"], statuses=statuses))
    assert found.outcome is Outcome.UNKNOWN, found.reason
    kinds = ["lesion table" if "lesion" in item.what else "response" for item in found.missing]
    assert ", ".join(kinds) == row["asked"], found.missing


def test_a_response_that_is_unclear_says_why() -> None:
    def told(*statuses: Any) -> str:
        return progression(record("", statuses=statuses)).reason

    marker = disease_status("progressive", recist=False, evidence_types=["symptoms", "marker"])
    assert told(marker).endswith(
        "stated as progressive on 2026-11-10, but it rests on marker, symptoms, not on imaging"
    )
    month = disease_status("progressive", on="2026-11")
    assert told(month).endswith(
        "stated as progressive on 2026-11, but its date does not tell whether it follows the baseline scan"
    )
    both = (disease_status("progressive", ref="a"), disease_status("stable", ref="b"))
    assert told(*both).endswith("on 2026-11-10, but statements of that day disagree")
    found = progression(record("", statuses=both))
    problem = "statements on the disease of one day disagree"
    assert noted(found) == [("Observation/a", problem), ("Observation/b", problem)]
    before = disease_status("progressive", on="2026-11-09")
    assert told(before).endswith("no response is stated for the baseline scan")


def test_lesions_or_observations_that_were_not_retrieved() -> None:
    for kind in (Kind.LESIONS, Kind.OBSERVATIONS):
        patient = record("liver 20>30", not_retrieved=((kind, "timed out"),))
        for found in (progression(patient), count(patient)):
            assert found.outcome is Outcome.UNKNOWN
            assert "timed out" in found.reason
            assert [item.what for item in found.missing] != []


def test_no_progressive_lesion_fails_the_count_with_its_reason() -> None:
    found = count(record("liver 20>20; lung left 10>10", statuses=[disease_status("stable")]))
    assert found.outcome is Outcome.FAIL
    assert found.reason == (
        f"No progressive lesion: none of 2 lesions progressed {PAIR}, and the baseline scan is stated as stable on 2026-11-10"
    )
    assert "Observation/status" in [item.reference for item in found.evidence]


def test_too_many_lesions_fail_the_count_and_are_listed() -> None:
    found = count(record("; ".join(f"liver {size}>{size + 10}" for size in range(20, 26))))
    assert found.outcome is Outcome.FAIL
    assert found.reason.startswith("6 progressive lesions, more than 5: liver (20 mm to 30 mm")
    assert len(found.evidence) >= 12
