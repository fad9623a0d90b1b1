"""What became of the cards, as clients report it.

Clients report several cards at once, the same card again, accepted and then overridden, and
cards we never showed; none of that is an error. Free text is kept for the trial team and
never logged: it may name a patient.

Source: CDS Hooks 2.0.1, "Feedback".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from cds_service.cds.wire import CardOutcome
from cds_service.errors import NotFhir
from cds_service.screening.entries import Feedback, FeedbackOutcome

_OUTCOMES = {outcome.value: outcome for outcome in FeedbackOutcome}
_LONGEST_NAME = 200
_LONGEST_COMMENT = 4000


def read_outcomes(outcomes: Iterable[CardOutcome], service: str, hook: str, now: datetime) -> tuple[Feedback, ...]:
    """The feedback in a call to one service.

    Raises NotFhir where an entry names no card or no outcome: nothing of the call is taken
    then. A time that is missing, unreadable or yet to come is the time of the call.
    """
    return tuple(_feedback(at, outcome, service, hook, now) for at, outcome in enumerate(outcomes))


def _feedback(at: int, told: CardOutcome, service: str, hook: str, now: datetime) -> Feedback:
    outcome = _OUTCOMES.get(told.outcome or "")
    if not told.card:
        raise NotFhir(f"'feedback[{at}].card' is missing: send the uuid of the card")
    if outcome is None:
        raise NotFhir(f"'feedback[{at}].outcome' must be one of: {', '.join(_OUTCOMES)}")
    override = told.override_reason
    reason = override.reason if override is not None else None
    comment = override.user_comment if override is not None else None
    return Feedback(
        card=told.card[:_LONGEST_NAME],
        service=service,
        hook=hook,
        outcome=outcome,
        at=_when(told.outcome_timestamp, now),
        reason=_cut(reason.code) if reason is not None else "",
        reason_system=_cut(reason.system) if reason is not None else "",
        comment=(comment or "").strip()[:_LONGEST_COMMENT],
        suggestions=tuple(_cut(taken.id) for taken in told.accepted_suggestions or () if taken.id),
    )


def _cut(text: str | None) -> str:
    return (text or "").strip()[:_LONGEST_NAME]


def _when(text: str | None, now: datetime) -> datetime:
    try:
        told = datetime.fromisoformat(text or "")
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return now
    return min(told, now)
