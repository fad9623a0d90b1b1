"""The generator as a command: progress and rate on standard error, the counts at the end."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn

from cds_service.sandbox.population.generating import AS_OF, Made, generate

_PLAIN_EVERY = 10_000


class _Rate(ProgressColumn):
    """Patients a second."""

    def render(self, task: Task) -> str:
        """The rate so far."""
        speed = task.finished_speed or task.speed
        return f"{speed:,.0f} patients/s" if speed else ""


def generate_with_progress(
    patients: int, seed: int, out: Path, as_of: date | None, *, files: int, gzip: bool, workers: int | None
) -> None:
    """Writes the population; a bar on a terminal, plain lines otherwise, all on standard error."""
    console = Console(stderr=True, highlight=False)
    using = workers or os.cpu_count() or 1
    started = perf_counter()
    columns = (TextColumn("patients"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=patients)
        plain = _PlainLines(patients, silent=console.is_terminal)

        def tell(more: int) -> None:
            bar.advance(task, more)
            plain.tell(more)

        made = generate(patients, seed, out, as_of or AS_OF, files=files, gzip=gzip, workers=using, progress=tell)
    _say(console, made, out, perf_counter() - started)


class _PlainLines:
    """A line now and then, where there is no terminal."""

    def __init__(self, total: int, *, silent: bool) -> None:
        self._total = total
        self._silent = silent
        self._done = 0

    def tell(self, more: int) -> None:
        """So many patients more."""
        before, self._done = self._done, self._done + more
        if not self._silent and self._done // _PLAIN_EVERY > before // _PLAIN_EVERY:
            print(f"{self._done:,} of {self._total:,} patients", file=sys.stderr, flush=True)  # noqa: T201  progress


def _say(console: Console, made: Made, out: Path, seconds: float) -> None:
    resources = sum(made.resources.values())
    built = ", ".join(f"{count:,} {status}" for status, count in sorted(made.built_for.items()))
    console.print(
        f"{out}: {made.patients:,} patients, {resources:,} lines ({made.bytes / 1e6:,.0f} MB)"
        f" in {seconds:,.1f} s, {made.patients / seconds:,.0f} patients/s\n"
        f"built for an outcome: {made.relevant:,} ({built}), see truth.ndjson",
        soft_wrap=True,
    )
