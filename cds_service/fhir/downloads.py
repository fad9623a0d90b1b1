"""The files of an export, brought to disk whole or not at all.

A file is fetched into `NAME.part` as it comes (gzipped or not), continued from the byte
reached where the server can prove it is still the same file, looked through, and only then
given its name. Lines are left as they are: what is wrong in one is for the reader to say.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO

import msgspec
import requests

from cds_service.fhir.exchange import Exchange, Refusal
from cds_service.fhir.manifest import OUTPUT, RemoteFile
from cds_service.fhir.waiting import TryAgain

_PIECE = 1 << 18
_WORTH_A_MARK = 1 << 20
_MARK = b"\xef\xbb\xbf"
_NDJSON = {"Accept": "application/fhir+ndjson, application/ndjson;q=0.9, */*;q=0.1"}
_GONE = frozenset({404, 410})
_GONE_ELSEWHERE = frozenset({400, 401, 403, 404, 410})
"""What file stores answer to a signed address that is no longer good."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one file: where it is and its rows, or why it is not whole; `gone`: no longer offered."""

    file: RemoteFile
    path: Path | None = None
    rows: int = 0
    problem: str | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Contents:
    rows: int
    wrong: str | None
    last_whole: bool


class _Origin(msgspec.Struct):
    """Which version of which file a part is of."""

    url: str
    validator: str


def fetch(exchange: Exchange, file: RemoteFile, folder: Path) -> Fetched:
    """One file on disk; found there whole it is not fetched again. Raises Stopped."""
    part = folder / f"{_name(file)}.part"
    try:
        had = _already(file, folder)
        while had is None:
            size = _size(part)
            try:
                had = exchange.persist(_Attempts(exchange, file, part))
            except TryAgain:
                if _size(part) <= size:
                    raise
        return had
    except Refusal as refusal:
        statuses = _GONE if exchange.is_home(file.url) else _GONE_ELSEWHERE
        return Fetched(file, problem=str(refusal), gone=refusal.status in statuses)
    except TryAgain as error:
        return Fetched(file, problem=str(error))
    except OSError as error:
        return Fetched(file, problem=f"the file cannot be written ({error.strerror})")


def _already(file: RemoteFile, folder: Path) -> Fetched | None:
    for path in (folder / _name(file), folder / f"{_name(file)}.gz"):
        if path.exists():
            contents = look_through(path)
            if contents.wrong is None and _fits(file, contents.rows):
                return Fetched(file, path, contents.rows)
    return None


class _Attempts:
    """One try after the other at a file; a file that comes whole but wrong twice the same way stays so."""

    def __init__(self, exchange: Exchange, file: RemoteFile, part: Path) -> None:
        self._exchange = exchange
        self._file = file
        self._part = part
        self._before: _Contents | None = None

    def __call__(self) -> Fetched:
        """The file, named. Raises TryAgain or Refusal."""
        proven = _bring(self._exchange, self._file, self._part)
        contents = look_through(self._part)
        words = f"a file of {self._file.kind or self._file.role}"
        if contents.wrong is not None:
            _forget(self._part)
            raise TryAgain(f"{words} {contents.wrong}", at_most=4)
        if not proven and not contents.last_whole:
            _forget(self._part)
            raise TryAgain(f"{words} ends in the middle of a line", at_most=4)
        if not _fits(self._file, contents.rows):
            return self._of_other_length(contents, words)
        return Fetched(self._file, _place(self._part), contents.rows)

    def _of_other_length(self, contents: _Contents, words: str) -> Fetched:
        """Ask once more; where it comes the same again, keep what there is and say so."""
        said = f"{words} holds {contents.rows} rows where the manifest says {self._file.count}"
        if self._before != contents:
            self._before = contents
            _forget(self._part)
            raise TryAgain(said)
        return Fetched(self._file, _place(self._part), contents.rows, said)


def _fits(file: RemoteFile, rows: int) -> bool:
    """Whether the rows are those promised; a file of mixed types may count its headers or not."""
    return file.count is None or file.kind is None or rows == file.count


