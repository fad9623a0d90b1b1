"""How well the mappings know a real source: used, not mapped though relevant, ambiguous codes.

The first thing an integrator runs. A pure function over what is met; reading the source and
printing are somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.lookups import fold
from cds_service.catalog.relevance import Relevance
from cds_service.domain.codes import Coding, Meanings

_READ_BY_WORDS = frozenset({"Condition", "Procedure"})


class Standing(Enum):
    """What the mappings know of a code."""

    USED = "used"
    UNMAPPED = "unmapped but relevant"
    AMBIGUOUS = "ambiguous"
    OTHER = "not relevant"


@dataclass(frozen=True, slots=True)
class Met:
    """One coding met in a resource; `text` the concept's own words, `reference` where."""

    resource_type: str
    coding: Coding
    text: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """One code of a source: what it stands for here, how often it was met, one place where.

    `meaning` says what it was taken for, or why it looks relevant; `called` is the system for people.
    """

    standing: Standing
    resource_type: str
    system: str
    code: str
    display: str
    meaning: str
    count: int
    example: str
    called: str = ""


def coverage(met: Iterable[Met], catalog: Catalog, relevance: Relevance) -> list[Covered]:
    """Every distinct code of a stream, the most frequent first within its standing.

    Order: unmapped but relevant, ambiguous, used, the rest.
    """
    found: dict[tuple[str, str, str, str], Covered] = {}
    for item in met:
        system = catalog.system(item.coding.system)
        words = item.coding.display or item.text
        key = (item.resource_type, system, item.coding.code, "" if item.coding.code else fold(words))
        known = found.get(key)
        if known is None:
            found[key] = _judge(item, system, words, catalog, relevance)
        else:
            found[key] = replace(known, count=known.count + 1)
    order = (Standing.UNMAPPED, Standing.AMBIGUOUS, Standing.USED, Standing.OTHER)
    return sorted(found.values(), key=lambda row: (order.index(row.standing), -row.count, row.system, row.code))


def _judge(item: Met, system: str, words: str, catalog: Catalog, relevance: Relevance) -> Covered:
    standing, meaning = _standing(item, words, catalog, relevance)
    called = catalog.codes.title(system)
    return Covered(standing, item.resource_type, system, item.coding.code, words, meaning, 1, item.reference, called)


def _standing(item: Met, words: str, catalog: Catalog, relevance: Relevance) -> tuple[Standing, str]:
    meanings = catalog.meanings(item.coding.system, item.coding.code)
    test = catalog.lab_test(item.coding.system, item.coding.code)
    if test is not None and test.use == "ignore":
        return Standing.OTHER, f"{test.analyte}: looks alike and is known not to be it"
    if test is not None:
        return Standing.USED, f"{test.analyte} ({test.use})"
    if meanings:
        clash = _clash(meanings)
        return (Standing.AMBIGUOUS, clash) if clash else (Standing.USED, _told(meanings))
    like = catalog.likeness(item.coding.system, item.coding.code) if item.resource_type == "Condition" else None
    if like is not None and like.meanings:
        return Standing.AMBIGUOUS, f"of {like.system}, likely at most: {_told(like.meanings)}"
    named = catalog.agents_named(words) if item.resource_type.startswith("Medication") else ()
    if named:
        return Standing.USED, f"{_told(named)}, by its name"
    reason = relevance.reason(item.resource_type, words)
    if reason and item.resource_type in _READ_BY_WORDS and catalog.words(words):
        reason += "; read by its words only, so never certain"
    return (Standing.UNMAPPED, reason) if reason else (Standing.OTHER, "")


def _clash(meanings: Meanings) -> str:
    """The concept in which a code stands for several groups, in words; empty where it does not."""
    for concept in dict.fromkeys(meaning.concept for meaning in meanings):
        groups = tuple(dict.fromkeys(meaning.group for meaning in meanings if meaning.concept == concept))
        if len(groups) > 1 or any("|" in group for group in groups):
            return f"{concept}: {', '.join(groups).replace('|', ' or ')}"
    return ""


def _told(meanings: Meanings) -> str:
    return "; ".join(f"{meaning.concept}: {meaning.group} ({meaning.use})" for meaning in meanings)
