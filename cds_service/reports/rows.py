"""Rows of the mappings, and of a source's coverage, in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cds_service.catalog.coverage import Covered, Standing

_TITLES = {
    Standing.UNMAPPED: "Not mapped, though they look relevant: add them to a site file or to mappings/concepts",
    Standing.AMBIGUOUS: "Ambiguous: one code, several meanings",
    Standing.USED: "Used by the trial's criteria",
    Standing.OTHER: "Not relevant to the trial",
}
_COLUMNS = ("count", "code", "system", "words", "meaning", "example")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console, title: str = "") -> None:
    """Write rows under their columns; nothing in them is taken for markup."""
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in ("count", "rows") else "left")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)


def print_coverage(rows: Sequence[Covered], console: Console, *, every: bool = False) -> None:
    """Write the codes of a source by what the mappings know of them, the most frequent first."""
    counted = Counter(row.standing for row in rows)
    met = Counter[Standing]()
    for row in rows:
        met[row.standing] += row.count
    for standing in Standing:
        if counted[standing] and (every or standing is not Standing.OTHER):
            chosen = [_cells(row) for row in rows if row.standing is standing]
            print_rows(_COLUMNS, chosen, console, _TITLES[standing])
            console.print()
    parts = (f"{counted[kind]} codes ({met[kind]} times) {kind.value}" for kind in Standing if counted[kind])
    console.print(Text("; ".join(parts) or "no codes were met"))


def _cells(row: Covered) -> Sequence[str]:
    return (str(row.count), row.code, row.called or row.system, row.display, row.meaning, row.example)
