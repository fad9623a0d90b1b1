"""What was said before, and what that means for a card now. One row, one situation.

The assessment says A unless stated; dr is the user who asks. Times are before now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from assessments import assessment

from cds_service.domain.verdicts import JudgedLesion, LesionState, LesionSummary
from cds_service.screening.entries import (
    CardFeedback,
    Decided,
    Decision,
    Feedback,
    FeedbackOutcome,
    PatientKey,
    ShownCard,
    System,
)
from cds_service.screening.silence import (
    REFERRAL,
    Effect,
    History,
    Said,
    SilenceRules,
    card_uuid,
    suggestion_uuid,
    weigh,
    what_is_said,
)
from cds_service.screening.speaking import Silence

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATIENT = PatientKey("https://ehr.example/fhir", "p")
RULES = SilenceRules(
    effects={
        "patient-ineligible": Effect.INELIGIBLE,
        "patient-refuses": Effect.REFUSED,
        "action-completed": Effect.DONE,
        "limited-time": Effect.NO_TIME,
    }
)
# What an assessment can come to; B passes where A passed and another lab has come, C has lost one by time alone,
# D has another lesion.
WORLDS: dict[str, tuple[dict[str, str], int]] = {
    "A": ({"platelets": "unknown", "anc": "pass"}, 2),
    "B": ({"platelets": "pass", "anc": "pass"}, 2),
    "C": ({"platelets": "unknown", "anc": "unknown"}, 2),
    "D": ({"platelets": "unknown", "anc": "pass"}, 3),
}


def said(world: str, user: str = "Practitioner/dr") -> Said:
    outcomes, count = WORLDS[world]
    items = tuple(JudgedLesion(f"lesion {n}", LesionState.PROGRESSIVE, "recist") for n in range(count))
    found = assessment(outcomes, lesions=(count, count))
    return what_is_said(replace(found, lesions=LesionSummary(count, count, count, items)), user)


def ago(text: str) -> datetime:
    """ "13d 23h" before now."""
    units = {"d": "days", "h": "hours", "m": "minutes"}
    parts: Mapping[str, float] = {units[part[-1]]: float(part[:-1]) for part in text.split()}
    return NOW - timedelta(**parts)


def card(number: int, when: str, world: str, user: str) -> ShownCard:
    told = said(world, user)
    return ShownCard(
        uuid=f"00000000-0000-4000-8000-00000000000{number}",
        patient=PATIENT,
        trial="extend-op",
        user=user,
        role="Practitioner",
        service="extend-op-patient-view",
        hook="patient-view",
        fingerprint=told.fingerprint,
        shown_at=ago(when),
        outcomes=told.outcomes,
    )


# last card dr saw: said, ago | answers: who, the card said, answer, ago; ... | decision, ago | says now | what happens
TABLE = """
                |                                                |                 | A | new
A 0m            |                                                |                 | A | same
A 11h 59m       |                                                |                 | A | same
A 12h           |                                                |                 | A | same
A 12h 1m        |                                                |                 | A | SHOWN_LATELY
A 13d 23h 59m   |                                                |                 | A | SHOWN_LATELY
A 14d           |                                                |                 | A | new
A 1h            |                                                |                 | B | new
A 13d           |                                                |                 | B | new
A 13d           |                                                |                 | D | new
A 13d           |                                                |                 | C | new
                | other A patient-refuses 1m                     |                 | A | REFUSED
                | other A patient-refuses 400d                   |                 | D | REFUSED
A 20d           | dr A patient-refuses 20d                       |                 | B | REFUSED
                | other A patient-refuses 2d                     | reopened 1d     | A | new
                | other A patient-refuses 1d                     | reopened 2d     | A | REFUSED
                | other A patient-ineligible 1d                  |                 | A | FOUND_INELIGIBLE
                | other A patient-ineligible 400d                |                 | A | FOUND_INELIGIBLE
                | other A patient-ineligible 1d                  |                 | B | new
                | other A patient-ineligible 1d                  |                 | D | new
                | other A patient-ineligible 1d                  |                 | C | FOUND_INELIGIBLE
                | other C patient-ineligible 1d                  |                 | A | new
A 1d            | dr A patient-ineligible 1d                     |                 | B | new
                | other A action-completed 30d                   |                 | A | ALREADY_DONE
                | other A action-completed 30d                   |                 | B | new
                | other A accepted-referral 30d                  |                 | A | ALREADY_DONE
                | other A accepted-referral 30d                  |                 | D | new
A 1h            | dr A accepted-referral 1h                      |                 | A | ALREADY_DONE
A 1h            | dr A accepted-orders 1h                        |                 | A | same
A 1d            | dr A accepted-orders 1d                        |                 | A | SHOWN_LATELY
A 1h            | dr A overridden-after-referral 1h              |                 | A | ALREADY_DONE
A 1h            | dr A limited-time 1h                           |                 | A | NO_TIME
A 6d 23h        | dr A limited-time 6d 23h                       |                 | A | NO_TIME
A 6d 23h        | dr A limited-time 6d 23h                       |                 | B | NO_TIME
A 7d            | dr A limited-time 7d                           |                 | A | new
                | other A limited-time 1d                        |                 | A | new
