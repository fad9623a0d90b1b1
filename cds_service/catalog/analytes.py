"""Analytes: which laboratory codes measure them, in which units, how units convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from cds_service.catalog.concepts import CodeRow
from cds_service.catalog.fields import Entry
from cds_service.catalog.systems import CodeSystem
from cds_service.domain.codes import Meaning
from cds_service.domain.quantities import Analyte, Conversion, fold_unit

_FILE = ("about", "sources", "analytes")
_ANALYTE = ("name", "title", "unit", "ucum", "plausible", "reason", "source", "units", "words", "tests")
_UNIT = ("unit", "units", "times", "by", "at_most", "at_least", "only_for", "note", "source", "ucum")
_COMPARABLE = ("true", "false", "mass-to-amount", "arbitrary")
_TEST = ("system", "code", "display", "use", "note", "source")


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit of an analyte as the file states it, for checking against UCUM.

    `ucum`: "true" (dimension and factor must agree), "mass-to-amount" or "arbitrary" (UCUM
    knows the unit, not the factor), "false" (UCUM has no say).
    """

    analyte: str
    canonical: str
    unit: str
    conversion: Conversion
    ucum: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class AnalyteFile:
    """The analytes by name, the tests that measure them, the units as stated."""

    analytes: Mapping[str, Analyte]
    tests: tuple[CodeRow, ...]
    units: tuple[UnitRow, ...]


def read_analytes(entry: Entry, systems: Mapping[str, CodeSystem]) -> AnalyteFile:
    """What the file of analytes says."""
    entry.only(_FILE, "the file of analytes")
    sources = entry.entry("sources").block
    analytes: dict[str, Analyte] = {}
    tests: list[CodeRow] = []
    units: list[UnitRow] = []
    for item in entry.entries("analytes"):
        item.only(_ANALYTE, "an analyte")
        _cite(item, sources)
        analyte, rows = _analyte(item, systems, sources)
        if analyte.name in analytes:
            item.wrong(f"analyte '{analyte.name}' stands twice; keep one", "name")
        analytes[analyte.name] = analyte
        units += rows
        tests += [t for test in item.entries("tests") if (t := _test(test, analyte.name, systems, sources))]
    _note_shared_codes(tests, entry)
    return AnalyteFile(analytes, tuple(tests), tuple(units))


def with_words(analyte: Analyte, words: Mapping[str, Conversion]) -> Analyte:
    """The analyte with a site's own unit words laid over its own."""
    return replace(analyte, words={**analyte.words, **words})


def read_words_of_units(entry: Entry, systems: Mapping[str, CodeSystem]) -> dict[str, Conversion]:
    """Free-text units of one entry, folded, with their conversion."""
    conversion = read_conversion(entry, systems)
    return {fold_unit(text): conversion for text in entry.texts("units") + entry.texts("unit")}


def read_conversion(entry: Entry, systems: Mapping[str, CodeSystem]) -> Conversion:
    """The conversion of a unit: canonical = value * times / by."""
    by = entry.number("by", Decimal(1))
    if by == 0:
        entry.wrong("'by' divides and must not be 0", "by")
        by = Decimal(1)
    return Conversion(
        multiply_by=entry.number("times", Decimal(1)),
        divide_by=by,
        at_most=entry.optional_number("at_most"),
        at_least=entry.optional_number("at_least"),
        only_for=frozenset(_full(entry, code, systems) for code in entry.texts("only_for")),
    )


def _full(entry: Entry, code: str, systems: Mapping[str, CodeSystem]) -> str:
    key, _, bare = code.partition("|")
    if key not in systems or not bare:
        entry.wrong(f"'{code}' in only_for must be SYSTEM|CODE with a system of systems.yaml", "only_for")
        return code
    return f"{systems[key].uri}|{bare}"


def _analyte(
    entry: Entry, systems: Mapping[str, CodeSystem], sources: Mapping[str, object]
) -> tuple[Analyte, list[UnitRow]]:
    name, unit = entry.text("name"), entry.text("unit")
    ucum = entry.text("ucum", unit)
    units: dict[str, Conversion] = {}
    words: dict[str, Conversion] = {}
    rows = []
    for item in entry.entries("units"):
        item.only(_UNIT, "a unit")
        _cite(item, sources)
        conversion = read_conversion(item, systems)
        text = item.text("unit")
        units[text] = conversion
        rows.append(UnitRow(name, ucum, text, conversion, _comparable(item), entry.file, item.block.line))
    for item in entry.entries("words"):
        item.only(_UNIT, "words of a unit")
        _cite(item, sources)
        words.update(read_words_of_units(item, systems))
    if unit not in units:
        entry.wrong(f"the unit '{unit}' itself is not among 'units'; list it with times: 1", "unit")
    return Analyte(name, entry.text("title"), unit, units, words, _plausible(entry)), rows


def _comparable(entry: Entry) -> str:
    said = entry.text("ucum", "true")
    if said not in _COMPARABLE:
        entry.wrong(f"'ucum' must be one of: {', '.join(_COMPARABLE)}", "ucum")
    return said


def _plausible(entry: Entry) -> tuple[Decimal, Decimal] | None:
    block = entry.entry("plausible")
    if not block.block:
        return None
    entry.text("reason")
    block.only(("from", "to"), "a plausible range")
    return block.number("from"), block.number("to")


def _test(
    entry: Entry, analyte: str, systems: Mapping[str, CodeSystem], sources: Mapping[str, object]
) -> CodeRow | None:
    entry.only(_TEST, "a test")
    _cite(entry, sources)
    system = systems.get(entry.text("system"))
    if system is None:
        entry.wrong(f"unknown system '{entry.block.get('system')}'; use one of systems.yaml", "system")
        return None
    code = entry.text("code")
    objection = system.objection(code)
    if objection:
        entry.wrong(objection, "code")
    note = entry.text("note", "")
    meaning = Meaning("lab-test", analyte, entry.text("use"), entry.text("display", ""), note)
    cited = tuple(str(sources.get(key, "")) for key in entry.texts("source"))
    return CodeRow(system.uri, system.normal(code), (meaning,), cited, entry.file, entry.block.line)


def _note_shared_codes(tests: list[CodeRow], entry: Entry) -> None:
    seen: dict[tuple[str, str], CodeRow] = {}
    for test in tests:
        first = seen.setdefault((test.system, test.code), test)
        if first is not test:
            entry.mistakes.add(
                test.file, test.line, f"code '{test.code}' already measures {first.meanings[0].group}; keep one row"
            )


def _cite(entry: Entry, sources: Mapping[str, object]) -> None:
    cited = entry.texts("source")
    if not cited:
        entry.wrong("'source' is missing; cite a key of 'sources'", "source")
    for key in cited:
        if key not in sources:
            entry.wrong(f"source '{key}' is not in 'sources' of this file; add it there", "source")
