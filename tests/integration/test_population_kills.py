"""A nightly run killed at any moment, and taken up again: the same list, the same assessments, nobody lost or twice."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import call
from killing import at_file, at_statement, killed_at, steps_of
from populations import DAY

from cds_service.sandbox.population.generating import generate
from cds_service.store.opening import open_runs

pytestmark = pytest.mark.integration

COMMAND = Path(sys.executable).with_name("cds-service")
Stored = list[tuple[str, str, str, bytes]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run works: its list, its database, its work folder."""

    folder: Path
    source: Path

    @property
    def list(self) -> Path:
        return self.folder / "list.csv"

    @property
    def words(self) -> tuple[str, ...]:
        database = f"sqlite:///{self.folder / 'db.sqlite'}"
        return (
            "screen",
            str(self.source),
            "--as-of",
            DAY.isoformat(),
            "--all",
            "--db",
            database,
            "--out",
            str(self.list),
        )

    def stored(self) -> Stored:
        """What the database holds of each patient."""
        with sqlite3.connect(self.folder / "db.sqlite") as connection:
            rows = connection.execute("SELECT patient_id, status, fingerprint, document FROM assessments").fetchall()
        return sorted((one, status, said, zlib.decompress(document)) for one, status, said, document in rows)

    def runs(self) -> list[tuple[str, ...]]:
        """The states of the runs in the database."""
        with sqlite3.connect(self.folder / "db.sqlite") as connection:
            return connection.execute("SELECT state FROM runs").fetchall()


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run that nothing happened to: its list, what it stored, its time as a process of its own, its steps."""

    source: Path
    list: bytes
    stored: Stored
    seconds: float
    files: int
    statements: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    source = tmp_path_factory.mktemp("kills") / "source"
    generate(60, 5, source, DAY, files=2)
    place = begin(source.parent / "whole", source)
    begun = time.perf_counter()
    subprocess.run([COMMAND, *place.words], env=environment(place, 2), capture_output=True, check=True)
    took = time.perf_counter() - begun
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDS_SCREEN_WORKERS", "1")
        patch.setenv("CDS_WORK_DIR", str(place.folder / "work"))
        files = steps_of(at_file, *begin(source.parent / "files", source).words)
        statements = steps_of(at_statement, *begin(source.parent / "statements", source).words)
    found = Undisturbed(source, place.list.read_bytes(), place.stored(), took, files, statements)
    assert found.list.count(b"\n") == len(found.stored) + 1 > 5
    assert files > 30
    return found


def begin(folder: Path, source: Path) -> Place:
    """A folder with an empty database of this version."""
    folder.mkdir(exist_ok=True)
    empty = source.parent / "empty.sqlite"
    if not empty.exists():
        open_runs(f"sqlite:///{empty}").close()
    shutil.copy(empty, folder / "db.sqlite")
    return Place(folder, source)


@pytest.fixture
def place(undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = begin(tmp_path, undisturbed.source)
    for name, value in environment(found, 1).items():
        monkeypatch.setenv(name, value)
    return found


def environment(place: Place, workers: int) -> dict[str, str]:
    return dict(os.environ) | {"CDS_WORK_DIR": str(place.folder / "work"), "CDS_SCREEN_WORKERS": str(workers)}


def assert_as_undisturbed(place: Place, undisturbed: Undisturbed) -> None:
    assert place.list.read_bytes() == undisturbed.list
    assert place.stored() == undisturbed.stored
    assert list((place.folder / "work").glob("*/*")) == []


# The moments are drawn over the whole time, start included, for four tests of five so that they can run side by side.
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment_and_resumed_a_run_gives_the_same_list(
    undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(5):
        place = begin(tmp_path / str(number), undisturbed.source)
        process = subprocess.Popen(
            [COMMAND, *place.words], env=environment(place, 2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.random() * undisturbed.seconds)
        process.kill()
        process.wait()
        monkeypatch.setenv("CDS_WORK_DIR", str(place.folder / "work"))
        assert call(*place.words, "--resume") == 0
        assert_as_undisturbed(place, undisturbed)
        assert ("complete",) in place.runs()


@pytest.mark.parametrize("part", range(8))
def test_killed_after_any_file_put_in_place_and_resumed_a_run_gives_the_same_list(
    undisturbed: Undisturbed, place: Place, part: int
) -> None:
    killed_at(1 + part * (undisturbed.files - 1) // 7, at_file, *place.words)
    assert call(*place.words, "--resume") == 0
    assert_as_undisturbed(place, undisturbed)
    assert place.runs() == [("complete",)]


def test_killed_while_the_run_is_stored_and_resumed_nobody_is_lost_and_nobody_is_stored_twice(
    undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statements of a run store it in one transaction, and read the list of it."""
    held = []
    for back in range(1, 7):
        place = begin(tmp_path / str(back), undisturbed.source)
        for name, value in environment(place, 1).items():
            monkeypatch.setenv(name, value)
        killed_at(undisturbed.statements - back, at_statement, *place.words)
        held.append(len(place.stored()))
        assert call(*place.words, "--resume") == 0
        assert_as_undisturbed(place, undisturbed)
        assert place.runs() == [("complete",)]
    assert {*held} == {0, len(undisturbed.stored)}, "a run was stored in part, or the kills missed the storing"


def test_a_run_with_another_day_begins_anew_where_a_killed_one_left_off(
    undisturbed: Undisturbed, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    killed_at(undisturbed.files - 3, at_file, *(word.replace(DAY.isoformat(), "2027-01-15") for word in place.words))
    capsys.readouterr()
    assert call(*place.words, "--resume") == 0
    assert "nothing to resume: the files, the rules or the day are others now" in capsys.readouterr().err
    assert_as_undisturbed(place, undisturbed)
