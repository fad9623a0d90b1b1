"""One patient's resources, decoded once, newest version each, found by any of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, Raw, UnsetType, structs
from msgspec.json import Encoder

from cds_service.domain.facts import DataQuality
from cds_service.fhir.batches import Batch, came_alone, clean_batches, decode_clean
from cds_service.fhir.bundles import Found, open_all
from cds_service.fhir.context import reference_of
from cds_service.fhir.decoding import Json, decode, fragment, type_of
from cds_service.fhir.references import split
from cds_service.fhir.resources import READ_TYPES, AnyResource, Patient
from cds_service.fhir.versions import Rank, rank, updated

_encoder = Encoder(order="sorted")
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
    clean: list[Batch] = field(default_factory=list)
    shared: Callable[[str], Json | None] | None = None
    _aliases: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)
    _by_kind: dict[str, dict[str | None, AnyResource]] = field(default_factory=dict)
    _aliases_known: bool = False
    _found: dict[str, AnyResource | None] = field(default_factory=dict)

    def add_alias(self, full_url: str, name: str) -> None:
        """Let a resource be found by its fullUrl."""
        self._aliases[full_url] = self._aliases[split(full_url)[1]] = name

    def alias(self, reference: str) -> str | None:
        """The name of the resource that has this reference for its fullUrl."""
        if not self._aliases_known:
            self._know_aliases()
        return self._aliases.get(reference)

    def named(self, reference: str) -> str:
        """The one name of what a reference points to; see `Neighbours`."""
        name = self._names.get(reference)
        if name is None:
            plain = self.alias(reference) or split(reference)[1]
            name = self._names[reference] = self._aliases.get(plain, plain)
        return name

    def found(self, name: str) -> AnyResource | None:
        """The resource of that name, the patient's own or shared (a Medication); see `Neighbours`."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> AnyResource | None:
        own = self.held.get(name)
        if own is not None:
            return None if own.meaning_lost else own.resource
        return self._clean(name) or self._fetch(name)

    def _clean(self, name: str) -> AnyResource | None:
        """The clean resource of a name; each type is indexed when one of it is first asked for."""
        kind, _, identity = name.partition("/")
        index = self._by_kind.get(kind)
        if index is None:
            entries = [batch.entries for batch in self.clean if batch.kind.__name__ == kind]
            index = self._by_kind[kind] = {resource.id: resource for listed in entries for resource, _ in listed}
        return index.get(identity)

    def _know_aliases(self) -> None:
        """Let clean resources be found by their fullUrls, unless every fullUrl tells the name itself."""
        self._aliases_known = True
        if all(map(_names_itself, self.clean)):
            return
        for batch in self.clean:
            for resource, full_url in batch.entries:
                if full_url:
                    self.add_alias(full_url, f"{resource.resource_type}/{resource.id}")

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
        clean = [
            Held(reference_of(resource), resource, full_url, b"")
            for batch in self.clean
            if batch.kind is Patient
            for resource, full_url in batch.entries
        ]
        return clean + [held for held in self.all() if isinstance(held.resource, Patient)]


def _names_itself(batch: Batch) -> bool:
    """Whether every fullUrl is one server's base and the name: such a one tells nothing more than the name."""
    urls = [(full_url, resource.id or "") for resource, full_url in batch.entries if full_url]
    if not urls:
        return True
    first, identity = urls[0]
    base = first.removesuffix(identity)
    ids = "".join([identity for _, identity in urls])
    if not base.endswith(f"/{batch.kind.__name__}/") or base.startswith("urn:") or "/_history/" in base:
        return False
    if "/" in ids or "?" in ids or "?" in base:
        return False
    return all(full_url == base + identity for full_url, identity in urls)


def open_record(
    carriers: Iterable[Json | Mapping[str, Any] | Found], shared: Callable[[str], Json | None] | None = None
) -> Record:
    """A record of everything in these carriers: the short way for what is clean, else the thorough one.

    Raises NotFhir where a carrier is no JSON.
    """
    listed = list(carriers)
    alone = came_alone(listed)
    if alone is not None:
        return _read_alone(alone, shared)
    clean = clean_batches(listed)
    if clean is None or sum(len(batch.entries) for batch in clean if batch.kind is Patient) != 1:
        return read_record(open_all(listed), shared)
    return Record(clean=clean, shared=shared)


def _read_alone(resources: Iterable[tuple[str, Json]], shared: Callable[[str], Json | None] | None) -> Record:
    """A record of resources none of which came with others: only what is odd goes the thorough way."""
    clean: dict[str, dict[str, tuple[AnyResource, Json]]] = {}
    odd: list[Found] = []
    for kind, raw in resources:
        resource = decode_clean(kind, raw)
        known = clean.get(kind)
        if known is None:
            known = clean[kind] = {}
        if resource is None or resource.id in known:
            odd.append(Found(kind, raw))
        else:
            known[resource.id or ""] = (resource, raw)
    record = read_record(odd, shared)
    _take_with_odd(record, clean)
    record.clean = [
        Batch(READ_TYPES[kind], [(resource, None) for resource, _ in known.values()])
        for kind, known in clean.items()
        if known
    ]
    return record


def _take_with_odd(record: Record, clean: Mapping[str, dict[str, tuple[AnyResource, Json]]]) -> None:
    """Send the thorough way what is clean but may be another version, or another record, of what is odd."""
    for name in list(record.held):
        kind, _, identity = name.partition("/")
        if identity in clean.get(kind, ()):
            _take(record, Found(kind, clean[kind].pop(identity)[1]))
    patients = clean.get("Patient", {})
    if len(patients) + len(record.patients()) != 1:
        for identity in list(patients):
            _take(record, Found("Patient", patients.pop(identity)[1]))


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
        record.add_alias(found.full_url, name)
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
    if _content(one) == _content(other):
        return one if _rank(one) >= _rank(other) else other
    if updated(one.resource) == updated(other.resource):
        note = DataQuality(one.name, "it comes in versions that differ, and none says that it is the newer")
        if note not in record.notes:
            record.notes.append(note)
    return max(one, other, key=_rank)


def _content(held: Held) -> bytes:
    """What it says, apart from its version: as far as it is read."""
    return _encoder.encode(structs.replace(held.resource, meta=UNSET))


def _rank(held: Held) -> Rank:
    return rank(held.resource, held.raw)


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
