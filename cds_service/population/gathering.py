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
from typing import Literal, Protocol

from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.json import Decoder

from cds_service.fhir.decoding import UNREADABLE, decode
from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES, Patient
from cds_service.population.evidence import TELLING, Evidence
from cds_service.population.files import LONGEST_LINE, Block, Piece, PieceReader
from cds_service.population.prefilter import Nothing, Prefilter, Sifted, all_lines, kind_of_lines
from cds_service.population.reading import SHARED, Line, broken_long, read_line
from cds_service.population.spill import BROKEN, CHANGED, Kept, Part, SpillWriter

SURVEYED = frozenset({"Condition", "BodyStructure", "Patient"})
_MOST_REPORTED = 10_000
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
        """Note a line that could not be read: once, whatever of it could not."""
        if self.bad and self.bad[-1].line == line:
            return
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
    reader, persons = reader or PieceReader(piece), piece.file.kind == "Patient"
    for block in reader.blocks():
        if block.cut:
            _survey_line(broken_long(block.lines, LONGEST_LINE >> 20), report, evidence)
            report.lines += 1
            continue
        sifted = all_lines(block.lines, report.lines)
        for _, raw in sifted.odd:
            if not (_take_person(raw, report) if persons else evidence.is_silent_condition(raw)):
                for line in read_line(raw):
                    _survey_line(line, report, evidence)
        report.lines = sifted.behind
    report.problem = reader.problem
    return report


class _Person(Struct, rename="camel", gc=False):
    """A Patient; one with elements that no Patient has is not read with this."""

    resource_type: Literal["Patient"]
    id: str
    link: Raw | UnsetType = UNSET
    subject: Nothing | UnsetType = UNSET
    patient: Nothing | UnsetType = UNSET
    individual: Nothing | UnsetType = UNSET


_persons = Decoder(_Person)


def _take_person(raw: bytes, report: PieceReport) -> bool:
    """Note a Patient whose record was not replaced; whether the line was one."""
    try:
        person = _persons.decode(raw)
    except UNREADABLE:
        return False
    if not person.id or person.link is not UNSET:
        return False
    report.patients.append(name_digest(f"Patient/{person.id}"))
    return True


def _survey_line(line: Line, report: PieceReport, evidence: Evidence) -> None:
    if line.kind == "Patient" and line.problem is None:
        report.patients.append(name_digest(line.about[0]))
        if b"replaced-by" in bytes(line.raw):
            replacing = tuple(_replacements(line))
            report.links[line.about[0]] = (*report.links.get(line.about[0], ()), *replacing)
    elif not report.evidence.issuperset(line.about) and _is_evidence(line, evidence):
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

    numbers: Mapping[str, int]
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
        prefilter: Prefilter | None = None
        for block in reader.blocks():
            if block.cut:
                self.take(report.lines, broken_long(block.lines, LONGEST_LINE >> 20))
                report.lines += 1
                continue
            prefilter = prefilter or self._prefilter(block.lines)
            if prefilter is None:
                sifted = all_lines(block.lines, report.lines)
            else:
                sifted = prefilter.sift(block.lines, report.lines)
                self._keep(sifted, prefilter.kind, rows)
            for number, raw in sifted.odd:
                self._read(number, raw, rows)
            report.lines = sifted.behind
            yield
        report.problem = reader.problem

    def _prefilter(self, block: bytes) -> Prefilter | None:
        """What sifts the lines of this piece; None where each is to be read."""
        kind = kind_of_lines(block, self._piece.file.kind)
        if not kind or self._sought.everybody is not None:
            return None
        return Prefilter(kind, self._sought.numbers, self._evidence)

    def _keep(self, sifted: Sifted, kind: str, rows: Counter[str]) -> None:
        """Keep the lines of patients sought."""
        rows[kind] += sifted.ruled_out + len(sifted.sought)
        since, add = self._sought.since, self._writer.add
        for raw, owner in sifted.sought:
            add(Kept(owner, kind, CHANGED if since is not None and _is_changed(raw, since) else 0, raw))

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
        owners = {found for name in line.about if (found := sought.numbers.get(name)) is not None}
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
