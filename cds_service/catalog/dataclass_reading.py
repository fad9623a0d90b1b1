"""A frozen dataclass of the domain filled from an entry, by the types of its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

from cds_service.catalog.fields import Entry, as_number
from cds_service.catalog.yamlfiles import Block, Items
from cds_service.domain.criteria import Exhibit, Outcome

_Filled = TypeVar("_Filled")
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_EXHIBITS = {exhibit.value: exhibit for exhibit in Exhibit}


def fill(kind: type[_Filled], entry: Entry, what: str, *also: str) -> _Filled | None:
    """The dataclass, None when a parameter is missing or wrong (each is noted); keys of `also` are read elsewhere."""
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]  # every kind is a dataclass
    entry.only((*known, *also), what)
    before = len(entry.mistakes.found)
    hints = get_type_hints(kind)
    values = {name: _READERS[hints[name]](entry, name) for name in known if name in entry.block}
    for name, item in known.items():
        if name not in entry.block and item.default is MISSING and item.default_factory is MISSING:
            entry.wrong(f"{what} needs '{name}'; write {name}: ...")
    return kind(**values) if len(entry.mistakes.found) == before else None


def _integer(entry: Entry, key: str) -> int:
    number = as_number(entry.block.get(key))
    if number is None or number != number.to_integral_value():
        entry.wrong(f"'{key}' must be a whole number, as in {key}: 28", key)
        return 0
    return int(_not_negative(entry, key, number))


def _decimal(entry: Entry, key: str) -> Decimal:
    return _not_negative(entry, key, entry.number(key))


def _not_negative(entry: Entry, key: str, number: Decimal) -> Decimal:
    if number < 0:
        entry.wrong(f"'{key}' must not be negative; write {key}: {-number}", key)
    return number


def _text(entry: Entry, key: str) -> str:
    return entry.text(key)


def _flag(entry: Entry, key: str) -> bool:
    return entry.flag(key)


def _texts(entry: Entry, key: str) -> tuple[str, ...]:
    return entry.texts(key)


def _set(entry: Entry, key: str) -> frozenset[str]:
    return frozenset(entry.texts(key))


def _sets(entry: Entry, key: str) -> tuple[frozenset[str], ...]:
    value = entry.block.get(key)
    if isinstance(value, Items) and all(isinstance(item, Items) for item in value):
        return tuple(frozenset(item) for item in value)
    entry.wrong(f"'{key}' must be a list of lists: {key}: [[one, two], [three, four]]", key)
    return ()


def _pair(entry: Entry, key: str) -> tuple[str, str] | None:
    found = entry.texts(key)
    if len(found) == 2:
        return found[0], found[1]
    entry.wrong(f"'{key}' must name two: {key}: [one, two]", key)
    return None


def _words(entry: Entry, key: str) -> Mapping[str, str]:
    block = entry.block[key]
    if isinstance(block, Block) and all(isinstance(value, str) for value in block.values()):
        return dict(block)
    entry.wrong(f"'{key}' must map words to words", key)
    return {}


def _outcomes(entry: Entry, key: str) -> Mapping[str, Outcome]:
    found = _words(entry, key)
    for use, outcome in found.items():
        if outcome not in _OUTCOMES:
            entry.wrong(f"'{outcome}' for '{use}' must be one of: {', '.join(_OUTCOMES)}", key)
    return {use: _OUTCOMES[outcome] for use, outcome in found.items() if outcome in _OUTCOMES}


def _exhibits(entry: Entry, key: str) -> tuple[Exhibit, ...]:
    found = entry.texts(key)
    for name in found:
        if name not in _EXHIBITS:
            entry.wrong(f"exhibit '{name}' must be one of: {', '.join(_EXHIBITS)}", key)
    return tuple(_EXHIBITS[name] for name in found if name in _EXHIBITS)


_READERS: dict[Any, Callable[[Entry, str], Any]] = {
    int: _integer,
    bool: _flag,
    str: _text,
    str | None: _text,
    Decimal: _decimal,
    Decimal | None: _decimal,
    frozenset[str]: _set,
    tuple[str, ...]: _texts,
    tuple[frozenset[str], ...]: _sets,
    tuple[str, str] | None: _pair,
    tuple[Exhibit, ...]: _exhibits,
    Mapping[str, str]: _words,
    Mapping[str, Outcome]: _outcomes,
}
"""A reader for every type a parameter can have; a new type in `criteria.py` needs one here."""
