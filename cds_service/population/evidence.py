"""Evidence of cancer, looked for in every line that may hold it.

The same diagnosis stands in line after line, spelled alike: what its code, category, stage
and status say is worked out once and remembered by their bytes.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from msgspec import Raw

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import DataQuality
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.decoding import UNREADABLE, Json, decode
from cds_service.fhir.extract.conditions import read_condition
from cds_service.fhir.extract.lesions import read_lesion
from cds_service.fhir.extract.standing import holds
from cds_service.fhir.reading import concepts_of
from cds_service.fhir.record import Record
from cds_service.fhir.resources import BodyStructure, CodeableConcept, Condition, Element, Observation
from cds_service.screening.considered import OBSERVED, tells_of_cancer

TELLING = frozenset({"Condition", "Observation", "BodyStructure"})
"""The resource types that can be evidence of cancer."""

_REMEMBERED = 50_000
_TELLING_EXTENSION = re.compile(rb"histology-morphology-behavior|diagnosesicherheit")
"""Extensions of a Condition itself that decide whether it is evidence: its morphology, its German certainty letter."""


class _Profiles(msgspec.Struct, frozen=True, gc=False):
    profile: Raw = Raw(b"")


_NOTHING = Raw(b"")
_NO_PROFILES = _Profiles()


class _Sketch(Element):
    """What of a Condition tells whether it is evidence, left as bytes."""

    resource_type: Literal["Condition"]
    meta: _Profiles = _NO_PROFILES
    extension: Raw = _NOTHING
    code: Raw = _NOTHING
    category: Raw = _NOTHING
    stage: Raw = _NOTHING
    verification_status: Raw = _NOTHING


_ELEMENTS = (
    b'"code":%s',
    b'"category":%s',
    b'"stage":%s',
    b'"verificationStatus":%s',
    b'"meta":{"profile":%s}',
    b'"extension":%s',
)
_sketches = msgspec.json.Decoder(_Sketch)
_concepts = msgspec.json.Decoder(CodeableConcept | None)


def _telling(key: bytes) -> bytes:
    """A Condition of the remembered elements alone."""
    elements = [element % value for element, value in zip(_ELEMENTS, key.split(b"\0"), strict=False) if value]
    return b",".join((b'{"resourceType":"Condition"', *elements)) + b"}"


class Evidence:
    """Says of resources whether they are evidence of cancer."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._conditions: dict[bytes, bool] = {}

    def tells(self, kind: str, raw: Json) -> bool:
        """Whether a resource is evidence of cancer; one that cannot be read may be."""
        match kind:
            case "Condition":
                return self._condition(raw)
            case "Observation":
                return self._observation(raw)
            case "BodyStructure":
                return self._lesion(raw)
        return False

    def may_tell(self, code: bytes) -> bool:
        """Whether an Observation of this code (a CodeableConcept as JSON) can be evidence; where it is odd, it can."""
        try:
            concept = _concepts.decode(code)
        except UNREADABLE:
            return True
        codings = concept.coding if concept is not None else ()
        return any(OBSERVED & self._catalog.concepts(coding.system, coding.code) for coding in codings)

    def _condition(self, raw: Json) -> bool:
        try:
            return self._sketched(raw)
        except UNREADABLE:
            return self._odd_condition(raw)

    def is_silent_condition(self, raw: Json) -> bool:
        """Whether a line is a Condition that is no evidence of cancer, told without reading whose it is."""
        try:
            return not self._sketched(raw)
        except UNREADABLE:
            return False

    def _sketched(self, raw: Json) -> bool:
        """The answer rests on what is remembered and nothing else, so that no order of the lines changes it."""
        sketch = _sketches.decode(raw)
        extension = bytes(sketch.extension)
        told = (sketch.code, sketch.category, sketch.stage, sketch.verification_status, sketch.meta.profile)
        # Whole JSON values: one after the other they can be taken apart in one way only.
        key = b"\0".join((*told, extension) if _TELLING_EXTENSION.search(extension) else told)
        found = self._conditions.get(key)
        if found is None:
            if len(self._conditions) >= _REMEMBERED:
                self._conditions.clear()
            found = self._conditions[key] = self._odd_condition(_telling(key))
        return found

    def _odd_condition(self, raw: Json) -> bool:
        """A Condition read in full; one whose code is lost may be evidence."""
        decoded = decode("Condition", raw)
        condition = decoded.resource
        if not isinstance(condition, Condition):
            return True
        if not holds(condition):
            return False
        if decoded.meaning_lost and condition.code is None:
            return True
        return any(tells_of_cancer(fact) for fact in read_condition(condition, self._context("Condition")))

    def _observation(self, raw: Json) -> bool:
        decoded = decode("Observation", raw)
        observation = decoded.resource
        if not isinstance(observation, Observation) or not holds(observation):
            return False
        return bool(OBSERVED & concepts_of(observation, self._catalog))

    def _lesion(self, raw: Json) -> bool:
        decoded = decode("BodyStructure", raw)
        structure = decoded.resource
        if not isinstance(structure, BodyStructure):
            return True
        return decoded.meaning_lost or any(True for _ in read_lesion(structure, self._context("BodyStructure")))

    def _context(self, name: str) -> ReadingContext:
        notes: list[DataQuality] = []
        return ReadingContext(self._catalog, name, Record(), notes)
