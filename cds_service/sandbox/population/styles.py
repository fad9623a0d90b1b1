"""Other ways to write the same record: units, ranges in words, codes and systems, scores, centimetres."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population.making import Making
from cds_service.sandbox.population.words import words


def restyle(making: Making, *, units: bool) -> set[str]:
    """Write parts of the record in other ways; the names of those used. `units`: laboratory units too."""
    used = set(_laboratory(making)) if units else set()
    return {*used, *_codes(making), *_scores(making), *_sizes(making)}


# --- laboratory ---------------------------------------------------------------------------------------


def _laboratory(making: Making) -> Iterator[str]:
    chance = making.chance
    for name, styles in words().tables["lab-styles"].items():
        for result in making.results(name):
            if "valueQuantity" not in result or "code" not in result["valueQuantity"]:
                continue
            if chance.random() < 0.4:
                _in_unit(result, chance.choice(styles))
                yield "other-unit"
            if chance.random() < 0.2 and "referenceRange" in result:
                _range_in_words(result)
                yield "range-in-words"


def _in_unit(result: Json, style: Json) -> None:
    quantity = result["valueQuantity"]
    quantity["value"] = _converted(quantity["value"], style)
    quantity["unit"] = style["unit"]
    if "ucum" in style:
        quantity["code"] = style["ucum"]
    else:
        del quantity["code"], quantity["system"]
    for limits in result.get("referenceRange", ()):
        for limit in limits.values():
            limit |= {"value": _converted(limit["value"], style), "unit": style["unit"]}
    if "loinc" in style:
        result["code"]["coding"][0]["code"] = style["loinc"]


def _converted(value: float, style: Json) -> float:
    exact = Decimal(str(value)) * Decimal(str(style.get("times", 1))) / Decimal(str(style.get("by", 1)))
    return _plain(round(exact, 4))


def _plain(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)


def _range_in_words(result: Json) -> None:
    limits = result["referenceRange"][0]
    result["referenceRange"] = [{"text": f"{limits['low']['value']} - {limits['high']['value']}"}]


# --- codes --------------------------------------------------------------------------------------------


def _codes(making: Making) -> Iterator[str]:
    chance = making.chance
    for resource in making.resources:
        concept = resource.get("code") or resource.get("medicationCodeableConcept")
        if concept is None or not concept.get("coding"):
            continue
        if resource["resourceType"] == "Condition" and len(concept["coding"]) == 2 and chance.random() < 0.4:
            del concept["coding"][chance.randrange(2)]
            yield "one-coding"
        for coding in concept["coding"]:
            yield from _spelled(coding, chance)


def _spelled(coding: Json, chance: Random) -> Iterator[str]:
    if "icd-10" in coding["system"] and chance.random() < 0.1:
        coding["code"] = coding["code"].replace(".", "")
        yield "code-without-dot"
    spellings = words().tables["system-spellings"].get(coding["system"])
    if spellings and chance.random() < 0.04:
        coding["system"] = chance.choice(spellings)
        yield "other-system-uri"


# --- scores and sizes -----------------------------------------------------------------------------------


def _scores(making: Making) -> Iterator[str]:
    for resource in making.of_type("Observation"):
        if "-ecog-" in resource["id"] and making.chance.random() < 0.5:
            score = resource.pop("valueInteger")
            resource.update(making.chance.choice(_ways_to_say(score)))
            yield "other-score"


def _ways_to_say(score: int) -> tuple[dict[str, Any], ...]:
    answer = words().tables["ecog-answers"][score]
    return (
        {"valueString": f"ECOG {score}"},
        {"valueQuantity": {"value": score, "unit": "{score}"}},
        {"valueCodeableConcept": {"coding": [words().coding("loinc", answer)], "text": f"ECOG {score}"}},
    )


def _sizes(making: Making) -> Iterator[str]:
    for resource in making.of_type("Observation"):
        if "-size-" in resource["id"] and making.chance.random() < 0.3:
            for part in resource["component"]:
                quantity = part["valueQuantity"]
                quantity |= {"value": _plain(Decimal(str(quantity["value"])) / 10), "unit": "cm", "code": "cm"}
            yield "centimetres"
