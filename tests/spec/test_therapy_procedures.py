"""Systemic therapy recorded as a procedure: typed by hand from CRITERIA E7, ruling 16 and the clarifications.

A procedure may be a line and is never a certain one. What names its drug is a possible line of that drug; what
names none leaves the history open, unless a drug of the same time says what it was.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from build import drug, evidence, facts, meanings, procedure, therapy_rules, when
from tables import each_row

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.facts import Procedure
from cds_service.domain.procedural_therapy import ProceduralTherapy, read_procedural_therapy
from cds_service.domain.therapy import TherapySummary, read_therapy
from cds_service.domain.truth import Truth

RULES = therapy_rules(intolerance_groups=frozenset({"not_tolerated"}))
CANCER = CancerPicture(types=frozenset({"CRC"}), since=when("2025-01-01"))
CHEMOTHERAPY = "systemic-therapy/SYSTEMIC/not-named"
RADIONUCLIDE = "local-therapy/RLT/radiopharmaceutical"


def summary(*found: object) -> TherapySummary:
    told = read_therapy(facts(*found), CANCER, RULES).summary
    assert told is not None
    return told


def counted(*found: object) -> tuple[int, int]:
    told = summary(*found)
    return told.lines_min, told.lines_max


def dated(code: str, start: str | None, end: str | None, *, completed: bool = True) -> Procedure:
    return Procedure(evidence("Procedure/proc"), meanings([code]), "", when(start), when(end), completed)


@each_row("""
    code                                          | done | lines | agent             | why
    local-therapy/RLT/radiopharmaceutical         | yes  | 1     | radiopharmaceutical | given, drug not named
    local-therapy/RLT/radiopharmaceutical         | no   | 0     |                   | not done to its end
    local-therapy/RT/prior_local_therapy          | yes  | 0     |                   | radiotherapy is local
    agent/irinotecan/chemo                        | yes  | 1     | irinotecan        | the drug is named
    systemic-therapy/SYSTEMIC/not-named           | yes  | 1     | drug not named    | chemotherapy, and no more
    effusion/MALIGNANT_EFFUSION/exclude           | yes  | 0     |                   | no therapy at all
""")
def test_which_procedures_may_be_a_line_and_of_what(row: dict[str, str]) -> None:
    told = summary(dated(row["code"], "2025-03-10", None, completed=row["done"] == "yes"))
    assert (told.lines_min, told.lines_max) == (0, int(row["lines"]))
    assert [line.agents for line in told.lines] == ([(row["agent"],)] if row["agent"] else [])


@each_row("""
    start      | end        | from       | until      | why
    2025-03-10 |            | 2025-03-10 | 2025-03-10 | one day
    2025-03-10 | 2025-05-20 | 2025-03-10 | 2025-05-20 | a course
               | 2025-05-20 | 2025-05-20 | 2025-05-20 | only its end is recorded
""")
def test_when_a_procedure_was_a_line(row: dict[str, str]) -> None:
    (line,) = summary(dated("agent/irinotecan/chemo", row["start"] or None, row["end"] or None)).lines
    assert (line.start, line.end) == (row["from"], row["until"])


@pytest.mark.parametrize("code", [CHEMOTHERAPY, RADIONUCLIDE, "agent/irinotecan/chemo"])
def test_a_procedure_makes_no_line_certain(code: str) -> None:
    told = read_procedural_therapy([procedure(code, on="2025-03-10")], [], 28)
    assert [treatment.certain for treatment in told.dated] == [False]
    assert counted(procedure(code, on="2025-03-10")) == (0, 1)
    assert counted(procedure(code, on=None)) == (0, 1)


def test_no_procedure_adds_nothing() -> None:
    assert read_procedural_therapy([], [], 28) == ProceduralTherapy()
    assert counted(drug("oxaliplatin", on="2025-01-10")) == (1, 1)


@each_row("""
    code                    | most | why
    agent/docetaxel/taxane  | 1    | of the class that was not tolerated: in its place
    agent/irinotecan/chemo  | 2    | of another class: perhaps a new line
    agent/docetaxel/chemo   | 2    | the class is the table's, not the name
""")
def test_a_drug_named_by_a_procedure_may_stand_for_one_not_tolerated(row: dict[str, str]) -> None:
    stopped = drug("paclitaxel", on="2025-01-10", until="2025-02-10", of="taxane", stopped="not_tolerated")
    assert counted(stopped, procedure(row["code"], on="2025-03-20")) == (1, int(row["most"]))


@each_row("""
    named first            | named second           | unnamed | undated | most
    2025-03-10 chemo       | 2025-09-10 chemo       | 2       | 0       | 2
    2025-03-10 chemo       | chemo                  | 2       | 1       | 2
    chemo                  | chemo                  | 2       | 2       | 2
    2025-03-10 irinotecan  | 2025-09-10 chemo       | 1       | 0       | 2
    2025-03-10 irinotecan  | irinotecan             | 0       | 1       | 2
""")
def test_procedures_without_drug_or_date(row: dict[str, str]) -> None:
    codes = {"chemo": CHEMOTHERAPY, "irinotecan": "agent/irinotecan/chemo"}
    given = []
    for ref in ("named first", "named second"):
        *on, what = row[ref].split()
        given.append(procedure(codes[what], on=on[0] if on else None, ref=ref))
    told = read_procedural_therapy(given, [], 28)
    assert (len(told.unnamed), told.undated) == (int(row["unnamed"]), int(row["undated"]))
    assert counted(*given) == (0, int(row["most"]))


@each_row("""
    procedure           | covers  | why
    2025-03-10          | unknown | nobody can say how many lines it was
    2024-06-01          | true    | before the metastasis: of the primary
    2024-12-02          | unknown | 30 days before the metastasis, 44 before the drug
                        | unknown | no date
""")
def test_a_chemotherapy_of_no_name_leaves_the_history_open(row: dict[str, str]) -> None:
    running = drug("oxaliplatin", on="2025-01-15", until="2025-01-16")
    told = read_therapy(facts(running, procedure(CHEMOTHERAPY, on=row["procedure"] or None)), CANCER, RULES)
    assert told.covers is Truth(row["covers"])


@each_row("""
    classes            | unnamed | why
    chemo              | 0       | the drug says what it was
    supportive         | 1       | an antiemetic does not
    supportive+chemo   | 0       | a chemotherapy with its antiemetic
""")
def test_which_drugs_say_what_a_chemotherapy_was(row: dict[str, str]) -> None:
    beside = drug("one", on="2025-03-10", of=row["classes"])
    told = read_procedural_therapy([procedure(CHEMOTHERAPY, on="2025-03-10")], [beside], 28)
    assert len(told.unnamed) == int(row["unnamed"])
    ended = replace(beside, start=when("2025-03"), end=when("2025-04"))
    later = read_procedural_therapy([procedure(CHEMOTHERAPY, on="2025-05-28")], [ended], 28)
    assert len(later.unnamed) == int(row["unnamed"])
    too_late = read_procedural_therapy([procedure(CHEMOTHERAPY, on="2025-05-29")], [ended], 28)
    assert len(too_late.unnamed) == 1
