"""What is written soon is written: while others hold the file, after it was away, and when the service stops."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers import NOON, card, entry, later, sqlite_store, wait_for
from sqlalchemy import text

from cds_service.store import writing
from cds_service.store.engines import database_url, open_engine
from cds_service.store.opening import Store
from cds_service.store.writing import WriteBehind


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with sqlite_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[tuple[WriteBehind, sqlite3.Connection]]:
    """A writer over a table of its own, and another process's view of it."""
    engine = open_engine(database_url(f"sqlite:///{tmp_path}/notes.sqlite"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (n INTEGER CHECK (n >= 0))"))
    purged = threading.Event()
    writer = WriteBehind(engine, lambda connection: purged.set())
    other = sqlite3.connect(tmp_path / "notes.sqlite", isolation_level=None, check_same_thread=False)
    yield writer, other
    writer.close()
    other.close()
    engine.dispose()


NOTE = text("INSERT INTO notes VALUES (:n)")


def noted(other: sqlite3.Connection) -> list[int]:
    return [n for (n,) in other.execute("SELECT n FROM notes ORDER BY rowid")]


def test_rows_are_written_in_order(notes: tuple[WriteBehind, sqlite3.Connection]) -> None:
    writer, other = notes
    for n in range(1200):
        writer.add(NOTE, {"n": n})
    assert writer.flush()
    assert noted(other) == list(range(1200))
    assert writer.healthy


def test_closing_writes_what_waits(notes: tuple[WriteBehind, sqlite3.Connection]) -> None:
    writer, other = notes
    writer.add(NOTE, {"n": 7})
    writer.close()
    assert noted(other) == [7]


def test_nothing_noted_needs_no_thread(notes: tuple[WriteBehind, sqlite3.Connection]) -> None:
    before = threading.active_count()
    assert notes[0].flush()
    notes[0].close()
    assert threading.active_count() == before


def test_a_row_no_database_takes_costs_only_itself(
    notes: tuple[WriteBehind, sqlite3.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    writer, other = notes
    for n in (1, 2, -424242, 3):
        writer.add(NOTE, {"n": n})
    assert writer.flush()
    assert noted(other) == [1, 2, 3]
    assert not writer.healthy
    assert writer.lost == 1
    assert "424242" not in caplog.text


def test_rows_wait_for_a_database_that_is_away(
    notes: tuple[WriteBehind, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.02)
    writer, other = notes
    other.execute("ALTER TABLE notes RENAME TO elsewhere")
    writer.add(NOTE, {"n": 1})
    writer.add(NOTE, {"n": 2})
    assert not writer.flush(0.2)
    assert not writer.healthy
    assert "store write failed" in caplog.text
    other.execute("ALTER TABLE elsewhere RENAME TO notes")
    assert writer.flush()
    assert noted(other) == [1, 2]
    assert writer.healthy


def test_only_so_many_rows_wait(
    notes: tuple[WriteBehind, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writing, "WAITING_AT_MOST", 3)
    monkeypatch.setattr(writing, "RETRY_SECONDS", 0.02)
    writer, other = notes
    other.execute("ALTER TABLE notes RENAME TO elsewhere")
    for n in range(5):
        writer.add(NOTE, {"n": n})
    assert writer.lost == 2
    other.execute("ALTER TABLE elsewhere RENAME TO notes")
    assert writer.flush()
    assert noted(other) == [0, 1, 2]
    assert not writer.healthy
    assert "rows_lost=1" in caplog.text


def test_a_claim_waits_for_another_process_without_holding_up_the_loop(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def claim_meanwhile() -> tuple[bool, int]:
        claiming = asyncio.create_task(store.ledger.replays.claim("a", "1", later(days=1)))
        turns = 0
        while not claiming.done() and turns < 50:
            await asyncio.sleep(0.01)
            turns += 1
            if turns == 10:
                other.execute("COMMIT")
        return await claiming, turns

    claimed, turns = asyncio.run(claim_meanwhile())
    assert claimed
    assert turns >= 10
    other.close()


def test_reading_goes_on_while_another_process_writes(store: Store, tmp_path: Path) -> None:
    wait_for(store.ledger.cards.shown(card()))
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM cards")
    assert wait_for(store.ledger.cards.find("c1")) == card()
    other.close()


def test_the_next_process_finds_what_was_noted_before_the_last_one_stopped(tmp_path: Path) -> None:
    with sqlite_store(tmp_path) as store:
        store.ledger.audit.note(entry())
    with sqlite_store(tmp_path) as again:
        assert wait_for(again.ledger.audit.entries()) == (entry(),)


def test_tokens_are_forgotten_once_they_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PURGE_SECONDS", 0.0)
    with sqlite_store(tmp_path, now=lambda: NOON) as store:
        assert wait_for(store.ledger.replays.claim("a", "ended", NOON - timedelta(seconds=1)))
        assert wait_for(store.ledger.replays.claim("a", "lasting", NOON + timedelta(seconds=1)))
        store.ledger.audit.note(entry())
        wait_for(store.ledger.audit.entries())
        store.close()
    with sqlite_store(tmp_path) as again:
        assert wait_for(again.ledger.replays.claim("a", "ended", NOON))
        assert not wait_for(again.ledger.replays.claim("a", "lasting", NOON))
