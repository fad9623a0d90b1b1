"""Several processes at one kind of work: each takes the next piece when it is done with the last.

Results come back in the order they are ready. A worker whose run was killed ends by itself.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from cds_service.errors import CdsServiceError, SourceError

D = TypeVar("D")
T = TypeVar("T")
R = TypeVar("R")

_LOOK_SECONDS = 0.3
COLLECT_RARELY = (100_000, 50, 100)
"""Thresholds of the garbage collector for work that makes many objects and no circles."""
_LOST = "a worker process ended before its time (out of memory?): run again with --resume"


class Crew(Generic[D]):
    """So many worker processes with the same desk to work at; one worker works here, without a process.

    `desk` is what every piece of work needs: it is shared with the workers, not sent to them,
    where the system can fork.
    """

    def __init__(self, workers: int, desk: D) -> None:
        self._desk = desk
        self._idle: list[Connection] = []
        self._processes: list[BaseProcess] = []
        if workers > 1:
            self._start(workers)

    def __enter__(self) -> Crew[D]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, workers: int) -> None:
        """Fork where that can be: the catalog is then shared, not loaded anew."""
        methods = multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
        gc.freeze()
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(theirs, [ours, *self._idle], os.getpid(), self._desk), daemon=True
            )
            process.start()
            theirs.close()
            self._idle.append(ours)
            self._processes.append(process)

    def each(self, work: Callable[[D, T], R], pieces: Iterable[T]) -> Iterator[R]:
        """The result of the work for every piece. Raises what the work raises."""
        if not self._processes:
            yield from (work(self._desk, piece) for piece in pieces)
            return
        waiting = iter(pieces)
        busy = [connection for connection in self._idle if _give(connection, work, waiting)]
        while busy:
            for ready in wait(busy):
                assert isinstance(ready, Connection)  # noqa: S101  only connections were given
                result = _take(ready)
                if not _give(ready, work, waiting):
                    busy.remove(ready)
                yield result

    def close(self) -> None:
        """End the workers, whatever they are at."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        for connection in self._idle:
            connection.close()
        self._processes.clear()
        self._idle.clear()


def _give(connection: Connection, work: Callable[[D, T], R], waiting: Iterator[T]) -> bool:
    for piece in waiting:
        try:
            connection.send((work, piece))
        except OSError:
            raise SourceError(_LOST) from None
        return True
    return False


def _take(connection: Connection) -> Any:  # noqa: ANN401  whatever the work gives
    try:
        result, error = connection.recv()
    except (EOFError, OSError):
        raise SourceError(_LOST) from None
    if error is not None:
        raise error
    return result


def _work(connection: Connection, others: list[Connection], parent: int, desk: D) -> None:
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*COLLECT_RARELY)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            work, piece = connection.recv()
            connection.send(_done(work, desk, piece))


def _done(work: Callable[[D, T], R], desk: D, piece: T) -> tuple[R | None, Exception | None]:
    try:
        return work(desk, piece), None
    except CdsServiceError as error:
        return None, error
    except Exception as error:
        # Its words may hold a record's: only the kind and the place are told.
        return None, RuntimeError(f"{type(error).__name__} in a worker, {place_of(error)}")


def place_of(error: BaseException) -> str:
    """The function and line in which an error came up."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "at an unknown place" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"


def _end_with(parent: int) -> None:
    """End this worker when the run that started it is gone."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
