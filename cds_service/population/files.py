"""The files of a population: NDJSON by resource type, one or many a type, gzipped or not.

A plain file is read in pieces, so that several processes share a large one; a gzipped one
is a piece by itself. A piece holds the lines that begin in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cds_service.errors import SourceError
from cds_service.fhir.files import kind_of

SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
LONGEST_LINE = 64 << 20
"""A longer line is not read: its patient's record of that kind counts as not retrieved."""
PIECE_BYTES = 32 << 20
NOT_RESOURCES = frozenset({"truth.ndjson"})

_BLOCK = 1 << 20
_MARK = b"\xef\xbb\xbf"
GZIP = b"\x1f\x8b"
"""How a gzipped file begins, whatever its name."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its name inside the source, the resource type its name tells ("" for none), its size."""

    path: Path
    name: str
    kind: str
    size: int
    zipped: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """The lines of a file that begin between two of its bytes."""

    number: int
    file: SourceFile
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, one after the other, or (`cut`) the beginning of one line too long to be read."""

    lines: bytes
    cut: bool = False


def find_files(folders: Iterable[Path]) -> tuple[SourceFile, ...]:
    """The NDJSON files of the folders, by name. Raises SourceError where a folder is missing or holds none."""
    found: list[SourceFile] = []
    for folder in folders:
        inside = sorted(_inside(folder))
        if not inside:
            raise SourceError(f"{folder}: no .ndjson file in this folder (.gz may follow)")
        found += (_source_file(path, folder) for path in inside)
    return tuple(found)


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        raise SourceError(f"{folder}: this is a file; a folder of NDJSON is screened, one file is for 'evaluate'")
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder")
    for path in folder.rglob("*"):
        if is_source(path.name) and path.is_file():
            yield path


def is_source(name: str) -> bool:
    """Whether a file of this name (without its folder) holds resources."""
    lower = name.lower()
    return lower.endswith(SUFFIXES) and not lower.startswith(".") and lower not in NOT_RESOURCES


def _source_file(path: Path, folder: Path) -> SourceFile:
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == GZIP
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"{path}: it cannot be read ({error.strerror or type(error).__name__})") from None
    return SourceFile(path, path.relative_to(folder).as_posix(), kind_of(path.name), size, zipped)


def pieces_of(files: Iterable[SourceFile], piece_bytes: int = PIECE_BYTES) -> tuple[Piece, ...]:
    """The pieces of all files, numbered from 0 in the order of the files."""
    pieces: list[Piece] = []
    for file in files:
        step = max(file.size, 1) if file.zipped else piece_bytes
        for start in range(0, max(file.size, 1), step):
            pieces.append(Piece(len(pieces), file, start, min(start + step, file.size)))
    return tuple(pieces)


class PieceReader:
    """A piece as it is read; `problem` says at the end why not all of it could be."""

    def __init__(self, piece: Piece, longest_line: int = LONGEST_LINE) -> None:
        self.problem: str | None = None
        self._piece = piece
        self._longest = longest_line

    def blocks(self) -> Iterator[Block]:
        """The lines of the piece, in blocks of about a megabyte."""
        try:
            with self._piece.file.path.open("rb") as file:
                chunks = self._unzipped(file) if self._piece.file.zipped else _plain(file, self._piece)
                first = self._piece.start == 0
                for block in whole_lines(chunks, self._longest):
                    yield Block(block.lines.removeprefix(_MARK), block.cut) if first else block
                    first = False
        except OSError as error:
            self.problem = f"it cannot be read ({error.strerror or type(error).__name__})"

    def _unzipped(self, file: IO[bytes]) -> Iterator[bytes]:
        self.problem = yield from unzipped(iter(lambda: file.read(_BLOCK), b""))


def unzipped(chunks: Iterable[bytes]) -> Generator[bytes, None, str | None]:
    """What a gzipped file holds, all its members, as far as it can be had; returns why it is not all."""
    member = zlib.decompressobj(wbits=31)
    begun = False
    for given in chunks:
        chunk = given
        while chunk:
            try:
                yield member.decompress(chunk, _BLOCK)
            except zlib.error:
                return "the gzip file is damaged"
            begun, chunk = True, member.unconsumed_tail
            if member.eof:
                chunk = member.unused_data.lstrip(b"\0")
                member, begun = zlib.decompressobj(wbits=31), False
    return "the gzip file is cut short" if begun else None


def _plain(file: IO[bytes], piece: Piece) -> Iterator[bytes]:
    """The bytes from the first line that begins in the piece to the end of the last that does."""
    if piece.start:
        file.seek(piece.start - 1)
        while (skipped := file.readline(_BLOCK)) and not skipped.endswith(b"\n"):
            pass
    left = piece.end - file.tell()
    chunk = b"\n"
    while left > 0 and (chunk := file.read(min(_BLOCK, left))):
        left -= len(chunk)
        yield chunk
    while chunk and not chunk.endswith(b"\n"):
        chunk = file.readline(_BLOCK)
        yield chunk


def whole_lines(chunks: Iterable[bytes], longest: int = LONGEST_LINE) -> Iterator[Block]:
    """Bytes as they come, as blocks of whole lines; the last line need not end."""
    begun: list[bytes] = []
    length = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if not end:
            length += len(chunk)
            if length <= longest or len(begun) < 2:
                begun.append(chunk)
            continue
        yield from _with_begun(begun, length, chunk[:end], longest)
        begun, length = [chunk[end:]], len(chunk) - end
    if length:
        yield from _with_begun(begun, length, b"", longest)


def _with_begun(begun: Sequence[bytes], length: int, lines: bytes, longest: int) -> Iterator[Block]:
    """The lines with the beginning of the first, unless that one is too long."""
    first = lines.find(b"\n") + 1
    if length + first > longest:
        yield Block(b"".join(begun[:2])[:_BLOCK], cut=True)
        if lines[first:]:
            yield Block(lines[first:])
    elif begun:
        yield Block(b"".join((*begun, lines)))
    else:
        yield Block(lines)
