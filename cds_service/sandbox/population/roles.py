"""Who plays which part: exact proportions over the population, in no order a reader could use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random

from cds_service.sandbox.population import others
from cds_service.sandbox.population.making import Reason
from cds_service.sandbox.population.people import Recipe
from cds_service.sandbox.population.reasons import metastatic

CANCER_PERCENT = 10
METASTATIC_PERCENT = 3


@dataclass(frozen=True, slots=True)
class Role:
    """A patient's number, and what they are built for; None for everyday patients."""

    number: int
    reason: Reason | None


def roles(recipe: Recipe, block: int, chance: Random) -> list[Role]:
    """The roles of a block, the reasons spread over its patients by chance.

    Of the first n patients 10 % have a cancer (rounded down), of each ten of those three a metastatic
    one of the seven; the reasons come round in turn, so that each is met as often as another.
    """
    members = recipe.members(block)
    parts = [_part(recipe.seed, number) for number in members]
    chance.shuffle(parts)
    return [Role(number, part) for number, part in zip(members, parts, strict=True)]


def _part(seed: int, number: int) -> Reason | None:
    with_cancer = number * CANCER_PERCENT // 100
    if (number + 1) * CANCER_PERCENT // 100 == with_cancer:
        return None
    spread, other = _cycles(seed)
    metastatic_before = with_cancer * METASTATIC_PERCENT // CANCER_PERCENT
    if (with_cancer + 1) * METASTATIC_PERCENT // CANCER_PERCENT > metastatic_before:
        return spread[metastatic_before % len(spread)]
    return other[(with_cancer - metastatic_before) % len(other)]


@lru_cache(maxsize=4)
def _cycles(seed: int) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """The reasons in the turn of this seed."""
    chance = Random(seed)  # noqa: S311  synthetic data, no secrets
    spread, other = list(metastatic()), list(others.reasons())
    chance.shuffle(spread)
    chance.shuffle(other)
    return tuple(spread), tuple(other)
