"""One hospital's own codes, units, contacts and order names, laid over the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.catalog.analytes import read_words_of_units
from cds_service.catalog.concepts import CodeRow
from cds_service.catalog.fields import Entry
from cds_service.catalog.systems import CodeSystem
from cds_service.catalog.wordings import compiled
from cds_service.domain.codes import Meaning
from cds_service.domain.quantities import Conversion

_FILE = ("site", "title", "about", "contact", "systems", "codes", "units", "orders", "studies")
_CODE = ("system", "code", "display", "as", "concept", "group", "use", "note", "reason")
_UNIT = ("analyte", "units", "times", "by", "at_most", "at_least", "reason")


@dataclass(frozen=True, slots=True)
class Contact:
    """Who at the hospital answers for the trial; what is empty is not shown."""

    team: str = ""
    phone: str = ""
    email: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class OrderWords:
    """Words of an order (ServiceRequest, MedicationRequest) that make a card worth showing."""

    about: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Site:
    """The overlay of one hospital. `studies` are its own names of a trial's study, by the trial's id."""

    name: str
    title: str = ""
    contact: Contact = field(default_factory=Contact)
    systems: Mapping[str, str] = field(default_factory=dict)
    same: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    rows: tuple[CodeRow, ...] = ()
    units: Mapping[str, Mapping[str, Conversion]] = field(default_factory=dict)
    orders: tuple[OrderWords, ...] = ()
    studies: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_site(
    entry: Entry, systems: Mapping[str, CodeSystem], analytes: frozenset[str], concepts: Mapping[str, frozenset[str]]
) -> Site:
    """The site a file describes."""
    entry.only(_FILE, "a site")
    same: dict[tuple[str, str], tuple[str, str]] = {}
    rows = []
    for item in entry.entries("codes"):
        item.only(_CODE, "a local code")
        item.text("reason")
        if "as" in item.block:
            same.update(_same(item, systems))
        else:
            rows.append(_row(item, concepts))
    return Site(
        name=entry.text("site"),
        title=entry.text("title", ""),
        contact=_contact(entry.entry("contact")),
        systems=_spellings(entry, systems),
        same=same,
        rows=tuple(rows),
        units=_units(entry, analytes, systems),
        studies=_studies(entry.entry("studies")),
        orders=tuple(order for item in entry.entries("orders") if (order := _order(item)) is not None),
    )


def _studies(entry: Entry) -> dict[str, frozenset[str]]:
    return {trial: frozenset(entry.texts(trial)) for trial in entry.block}


def _contact(entry: Entry) -> Contact:
    entry.only(("team", "phone", "email", "reference"), "a contact")
    return Contact(**{key: entry.text(key, "") for key in ("team", "phone", "email", "reference")})


def _spellings(entry: Entry, systems: Mapping[str, CodeSystem]) -> dict[str, str]:
    found = {}
    for item in entry.entries("systems"):
        item.only(("uri", "is"), "a local spelling of a system")
        system = systems.get(item.text("is"))
        if system is None:
            item.wrong(f"unknown system '{item.block.get('is')}'; use a key of systems.yaml", "is")
        else:
            found[item.text("uri").rstrip("/")] = system.uri
    return found


def _same(entry: Entry, systems: Mapping[str, CodeSystem]) -> dict[tuple[str, str], tuple[str, str]]:
    target = entry.entry("as")
    target.only(("system", "code"), "'as'")
    system = systems.get(target.text("system"))
    if system is None:
        target.wrong(f"unknown system '{target.block.get('system')}'; use a key of systems.yaml", "system")
        return {}
    code = target.text("code")
    objection = system.objection(code)
    if objection:
        target.wrong(objection, "code")
    return {(_uri(entry, systems), entry.text("code")): (system.uri, code)}


def _uri(entry: Entry, systems: Mapping[str, CodeSystem]) -> str:
    named = entry.text("system")
    return systems[named].uri if named in systems else named


def _row(entry: Entry, concepts: Mapping[str, frozenset[str]]) -> CodeRow:
    concept, use = entry.text("concept"), entry.text("use")
    if concept not in concepts:
        entry.wrong(f"concept '{concept}' is in no file of concepts/; use one of those", "concept")
    elif use not in concepts[concept]:
        known = ", ".join(sorted(concepts[concept]))
        entry.wrong(f"'{use}' is no use of {concept}; use one of: {known}", "use")
    meaning = Meaning(concept, entry.text("group"), use, entry.text("display", ""), entry.text("note", ""))
    source = (f"{entry.file}: {entry.text('reason', '')}",)
    return CodeRow(entry.text("system"), entry.text("code"), (meaning,), source, entry.file, entry.block.line)


def _units(
    entry: Entry, analytes: frozenset[str], systems: Mapping[str, CodeSystem]
) -> dict[str, dict[str, Conversion]]:
    found: dict[str, dict[str, Conversion]] = {}
    for item in entry.entries("units"):
        item.only(_UNIT, "a local unit")
        item.text("reason")
        analyte = item.text("analyte")
        if analyte not in analytes:
            item.wrong(
                f"'{analyte}' is no analyte of analytes.yaml; use one of: {', '.join(sorted(analytes))}", "analyte"
            )
        found.setdefault(analyte, {}).update(read_words_of_units(item, systems))
    return found


def _order(entry: Entry) -> OrderWords | None:
    entry.only(("about", "pattern"), "words of an order")
    pattern = compiled(entry, "pattern", entry.text("pattern"))
    return OrderWords(entry.text("about"), pattern) if pattern is not None else None
