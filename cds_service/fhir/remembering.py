"""What readers worked out once from a spelling (a code, a unit, a description) and need again.

The same test or scan stands in record after record, spelled alike; what the spelling means
depends on the catalog alone. Nothing of a patient is a key here, and memory is bounded by
emptying it, so that a stream of ever new spellings cannot fill the process.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from cds_service.catalog.catalog import Catalog

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_REMEMBERED = 20_000


class Remembered(Generic[K, V]):
    """Answers by spelling, for each catalog of the process."""

    def __init__(self) -> None:
        self._by_catalog: dict[int, tuple[Catalog, dict[K, V]]] = {}

    def of(self, catalog: Catalog) -> dict[K, V]:
        """The answers under a catalog: to be looked up, and added to by `keep`."""
        known = self._by_catalog.get(id(catalog))
        if known is None or known[0] is not catalog:
            known = self._by_catalog[id(catalog)] = (catalog, {})
        return known[1]

    @staticmethod
    def keep(answers: dict[K, V], spelling: K, answer: V) -> V:
        """The answer, from now on remembered."""
        if len(answers) >= _REMEMBERED:
            answers.clear()
        answers[spelling] = answer
        return answer
