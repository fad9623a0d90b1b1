"""What is odd in real exports, kind by kind, as edits of one resource or of its line.

A kind is harmless where the resource still means what it meant: those are laid over the patients
whose truth is known. The others spoil a resource, and are laid over everyday records only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_service.sandbox.codebook import Json

SERVER = "https://ehr.example.org/fhir"
ZERO_WIDTH = "\u200b"

Edit = Callable[[Json], Json | None]
"""The resource made odd, None where this oddity cannot befall it."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of oddity of a resource."""

    name: str
    edit: Edit
    harmless: bool = True

    def laid_over(self, resource: Json) -> Json | None:
        """A copy made odd, None where that cannot be."""
        return self.edit(copy.deepcopy(resource))


def _owner(resource: Json) -> Json | None:
    owner = resource.get("subject") or resource.get("patient")
    return owner if isinstance(owner, dict) and "reference" in owner else None


def _absolute(resource: Json) -> Json | None:
    return _referring(resource, lambda reference: f"{SERVER}/{reference}")


def _versioned(resource: Json) -> Json | None:
    return _referring(resource, lambda reference: f"{reference}/_history/3")


def _urn(resource: Json) -> Json | None:
    return _referring(resource, lambda reference: "urn:uuid:" + reference.partition("/")[2])


def _referring(resource: Json, spell: Callable[[str], str]) -> Json | None:
    owner = _owner(resource)
    if owner is None:
        return None
    owner["reference"] = spell(owner["reference"])
    return resource


def _code_of(resource: Json) -> Json | None:
    for element in ("code", "medicationCodeableConcept", "valueCodeableConcept"):
        concept = resource.get(element)
        if isinstance(concept, dict):
            return concept
    return None


def _zero_width(resource: Json) -> Json | None:
    """Zero-width spaces in the words, as copied from web pages and documents."""
    concept = _code_of(resource)
    if concept is None:
        return None
    for coding in concept.get("coding", ()):
        if "display" in coding:
            coding["display"] = ZERO_WIDTH + coding["display"].replace(" ", " " + ZERO_WIDTH, 1)
    if "text" in concept:
        concept["text"] += ZERO_WIDTH
    return resource


def _odd_elements(resource: Json) -> Json:
    """Elements FHIR does not have, extensions nobody knows, a null, a primitive's extension alone."""
    return resource | {
        "encounterClass": {"internal": [1, 2.5, {"deep": None}]},
        "extension": [
            *resource.get("extension", ()),
            {
                "url": "urn:vendor:row",
                "extension": [{"url": "id", "valueInteger": 77}, {"url": "x", "valueString": ""}],
            },
        ],
        "_implicitRules": {"extension": [{"url": "urn:vendor:none"}]},
        "language": None,
    }


def _lone_category(resource: Json) -> Json | None:
    """A lone object where a list belongs."""
    category = resource.get("category")
    if not isinstance(category, list) or len(category) != 1:
        return None
    return resource | {"category": category[0]}


def _number_for_words(resource: Json) -> Json | None:
    """A number where the display belongs."""
    concept = _code_of(resource)
    if concept is None or not concept.get("coding"):
        return None
    concept["coding"][0]["display"] = 12345
    return resource


def _unreadable_note(resource: Json) -> Json:
    return resource | {"note": "see chart", "performer": {"reference": 7}}


def _contained_drug(resource: Json) -> Json | None:
    """The drug as a contained Medication."""
    if "medicationCodeableConcept" not in resource:
        return None
    concept = resource.pop("medicationCodeableConcept")
    medication = {"resourceType": "Medication", "id": "drug", "code": concept}
    return resource | {"contained": [medication], "medicationReference": {"reference": "#drug"}}


def _older_onset(resource: Json) -> Json | None:
    """An onset of which only the year is known; not of a cancer, from which lines of treatment are counted."""
    if "recordedDate" not in resource or "onsetDateTime" not in resource or "profile" in resource.get("meta", ()):
        return None
    return resource | {"onsetDateTime": resource["onsetDateTime"][:4]}


