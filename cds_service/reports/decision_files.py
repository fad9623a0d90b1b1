"""Decisions in a CSV file: the exported worklist with its last columns filled in, or a file of the same headings."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path

from cds_service.errors import SourceError
from cds_service.fhir.references import split
from cds_service.reports.lists import FORMULA_SIGNS
from cds_service.screening.entries import Decided, Decision, PatientKey

NEEDED = ("patient", "decision", "decided_at")
_MISTAKES_TOLD = 20
_BY_AT_MOST, _NOTE_AT_MOST = 200, 2000


class _Mistake(Exception):
    """What is wrong with a line, in words without its content."""


def read_decisions(path: Path, trial: str, now: datetime, by: str = "") -> tuple[Decision, ...]:
    """The decisions in a CSV file; rows without one are passed over.

    `decided_at` is a day or an instant; a day stands for its beginning, here, so that it never
    comes before what was decided in its course. Who decided is in `decided_by`, or `by`.
    Raises SourceError with the numbers of all lines that cannot be used; then none is.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(csv.DictReader(file, strict=True), trial, now, by)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as CSV in UTF-8 ({type(error).__name__})") from None


def _read(rows: csv.DictReader[str], trial: str, now: datetime, by: str) -> tuple[Decision, ...]:
    lacking = [name for name in NEEDED if name not in (rows.fieldnames or ())]
    if lacking:
        raise SourceError(f"the file has no column {', '.join(lacking)}: export the worklist to get one that has")
    found: list[Decision] = []
    mistakes: list[str] = []
    for line, row in _decided(rows):
        try:
            found.append(_decision(row, trial, now, by))
        except _Mistake as mistake:
            mistakes.append(f"line {line}: {mistake}")
    if mistakes:
        told = "; ".join(mistakes[:_MISTAKES_TOLD])
        more = f"; and {len(mistakes) - _MISTAKES_TOLD} more" if len(mistakes) > _MISTAKES_TOLD else ""
        raise SourceError(f"nothing was imported: {told}{more}")
    return tuple(found)


def _decided(rows: csv.DictReader[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    for row in rows:
        cells = {name: _plain(cell) for name, cell in row.items() if isinstance(cell, str)}
        if cells.get("decision"):
            yield rows.line_num, cells


def _decision(row: Mapping[str, str], trial: str, now: datetime, by: str) -> Decision:
    who = row.get("decided_by") or by
    if not who or len(who) > _BY_AT_MOST:
        raise _Mistake("decided_by is empty (or name one for all with --by)" if not who else "decided_by is too long")
    note = row.get("note", "")
    if len(note) > _NOTE_AT_MOST:
        raise _Mistake(f"the note is longer than {_NOTE_AT_MOST} characters")
    patient = _patient(row.get("patient", ""), row.get("server", ""))
    return Decision(patient, trial, _choice(row["decision"]), who, _instant(row.get("decided_at", ""), now), note)


def _patient(reference: str, server: str) -> PatientKey:
    base, name = split(reference)
    identity = name.removeprefix("Patient/")
    if not identity or "/" in identity:
        raise _Mistake("patient is not a reference like Patient/123")
    return PatientKey((base or server).rstrip("/"), identity)


def _choice(text: str) -> Decided:
    try:
        return Decided(text.lower().replace(" ", "_").replace("-", "_"))
    except ValueError:
        raise _Mistake(f"decision is not one of {', '.join(choices())}") from None


def choices() -> Iterable[str]:
    """The words for decisions."""
    return tuple(choice.value for choice in Decided)


def _instant(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text) if len(text) > len("2026-11-22") else _beginning_of(text)
    except ValueError:
        raise _Mistake("decided_at is not a day or an instant (2026-11-22, 2026-11-22T10:00:00+01:00)") from None
    at = at if at.tzinfo is not None else at.astimezone()
    if at > now:
        raise _Mistake("decided_at is in the future")
    return at


def _beginning_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min).astimezone()


def _plain(cell: str) -> str:
    """The cell without the apostrophe by which an export keeps it from being a formula."""
    text = cell.strip()
    bare = text[1:]
    return bare if text.startswith("'") and bare.lstrip().startswith(FORMULA_SIGNS) else text
