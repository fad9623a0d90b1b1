"""What a concept holds: what `cds-service mappings show CONCEPT` prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.concepts import CodeRow
from cds_service.errors import UsageError


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row as a person reads it; `where` is file and line."""

    system: str
    code: str
    display: str
    group: str
    use: str
    note: str
    sources: tuple[str, ...]
    where: str


def concepts(catalog: Catalog) -> dict[str, int]:
    """Every concept with the number of its rows, analytes among them by name."""
    counted = Counter(row.concept for row in catalog.rows)
    counted.update(row.meanings[0].group for row in catalog.test_rows)
    return dict(sorted(counted.items()))


def show(catalog: Catalog, concept: str) -> list[ShownRow]:
    """The rows of a concept or of an analyte, in the order of the files.

    Raises UsageError for a concept that is in no file, naming those that are.
    """
    rows = [row for row in catalog.rows if row.concept == concept]
    rows += [row for row in catalog.test_rows if row.meanings[0].group == concept]
    if not rows:
        raise UsageError(f"no concept '{concept}' in the mappings; there are: {', '.join(concepts(catalog))}")
    return [_shown(row) for row in rows]


def _shown(row: CodeRow) -> ShownRow:
    first = row.meanings[0]
    remarks = (first.note, row.remark)
    return ShownRow(
        system=row.system,
        code=f"/{row.code}/" if row.pattern is not None else row.written or row.code,
        display=first.display,
        group=", ".join(meaning.group for meaning in row.meanings),
        use=first.use,
        note="; ".join(dict.fromkeys(remark for remark in remarks if remark)),
        sources=row.sources,
        where=f"{row.file}:{row.line}",
    )
