"""The short way through clean input: whole Bundles of one type, each decoded in one go.

What a well-kept server answers to one search is a Bundle of one resource type, without
duplicates, every element of its type. Such a Bundle is decoded at once; resources already
taken out of theirs are decoded one by one. Whatever is odd (another type, no id, an id
twice, a wrong type somewhere, a modifier extension) goes the thorough way
(`record.read_record`), which gives the same for clean input: all of the input where anything
came in a Bundle, whose fullUrls may name the rest, else only what is odd.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET

from cds_service.fhir.bundles import Found
from cds_service.fhir.decoding import UNREADABLE, Json, decoder_of, type_of, written_type
from cds_service.fhir.resources import READ_TYPES, AnyResource

_FIRST = re.compile(rb'"resource"\s*:\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_LOOK_AHEAD = 4096

Entry = tuple[AnyResource, str | None]
"""A resource and its fullUrl."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Resources of one type, ids all different."""

    kind: type[AnyResource]
    entries: Sequence[Entry]


def clean_batches(carriers: Iterable[object]) -> list[Batch] | None:
    """The resources of these carriers by type, None where anything in them is odd."""
    gathered: dict[str, list[Entry]] = {}
    for carrier in carriers:
        if isinstance(carrier, Found):
            found = _clean_found(carrier)
        else:
            found = _clean(carrier) if isinstance(carrier, Json) else None
        if found is None:
            return None
        kind, entries = found
        if kind in gathered:
            gathered[kind] += entries
        elif kind:
            gathered[kind] = entries
    batches = [Batch(READ_TYPES[kind], entries) for kind, entries in gathered.items()]
    return batches if all(map(_all_different, batches)) else None


def _all_different(batch: Batch) -> bool:
    ids = {resource.id for resource, _ in batch.entries}
    return len(ids) == len(batch.entries) and None not in ids and "" not in ids


def came_alone(carriers: Iterable[object]) -> list[tuple[str, Json]] | None:
    """The type and bytes of each resource that is read; None where one came in a Bundle, an array or a mapping."""
    found: list[tuple[str, Json]] = []
    for carrier in carriers:
        if type(carrier) is bytes and (kind := written_type(carrier)) in READ_TYPES:
            found.append((kind, carrier))
            continue
        if isinstance(carrier, Found):
            kind, raw = carrier.kind, carrier.raw
            if carrier.full_url is not None or carrier.entries:
                return None
        elif isinstance(carrier, Json):
            kind, raw = written_type(carrier) or type_of(carrier), carrier
            if kind in ("", "Bundle"):
                return None
        else:
            return None
        if kind in READ_TYPES or not kind:
            found.append((kind, raw))
    return found


def decode_clean(kind: str, raw: Json) -> AnyResource | None:
    """The resource of this type, with an id; None where anything in it is odd."""
    if kind not in READ_TYPES:
        return None
    try:
        resource = decoder_of(kind).decode(raw)
    except UNREADABLE:
        return None
    if resource.resource_type != kind or resource.modifier_extension is not UNSET or not resource.id:
        return None
    return resource


def _clean_found(found: Found) -> tuple[str, list[Entry]] | None:
    if found.entries:
        return found.entries[0][0].resource_type, list(found.entries)
    resource = decode_clean(found.kind, found.raw)
    if resource is None:
        return None if found.kind in READ_TYPES or not found.kind else ("", [])
    return found.kind, [(resource, found.full_url)]


def _clean(raw: Json) -> tuple[str, list[Entry]] | None:
    kind = written_type(raw)
    if kind == "Bundle":
        return _clean_bundle(raw)
    resource = decode_clean(kind, raw)
    return None if resource is None else (kind, [(resource, None)])


def _clean_bundle(raw: Json) -> tuple[str, list[Entry]] | None:
    first = _FIRST.search(memoryview(raw)[:_LOOK_AHEAD])
    kind = first[1].decode("ascii") if first else ""
    if kind not in READ_TYPES:
        return None
    entries = clean_entries(_bundles_of(kind), kind, raw)
    return None if entries is None else (kind, entries[1])


def clean_entries(decoder: msgspec.json.Decoder[Any], kind: str, raw: Json) -> tuple[Any, list[Entry]] | None:
    """A Bundle of resources of one type, and these; None where anything in it is odd."""
    try:
        bundle = decoder.decode(raw)
    except UNREADABLE:
        return None
    entries: list[Entry] = []
    for entry in bundle.entry:
        resource = entry.resource
        if resource is None or resource.resource_type != kind or resource.modifier_extension is not UNSET:
            return None
        entries.append((resource, entry.full_url))
    return bundle, entries


@lru_cache(maxsize=64)
def _bundles_of(kind: str) -> msgspec.json.Decoder[Any]:
    return bundle_decoder(kind)


def bundle_decoder(kind: str, *elements: tuple[str, Any, Any]) -> msgspec.json.Decoder[Any]:
    """A decoder of Bundles that hold resources of one type only; `elements` are read besides."""
    entry = msgspec.defstruct(
        f"{kind}Entry",
        [("full_url", str | None, None), ("resource", READ_TYPES[kind] | None, None)],
        rename="camel",
        gc=False,
    )
    entries = types.GenericAlias(tuple, (entry, ...))
    bundle = msgspec.defstruct(f"{kind}Bundle", [("entry", entries, ()), *elements], rename="camel", gc=False)
    return msgspec.json.Decoder(bundle)
