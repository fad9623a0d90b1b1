"""Which of two versions of a resource holds: the one last updated, whatever the order they came in."""

from __future__ import annotations

from datetime import UTC, datetime

from cds_service.fhir.decoding import Json, decode
from cds_service.fhir.resources import READ_TYPES, AnyResource

Rank = tuple[datetime, tuple[int, str], bytes]


def rank(resource: AnyResource, raw: Json) -> Rank:
    """The greater holds: by the time of its update, its version, and where neither tells, by its bytes."""
    version = resource.version().version_id or ""
    number = int(version) if version.isascii() and version.isdecimal() and len(version) < 19 else -1
    return updated(resource), (number, version), bytes(raw)


def updated(resource: AnyResource) -> datetime:
    """When it was last updated; long ago where it does not say."""
    text = resource.version().last_updated
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def newer(kind: str, one: Json | None, other: Json) -> Json:
    """The one of two resources of a type that holds; one beyond reading only where both are."""
    if one is None or bytes(one) == bytes(other):
        return other
    return max(one, other, key=lambda raw: _rank_of(kind, raw))


def _rank_of(kind: str, raw: Json) -> tuple[bool, Rank | bytes]:
    resource = decode(kind, raw).resource if kind in READ_TYPES else None
    return (False, bytes(raw)) if resource is None else (True, rank(resource, raw))
