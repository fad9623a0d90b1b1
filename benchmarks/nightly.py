"""How fast a population is screened, against a floor on the same files in the same run.

    python -m benchmarks.nightly [--patients 20000 80000] [--rounds 3] [--engine local]

The floor is one process that runs `orjson.loads` on every line of the same files, its start not counted. `screen` is
the whole command as a process of its own: start, reading, assessing, storing in a fresh SQLite database, writing the
list. Rounds alternate between the two, so that a busy machine slows both; the figures are medians. Beside the wall time
stands the processor time of all processes together, which a busy machine changes less: where N cores are free, the wall
time can at best be an Nth of it. Memory is the sum of the proportional set sizes of all processes of the command,
looked at ten times a second (Linux). Populations are made once and kept in `--folder`. At the end the stored
assessments are held against what each patient was built for.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.accuracy import Judged, compared, judged, report
from cds_service.sandbox.population.generating import AS_OF, generate

COMMAND = Path(sys.executable).with_name("cds-service")
FLOOR = """
import sys, time
from pathlib import Path
import orjson
begun, lines = (time.perf_counter(), time.process_time()), 0
for path in sorted(Path(sys.argv[1]).glob("[A-Z]*.ndjson")):
    with path.open("rb") as file:
        for line in file:
            lines += 1
            try:
                orjson.loads(line)
            except orjson.JSONDecodeError:
                pass
print(time.perf_counter() - begun[0], time.process_time() - begun[1], lines)
"""
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took: seconds on the wall, of processors; megabytes; seconds by phase."""

    wall: float
    processor: float
    megabytes: float = 0.0
    phases: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The medians for one population."""

    patients: int
    floor: Taken
    screen: Taken


def main() -> int:
    """The exit code: 0 where every patient is judged as built."""
    asked = _arguments()
    measured, wrong = [], 0
    for patients in asked.patients:
        folder = _population(asked.folder, patients, asked.seed)
        found, differences = _measure(folder, patients, asked.rounds, asked.engine)
        measured.append(found)
        wrong += differences
    for before, after in pairwise(measured):
        _print_scaling(before, after)
    return 1 if wrong else 0


def _population(parent: Path, patients: int, seed: int) -> Path:
    """The population, made where it is not there yet; its description is written last."""
    folder = parent / f"{patients}-{seed}"
    if not (folder / "population.json").exists():
        print(f"making {patients:,} patients in {folder} ...", file=sys.stderr)
        generate(patients, seed, folder, workers=os.cpu_count() or 1)
    return folder


def _measure(folder: Path, patients: int, rounds: int, engine: str) -> tuple[Measured, int]:
    floors: list[Taken] = []
    screens: list[Taken] = []
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(rounds):
            floors.append(floor(folder))
            screens.append(screen(folder, Path(temporary) / str(number), engine))
        judgments = list(_judgments(Path(temporary) / str(rounds - 1) / "db.sqlite"))
    measured = Measured(patients, _median(floors), _median(screens))
    _print_measured(measured, sum(path.stat().st_size for path in folder.glob("[A-Z]*.ndjson")))
    confusion, differences = compared(folder, judgments)
    report(confusion, differences)
    return measured, len(differences)


def floor(folder: Path) -> Taken:
    """One process, `orjson.loads` on every line."""
    said = subprocess.run([sys.executable, "-c", FLOOR, str(folder)], capture_output=True, check=True)
    wall, processor, _ = said.stdout.split()
    return Taken(float(wall), float(processor))


def screen(folder: Path, place: Path, engine: str) -> Taken:
    """The whole command, with a database and a work folder of its own."""
    place.mkdir()
    database = place / "db.sqlite"
    words = [COMMAND, "screen", folder, "--as-of", AS_OF.isoformat(), "--engine", engine]
    words += ["--db", f"sqlite:///{database}", "--out", place / "list.csv"]
    environment = os.environ | {"CDS_WORK_DIR": str(place / "work")}
    begun = time.perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with Watch(process.pid) as watch:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"screen ended with {process.returncode}: {said.decode().splitlines()[-1]}")
    return Taken(wall, used.ru_utime + used.ru_stime, watch.most, tuple(_phases(database)))


class Watch:
    """Looks at the memory of a process and all that it started, while the body runs; `most` is in megabytes."""

    def __init__(self, root: int) -> None:
        self.most = 0.0
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self.most = max(self.most, sum(map(_megabytes, _family(self._root))))


def _family(root: int) -> Iterator[int]:
    """A process and its descendants, as far as the system tells."""
    yield root
    for children in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:
            continue
        for child in found:
            yield from _family(int(child))


def _megabytes(process: int) -> float:
    """The proportional set size: a page shared by two processes counts half for each."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _phases(database: Path) -> Iterator[tuple[str, float]]:
    with sqlite3.connect(database) as connection:
        (counts,) = connection.execute("SELECT counts FROM runs").fetchone()
    yield from json.loads(counts)["seconds"].items()


def _judgments(database: Path) -> Iterator[Judged]:
    with sqlite3.connect(database) as connection:
        for (packed,) in connection.execute("SELECT document FROM assessments"):
            document = json.loads(zlib.decompress(packed))
            outcomes = ((one["id"], one["verdict"]) for one in document["criteria"])
            yield judged(document["patient"], document["status"], outcomes)


def _median(taken: list[Taken]) -> Taken:
    phases = {name: [dict(one.phases)[name] for one in taken] for name, _ in taken[0].phases}
    return Taken(
        statistics.median(one.wall for one in taken),
        statistics.median(one.processor for one in taken),
        statistics.median(one.megabytes for one in taken),
        tuple((name, statistics.median(seconds)) for name, seconds in phases.items()),
    )


def _print_measured(found: Measured, size: int) -> None:
    floor, screen = found.floor, found.screen
    print(f"\n{found.patients:,} patients, {size / 1e6:,.0f} MB, {os.cpu_count()} cores")
    print(f"  floor   {floor.wall:7.2f} s  {floor.processor:7.2f} s of processors")
    print(
        f"  screen  {screen.wall:7.2f} s  {screen.processor:7.2f} s of processors  {screen.megabytes:,.0f} MB"
        f"  ({screen.wall / floor.wall:.2f} x the floor, {screen.processor / floor.processor:.2f} x of processors)"
    )
    rest = screen.wall - sum(seconds for _, seconds in screen.phases)
    phases = "  ".join(f"{name} {seconds:.2f}" for name, seconds in screen.phases)
    print(f"          {phases}  start, storing and list {rest:.2f} s")


def _print_scaling(before: Measured, after: Measured) -> None:
    times = after.patients / before.patients
    wall = after.screen.wall / before.screen.wall
    processor = after.screen.processor / before.screen.processor
    memory = after.screen.megabytes / before.screen.megabytes if before.screen.megabytes else float("nan")
    ratios = f"{wall:.2f} x the time ({processor:.2f} x of processors), {memory:.2f} x the memory"
    print(f"\n{times:g} x the patients: {ratios}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--patients", type=int, nargs="+", default=[20_000, 80_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=("local", "spark"), default="local")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmark"), help="where populations are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
