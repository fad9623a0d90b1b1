"""How much processor time a patient-view takes, against a floor in the same process: no sockets, no other process.

    .venv/bin/python -m benchmarks.asgi [--rounds 7] [--calls 40] [--profile same|fresh]

Steadier than `benchmarks.hook` on a busy machine: it counts the time of the thread that answers, whole middleware
stack included, and leaves out what the kernel and the client take. Bodies and floor are those of `benchmarks.hook`.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from benchmarks.hook import DAY, HOOK, add_floor, bodies
from cds_service.config import read_settings
from cds_service.web.app import create_app, spare_the_collector

_CHUNK = 65_536


async def call(app: FastAPI, path: str, body: bytes) -> None:
    """One POST, its body in pieces as a server hands them over; raises where it is not answered with 200."""
    pieces = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)]
    left = iter(range(len(pieces)))
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        at = next(left)
        return {"type": "http.request", "body": pieces[at], "more_body": at < len(pieces) - 1}

    async def send(message: dict[str, Any]) -> None:
        status.append(message.get("status", 200))

    await app(_scope(path, len(body)), receive, send)
    if status[:1] != [200]:
        raise RuntimeError(f"{path} answered {status[:1]}")


def _scope(path: str, length: int) -> dict[str, Any]:
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def measured(app: FastAPI, rounds: int, calls: int) -> dict[str, list[float]]:
    """Milliseconds a call of each kind, one number a round; rounds alternate between the kinds."""
    different = bodies()
    same = repeat(next(different))
    kinds: dict[str, tuple[str, Iterator[bytes]]] = {
        "floor": ("/floor", same),
        "same": (HOOK, same),
        "fresh": (HOOK, different),
    }
    for path, sent in kinds.values():
        await call(app, path, next(sent))
    spare_the_collector()
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (path, sent) in kinds.items():
            ready = [next(sent) for _ in range(calls)]
            started = time.thread_time()
            for body in ready:
                await call(app, path, body)
            found[name].append((time.thread_time() - started) / calls * 1000)
    return found


async def profiled(app: FastAPI, kind: str, calls: int) -> None:
    """Where the time of one kind of call goes."""
    different = bodies()
    body = next(different)
    await call(app, HOOK, body)
    sent: Callable[[], bytes] = (lambda: body) if kind == "same" else (lambda: next(different))
    profile = cProfile.Profile()
    for _ in range(calls):
        ready = sent()
        profile.enable()
        await call(app, HOOK, ready)
        profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--profile", choices=["same", "fresh"], default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CDS_DATABASE_URL"] = f"sqlite:///{Path(folder) / 'ledger.sqlite'}"
        os.environ["CDS_LOG_LEVEL"] = "WARNING"
        app = create_app(read_settings(), today=lambda: DAY)
        add_floor(app)
        if asked.profile:
            asyncio.run(profiled(app, asked.profile, asked.calls))
            return
        found = asyncio.run(measured(app, asked.rounds, asked.calls))
    floor = statistics.median(found["floor"])
    print(f"{asked.rounds} rounds of {asked.calls} calls; medians of processor time a call; ratios to the floor")
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"  {name:6} {middle:7.3f} ms ({middle / floor:5.2f} x)")


if __name__ == "__main__":
    main()
