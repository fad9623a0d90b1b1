"""One patient's resources, decoded once, newest version each, found by any of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import UNSET, Raw, UnsetType

from cds_service.domain.facts import DataQuality
from cds_service.fhir.bundles import Found
from cds_service.fhir.context import reference_of
from cds_service.fhir.decoding import Json, decode, fragment, type_of
from cds_service.fhir.references import split
from cds_service.fhir.resources import READ_TYPES, AnyResource, Patient

_BEYOND = "it could not be read"
_MODIFIED = "it carries a modifierExtension, which FHIR forbids to pass over, and none is known here"


@dataclass(frozen=True, slots=True)
class Held:
    """A decoded resource under its name, with what was odd in it."""

    name: str
    resource: AnyResource
    full_url: str | None
    raw: Json
    problems: tuple[str, ...] = ()
    meaning_lost: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A resource beyond reading: its type, and the subjects still legible in it."""

    name: str
    kind: str
    subjects: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class Record:
    """Resources by name; `named` and `found` are what extractors see of it."""

    held: dict[str, Held] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    notes: list[DataQuality] = field(default_factory=list)
    nameless: list[Held] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    shared: Callable[[str], Json | None] | None = None
    _names: dict[str, str] = field(default_factory=dict)
    _fetched: dict[str, AnyResource | None] = field(default_factory=dict)

    def named(self, reference: str) -> str:
        """The one name of what a reference points to; see `Neighbours`."""
        name = self._names.get(reference)
        if name is None:
            plain = self.aliases.get(reference) or split(reference)[1]
            name = self._names[reference] = self.aliases.get(plain, plain)
        return name

    def found(self, name: str) -> AnyResource | None:
        """The resource of that name, the patient's own or shared (a Medication); see `Neighbours`."""
        own = self.held.get(name)
        if own is not None:
            return None if own.meaning_lost else own.resource
        if name not in self._fetched:
            self._fetched[name] = self._fetch(name)
        return self._fetched[name]

    def _fetch(self, name: str) -> AnyResource | None:
        raw = self.shared(name) if self.shared else None
        if raw is None:
            return None
        kind = type_of(raw)
        return decode(kind, raw).resource if kind in READ_TYPES else None

    def all(self) -> list[Held]:
        """Every resource, in an order that does not depend on the order they came in."""
        return [*self.held.values(), *sorted(self.nameless, key=lambda held: bytes(held.raw))]

    def patients(self) -> list[Held]:
        """The Patient resources."""
        return [held for held in self.all() if isinstance(held.resource, Patient)]


def read_record(resources: Iterable[Found], shared: Callable[[str], Json | None] | None = None) -> Record:
    """A record of these resources. Types that are not read are passed over."""
    record = Record(shared=shared)
    for found in resources:
        if found.kind in READ_TYPES:
            _take(record, found)
        elif not found.kind:
            record.broken.append(_broken(found, ("it has no legible resourceType",)))
    return record


def _take(record: Record, found: Found) -> None:
    decoded = decode(found.kind, found.raw)
    resource = decoded.resource
    if resource is None:
        record.broken.append(_broken(found, decoded.problems))
        return
    name = reference_of(resource, found.full_url)
    problems, lost = decoded.problems, decoded.meaning_lost
    if _is_modified(resource.modifier_extension) and not isinstance(resource, Patient):
        problems, lost = (*problems, _MODIFIED), True
    held = Held(name, resource, found.full_url, found.raw, problems, lost)
    if found.full_url:
        record.aliases[found.full_url] = name
        record.aliases[split(found.full_url)[1]] = name
    if name == found.kind:
        record.nameless.append(held)
        return
    known = record.held.get(name)
    record.held[name] = held if known is None else _newer(record, known, held)


def _is_modified(extension: Raw | UnsetType) -> bool:
    return extension is not UNSET and bytes(extension).strip() not in (b"[]", b"null")


def _broken(found: Found, problems: tuple[str, ...]) -> Broken:
    legible = fragment(bytes(found.raw))
    return Broken(found.kind or "resource", found.kind or legible.kind, legible.subjects, problems)


def _newer(record: Record, one: Held, other: Held) -> Held:
    """The version last updated; of two that do not say, one chosen alike whatever the order."""
    if one.resource == other.resource:
        return one if _rank(one) >= _rank(other) else other
    if _updated(one) == _updated(other):
        note = DataQuality(one.name, "it comes in versions that differ, and none says that it is the newer")
        if note not in record.notes:
            record.notes.append(note)
    return max(one, other, key=_rank)


def _rank(held: Held) -> tuple[datetime, tuple[int, str], bytes]:
    version = (held.resource.meta.version_id if held.resource.meta else None) or ""
    number = int(version) if version.isascii() and version.isdecimal() and len(version) < 19 else -1
    return _updated(held), (number, version), bytes(held.raw)


def _updated(held: Held) -> datetime:
    text = held.resource.meta.last_updated if held.resource.meta else None
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def contained_in(resource: AnyResource) -> Callable[[], Mapping[str, AnyResource]]:
    """A way to its contained resources by their ids, decoded only when asked for."""

    def read() -> Mapping[str, AnyResource]:
        inside: dict[str, AnyResource] = {}
        for raw in resource.contained:
            kind = type_of(raw)
            decoded = decode(kind, raw).resource if kind in READ_TYPES else None
            if decoded is not None and decoded.id:
                inside[decoded.id.removeprefix("#")] = decoded
        return inside

    return read
