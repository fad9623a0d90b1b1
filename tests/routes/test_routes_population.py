"""A population screened by the nightly run: what `evaluate` says of each patient, however the files are laid out."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from populations import DAY, Night, evaluated, night

from cds_service.population.local import Options
from cds_service.sandbox.population.generating import generate

SMALL = Options(piece_bytes=40_000, slot_bytes=4_000)
"""Some hundred pieces, four hundred groups of patients: lines end behind the pieces they begin in."""

Layout = Callable[[Path, Path], None]


@pytest.fixture(scope="session")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic population with every kind of dirt that small ones have."""
    folder = tmp_path_factory.mktemp("population") / "all"
    generate(120, 5, folder, DAY)
    return folder


@pytest.fixture(scope="session")
def expected(population: Path) -> dict[str, dict[str, Any]]:
    """What `evaluate` says of each of its patients."""
    return evaluated(population)


@pytest.fixture(scope="session")
def screened(population: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """What one process makes of the folder as it is."""
    return night(population, tmp_path_factory.mktemp("work"))


def test_the_population_is_dirty_and_not_everybody_is_considered(population: Path, screened: Night) -> None:
    header = json.loads((population / "population.json").read_text())
    assert {"escaped-slash", "absolute-reference", "spaced", "blank-line", "patient-twice"} <= header["dirt"].keys()
    assert 10 < screened.counts.considered < 20
    assert screened.counts.patients == 120
    assert screened.counts.absent > 0


def test_who_was_built_with_a_cancer_is_considered(population: Path, screened: Night) -> None:
    built = [json.loads(text)["patient"] for text in (population / "truth.ndjson").open()]
    assert {name.removeprefix("Patient/") for name in built} <= screened.documents.keys()


def test_each_assessment_is_that_of_evaluate(screened: Night, expected: dict[str, dict[str, Any]]) -> None:
    assert screened.documents == {name: expected[name] for name in screened.documents}


def test_nobody_who_was_left_out_could_be_listed(screened: Night, expected: dict[str, dict[str, Any]]) -> None:
    for name, document in expected.items():
        if name not in screened.documents:
            verdicts = {one["id"]: one["verdict"] for one in document["criteria"]}
            assert verdicts["histology"] != "pass"
            assert verdicts["stage-iv"] != "pass"


def sources(population: Path) -> list[Path]:
    """The files of resources, in order of their names."""
    return [path for path in sorted(population.glob("*.ndjson")) if path.name != "truth.ndjson"]


def as_it_is(source: Path, folder: Path) -> None:
    for path in sources(source):
        (folder / path.name).write_bytes(path.read_bytes())


def backwards(source: Path, folder: Path) -> None:
    for path in sources(source):
        (folder / path.name).write_bytes(b"\n".join(reversed(path.read_bytes().split(b"\n"))))


def shuffled_into_many(source: Path, folder: Path) -> None:
    """Three files a type, in folders of their own, the lines in any order, no line break at the end."""
    chance = random.Random(3)
    for path in sources(source):
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
        chance.shuffle(lines)
        for part in range(3):
            (folder / str(part)).mkdir(exist_ok=True)
            (folder / str(part) / f"{3 - part}.{path.stem}.ndjson").write_bytes(b"\n".join(lines[part::3]))


def zipped(source: Path, folder: Path) -> None:
    """Two gzip members a file, one name without .gz, Windows line ends."""
    for path in sources(source):
        lines = path.read_bytes().replace(b"\n", b"\r\n")
        middle = len(lines) // 2
        packed = gzip.compress(lines[:middle], 1) + gzip.compress(lines[middle:], 1)
        (folder / (path.name if path.stem == "Condition" else f"{path.name}.gz")).write_bytes(packed)


def in_one_file(source: Path, folder: Path) -> None:
    """All types in a file whose name tells none."""
    (folder / "everything.ndjson").write_bytes(b"".join(path.read_bytes() for path in sources(source)))


LARGE, WORKERS = Options(), Options(workers=2, piece_bytes=100_000, slot_bytes=50_000)


@pytest.mark.parametrize(
    ("layout", "options"),
    [
        (as_it_is, WORKERS),
        (backwards, SMALL),
        (shuffled_into_many, LARGE),
        (shuffled_into_many, WORKERS),
        (zipped, LARGE),
        (zipped, WORKERS),
        (in_one_file, SMALL),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"workers={value.workers},slots={value.slot_bytes}",
)
def test_the_layout_changes_nothing(
    population: Path, screened: Night, tmp_path: Path, layout: Layout, options: Options
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    layout(population, folder)
    found = night(folder, tmp_path / "work", options)
    assert found.documents == screened.documents
    assert found.counts.rows == screened.counts.rows
    assert (found.counts.patients, found.counts.absent) == (screened.counts.patients, screened.counts.absent)
    assert (found.counts.quarantined, found.counts.dropped) == (screened.counts.quarantined, screened.counts.dropped)
    assert found.outcome.problems == []
    assert found.records == screened.records or layout is zipped  # whose lines end otherwise


def test_small_pieces_and_slots_spill_to_many_files(population: Path, tmp_path: Path) -> None:
    night(population, tmp_path, SMALL)
    assert len(list(tmp_path.glob("gather-*.part"))) > 50
    assert len(list(tmp_path.glob("slot-*.rows"))) > 10
