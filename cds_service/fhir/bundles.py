"""The resources inside whatever carries them: a Bundle of any type, bundles in bundles, an array.

Nothing is decoded but the carrier; each resource stays the bytes it came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from cds_service.domain.making import quick_to_make
from cds_service.errors import NotFhir
from cds_service.fhir.decoding import UNREADABLE, Json, encoded, loose_object, type_of
from cds_service.fhir.resources import AnyResource, Bundle

_bundles = msgspec.json.Decoder(Bundle)
_arrays = msgspec.json.Decoder(tuple[Raw, ...])
_DEEPEST = 8
_ARRAY = re.compile(rb"\s*\[")


@quick_to_make
@dataclass(frozen=True, slots=True)
class Found:
    """One resource as it came: type ("" where none is legible), bytes, its fullUrl in a Bundle.

    A Bundle of one type in which nothing is odd may come as a whole, its `entries` already decoded.
    """

    kind: str
    raw: Json
    full_url: str | None = None
    entries: Sequence[tuple[AnyResource, str | None]] = ()


def open_all(carriers: Iterable[Json | Mapping[str, Any] | Found]) -> Iterator[Found]:
    """Every resource in these carriers, in order. Raises NotFhir where a carrier is no JSON."""
    for carrier in carriers:
        match carrier:
            case Found() if carrier.entries:
                yield from open_one(carrier.raw)
            case Found():
                yield carrier
            case Mapping():
                yield from open_one(encoded(carrier))
            case _:
                yield from open_one(carrier)


def open_one(raw: Json, full_url: str | None = None, depth: int = 0) -> Iterator[Found]:
    """The resources in one carrier: itself, unless it is a Bundle or an array.

    A `Parameters` or anything else is given as it is; who reads it decides. Raises NotFhir
    for an array or a Bundle that is no JSON, or nested deeper than anybody nests them.
    """
    if _ARRAY.match(memoryview(raw)):
        yield from _in_array(raw, depth)
        return
    kind = type_of(raw)
    if kind != "Bundle":
        yield Found(kind, raw, full_url)
        return
    if depth > _DEEPEST:
        raise NotFhir(f"Bundles are nested more than {_DEEPEST} deep")
    for url, entry in _entries(raw):
        yield from open_one(entry, url, depth + 1)


def _in_array(raw: Json, depth: int) -> Iterator[Found]:
    if depth > _DEEPEST:
        raise NotFhir(f"arrays are nested more than {_DEEPEST} deep")
    try:
        items = _arrays.decode(raw)
    except UNREADABLE as error:
        raise NotFhir(f"the array is not readable JSON: {reason(error)}") from None
    for item in items:
        yield from open_one(item, None, depth + 1)


def _entries(raw: Json) -> Iterator[tuple[str | None, Json]]:
    try:
        bundle = _bundles.decode(raw)
    except UNREADABLE:
        yield from _odd_entries(raw)
        return
    for entry in bundle.entry:
        if entry.resource is not UNSET:
            yield entry.full_url, entry.resource


def _odd_entries(raw: Json) -> Iterator[tuple[str | None, Json]]:
    """The entries of a Bundle whose own elements are odd, as far as they can be made out."""
    loose = loose_object(raw)
    if loose is None:
        raise NotFhir("the Bundle is not readable JSON")
    entries = loose.get("entry")
    for entry in [entries] if isinstance(entries, dict) else entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            url = entry.get("fullUrl")
            yield (url if isinstance(url, str) else None), encoded(entry["resource"])


def reason(error: Exception) -> str:
    """Why JSON could not be read, in words that repeat nothing of it."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return str(error).removeprefix("JSON is malformed: ")
