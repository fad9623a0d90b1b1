"""One patient built for an outcome: the file varied and changed, turned into FHIR, restyled, made odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import msgspec

from cds_service.sandbox.building import build
from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population import dirt, others
from cds_service.sandbox.population.making import Making, Reason
from cds_service.sandbox.population.noise import Line
from cds_service.sandbox.population.styles import restyle
from cds_service.sandbox.population.variation import varied
from cds_service.sandbox.population.words import words
from cds_service.sandbox.roster import synthetic_patients

_ODD, _TWICE, _OLDER, _IN_ERROR, _SHARED, _LINE = 0.08, 0.01, 0.01, 0.01, 0.03, 0.03
_IN_ERROR_KIND = next(kind for kind in dirt.SPOILING if kind.name == "entered-in-error")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Built:
    """A patient's lines, and what is true of them."""

    lines: tuple[Line, ...]
    truth: Json


def built(reason: Reason, base: str, identity: str, chance: Random, today: date) -> Built:
    """A patient built for a reason from one of its bases."""
    document = varied(_document(base), identity, chance)
    document["name"] = [chance.choice(words().tables["names"][part]) for part in ("given", "family")]
    if reason.edit:
        reason.edit(document, chance)
    making = Making(build(document, words(), today), today, chance)
    if reason.mark:
        reason.mark(making)
    odd = restyle(making, units=not reason.plain)
    lines = tuple(_lines(making, odd))
    truth = {
        "patient": f"Patient/{identity}",
        "status": reason.status,
        "deciding": list(reason.deciding),
        "only": reason.only,
        "reason": reason.name,
        "built_for": reason.built_for,
        "base": base,
        "dirt": sorted(odd),
    }
    return Built(lines, truth)


def _document(base: str) -> Json:
    sketch = others.sketches().get(base)
    return sketch or next(patient.document for patient in synthetic_patients() if patient.id == base)


def _lines(making: Making, odd: set[str]) -> Iterator[Line]:
    for resource in making.resources:
        for name, version in _versions(resource, making):
            if name:
                odd.add(name)
            line = _encode(version)
            if making.chance.random() < _LINE:
                kind = making.chance.choice(tuple(dirt.LINES))
                odd.add(kind)
                line = dirt.LINES[kind](line)
            yield version["resourceType"], line
    for kind, resource in making.cut:
        yield kind, _cut(resource)


def _versions(resource: Json, making: Making) -> Iterator[tuple[str, Json]]:
    """The resource as it is written: odd or not, alone or with what a real export has beside it."""
    chance, kind = making.chance, resource["resourceType"]
    measured = isinstance(resource.get("valueQuantity"), dict) and "meta" not in resource
    if measured and chance.random() < _OLDER:
        yield "older-version", _version(resource, making.today, 400) | _wrong_quantity(resource)
        resource = _version(resource, making.today, 2)
    yield from _made_odd(resource, chance)
    if chance.random() < _TWICE:
        yield "twice", resource
    if kind in ("Condition", "Observation") and chance.random() < _IN_ERROR:
        wrong = _IN_ERROR_KIND.laid_over(resource)
        if wrong is not None:
            yield "entered-in-error", wrong | {"id": f"{resource['id']}-wrong"}


def _made_odd(resource: Json, chance: Random) -> Iterator[tuple[str, Json]]:
    if "medicationCodeableConcept" in resource and chance.random() < _SHARED:
        drug = {
            "resourceType": "Medication",
            "id": f"{resource['id']}-drug",
            "code": resource["medicationCodeableConcept"],
        }
        given = {key: value for key, value in resource.items() if key != "medicationCodeableConcept"}
        yield "shared-medication", drug
        yield "", given | {"medicationReference": {"reference": f"Medication/{drug['id']}"}}
        return
    if chance.random() < _ODD:
        kind = chance.choice(dirt.HARMLESS)
        made = kind.laid_over(resource)
        if made is not None:
            yield kind.name, made
            return
    yield "", resource


def _version(resource: Json, today: date, days: int) -> Json:
    updated = f"{(today - timedelta(days=days)).isoformat()}T01:02:03Z"
    return resource | {"meta": {"versionId": str(1000 - days), "lastUpdated": updated}}


def _wrong_quantity(resource: Json) -> Json:
    return {"valueQuantity": resource["valueQuantity"] | {"value": 0.01}}


def _cut(resource: Json) -> bytes:
    """The line up to somewhere behind its subject."""
    line = _encode(resource)
    return line[: line.index(b'"subject"') + line[line.index(b'"subject"') :].index(b"}") + 9]
