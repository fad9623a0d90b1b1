"""Which unmapped codes look as if a trial would need them, as `mappings/relevance.yaml` says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cds_service.catalog.fields import Entry
from cds_service.catalog.loading import mappings_directory
from cds_service.catalog.lookups import fold
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.wordings import compiled
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.errors import MappingError

FILE = "relevance.yaml"


@dataclass(frozen=True, slots=True)
class Relevance:
    """Patterns over the words of a code by resource type, each with the reason it may matter."""

    patterns: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]] = field(default_factory=dict)

    def reason(self, resource_type: str, words: str) -> str:
        """Why an unmapped code of a resource looks relevant; empty where it does not."""
        folded = fold(words)
        return next((why for pattern, why in self.patterns.get(resource_type, ()) if pattern.search(folded)), "")


def load_relevance(directory: Path | None = None) -> Relevance:
    """The patterns of a folder of mappings. Raises MappingError for mistakes in the file."""
    mistakes = Mistakes()
    folder = mappings_directory(directory)
    relevance = read_relevance(Entry(FILE, read_yaml(folder / FILE, FILE, mistakes), mistakes))
    if mistakes.found:
        raise MappingError(mistakes.lines())
    return relevance


def read_relevance(entry: Entry) -> Relevance:
    """The patterns of a file; mistakes are noted."""
    entry.only(("about", "patterns"), "the file of relevance")
    found: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for item in entry.entries("patterns"):
        item.only(("resources", "pattern", "why"), "a pattern of relevance")
        pattern, why = compiled(item, "pattern", item.text("pattern")), item.text("why")
        for resource in item.texts("resources"):
            if pattern is not None:
                found.setdefault(resource, []).append((pattern, why))
    return Relevance({resource: tuple(patterns) for resource, patterns in found.items()})
