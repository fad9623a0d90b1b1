"""The tables. The migrations make them; a test holds the two to be the same.

| table | one row for |
|---|---|
| `cards` | a card shown, by uuid |
| `feedback` | a card's latest outcome, also of a card we do not know |
| `decisions` | a coordinator's decision; later ones are added |
| `suppressions` | a day's count of cards not shown, by reason, service and role |
| `replays` | a token's id, until the token ends |
| `audit` | a hook call; the database refuses to change or delete a row |
| `runs` | a nightly run |
| `assessments` | what a patient's assessment said, from the first run to the last that said it |
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

HEAD = "0003"
"""The migration these models stand for."""

_KEY = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is an INTEGER."""


class Instant(TypeDecorator[datetime]):
    """An instant: kept in UTC, given back with its zone, whatever the database knows of zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC, without its zone where the database keeps none."""
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant with its zone, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Table(DeclarativeBase):
    """What the tables have in common."""

    type_annotation_map = {str: String(255), datetime: Instant()}  # noqa: RUF012  read by SQLAlchemy, never changed


class CardRow(Table):
    """A card shown to one user."""

    __tablename__ = "cards"
    __table_args__ = (Index("cards_of_patient", "patient_id", "patient_base", "trial", "shown_at"),)

    uuid: Mapped[str] = mapped_column(primary_key=True)
    patient_base: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str]
    trial: Mapped[str]
    user_ref: Mapped[str]
    role: Mapped[str]
    service: Mapped[str]
    hook: Mapped[str]
    fingerprint: Mapped[str]
    outcomes: Mapped[dict[str, str]] = mapped_column(JSON)
    issuer: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(Text, server_default="")
    shown_at: Mapped[datetime]
    last_shown_at: Mapped[datetime | None]


class FeedbackRow(Table):
    """A card's latest outcome."""

    __tablename__ = "feedback"

    card: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str]
    hook: Mapped[str]
    outcome: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str]
    reason_system: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    suggestions: Mapped[list[str]] = mapped_column(JSON)


class DecisionRow(Table):
    """A coordinator's decision."""

    __tablename__ = "decisions"
    __table_args__ = (Index("decisions_of_patient", "patient_id", "patient_base", "trial", "id"),)

    id: Mapped[int] = mapped_column(_KEY, primary_key=True, autoincrement=True)
    patient_base: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str]
    trial: Mapped[str]
    decided: Mapped[str]
    decided_by: Mapped[str]
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text)


class SuppressionRow(Table):
    """How many cards were not shown on a day, for one reason."""

    __tablename__ = "suppressions"

    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class ReplayRow(Table):
    """A token that was used. `token_id` is a digest: a caller's ids may be of any length."""

    __tablename__ = "replays"

    token_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[datetime] = mapped_column(index=True)


class AuditRow(Table):
    """A hook call and what came of it."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_patient", "patient_id", "patient_base", "at"),)

    id: Mapped[int] = mapped_column(_KEY, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    issuer: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(Text)
    user_ref: Mapped[str]
    patient_base: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str]
    service: Mapped[str]
    hook: Mapped[str]
    hook_instance: Mapped[str] = mapped_column(Text)
    asked: Mapped[str]
    trial: Mapped[str]
    reason: Mapped[str]
    card: Mapped[str]


class RunRow(Table):
    """A nightly run."""

    __tablename__ = "runs"
    __table_args__ = (Index("runs_of_trial", "trial", "started_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    base: Mapped[str] = mapped_column(Text)
    trial: Mapped[str]
    trial_version: Mapped[str]
    mappings_digest: Mapped[str]
    engine: Mapped[str]
    engine_version: Mapped[str]
    as_of: Mapped[date]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    state: Mapped[str]
    whole: Mapped[bool]
    counts: Mapped[dict[str, object]] = mapped_column(JSON)
    problems: Mapped[list[str]] = mapped_column(JSON)


class AssessmentRow(Table):
    """What a patient's assessment said, over as many runs as said it. `document` is JSON, zlib-compressed."""

    __tablename__ = "assessments"
    __table_args__ = (
        Index("assessments_of_patient", "trial", "patient_base", "patient_id", "id"),
        Index("assessments_current", "trial", "superseded", "listed"),
    )

    id: Mapped[int] = mapped_column(_KEY, primary_key=True, autoincrement=True)
    trial: Mapped[str]
    patient_base: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str]
    status: Mapped[str]
    listed: Mapped[bool]
    as_of: Mapped[date]
    open: Mapped[list[str]] = mapped_column(JSON)
    for_review: Mapped[list[str]] = mapped_column(JSON)
    failed: Mapped[list[str]] = mapped_column(JSON)
    closes: Mapped[date | None]
    next_change: Mapped[date | None]
    silent: Mapped[int]
    fingerprint: Mapped[str]
    record: Mapped[str]
    first_run: Mapped[str]
    last_run: Mapped[str]
    turned_in: Mapped[str]
    standing: Mapped[str]
    superseded: Mapped[bool]
    document: Mapped[bytes] = mapped_column(LargeBinary)
