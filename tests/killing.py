"""Runs of the command line that end as by `kill -9`, after a chosen number of steps of a kind."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command_line import call
from sqlalchemy import Engine, event

_FORK = multiprocessing.get_context("fork")


def at_file(step: Callable[[], None]) -> None:
    """A step whenever a file written aside was put in place."""
    put = Path.replace

    def replace(self: Path, target: Any) -> Any:
        done = put(self, target)
        step()
        return done

    Path.replace = replace  # type: ignore[method-assign]


def at_statement(step: Callable[[], None]) -> None:
    """A step whenever the database is about to be told something."""
    event.listen(Engine, "before_cursor_execute", lambda *_: step())


def steps_of(watch: Callable[[Callable[[], None]], None], *words: str) -> int:
    """How many steps of a kind the command takes when nothing disturbs it."""
    ours, theirs = _FORK.Pipe()

    def run() -> None:
        count = [0]

        def step() -> None:
            count[0] += 1

        watch(step)
        code = call(*words)
        theirs.send((code, count[0]))

    _process(run)
    code, count = ours.recv()
    assert code == 0
    return int(count)


def killed_at(step_number: int, watch: Callable[[Callable[[], None]], None], *words: str) -> None:
    """Run the command in a process that is killed at a step, with no word to anybody."""

    def run() -> None:
        left = [step_number]

        def step() -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        watch(step)
        call(*words)

    assert _process(run) == -signal.SIGKILL


def _process(run: Callable[[], None]) -> int:
    process = _FORK.Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode
