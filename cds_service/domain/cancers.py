"""The cancer as the record tells it: which primaries, how far spread, since when."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Condition, Evidence, PatientFacts, Side
from cds_service.domain.truth import Truth


@dataclass(frozen=True, slots=True)
class Primary:
    """One primary cancer: its type ("CRC", "other", None when unrecognised), use of the row, side."""

    condition: Condition
    type: str | None
    use: str
    side: Side | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CancerPicture:
    """What several criteria need to know of the disease.

    `primaries`  active primary cancers, mapped or not;  `types` the trial's types among
                 those certain (use yes);  `sides` the sides recorded for those primaries
    `primary_codes`  "ICD code" strings of the primaries, for rows that hold for some only
    `metastatic_evidence`  what proves distant disease;  `metastatic_sites` organs named
    `since`      the index date: earliest dated metastatic evidence, None when there is none
    `stage_low`  stage I-III or M0 statements;  `nodal_only` C77-like evidence
    """

    primaries: tuple[Primary, ...] = ()
    types: frozenset[str] = frozenset()
    sides: frozenset[Side] = frozenset()
    metastatic_evidence: tuple[Evidence, ...] = ()
    metastatic_sites: frozenset[str] = frozenset()
    has_liver_metastasis: Truth = Truth.UNKNOWN
    since: PartialDate | None = None


def read_cancer(facts: PatientFacts, types: frozenset[str]) -> CancerPicture:
    """The picture of a patient's cancer, from conditions, stages and histories."""
    raise RuntimeError("not built yet")
