"""Between entries and rows: one function each way for every table."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from cds_service.screening.entries import (
    Asked,
    AuditEntry,
    Decided,
    Decision,
    Feedback,
    FeedbackOutcome,
    PatientKey,
    ShownCard,
    Suppression,
    System,
)

Values = dict[str, Any]


def card_row(card: ShownCard) -> Values:
    """A card as a row of `cards`."""
    return {
        "uuid": card.uuid,
        "patient_base": card.patient.base,
        "patient_id": card.patient.id,
        "trial": card.trial,
        "user_ref": card.user,
        "role": card.role,
        "service": card.service,
        "hook": card.hook,
        "fingerprint": card.fingerprint,
        "outcomes": dict(card.outcomes),
        "issuer": card.system.issuer,
        "tenant": card.system.tenant,
        "shown_at": card.shown_at,
        "last_shown_at": card.last_shown_at,
    }


def read_card(row: Row[Any]) -> ShownCard:
    """A row of `cards` as a card."""
    return ShownCard(
        uuid=row.uuid,
        patient=PatientKey(row.patient_base, row.patient_id),
        trial=row.trial,
        user=row.user_ref,
        role=row.role,
        service=row.service,
        hook=row.hook,
        fingerprint=row.fingerprint,
        shown_at=row.shown_at,
        outcomes=row.outcomes,
        last_shown_at=row.last_shown_at,
        system=System(row.issuer, row.tenant),
    )


def feedback_row(feedback: Feedback) -> Values:
    """Feedback as a row of `feedback`."""
    return {
        "card": feedback.card,
        "service": feedback.service,
        "hook": feedback.hook,
        "outcome": feedback.outcome.value,
        "at": feedback.at,
        "reason": feedback.reason,
        "reason_system": feedback.reason_system,
        "comment": feedback.comment,
        "suggestions": list(feedback.suggestions),
    }


def read_feedback(row: Row[Any]) -> Feedback:
    """A row of `feedback` as feedback."""
    return Feedback(
        card=row.card,
        service=row.feedback_service,
        hook=row.feedback_hook,
        outcome=FeedbackOutcome(row.outcome),
        at=row.at,
        reason=row.reason,
        reason_system=row.reason_system,
        comment=row.comment,
        suggestions=tuple(row.suggestions),
    )


def decision_row(decision: Decision) -> Values:
    """A decision as a row of `decisions`."""
    return {
        "patient_base": decision.patient.base,
        "patient_id": decision.patient.id,
        "trial": decision.trial,
        "decided": decision.decided.value,
        "decided_by": decision.by,
        "at": decision.at,
        "note": decision.note,
    }


def read_decision(row: Row[Any]) -> Decision:
    """A row of `decisions` as a decision."""
    patient = PatientKey(row.patient_base, row.patient_id)
    return Decision(patient, row.trial, Decided(row.decided), row.decided_by, row.at, row.note)


def suppression_row(suppression: Suppression) -> Values:
    """One suppression as a row of `suppressions`, to be added to the day's count."""
    return {
        "day": suppression.day,
        "reason": suppression.reason,
        "service": suppression.service,
        "role": suppression.role,
        "count": 1,
    }


def audit_row(entry: AuditEntry) -> Values:
    """An entry as a row of `audit`."""
    return {
        "at": entry.at,
        "issuer": entry.issuer,
        "tenant": entry.tenant,
        "user_ref": entry.user,
        "patient_base": entry.patient.base,
        "patient_id": entry.patient.id,
        "service": entry.service,
        "hook": entry.hook,
        "hook_instance": entry.hook_instance,
        "asked": entry.asked.value,
        "trial": entry.trial,
        "reason": entry.reason,
        "card": entry.card,
    }


def read_audit(row: Row[Any]) -> AuditEntry:
    """A row of `audit` as an entry."""
    return AuditEntry(
        at=row.at,
        issuer=row.issuer,
        user=row.user_ref,
        patient=PatientKey(row.patient_base, row.patient_id),
        service=row.service,
        hook=row.hook,
        hook_instance=row.hook_instance,
        asked=Asked(row.asked),
        tenant=row.tenant,
        trial=row.trial,
        reason=row.reason,
        card=row.card,
    )