A 1h            | dr A need-more-info 1h                         |                 | A | DISMISSED
A 1h            | dr A no-reason 1h                              |                 | A | DISMISSED
A 1h            | dr A made-up-reason 1h                         |                 | A | DISMISSED
A 14d 1h        | dr A need-more-info 13d 23h                    |                 | A | DISMISSED
A 14d 1h        | dr A need-more-info 14d                        |                 | A | new
A 1h            | dr A need-more-info 1h                         |                 | B | new
                | other A need-more-info 1h                      |                 | A | new
A 1h            | other A need-more-info 1h                      |                 | A | same
                | other A need-more-info 3d; third A patient-refuses 2d |          | A | REFUSED
                | other A patient-ineligible 3d; third B limited-time 2d |         | B | new
                |                                                | screened 1d     | A | DECIDED
                |                                                | refused 400d    | D | DECIDED
                |                                                | enrolled 1d     | A | DECIDED
                |                                                | not_eligible 1d | B | DECIDED
                |                                                | reopened 1d     | A | new
A 1h            |                                                | enrolled 1m     | A | DECIDED
A 1h            |                                                | reopened 1m     | A | new
A 1h            |                                                | reopened 1d     | A | same
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines()]


def answers(cell: str) -> tuple[CardFeedback, ...]:
    """The feedback of a cell, latest first."""
    found = []
    for number, text in enumerate(filter(None, (part.strip() for part in cell.split(";"))), start=2):
        who, world, answer, *when = text.split()
        about = card(1 if who == "dr" else number, " ".join(when), world, f"Practitioner/{who}")
        accepted = answer.startswith("accepted")
        taken = {"accepted-referral": REFERRAL, "overridden-after-referral": REFERRAL, "accepted-orders": "labs"}
        found.append(
            CardFeedback(
                about,
                Feedback(
                    card=about.uuid,
                    service=about.service,
                    hook=about.hook,
                    outcome=FeedbackOutcome.ACCEPTED if accepted else FeedbackOutcome.OVERRIDDEN,
                    at=ago(" ".join(when)),
                    reason="" if answer in ("no-reason", *taken) else answer,
                    suggestions=(suggestion_uuid(about.uuid, taken[answer]),) if answer in taken else (),
                ),
            )
        )
    return tuple(sorted(found, key=lambda told: told.feedback.at, reverse=True))


def decision(cell: str) -> Decision | None:
    if not cell:
        return None
    what, when = cell.split()
    return Decision(PATIENT, "extend-op", Decided(what), "coordinator", ago(when))


@pytest.mark.parametrize("row", ROWS, ids=[" | ".join(row) for row in ROWS])
def test_what_was_said_before(row: list[str]) -> None:
    shown, told, decided, now, expected = row
    world, _, when = shown.partition(" ")
    seen = card(1, when, world, "Practitioner/dr") if shown else None
    found = weigh(History(decision(decided), seen, answers(told)), said(now), NOW, RULES)
    match found:
        case Silence():
            assert found.name == expected
        case ShownCard():
            assert (found, expected) == (seen, "same")
        case None:
            assert expected == "new"


def test_the_times_are_parameters() -> None:
    rules = SilenceRules(timedelta(hours=1), timedelta(days=2))
    for hours, expected in ((1, "same"), (2, Silence.SHOWN_LATELY), (48, None)):
        seen = card(1, f"{hours}h", "A", "Practitioner/dr")
        found = weigh(History(None, seen), said("A"), NOW, rules)
        assert found == (seen if expected == "same" else expected)


def test_the_day_is_no_part_of_what_is_said() -> None:
    found = assessment()
    later = replace(found, as_of=date(2026, 12, 1), closes=date(2026, 12, 30), trial_version="next")
    assert what_is_said(found, "u") == what_is_said(later, "u")


def test_calls_that_arrive_together_give_one_card_and_users_their_own() -> None:
    first = card_uuid(PATIENT, "extend-op", said("A"), None)
    assert first == card_uuid(PATIENT, "extend-op", said("A"), None)
    before = card(1, "20d", "A", "Practitioner/dr")
    others = {
        card_uuid(PATIENT, "extend-op", said("A", "Practitioner/other"), None),
        card_uuid(PATIENT, "extend-op", said("B"), None),
        card_uuid(PATIENT, "extend-op", said("A"), before),
        card_uuid(PatientKey("https://other.example", "p"), "extend-op", said("A"), None),
        card_uuid(PATIENT, "another-trial", said("A"), None),
        card_uuid(PATIENT, "extend-op", said("A"), None, System("https://ehr.example")),
        card_uuid(PATIENT, "extend-op", said("A"), None, System("https://ehr.example", "north")),
    }
    assert len(others | {first}) == 8
