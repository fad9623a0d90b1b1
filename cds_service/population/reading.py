"""One line that was not ruled out, parsed: what it is, whose, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.errors import NotFhir
from cds_service.fhir.bundles import Found, open_one
from cds_service.fhir.decoding import Json, fragment
from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES, Head
from cds_service.fhir.sources import read_head

SHARED = frozenset({"Medication", "ResearchStudy"})
NOT_JSON = "it is not readable JSON"
NO_TYPE = "it has no resourceType"


@dataclass(frozen=True, slots=True)
class Line:
    """A resource of a line: type, bytes, the names of those it may be about, its own id.

    `problem` says why it could not be read; then the names are those still legible.
    """

    kind: str
    raw: Json
    about: tuple[str, ...] = ()
    id: str | None = None
    problem: str | None = None


def read_line(raw: bytes) -> Iterator[Line]:
    """The resources of a line: itself, unless it is a Bundle or an array. Types nothing is read from are left out."""
    try:
        for found in open_one(raw):
            line = _read(found)
            if line is not None:
                yield line
    except NotFhir as error:
        yield _broken(Found("", raw), str(error))


def _read(found: Found) -> Line | None:
    if not found.kind:
        return _broken(found, _why(found.raw))
    if found.kind not in READ_TYPES:
        return None
    head = read_head(found)
    if head is None:
        return _broken(found, NOT_JSON)
    return Line(found.kind, found.raw, _about(found.kind, head), head.id)


def _about(kind: str, head: Head) -> tuple[str, ...]:
    if kind == "Patient":
        return (f"Patient/{head.id}",) if head.id else ("Patient",)
    subject = head.subject or head.patient or head.individual
    return (plain_name(subject.reference),) if subject is not None and subject.reference else ()


def _why(raw: Json) -> str:
    return NO_TYPE if bytes(raw).rstrip().endswith(b"}") and read_head(Found("", raw)) is not None else NOT_JSON


def _broken(found: Found, why: str) -> Line:
    legible = fragment(bytes(found.raw))
    kind = found.kind or legible.kind
    about = tuple(plain_name(subject) for subject in legible.subjects)
    return Line(kind, found.raw, about if not kind or kind in READ_TYPES else (), None, why)


def broken_long(beginning: bytes, megabytes: int) -> Line:
    """What can be told of a line that is too long to be read, from its beginning."""
    return _broken(Found("", beginning), f"the line is longer than {megabytes} MB")
