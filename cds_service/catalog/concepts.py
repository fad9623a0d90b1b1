"""Value sets: what each code of a concept means, as `mappings/concepts/*.yaml` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.catalog.fields import Entry
from cds_service.catalog.systems import CodeSystem
from cds_service.domain.codes import Meaning

_FILE = ("concept", "concepts", "about", "reference_only", "sources", "remarks", "rows")
_ROW = frozenset(
    ("system", "code", "pattern", "concept", "display", "group", "use", "note", "remark", "shared", "source")
)


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One row of a value set: a code (or a pattern of codes), what it means, who says so.

    `meanings` has one entry for each group of the row. `remark` is for the reader of the
    file; `meanings[..].note` is a doubt that goes into reasons. `shared`: other rows of the
    concept hold the same code on purpose. `reference_only`: shown, never looked up.
    `written` is the code as the file writes it, `code` as it is compared.
    """

    system: str
    code: str
    meanings: tuple[Meaning, ...]
    sources: tuple[str, ...]
    file: str
    line: int
    remark: str = ""
    pattern: re.Pattern[str] | None = None
    shared: bool = False
    reference_only: bool = False
    written: str = ""

    @property
    def concept(self) -> str:
        """The value set the row belongs to."""
        return self.meanings[0].concept


def read_concepts(entry: Entry, systems: Mapping[str, CodeSystem]) -> list[CodeRow]:
    """The rows of one file; rows with a mistake are left out and noted."""
    entry.only(_FILE, "a file of concepts")
    entry.text("about")
    concepts = entry.texts("concept") + entry.texts("concepts")
    if not concepts:
        entry.wrong("names no concept; write concept: NAME")
        return []
    reader = _RowReader(entry, concepts, systems)
    return [row for item in entry.entries("rows") if (row := reader.read(item)) is not None]


def note_conflicts(rows: Iterable[CodeRow], entry: Entry) -> None:
    """Notes every code that stands twice in one concept without saying that it is shared."""
    seen: dict[tuple[str, str, str], CodeRow] = {}
    for row in rows:
        key = (row.concept, row.system, row.code)
        first = seen.setdefault(key, row)
        if first is row or _is_meant(first, row):
            continue
        entry.mistakes.add(row.file, row.line, _conflict(first, row))


def _is_meant(first: CodeRow, row: CodeRow) -> bool:
    """Both rows say they share the code; of two files one does, so that a file added for a trial leaves ours alone."""
    if first.file != row.file:
        return first.shared or row.shared
    return first.shared and row.shared


def _conflict(first: CodeRow, row: CodeRow) -> str:
    where = f"{first.file}:{first.line}"
    if {(m.group, m.use) for m in first.meanings} == {(m.group, m.use) for m in row.meanings}:
        return f"code '{row.code}' stands twice in '{row.concept}' (also {where}); keep one row"
    return (
        f"code '{row.code}' has another group or use in '{row.concept}' (see {where}); keep one row,"
        " or write shared: true in both if both are meant (in one of them if they stand in two files)"
    )


class _RowReader:
    """Reads the rows of one file with its dictionaries of sources and remarks."""

    def __init__(self, entry: Entry, concepts: tuple[str, ...], systems: Mapping[str, CodeSystem]) -> None:
        self._concepts = concepts
        self._systems = systems
        self._sources = entry.entry("sources").block
        self._remarks = entry.entry("remarks").block
        self._reference_only = entry.flag("reference_only")

    def read(self, entry: Entry) -> CodeRow | None:
        """The row, None after a mistake that leaves it without meaning."""
        block = entry.block
        if not block.keys() <= _ROW:
            entry.only(_ROW, "a row")
        before = len(entry.mistakes.found)
        system = self._systems.get(entry.text("system"))
        if system is None:
            entry.wrong(f"unknown system '{block.get('system')}'; add it to systems.yaml or use one of it", "system")
        concept = entry.text("concept", self._concepts[0])
        if concept not in self._concepts:
            entry.wrong(f"concept '{concept}' is not one this file declares", "concept")
        pattern = _pattern(entry)
        code = pattern.pattern if pattern else entry.text("code")
        if system is not None and pattern is None and (objection := system.objection(code)):
            entry.wrong(objection, "code")
        sources = self._cited(entry)
        groups, use = entry.texts("group"), entry.text("use")
        if not groups:
            entry.wrong("'group' is missing; write group: NAME", "group")
        if len(entry.mistakes.found) > before or system is None:
            return None
        display, note = entry.text("display", ""), entry.text("note", "")
        return CodeRow(
            system=system.uri,
            code=code if pattern else system.normal(code),
            meanings=tuple(Meaning(concept, group, use, display, note) for group in groups),
            sources=sources,
            remark=self._remark(entry),
            pattern=pattern,
            shared="shared" in block and entry.flag("shared"),
            file=entry.file,
            line=block.line,
            reference_only=self._reference_only,
            written=code,
        )

    def _cited(self, entry: Entry) -> tuple[str, ...]:
        keys = entry.texts("source")
        if not keys:
            entry.wrong("'source' is missing; cite at least one key of 'sources'", "source")
        for key in keys:
            if key not in self._sources:
                entry.wrong(f"source '{key}' is not in 'sources' of this file; add it there", "source")
        return tuple(self._sources.get(key, "") for key in keys)

    def _remark(self, entry: Entry) -> str:
        key = entry.block.get("remark")
        return self._remarks.get(key, key) if isinstance(key, str) else ""


def _pattern(entry: Entry) -> re.Pattern[str] | None:
    if "pattern" not in entry.block:
        return None
    try:
        return re.compile(entry.text("pattern"), re.IGNORECASE)
    except re.error as error:
        entry.wrong(f"'pattern' is not a regular expression ({error})", "pattern")
        return None
