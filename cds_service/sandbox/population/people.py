"""The synthetic people: who each is, their ids, and the random numbers of a block of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from cds_service.sandbox.population.words import words

BLOCK = 250
"""Patients made together: each block depends on the seed and its number alone."""

_SPACE = 1 << 40
_STEP = 0x9E3779B1 * 2 + 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines a population, byte for byte."""

    patients: int
    seed: int
    as_of: date
    files: int = 1
    gzip: bool = False

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.patients // BLOCK)

    def members(self, block: int) -> range:
        """The numbers of the patients of a block."""
        return range(block * BLOCK, min((block + 1) * BLOCK, self.patients))

    def chance(self, block: int) -> Random:
        """The random numbers of a block."""
        key = hashlib.sha256(f"{self.seed}/{block}/{self.as_of}".encode()).digest()
        return Random(key)  # noqa: S311  synthetic data, no secrets

    def identity(self, number: int) -> str:
        """The id of a patient: scattered, so that it says nothing, and never twice."""
        scattered = ((number + 1) * _STEP + self.seed * 0x5851F42D) % _SPACE
        return f"{scattered:010x}"


@dataclass(frozen=True, slots=True)
class Person:
    """An everyday patient."""

    id: str
    sex: str
    born: date
    given: str
    family: str


def somebody(chance: Random, identity: str, as_of: date) -> Person:
    """A person of any age."""
    names = words().tables["names"]
    return Person(
        id=identity,
        sex=chance.choice(("female", "male")),
        born=as_of - timedelta(days=chance.randrange(20, 32_000)),
        given=chance.choice(names["given"]),
        family=chance.choice(names["family"]),
    )
