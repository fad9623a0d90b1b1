"""Progression and the count, told: what decides, what is shown, what is asked: CRITERIA rulings 6 to 11, rows I5 to I9."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace

import build
import pytest
from build import day, measured, procedure
from lesion_tables import BASELINE, EARLIER, TODAY, case_of, record, status
from tables import each_row

from cds_service.domain.criteria import LesionCountBetween, ProgressiveDisease
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DiseaseStatus, Kind, PatientFacts
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

LOCAL = "local-therapy/radiotherapy/prior_local_therapy"
PAIR = "between 2026-08-20 and 2026-11-10"
TABLE = "lesion sizes at both scans"
RESPONSE = "response at the baseline scan"
NODES = "side and chain of each node"


def progression(patient: PatientFacts) -> Finding:
    return judge(ProgressiveDisease(), case_of(patient), AsOf(day(TODAY)))


def count(patient: PatientFacts) -> Finding:
    return judge(LesionCountBetween(1, 5), case_of(patient), AsOf(day(TODAY)))


def references(found: Finding) -> list[str]:
    return [item.reference.partition("/")[2] for item in found.evidence]


def asked(found: Finding) -> list[str]:
    return [item.what for item in found.missing]


def read(*refs: str) -> list[str]:
    return [f"size-{ref}-{on}" for ref in refs for on in (EARLIER, BASELINE)]


def radiated(on: str, organ: str = "lung", side: str | None = "left") -> object:
    return procedure(LOCAL, on=on, organ=organ, side=side, text="Radiotherapy")


# --- explicit statements on the disease as a whole ----------------------------------------------------------


def statements(text: str) -> list[DiseaseStatus]:
    """ "progressive 2026-11-10 trend imaging, stable 2026-11-12": response, day, RECIST unless "trend", evidence types."""
    found = []
    for number, part in enumerate(filter(None, text.split(", "))):
        response, on, *rest = part.split()
        trend = "trend" in rest
        types = [word for word in rest if word != "trend"]
        found.append(
            status(
                response.replace("-", " "),
                on=None if on == "undated" else on,
                recist=not trend,
                evidence_types=types,
                ref=f"s{number}",
            )
        )
    return found


@each_row("""
    statements                                                     | verdict | basis    | shown | because
    progressive 2026-11-10                                         | pass    | recorded | s0    | on the day of the baseline scan
    progressive 2026-11-22                                         | pass    | recorded | s0    | up to the day of assessment
    progressive 2026-11-23                                         | unknown | recorded |       | later does not exist yet
    progressive 2026-11-09                                         | unknown | recorded |       | before the baseline scan
    progressive 2026-11                                            | unknown | recorded | s0    | some day of the month
    progressive 2026-10                                            | unknown | recorded |       | before it altogether
    progressive undated                                            | unknown | recorded |       |
    undetermined 2026-11-10                                        | unknown | recorded |       | says nothing
    progressive 2026-11-10, undetermined 2026-11-12                | pass    | recorded | s0    | nor does it take anything back
    stable 2026-11-10                                              | unknown | recorded | s0    | one lesion may grow under it
    partial-response 2026-11-10                                    | unknown | recorded | s0    |
    not-progressive 2026-11-10                                     | unknown | recorded | s0    |
    complete-response 2026-11-10                                   | fail    | recorded | s0    |
    complete-response 2026-11-10 trend                             | fail    | derived  | s0    | no evidence of disease
    complete-response 2026-11-10 trend marker                      | unknown | recorded | s0    |
    progressive 2026-11-10 trend                                   | pass    | derived  | s0    | no evidence type stated
    progressive 2026-11-10 trend imaging                           | pass    | derived  | s0    |
    progressive 2026-11-10 trend imaging marker                    | pass    | derived  | s0    |
    progressive 2026-11-10 trend marker                            | unknown | recorded | s0    | a marker is no imaging
    progressive 2026-11-10 trend symptoms                          | unknown | recorded | s0    |
    progressive 2026-11-10 marker                                  | pass    | recorded | s0    | a RECIST response is read on scans
    progressive 2026-11-10 trend marker, progressive 2026-11-10 trend imaging | pass | derived | s1 | the one by imaging
    progressive 2026-11-10 trend marker, stable 2026-11-10         | unknown | recorded | s1    |
    progressive 2026-11-10, progressive 2026-11-10 trend           | pass    | recorded | s0 s1 | both say it
    progressive 2026-11-10, stable 2026-11-10                      | unknown | recorded | s0 s1 | they disagree
    progressive 2026-11-10, complete-response 2026-11-10           | unknown | recorded | s0 s1 |
    stable 2026-11-10, partial-response 2026-11-10                 | unknown | recorded | s0 s1 | both are no progression
    progressive 2026-11-10, stable 2026-11-12                      | unknown | recorded | s1    | the later one counts
    stable 2026-11-10, progressive 2026-11-12                      | pass    | recorded | s1    |
    progressive 2026-11-10, stable 2026-11-09                      | pass    | recorded | s0    |
