"""What the mapping files say, compiled for reading: looked up by code, by words, by name.

Built once at start by `load_catalog`; immutable afterwards, so it may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.domain.codes import Meanings
from cds_service.domain.quantities import Analyte
from cds_service.domain.trials import Trial


@dataclass(frozen=True, slots=True)
class LabTest:
    """What a laboratory code measures: the analyte, and the use the table gives the code."""

    analyte: str
    use: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """Trials, codes, words, analytes: everything `mappings/` holds.

    The look-ups below are memoised dictionaries; the loader fills `_codes` (exact codes by
    canonical system), `_prefixes` (ICD-10-CM, longest prefix wins inside one concept),
    `_patterns` (words), `_tests` (laboratory codes).
    """

    trials: Mapping[str, Trial]
    analytes: Mapping[str, Analyte]
    digest: str
    site: str | None = None
    systems: Mapping[str, str] = field(default_factory=dict)

    def meanings(self, system: str | None, code: str | None) -> Meanings:
        """Every meaning of a code, of all concepts; empty where it is in no table.

        Accepts any spelling of the system (alias, OID, SNOMED edition suffix) and an
        ICD-10-CM code with or without its dot. Of ICD-10-CM the longest listed prefix wins
        within each concept.
        """
        raise RuntimeError("not built yet")

    def words(self, text: str) -> Meanings:
        """What free text means by the patterns of `mappings/` (basis TEXT); empty for none."""
        raise RuntimeError("not built yet")

    def agents_named(self, text: str) -> Meanings:
        """The agents (concept "agent") whose ingredient name stands in a text."""
        raise RuntimeError("not built yet")

    def lab_test(self, system: str | None, code: str | None) -> LabTest | None:
        """The analyte a laboratory code measures, None where it is not one of ours."""
        raise RuntimeError("not built yet")
