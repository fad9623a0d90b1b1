"""A result against a limit, when the laboratory may have written a sign before the number.

"< 0.5" is below 0.6 and below 0.5, but says nothing of 0.3. Each function answers TRUE or
FALSE only when every value the sign allows agrees, else UNKNOWN (CRITERIA, conventions:
comparators decide only when they must).
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_never

from cds_service.domain.facts import Comparator
from cds_service.domain.truth import Truth, known


def at_least(value: Decimal, comparator: Comparator | None, limit: Decimal) -> Truth:
    """Whether the measured value is at least the limit."""
    return ~below(value, comparator, limit)


def at_most(value: Decimal, comparator: Comparator | None, limit: Decimal) -> Truth:
    """Whether the measured value is at most the limit."""
    match comparator:
        case None:
            return known(value <= limit)
        case Comparator.LESS | Comparator.AT_MOST:
            return Truth.TRUE if value <= limit else Truth.UNKNOWN
        case Comparator.MORE:
            return Truth.FALSE if value >= limit else Truth.UNKNOWN
        case Comparator.AT_LEAST:
            return Truth.FALSE if value > limit else Truth.UNKNOWN
        case _:
            assert_never(comparator)


def below(value: Decimal, comparator: Comparator | None, limit: Decimal) -> Truth:
    """Whether the measured value is strictly below the limit."""
    match comparator:
        case None:
            return known(value < limit)
        case Comparator.LESS:
            return Truth.TRUE if value <= limit else Truth.UNKNOWN
        case Comparator.AT_MOST:
            return Truth.TRUE if value < limit else Truth.UNKNOWN
        case Comparator.MORE | Comparator.AT_LEAST:
            return Truth.FALSE if value >= limit else Truth.UNKNOWN
        case _:
            assert_never(comparator)