""")
def test_statements_without_lesion_data(row: dict[str, str]) -> None:
    found = progression(record("", statuses=statements(row["statements"])))
    assert (found.outcome.value, found.basis.value) == (row["verdict"], row["basis"]), found.reason
    assert references(found) == row["shown"].split()


@each_row("""
    statements                                           | noted
    progressive 2026-11-10, stable 2026-11-10            | s0 s1
    stable 2026-11-10, partial-response 2026-11-10       |
    progressive 2026-11-10 trend marker                  |
    progressive 2026-11                                  |
    progressive 2026-11-10                               |
""")
def test_only_contradictions_of_one_day_are_noted(row: dict[str, str]) -> None:
    found = progression(record("", statuses=statements(row["statements"])))
    assert [note.reference.partition("/")[2] for note in found.notes] == row["noted"].split()


@each_row("""
    lesions                            | treated    | overall           | verdict | because
    liver 20>30; lung left 20>20       |            | stable            | pass    | a mixed response: one lesion grew
    liver 20>30                        |            | complete-response | unknown | the two contradict each other
    liver 20>20                        |            | progressive       | pass    | another lesion may be meant
    lung left 20>30                    | 2026-01-10 | progressive       | unknown | the growth of the treated one explains it
    lung left 20>20                    | 2026-01-10 | progressive       | pass    | the treated one did not grow
    lung left 20>30; liver 20>20       | 2026-01-10 | stable            | fail    | the other decides
    lung left 20>30; liver 20>30       | 2026-01-10 | stable            | pass    |
    lung left 20>30                    | 2026-01-10 | stable            | unknown | no other lesion is recorded
    lung left 20>30                    | 2026-09-10 | stable            | unknown | treated between the scans: possible
    liver 20>20; lung left 4>9.5       |            | stable            | unknown | a possible one keeps it from failing
    liver 20>20; bone 20>30            |            | stable            | unknown | an unknown one too
    liver 20>20; lung left 20>-        |            | stable            | unknown | not measured at the baseline scan
    lung left 20>-                     |            | complete-response | fail    | gone is what complete means
    bone 20>30                         |            | complete-response | unknown | it is still there
    lung left 4>9.5                    |            | complete-response | unknown |
    lung left 20>-                     | 2026-09-10 | complete-response | unknown | possible, whatever was measured
    liver 20>20                        |            | complete-response | fail    | a lesion that did not progress does not matter
    liver 20>20                        |            |                   | unknown | no statement
""")
def test_lesions_and_the_overall_response_together(row: dict[str, str]) -> None:
    more = [radiated(row["treated"])] if row["treated"] else []
    said = statements(f"{row['overall']} 2026-11-10" if row["overall"] else "")
    found = progression(record(row["lesions"], *more, statuses=said))
    assert found.outcome.value == row["verdict"], found.reason


# --- what is said and shown -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.OBSERVATIONS, Kind.PROCEDURES])
def test_what_could_not_be_retrieved_is_named(kind: Kind) -> None:
    patient = record("liver 20>30", not_retrieved=((kind, "timed out"),))
    assert progression(patient).reason == "Not retrieved: timed out; progression rests on it"
    assert count(patient).reason == "Not retrieved: timed out; the number of lesions rests on it"


@each_row("""
    lesions                         | overall           | verdict | notes
    liver 20>24 & 25                |                   | unknown | 2
    liver 20>24 & 25; lung left 20>30 |                 | pass    | 2
    liver 20>24 & 25                | progressive       | pass    | 2
    liver 20>24 & 25; lung left 20>30 | complete-response | unknown | 2
    liver 20>20 & 21                | stable            | fail    | 2
    liver 20>20 & 21                | complete-response | fail    | 2
    liver 20>20                     | stable            | fail    | 0