def _time_of_day(resource: Json) -> Json | None:
    """A time with an offset, the day unchanged in its own zone."""
    day = resource.get("effectiveDateTime")
    if not isinstance(day, str) or len(day) != 10:
        return None
    return resource | {"effectiveDateTime": f"{day}T23:40:00-06:00", "issued": f"{day}T23:59:59-06:00"}


def _month_only(resource: Json) -> Json | None:
    day = resource.get("effectiveDateTime")
    return None if not isinstance(day, str) else resource | {"effectiveDateTime": day[:7]}


def _words_only(resource: Json) -> Json | None:
    concept = _code_of(resource)
    if concept is None or "text" not in concept:
        return None
    concept.pop("coding", None)
    return resource


def _no_unit(resource: Json) -> Json | None:
    quantity = resource.get("valueQuantity")
    return None if quantity is None else resource | {"valueQuantity": {"value": quantity["value"]}}


def _quantity_in_words(resource: Json) -> Json | None:
    quantity = resource.pop("valueQuantity", None)
    return None if quantity is None else resource | {"valueQuantity": "see report"}


def _implausible(resource: Json) -> Json | None:
    quantity = resource.get("valueQuantity")
    return None if quantity is None else resource | {"valueQuantity": quantity | {"value": 999999}}


def _in_error(resource: Json) -> Json | None:
    if resource["resourceType"] == "Condition":
        system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
        resource.pop("clinicalStatus", None)
        return resource | {"verificationStatus": {"coding": [{"system": system, "code": "entered-in-error"}]}}
    return resource | {"status": "entered-in-error"} if "status" in resource else None


def _nobodys(resource: Json) -> Json | None:
    owner = _owner(resource)
    if owner is None:
        return None
    resource.pop("subject", None)
    return resource


HARMLESS: tuple[Dirt, ...] = (
    Dirt("absolute-reference", _absolute),
    Dirt("versioned-reference", _versioned),
    Dirt("zero-width-space", _zero_width),
    Dirt("odd-elements", _odd_elements),
    Dirt("lone-category", _lone_category),
    Dirt("number-for-words", _number_for_words),
    Dirt("unreadable-note", _unreadable_note),
    Dirt("contained-medication", _contained_drug),
    Dirt("year-only-onset", _older_onset),
    Dirt("time-of-day", _time_of_day),
)
"""Laid over any patient: nothing a criterion rests on changes."""

SPOILING: tuple[Dirt, ...] = (
    Dirt("urn-reference", _urn, harmless=False),
    Dirt("month-only-date", _month_only, harmless=False),
    Dirt("words-only", _words_only, harmless=False),
    Dirt("no-unit", _no_unit, harmless=False),
    Dirt("quantity-in-words", _quantity_in_words, harmless=False),
    Dirt("implausible-value", _implausible, harmless=False),
    Dirt("entered-in-error", _in_error, harmless=False),
    Dirt("nobodys", _nobodys, harmless=False),
)
"""Laid over everyday records only."""

ALL: tuple[Dirt, ...] = (*HARMLESS, *SPOILING)


# --- lines ------------------------------------------------------------------------------------------


def escaped_slash(line: bytes) -> bytes:
    """JSON may write a slash as "\\/"; a reader that looks at bytes must know."""
    return line.replace(b'"Patient/', b'"Patient\\/')


def spaced(line: bytes) -> bytes:
    """Spaces around the marks of the first elements, and the end of line of another system."""
    return line.replace(b'":"', b'" : "', 2).replace(b'":{', b'": {') + b"\r"


def padded(line: bytes) -> bytes:
    """A blank line behind it."""
    return line + b"\n"


LINES: Mapping[str, Callable[[bytes], bytes]] = {"escaped-slash": escaped_slash, "spaced": spaced, "blank-line": padded}
"""Oddities of a line that leave its meaning."""
