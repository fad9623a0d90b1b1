"""Whether the tables are those this version needs, and making them so."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from cds_service.errors import ConfigurationError
from cds_service.store.models import HEAD

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 7_243_160_551
"""The number of this service's advisory lock in PostgreSQL: one migration at a time."""


def version_of(connection: Connection) -> str | None:
    """The migration the tables stand at, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found else None


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the tables to this version; from which migration to which. Safe to call from several processes."""
    from alembic import command  # noqa: PLC0415  slow to import, needed once in a release
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        # Whoever comes second waits here, and then finds the work done.
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        found = version_of(connection)
        if found is None or found < HEAD:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
    return found, HEAD


def make_ready(engine: Engine) -> None:
    """Tables of this version, or a refusal to start: SQLite is upgraded at once, another database by its operator.

    Raises ConfigurationError.
    """
    with engine.connect() as connection:
        found = version_of(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise ConfigurationError(
            f"CDS_DATABASE_URL: the database is of a newer version of the service ({found}, this one knows {HEAD}):"
            " install that version"
        )
    if engine.dialect.name != "sqlite":
        raise ConfigurationError("CDS_DATABASE_URL: the database is not prepared: run 'cds-service db upgrade'")
    upgrade(engine)