""")
def test_readings_that_disagree_are_noted_with_every_verdict(row: dict[str, str]) -> None:
    lesions, _, second = row["lesions"].partition(" & ")
    size, _, others = second.partition("; ")
    more = [measured(on=BASELINE, long=size, ref="second")] if size else []
    listed = f"{lesions}; {others}" if others else lesions
    patient = record(listed, *more, statuses=statements(f"{row['overall']} 2026-11-10" if row["overall"] else ""))
    found = progression(patient)
    assert (found.outcome.value, len(found.notes)) == (row["verdict"], int(row["notes"])), found.reason
    assert len(count(patient).notes) == int(row["notes"])


def test_growth_by_days_of_readings_says_so_in_full() -> None:
    found = progression(record("liver 20>30", scans=False))
    assert found.reason == (
        f"1 progressive lesion {PAIR}: liver (20 mm to 30 mm (+10 mm, +50 %))"
        "; two comparable scans are not recorded, the days of the readings were compared"
    )


def test_what_a_pass_shows() -> None:
    found = progression(record("liver 20>30; lung left 20>20; brain 10>16", statuses=[status("stable")]))
    assert references(found) == [*read("l1", "l3"), "status"]


def test_growth_against_a_complete_response_is_a_contradiction_told_in_full() -> None:
    found = progression(record("liver 20>30", statuses=[status("complete response")]))
    assert found.outcome.value == "unknown"
    assert found.reason == (
        f"1 progressive lesion {PAIR}: liver (20 mm to 30 mm (+10 mm, +50 %))"
        "; but the disease as a whole is stated as complete response on 2026-11-10: the records contradict each other"
    )
    assert references(found) == [*read("l1"), "status"]
    assert asked(found) == [TABLE, RESPONSE]


def test_what_an_open_verdict_shows() -> None:
    found = progression(record("bone 20>30; lung left 20>30; liver 20>20", radiated("2026-01-10")))
    assert found.reason == (
        "Progression is open: not decided for bone (20 mm to 30 mm (+10 mm, +50 %); a bone lesion cannot be judged by size alone)"
        "; no response is stated for the baseline scan; not counted after earlier local therapy: left lung (20 mm to 30 mm (+10 mm, +50 %)"
        "; had local therapy before: Radiotherapy (2026-01-10), so it does not count: for the investigator to judge)"
    )
    assert references(found) == [*read("l1", "l2"), "proc"]
    assert asked(found) == [TABLE, RESPONSE]


@each_row("""
    lesions                             | overall           | asked
                                        |                   | table, response
    liver 20>20                         |                   | response
    bone 20>30                          |                   | table, response
    bone 20>30                          | stable            | table
                                        | stable            | table
""")
def test_what_would_settle_it(row: dict[str, str]) -> None:
    said = statements(f"{row['overall']} 2026-11-10" if row["overall"] else "")
    names = {"table": TABLE, "response": RESPONSE}
    assert asked(progression(record(row["lesions"], statuses=said))) == [names[n] for n in row["asked"].split(", ")]


@each_row("""
    lesions | tail
            | ; no lesion sizes are recorded
    liver 20>20 | ; of the recorded lesions none is certainly progressive
""")
def test_a_stated_progression_says_what_is_known_of_lesions(row: dict[str, str]) -> None:
    found = progression(record(row["lesions"], statuses=[status("progressive")]))
    assert found.reason == f"Progression is stated for the baseline scan (progressive on 2026-11-10){row['tail']}"


@each_row("""
    lesion                                | title
    liver 20>30                           | liver
    lung left 20>30                       | left lung
    lung bilateral 20>30                  | bilateral lung
    small_intestine 20>30                 | small intestine
    node hilar left 10>16                 | left hilar node
    node internal_mammary* right 10>16    | right internal mammary node
    node inguinal_femoral 10>16           | inguinal femoral node
    node unspecified left 10>16           | left lymph node, chain not recorded
    node unspecified 10>16                | lymph node, chain not recorded
    lymph_node 10>16                      | lymph node
    ? 20>30 nodule                        | BodyStructure/l1
