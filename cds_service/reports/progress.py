"""How far a long run has come: a bar on a terminal, plain lines otherwise, both on standard error."""

from __future__ import annotations

import time
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cds_service.screening.overnight import Done

PHASES = {
    "survey": "looking for evidence of cancer",
    "gather": "reading",
    "late": "reading again for patients found late",
    "assess": "assessing",
    "exporting": "waiting for the server's export",
    "fetching": "fetching files",
    "searching": "searching",
}
_LINE_SECONDS = 5.0
_MEGABYTE = 1 << 20


class ProgressReport:
    """Takes what an engine tells of itself and shows it. Nothing runs beside it: workers may be forked at any time."""

    def __init__(self, out: TextIO) -> None:
        console = Console(file=out)
        self._out = out
        self._began = self._said = time.monotonic()
        self._phase = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[rate]}"),
            )
            self._bar = Progress(
                *columns,
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                auto_refresh=False,
                transient=True,
            )

    def __enter__(self) -> ProgressReport:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        """Show that so much of a phase is done."""
        begun = phase != self._phase
        if begun:
            self._phase, self._began = phase, time.monotonic()
        if self._bar is not None:
            self._show(self._bar, done, total, begun=begun)
        elif begun or done == total or time.monotonic() - self._said >= _LINE_SECONDS:
            self._said = time.monotonic()
            self._out.write(f"{self._line(done, total)}\n")
            self._out.flush()

    def _show(self, bar: Progress, done: int, total: int | None, *, begun: bool) -> None:
        if begun or self._task is None:
            if self._task is not None:
                bar.remove_task(self._task)
            self._task = bar.add_task(PHASES.get(self._phase, self._phase), total=total, rate="")
        bar.update(self._task, completed=done, total=total, rate=self._rate(done), refresh=True)

    def _line(self, done: int, total: int | None) -> str:
        words = PHASES.get(self._phase, self._phase)
        if not total:
            return f"{words}: {done}"
        passed = time.monotonic() - self._began
        left = f", {passed / done * (total - done):.0f} s left" if done and done < total else ""
        rate = self._rate(done)
        return f"{words}: {100 * done // total} %{', ' + rate if rate else ''}{left}"

    def _rate(self, done: int) -> str:
        """How fast: megabytes a second where bytes are counted."""
        passed = time.monotonic() - self._began
        if self._phase not in ("survey", "gather", "late") or passed < 0.5:
            return ""
        return f"{done / _MEGABYTE / passed:.0f} MB/s"


def told_of_run(done: Done) -> str:
    """A run in one line: what was read, considered and found, what changed, how long it took."""
    run, saved = done.run, done.saved
    counts = run.counts
    found = ", ".join(f"{counts.statuses.get(name, 0)} {name}" for name in ("candidate", "possible", "ineligible"))
    unchanged = f" ({counts.unchanged} unchanged)" if counts.unchanged else ""
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at is not None else 0.0
    return (
        f"{counts.patients} patients, {sum(counts.rows.values())} resources; {counts.considered} considered{unchanged}:"
        f" {found}; {saved.new} new, {saved.changed} changed, {saved.vanished} vanished; {seconds:.1f} s"
    )
