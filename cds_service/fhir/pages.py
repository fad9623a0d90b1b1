"""What an answer to "this patient's conditions, please" holds, whoever gave it.

The same reading serves a prefetched value and a page of a FHIR server's search. A search
that failed must never pass for one that found nothing, so whatever is not plainly a
complete answer carries a problem.

Source: CDS Hooks 2.0.1, "Prefetch result"; FHIR R4, search, "Handling errors".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from cds_service.domain.facts import Kind
from cds_service.fhir.batches import bundle_decoder, clean_entries
from cds_service.fhir.bundles import Found
from cds_service.fhir.decoding import UNREADABLE, type_of, written_type
from cds_service.fhir.reading import KIND_OF
from cds_service.fhir.resources import BundleEntry, Element
from cds_service.screening.ports import Delivery

RESOURCE_TYPES = {kind: name for name, kind in KIND_OF.items()}
"""The resource type each kind of record is made of."""

Page = Delivery[Found]


class _Link(Element):
    relation: str | None = None
    url: str | None = None


class _Bundle(Element):
    total: int | None = None
    link: tuple[_Link, ...] | None = None
    entry: tuple[BundleEntry, ...] | None = None


class _BundleWithOddLinks(Element):
    entry: tuple[BundleEntry, ...] | None = None


class _Issue(Element):
    severity: str | None = None


class _Outcome(Element):
    issue: tuple[_Issue, ...] | None = None


_bundles = msgspec.json.Decoder(_Bundle)
_bundles_with_odd_links = msgspec.json.Decoder(_BundleWithOddLinks)
_outcomes = msgspec.json.Decoder(_Outcome)


def read_page(kind: Kind, raw: bytes | Raw) -> Page | None:
    """The records in an answer; None where the answer is not of the kind asked for at all."""
    match type_of(raw):
        case "Bundle":
            return _read_bundle(kind, raw)
        case "OperationOutcome":
            return Delivery(problem="the record system answered with an error")
        case "Patient" if kind is Kind.PATIENT:
            return Delivery((Found("Patient", raw),))
        case _:
            return None


def read_whole(kind: Kind, raw: bytes | Raw) -> Page | None:
    """The records of a Bundle in which nothing is odd, decoded in one go; None for any other answer.

    The same as `read_page` gives, but as one whole Bundle.
    """
    name = RESOURCE_TYPES[kind]
    found = clean_entries(_whole(name), name, raw) if written_type(raw) == "Bundle" else None
    if found is None or not found[1]:
        return None
    bundle, entries = found
    return Delivery((Found("Bundle", raw, None, entries),), None, _next_page(bundle.link))


@lru_cache(maxsize=64)
def _whole(name: str) -> msgspec.json.Decoder[Any]:
    return bundle_decoder(name, ("link", tuple[_Link, ...] | None, None), ("total", int | None, None))


def _next_page(links: Iterable[_Link] | None) -> str | None:
    return next((link.url for link in links or () if link.relation == "next" and link.url), None)


def _read_bundle(kind: Kind, raw: bytes | Raw) -> Page | None:
    try:
        bundle = _bundles.decode(raw)
    except UNREADABLE:
        return _read_bundle_with_odd_links(kind, raw)
    return _sort_entries(kind, bundle.entry or (), _next_page(bundle.link), bundle.total)


def _read_bundle_with_odd_links(kind: Kind, raw: bytes | Raw) -> Page | None:
    try:
        bundle = _bundles_with_odd_links.decode(raw)
    except UNREADABLE:
        return None
    page = _sort_entries(kind, bundle.entry or (), None, None)
    return page and Delivery(page.resources, page.problem or "the answer does not say whether more pages follow")


@dataclass(slots=True)
class _Sorting:
    wanted: list[Found]
    others: int = 0
    unreadable: int = 0
    failed: bool = False
    warned: bool = False


def _sort_entries(
    kind: Kind, entries: tuple[BundleEntry, ...], next_page: str | None, total: int | None
) -> Page | None:
    wanted_type = RESOURCE_TYPES[kind]
    found = _Sorting([])
    for entry in entries:
        if entry.resource is UNSET:
            found.unreadable += 1
            continue
        name = type_of(entry.resource)
        if name == wanted_type:
            found.wanted.append(Found(name, entry.resource, entry.full_url))
        else:
            _sort_other(found, name, entry.resource)
    if found.others and not found.wanted and not found.failed:
        return None
    return Delivery(tuple(found.wanted), _problem(found, next_page, total), next_page)


def _sort_other(found: _Sorting, name: str, raw: Raw) -> None:
    if name == "OperationOutcome":
        severity = _worst(raw)
        found.failed = found.failed or severity == "error"
        found.warned = found.warned or severity == "warning"
    elif not name:
        found.unreadable += 1
    else:
        found.others += 1


def _problem(found: _Sorting, next_page: str | None, total: int | None) -> str | None:
    """Why the page is not a complete answer.

    A warning is excused only where the search itself says that it found nothing: servers
    put "no results" in words beside a total of 0.
    """
    if found.failed:
        return "the record system answered with an error"
    if found.unreadable:
        return "a part of the answer holds no readable resource"
    nothing_there = total == 0 and not found.wanted and next_page is None
    if found.warned and not nothing_there:
        return "the record system answered with a warning"
    if not found.wanted and next_page is None and total:
        return "the answer announces records and holds none"
    return None


def _worst(raw: Raw) -> str:
    """The worst severity of an OperationOutcome; what cannot be told counts as an error."""
    try:
        issues = _outcomes.decode(raw).issue or ()
    except UNREADABLE:
        return "error"
    severities = {issue.severity for issue in issues}
    if not severities or not severities <= {"information", "warning", "success"}:
        return "error"
    return "warning" if "warning" in severities else "information"
