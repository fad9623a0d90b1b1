"""One suite, every store: memory, SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from ledgers import sqlite_store, wait_for
from postgresql import postgresql_server
from sqlalchemy import create_engine, text

from cds_service.screening.ports import Ledger
from cds_service.store.opening import RunStore, Store, open_runs, open_store, upgrade

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server, `{}` standing for the database's name."""
    with postgresql_server() as url:
        yield url


@pytest.fixture
def empty_database(postgresql: str) -> str:
    """The URL of a new PostgreSQL database."""
    name = f"ledger_{next(_numbers)}"
    engine = create_engine(postgresql.format("postgres").replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgresql.format(name)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    match request.param:
        case "memory":
            yield open_store("memory:")
        case "sqlite":
            with sqlite_store(tmp_path) as opened:
                yield opened
        case "postgresql":
            url = request.getfixturevalue("empty_database")
            upgrade(url)
            opened = open_store(url)
            yield opened
            opened.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """Its ledger."""
    return store.ledger


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def nights(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunStore]:
    """An empty store of nightly runs of each kind."""
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("empty_database")
        upgrade(url)
    opened = open_runs(url)
    yield opened
    opened.close()


@pytest.fixture
def wait() -> Callable[[Any], Any]:
    """What a port answers."""
    return wait_for
