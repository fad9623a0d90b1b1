"""The migrations make the tables the models describe, from nothing and back, and only once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledgers import card, wait_for
from sqlalchemy import Engine, inspect, text

from cds_service.errors import ConfigurationError
from cds_service.store import schema
from cds_service.store.engines import database_url, open_engine
from cds_service.store.models import HEAD, Table
from cds_service.store.opening import open_store, upgrade

MIGRATIONS = Path(schema.__file__).with_name("migrations")


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("empty_database"))
    return f"sqlite:///{tmp_path}/new folder/100%.sqlite"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(database_url(url))
    yield opened
    opened.dispose()


def test_the_models_stand_for_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(scripts()).get_heads() == [HEAD]


def test_the_migrations_make_what_the_models_describe(engine: Engine) -> None:
    assert schema.upgrade(engine) == (None, HEAD)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_an_upgrade_of_what_is_upgraded_keeps_everything(url: str) -> None:
    assert upgrade(url) == (None, HEAD)
    store = open_store(url)
    wait_for(store.ledger.cards.shown(card()))
    store.close()
    assert upgrade(url) == (HEAD, HEAD)
    again = open_store(url)
    assert wait_for(again.ledger.cards.find("c1")) == card()
    again.close()


def test_migrations_can_be_taken_back(engine: Engine) -> None:
    schema.upgrade(engine)
    config = scripts()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert schema.upgrade(engine) == (None, HEAD)


def test_a_database_of_a_newer_version_is_left_alone(engine: Engine, url: str) -> None:
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer version"):
        open_store(url)


def test_postgresql_is_prepared_by_its_operator(empty_database: str) -> None:
    with pytest.raises(ConfigurationError, match="cds-service db upgrade"):
        open_store(empty_database)


def test_processes_that_start_together_upgrade_once(url: str, tmp_path: Path) -> None:
    program = "import sys; from cds_service.store.opening import upgrade; print(upgrade(sys.argv[1])[0])"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [process.communicate(timeout=60) for process in started]
    assert all(process.returncode == 0 for process in started), said
    assert sorted(out.strip() for out, _ in said) == [HEAD, HEAD, "None"]
