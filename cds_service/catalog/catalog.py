"""What the mapping files say, compiled for reading: looked up by code, by words, by name.

Built once at start by `load_catalog`; nothing of it changes afterwards but the answers it
remembers, so it may be shared by threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.catalog.concepts import CodeRow
from cds_service.catalog.descriptions import ScanDescriptions
from cds_service.catalog.editions import Likeness
from cds_service.catalog.lookups import AgentNames, CodeIndex, Lexicon
from cds_service.catalog.sites import Site
from cds_service.domain.codes import Meanings
from cds_service.domain.quantities import Analyte
from cds_service.domain.trials import Trial

_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class LabTest:
    """What a laboratory code measures: the analyte, and the use the table gives the code.

    Uses: `direct`, `direct_molar`; `calc_percent` (a percentage), `segmented_percent`,
    `band_percent`, `segmented_count`, `band_count` (parts of the neutrophils); `support`,
    `support_corrected` (leukocytes, the latter corrected for erythroblasts);
    `caution` (not to be used by itself); `ignore` (looks alike, is not it); `qual_serum`,
    `qual_urine`, `quant_serum`, `quant_urine`, `interpretation` (pregnancy).
    """

    analyte: str
    use: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """Trials, codes, words, analytes: everything `mappings/` holds.

    `digest` is "sha256:..." over the bytes of every file read. `site` is the overlay it was
    read with. `rows`, `test_rows` keep what the files say, for `mappings show`.
    """

    trials: Mapping[str, Trial]
    analytes: Mapping[str, Analyte]
    digest: str
    codes: CodeIndex
    lexicon: Lexicon
    agents: AgentNames
    tests: Mapping[tuple[str, str], LabTest]
    rows: tuple[CodeRow, ...] = ()
    test_rows: tuple[CodeRow, ...] = ()
    site: Site | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    backbone: frozenset[str] = frozenset()
    place_words: Lexicon = field(default_factory=Lexicon)
    descriptions: ScanDescriptions = field(default_factory=ScanDescriptions)
    remembered: dict[tuple[str | None, str | None], frozenset[str]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def system(self, system: str) -> str:
        """The canonical URI of a code system; any spelling of one we know, else the text itself."""
        return self.codes.canonical(system)

    def meanings(self, system: str | None, code: str | None) -> Meanings:
        """Every meaning of a code, of all concepts; empty where it is in no table.

        Accepts any spelling of the system (alias, OID, SNOMED edition suffix) and an
        ICD-10-CM code with or without its dot. Of ICD-10-CM the longest listed prefix wins
        within each concept.
        """
        return self.codes.meanings(system, code)

    def likeness(self, system: str | None, code: str | None) -> Likeness:
        """What a diagnosis code of an edition that is not mapped, or of an unknown system, may mean; never certain."""
        return self.codes.likeness(system, code)

    def concepts(self, system: str | None, code: str | None) -> frozenset[str]:
        """The concepts a code belongs to, "lab" among them where it is a laboratory test."""
        key = (system, code)
        found = self.remembered.get(key)
        if found is None:
            lab = frozenset(("lab",)) if self.lab_test(system, code) is not None else frozenset[str]()
            found = lab.union(meaning.concept for meaning in self.meanings(system, code))
            if len(self.remembered) >= _REMEMBERED:
                self.remembered.clear()
            self.remembered[key] = found
        return found

    def words(self, text: str) -> Meanings:
        """What free text means by the patterns of `mappings/` (basis TEXT); empty for none."""
        return self.lexicon.words(text) if text else ()

    def places(self, text: str) -> Meanings:
        """The organs, regions (concept "body-site") and nodal chains ("node-chain") a text names."""
        return self.place_words.words(text) if text else ()

    def agents_named(self, text: str) -> Meanings:
        """The agents (concept "agent") whose ingredient, brand or regimen name stands in a text."""
        return self.agents.named(text) if text else ()

    def lab_test(self, system: str | None, code: str | None) -> LabTest | None:
        """The analyte a laboratory code measures, None where it is not one of ours."""
        if not system or not code:
            return None
        found = self.tests.get((system, code))
        return found if found is not None else self.tests.get(self.codes.resolved(system, code))
