"""What a card may offer to order where something is missing (`mappings/orders.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cds_service.catalog.fields import Entry
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.systems import CodeSystem, read_systems
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.domain.codes import Coding
from cds_service.errors import MappingError

FILE = "orders.yaml"
_GROUP = ("name", "label", "one_only", "system", "code", "display", "source")
_ORDER = ("group", "criterion", "missing", "text", "system", "code", "display", "source")


@dataclass(frozen=True, slots=True)
class Orderable:
    """One order: for which criterion and which thing missing (any, where none is named), and its code."""

    criterion: str
    missing: frozenset[str]
    coding: Coding
    text: str


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """Orders offered together as one suggestion; `one_only` takes those of the first thing missing."""

    name: str
    label: str
    category: Coding
    one_only: bool
    orders: tuple[Orderable, ...]


def load_orderables(directory: Path) -> tuple[OrderGroup, ...]:
    """The groups of orders in the order they are offered. Raises MappingError for a mistake in the file."""
    mistakes = Mistakes()
    systems = read_systems(
        Entry("systems.yaml", read_yaml(directory / "systems.yaml", "systems.yaml", mistakes), mistakes)
    )
    groups = read_orderables(Entry(FILE, read_yaml(directory / FILE, FILE, mistakes), mistakes), systems)
    if mistakes.found:
        raise MappingError(mistakes.lines())
    return groups


def read_orderables(entry: Entry, systems: Mapping[str, CodeSystem]) -> tuple[OrderGroup, ...]:
    """The groups of a file; mistakes are noted."""
    entry.only(("about", "sources", "groups", "orders"), "the file of orders")
    sources = frozenset(entry.entry("sources").block)
    found: dict[str, list[Orderable]] = {item.text("name"): [] for item in entry.entries("groups")}
    for item in entry.entries("orders"):
        item.only(_ORDER, "an order")
        _cite(item, sources)
        group = item.text("group")
        if group not in found:
            item.wrong(f"group '{group}' is not one of this file; use one of: {', '.join(found)}", "group")
            continue
        order = Orderable(
            item.text("criterion"), frozenset(item.texts("missing")), _coding(item, systems), item.text("text")
        )
        found[group].append(order)
    return tuple(_group(item, systems, sources, tuple(found[item.text("name")])) for item in entry.entries("groups"))


def _group(
    entry: Entry, systems: Mapping[str, CodeSystem], sources: frozenset[str], orders: tuple[Orderable, ...]
) -> OrderGroup:
    entry.only(_GROUP, "a group of orders")
    _cite(entry, sources)
    return OrderGroup(entry.text("name"), entry.text("label"), _coding(entry, systems), entry.flag("one_only"), orders)


def _coding(entry: Entry, systems: Mapping[str, CodeSystem]) -> Coding:
    key, code = entry.text("system"), entry.text("code")
    system = systems.get(key)
    if system is None:
        entry.wrong(f"unknown system '{key}'; use a key of systems.yaml", "system")
        return Coding(key, code)
    objection = system.objection(code)
    if objection:
        entry.wrong(objection, "code")
    return Coding(system.uri, code, entry.text("display"))


def _cite(entry: Entry, sources: frozenset[str]) -> None:
    cited = entry.texts("source")
    if not cited or not sources.issuperset(cited):
        entry.wrong("'source' is missing or not in 'sources' of this file; cite one", "source")
