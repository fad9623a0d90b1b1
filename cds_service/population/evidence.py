"""Evidence of cancer, looked for in every line that may hold it.

The same diagnosis stands in line after line, spelled alike: what its code, category, stage
and status say is worked out once and remembered by their bytes.
"""

from __future__ import annotations

import re

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
from cds_service.fhir.resources import BodyStructure, Condition, Element, Observation
from cds_service.screening.considered import OBSERVED, tells_of_cancer

TELLING = frozenset({"Condition", "Observation", "BodyStructure"})
"""The resource types that can be evidence of cancer."""

_REMEMBERED = 50_000
_TELLING_EXTENSION = re.compile(rb"histology-morphology-behavior|diagnosesicherheit")
"""Extensions of a Condition itself that decide whether it is evidence: its morphology, its German certainty letter."""


class _Profiles(Element):
    profile: tuple[str, ...] = ()


class _Sketch(Element):
    """What of a Condition tells whether it is evidence, left as bytes."""

    meta: _Profiles | None = None
    extension: Raw = Raw(b"")
    code: Raw = Raw(b"")
    category: Raw = Raw(b"")
    stage: Raw = Raw(b"")
    verification_status: Raw = Raw(b"")


_sketches = msgspec.json.Decoder(_Sketch)


class Evidence:
    """Says of resources whether they are evidence of cancer."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._conditions: dict[tuple[object, ...], bool] = {}
        self._codes: dict[bytes, bool] = {}
        observed = [row.system for row in catalog.rows if row.concept in OBSERVED]
        local = [system for system, _ in catalog.site.same] if catalog.site is not None else []
        self._systems = tuple(dict.fromkeys((*observed, *local)))

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
        """Whether an Observation of this code, in any system, can be evidence."""
        found = self._codes.get(code)
        if found is None:
            if len(self._codes) >= _REMEMBERED:
                self._codes.clear()
            found = self._codes[code] = self._is_observed(code.decode("utf-8", "replace"))
        return found

    def _is_observed(self, code: str) -> bool:
        return any(OBSERVED & self._catalog.concepts(system, code) for system in self._systems)

    def _condition(self, raw: Json) -> bool:
        try:
            sketch = _sketches.decode(raw)
        except UNREADABLE:
            return self._odd_condition(raw)
        extension = bytes(sketch.extension)
        key = (
            bytes(sketch.code),
            bytes(sketch.category),
            bytes(sketch.stage),
            bytes(sketch.verification_status),
            extension if _TELLING_EXTENSION.search(extension) else b"",
            sketch.meta.profile if sketch.meta else (),
        )
        found = self._conditions.get(key)
        if found is None:
            if len(self._conditions) >= _REMEMBERED:
                self._conditions.clear()
            found = self._conditions[key] = self._odd_condition(raw)
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
