"""Where the ledger is kept, who may read it, and what is said when it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledgers import card, sqlite_store, wait_for

from cds_service.errors import ConfigurationError
from cds_service.store.engines import database_url
from cds_service.store.opening import open_store, upgrade


def test_without_a_setting_it_is_a_file_under_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/nurse/data")
    assert str(database_url(None)) == "sqlite:////home/nurse/data/cds-service/cds-service.sqlite"


@pytest.mark.parametrize("name", ["postgresql://h/n", "postgres://h/n", "postgresql+psycopg2://h/n"])
def test_postgresql_is_reached_by_its_one_driver(name: str) -> None:
    assert database_url(name).drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "wrong", ["", "cds.sqlite", "sqlite://", "sqlite:///:memory:", "mysql://h/n", "oracle://h", "://"]
)
def test_another_database_is_refused_and_the_setting_named(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="CDS_DATABASE_URL"):
        database_url(wrong)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////proc/cds/ledger.sqlite",
        "sqlite:////dev/null/ledger.sqlite",
        "postgresql://nurse:s3cret@127.0.0.1:1/ledger?connect_timeout=2",
    ],
)
def test_a_database_that_is_not_to_be_had_is_a_wrong_setting(url: str) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    for attempt in (open_store, upgrade):
        with pytest.raises(ConfigurationError, match="CDS_DATABASE_URL") as raised:
            attempt(url)
        assert "s3cret" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("no database\n" * 100)
    with pytest.raises(ConfigurationError, match="CDS_DATABASE_URL"):
        open_store(f"sqlite:///{tmp_path}/x.sqlite")


def test_memory_has_nothing_to_upgrade() -> None:
    with pytest.raises(ConfigurationError, match="memory"):
        upgrade("memory:")


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with sqlite_store(tmp_path / "made") as store:
            wait_for(store.ledger.cards.shown(card()))
            for file in (tmp_path / "made").iterdir():
                assert file.stat().st_mode & 0o077 == 0, file.name
            assert (tmp_path / "made").stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)


def test_what_one_process_writes_another_reads(tmp_path: Path) -> None:
    with sqlite_store(tmp_path) as store:
        wait_for(store.ledger.cards.shown(card()))
        with sqlite_store(tmp_path) as other:
            assert wait_for(other.ledger.cards.find("c1")) == card()


CLAIM = """
import asyncio, sys
from datetime import UTC, datetime
from cds_service.store.opening import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
async def claim():
    until = datetime(2099, 1, 1, tzinfo=UTC)
    return [await store.ledger.replays.claim("https://ehr.example", str(n), until) for n in range(200)]
print("".join("1" if first else "0" for first in asyncio.run(claim())))
store.close()
"""


def test_of_two_processes_with_the_same_tokens_each_token_admits_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    open_store(url).close()
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for _ in range(2)
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    first, second = (process.communicate(timeout=60)[0].strip() for process in racing)
    assert len(first) == len(second) == 200
    assert all({one, other} == {"0", "1"} for one, other in zip(first, second, strict=True))
