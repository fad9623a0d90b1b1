"""From CDS_DATABASE_URL to a database that can be asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from cds_service.errors import ConfigurationError

BUSY_MS = 10_000
"""How long a write waits for another process's write to end."""


def database_url(text: str | None) -> URL:
    """The URL of the database: that of the setting, or a SQLite file under the user's data folder.

    Raises ConfigurationError for one that cannot be used.
    """
    if text is None:
        return URL.create("sqlite", database=str(user_data_path("cds-service", appauthor=False) / "cds-service.sqlite"))
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigurationError(
            "CDS_DATABASE_URL is not a database URL: write sqlite:////path or postgresql://host/name"
        ) from None
    match url.get_backend_name():
        case "sqlite" if not url.database or url.database == ":memory:":
            raise ConfigurationError("CDS_DATABASE_URL: for a database in memory write 'memory:'")
        case "sqlite":
            return url.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case other:
            raise ConfigurationError(f"CDS_DATABASE_URL: {other[:20]} is not supported: use sqlite or postgresql")


def open_engine(url: URL) -> Engine:
    """The database of a URL. Raises ConfigurationError where its driver or its folder is not to be had."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_size=5, max_overflow=10, pool_pre_ping=True)
    except (ImportError, NoSuchModuleError):
        raise ConfigurationError(
            "CDS_DATABASE_URL names PostgreSQL, whose driver is not installed: pip install 'cds-service[postgresql]'"
        ) from None


def _sqlite(url: URL) -> Engine:
    _make_file(Path(url.database or ""))
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediately)
    return engine


def _make_file(path: Path) -> None:
    """An empty file that only its owner can read: it will hold patients' ids."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigurationError(f"CDS_DATABASE_URL: {path} cannot be written ({error.strerror})") from None


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own, untyped
    """Readers beside a writer (WAL); transactions begun by us, not by the driver's guess."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediately(connection: Any) -> None:  # noqa: ANN401  as above
    """Take the write lock at the start: a lock taken later fails at once instead of waiting its turn."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
