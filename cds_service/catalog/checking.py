"""Everything wrong in a folder of mappings: what `cds-service mappings check` prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cds_service.catalog import orderables, overrides, relevance
from cds_service.catalog.fields import Entry
from cds_service.catalog.loading import mappings_directory, read_all
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.systems import read_systems
from cds_service.catalog.yamlfiles import read_yaml

SYSTEMS = "systems.yaml"
_OTHERS: dict[str, Callable[[Entry], object]] = {
    overrides.FILE: overrides.read_override_reasons,
    relevance.FILE: relevance.read_relevance,
}
"""Files with readers of their own, which are not part of the catalog."""


def _check_orders(folder: Path, mistakes: Mistakes) -> None:
    """The file of orders needs the systems, whose own mistakes were noted on loading."""
    systems = read_systems(Entry(SYSTEMS, read_yaml(folder / SYSTEMS, SYSTEMS, Mistakes()), Mistakes()))
    entry = Entry(orderables.FILE, read_yaml(folder / orderables.FILE, orderables.FILE, mistakes), mistakes)
    orderables.read_orderables(entry, systems)


def check(directory: Path | None = None) -> list[str]:
    """Every mistake of every file, as `file:line: what, and what to do`; empty when all is well.

    Checks what loading checks, every site file, and the units against UCUM.
    """
    from cds_service.catalog.ucum import note_units  # noqa: PLC0415  (pint takes longer to import than all else)

    folder = mappings_directory(directory)
    reading = read_all(folder)
    note_units(reading.units, reading.mistakes)
    for name, read in _OTHERS.items():
        read(Entry(name, read_yaml(folder / name, name, reading.mistakes), reading.mistakes))
    _check_orders(folder, reading.mistakes)
    return reading.mistakes.lines()
