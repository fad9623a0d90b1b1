"""What is written down of hook calls: plain values, the same for every store.

Times are instants in UTC. References ("Practitioner/1"), ids and codes only: no names, no
clinical values; the one free text is a coordinator's own note, and a comment on a card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum


@dataclass(frozen=True, slots=True)
class PatientKey:
    """Which patient: the FHIR base URL (without a trailing slash) and the bare id.

    Where a call names no FHIR server, `base` is the issuer of its token with its tenant, or empty.
    """

    base: str
    id: str


@dataclass(frozen=True, slots=True)
class System:
    """Which record system asks: the issuer and tenant of its verified token, both empty for an unsigned call."""

    issuer: str = ""
    tenant: str = ""


UNSIGNED = System()


@dataclass(frozen=True, slots=True)
class ShownCard:
    """A card as it was first shown to one user of one record system.

    `service` is the id of the service, `role` the FHIR type of the user. `fingerprint` is
    equal for two assessments that say the same; `outcomes` maps each criterion to its
    verdict ("pass"). `last_shown_at` is the last time the same card was shown again.
    """

    uuid: str
    patient: PatientKey
    trial: str
    user: str
    role: str
    service: str
    hook: str
    fingerprint: str
    shown_at: datetime
    outcomes: Mapping[str, str] = field(default_factory=dict)
    last_shown_at: datetime | None = None
    system: System = UNSIGNED


class FeedbackOutcome(Enum):
    """What became of a card."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a client reported about one card; `at` is its own time of the outcome.

    `reason` and `reason_system` are the override reason's code; `suggestions` are the ids
    of those accepted; `comment` is free text that may name a patient: stored, never logged.
    """

    card: str
    service: str
    hook: str
    outcome: FeedbackOutcome
    at: datetime
    reason: str = ""
    reason_system: str = ""
    comment: str = ""
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CardFeedback:
    """A card, and the feedback it got."""

    card: ShownCard
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class FeedbackCount:
    """How many cards met this fate. `role` is empty where the card is not known."""

    hook: str
    outcome: FeedbackOutcome
    reason: str
    role: str
    count: int


class Decided(Enum):
    """What a coordinator decided about a patient and a trial."""

    SCREENED = "screened"
    REFUSED = "refused"
    ENROLLED = "enrolled"
    NOT_ELIGIBLE = "not_eligible"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision; a later one does not erase it. `by` is the coordinator's login."""

    patient: PatientKey
    trial: str
    decided: Decided
    by: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One card that was not shown, and why (the name of a `Silence`); says nothing of the patient."""

    reason: str
    service: str
    role: str
    day: date


@dataclass(frozen=True, slots=True)
class SuppressionCount:
    """How many cards were not shown for one reason."""

    reason: str
    service: str
    role: str
    count: int


class Asked(Enum):
    """What a hook call came to."""

    CARD = "card"
    SILENT = "silent"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who asked about which patient, and what came of it.

    `issuer` and `tenant` are those of the verified token, empty for an unsigned call.
    `reason` is the name of the silence or the HTTP status of a failure; `card` the uuid of
    the card shown.
    """

    at: datetime
    issuer: str
    user: str
    patient: PatientKey
    service: str
    hook: str
    hook_instance: str
    asked: Asked
    tenant: str = ""
    trial: str = ""
    reason: str = ""
    card: str = ""
