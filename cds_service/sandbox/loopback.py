"""Web applications served on this machine's loopback address, each on a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from cds_service.errors import ConfigurationError

HOST = "127.0.0.1"
START_SECONDS = 20.0
STOP_SECONDS = 5.0


def open_port(port: int = 0) -> socket.socket:
    """A socket bound to loopback, on a free port when none is named.

    Binding before the application is built lets it know its own address.
    Raises ConfigurationError when the port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"port {port} on {HOST} cannot be opened ({error.strerror}): choose another"
        ) from error
    return bound


def address(bound: socket.socket) -> str:
    """The http address of a bound socket, without a trailing slash."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


class Served:
    """One application being served: a context manager that waits until it answers and stops it on leaving."""

    def __init__(self, app: FastAPI, bound: socket.socket, name: str) -> None:
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        self.address = address(bound)
        self._name = name
        self._socket = bound
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise ConfigurationError(f"the {self._name} did not start on {self.address}; its log says why")
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and frees its port; safe to call twice."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])
