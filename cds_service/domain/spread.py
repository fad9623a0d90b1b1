"""What a record says of how far a cancer has spread: proofs of distant disease, and what falls short.

Source: CRITERIA `stage-iv`, row I2, contradiction 13, rulings 12 and 16; AJCC 8 for nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cds_service.domain.codes import Meaning, MeaningBasis, Meanings, of_concept
from cds_service.domain.criteria import NodalRow, NodalRules, NodeCategory
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import (
    CancerProfile,
    Condition,
    Evidence,
    Lesion,
    LesionRole,
    PatientFacts,
    StageObservation,
)
from cds_service.domain.making import Term, quick_to_make
from cds_service.domain.primaries import Primary

_NODE = "lymph_node:"
_NO_ONE_CHAIN = ("unspecified", "multiple", "")
_MAY_BE_REGIONAL = "may be regional"
_HIGH = ("stage-iv", "m1")
_LOW = ("stage-i-iii", "m0")
_UNKNOWN_ROW = NodalRow(NodeCategory.UNKNOWN)


class Proof(Term):
    """How much a statement on spread is worth."""

    DISTANT = "distant metastasis"
    """Proves current distant disease."""
    PAST = "metastasis recorded as ended"
    DOUBTED = "metastasis recorded as unconfirmed"
    NODAL = "lymph nodes that may be regional"
    FOREIGN = "metastasis of another cancer"
    WORDS = "words that sound metastatic"
    LOW = "stage I to III or M0"
    DENIED = "no history of metastasis"


@quick_to_make
@dataclass(frozen=True, slots=True)
class SpreadStatement:
    """One statement on spread: its worth, where, since when, and whether a stage says it.

    `doubt` belongs in the reason. `is_stage` marks a stage or M category, which a later
    one of the same cancer may take back; `words` are its own where they say more than the evidence.
    """

    proof: Proof
    evidence: Evidence
    site: str | None = None
    date: PartialDate | None = None
    is_stage: bool = False
    doubt: str = ""
    words: str = ""


def read_spread(facts: PatientFacts, primaries: Iterable[Primary], nodes: NodalRules) -> tuple[SpreadStatement, ...]:
    """Every statement on spread, conditions first, then stages, then lesions."""
    reader = _Reader(tuple(primaries), nodes)
    return (
        *(said for condition in facts.conditions for said in reader.of_condition(condition)),
        *(said for stage in facts.stages for said in reader.of_stage(stage)),
        *reader.of_lesions(facts),
    )


class _Reader:
    """Statements on spread, read knowing the primaries they may belong to."""

    def __init__(self, primaries: tuple[Primary, ...], nodes: NodalRules) -> None:
        self._nodes = nodes
        current = [primary for primary in primaries if primary.is_current]
        self._types = frozenset(primary.type for primary in current if primary.use == "yes" and primary.type)
        ours = [primary for primary in primaries if primary.use in ("yes", "review")]
        others = [primary.condition.evidence.reference for primary in primaries if primary.use == "other"]
        self._others = frozenset(others) if ours else frozenset()

    def of_condition(self, condition: Condition) -> Iterator[SpreadStatement]:
        if not condition.meanings and not condition.stages and condition.profile is None:
            return
        secondary = of_concept(condition.meanings, "secondary-site")
        for row in secondary:
            yield self._secondary(condition, row)
        if condition.profile is CancerProfile.SECONDARY and not secondary:
            yield SpreadStatement(Proof.WORDS, condition.evidence, date=condition.since)
        named = of_concept(condition.meanings, "stage")
        for rows in (named, of_concept(condition.stages, "stage")):
            said = self._staged(rows, condition.evidence, condition.since, (condition.evidence.reference,))
            if said is not None:
                words = "" if rows is named else f"{condition.text or condition.evidence.text}, {rows[0].display}"
                yield replace(_weighed(said, condition), words=words)

    def _secondary(self, condition: Condition, row: Meaning) -> SpreadStatement:
        proof, doubt = Proof.DISTANT, row.note
        if row.basis is not MeaningBasis.CODE:
            proof = Proof.WORDS
        elif row.use == "nodal":
            proof, doubt = self._nodal(row)
        elif row.use != "metastatic":
            proof = Proof.WORDS
        if self._is_foreign(condition.related):
            proof = Proof.FOREIGN
        said = SpreadStatement(proof, condition.evidence, row.group or None, condition.since, doubt=doubt)
        return _weighed(said, condition)

    def _nodal(self, row: Meaning) -> tuple[Proof, str]:
        chain = row.group.removeprefix(_NODE)
        if _MAY_BE_REGIONAL in row.note or chain in _NO_ONE_CHAIN or not self._is_distant(chain):
            return Proof.NODAL, "nodes of this chain may be regional"
        proposal = any(self._row(kind, chain).proposal for kind in self._types)
        return Proof.DISTANT, "distant nodes by general AJCC 8 knowledge" if proposal else "distant nodes"

    def _is_distant(self, chains: str) -> bool:
        """Whether every chain named is outside the regional nodes of every type the patient has."""
        rows = [self._row(kind, chain) for kind in self._types for chain in chains.split("|")]
        return bool(rows) and all(row.category is NodeCategory.DISTANT for row in rows)

    def _row(self, kind: str, chain: str) -> NodalRow:
        return self._nodes.rows.get((kind, chain)) or self._nodes.other.get(kind) or _UNKNOWN_ROW

    def of_stage(self, stage: StageObservation) -> Iterator[SpreadStatement]:
        said = self._staged(of_concept(stage.meanings, "stage"), stage.evidence, stage.date, stage.focus)
        if said is None:
            return
        if stage.negated:
            said = replace(said, proof=Proof.DENIED)
        yield said

    def _staged(
        self, rows: Meanings, evidence: Evidence, when: PartialDate | None, focus: tuple[str, ...]
    ) -> SpreadStatement | None:
        uses = {row.use for row in rows if row.basis is MeaningBasis.CODE}
        if uses.intersection(_HIGH):
            proof = Proof.DISTANT
        elif uses.intersection(_LOW):
            proof = Proof.LOW
        elif any(row.use in _HIGH for row in rows):
            proof = Proof.WORDS
        else:
            return None
        if self._is_foreign(focus):
            proof = Proof.FOREIGN
        return SpreadStatement(proof, evidence, None, when, is_stage=True)

    def _is_foreign(self, focus: tuple[str, ...]) -> bool:
        """Whether a statement is about a cancer of another type while one of the trial's is recorded."""
        return bool(focus) and self._others.issuperset(focus)

    def of_lesions(self, facts: PatientFacts) -> Iterator[SpreadStatement]:
        """Lesions called metastatic that were measured; a node only where its chain is distant."""
        seen = _first_seen(facts)
        for lesion in facts.lesions:
            if lesion.role is LesionRole.METASTATIC and lesion.reference in seen:
                said = self._lesion(lesion, seen[lesion.reference])
                if said is not None:
                    yield said

    def _lesion(self, lesion: Lesion, when: PartialDate | None) -> SpreadStatement | None:
        chain = lesion.site.chain
        if chain is not None and (chain in _NO_ONE_CHAIN or not self._is_distant(chain)):
            return SpreadStatement(Proof.NODAL, lesion.evidence, _NODE + chain, when)
        site = lesion.site.organ if chain is None else _NODE + chain
        return None if site is None else SpreadStatement(Proof.DISTANT, lesion.evidence, site, when)


def _weighed(said: SpreadStatement, condition: Condition) -> SpreadStatement:
    """A condition's statement, after its verification and clinical status."""
    if condition.is_doubted:
        return replace(said, proof=Proof.DOUBTED if said.proof is Proof.DISTANT else Proof.WORDS)
    if said.proof is Proof.DISTANT and not condition.is_active:
        return replace(said, proof=Proof.PAST)
    return said


def _first_seen(facts: PatientFacts) -> Mapping[str, PartialDate | None]:
    """The earliest day each lesion was measured on a scan, by reference."""
    seen: dict[str, PartialDate | None] = {}
    for reading in facts.measurements:
        if reading.lesion is None or not reading.seen or reading.specimen:
            continue
        known = seen.get(reading.lesion)
        if reading.lesion not in seen or earlier(reading.date, known):
            seen[reading.lesion] = reading.date
    return seen


def earlier(one: PartialDate | None, other: PartialDate | None) -> bool:
    """Whether one recorded date comes before another; a missing one never does."""
    if one is None or other is None:
        return one is not None
    return (one.earliest, one.latest) < (other.earliest, other.latest)
