"""The database goes away while a night is being stored: nothing half stored, a clear end, the same list afterwards."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from postgresql import postgresql_server
from screens import DAY, Hospital, lay_out, records
from sqlalchemy import Engine, create_engine, event, text
from test_screen_nights import died, holding, with_changes

from cds_service.store.opening import open_runs, upgrade

pytestmark = pytest.mark.integration

RECORDS = records()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


def new_database(server: str, name: str) -> str:
    engine = create_engine(server.format("postgres").replace("://", "+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    upgrade(server.format(name))
    return server.format(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def hospital(request: pytest.FixtureRequest, tmp_path: Path) -> Hospital:
    if request.param == "sqlite":
        return Hospital(tmp_path / "ours")
    number = abs(hash(request.node.name)) % 10**9
    return Hospital(tmp_path / "ours", new_database(request.getfixturevalue("server"), f"night_{number}"))


@contextmanager
def on_storing(happens: Callable[[Any], object]) -> Iterator[list[str]]:
    """Something happens as soon as the first assessments were written, before the run is stored as a whole."""
    happened: list[str] = []

    def watch(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO assessments") and not happened:
            happened.append(statement)
            happens(connection)

    event.listen(Engine, "after_cursor_execute", watch)
    try:
        yield happened
    finally:
        event.remove(Engine, "after_cursor_execute", watch)


def goes_away(connection: Any) -> None:
    """Every connection ends (PostgreSQL), or the disk is full (SQLite)."""
    if connection.dialect.name == "sqlite":
        connection.connection.execute("PRAGMA max_page_count=1")
        connection.connection.execute("CREATE TABLE more AS SELECT randomblob(10000000)")
    url = connection.engine.url
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as other:
        ends = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
        )
        other.execute(text(ends), {"name": url.database})
    engine.dispose()


def held(hospital: Hospital) -> list[Any]:
    store = hospital.store()
    try:
        return sorted(store.book.current("extend-op", documents=True), key=lambda one: one.number)
    finally:
        store.close()


def test_nothing_is_half_stored_and_resuming_ends_with_the_same_list(
    tmp_path: Path, hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    first = hospital.rows()[0]["patient"].removeprefix("Patient/")
    before, listed = held(hospital), hospital.list.read_text()
    lay_out(folder, with_changes(died(first)))
    tomorrow = DAY + timedelta(days=1)

    with on_storing(goes_away) as happened:
        assert hospital.screen(folder, day=tomorrow) == 4
    assert happened
    told = capsys.readouterr().err
    assert re.search(r"the database cannot be used \((OperationalError|AdminShutdown)\)", told)
    assert "what it held is as it was" in told
    assert "--resume" in told
    assert held(hospital) == before
    assert hospital.list.read_text() == listed

    control = Hospital(tmp_path / "control")
    assert control.screen(folder, day=tomorrow) == 0
    assert hospital.screen(folder, "--resume", day=tomorrow) == 0
    assert hospital.rows() == control.rows()
    assert f"Patient/{first}" not in {row["patient"] for row in hospital.rows()}


def test_a_holder_of_the_lock_that_was_killed_holds_it_no_more(tmp_path: Path, hospital: Hospital) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    other = holding(hospital.database)
    try:
        assert hospital.screen(folder) == 7
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
    assert hospital.screen(folder) == 0


def test_a_database_that_is_not_there_is_told_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg")
    away = Hospital(tmp_path / "ours", "postgresql://cds:secret@127.0.0.1:1/cds")
    assert away.screen(lay_out(tmp_path / "data", RECORDS)) == 2
    told = capsys.readouterr().err
    assert "CDS_DATABASE_URL: the database cannot be used" in told
    assert "secret" not in told


def test_a_run_that_lost_its_connection_lost_the_lock_and_ends_quietly(server: str) -> None:
    url = new_database(server, "two_at_once")
    with open_runs(url).runs.lock():
        engine = create_engine(url.replace("://", "+psycopg://"))
        with engine.connect() as connection:
            goes_away(connection)
        engine.dispose()
        with open_runs(url).runs.lock():
            pass
