"""Nightly runs and the assessments they made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cds_service.store.models import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.String(255), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "base")),
        *(_text(name) for name in ("trial", "trial_version", "mappings_digest", "engine", "engine_version")),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        _text("state"),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
    )
    op.create_index("runs_of_trial", "runs", ["trial", "started_at"])
    op.create_table(
        "assessments",
        sa.Column("id", _KEY, primary_key=True, autoincrement=True),
        _text("trial"),
        sa.Column("patient_base", sa.Text(), nullable=False),
        *(_text(name) for name in ("patient_id", "status")),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("open", "for_review", "failed")),
        sa.Column("closes", sa.Date(), nullable=True),
        sa.Column("next_change", sa.Date(), nullable=True),
        sa.Column("silent", sa.Integer(), nullable=False),
        *(_text(name) for name in ("fingerprint", "record", "first_run", "last_run", "turned_in", "standing")),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
    )
    op.create_index("assessments_of_patient", "assessments", ["trial", "patient_base", "patient_id", "id"])
    op.create_index("assessments_current", "assessments", ["trial", "superseded", "listed"])


def downgrade() -> None:
    """Take the tables away, and all they hold."""
    op.drop_table("assessments")
    op.drop_table("runs")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(255), nullable=False)
