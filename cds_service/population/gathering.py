"""The two passes over the files: who is to be considered, and then their lines.

`survey` reads Condition, BodyStructure and Patient files for evidence of cancer and for who
exists; `gather` goes over every file and keeps the lines of those considered. What tells of
cancer elsewhere (a stage, a lesion's size, a Condition in a file of another type) is found
while gathering, and its patient's lines in a round of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import msgspec

from cds_service.fhir.decoding import UNREADABLE, decode, written_type
from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES, Patient
from cds_service.population.evidence import TELLING, Evidence
from cds_service.population.files import LONGEST_LINE, Block, Piece, PieceReader
from cds_service.population.prefilter import Prefilter, Sifted, Spelling, all_lines, spelling_of
from cds_service.population.reading import SHARED, Line, broken_long, read_line
from cds_service.population.spill import BROKEN, CHANGED, Kept, Part, SpillWriter

SURVEYED = frozenset({"Condition", "BodyStructure", "Patient"})
_MOST_REPORTED = 10_000
_CONTAINED = b'"contained"'
_wholes = msgspec.json.Decoder(msgspec.defstruct("Whole", []))
_UPDATED = re.compile(rb'"lastUpdated"\s*:\s*"([^"]{10,40})"')


@dataclass(slots=True)
class Bad:
    """A line that could not be read: which of its piece, its type where legible, why."""

    line: int
    kind: str
    reason: str


@dataclass(slots=True)
class PieceReport:
    """What one pass made of one piece; `problem` says why not all of it could be read.

    `evidence` are names of patients of whom it tells a cancer, `patients` digests of the names
    of those who are there, `links` whom their records were replaced by.
    """

    number: int
    lines: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)
    patients: list[int] = field(default_factory=list)
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    more_bad: int = 0
    dropped: int = 0
    problem: str | None = None
    parts: list[Part] = field(default_factory=list)

    def note_bad(self, line: int, kind: str, reason: str) -> None:
        """Note a line that could not be read."""
        if len(self.bad) < _MOST_REPORTED:
            self.bad.append(Bad(line, kind, reason))
        else:
            self.more_bad += 1


class Reader(Protocol):
    """A piece as it is read; `problem` says at the end why not all of it could be."""

    problem: str | None

    def blocks(self) -> Iterator[Block]:
        """The lines of the piece, block by block."""
        ...


class Writer(Protocol):
    """Takes the lines that are kept."""

    def add(self, kept: Kept) -> None:
        """Keep a line of a patient."""
        ...

    def put(self, slot: int, kept: Kept) -> None:
        """Keep a line that belongs to nobody, in a slot of its own."""
        ...


def name_digest(name: str) -> int:
    """A number that stands for a patient's name in 8 bytes."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def is_surveyed(piece: Piece) -> bool:
    """Whether a file may hold what the survey looks for, by its name; one that tells no type may."""
    return piece.file.kind in SURVEYED or piece.file.kind not in READ_TYPES


def survey(piece: Piece, evidence: Evidence, reader: Reader | None = None) -> PieceReport:
    """Who is there, and of whom the piece tells a cancer; `reader` reads it where it is no file of this machine."""
    report = PieceReport(piece.number)
    reader = reader or PieceReader(piece)
    for block in reader.blocks():
        if block.cut:
            _survey_line(broken_long(block.lines, LONGEST_LINE >> 20), report, evidence)
            report.lines += 1
            continue
        sifted = all_lines(block.lines, report.lines)
        for _, raw in sifted.odd:
            if not _is_silent_condition(raw, evidence):
                for line in read_line(raw):
                    _survey_line(line, report, evidence)
        report.lines = sifted.behind
    report.problem = reader.problem
    return report


def _is_silent_condition(raw: bytes, evidence: Evidence) -> bool:
    """Whether a line is a Condition that is no evidence of cancer, told without reading whose it is."""
    return written_type(raw) == "Condition" and not evidence.tells("Condition", raw)


def _survey_line(line: Line, report: PieceReport, evidence: Evidence) -> None:
    if line.kind == "Patient" and line.problem is None:
        report.patients.append(name_digest(line.about[0]))
        if b"replaced-by" in bytes(line.raw):
            replacing = tuple(_replacements(line))
            report.links[line.about[0]] = (*report.links.get(line.about[0], ()), *replacing)
    elif _is_evidence(line, evidence):
        report.evidence.update(line.about)


def _is_evidence(line: Line, evidence: Evidence) -> bool:
    """Whether a line tells of cancer; a Condition that cannot be read may."""
    if line.problem is not None:
        return line.kind in ("Condition", "BodyStructure")
    return line.kind in TELLING and bool(line.about) and evidence.tells(line.kind, line.raw)


