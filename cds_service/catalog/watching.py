"""Which Observation codes anything is read from: what a search for observations asks for."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.concepts import CodeRow

_CARRIERS = {
    "stage": frozenset({"observation-code"}),
    "performance-status": frozenset({"observation-code"}),
    "disease-status": frozenset({"disease_status_observation", "overall_response"}),
    "lesion-observation": frozenset({"tumor_size_observation", "dicom_sr"}),
    "lesion-response": None,
    "pregnancy": frozenset({"status"}),
    "breastfeeding": None,
}
"""Concepts whose rows name an Observation's own code, and by which use; None for every use."""
_LAB_TESTS_NOT_READ = frozenset({"ignore"})


def observation_codes(catalog: Catalog) -> tuple[str, ...]:
    """The codes, without their systems, of all Observations a trial may read, each once, sorted."""
    codes = {row.code for row in (*_tests(catalog.test_rows), *_carriers(catalog.rows)) if row.pattern is None}
    if catalog.site is not None:
        codes |= {local for (_, local), (_, listed) in catalog.site.same.items() if listed in codes}
    return tuple(sorted(codes))


def _tests(rows: Iterable[CodeRow]) -> Iterable[CodeRow]:
    return (row for row in rows if not {meaning.use for meaning in row.meanings} <= _LAB_TESTS_NOT_READ)


def _carriers(rows: Iterable[CodeRow]) -> Iterable[CodeRow]:
    for row in rows:
        uses = _CARRIERS.get(row.concept, frozenset())
        if uses is None or any(meaning.use in uses for meaning in row.meanings):
            yield row
