"""The tenant that a card was shown to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Cards shown before belong to no tenant."""
    op.add_column("cards", sa.Column("tenant", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """As before."""
    op.drop_column("cards", "tenant")
