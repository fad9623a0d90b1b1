"""What Spark's workers do: the steps of the local engine, on the lines that Spark hands over.

Each function takes the Arrow batches of a partition and gives batches; nothing outlasts it but
the desk, which a worker keeps. What is raised says only what kind of error it was, and where.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pyarrow as pa

from cds_service.population.assessing import (
    Assessed,
    Judging,
    SharedStore,
    assess_patient,
    is_unchanged,
    record_digest,
)
from cds_service.population.crew import COLLECT_RARELY, place_of
from cds_service.population.evidence import Evidence
from cds_service.population.files import LONGEST_LINE, Block, Piece, unzipped, whole_lines
from cds_service.population.gathering import PieceReport, Sought, gathering, survey
from cds_service.population.spark_files import Listed
from cds_service.population.spark_session import FAILED
from cds_service.population.spill import Kept
from cds_service.screening.screened import Screened

REPORTS = "file INT, start BIGINT, report BINARY"
KEPT = "file INT, start BIGINT, at BIGINT, number BIGINT, kind STRING, flags INT, raw BINARY, report BINARY"
"""A kept line (`number` of its patient, `at`: its place among those kept of its piece), or a piece's report.

Of a report, `at` says how many bytes were kept.
"""
ASSESSED = "screened BINARY, tally BINARY"
"""An assessment, or how the patients of a partition were dealt with."""

NOBODYS = -1
"""Stands for the number of a patient where a line belongs to nobody."""

_REPORT_TYPES = pa.schema([("file", pa.int32()), ("start", pa.int64()), ("report", pa.binary())])
_KEPT_TYPES = pa.schema(
    [
        *[("file", pa.int32()), ("start", pa.int64()), ("at", pa.int64()), ("number", pa.int64())],
        *[("kind", pa.string()), ("flags", pa.int32()), ("raw", pa.binary()), ("report", pa.binary())],
    ]
)
_ASSESSED_TYPES = pa.schema([("screened", pa.binary()), ("tally", pa.binary())])
_FULL = 4 << 20
_MARK = b"\xef\xbb\xbf"
_SLOTS = 1
_encode = msgspec.msgpack.encode

Batches = Iterator[Any]
"""Arrow record batches."""


@dataclass
class Desk:
    """What a worker has at hand: sent to each once, and kept there.

    `files` are by address, each with its number. `shared` is the name of the file of shared resources, and its digest.
    """

    judging: Judging
    files: Mapping[str, tuple[int, Listed]] = field(default_factory=dict)
    sought: Sought = field(default_factory=lambda: Sought({}, _SLOTS))
    names: Sequence[str] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    shared: tuple[str, str] | None = None

    @cached_property
    def evidence(self) -> Evidence:
        """Made where it is used: it remembers what it saw."""
        return Evidence(self.judging.catalog)

    @cached_property
    def store(self) -> SharedStore | None:
        """The shared resources, as Spark brought them to this node."""
        if self.shared is None:
            return None
        from pyspark import SparkFiles  # noqa: PLC0415  needed by one step only

        name, digest = self.shared
        return SharedStore(Path(SparkFiles.get(name)), digest)

    def listed(self, path: str) -> tuple[int, Listed]:
        """The file of a path as a line tells it: with or without escapes, which Spark's versions differ in."""
        found = self.files.get(unquote(path)) or self.files.get(path)
        if found is None:
            raise LookupError("a line of a file that was not listed")
        return found


class WorkerError(Exception):
    """An error in a worker, without its words, which may hold a record's."""


def at_desk(work: Callable[[Desk, Batches], Batches], desk: Any) -> Callable[[Batches], Batches]:  # noqa: ANN401
    """The work of a partition, for `mapInArrow`; `desk` is the broadcast of one."""

    def run(batches: Batches) -> Batches:
        try:
            at_hand = desk.value
            _settle()
            yield from work(at_hand, batches)
        except Exception as error:
            raise WorkerError(f"{FAILED}: {type(error).__name__} {place_of(error)}") from None

    return run


@cache
def _settle() -> None:
    """Once in a worker, when what it keeps is there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_RARELY)


def survey_lines(desk: Desk, batches: Batches) -> Batches:
    """Who is there and of whom a cancer is told, a report for each piece."""
    for piece, number, reader in _pieces(desk, batches):
        report = survey(piece, desk.evidence, reader)
        yield _batch([[number], [piece.start], [_encode(report)]], _REPORT_TYPES)


def gather_lines(desk: Desk, batches: Batches) -> Batches:
    """The lines of the patients sought and of nobody, and a report for each piece; looks for more evidence."""
    return _gather(desk, batches, desk.evidence)


def gather_late(desk: Desk, batches: Batches) -> Batches:
    """The lines of patients found late."""
    return _gather(desk, batches, None)


def _gather(desk: Desk, batches: Batches, evidence: Evidence | None) -> Batches:
    for piece, number, reader in _pieces(desk, batches):
        report = PieceReport(0)
        rows = _Rows(number, piece.start)
        for _ in gathering(piece, desk.sought, evidence, report, rows, reader):
            if rows.size >= _FULL:
                yield rows.batch()
        rows.report(report)
        yield rows.batch()


class _Rows:
    """Lines that are kept of one piece, as rows; what they are written to in place of part files."""

    def __init__(self, file: int, start: int) -> None:
        self.size = 0
        self._file = file
        self._start = start
        self._at = 0
        self._bytes = 0
        self._rows: list[tuple[int, int | None, str | None, int | None, bytes | None, bytes | None]] = []

    def add(self, kept: Kept) -> None:
        """Keep a line of a patient."""
        self._keep(kept.number, kept)

    def put(self, _slot: int, kept: Kept) -> None:
        """Keep a line of nobody."""
        self._keep(NOBODYS, kept)

    def _keep(self, number: int, kept: Kept) -> None:
        self._rows.append((self._at, number, kept.kind, kept.flags, kept.raw, None))
        self._at += 1
        self._bytes += len(kept.raw)
        self.size += len(kept.raw)

    def report(self, report: PieceReport) -> None:
        """Add the report of the piece."""
        self._rows.append((self._bytes, None, None, None, None, _encode(report)))

    def batch(self) -> Any:  # noqa: ANN401  a RecordBatch
        """What waits, as a batch; nothing waits then."""
        count = len(self._rows)
        columns = [[self._file] * count, [self._start] * count, *zip(*self._rows, strict=True)]
        self._rows, self.size = [], 0
        return _batch(columns, _KEPT_TYPES)


def _batch(columns: Iterable[Any], types: Any) -> Any:  # noqa: ANN401  a RecordBatch
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def _pieces(desk: Desk, batches: Batches) -> Iterator[tuple[Piece, int, _LineReader]]:
    """Each piece of a partition, with its file's number, and what reads it; to be read before the next is taken."""
    for (path, start), runs in groupby(_runs(batches), key=itemgetter(0)):
        number, listed = desk.listed(path)
        piece = Piece(0, listed.file, start, listed.file.size)
        yield piece, number, _LineReader(listed, start, (run[1] for run in runs))


