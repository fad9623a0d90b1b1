"""Who is on the trial already, and which drug is new. One row, one situation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from build import disease_rules

from cds_service.domain.dates import parse_partial_date
from cds_service.domain.facts import Evidence, Medication, MedicationSource, PatientFacts, Person, StudySubject
from cds_service.domain.trials import Trial
from cds_service.screening.speaking import Ordering, SpeakingRules, is_subject, only_new

TRIAL = Trial("extend-op", "1", "A trial", "EXTEND-OP", "NCT06367972", "https://registry.example", (), disease_rules())
AS_OF = date(2026, 11, 22)

# how the record names the study | state of the subject | on the trial
SUBJECTS = """
NCT06367972                                   | on-study              | yes
nct06367972                                   | on-study              | yes
ResearchStudy/NCT06367972                     | on-study              | yes
https://clinicaltrials.gov/study/NCT06367972  | screening             | yes
EXTEND-OP                                     | candidate             | yes
EXTEND-OP: local therapy (MDACC 2024-0070)    | eligible              | yes
(NCT06367972)                                 | pending-on-study      | yes
NCT06367972                                   | on-study-intervention | yes
NCT06367972                                   | on-study-observation  | yes
NCT06367972                                   | follow-up             | yes
NCT06367972                                   |                       | yes
NCT06367972                                   | Withdrawn             | no
NCT06367972                                   | off-study             | no
NCT06367972                                   | ineligible            | no
NCT06367972                                   | not-registered        | no
NCT06367972                                   | potential-candidate   | no
NCT063679720                                  | on-study              | no
NCT06367971                                   | on-study              | no
EXTEND                                        | on-study              | no
EXTEND-OP2                                    | on-study              | no
ResearchStudy/123                             | on-study              | no
                                              | on-study              | no
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in SUBJECTS.strip("\n").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row) for row in ROWS])
def test_who_is_on_the_trial(row: list[str]) -> None:
    name, status, expected = row
    subject = StudySubject(Evidence("ResearchSubject/1", None, ""), frozenset({name} - {""}), status)
    assert is_subject(TRIAL, [subject], SpeakingRules()) is (expected == "yes")


@pytest.mark.parametrize(
    ("name", "expected"), [("ResearchStudy/123", True), ("ResearchStudy/1234", False), ("123", False)]
)
def test_a_hospital_has_a_name_of_its_own_for_the_study(name: str, expected: bool) -> None:
    subject = StudySubject(Evidence("ResearchSubject/1", None, ""), frozenset({name}), "on-study")
    assert is_subject(TRIAL, [subject], SpeakingRules(studies=frozenset({"ResearchStudy/123"}))) is expected


def test_one_of_several_is_enough() -> None:
    subject = StudySubject(Evidence("ResearchSubject/1", None, ""), frozenset({"NCT06367972"}), "on-study")
    other = replace(subject, study=frozenset({"NCT00000000"}))
    assert is_subject(TRIAL, [other, subject], SpeakingRules())
    assert not is_subject(TRIAL, [other], SpeakingRules())
    assert not is_subject(TRIAL, [], SpeakingRules())


# what the record holds of irinotecan: source, start, end, ongoing | new when ordered on 22 Nov 2026
DRUGS = """
administration 2026-11-08            | no
administration 2026-07-25            | no
administration 2026-07-24            | yes
administration 2024-03-01            | yes
statement 2024-01-01 ongoing         | no
administration 2024-01-01 2026-09-01 | no
administration 2024-01-01 2025-09-01 | yes
request 2026-11-01                   | no
request 2026-11-22                   | yes
administration 2026-11-22            | yes
statement                            | yes
"""
DRUG_ROWS = [[cell.strip() for cell in line.split("|")] for line in DRUGS.strip("\n").splitlines()]


@pytest.mark.parametrize("row", DRUG_ROWS, ids=[" ".join(row) for row in DRUG_ROWS])
def test_the_next_dose_is_no_new_drug(row: list[str]) -> None:
    source, *words = row[0].split()
    days = [parse_partial_date(word) for word in words if word != "ongoing"]
    drug = Medication(
        Evidence("Medication/1", None, ""),
        agents=("irinotecan",),
        classes=frozenset({"chemo"}),
        source=MedicationSource(source),
        start=days[0] if days else None,
        end=days[1] if len(days) > 1 else None,
        ongoing="ongoing" in words,
    )
    facts = PatientFacts(Person("Patient/p"), medications=(drug,))
    found = only_new(Ordering(("fluorouracil", "irinotecan"), staging=True), facts, AS_OF, 120)
    assert found.agents == (("fluorouracil", "irinotecan") if row[1] == "yes" else ("fluorouracil",))
    assert found.staging
    assert bool(only_new(Ordering(("irinotecan",)), facts, AS_OF, 120)) is (row[1] == "yes")
