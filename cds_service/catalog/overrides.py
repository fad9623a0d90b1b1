"""The reasons a clinician may give for not following a card (`mappings/override-reasons.yaml`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cds_service.catalog.fields import Entry
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.domain.codes import Coding
from cds_service.errors import MappingError
from cds_service.screening.silence import Effect

FILE = "override-reasons.yaml"
_EFFECTS = {effect.value: effect for effect in Effect}


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """One reason as the EHR offers it, and what it silences where it says more than "not now"."""

    coding: Coding
    effect: Effect | None = None


def load_override_reasons(directory: Path) -> tuple[OverrideReason, ...]:
    """The override reasons, in the order the EHR shows them. Raises MappingError for a mistake in the file."""
    mistakes = Mistakes()
    entry = Entry(FILE, read_yaml(directory / FILE, FILE, mistakes), mistakes)
    reasons = read_override_reasons(entry)
    if mistakes.found:
        raise MappingError(mistakes.lines())
    return reasons


def read_override_reasons(entry: Entry) -> tuple[OverrideReason, ...]:
    """The reasons of a file; mistakes are noted."""
    entry.only(("system", "source", "reasons"), "the override reasons")
    system = entry.text("system")
    entry.text("source")
    return tuple(_reason(item, system) for item in entry.entries("reasons"))


def _reason(entry: Entry, system: str) -> OverrideReason:
    entry.only(("code", "display", "silences"), "an override reason")
    coding = Coding(system, entry.text("code"), entry.text("display"))
    silences = entry.text("silences", "")
    if silences and silences not in _EFFECTS:
        entry.wrong(f"'silences' must be one of: {', '.join(_EFFECTS)}", "silences")
    return OverrideReason(coding, _EFFECTS.get(silences))
