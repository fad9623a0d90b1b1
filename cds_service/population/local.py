"""The local engine: a folder of NDJSON becomes assessments, on all cores, within bounded memory.

    engine = LocalEngine(files, judging, work_folder, Options(workers=2))
    counts = engine.run()
    for screened in engine.results(): ...

1. survey: who exists, who has evidence of cancer;  2. gather: their lines, from every file, to
disk;  3. assess: slot by slot, a few megabytes at a time. Each step of each piece ends with one
file put in place whole; run again on the same work folder, what is done is not done again.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from cds_service.fhir.decoding import type_of
from cds_service.fhir.resources import READ_TYPES
from cds_service.population import tally
from cds_service.population.assessing import (
    Assessed,
    Judging,
    SharedStore,
    assess_patient,
    by_patient,
    is_unchanged,
    record_digest,
    write_shared,
)
from cds_service.population.crew import Crew
from cds_service.population.evidence import Evidence
from cds_service.population.files import PIECE_BYTES, Piece, PieceReader, SourceFile, pieces_of
from cds_service.population.gathering import (
    PieceReport,
    Sought,
    gather,
    is_surveyed,
    survey,
)
from cds_service.population.people import Considered, People, Roll
from cds_service.population.reading import read_line
from cds_service.population.spill import read_slot, write_whole
from cds_service.screening.screened import EngineOutcome, Screened

Progress = Callable[[str, int, int], None]
"""Told the phase ("reading who has cancer"), and how much of how much is done: bytes, or groups of patients."""

_reports = msgspec.msgpack.Decoder(PieceReport)
_results = msgspec.msgpack.Decoder(list[Screened])
_FEWEST_SLOTS, _MOST_SLOTS = 64, 4096
_ZIPPED = 10


@dataclass(frozen=True, slots=True)
class Options:
    """How the engine works: processes, the size of pieces and of what one process holds at once.

    `held`: patients (bare ids) who need not be assessed anew while their record is the same, with
    its digest; where `since` is given, while nothing of it was updated after that instant.
    """

    workers: int = 1
    piece_bytes: int = PIECE_BYTES
    slot_bytes: int = 16 << 20
    held: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None


@dataclass(slots=True)
class _Desk:
    """What a worker has at hand."""

    judging: Judging
    evidence: Evidence
    folder: Path
    options: Options
    sought: Sought
    names: Sequence[str] = ()
    places: Mapping[int, list[tuple[str, int, int]]] = field(default_factory=dict)
    shared: SharedStore | None = None


_assessed = msgspec.msgpack.Decoder(Assessed)


class LocalEngine:
    """Screens the files of a population in a work folder, and takes up what an earlier run left done there."""

    def __init__(
        self,
        files: Sequence[SourceFile],
        judging: Judging,
        folder: Path,
        options: Options | None = None,
        progress: Progress = lambda _phase, _done, _total: None,
    ) -> None:
        self._options = options or Options()
        self._pieces = pieces_of([file for file in files if _is_read(file)], self._options.piece_bytes)
        self._judging = judging
        self._folder = folder
        self._progress = progress
        self._slots = _slots(files, self._options)
        self._people = People()
        self._roll = Roll()
        self._parts: list[PieceReport] = []
        self.outcome = EngineOutcome()

    def run(self) -> EngineOutcome:
        """Assess everybody who is to be considered; the assessments are in the work folder."""
        with self._timed("survey"):
            self._survey()
        considered = self._people.considered()
        with self._timed("gather"):
            considered = self._gather_all(considered)
        counts = self.outcome.counts
        counts.patients, counts.considered, counts.absent = (
            considered.patients,
            len(considered.groups),
            considered.absent,
        )
        with self._timed("assess"):
            self._assess()
        return self.outcome

    def results(self) -> Iterator[Screened]:
        """Every assessment made, slot by slot."""
        for slot in range(self._slots):
            path = self._folder / f"slot-{slot:04d}.rows"
            if path.exists():
                yield from _results.decode(path.read_bytes())

    def quarantined(self) -> Iterator[tuple[str, int, str, str]]:
        """File, line, type and reason of each line that could not be read, in the order of the files."""
        return tally.quarantined(self._pieces, self._parts)

    def close(self) -> None:
        """Nothing is held but the work folder, which is left for `--resume`."""

    # --- survey ---------------------------------------------------------------------------------------

    def _survey(self) -> None:
        pieces = [piece for piece in self._pieces if is_surveyed(piece)]
        for report in self._done("survey", _survey_piece, pieces, Sought({}, self._slots)):
            self._people.add(report)

    # --- gather ---------------------------------------------------------------------------------------

    def _gather_all(self, considered: Considered) -> Considered:
        """Gather the lines of those considered, then of those found to be while gathering."""
        reports = self._gather("gather", considered, _gather_piece)
        late = [report for report in reports if report.evidence or report.patients]
        if not late:
            return considered
        for report in late:
            self._people.add(report)
        after = self._people.considered()
        if after.groups.keys() - considered.groups.keys():
            self._gather("late", after, _gather_late)
        return after

    def _gather(self, phase: str, considered: Considered, work: Work) -> list[PieceReport]:
        sought = self._roll.enter(considered, self._slots, self._options.since)
        reports = list(self._done(phase, work, self._pieces, sought))
        reports.sort(key=lambda report: report.number)
        self._parts += reports
        if phase == "gather":
            tally.count(self.outcome, self._pieces, reports)
        return reports

    # --- assess ---------------------------------------------------------------------------------------

    def _assess(self) -> None:
        places: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        for report in self._parts:
            for part in report.parts:
                for slot, offset, length in part.slots:
                    places[slot].append((part.name, offset, length))
        shared = self._shared(places.pop(self._slots, []))
        sought = Sought({}, self._slots)
        desk = self._desk(sought, names=self._roll.names, places=places, shared=shared)
        slots = sorted(places)
        counts, statuses = self.outcome.counts, Counter[str]()
        with Crew(self._options.workers if len(slots) > 1 else 1, desk) as crew:
            for done, assessed in enumerate(crew.each(_assess_slot, slots), start=1):
                statuses.update(assessed.statuses)
                counts.partly_read += assessed.partly_read
                self.outcome.unchanged.update(assessed.unchanged)
                self._progress("assess", done, len(slots))
        counts.statuses, counts.evaluated = dict(statuses), statuses.total()
        counts.unchanged = len(self.outcome.unchanged)

    def _shared(self, places: list[tuple[str, int, int]]) -> SharedStore | None:
        if not places:
            return None
        path = self._folder / "shared.sqlite"
        if not path.exists():
            lines = (line for kept in read_slot(self._folder, places) for line in read_line(kept.raw))
            write_shared(path, ((f"{line.kind}/{line.id}", bytes(line.raw)) for line in lines if line.id))
        return SharedStore(path)

    # --- both -----------------------------------------------------------------------------------------

    def _done(self, phase: str, work: Work, pieces: Sequence[Piece], sought: Sought) -> Iterator[PieceReport]:
        """The reports of a phase: those an earlier run left, and those of the pieces now worked on."""
        total, done = sum(piece.size for piece in pieces), 0
        sizes = {piece.number: piece.size for piece in pieces}
        todo = []
        for piece in pieces:
            report = _read_report(self._folder / f"{phase}-{piece.number:05d}")
            if report is None:
                todo.append(piece)
            else:
                done += piece.size
                yield report
        desk = self._desk(sought)
        with Crew(min(self._options.workers, len(todo)), desk) as crew:
            for report in crew.each(work, sorted(todo, key=lambda piece: -piece.size)):
                done += sizes[report.number]
                self._progress(phase, done, total)
                yield report

    def _desk(
        self,
        sought: Sought,
        names: Sequence[str] = (),
        places: Mapping[int, list[tuple[str, int, int]]] | None = None,
        shared: SharedStore | None = None,
    ) -> _Desk:
        evidence = Evidence(self._judging.catalog)
        return _Desk(self._judging, evidence, self._folder, self._options, sought, names, places or {}, shared)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.outcome.counts.seconds[phase] = round(time.perf_counter() - begun, 3)


Work = Callable[[_Desk, Piece], PieceReport]


def _is_read(file: SourceFile) -> bool:
    """Whether anything is read from a file: not from one that holds, by name and first line, another type."""
    if file.kind in READ_TYPES or not file.kind:
        return True
    piece = Piece(0, file, 0, min(file.size, 1 << 16) if not file.zipped else file.size)
    for block in PieceReader(piece).blocks():
        return type_of(block.lines.partition(b"\n")[0]) != file.kind
    return True


def _slots(files: Iterable[SourceFile], options: Options) -> int:
    size = sum(file.size * (_ZIPPED if file.zipped else 1) for file in files)
    return max(_FEWEST_SLOTS, min(_MOST_SLOTS, size // options.slot_bytes))


def _read_report(path: Path) -> PieceReport | None:
    try:
        return _reports.decode(path.read_bytes())
    except FileNotFoundError:
        return None


def _survey_piece(desk: _Desk, piece: Piece) -> PieceReport:
    return _written(desk, "survey", survey(piece, desk.evidence))


def _gather_piece(desk: _Desk, piece: Piece) -> PieceReport:
    name = f"gather-{piece.number:05d}"
    return _written(desk, "gather", gather(piece, desk.sought, desk.evidence, desk.folder, name))


def _gather_late(desk: _Desk, piece: Piece) -> PieceReport:
    report = gather(piece, desk.sought, None, desk.folder, f"late-{piece.number:05d}")
    report.bad, report.more_bad = [], 0
    return _written(desk, "late", report)


def _written(desk: _Desk, phase: str, report: PieceReport) -> PieceReport:
    write_whole(desk.folder / f"{phase}-{report.number:05d}", report)
    return report


def _assess_slot(desk: _Desk, slot: int) -> Assessed:
    path = desk.folder / f"slot-{slot:04d}"
    with suppress(FileNotFoundError):
        return _assessed.decode(path.read_bytes())
    rows: list[Screened] = []
    unchanged: list[str] = []
    find = desk.shared.find if desk.shared is not None else None
    for number, lines in by_patient(read_slot(desk.folder, desk.places[slot])):
        name = desk.names[number]
        record = record_digest(lines, desk.shared.digest if desk.shared is not None else "")
        if is_unchanged(name, record, lines, desk.options.held, desk.options.since):
            unchanged.append(name.removeprefix("Patient/"))
        elif (screened := assess_patient(name, lines, desk.judging, find)) is not None:
            rows.append(replace(screened, record=record))
    write_whole(path.with_suffix(".rows"), rows)
    statuses = Counter(screened.summary.status for screened in rows)
    assessed = Assessed(dict(statuses), sum(screened.partly_read for screened in rows), tuple(unchanged))
    write_whole(path, assessed)
    return assessed
