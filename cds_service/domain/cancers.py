"""The cancer as the record tells it: which primaries, how far spread, since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cds_service.domain.codes import MeaningBasis, groups_of, of_concept
from cds_service.domain.criteria import NodalRules
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Condition, Evidence, LesionMeasurement, PatientFacts, Side, Site
from cds_service.domain.making import quick_to_make
from cds_service.domain.primaries import Primary, read_primaries
from cds_service.domain.spread import Proof, SpreadStatement, earlier, read_spread
from cds_service.domain.truth import Truth

__all__ = ["CancerPicture", "Primary", "read_cancer"]

_LIVER = "liver"
_NO_NODES = NodalRules(frozenset(), {}, {})


@quick_to_make
@dataclass(frozen=True, slots=True)
class CancerPicture:
    """What several criteria need to know of the disease.

    `primaries`  current primary cancers, mapped or not;  `uncertain` those that are past,
                 unconfirmed or known by words only
    `types`      the trial's types among the current ones that are certain (use yes);
                 `sides` the sides recorded for those
    `spread`     every statement on spread;  `metastatic_evidence` what proves distant disease;
                 `metastatic_sites` the organs (or "lymph_node:chain") it names
    `since`      the index date: earliest dated metastatic evidence, a Condition without onset
                 counting from the day it was recorded; None when there is none (ruling 16)
    `has_liver_metastasis`  FALSE only by a baseline lesion list without liver (ruling 12);
                 `liver_evidence` what proves it
    """

    primaries: tuple[Primary, ...] = ()
    uncertain: tuple[Primary, ...] = ()
    types: frozenset[str] = frozenset()
    sides: frozenset[Side] = frozenset()
    spread: tuple[SpreadStatement, ...] = ()
    metastatic_evidence: tuple[Evidence, ...] = ()
    metastatic_sites: frozenset[str] = frozenset()
    has_liver_metastasis: Truth = Truth.UNKNOWN
    liver_evidence: tuple[Evidence, ...] = ()
    since: PartialDate | None = None


def read_cancer(
    facts: PatientFacts,
    types: frozenset[str],
    nodes: NodalRules = _NO_NODES,
    listed_since: date | None = None,
) -> CancerPicture:
    """The picture of a patient's cancer, from conditions, stages, histories and lesions.

    `nodes` says which chains are distant for a primary; `listed_since` is the first
    day on which a size is of the baseline scan, without which no organ can be ruled out.
    """
    every = read_primaries(facts.conditions, types)
    current = tuple(primary for primary in every if primary.is_current)
    certain = [primary for primary in current if primary.use == "yes" and primary.type in types]
    spread = read_spread(facts, every, nodes)
    distant = tuple(said for said in spread if said.proof is Proof.DISTANT)
    liver = _liver_evidence(facts, distant)
    return CancerPicture(
        primaries=current,
        uncertain=tuple(primary for primary in every if not primary.is_current),
        types=frozenset(primary.type for primary in certain if primary.type),
        sides=frozenset(primary.side for primary in certain if primary.side),
        spread=spread,
        metastatic_evidence=tuple(dict.fromkeys(said.evidence for said in distant)),
        metastatic_sites=frozenset(said.site for said in distant if said.site),
        has_liver_metastasis=_liver(facts, spread, listed_since, proven=bool(liver)),
        liver_evidence=liver,
        since=_since(spread),
    )


def _since(spread: Iterable[SpreadStatement]) -> PartialDate | None:
    """The earliest date of a proof of distant disease, past proofs included."""
    first: PartialDate | None = None
    for said in spread:
        if said.proof in (Proof.DISTANT, Proof.PAST) and earlier(said.date, first):
            first = said.date
    return first


def _liver_evidence(facts: PatientFacts, distant: Iterable[SpreadStatement]) -> tuple[Evidence, ...]:
    named = [said.evidence for said in distant if said.site == _LIVER]
    coded = [condition.evidence for condition in facts.conditions if _is_liver_metastasis(condition)]
    return tuple(dict.fromkeys((*named, *coded)))


def _is_liver_metastasis(condition: Condition) -> bool:
    """By a code of the concept, or a metastatic code of no named site with the liver as body site."""
    if not condition.is_active or condition.is_doubted or not condition.meanings:
        return False
    coded = tuple(row for row in condition.meanings if row.basis is MeaningBasis.CODE)
    if of_concept(coded, "liver-metastasis"):
        return True
    spread = any(row.use == "metastatic" for row in of_concept(coded, "secondary-site"))
    unnamed = groups_of(coded, "secondary-site") <= {"unspecified", "other", ""}
    return spread and unnamed and any(site.organ == _LIVER for site in condition.sites)


def _liver(facts: PatientFacts, spread: Iterable[SpreadStatement], listed_since: date | None, *, proven: bool) -> Truth:
    if proven:
        return Truth.TRUE
    mentioned = any(said.site == _LIVER for said in spread)
    if mentioned or listed_since is None:
        return Truth.UNKNOWN
    return Truth.FALSE if _list_without_liver(facts, listed_since) else Truth.UNKNOWN


def _list_without_liver(facts: PatientFacts, since: date) -> bool:
    """Whether lesions were listed at the baseline scan, all with their place, and none in the liver."""
    sites = {lesion.reference: lesion.site for lesion in facts.lesions}
    listed = [
        (reading, _place(reading, sites))
        for reading in facts.measurements
        if reading.date is not None and reading.date.earliest >= since and not reading.specimen
    ]
    if any(_LIVER in (place.organ, *_unplaced(place)) and reading.seen for reading, place in listed):
        return False
    if any(place.organ == _LIVER for _, place in listed):
        return True
    return bool(listed) and all(place.organ is not None or place.is_node for _, place in listed)


def _place(reading: LesionMeasurement, sites: dict[str, Site]) -> Site:
    named = sites.get(reading.lesion) if reading.lesion else None
    return named if named is not None and (named.organ or named.is_node) else reading.site


def _unplaced(place: Site) -> tuple[str, ...]:
    return (_LIVER,) if place.organ is None and _LIVER in place.text.lower() else ()
