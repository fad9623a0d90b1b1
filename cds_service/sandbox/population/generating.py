"""A synthetic population written to a folder: the files as they stream, the truth, and what was made."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from cds_service.errors import UsageError
from cds_service.sandbox.population.blocks import Block, block
from cds_service.sandbox.population.people import Recipe

AS_OF = date(2026, 11, 22)
"""The day the population is made for where none is named: fixed, so that a seed always gives the same bytes."""

HEADER = "population.json"
_AHEAD = 2
_WORTH_PROCESSES = 12
"""Blocks below which starting processes costs more than it saves."""

Progress = Callable[[int], None]
"""Told how many more patients are written."""


@dataclass(slots=True)
class Made:
    """What a population holds."""

    patients: int = 0
    relevant: int = 0
    bytes: int = 0
    resources: Counter[str] = field(default_factory=Counter)
    built_for: Counter[str] = field(default_factory=Counter)
    dirt: Counter[str] = field(default_factory=Counter)

    def add(self, part: Block) -> None:
        """Count one block more."""
        self.patients += part.patients
        self.relevant += part.relevant
        self.bytes += sum(len(text) for text in part.files.values())
        self.resources.update(part.resources)
        self.built_for.update(part.built_for)
        self.dirt.update(part.dirt)


def generate(
    patients: int,
    seed: int,
    out: Path,
    as_of: date = AS_OF,
    *,
    files: int = 1,
    gzip: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Made:
    """What was written to `out`: bulk NDJSON by resource type, `truth.ndjson`, and `population.json` last.

    The bytes depend on patients, seed, day, files and gzip, not on the workers. Raises UsageError
    where `out` holds something already or cannot be written.
    """
    recipe = Recipe(patients, seed, as_of, files, gzip)
    folder = _empty(out)
    made = Made()
    try:
        with ExitStack() as open_files:
            handles: dict[str, BinaryIO] = {}
            for part in _made(recipe, workers):
                for name, text in part.files.items():
                    if name not in handles:
                        handles[name] = open_files.enter_context((folder / name).open("wb"))
                    handles[name].write(text)
                made.add(part)
                if progress:
                    progress(part.patients)
        (folder / HEADER).write_bytes(msgspec.json.format(msgspec.json.encode(_header(recipe, made))) + b"\n")
    except OSError as error:
        raise UsageError(f"{folder}: it cannot be written ({error.strerror or type(error).__name__})") from None
    return made


def _empty(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        taken = any(out.iterdir())
    except OSError as error:
        raise UsageError(f"{out}: it cannot be written ({error.strerror or type(error).__name__})") from None
    if taken:
        raise UsageError(f"{out}: the folder is not empty; name a new one, so that two populations are never mixed")
    return out


def _made(recipe: Recipe, workers: int) -> Iterator[Block]:
    """The blocks in their order; with several workers a few are made ahead, never more than a handful are held."""
    if workers == 1 or recipe.blocks < _WORTH_PROCESSES:
        yield from (block(recipe, number) for number in range(recipe.blocks))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Block]] = deque()
        for number in range(recipe.blocks):
            waiting.append(pool.submit(block, recipe, number))
            if len(waiting) > workers * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _header(recipe: Recipe, made: Made) -> dict[str, Any]:
    return {
        "about": "synthetic population of cds-service; nobody in it is real",
        "patients": recipe.patients,
        "seed": recipe.seed,
        "as_of": recipe.as_of.isoformat(),
        "files_per_type": recipe.files,
        "gzip": recipe.gzip,
        "lines": dict(sorted(made.resources.items())),
        "relevant": made.relevant,
        "built_for": dict(sorted(made.built_for.items())),
        "dirt": dict(sorted(made.dirt.items())),
    }
