"""Feedback taken: who was shown a card may say what became of it.

A card's uuid is no secret, and can be computed by who knows how. So feedback from a record
system that was not shown the card is kept apart, under a name of that system's own: it is
counted as feedback on a card nobody knows, and never reaches a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from cds_service.screening.entries import Feedback, System
from cds_service.screening.ports import Ledger


async def take_feedback(ledger: Ledger, told: Sequence[Feedback], system: System) -> None:
    """Write down what a record system reports of cards, its own and others."""
    own = await ledger.cards.shown_to(system, {one.card for one in told})
    await ledger.feedback.record(
        [one if one.card in own else replace(one, card=unknown_card(one.card, system)) for one in told]
    )


def unknown_card(uuid: str, system: System) -> str:
    """The name under which feedback on a card this system was not shown is kept: the same at each repeat."""
    # Lengths keep one part from running into the next.
    parts = "".join(f"{len(part)}:{part}" for part in (system.issuer, system.tenant, uuid))
    return f"unknown:{sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()}"