def _bring(exchange: Exchange, file: RemoteFile, part: Path) -> bool:
    """Fetch a file, or what is missing of it, into its part; whether the transfer proves that it is all."""
    had, origin = _continuing(file, part)
    headers = dict(_NDJSON)
    if origin is not None:
        headers |= {"Range": f"bytes={had}-", "If-Range": origin.validator}
    purpose = f"a file of {file.kind or file.role}"
    with exchange.send(
        "GET", file.url, purpose, headers=headers, authorize=file.authorize, ok=(200, 206, 416)
    ) as answer:
        if answer.status_code == 416 or (answer.status_code == 206 and not _continues(answer, had)):
            _forget(part)
            raise TryAgain(f"{purpose} cannot be continued where it broke off", wait=0)
        if answer.status_code == 200:
            _forget(part)
            _note_origin(file, part, answer)
        return _write(exchange, part, answer)


def _write(exchange: Exchange, part: Path, answer: requests.Response) -> bool:
    length = answer.headers.get("Content-Length")
    written = 0
    with part.open("ab") as out:
        for piece in answer.raw.stream(_PIECE, decode_content=False):
            exchange.check_stopped()
            out.write(piece)
            written += len(piece)
        out.flush()
        os.fsync(out.fileno())
    if length is not None and length.isdigit() and written != int(length):
        raise TryAgain("a file was cut short")
    return length is not None or answer.headers.get("Transfer-Encoding", "").lower() == "chunked"


def _continuing(file: RemoteFile, part: Path) -> tuple[int, _Origin | None]:
    """The bytes already here and what they are of, where they can be continued."""
    had = _size(part)
    try:
        origin = msgspec.json.decode(_mark_of(part).read_bytes(), type=_Origin)
    except (OSError, msgspec.MsgspecError):
        return 0, None
    return (had, origin) if had and origin.url == file.url else (0, None)


def _note_origin(file: RemoteFile, part: Path, answer: requests.Response) -> None:
    """Remember a strong validator of a large file: with it, and not else, a part can be continued."""
    validator = answer.headers.get("ETag", "")
    length = answer.headers.get("Content-Length", "")
    small = length.isdigit() and int(length) < _WORTH_A_MARK
    if validator.startswith('"') and not small:
        _mark_of(part).write_bytes(msgspec.json.encode(_Origin(file.url, validator)))


def _continues(answer: requests.Response, had: int) -> bool:
    return answer.headers.get("Content-Range", "").replace(" ", "").startswith(f"bytes{had}-")


def look_through(path: Path) -> _Contents:
    """The rows of an NDJSON file, what is wrong with it as a whole, and whether its last row is whole JSON."""
    rows, last, first = 0, b"", b""
    try:
        with open_lines(path) as lines:
            for line in lines:
                if line.strip():
                    rows, last = rows + 1, line
                    first = first or line.removeprefix(_MARK).lstrip()[:1]
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return _Contents(rows, "is a damaged or truncated gzip file", last_whole=False)
    wrong = None if first in (b"", b"{") else "is an HTML page" if first == b"<" else "is not NDJSON"
    return _Contents(rows, wrong, _is_json(last))


@contextmanager
def open_lines(path: Path) -> Iterator[IO[bytes]]:
    """The lines of a file, gzipped or not: what it holds decides."""
    with path.open("rb") as file:
        if file.peek(2)[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as unzipped:
                yield BufferedReader(unzipped, _PIECE)
        else:
            yield file


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line.removeprefix(_MARK) or b"{}", type=msgspec.Raw)
    except msgspec.MsgspecError:
        return False
    return True


def _name(file: RemoteFile) -> str:
    """Only what the engines shall read ends in ndjson."""
    return f"{file.stem}.ndjson" if file.role == OUTPUT and file.kind is not None else f"{file.stem}.txt"


def _place(part: Path) -> Path:
    """Give a part its name, `.gz` where it is gzipped."""
    with part.open("rb") as file:
        suffix = ".gz" if file.read(2) == b"\x1f\x8b" else ""
    path = part.with_name(part.name.removesuffix(".part") + suffix)
    part.replace(path)
    _mark_of(part).unlink(missing_ok=True)
    return path


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _mark_of(part).unlink(missing_ok=True)


def _mark_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.mark")


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0
