"""What a download folder says of itself: `download.json`, how far a download has come and what it brought.

Written whole, aside, and put in place in one step, so that a kill at any moment leaves the
old one or the new one. Holds no token and no patient's data but the ids of deleted resources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from cds_service.errors import SourceError, UsageError
from cds_service.fhir.manifest import RemoteFile

FILE = "download.json"
_OURS = re.compile(
    r"[A-Za-z]{1,41}\.m?\d{5}\.(ndjson|txt)(\.gz)?(\.part(\.mark)?)?|[A-Za-z]{1,41}\.paging(-\w+)?|download\.json\.new"
)


class Progress(msgspec.Struct, frozen=True):
    """How far a phase has come ("exporting", "fetching", "searching"), of how many where that is known.

    Files where fetching, rows where searching, percent where exporting.
    """

    phase: str
    done: int
    total: int | None


class Stage(StrEnum):
    """How far a download has come."""

    NEW = "new"
    EXPORTING = "exporting"
    FETCHING = "fetching"
    COMPLETE = "complete"


class Request(msgspec.Struct, frozen=True):
    """What was asked for: a download is resumed only for the same."""

    base: str
    method: str
    types: tuple[str, ...]
    group: str | None = None
    since: str | None = None
    type_filter: tuple[str, ...] = ()


class ErrorEntry(msgspec.Struct, frozen=True):
    """How many issues of one severity and code the server reported beside the data."""

    severity: str
    code: str
    count: int


class DownloadReport(msgspec.Struct, frozen=True):
    """What a download brought: rows by type on disk, and what the server had promised of them.

    `deleted` are references ("Observation/1") of resources deleted since `since`.
    `unavailable` says of a resource type why the server does not give it at all: what rests on
    it is not retrieved. `incomplete` is why this is not all of what was asked; None: it is.
    `transaction_time` is the server's instant from which the next download continues.
    """

    counts: Mapping[str, int] = {}
    promised: Mapping[str, int] = {}
    errors: tuple[ErrorEntry, ...] = ()
    deleted: tuple[str, ...] = ()
    unavailable: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    transaction_time: str | None = None
    incomplete: str | None = None


class Record(msgspec.Struct):
    """The state of a download folder."""

    request: Request
    stage: Stage = Stage.NEW
    status_url: str | None = None
    filtered: bool = True
    """Whether `type_filter` is still trusted."""
    unavailable: dict[str, str] = {}
    notes: list[str] = []
    transaction_time: str | None = None
    files: tuple[RemoteFile, ...] = ()
    report: DownloadReport | None = None

    def note(self, words: str) -> None:
        """Add a note once."""
        if words not in self.notes:
            self.notes.append(words)


def open_record(folder: Path, request: Request, *, resume: bool) -> tuple[Record, Record | None]:
    """The record to go on with, and the one it replaces, whose job may still be running.

    Without `resume` an earlier download of ours in the folder is removed. Raises UsageError for a
    folder that holds something else, or a download of something else that was to be resumed.
    """
    found = _read(folder)
    if found is None:
        _check_vacant(folder)
        fresh = Record(request)
        save(folder, fresh)
        return fresh, None
    if resume and found.request == request:
        return found, None
    if resume:
        raise UsageError(f"{folder} holds another download (other server, types or dates): resume is not possible")
    clear(folder)
    fresh = Record(request)
    save(folder, fresh)
    return fresh, found


def read_report(folder: Path) -> DownloadReport | None:
    """The report of a folder's finished download; None where none was finished."""
    found = _read(folder)
    return found.report if found is not None and found.stage is Stage.COMPLETE else None


def read_given(folder: Path) -> frozenset[str]:
    """The resource types that a folder's finished download asked for and was given."""
    found, report = _read(folder), read_report(folder)
    return (
        frozenset() if found is None or report is None else frozenset(found.request.types) - report.unavailable.keys()
    )


def save(folder: Path, record: Record) -> None:
    """Write the record. Raises SourceError where the disk does not take it."""
    new = folder / f"{FILE}.new"
    try:
        with new.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=1))
            file.flush()
            os.fsync(file.fileno())
        new.replace(folder / FILE)
    except OSError as error:
        raise SourceError(f"{folder}: the download cannot be written there ({error.strerror})") from None


def clear(folder: Path) -> None:
    """Remove every file of a download but its record."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.is_file():
            path.unlink()


def _read(folder: Path) -> Record | None:
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        raise SourceError(f"{folder / FILE}: not a record of a download; name an empty folder") from None
    except OSError as error:
        raise SourceError(f"{folder / FILE}: it cannot be read ({error.strerror})") from None


def _check_vacant(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = [path for path in folder.iterdir() if path.name != f"{FILE}.new"]
    except OSError as error:
        raise SourceError(f"{folder}: it cannot be used as a folder ({error.strerror})") from None
    if strange:
        raise UsageError(f"{folder} holds other files: name an empty folder for the download")


def lacking_rows(request: Request, counts: Mapping[str, int]) -> list[str]:
    """Why rows that came must not be read as "nobody": only a download of changes may be empty."""
    if request.since is not None:
        return []
    if not any(counts.values()):
        return ["the server gave no resources at all"]
    if "Patient" in request.types and not counts.get("Patient"):
        return ["the server gave no Patient"]
    return []


def reason(problems: Sequence[str]) -> str | None:
    """The first problems in one line, None where there are none."""
    if not problems:
        return None
    more = len(problems) - 3
    return "; ".join(problems[:3]) + (f"; and {more} more" if more > 0 else "")
