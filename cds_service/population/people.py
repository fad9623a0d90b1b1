"""Who is considered: names with evidence, those that stand for one patient taken together.

A Patient replaced by another at hand joins that one, as in `fhir/sources.py`.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cds_service.population.gathering import PieceReport, Sought, name_digest


class People:
    """What the survey found of a population: digests of who is there, evidence, links."""

    def __init__(self) -> None:
        self.evidence: set[str] = set()
        self._digests = array("Q")
        self._links: dict[str, tuple[str, ...]] = {}

    def add(self, report: PieceReport) -> None:
        """Add what was found in one piece."""
        self.evidence |= report.evidence
        self._digests.extend(report.patients)
        for name, others in report.links.items():
            self._links[name] = (*self._links.get(name, ()), *others)

    def considered(self) -> Considered:
        """The patients with evidence who are there."""
        there = set(self._digests)
        standing = _Standing(self._links, there)
        groups: dict[str, set[str]] = defaultdict(set)
        for name in sorted(self.evidence):
            if name_digest(name) in there:
                root = standing.of(name)
                groups[root] |= {name, root}
        for name in self._links:
            root = standing.of(name)
            if root in groups:
                groups[root].add(name)
        absent = sum(name_digest(name) not in there for name in self.evidence)
        replaced = sum(standing.of(name) != name for name in self._links)
        return Considered(groups, len(there) - replaced, absent)


@dataclass(frozen=True, slots=True)
class Considered:
    """The patients considered, by the name that stands, each with all names; how many there are in all.

    `absent` counts those with evidence of whom there is no Patient resource.
    """

    groups: Mapping[str, set[str]]
    patients: int
    absent: int


class Roll:
    """The patients considered, numbered in the order in which they were found to be; `names` are those that stand."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def enter(self, considered: Considered, slots: int = 1, since: datetime | None = None) -> Sought:
        """Number those not yet numbered: what their lines are sought by."""
        known = len(self.names)
        new = sorted(considered.groups.keys() - set(self.names))
        self.names += new
        numbers = {name: known + at for at, root in enumerate(new) for name in considered.groups[root]}
        everybody = 0 if considered.patients == 1 and self.names else None
        return Sought(numbers, slots, everybody, since)


class _Standing:
    """The name that stands for a name, following replaced-by where the target is there."""

    def __init__(self, links: Mapping[str, tuple[str, ...]], there: set[int]) -> None:
        self._links = links
        self._there = there

    def of(self, name: str) -> str:
        seen: list[str] = []
        while name not in seen:
            seen.append(name)
            name = next((after for after in self._links.get(name, ()) if name_digest(after) in self._there), name)
        return name if name == seen[-1] else min(seen[seen.index(name) :])
