"""The database itself refuses to change the audit, whoever asks it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import entry, wait_for
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cds_service.store import schema
from cds_service.store.engines import database_url, open_engine
from cds_service.store.opening import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with one audit entry."""
    postgresql = request.param == "postgresql"
    url = request.getfixturevalue("empty_database") if postgresql else f"sqlite:///{tmp_path}/x.sqlite"
    engine = open_engine(database_url(url))
    schema.upgrade(engine)
    store = open_store(url)
    store.ledger.audit.note(entry(user="Practitioner/first"))
    assert len(wait_for(store.ledger.audit.entries())) == 1
    store.close()
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit SET user_ref = 'Practitioner/other'",
        "UPDATE audit SET id = 7",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 1",
    ],
)
def test_no_entry_is_changed_or_deleted(database: Engine, attempt: str) -> None:
    with pytest.raises(DBAPIError, match="only added to"), database.begin() as connection:
        connection.execute(text(attempt))
    with database.connect() as connection:
        assert connection.execute(text("SELECT user_ref FROM audit")).scalars().all() == ["Practitioner/first"]


def test_no_entry_is_put_in_the_place_of_another(database: Engine) -> None:
    columns = "id, at, issuer, tenant, user_ref, patient_base, patient_id, service, hook, hook_instance, asked, trial,"
    same = f"{columns} reason, card".replace("user_ref", "'Practitioner/other'")
    attempt = f"INSERT INTO audit ({columns} reason, card) SELECT {same} FROM audit"
    if database.dialect.name == "sqlite":
        attempt = attempt.replace("INSERT", "INSERT OR REPLACE")
    with pytest.raises(DBAPIError), database.begin() as connection:
        connection.execute(text(attempt))
    with database.connect() as connection:
        assert connection.execute(text("SELECT user_ref FROM audit")).scalars().all() == ["Practitioner/first"]


def test_postgresql_does_not_empty_it_either(database: Engine) -> None:
    if database.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DBAPIError, match="only added to"), database.begin() as connection:
        connection.execute(text("TRUNCATE audit"))
