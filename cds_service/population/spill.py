"""The lines kept of each piece, on disk, by group of patients: what lets a run stay small and go on after a kill.

A piece's lines go to part files as they come; its report is written last and in one step, so
that a piece is either done, with everything, or to be read again. A file being written bears
the number of its process: a worker that outlives its killed run by a moment then never writes
into what the resumed run writes.
"""

from __future__ import annotations

import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from errno import EDQUOT, ENOSPC
from pathlib import Path

import msgspec

from cds_service.errors import SourceError
from cds_service.fhir.resources import READ_TYPES

KINDS = tuple(sorted(READ_TYPES))
CHANGED = 1
BROKEN = 2

_NUMBER_OF = {kind: number for number, kind in enumerate(KINDS)}
_NO_KIND = 255
_RECORD = struct.Struct("<IBBI")
_FLUSH_BYTES = 8 << 20


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One line kept: the number of its patient, its type ("" where illegible), flags, its bytes."""

    number: int
    kind: str
    flags: int
    raw: bytes


@dataclass(slots=True)
class Part:
    """One part file: where in it the lines of each slot lie, as (slot, offset, length)."""

    name: str
    slots: list[tuple[int, int, int]] = field(default_factory=list)


class SpillWriter:
    """Takes kept lines and writes them to part files, some megabytes at a time."""

    def __init__(self, folder: Path, name: str, slots: int) -> None:
        self.parts: list[Part] = []
        self._folder = folder
        self._name = name
        self._slots = slots
        self._waiting: dict[int, list[bytes]] = defaultdict(list)
        self._size = 0

    def add(self, kept: Kept) -> None:
        """Keep a line of a patient."""
        self.put(kept.number % self._slots, kept)

    def put(self, slot: int, kept: Kept) -> None:
        """Keep a line in a slot of its own."""
        head = _RECORD.pack(kept.number, _NUMBER_OF.get(kept.kind, _NO_KIND), kept.flags, len(kept.raw))
        self._waiting[slot] += (head, kept.raw)
        self._size += len(kept.raw)
        if self._size >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if not self._waiting:
            return
        part = Part(f"{self._name}-{os.getpid()}-{len(self.parts):04d}.part")
        at = 0
        with writing(self._folder / part.name) as path, path.open("wb") as file:
            for slot in sorted(self._waiting):
                data = b"".join(self._waiting[slot])
                file.write(data)
                part.slots.append((slot, at, len(data)))
                at += len(data)
        self.parts.append(part)
        self._waiting.clear()
        self._size = 0


def read_slot(folder: Path, places: Iterable[tuple[str, int, int]]) -> Iterator[Kept]:
    """The lines at these places (part, offset, length), in order."""
    for name, offset, length in places:
        with (folder / name).open("rb") as file:
            file.seek(offset)
            yield from _records(file.read(length))


def _records(data: bytes) -> Iterator[Kept]:
    at, size, head = 0, len(data), _RECORD.size
    while at < size:
        number, kind, flags, length = _RECORD.unpack_from(data, at)
        at += head
        yield Kept(number, "" if kind == _NO_KIND else KINDS[kind], flags, data[at : at + length])
        at += length


def write_whole(path: Path, value: object) -> None:
    """Write a value so that the file is there whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with writing(new):
        new.write_bytes(msgspec.msgpack.encode(value))
        new.replace(path)


class writing:  # noqa: N801  reads as a word of the sentence: with writing(path)
    """Turns what the disk refuses into one clear line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            full = error.errno in (ENOSPC, EDQUOT)
            why = "the disk is full" if full else os.strerror(error.errno or 0)
            raise SourceError(
                f"{self._path.parent}: {why}; nothing of the last list was touched. Make room and run with --resume"
            ) from None
