"""The reasons a clinician may give for not following a card (`mappings/override-reasons.yaml`)."""

from __future__ import annotations

from pathlib import Path

from cds_service.catalog.fields import Entry
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.domain.codes import Coding
from cds_service.errors import MappingError

FILE = "override-reasons.yaml"


def load_override_reasons(directory: Path) -> tuple[Coding, ...]:
    """The override reasons, in the order the EHR shows them. Raises MappingError for a mistake in the file."""
    mistakes = Mistakes()
    entry = Entry(FILE, read_yaml(directory / FILE, FILE, mistakes), mistakes)
    reasons = read_override_reasons(entry)
    if mistakes.found:
        raise MappingError(mistakes.lines())
    return reasons


def read_override_reasons(entry: Entry) -> tuple[Coding, ...]:
    """The codings of a file's reasons; mistakes are noted."""
    entry.only(("system", "source", "reasons"), "the override reasons")
    system = entry.text("system")
    entry.text("source")
    reasons = []
    for item in entry.entries("reasons"):
        item.only(("code", "display"), "an override reason")
        reasons.append(Coding(system, item.text("code"), item.text("display")))
    return tuple(reasons)
