"""What the reports of the pieces come to: counts, problems, and the lines that could not be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from cds_service.population.files import Piece
from cds_service.population.gathering import PieceReport
from cds_service.screening.screened import EngineOutcome


def count(outcome: EngineOutcome, pieces: Sequence[Piece], reports: Iterable[PieceReport]) -> None:
    """Put what was read, and what could not be, into the outcome; a report's number is its piece's place."""
    counts = outcome.counts
    rows: Counter[str] = Counter()
    for report in reports:
        rows.update(report.rows)
        counts.quarantined += len(report.bad) + report.more_bad
        counts.dropped += report.dropped
        if report.problem is not None:
            outcome.problems.append(f"{pieces[report.number].file.name}: {report.problem}")
    rows.pop("", None)
    counts.rows = {kind: number for kind, number in sorted(rows.items()) if number}


def quarantined(pieces: Sequence[Piece], reports: Iterable[PieceReport]) -> Iterator[tuple[str, int, str, str]]:
    """File, line, type and reason of each line that could not be read, in the order of the files."""
    by_number = sorted(reports, key=lambda report: report.number)
    first = _first_lines(pieces, by_number)
    for report in by_number:
        name = pieces[report.number].file.name
        for bad in report.bad:
            yield name, first[report.number] + bad.line, bad.kind, bad.reason


def _first_lines(pieces: Sequence[Piece], reports: Iterable[PieceReport]) -> dict[int, int]:
    """The number in its file of the first line of each piece, counted from 1."""
    lines = {report.number: report.lines for report in reports}
    first: dict[int, int] = {}
    before: dict[str, int] = defaultdict(lambda: 1)
    for piece in pieces:
        first[piece.number] = before[piece.file.name]
        before[piece.file.name] += lines.get(piece.number, 0)
    return first
