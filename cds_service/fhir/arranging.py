"""A finished export's files made ready for reading: mixed files by type, deletions applied, errors counted.

Every step can be repeated from its start after a kill and ends with the same files.

Source: FHIR Bulk Data Access, "Complete Status": deleted, error, outputOrganizedBy.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from cds_service.fhir.decoding import UNREADABLE, fragment, type_of
from cds_service.fhir.download_record import ErrorEntry
from cds_service.fhir.downloads import open_lines
from cds_service.fhir.references import plain_name

UNREADABLE_STEM = "unreadable"


class _Issue(msgspec.Struct):
    severity: str = ""
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: tuple[_Issue, ...] = ()


class _Asked(msgspec.Struct):
    method: str = ""
    url: str = ""


class _Entry(msgspec.Struct):
    request: _Asked | None = None


class _Deletions(msgspec.Struct):
    entry: tuple[_Entry, ...] = ()


class _Identity(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType", default="")
    id: str = ""


_outcomes = msgspec.json.Decoder(_Outcome)
_deletions = msgspec.json.Decoder(_Deletions)
_identities = msgspec.json.Decoder(_Identity)


def split_by_type(path: Path, number: str, types: Collection[str]) -> Counter[str]:
    """Rows by type of a file of mixed types, written to a file for each of `types` (all, where none are named).

    A row too broken to tell its type goes to `unreadable.mNNNNN.ndjson`, for the reader to quarantine.
    """
    rows: Counter[str] = Counter()
    with ExitStack() as stack:
        outputs: dict[str, IO[bytes]] = {}
        for line in _lines(path):
            kind = type_of(line) or fragment(line).kind or UNREADABLE_STEM
            if kind == "Parameters" or (types and kind not in types and kind != UNREADABLE_STEM):
                continue
            if kind not in outputs:
                part = path.with_name(f"{kind}.m{number}.ndjson.part")
                outputs[kind] = stack.enter_context(part.open("wb"))
            outputs[kind].write(line.rstrip(b"\r\n") + b"\n")
            rows[kind] += 1
    for kind in rows:
        part = path.with_name(f"{kind}.m{number}.ndjson.part")
        part.replace(part.with_suffix(""))
    return rows


def read_errors(paths: Iterable[Path]) -> tuple[ErrorEntry, ...]:
    """The issues of an export's error files, counted; what is no OperationOutcome counts as an error.

    Their words are left in the files: they may be about patients.
    """
    found: Counter[tuple[str, str]] = Counter()
    for line in (line for path in paths for line in _lines(path)):
        try:
            issues = _outcomes.decode(line).issue
        except UNREADABLE:
            issues = (_Issue("error", "unreadable"),)
        found.update((_word(issue.severity), _word(issue.code)) for issue in issues or (_Issue("error", "unknown"),))
    return tuple(ErrorEntry(severity, code, count) for (severity, code), count in sorted(found.items()))


def is_serious(entry: ErrorEntry) -> bool:
    """Whether an issue means that data are missing: all but what only informs or warns."""
    return entry.severity not in ("warning", "information", "success")


def read_deletions(paths: Iterable[Path]) -> tuple[tuple[str, ...], int]:
    """The references deleted ("Observation/1"), and how many entries name none that can be applied."""
    found: dict[str, None] = {}
    odd = 0
    for line in (line for path in paths for line in _lines(path)):
        try:
            entries = _deletions.decode(line).entry
        except UNREADABLE:
            odd += 1
            continue
        for entry in entries:
            name = plain_name(entry.request.url) if entry.request is not None else ""
            if entry.request is None or entry.request.method != "DELETE" or "/" not in name or "?" in entry.request.url:
                odd += 1
            else:
                found[name] = None
    return tuple(found), odd


def strike(folder: Path, references: Collection[str]) -> Counter[str]:
    """Remove deleted resources from a folder of NDJSON; how many rows of each type went.

    The nightly run calls it on the folder that a download "since" is laid over, too.
    """
    kinds = {reference.partition("/")[0] for reference in references}
    gone = set(references)
    paths = sorted(path for path in folder.glob("*.ndjson*") if path.name.partition(".")[0] in kinds)
    struck: Counter[str] = Counter()
    for path in paths:
        if path.name.endswith((".ndjson", ".ndjson.gz")):
            struck[path.name.partition(".")[0]] += _strike_file(path, gone)
    return struck


def _strike_file(path: Path, gone: set[str]) -> int:
    if not any(_name_of(line) in gone for line in _lines(path)):
        return 0
    struck = 0
    part = path.with_name(f"{path.name}.part")
    with _opened(part, zipped=path.suffix == ".gz") as out:
        for line in _lines(path):
            if _name_of(line) in gone:
                struck += 1
            else:
                out.write(line.rstrip(b"\r\n") + b"\n")
    part.replace(path)
    return struck


@contextmanager
def _opened(part: Path, *, zipped: bool) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with part.open("wb") as plain:
        if zipped:
            with gzip.GzipFile(filename="", fileobj=plain, mode="wb") as out:
                yield out
        else:
            yield plain


def _name_of(line: bytes) -> str:
    try:
        identity = _identities.decode(line)
    except UNREADABLE:
        return ""
    return f"{identity.resource_type}/{identity.id}"


def _lines(path: Path) -> Iterator[bytes]:
    with open_lines(path) as lines:
        yield from (line for line in lines if line.strip())


def _word(text: str) -> str:
    """A code as FHIR writes them; anything else a server put there is not repeated."""
    return text if text.isascii() and text.replace("-", "").isalpha() and len(text) <= 40 else "unknown"
