"""One resource from JSON bytes, whatever is odd in it.

The fast way is one typed decode. Where an element has the wrong type, the slow way mends
what has only one reading (a lone object where a list belongs, a number where text does) and
drops what has none, notes each, and says whether what was lost may turn the meaning. Nothing
a sender writes raises anything from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from cds_service.fhir.meaning import MEANING_RESTS_ON
from cds_service.fhir.resources import READ_TYPES, AnyResource, Head

Json = bytes | bytearray | memoryview | msgspec.Raw
"""JSON as bytes, copied or not."""

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises on bytes that are no JSON, or JSON too deep to follow."""

_SNIFF = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_SUBJECT = re.compile(rb'"(?:subject|patient|individual)"\s*:\s*\{[^{}]*?"reference"\s*:\s*"((?:[^"\\]|\\.){1,400})"')
_ANY_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_AT = re.compile(r" - at `\$(.*)`\Z", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[(\.\.\.)\]")
_HARMLESS = frozenset({"display", "text", "userSelected", "version"})
_MOST_REPAIRS = 40
_SNIFFED = 200

_heads = msgspec.json.Decoder(Head)
_loose = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A resource, what was mended or dropped in it, and whether its meaning may be lost.

    `resource` is None where nothing of it could be used.
    """

    resource: AnyResource | None
    problems: tuple[str, ...] = ()
    meaning_lost: bool = False


def type_of(raw: Json) -> str:
    """The resource type written in JSON bytes, "" where none can be read; without a full decode."""
    kind = written_type(raw)
    if kind:
        return kind
    try:
        return _heads.decode(raw).resource_type
    except UNREADABLE:
        return _type_of_odd(raw)


def written_type(raw: Json) -> str:
    """The resource type where it stands first, as senders write it; "" where it does not."""
    found = _SNIFF.match(raw, 0, _SNIFFED)
    return found[1].decode("ascii") if found is not None else ""


def _type_of_odd(raw: Json) -> str:
    loose = loose_object(raw)
    kind = loose.get("resourceType") if loose else None
    return kind if isinstance(kind, str) else ""


def decode(kind: str, raw: Json) -> Decoded:
    """A resource of a type that is read (KeyError for another), mended where it is odd."""
    decoder = decoder_of(kind)
    try:
        return Decoded(decoder.decode(raw))
    except UNREADABLE:
        return _mended(decoder, raw)


@lru_cache(maxsize=64)
def decoder_of(kind: str) -> msgspec.json.Decoder[AnyResource]:
    """The decoder of a resource type that is read; KeyError for another."""
    return msgspec.json.Decoder(READ_TYPES[kind])


def loose_object(raw: Json) -> dict[str, Any] | None:
    """The JSON object as a dict with exact decimals, None where it is not one."""
    try:
        loose = _loose.decode(raw)
    except UNREADABLE:
        return None
    return loose if isinstance(loose, dict) else None


def _mended(decoder: msgspec.json.Decoder[AnyResource], raw: Json) -> Decoded:
    loose = loose_object(raw)
    if loose is None:
        return Decoded(None, ("it is not readable JSON",), meaning_lost=True)
    problems: list[str] = []
    lost = False
    for _ in range(_MOST_REPAIRS):
        try:
            return Decoded(decoder.decode(_encoder.encode(loose)), tuple(problems), lost)
        except msgspec.ValidationError as error:
            repair = _repair(loose, str(error))
            if repair is None:
                break
            problems += repair.said
            lost = lost or repair.meaning_lost
        except (*UNREADABLE, ValueError, OverflowError):
            break
    return Decoded(None, (*problems, "too much of it is not FHIR"), meaning_lost=True)


@dataclass(frozen=True, slots=True)
class _Repair:
    said: tuple[str, ...] = ()
    meaning_lost: bool = False


def _repair(loose: dict[str, Any], error: str) -> _Repair | None:
    """Mend or drop the element an error points to; None where it cannot be found."""
    steps = _steps(error)
    if not steps:
        return None
    holder: Any = loose
    for step in steps[:-1]:
        try:
            holder = holder[step]
        except (KeyError, IndexError, TypeError):
            return None
    last = steps[-1]
    if not _holds(holder, last):
        return None
    where = ".".join(str(step) for step in steps if isinstance(step, str))
    if holder[last] is None:
        del holder[last]
        return _Repair()
    mended = _mend(holder[last], error)
    if mended is not None:
        holder[last] = mended
        return _Repair((f"'{where}' is not of its FHIR type; read as what it stands for",))
    del holder[last]
    lost = steps[0] in MEANING_RESTS_ON and last not in _HARMLESS
    return _Repair((f"'{where}' is not of its FHIR type; left out",), lost)


def _steps(error: str) -> list[str | int]:
    found = _AT.search(error)
    if found is None:
        return []
    return [name or int(index or 0) for name, index, _ in _STEP.findall(found[1])]


def _holds(holder: object, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(holder, list) and step < len(holder)
    return isinstance(holder, dict) and step in holder


def _mend(value: object, error: str) -> object:
    """The one thing a wrongly typed value can stand for, None where there is none."""
    match value:
        case dict() if error.startswith("Expected `array"):
            return [value]
        case [dict() as only] if error.startswith("Expected `object"):
            return only
        case bool():
            return None
        case int() if error.startswith("Expected `str"):
            return str(value)
        case "true" | "false" if error.startswith("Expected `bool"):
            return value == "true"
        case str() if error.startswith("Expected `int") and value.isdecimal() and value.isascii():
            return int(value) if len(value) < 10 else None
    return None


@dataclass(frozen=True, slots=True)
class Fragment:
    """What can still be told of bytes that are no JSON: the type, and whose they may be."""

    kind: str
    subjects: tuple[str, ...]


def fragment(raw: bytes) -> Fragment:
    """The resource type and every subject reference still legible in broken bytes."""
    kind = _SNIFF.match(raw) or _ANY_TYPE.search(raw)
    subjects = tuple(dict.fromkeys(_unescaped(found) for found in _SUBJECT.findall(raw)))
    return Fragment(kind[1].decode("ascii") if kind else "", tuple(subject for subject in subjects if subject))


def _unescaped(text: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + text + b'"', type=str)
    except UNREADABLE:
        return ""


def encoded(resource: Mapping[str, Any]) -> bytes:
    """JSON bytes of a resource already decoded to a mapping; numbers as they stand."""
    return _encoder.encode(resource)