def _replacements(line: Line) -> Iterator[str]:
    patient = decode("Patient", line.raw).resource
    for link in patient.link if isinstance(patient, Patient) else ():
        if link.type == "replaced-by" and link.other is not None and link.other.reference:
            yield plain_name(link.other.reference)


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose lines to keep: numbers by name, one for all the names of a patient.

    `everybody`: the number that everything goes to, where the source holds one patient only.
    `since` is the instant from which an update counts as a change.
    """

    numbers: Mapping[bytes, int]
    slots: int
    everybody: int | None = None
    since: datetime | None = None


def gather(piece: Piece, sought: Sought, evidence: Evidence | None, folder: Path, name: str) -> PieceReport:
    """Keep the lines of the patients sought; with `evidence`, look for more of whom it tells a cancer."""
    report = PieceReport(piece.number)
    writer = SpillWriter(folder, name, sought.slots)
    for _ in gathering(piece, sought, evidence, report, writer, PieceReader(piece)):
        pass
    writer.flush()
    report.parts = writer.parts
    return report


def gathering(
    piece: Piece, sought: Sought, evidence: Evidence | None, report: PieceReport, writer: Writer, reader: Reader
) -> Iterator[None]:
    """The same, block by block: after each, what is kept of it is with the writer; the report is whole at the end."""
    rows: Counter[str] = Counter()
    yield from _Gathering(piece, sought, evidence, report, writer).run(reader, rows)
    report.rows = dict(rows)


class _Gathering:
    """The lines of one piece as they are kept."""

    def __init__(
        self, piece: Piece, sought: Sought, evidence: Evidence | None, report: PieceReport, writer: Writer
    ) -> None:
        self._piece = piece
        self._sought = sought
        self._evidence = evidence
        self._surveyed = is_surveyed(piece)
        self._report = report
        self._writer = writer

    def run(self, reader: Reader, rows: Counter[str]) -> Iterator[None]:
        """Go over the piece, block by block, counting rows by type."""
        report = self._report
        prefilter = Prefilter(self._sought.numbers, self._evidence)
        spelling: Spelling | None = None
        for block in reader.blocks():
            if block.cut:
                self.take(report.lines, broken_long(block.lines, LONGEST_LINE >> 20))
                report.lines += 1
                continue
            if self._sought.everybody is None:
                spelling = spelling or spelling_of(block.lines, self._piece.file.kind)
            sifted = prefilter.sift(block.lines, spelling, report.lines)
            self._take_all(sifted, spelling.kind if spelling is not None else "", rows)
            report.lines = sifted.behind
            yield
        report.problem = reader.problem

    def _take_all(self, sifted: Sifted, kind: str, rows: Counter[str]) -> None:
        rows[kind] += sifted.ruled_out
        for number, raw, owner in sifted.sought:
            if _CONTAINED not in raw and _is_json(raw):
                rows[kind] += 1
                flags = CHANGED if _is_changed(raw, self._sought.since) else 0
                self._writer.add(Kept(owner, kind, flags, raw))
            else:
                self._read(number, raw, rows)
        for number, raw in sifted.odd:
            self._read(number, raw, rows)

    def _read(self, number: int, raw: bytes, rows: Counter[str]) -> None:
        for line in read_line(raw):
            rows[line.kind] += 1
            self.take(number, line)

    def take(self, number: int, line: Line) -> None:
        """Put one line where it belongs."""
        report, sought = self._report, self._sought
        if line.problem is not None:
            report.note_bad(number, line.kind, line.problem)
        elif line.kind in SHARED:
            self._writer.put(sought.slots, Kept(0, line.kind, 0, bytes(line.raw)))
            return
        owners = {found for name in line.about if (found := sought.numbers.get(name.encode())) is not None}
        if not owners and sought.everybody is not None:
            owners = {sought.everybody} if line.about or line.problem is None else owners
        if not owners:
            self._take_unknown(line)
        flags = BROKEN if line.problem is not None else CHANGED if _is_changed(bytes(line.raw), sought.since) else 0
        for owner in owners:
            self._writer.add(Kept(owner, line.kind, flags, bytes(line.raw)))

    def _take_unknown(self, line: Line) -> None:
        """A line of nobody sought: count it where it names nobody, look for evidence the survey had no sight of."""
        if line.problem is None and not line.about:
            self._report.dropped += 1
        elif self._evidence is not None and (not self._surveyed or line.kind == "Observation"):
            _survey_line(line, self._report, self._evidence)


def _is_json(raw: bytes) -> bool:
    """Whether a line is whole JSON; a broken one is looked at more closely."""
    try:
        _wholes.decode(raw)
    except UNREADABLE:
        return False
    return True


def _is_changed(raw: bytes, since: datetime | None) -> bool:
    """Whether a resource was updated after an instant; one that does not say may have been."""
    if since is None:
        return False
    found = _UPDATED.search(raw)
    try:
        when = datetime.fromisoformat(found[1].decode()) if found else None
    except ValueError:
        when = None
    return when is None or (when if when.tzinfo else when.replace(tzinfo=UTC)) >= since
