"""Nodal chains, and which are regional for which primary, as `mappings/nodes.yaml` says."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.catalog.fields import Entry
from cds_service.domain.criteria import NodalRow, NodalRules, NodeCategory

_FILE = ("about", "sources", "chains", "primaries")
_CHAIN = ("chain", "title", "counts", "source", "note")
_ROW = (
    "chain",
    "category",
    "regional_side",
    "regional_words",
    "distant_words",
    "proposal",
    "not_for_groups",
    "note",
    "source",
)
_CATEGORIES = {category.value: category for category in NodeCategory}


def read_nodes(entry: Entry) -> NodalRules:
    """The rules of nodal counting."""
    entry.only(_FILE, "the file of nodes")
    sources = entry.entry("sources").block
    midline, titles = set(), {}
    for item in entry.entries("chains"):
        item.only(_CHAIN, "a chain")
        name, counts = item.text("chain"), item.text("counts")
        titles[name] = item.text("title")
        if counts not in ("once", "per-side"):
            item.wrong("'counts' must be once (midline) or per-side", "counts")
        if counts == "once":
            midline.add(name)
    rows: dict[tuple[str, str], NodalRow] = {}
    other: dict[str, NodalRow] = {}
    for primary in entry.entries("primaries"):
        primary.only(("primary", "rows", "other"), "a primary")
        name = primary.text("primary")
        for item in primary.entries("rows"):
            chain = item.text("chain")
            if chain not in titles:
                item.wrong(f"chain '{chain}' is not in 'chains' of this file; add it there", "chain")
            rows[name, chain] = _row(item, sources)
        other[name] = _row(primary.entry("other"), sources)
    return NodalRules(frozenset(midline), rows, other, titles)


def _row(entry: Entry, sources: Mapping[str, object]) -> NodalRow:
    entry.only(_ROW, "a nodal row")
    category = _CATEGORIES.get(entry.text("category"))
    if category is None:
        entry.wrong(f"'category' must be one of: {', '.join(_CATEGORIES)}", "category")
    for source in entry.texts("source") or ("",):
        if source not in sources:
            entry.wrong("'source' is missing or not in 'sources' of this file; cite one", "source")
    return NodalRow(
        category=category or NodeCategory.UNKNOWN,
        regional_side=entry.text("regional_side", "") or None,
        regional_words=entry.texts("regional_words"),
        distant_words=entry.texts("distant_words"),
        proposal=entry.flag("proposal"),
        not_for_groups=frozenset(entry.texts("not_for_groups")),
        note=entry.text("note", ""),
    )
