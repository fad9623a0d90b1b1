"""When to speak: a card only where it is worth a clinician's time.

An alert that is often wrong is soon not read at all, so silence is the rule and every
condition for speaking is stated here, or in `silence.py` where it rests on what was said
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from cds_service.domain.criteria import Outcome
from cds_service.domain.dates import days_after
from cds_service.domain.facts import Medication, MedicationSource, PatientFacts, StudySubject
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Status


class Silence(Enum):
    """Why no card is shown."""

    NOT_FOR_PATIENTS = "the user is the patient or a relative"
    TRIAL_CLOSED = "the trial takes no more patients"
    NOTHING_ORDERED = "neither new systemic therapy nor staging is being ordered"
    ALREADY_SUBJECT = "the patient is a subject of the trial"
    INELIGIBLE = "a criterion fails"
    NOT_ESTABLISHED = "what the trial turns on is not established"
    TOO_LITTLE_KNOWN = "too many criteria cannot be decided"
    DECIDED = "a coordinator has decided"
    REFUSED = "the patient refuses, as a clinician reported"
    FOUND_INELIGIBLE = "not eligible, as a clinician reported, and nothing has changed since"
    ALREADY_DONE = "the patient was referred, and nothing has changed since"
    NO_TIME = "the user had no time for it lately"
    DISMISSED = "the user put the same card away lately"
    SHOWN_LATELY = "the user has seen the same card lately"


@dataclass(frozen=True, slots=True)
class Ordering:
    """What is being ordered that bears on the trial: systemic therapy, a staging scan.

    `agents` are anticancer drugs by name; `therapy` is true for systemic therapy ordered in
    other words.
    """

    agents: tuple[str, ...] = ()
    therapy: bool = False
    staging: bool = False

    def __bool__(self) -> bool:
        return bool(self.agents) or self.therapy or self.staging


@dataclass(frozen=True, slots=True)
class SpeakingRules:
    """The limits. `established` are criteria that must pass, where the trial has them.

    `open_while_ordering` may be unknown while new systemic therapy or staging is ordered.
    `studies` are the hospital's own names of the trial's study ("ResearchStudy/123").
    `not_on_trial` are the states of a study subject who is not, or not any more, on the trial.
    """

    established: frozenset[str] = frozenset({"alive", "age", "histology", "stage-iv", "progression"})
    open_while_ordering: frozenset[str] = frozenset({"progression"})
    unknowns_at_most: int = 8
    studies: frozenset[str] = frozenset()
    never_to: frozenset[str] = frozenset({"Patient", "RelatedPerson"})
    not_on_trial: frozenset[str] = frozenset(
        {"potential-candidate", "not-registered", "ineligible", "withdrawn", "off-study"}
    )


def why_not_even_read(user_type: str, trial_open: bool, rules: SpeakingRules) -> Silence | None:
    """The reason for showing no card whatever the record says; None when it must be read.

    `user_type` is the FHIR type of the user ("Practitioner").
    """
    if user_type in rules.never_to:
        return Silence.NOT_FOR_PATIENTS
    return None if trial_open else Silence.TRIAL_CLOSED


def why_silent(assessment: Assessment, ordering: Ordering | None, rules: SpeakingRules) -> Silence | None:
    """The first reason in the assessment for showing no card; None when there is something to say."""
    if assessment.status is Status.INELIGIBLE:
        return Silence.INELIGIBLE
    unsettled = {
        verdict.id: verdict.outcome
        for verdict in assessment.verdicts
        if verdict.id in rules.established and verdict.outcome is not Outcome.PASS
    }
    tolerated = rules.open_while_ordering if ordering else frozenset()
    if any(name not in tolerated or outcome is not Outcome.UNKNOWN for name, outcome in unsettled.items()):
        return Silence.NOT_ESTABLISHED
    unknowns = sum(verdict.outcome is Outcome.UNKNOWN for verdict in assessment.verdicts)
    return Silence.TOO_LITTLE_KNOWN if unknowns > rules.unknowns_at_most else None


def only_new(ordering: Ordering, facts: PatientFacts, as_of: date, within_days: int) -> Ordering:
    """The same without drugs the patient is already on: their next dose is no new treatment.

    On a drug is who was given or ordered it before the day of the order, and not longer ago
    than a pause within one line of therapy (`within_days`).
    """
    if not ordering.agents:
        return ordering
    given = {agent for drug in facts.medications if _is_running(drug, as_of, within_days) for agent in drug.agents}
    return Ordering(tuple(agent for agent in ordering.agents if agent not in given), ordering.therapy, ordering.staging)


def _is_running(drug: Medication, as_of: date, within_days: int) -> bool:
    since = drug.start or drug.end
    if since is None or since.earliest >= as_of:
        return False
    last = (drug.end or drug.start or since).latest
    if drug.ongoing or (drug.source is MedicationSource.ADMINISTRATION and last >= as_of):
        return True
    return days_after(last, within_days) >= as_of


def is_subject(trial: Trial, subjects: Iterable[StudySubject], rules: SpeakingRules) -> bool:
    """Whether the patient is on this trial: a study subject who has not left it.

    The study is known by its registry id, or by the trial's short title, in any identifier,
    reference or name of it, or by a name of the hospital's own; a state that is not recorded
    counts as being on it.
    """
    return any(
        subject.status.strip().lower() not in rules.not_on_trial
        and (_names_trial(subject.study, trial) or not rules.studies.isdisjoint(subject.study))
        for subject in subjects
    )


def _names_trial(names: Iterable[str], trial: Trial) -> bool:
    wanted = {name.casefold() for name in (trial.registry_id, trial.short_title) if name}
    return any(not wanted.isdisjoint(_words(name)) for name in names)


def _words(name: str) -> frozenset[str]:
    """The words of a study's name; hyphens belong to a word, every other sign parts two."""
    plain = "".join(letter if letter.isalnum() or letter == "-" else " " for letter in name.casefold())
    return frozenset(plain.split())
