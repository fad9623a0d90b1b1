"""Cards, feedback, decisions, suppressions, replays, and the audit that only grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cds_service.store.models import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_REFUSAL = "the audit is only added to"


def upgrade() -> None:
    """Make the tables."""
    _cards()
    _feedback()
    _decisions()
    _counts()
    _audit()
    _close_audit()


def downgrade() -> None:
    """Take the tables away, and all they hold."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_only_grows() CASCADE")
    for name in ("audit", "replays", "suppressions", "decisions", "feedback", "cards"):
        op.drop_table(name)


def _text(name: str, length: int | None = 255) -> sa.Column[str]:
    return sa.Column(name, sa.Text() if length is None else sa.String(length), nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, Instant(), nullable=nullable)


def _cards() -> None:
    op.create_table(
        "cards",
        sa.Column("uuid", sa.String(255), primary_key=True),
        _text("patient_base", None),
        *(_text(name) for name in ("patient_id", "trial", "user_ref", "role", "service", "hook", "fingerprint")),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        _text("issuer", None),
        _instant("shown_at"),
        _instant("last_shown_at", nullable=True),
    )
    op.create_index("cards_of_patient", "cards", ["patient_id", "patient_base", "trial", "shown_at"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("card", sa.String(255), primary_key=True),
        *(_text(name) for name in ("service", "hook", "outcome")),
        _instant("at"),
        _text("reason"),
        *(_text(name, None) for name in ("reason_system", "comment")),
        sa.Column("suggestions", sa.JSON(), nullable=False),
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        _text("patient_base", None),
        *(_text(name) for name in ("patient_id", "trial", "decided", "decided_by")),
        _instant("at"),
        _text("note", None),
    )
    op.create_index("decisions_of_patient", "decisions", ["patient_id", "patient_base", "trial", "id"])


def _counts() -> None:
    op.create_table(
        "suppressions",
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(name, sa.String(255), primary_key=True) for name in ("reason", "service", "role")),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_table("replays", sa.Column("token_id", sa.String(64), primary_key=True), _instant("until"))
    op.create_index("ix_replays_until", "replays", ["until"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        _instant("at"),
        *(_text(name, None) for name in ("issuer", "tenant", "patient_base", "hook_instance")),
        *(_text(name) for name in ("user_ref", "patient_id", "service", "hook", "asked", "trial", "reason", "card")),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("audit_of_patient", "audit", ["patient_id", "patient_base", "at"])


def _close_audit() -> None:
    """The database itself refuses to change, delete or replace an entry."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"
        )
        return
    for when, condition in (
        ("UPDATE", ""),
        ("DELETE", ""),
        ("INSERT", "WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) "),
    ):
        op.execute(
            f"CREATE TRIGGER audit_no_{when.lower()} BEFORE {when} ON audit {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
