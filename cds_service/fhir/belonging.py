"""Whose a resource is: the patient's, somebody else's, or nobody's.

A reference with a server's base that is not the patient's own is somebody else's, where both
bases are known; without a base the id decides.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from cds_service.fhir.context import reference_of
from cds_service.fhir.record import Held, Record
from cds_service.fhir.references import split
from cds_service.fhir.resources import READ_TYPES, AnyResource, BodyStructure, EpisodeOfCare, Reference, ResearchSubject

SUBJECT_OF: dict[type, Callable[[Any], Reference | None]] = {
    kind: attrgetter("subject") for kind in READ_TYPES.values() if "subject" in kind.__struct_fields__
}
"""The element that says whose a resource is, by type; Patient and what is shared have none."""
SUBJECT_OF |= dict.fromkeys((BodyStructure, EpisodeOfCare), attrgetter("patient"))
SUBJECT_OF[ResearchSubject] = attrgetter("individual")


def subject_of(resource: AnyResource) -> Reference | None:
    """The reference that says whose a resource is, None where it has none."""
    read = SUBJECT_OF.get(type(resource))
    return read(resource) if read else None


class Belonging:
    """The names of one patient, and the count of what was not theirs.

    `known` remembers for each spelling of a reference whether it names the patient.
    """

    def __init__(self, record: Record, who: tuple[Held, ...]) -> None:
        self.dropped = 0
        self._record = record
        self._names = {held.name for held in who} | {reference_of(held.resource, held.full_url) for held in who}
        urns = [held.full_url for held in who if held.full_url and held.full_url.startswith("urn:")]
        self._names |= {f"Patient/{urn.rpartition(':')[2]}" for urn in urns} | set(urns)
        self._bases = {place(split(held.full_url)[0]) for held in who if held.full_url} - {""}
        self.known: dict[str | None, bool] = {}

    def names_patient(self, reference: str) -> bool:
        """Whether a reference names this patient."""
        known = self.known.get(reference)
        if known is None:
            known = self.known[reference] = self._names_patient(reference)
        return known

    def _names_patient(self, reference: str) -> bool:
        if reference in self._names:
            return True
        alias = self._record.alias(reference)
        if alias is not None:
            return alias in self._names
        base, name = split(reference)
        if base and self._bases and place(base) not in self._bases:
            return False
        return name in self._names or self._record.named(reference) in self._names

    def is_own(self, resource: AnyResource) -> bool:
        """Whether a resource is the patient's; counts those that are somebody else's."""
        subject = subject_of(resource)
        if subject is None or not subject.reference:
            return False
        if self.names_patient(subject.reference):
            return True
        self.dropped += 1
        return False

    def is_nobodys(self, resource: AnyResource) -> bool:
        """Whether a resource does not say, in a way that can be followed, whose it is."""
        subject = subject_of(resource)
        return subject is None or not subject.reference


def place(base: str) -> str:
    """A server's base without scheme and case of the host, so that http and https agree."""
    return base.partition("://")[2].rstrip("/").lower()
