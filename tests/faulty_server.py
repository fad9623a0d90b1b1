"""A FHIR server on loopback that goes wrong on purpose: real HTTP, faults planted by the test.

It keeps a log of what it was asked (`asked`), so that a test can look at headers and order.
A fault is an answer put before the usual one of a path, used up once given.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cds_service.clock import now

Json = dict[str, Any]


@dataclass
class Answer:
    """What is sent: `cut` bytes of the body only, then the connection ends; `plain` leaves out the length."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    plain: bool = False


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


class FaultyServer:
    """The server's state: files of the export, searchable resources, faults, what it was asked."""

    def __init__(self) -> None:
        self.base = ""
        self.asked: list[Asked] = []
        self.faults: dict[str, list[Answer | Callable[[Asked], Answer]]] = defaultdict(list)
        self.polls = 0
        """How often the status says 202 before the manifest."""
        self.manifest: Json = {"transactionTime": "2026-11-22T01:00:00Z", "requiresAccessToken": True, "output": []}
        self.files: dict[str, bytes] = {}
        self.gzipped: set[str] = set()
        self.etags = True
        self.resources: dict[str, list[Json]] = defaultdict(list)
        self.page_rows = 1000
        self.delay_seconds = 0.0
        self.exports = 0
        self.deleted_jobs = 0
        # Backend Services; None: the server is open.
        self.public_key: ECKey | RSAKey | None = None
        self.algorithm = "ES384"
        self.known_scopes: frozenset[str] | None = None
        self.token_seconds = 300
        self.tokens: dict[str, datetime] = {}
        self.assertions: list[Json] = []
        self.capabilities = ["permission-v2"]
        self._lock = threading.Lock()

    # planting

    def add_file(self, kind: str | None, rows: list[Json], *, role: str = "output", count: int | None = -1) -> str:
        """A file of the export, listed in the manifest with its true count unless told otherwise."""
        name = f"/files/{len(self.files) + 1}.ndjson"
        self.files[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        entry: Json = {"url": f"{self.base.removesuffix('/fhir')}{name}"}
        if kind is not None:
            entry["type"] = kind
        if count is not None:
            entry["count"] = len(rows) if count == -1 else count
        self.manifest.setdefault(role, []).append(entry)
        return name

    def fail(self, path: str, *answers: Answer | Callable[[Asked], Answer]) -> None:
        self.faults[path] += answers

    def times(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    # answering

    def answer(self, asked: Asked) -> Answer:
        time.sleep(self.delay_seconds)
        with self._lock:
            self.asked.append(asked)
            planted = self.faults.get(asked.path)
            if planted:
                fault = planted.pop(0)
                return fault(asked) if callable(fault) else fault
            return self._usual(asked)

    def _usual(self, asked: Asked) -> Answer:
        match asked.path.removeprefix("/fhir").split("/")[1:]:
            case [".well-known", "smart-configuration"]:
                return as_json({"token_endpoint": self._root("/token"), "capabilities": self.capabilities})
            case ["token"]:
                return self._give_token(asked)
        if self.public_key is not None and not self._valid(asked):
            return Answer(401)
        match asked.path.removeprefix("/fhir").split("/")[1:]:
            case ["$export"] | [_, "$export"] | ["Group", _, "$export"]:
                self.exports += 1
                return Answer(202, headers={"Content-Location": self._root(f"/status/{self.exports}")})
            case ["status", _] if asked.method == "DELETE":
                self.deleted_jobs += 1
                return Answer(202)
            case ["status", _]:
                if self.polls > 0:
                    self.polls -= 1
                    return Answer(202, headers={"X-Progress": "50% done"})
                return as_json(self.manifest)
            case ["files", _] if asked.path in self.files:
                return self._file(asked)
            case [kind] if kind in self.resources:
                return self._search(kind, asked)
        return Answer(404)

    def _root(self, path: str) -> str:
        return self.base.removesuffix("/fhir") + path

    def _file(self, asked: Asked) -> Answer:
        body = self.files[asked.path]
        headers = {"Content-Type": "application/fhir+ndjson"}
        if asked.path in self.gzipped:
            body = gzip.compress(body, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if self.etags:
            headers["ETag"] = f'"{asked.path}"'
        wanted = asked.headers.get("range", "")
        if wanted and self.etags and asked.headers.get("if-range") == headers["ETag"]:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Answer(206, body[start:], headers)
        return Answer(200, body, headers)

    def _search(self, kind: str, asked: Asked) -> Answer:
        rows = self.resources[kind]
        start = int(asked.query.get("page", ["0"])[0])
        page = rows[start : start + self.page_rows]
        bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(rows)}
        bundle["entry"] = [{"resource": row} for row in page]
        if start + self.page_rows < len(rows):
            following = f"{self.base}/{kind}?page={start + self.page_rows}"
            bundle["link"] = [{"relation": "next", "url": following}]
        return as_json(bundle)

    # tokens

    def _give_token(self, asked: Asked) -> Answer:
        assert self.public_key is not None
        claims = jwt.decode(asked.form["client_assertion"], self.public_key, algorithms=[self.algorithm]).claims
        self.assertions.append(claims)
        scopes = asked.form["scope"].split()
        if self.known_scopes is not None and not set(scopes) <= self.known_scopes:
            return as_json({"error": "invalid_scope"}, 400)
        token = f"secret-token-{len(self.assertions)}"
        self.tokens[token] = now() + timedelta(seconds=self.token_seconds)
        given = {"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds}
        return as_json(given | {"scope": " ".join(scopes)})

    def _valid(self, asked: Asked) -> bool:
        return asked.token in self.tokens and self.tokens[asked.token] > now()


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/fhir+json"})


def outcome(code: str, severity: str = "error", status: int = 500) -> Answer:
    issue = {"severity": severity, "code": code, "diagnostics": "Jane Doe, MRN 12345"}
    return as_json({"resourceType": "OperationOutcome", "issue": [issue]}, status)


@contextmanager
def faulty_server() -> Iterator[FaultyServer]:
    """A server answering on loopback while the block lasts."""
    state = FaultyServer()

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet: two make the other side wait

        def _respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            form = dict(parse_qsl(body.decode()))
            asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, form)
            self._send(state.answer(asked))

        do_GET = do_POST = do_DELETE = _respond  # noqa: N815

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.plain:
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body if answer.cut is None else answer.body[: answer.cut])
            if answer.cut is not None or answer.plain:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that goes away is what some tests are about

    server = Server(("127.0.0.1", 0), Answering)
    state.base = f"http://127.0.0.1:{server.server_address[1]}/fhir"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