def _runs(batches: Batches) -> Iterator[tuple[tuple[str, int], Any]]:
    """Each batch, cut where another piece begins. A piece's lines lie together, in order."""
    for batch in batches:
        count = batch.num_rows
        begun = 0
        while begun < count:
            place = _place(batch, begun)
            end = count if _place(batch, count - 1) == place else _end(batch, begun, place)
            yield place, batch.slice(begun, end - begun)
            begun = end


def _place(batch: Any, row: int) -> tuple[str, int]:  # noqa: ANN401  a RecordBatch
    return batch.column(0)[row].as_py(), batch.column(1)[row].as_py()


def _end(batch: Any, row: int, place: tuple[str, int]) -> int:  # noqa: ANN401  a RecordBatch
    while _place(batch, row) == place:
        row += 1
    return row


class _LineReader:
    """The lines of a piece as Spark hands them over, read as `files.PieceReader` reads them from disk."""

    def __init__(self, listed: Listed, start: int, batches: Iterator[Any]) -> None:
        self.problem: str | None = None
        self._listed = listed
        self._start = start
        self._batches = batches

    def blocks(self) -> Iterator[Block]:
        """The lines, a block for each batch."""
        blocks = self._split() if self._listed.is_split else whole_lines(self._whole())
        first = self._start == 0
        for block in blocks:
            yield replace(block, lines=block.lines.removeprefix(_MARK)) if first else block
            first = False

    def _split(self) -> Iterator[Block]:
        for batch in self._batches:
            sizes, lines = batch.column(2).to_pylist(), batch.column(3).to_pylist()
            begun = 0
            for at, size in enumerate(sizes) if max(sizes) >= LONGEST_LINE else ():
                if size >= LONGEST_LINE:
                    if at > begun:
                        yield Block(_joined(lines[begun:at]))
                    yield Block(lines[at], cut=True)
                    begun = at + 1
            if begun < len(lines):
                yield Block(_joined(lines[begun:]))

    def _whole(self) -> Iterator[bytes]:
        if not self._listed.file.zipped:
            for batch in self._batches:
                yield _joined(batch.column(3).to_pylist())
            return
        self.problem = yield from unzipped(self._bytes())

    def _bytes(self) -> Iterator[bytes]:
        """A file's bytes as they are on disk: what Spark took for lines, with the line feeds between them."""
        given, size = 0, self._listed.file.size
        for batch in self._batches:
            chunk = b"\n".join(batch.column(3).to_pylist())
            # Whether the last line ended in a line feed is told by the size alone.
            chunk = chunk + b"\n" if given + len(chunk) < size else chunk
            given += len(chunk)
            yield chunk


def _joined(lines: Sequence[bytes]) -> bytes:
    return b"\n".join((*lines, b""))


def assess_lines(desk: Desk, batches: Batches) -> Batches:
    """The assessments of a partition's patients, whose lines lie together; at the end how they were dealt with."""
    statuses: Counter[str] = Counter()
    unchanged: list[str] = []
    partly_read = 0
    waiting: list[bytes] = []
    for number, lines in groupby(_kept(batches), key=attrgetter("number")):
        name = desk.names[number]
        found = _assessed(desk, name, list(lines))
        if found is None:
            continue
        if isinstance(found, str):
            unchanged.append(found)
            continue
        statuses[found.summary.status] += 1
        partly_read += found.partly_read
        waiting.append(_encode(found))
        if len(waiting) >= 200:
            yield _batch([waiting, [None] * len(waiting)], _ASSESSED_TYPES)
            waiting = []
    tally = _encode(Assessed(dict(statuses), partly_read, tuple(unchanged)))
    yield _batch([[*waiting, None], [*[None] * len(waiting), tally]], _ASSESSED_TYPES)


def _assessed(desk: Desk, name: str, lines: Sequence[Kept]) -> Screened | str | None:
    """An assessment, the bare id of a patient who is unchanged, or None where there is no Patient."""
    store = desk.store
    record = record_digest(lines, store.digest if store is not None else "")
    if is_unchanged(name, record, lines, desk.held, desk.since):
        return name.removeprefix("Patient/")
    screened = assess_patient(name, lines, desk.judging, store.find if store is not None else None)
    return None if screened is None else replace(screened, record=record)


def _kept(batches: Batches) -> Iterator[Kept]:
    for batch in batches:
        yield from map(Kept, *(batch.column(name).to_pylist() for name in ("number", "kind", "flags", "raw")))
