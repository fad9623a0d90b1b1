"""When to speak: a card only where it is worth a clinician's time.

An alert that is often wrong is soon not read at all, so silence is the rule and every
condition for speaking is stated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cds_service.domain.criteria import Outcome
from cds_service.domain.verdicts import Assessment, Status


class Silence(Enum):
    """Why no card is shown."""

    NOT_FOR_PATIENTS = "the user is the patient or a relative"
    TRIAL_CLOSED = "the trial takes no more patients"
    INELIGIBLE = "a criterion fails"
    NOT_ESTABLISHED = "what the trial turns on is not established"
    TOO_LITTLE_KNOWN = "too many criteria cannot be decided"


@dataclass(frozen=True, slots=True)
class SpeakingRules:
    """The limits. `established` are criteria that must pass, where the trial has them."""

    established: frozenset[str] = frozenset({"alive", "age", "histology", "stage-iv", "progression"})
    unknowns_at_most: int = 8
    never_to: frozenset[str] = frozenset({"Patient", "RelatedPerson"})


def why_silent(assessment: Assessment, user_type: str, trial_open: bool, rules: SpeakingRules) -> Silence | None:
    """The first reason for showing no card; None when there is something to say.

    `user_type` is the FHIR type of the user ("Practitioner").
    """
    if user_type in rules.never_to:
        return Silence.NOT_FOR_PATIENTS
    if not trial_open:
        return Silence.TRIAL_CLOSED
    if assessment.status is Status.INELIGIBLE:
        return Silence.INELIGIBLE
    needed = (verdict for verdict in assessment.verdicts if verdict.id in rules.established)
    if any(verdict.outcome is not Outcome.PASS for verdict in needed):
        return Silence.NOT_ESTABLISHED
    unknowns = sum(verdict.outcome is Outcome.UNKNOWN for verdict in assessment.verdicts)
    return Silence.TOO_LITTLE_KNOWN if unknowns > rules.unknowns_at_most else None
