"""One block of the population: its lines by file, its truth, and counts of what it holds."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

import msgspec

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population import noise
from cds_service.sandbox.population.built import built
from cds_service.sandbox.population.debris import debris
from cds_service.sandbox.population.noise import Line
from cds_service.sandbox.population.people import Recipe, somebody
from cds_service.sandbox.population.roles import Role, roles

TRUTH = "truth.ndjson"


@dataclass(slots=True)
class Block:
    """What a block adds to each file, and what was counted on the way."""

    files: dict[str, bytes]
    resources: Counter[str] = field(default_factory=Counter)
    built_for: Counter[str] = field(default_factory=Counter)
    dirt: Counter[str] = field(default_factory=Counter)
    patients: int = 0
    relevant: int = 0


@dataclass(slots=True)
class _Laid:
    """Lines as they are laid out."""

    lines: list[Line] = field(default_factory=list)
    everyday: list[Line] = field(default_factory=list)
    truth: list[Json] = field(default_factory=list)
    dirt: Counter[str] = field(default_factory=Counter)


def block(recipe: Recipe, number: int) -> Block:
    """A block of the population; it depends on the recipe and the number alone."""
    chance = recipe.chance(number)
    laid = _Laid()
    played = roles(recipe, number, chance)
    for role in played:
        _lay(laid, role, recipe, chance)
    nobody = recipe.identity(recipe.patients + number)
    for name, line in debris(laid.everyday, chance, recipe.as_of, nobody):
        laid.dirt[name] += 1
        laid.lines.append(line)
    laid.lines += laid.everyday
    chance.shuffle(laid.lines)
    found = Block(_files(laid, recipe, number, chance), patients=len(played), relevant=len(laid.truth), dirt=laid.dirt)
    found.resources.update(kind for kind, _ in laid.lines)
    for truth in laid.truth:
        found.built_for[truth["status"]] += 1
        found.dirt.update(truth["dirt"])
    return found


def _lay(laid: _Laid, role: Role, recipe: Recipe, chance: Random) -> None:
    """The lines of one patient."""
    identity = recipe.identity(role.number)
    if role.reason is None:
        person = somebody(chance, identity, recipe.as_of)
        laid.everyday.append(noise.patient_line(person, chance, laid.dirt))
        laid.everyday.extend(noise.record(person, chance, recipe.as_of, laid.dirt))
        return
    whole = built(role.reason, chance.choice(role.reason.bases), identity, chance, recipe.as_of)
    laid.lines.extend(whole.lines)
    laid.lines.extend(noise.beside(identity, chance, recipe.as_of, laid.dirt))
    laid.truth.append(whole.truth)


def _files(laid: _Laid, recipe: Recipe, number: int, chance: Random) -> dict[str, bytes]:
    by_file: dict[str, list[bytes]] = defaultdict(list)
    names = _Names(recipe)
    dice = chance.choices(range(recipe.files), k=len(laid.lines)) if recipe.files > 1 else [0] * len(laid.lines)
    for (kind, line), die in zip(laid.lines, dice, strict=True):
        by_file[names.of(kind, (die + number) % recipe.files)].append(line)
    found = {name: _bytes(lines, recipe) for name, lines in by_file.items()}
    truth = sorted(laid.truth, key=lambda entry: str(entry["patient"]))
    return found | {TRUTH: b"".join(msgspec.json.encode(entry) + b"\n" for entry in truth)}


class _Names:
    """File names, made once each."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._made: dict[tuple[str, int], str] = {}

    def of(self, kind: str, part: int) -> str:
        """The file of a part of a resource type."""
        made = self._made.get((kind, part))
        if made is None:
            number = f".{part:03d}" if self._recipe.files > 1 else ""
            made = self._made[kind, part] = f"{kind}{number}.ndjson{'.gz' if self._recipe.gzip else ''}"
        return made


def _bytes(lines: list[bytes], recipe: Recipe) -> bytes:
    """The lines as they stand in the file; a gzip file is made of one member a block."""
    text = b"\n".join(lines) + b"\n"
    if not recipe.gzip:
        return text
    packing = zlib.compressobj(level=3, wbits=31)
    return packing.compress(text) + packing.flush()
