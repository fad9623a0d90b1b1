"""What an extractor is given beside the resource: the catalog, names, neighbours, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.catalog.catalog import Catalog
from cds_service.domain.codes import Meaning, Meanings
from cds_service.domain.facts import DataQuality, Evidence
from cds_service.fhir.references import split
from cds_service.fhir.resources import AnyResource, CodeableConcept, Coding, Reference, Resource

LAB = "lab"
"""Pseudo-concept of an Observation with a code (its own or a component's) that is a lab test."""
FOCUS = "focus"
"""Pseudo-concept of an Observation that names a focus or a body site."""
PANEL = "panel"
"""Pseudo-concept of an Observation with members or components."""


class Neighbours(Protocol):
    """The patient's other resources, as far as they are at hand."""

    def named(self, reference: str) -> str:
        """The one name of a resource, whatever the spelling of the reference."""

    def found(self, name: str) -> AnyResource | None:
        """The resource of that name, None where it is not at hand or beyond reading."""


class ReadingContext:
    """The surroundings of one resource while facts are read from it.

    `reference`  the resource as shown in evidence ("Observation/plt-1")
    `concepts`   the concepts its code (and its components' codes) belong to, with LAB, FOCUS, PANEL
    """

    __slots__ = ("_contained", "_neighbours", "_notes", "catalog", "concepts", "reference")

    def __init__(
        self,
        catalog: Catalog,
        reference: str,
        neighbours: Neighbours,
        notes: list[DataQuality],
        contained: Mapping[str, AnyResource] | Callable[[], Mapping[str, AnyResource]] | None = None,
        concepts: frozenset[str] = frozenset(),
    ) -> None:
        self.catalog = catalog
        self.reference = reference
        self.concepts = concepts
        self._neighbours = neighbours
        self._notes = notes
        self._contained = contained

    def name(self, reference: Reference | None) -> str | None:
        """The one name of what a reference points to; None (noted) where only an identifier is given.

        "#tumor" becomes "Observation/x#tumor"; versions and the server's base are removed.
        """
        if reference is None:
            return None
        if reference.reference:
            if reference.reference.startswith("#"):
                return self.reference + reference.reference
            return self._neighbours.named(reference.reference)
        if reference.identifier is not None:
            self.note("a reference gives only an identifier, which cannot be followed")
        return None

    def names(self, references: Iterable[Reference]) -> tuple[str, ...]:
        """The names of several references, in order, without those that name nothing."""
        return tuple(name for name in map(self.name, references) if name)

    def resolve(self, reference: Reference | None) -> AnyResource | None:
        """The resource a reference points to: contained, or the same patient's, or shared."""
        name = self.name(reference)
        return None if name is None else self.found(name)

    def found(self, name: str) -> AnyResource | None:
        """The resource of a name that `name` or `names` gave."""
        owner, fragment, identity = name.partition("#")
        if fragment and owner == self.reference:
            return self._own().get(identity)
        return self._neighbours.found(name)

    def _own(self) -> Mapping[str, AnyResource]:
        if callable(self._contained):
            self._contained = self._contained()
        return self._contained or {}

    def note(self, problem: str) -> None:
        """Put a problem of this resource on the data-quality list: no patient data in the words."""
        self._notes.append(DataQuality(self.reference, problem))

    def evidence(self, date: str | None, text: str) -> Evidence:
        """The evidence of a fact read from this resource."""
        return Evidence(self.reference, date, text)

    def meanings(self, *concepts: CodeableConcept | None) -> Meanings:
        """Every meaning of every coding, in any order of codings, each once. Codes only, no words."""
        return meanings_of(self.catalog, concepts)

    def meanings_of_codings(self, *codings: Coding | None) -> Meanings:
        """The same for bare codings (series.bodySite, modality)."""
        return _once(m for c in codings if c is not None for m in self.catalog.meanings(c.system, c.code))


def meanings_of(catalog: Catalog, concepts: Iterable[CodeableConcept | None]) -> Meanings:
    """Every meaning of every coding of these concepts, each once."""
    listed = [coding for concept in concepts if concept is not None for coding in concept.coding]
    if not listed:
        return ()
    meanings = catalog.codes.meanings
    if len(listed) == 1:
        return meanings(listed[0].system, listed[0].code)
    found = [meant for coding in listed if (meant := meanings(coding.system, coding.code))]
    if len(found) <= 1 and (not found or len(found[0]) == 1):
        return found[0] if found else ()
    return _once(meaning for meant in found for meaning in meant)


def _once(meanings: Iterable[Meaning]) -> Meanings:
    return tuple(dict.fromkeys(meanings))


def reference_of(resource: Resource, full_url: str | None = None) -> str:
    """How a resource is shown in evidence: "Type/id", its urn where it has no id, else its type."""
    if resource.id:
        return f"{resource.resource_type}/{resource.id}"
    return split(full_url)[1] if full_url else resource.resource_type


@dataclass(frozen=True, slots=True)
class Reader:
    """One extractor: facts of one kind from one type of resource.

    `field`  the field of PatientFacts the facts go to
    `read`   (resource, context) -> facts
    `wants`  only resources whose `context.concepts` share one of these are given to it;
             None for all of the type
    """

    resource: type[Resource]
    field: str
    read: Callable[[Any, ReadingContext], Iterable[Any]]
    wants: frozenset[str] | None = None
