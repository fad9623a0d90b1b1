"""When a card is shown. One row, one situation; the words are those of `Silence`, blank: a card."""

from __future__ import annotations

import pytest
from assessments import assessment

from cds_service.screening.speaking import Ordering, Silence, SpeakingRules, why_not_even_read, why_silent

# what changes from a fitting patient | user | trial open | being ordered | silent because
TABLE = """
                                          | Practitioner     | open   |          |
                                          | PractitionerRole | open   |          |
                                          |                  | open   |          |
                                          | Patient          | open   |          | NOT_FOR_PATIENTS
                                          | RelatedPerson    | open   |          | NOT_FOR_PATIENTS
                                          | Patient          | open   | staging  | NOT_FOR_PATIENTS
                                          | Practitioner     | closed |          | TRIAL_CLOSED
                                          | Patient          | closed |          | NOT_FOR_PATIENTS
alive=fail                                | Practitioner     | open   |          | INELIGIBLE
platelets=fail                            | Practitioner     | open   |          | INELIGIBLE
progression=fail                          | Practitioner     | open   | drug     | INELIGIBLE
effusion=fail platelets=unknown           | Practitioner     | open   |          | INELIGIBLE
platelets=unknown                         | Practitioner     | open   |          |
effusion=review lct-candidate=review      | Practitioner     | open   |          |
age=unknown                               | Practitioner     | open   |          | NOT_ESTABLISHED
histology=unknown                         | Practitioner     | open   |          | NOT_ESTABLISHED
stage-iv=unknown                          | Practitioner     | open   |          | NOT_ESTABLISHED
stage-iv=unknown                          | Practitioner     | open   | drug     | NOT_ESTABLISHED
alive=unknown                             | Practitioner     | open   | staging  | NOT_ESTABLISHED
progression=unknown                       | Practitioner     | open   |          | NOT_ESTABLISHED
progression=unknown                       | Practitioner     | open   | drug     |
progression=unknown                       | Practitioner     | open   | therapy  |
progression=unknown                       | Practitioner     | open   | staging  |
progression=review                        | Practitioner     | open   |          | NOT_ESTABLISHED
progression=review                        | Practitioner     | open   | drug     | NOT_ESTABLISHED
a,b,c,d,e,f,g,h=unknown                   | Practitioner     | open   |          |
a,b,c,d,e,f,g,h,i=unknown                 | Practitioner     | open   |          | TOO_LITTLE_KNOWN
a,b,c,d,e,f,g=unknown progression=unknown | Practitioner     | open   | drug     |
a,b,c,d,e,f,g,h=unknown progression=unknown | Practitioner   | open   | drug     | TOO_LITTLE_KNOWN
"""
ORDERED = {
    "": None,
    "drug": Ordering(("irinotecan",)),
    "therapy": Ordering(therapy=True),
    "staging": Ordering(staging=True),
}
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines()]


def parsed(changes: str) -> list[tuple[list[str], str]]:
    """Pairs of criteria and the verdict they get."""
    return [(names.split(","), said) for names, said in (change.split("=") for change in changes.split())]


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row) for row in ROWS])
def test_when_to_speak(row: list[str]) -> None:
    changes, user, trial, ordered, silence = row
    found = assessment({name: said for names, said in parsed(changes) for name in names})
    early = why_not_even_read(user, trial == "open", SpeakingRules())
    why: Silence | None = early or why_silent(found, ORDERED[ordered], SpeakingRules())
    assert (why.name if why else "") == silence


def test_the_limit_of_unknowns_is_a_parameter() -> None:
    found = assessment({"platelets": "unknown"})
    why = why_silent(found, None, SpeakingRules(unknowns_at_most=0))
    assert why is not None
    assert why.name == "TOO_LITTLE_KNOWN"


def test_a_trial_without_a_criterion_is_not_asked_for_it() -> None:
    found = assessment()
    without = assessment(verdicts=tuple(v for v in found.verdicts if v.id != "progression"))
    assert why_silent(without, None, SpeakingRules()) is None
