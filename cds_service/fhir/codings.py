"""Every code of a resource that could matter to a trial, for the coverage report.

Unlike the readers this walks the whole resource: what it is there to find is what the
readers do not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cds_service.catalog.coverage import Met
from cds_service.domain.codes import Coding
from cds_service.fhir.bundles import Found
from cds_service.fhir.decoding import UNREADABLE

_ELEMENTS = frozenset(
    {
        *("code", "medicationCodeableConcept", "procedureCode", "modality", "bodySite", "conclusionCode"),
        *("valueCodeableConcept", "location", "morphology", "reasonCode", "summary", "type", "interpretation"),
    }
)
"""Elements whose codes a criterion may rest on; administrative ones (category, status) are not."""
_INSIDE = frozenset({"component", "series", "stage", "evidence", "ingredient"})
_json = msgspec.json.Decoder()


def codings_of(resources: Iterable[Found]) -> Iterator[Met]:
    """Each coding met, and the words of a concept that has no coding."""
    for found in resources:
        try:
            resource = _json.decode(found.raw)
        except UNREADABLE:
            continue
        if isinstance(resource, dict):
            name = f"{found.kind}/{resource.get('id', '?')}"
            yield from _inside(resource, found.kind, name)


def _inside(element: Mapping[str, Any], kind: str, name: str) -> Iterator[Met]:
    for key, value in element.items():
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                continue
            if key in _ELEMENTS:
                yield from _of_concept(item, kind, name)
            if key in _INSIDE:
                yield from _inside(item, kind, name)


def _of_concept(concept: Mapping[str, Any], kind: str, name: str) -> Iterator[Met]:
    """The codings of a CodeableConcept, the Coding itself where it is a bare one, else the text."""
    codings = concept.get("coding")
    listed = codings if isinstance(codings, list) else [concept] if "code" in concept else []
    text = _words(concept.get("text"))
    met = False
    for coding in listed:
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            met = True
            code = Coding(_words(coding.get("system")), coding["code"], _words(coding.get("display")))
            yield Met(kind, code, text, name)
    if text and not met:
        yield Met(kind, Coding("", "", text), text, name)


def _words(value: object) -> str:
    return value if isinstance(value, str) else ""
