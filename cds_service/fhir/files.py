"""FHIR JSON from a file, a folder or standard input: the resources of each, with where they stand.

A file is one JSON value (a resource, a Bundle, an array) or one JSON value a line (NDJSON),
gzipped or not; what it holds decides, not its name.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from cds_service.errors import NotFhir, SourceError, TooLarge
from cds_service.fhir.bundles import Found, open_one, reason
from cds_service.fhir.decoding import UNREADABLE, fragment
from cds_service.fhir.resources import READ_TYPES

MOST_BYTES = 4 << 30
_CHUNK = 1 << 16
_SUFFIXES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
_KIND = re.compile(r"(?:^|[^A-Za-z])([A-Z][A-Za-z]{2,40})(?=[^A-Za-z]|$)")
_BYTE = re.compile(r"\(byte (\d+)\)")
_MARK = b"\xef\xbb\xbf"
_whole = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource as found, where it stands ("Observation.ndjson line 12"), and whether it is broken.

    `whole_file`: a file of a folder is damaged as a whole; `found.raw` is what is left of its bytes.
    """

    found: Found
    where: str
    broken: str | None = None
    whole_file: bool = False


def kind_of(name: str) -> str:
    """The resource type that a file's name tells ("Condition.ndjson", "1.Condition-000.ndjson"), "" for none."""
    found = _KIND.search(name)
    return found[1] if found else ""


def read_files(source: str, stdin: BinaryIO | None = None, most_bytes: int = MOST_BYTES) -> Iterator[Placed]:
    """Every resource of a file, a folder (its files by name) or "-" for standard input.

    Raises SourceError (no such file), NotFhir (empty, not JSON, truncated: with the line) or
    TooLarge, each in one line. A damaged file of a folder is given as broken, and the others are read.
    """
    if source == "-":
        yield from _in_text("standard input", _bounded("standard input", stdin or sys.stdin.buffer, most_bytes))
        return
    path = Path(source)
    if path.is_dir():
        yield from _in_folder(path, most_bytes)
        return
    yield from _in_text(path.name, _read(path, most_bytes))


def _in_folder(folder: Path, most_bytes: int) -> Iterator[Placed]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.name.lower().endswith(_SUFFIXES) and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise SourceError(f"{folder}: no .json or .ndjson file in this folder (.gz may follow)")
    for path in files:
        name = str(path.relative_to(folder))
        try:
            yield from _in_file(path, name, most_bytes)
        except NotFhir as error:
            why = str(error).removeprefix(f"{name}: ").removeprefix(f"{path.name}: ").removesuffix("; fetch it again")
            yield Placed(Found("", _what_is_left(path)), name, why, whole_file=True)


def _in_file(path: Path, name: str, most_bytes: int) -> Iterator[Placed]:
    text = _read(path, most_bytes).strip()
    if not text:
        yield Placed(Found("", b""), name, "the file is empty")
    else:
        yield from _foreign_apart(name, text)


def _what_is_left(path: Path) -> bytes:
    """The bytes of a damaged file, of a gzipped one as far as they can be unpacked."""
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    unpacking, left = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
    with suppress(zlib.error):
        for start in range(0, len(data), _CHUNK):
            left += unpacking.decompress(data[start : start + _CHUNK])
    return left


def _foreign_apart(name: str, text: bytes) -> Iterator[Placed]:
    """The resources of a file in a folder; a JSON file without any resource is passed over with a note."""
    placed = _in_text(name, text)
    first = next(placed, None)
    if first is not None and not first.found.kind and not fragment(bytes(first.found.raw)[:100_000]).kind:
        rest = [first, *placed]
        if not any(item.found.kind for item in rest):
            yield Placed(Found("", b""), name, "it holds no FHIR resource and is passed over")
            return
        yield from rest
        return
    if first is not None:
        yield first
    yield from placed


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(path.name, file, most_bytes)
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({error.strerror or type(error).__name__})") from None


def _bounded(name: str, stream: BinaryIO, most_bytes: int) -> bytes:
    data = stream.read(most_bytes + 1)
    if data[:2] == b"\x1f\x8b":
        data = _unzipped(name, data, most_bytes)
    if len(data) > most_bytes:
        raise TooLarge(f"{name}: larger than {most_bytes >> 20} MB; give a folder of smaller NDJSON files to 'screen'")
    return data.removeprefix(_MARK)


def _unzipped(name: str, data: bytes, most_bytes: int) -> bytes:
    try:
        return GzipFile(fileobj=BytesIO(data)).read(most_bytes + 1)
    except (EOFError, BadGzipFile, zlib.error):
        raise NotFhir(f"{name}: the gzip file is damaged or truncated; fetch it again") from None


def _in_text(name: str, data: bytes) -> Iterator[Placed]:
    text = data.strip()
    if not text:
        raise NotFhir(f"{name}: it is empty; FHIR JSON or NDJSON is expected")
    if text[:1] not in (b"{", b"["):
        kind = "XML; FHIR JSON is read here" if text[:1] == b"<" else "not JSON"
        raise NotFhir(f"{name}: line {_line(data, len(data) - len(data.lstrip()))}: it is {kind}")
    problem = _problem(text)
    if problem is None:
        yield from _in_value(name, text)
    elif _is_lines(text):
        yield from _in_lines(name, text.split(b"\n"))
    else:
        raise NotFhir(f"{name}: {_where(data, len(data) - len(data.lstrip()), problem)}")


def _is_lines(text: bytes) -> bool:
    """Whether one of the first two lines, or the last, is a whole JSON value by itself."""
    first, _, rest = text.partition(b"\n")
    second = rest.partition(b"\n")[0]
    last = rest.rpartition(b"\n")[2]
    return any(line.strip() and _problem(line.strip()) is None for line in (first, second, last))


def _problem(text: bytes) -> Exception | None:
    """Why a text is not one JSON object or array, None where it is one."""
    try:
        _whole.decode(text)
    except UNREADABLE as error:
        return error
    return None


def _where(data: bytes, lead: int, problem: Exception) -> str:
    at = _BYTE.search(str(problem))
    if at is None and "truncated" in str(problem):
        return f"line {_line(data, len(data.rstrip()))}: the JSON ends before it is complete (truncated)"
    place = f"line {_line(data, lead + int(at[1]))}: " if at else ""
    return f"{place}not JSON: {reason(problem)}"


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _in_value(name: str, text: bytes) -> Iterator[Placed]:
    try:
        for found in open_one(text):
            yield Placed(found, name)
    except NotFhir as error:
        raise NotFhir(f"{name}: {error}") from None


def _in_lines(name: str, lines: list[bytes]) -> Iterator[Placed]:
    """The resources of NDJSON; a line that is no JSON is given as it is, marked broken."""
    usual = next((kind for kind in READ_TYPES if name.rpartition("/")[2].startswith(kind + ".")), "")
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        where = f"{name} line {number}"
        try:
            for found in open_one(text):
                usual = found.kind or usual
                broken = None if found.kind else _problem_said(text)
                yield Placed(found, where, broken)
        except NotFhir as error:
            yield Placed(Found(fragment(text).kind or usual, text), where, str(error))


def _problem_said(text: bytes) -> str:
    problem = _problem(text)
    return reason(problem) if problem else "it has no resourceType"
