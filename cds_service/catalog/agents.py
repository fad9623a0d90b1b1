"""Agents by name: ingredients, brands, regimens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.catalog.fields import Entry
from cds_service.catalog.wordings import compiled
from cds_service.domain.codes import Meaning, MeaningBasis, Meanings

_FILE = ("concept", "about", "sources", "unlisted", "rows", "regimens")
_ROW = ("name", "class", "names", "types", "line", "note", "source")
_LINES = ("yes", "no", "backbone", "endocrine", "review")


@dataclass(frozen=True, slots=True)
class NamedAgents:
    """Meanings by name, and the agents that are continuous background (`line: backbone`).

    `unlisted` finds the name of a drug that is in no row, but is built like that of an anticancer drug.
    """

    names: Mapping[str, Meanings]
    backbone: frozenset[str]
    unlisted: re.Pattern[str] | None = None


def read_agents(entry: Entry) -> NamedAgents:
    """The agents of the file of names."""
    entry.only(_FILE, "the file of agents")
    concept = entry.text("concept", "agent")
    sources = frozenset(entry.entry("sources").block)
    names: dict[str, Meanings] = {}
    backbone = set()
    agents: dict[str, Meaning] = {}
    for item in entry.entries("rows"):
        agent = _agent(item, concept, sources)
        agents[agent.group] = agent
        if item.text("line", "yes") == "backbone":
            backbone.add(agent.group)
        for name in (agent.group, *item.texts("names")):
            _take(names, name, (agent,), item)
    for item in entry.entries("regimens"):
        for name, meanings in _regimen(item, agents, sources):
            _take(names, name, meanings, item)
    return NamedAgents(names, frozenset(backbone), _unlisted(entry, sources))


def _unlisted(entry: Entry, sources: frozenset[str]) -> re.Pattern[str] | None:
    if "unlisted" not in entry.block:
        return None
    section = entry.entry("unlisted")
    section.only(("stems", "unless", "source"), "'unlisted'")
    _cite(section, sources)
    stems, others = "|".join(section.texts("stems")), "|".join(section.texts("unless")) or "(?!)"
    return compiled(section, "stems", rf"\b(?!(?:{others})\b)[a-z]+(?:{stems})\b")


def _agent(entry: Entry, concept: str, sources: frozenset[str]) -> Meaning:
    entry.only(_ROW, "an agent")
    _cite(entry, sources)
    if entry.text("line", "yes") not in _LINES:
        entry.wrong(f"'line' must be one of: {', '.join(_LINES)}", "line")
    name = entry.text("name")
    return Meaning(concept, name, entry.text("class"), name, entry.text("note", ""), MeaningBasis.TEXT)


def _regimen(entry: Entry, agents: Mapping[str, Meaning], sources: frozenset[str]) -> list[tuple[str, Meanings]]:
    entry.only(("names", "agents", "source"), "a regimen")
    _cite(entry, sources)
    held = entry.texts("agents")
    for agent in held:
        if agent not in agents:
            entry.wrong(f"agent '{agent}' has no row in this file; add one", "agents")
    meanings = tuple(agents[agent] for agent in held if agent in agents)
    return [(name, meanings) for name in entry.texts("names")]


def _take(names: dict[str, Meanings], name: str, meanings: Meanings, entry: Entry) -> None:
    folded = name.casefold().strip()
    if not any(letter.isalnum() for letter in folded):
        entry.wrong("a name has no letters", "names")
    elif names.setdefault(folded, meanings) != meanings:
        entry.wrong(f"name '{name}' already stands for another agent; keep one", "names")


def _cite(entry: Entry, sources: frozenset[str]) -> None:
    cited = entry.texts("source")
    if not cited or not sources.issuperset(cited):
        entry.wrong("'source' is missing or not in 'sources' of this file; cite one", "source")