""")
def test_what_a_lesion_is_called(row: dict[str, str]) -> None:
    lesion = row["lesion"]
    patient = record(lesion)
    if lesion.startswith("lymph_node"):
        short = [replace(m, long_axis_mm=None, short_axis_mm=m.long_axis_mm) for m in patient.measurements]
        patient = replace(patient, measurements=tuple(short))
    size = "10 mm to 16 mm" if "10>16" in lesion else "20 mm to 30 mm"
    assert progression(patient).reason.startswith(f"1 progressive lesion {PAIR}: {row['title']} ({size}")


# --- the count ------------------------------------------------------------------------------------------------


SIX = "; ".join(f"liver {size}>{size + 10}" for size in range(20, 26))
FIVE = "; ".join(f"liver {size}>{size + 10}" for size in range(20, 25))
THREE = "; ".join(f"liver {size}>{size + 10}" for size in range(20, 23))
FOUR = "; ".join(f"liver {size}>{size + 10}" for size in range(20, 24))
OPEN_SIDES = f"{FOUR}; node axillary 10>16; node axillary 11>17"


@pytest.mark.parametrize(
    ("lesions", "verdict", "shown", "missing"),
    [
        ("", "unknown", [], [TABLE]),
        ("lung left 20>20", "unknown", [], [TABLE]),
        ("lung left 20>20; bone 20>30", "unknown", read("l2"), ["state of BodyStructure/l2"]),
        ("lung left 20>20; liver 20>30", "pass", read("l2"), []),
        (f"{SIX}; lung left 20>20", "fail", read("l1", "l2", "l3", "l4", "l5", "l6"), []),
        (
            f"{FIVE}; bone 20>30; lung left 20>20",
            "unknown",
            read("l1", "l2", "l3", "l4", "l5", "l6"),
            ["state of BodyStructure/l6"],
        ),
        (OPEN_SIDES, "unknown", read("l1", "l2", "l3", "l4", "l5", "l6"), [NODES]),
        (
            "node hilar bilateral 10>16; node axillary bilateral 10>16; node supraclavicular bilateral 10>16",
            "unknown",
            read("l1", "l2", "l3"),
            ["how nodal stations count"],
        ),
    ],
)
def test_what_the_count_shows_and_asks(lesions: str, verdict: str, shown: list[str], missing: list[str]) -> None:
    found = count(record(lesions, primary="RCC"))
    assert (found.outcome.value, references(found), asked(found)) == (verdict, shown, missing), found.reason
    assert found.basis.value == "recorded"


def test_no_lesion_with_an_explicit_statement_shows_it() -> None:
    found = count(record("liver 20>20", statuses=[status("stable")]))
    assert (found.outcome.value, found.basis.value) == ("fail", "recorded")
    assert references(found) == [*read("l1"), "status"]


@each_row("""
    nodes                                               | named
    node axillary 10>16; node axillary 11>17            | axillary node, axillary node
    node axillary left 10>16; node axillary 11>17       | axillary node
""")
def test_nodes_whose_side_is_open_are_named(row: dict[str, str]) -> None:
    lesions = f"{FOUR}; {row['nodes']}; bone 20>20"
    found = count(record(lesions, primary="RCC"))
    assert found.outcome.value == "unknown", found.reason
    head, _, listed = found.reason.partition("; side, chain or category open for ")
    assert head.endswith("progressive lesions (needs 1 to 5)")
    assert [part.rpartition(", ")[2] for part in listed.split(" (1")[:-1]] == row["named"].split(", ")


def test_nodes_whose_category_is_open_are_named_and_others_are_not() -> None:
    """Prostate: a plain iliac node is of unknown category; the hilar node only may have grown, the axillary is distant."""
    nodes = "node iliac left 10>16; node iliac right 10>16; node hilar left 9>14.5; node axillary left 10>16"
    found = count(record(f"{THREE}; {nodes}", primary="PROSTATE"))
    assert (found.outcome.value, found.reason[:24]) == ("unknown", "5 to 7 progressive lesio")
    _, _, listed = found.reason.partition("; side, chain or category open for ")
    assert [part.rpartition(", ")[2] for part in listed.split(" (1")[:-1]] == ["left iliac node", "right iliac node"]


def test_a_count_that_only_depends_on_lesions_names_no_nodes() -> None:
    found = count(record(f"{FIVE}; bone 20>30", primary="RCC"))
    assert found.reason.endswith("a bone lesion cannot be judged by size alone)"), found.reason
    assert "; it depends on bone (20 mm to 30 mm" in found.reason


@each_row("""
    lesions                                   | tail
    lung left 20>30; liver 20>30              | yes
    lung right 20>30; liver 20>30             | no
""")
def test_lesions_treated_before_are_told_with_the_count(row: dict[str, str]) -> None:
    found = count(record(row["lesions"], radiated("2026-01-10")))
    told = "; not counted after earlier local therapy: left lung (20 mm to 30 mm"
    assert found.outcome.value == "pass"
    assert (told in found.reason) is (row["tail"] == "yes")


@each_row("""
    said on    | verdict
    2026-11-10 | pass
    2026-11-09 | unknown
""")
def test_a_statement_is_anchored_to_the_latest_scan_where_no_reading_has_a_day(row: dict[str, str]) -> None:
    chest = build.scan("CT chest", on="2026-11-10")
    undated = [build.lesion("liver", ref="l1"), measured(lesion="l1", on=None, long=20)]
    said = [status("progressive", on=row["said on"])]
    assert progression(record("", chest, *undated, scans=False, statuses=said)).outcome.value == row["verdict"]
