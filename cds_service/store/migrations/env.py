"""What Alembic runs: the migrations, on the connection that `schema.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from cds_service.store.models import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
