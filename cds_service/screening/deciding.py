"""What people decide about patients on the list. Nothing a run finds changes it, nor does an older decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.screening.entries import Decision
from cds_service.screening.ports import Decisions, WorklistBook


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of decisions brought in: written down, known already, or made before the one that holds.

    `unmet` are those of the written down that concern a patient no run has assessed.
    """

    recorded: int = 0
    known: int = 0
    older: int = 0
    unmet: int = 0


async def import_decisions(made: Iterable[Decision], decisions: Decisions, book: WorklistBook) -> Imported:
    """Write down decisions made elsewhere, the earliest first; one that is not later than what holds is left out."""
    recorded = known = older = unmet = 0
    for decision in sorted(made, key=lambda decision: decision.at):
        if decision in await decisions.history(decision.patient, decision.trial):
            known += 1
        elif await decisions.record_later(decision):
            recorded += 1
            unmet += not book.document(decision.patient, decision.trial)
        else:
            older += 1
    return Imported(recorded, known, older, unmet)
