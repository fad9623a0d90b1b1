"""What was said before: the same card again, a new one, or silence.

Clients ask again at every change of tab, so the same user gets the same card for some hours;
after that a card that would say the same is not shown for some days. What a clinician or a
coordinator answered silences it longer.

| what was said | silent for whom | until |
|---|---|---|
| a coordinator decided | everyone | the coordinator reopens |
| the patient refuses | everyone | the coordinator reopens |
| the patient is not eligible; was referred already | everyone | the facts change |
| no time | this user | some days have passed |
| put away otherwise | this user | the assessment changes, or the days of a shown card pass |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import NAMESPACE_URL, UUID, uuid5

from cds_service.domain.verdicts import Assessment
from cds_service.screening.entries import (
    UNSIGNED,
    CardFeedback,
    Decided,
    Decision,
    FeedbackOutcome,
    PatientKey,
    ShownCard,
    System,
)
from cds_service.screening.speaking import Silence

REFERRAL = "refer"
"""The suggestion by which a patient is referred; see `suggestion_uuid`."""


class Effect(Enum):
    """What a reason for putting a card away silences."""

    INELIGIBLE = "ineligible"
    REFUSED = "refused"
    DONE = "done"
    NO_TIME = "no-time"


@dataclass(frozen=True, slots=True)
class SilenceRules:
    """The times, and what each override reason (by code) silences."""

    same_card_for: timedelta = timedelta(hours=12)
    not_again_for: timedelta = timedelta(days=14)
    no_time_for: timedelta = timedelta(days=7)
    effects: Mapping[str, Effect] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """What a card would say now: to whom, with which fingerprint and outcomes."""

    user: str
    fingerprint: str
    outcomes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a patient's cards: the decision that holds, the last one this user saw, all feedback."""

    decision: Decision | None = None
    shown: ShownCard | None = None
    feedback: tuple[CardFeedback, ...] = ()


def weigh(history: History, said: Said, now: datetime, rules: SilenceRules) -> Silence | ShownCard | None:
    """Silence with its reason, the card to show once more, or None for a new card."""
    decision = history.decision
    if decision is not None and decision.decided is not Decided.REOPENED:
        return Silence.DECIDED
    since = decision.at if decision is not None else None
    counting = [told for told in history.feedback if since is None or told.feedback.at > since]
    silence = _everyones(counting, said, rules) or _own(counting, said, now, rules)
    if silence is not None:
        return silence
    shown = history.shown
    if shown is None or (since is not None and shown.shown_at <= since) or shown.fingerprint != said.fingerprint:
        return None
    return _again(shown, counting, now, rules)


def _again(
    shown: ShownCard, feedback: Iterable[CardFeedback], now: datetime, rules: SilenceRules
) -> Silence | ShownCard | None:
    """A card that would say the same: the same one for some hours, then none for some days."""
    if any(told.card.uuid == shown.uuid and _effect(told, rules) is Effect.NO_TIME for told in feedback):
        return None
    age = now - shown.shown_at
    if age <= rules.same_card_for:
        return shown
    return Silence.SHOWN_LATELY if age < rules.not_again_for else None


def _everyones(feedback: Iterable[CardFeedback], said: Said, rules: SilenceRules) -> Silence | None:
    """What somebody answered about the patient holds for every user."""
    found: list[Silence] = []
    for told in feedback:
        match _effect(told, rules):
            case Effect.REFUSED:
                return Silence.REFUSED
            case Effect.INELIGIBLE if not _facts_changed(told.card, said):
                found.append(Silence.FOUND_INELIGIBLE)
            case Effect.DONE if not _facts_changed(told.card, said):
                found.append(Silence.ALREADY_DONE)
    return found[0] if found else None


def _own(feedback: Iterable[CardFeedback], said: Said, now: datetime, rules: SilenceRules) -> Silence | None:
    """What this user answered about their own time, or without a reason that says more."""
    for told in feedback:
        if told.card.user != said.user or told.feedback.outcome is not FeedbackOutcome.OVERRIDDEN:
            continue
        age = now - told.feedback.at
        match _effect(told, rules):
            case Effect.NO_TIME if age < rules.no_time_for:
                return Silence.NO_TIME
            case None if age < rules.not_again_for and told.card.fingerprint == said.fingerprint:
                return Silence.DISMISSED
    return None


def _effect(told: CardFeedback, rules: SilenceRules) -> Effect | None:
    """What a feedback silences; a referral once taken stays taken, whatever was clicked later."""
    feedback = told.feedback
    if suggestion_uuid(told.card.uuid, REFERRAL) in feedback.suggestions:
        return Effect.DONE
    return rules.effects.get(feedback.reason) if feedback.outcome is FeedbackOutcome.OVERRIDDEN else None


def _facts_changed(shown: ShownCard, said: Said) -> bool:
    """Whether more than the passing of time lies between a card and now.

    A pass that became unknown has run out, which no fact did; any other change of a verdict
    is a new fact, and so is a change of the lesions (the fingerprint's second part).
    """
    if shown.fingerprint.partition(".")[2] != said.fingerprint.partition(".")[2]:
        return True
    then, now = shown.outcomes, said.outcomes
    return any(
        then.get(name) != now.get(name) and (then.get(name), now.get(name)) != ("pass", "unknown")
        for name in {*then, *now}
    )


def what_is_said(assessment: Assessment, user: str) -> Said:
    """What a card of this assessment would say to a user. The day does not matter, nor the trial's version."""
    outcomes = {verdict.id: verdict.outcome.value for verdict in assessment.verdicts}
    lesions = assessment.lesions
    picture = [f"{lesions.count_min}-{lesions.count_max}", *sorted(f"{i.key}:{i.state.value}" for i in lesions.items)]
    judged = sorted(f"{name}={outcome}" for name, outcome in outcomes.items())
    return Said(user, f"{_digest(judged)}.{_digest(picture)}", outcomes)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]


def card_uuid(patient: PatientKey, trial: str, said: Said, before: ShownCard | None, system: System = UNSIGNED) -> str:
    """The uuid of a new card: the same for calls that arrive together, another after an earlier card."""
    earlier = before.uuid if before is not None else ""
    parts = (trial, patient.base, patient.id, system.issuer, system.tenant, said.user, said.fingerprint, earlier)
    return str(uuid5(NAMESPACE_URL, "\n".join(parts)))


def suggestion_uuid(card: str, what: str) -> str:
    """The uuid of a card's suggestion: "refer", or the name of a group of orders."""
    return str(uuid5(UUID(card), what))
