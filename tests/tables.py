"""Small text tables for specifications: a head line of names, a row a case, blank = not recorded."""

from __future__ import annotations

import pytest


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table whose cells are parted by |, each by its column's name."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    names, *cases = [[cell.strip() for cell in line.split("|")] for line in lines]
    for case in cases:
        if len(case) != len(names):
            raise ValueError(f"{len(case)} cells for {len(names)} columns: {' | '.join(case)}")
    return [dict(zip(names, case, strict=True)) for case in cases]


def each_row(text: str) -> pytest.MarkDecorator:
    """Runs a test once for every row, given as `row`."""
    cases = rows(text)
    return pytest.mark.parametrize("row", cases, ids=["-".join(filter(None, case.values()))[:80] for case in cases])
