"""How two reports about the same card become one: the rule every store follows."""

from __future__ import annotations

from dataclasses import replace

from cds_service.screening.entries import Feedback


def merge_feedback(known: Feedback | None, new: Feedback) -> Feedback:
    """What holds for a card after one more report.

    The later outcome holds, of equal times the new one; suggestions once accepted stay
    listed, for the order they led to was made.
    """
    if known is None:
        return new
    later = known if known.at > new.at else new
    accepted = dict.fromkeys((*known.suggestions, *new.suggestions))
    return replace(later, suggestions=tuple(accepted))
