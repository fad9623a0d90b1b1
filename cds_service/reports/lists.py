"""The ranked list of a run as CSV, NDJSON or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cds_service.errors import SourceError, UsageError

COLUMNS = (
    *("rank", "status", "patient", "days_left", "window_closes", "next_change"),
    *("unknown", "for_review", "to_do", "lesions", "therapy_lines", "histology", "as_of"),
)
FORMATS = (".csv", ".ndjson", ".json")
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")

Document = Mapping[str, Any]
"""An assessment as JSON."""


def csv_cell(value: object) -> str:
    """A value as a cell no spreadsheet takes for a formula: an apostrophe before words that look like one."""
    if isinstance(value, int):
        return str(value)
    text = "" if value is None else str(value)
    bare = text.lstrip()
    return f"'{text}" if bare.startswith(FORMULA_SIGNS) or text.startswith(FORMULA_SIGNS) else text


def csv_lines(documents: Iterable[Document], day: date | None = None) -> Iterator[str]:
    """The list of a day as CSV (RFC 4180), a heading first, one row a patient in the order given."""
    yield csv_line(COLUMNS)
    for place, document in enumerate(documents, start=1):
        yield csv_line(csv_cell(cell) for cell in cells_of(place, document, day))


def csv_line(cells: Iterable[str]) -> str:
    """One row of CSV (RFC 4180)."""
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def cells_of(place: int, document: Document, day: date | None = None) -> Sequence[object]:
    """What stands in a patient's row, in the order of `COLUMNS`; the days left count from the day of assessment,
    or from a later one.
    """
    criteria = document["criteria"]
    window = document["window"]
    lesions, therapy = document["lesions"], document.get("therapy")
    return (
        place,
        document["status"],
        document["patient"],
        _days_left(document, day),
        window.get("closes"),
        document["next_change"],
        _ids(criteria, "unknown"),
        _ids(criteria, "review"),
        "; ".join(dict.fromkeys(f"{item['what']} ({item['how']})" for one in criteria for item in one["missing"])),
        _range(lesions["count_min"], lesions["count_max"]),
        "" if therapy is None else _range(therapy["lines_min"], therapy["lines_max"]),
        next((one["reason"] for one in criteria if one["id"] == "histology"), ""),
        document["as_of"],
    )


def _days_left(document: Document, day: date | None) -> int | None:
    closes = document["window"].get("closes")
    start = day or date.fromisoformat(document["as_of"])
    return None if closes is None else (date.fromisoformat(closes) - start).days


def _ids(criteria: Iterable[Document], verdict: str) -> str:
    return " ".join(one["id"] for one in criteria if one["verdict"] == verdict)


def _range(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def check_format(path: Path) -> None:
    """Raises UsageError for a file name whose ending names no format."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"--out {path.name}: the name must end in {', '.join(FORMATS)}")


def write_list(path: Path, documents: Iterable[bytes], day: date) -> None:
    """Write the list of a day in the format of the file's ending, whole or not at all. Raises SourceError."""
    write_texts(path, _texts(path.suffix.lower(), documents, day))


def write_texts(path: Path, texts: Iterable[str]) -> None:
    """Write texts one after the other into a file, whole or not at all. Raises SourceError."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", newline="") as file:
            file.writelines(texts)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise SourceError(f"{path}: the list cannot be written ({error.strerror}); the old one is as it was") from None


def _texts(ending: str, documents: Iterable[bytes], day: date) -> Iterator[str]:
    if ending == ".csv":
        yield from csv_lines((json.loads(document) for document in documents), day)
        return
    before, between, after = ("[", ",\n", "]\n") if ending == ".json" else ("", "\n", "\n")
    yield before
    for place, document in enumerate(documents):
        yield (between if place else "") + document.decode()
    yield after
