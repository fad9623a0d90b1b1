"""Systemic therapy that is recorded as a procedure: what it adds to the lines.

A procedure ("Chemotherapy", "Administration of a radiopharmaceutical") rarely names its drug.
It never makes a line certain, but it may be one. Where a drug is recorded at the same time that it
may speak of, the procedure is how that drug was given and adds nothing; where none is, nobody can say how many
lines it was, and the history is not complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.domain.codes import groups_of, of_concept
from cds_service.domain.courses import Treatment
from cds_service.domain.dates import PartialDate, days_after
from cds_service.domain.facts import Medication, Procedure

NOT_NAMED = "drug not named"
_SUPPORTIVE = "supportive"
_HORMONAL = frozenset({"hormone", "androgen-pathway"})
_ENDOCRINE = "ENDOCRINE"


@dataclass(frozen=True, slots=True)
class ProceduralTherapy:
    """What procedures say of systemic therapy.

    `dated` are possible treatments, `undated` how many have no date; `unnamed` those among both whose
    drug no record names, with their day.
    """

    dated: tuple[Treatment, ...] = ()
    undated: int = 0
    unnamed: tuple[tuple[Procedure, Treatment | None], ...] = ()


def read_procedural_therapy(
    procedures: Iterable[Procedure], drugs: Sequence[Medication], within_days: int
) -> ProceduralTherapy:
    """The systemic therapy of a patient's procedures; `within_days` of a drug they are how it was given."""
    told = [(done, agents) for done in procedures if (agents := _agents(done))]
    counting = [
        (done, agents)
        for done, agents in told
        if agents != {NOT_NAMED} or not any(_explains(drug, done, within_days) for drug in drugs)
    ]
    made = [(done, _treatment(done, agents)) for done, agents in counting]
    return ProceduralTherapy(
        tuple(treatment for _, treatment in made if treatment is not None),
        sum(1 for _, treatment in made if treatment is None),
        tuple(one for one, (_, agents) in zip(made, counting, strict=True) if agents == {NOT_NAMED}),
    )


def _agents(done: Procedure) -> frozenset[str]:
    """The drugs a procedure names, "drug not named" for systemic therapy of no name, none for anything else."""
    named = of_concept(done.meanings, "agent")
    if named:
        return frozenset(meaning.group for meaning in named)
    radionuclide = any(row.use == "radiopharmaceutical" for row in of_concept(done.meanings, "local-therapy"))
    if radionuclide:
        return frozenset({"radiopharmaceutical"}) if done.completed else frozenset()
    return frozenset({NOT_NAMED}) if of_concept(done.meanings, "systemic-therapy") else frozenset()


def _explains(drug: Medication, done: Procedure, within_days: int) -> bool:
    """Whether a procedure may be how a drug was given: not a supportive one, nor one for a rheumatologic disease.

    Of hormonal drugs only what is called endocrine: tablets of years do not explain a chemotherapy.
    """
    if drug.classes <= {_SUPPORTIVE} or (not drug.counts and of_concept(drug.reasons, "rheumatologic")):
        return False
    if drug.classes <= _HORMONAL and _ENDOCRINE not in groups_of(done.meanings, "systemic-therapy"):
        return False
    return _is_given_with(done.date, drug, within_days)


def _is_given_with(day: PartialDate | None, drug: Medication, within_days: int) -> bool:
    if day is None or drug.start is None:
        return False
    opens = days_after(drug.start.earliest, -within_days)
    last = (drug.end or drug.start).latest
    return opens <= day.earliest and (drug.ongoing or day.latest <= days_after(last, within_days))


def _treatment(done: Procedure, agents: frozenset[str]) -> Treatment | None:
    start = done.start or done.end
    if start is None:
        return None
    classes = frozenset(meaning.use for meaning in of_concept(done.meanings, "agent")) or agents
    return Treatment(start, done.end or start, agents, classes, done.evidence, certain=False)
