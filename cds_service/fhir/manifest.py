"""What an export's manifest lists.

Source: FHIR Bulk Data Access, "Complete Status": output, error, deleted, link.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import msgspec

if TYPE_CHECKING:
    from cds_service.fhir.exchange import Exchange

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_MOST_PAGES = 100_000

MIXED = "mixed"
OUTPUT, ERROR, DELETED = "output", "error", "deleted"


class RemoteFile(msgspec.Struct, frozen=True):
    """A file to download: `stem` is its name on disk; `kind` its resource type, None where types are mixed in it."""

    url: str
    stem: str
    role: str
    kind: str | None
    count: int | None
    authorize: bool


class _Entry(msgspec.Struct):
    url: str
    type: str | None = None
    count: int | None = None


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class ManifestPage(msgspec.Struct, rename="camel"):
    """One page of a manifest; `output` is what makes it one."""

    output: tuple[_Entry, ...]
    transaction_time: str | None = None
    requires_access_token: bool | None = None
    error: tuple[_Entry, ...] | None = None
    deleted: tuple[_Entry, ...] | None = None
    link: tuple[_Link, ...] | None = None


class Manifest(msgspec.Struct, frozen=True):
    """All files of an export, numbered in the order listed, and the server's instant of it."""

    files: tuple[RemoteFile, ...]
    transaction_time: str | None


def read_manifest(exchange: Exchange, url: str, first: ManifestPage) -> Manifest:
    """The files of all pages of a manifest. Raises Refusal where the pages lead in a circle or elsewhere."""
    pages = [(url, first)]
    asked = {url}
    following = _next(url, first)
    while following is not None:
        if following in asked or len(asked) > _MOST_PAGES:
            from cds_service.fhir.exchange import Refusal  # noqa: PLC0415  a download record is read without it

            raise Refusal("the pages of the export's manifest lead in a circle")
        asked.add(following)
        options = {"authorize": exchange.is_home(following)}
        page, _ = exchange.get_json(following, "a page of the export's manifest", ManifestPage, **options)
        pages.append((following, page))
        following = _next(following, page)
    return Manifest(tuple(_files(exchange, pages)), first.transaction_time)


def _next(url: str, page: ManifestPage) -> str | None:
    found = next((link.url for link in page.link or () if link.relation == "next" and link.url), None)
    return urljoin(url, found) if found else None


def _files(exchange: Exchange, pages: list[tuple[str, ManifestPage]]) -> list[RemoteFile]:
    """The files, each URL once. A type that is none is not trusted with a file name: it counts as not given."""
    files: dict[str, RemoteFile] = {}
    for base, page in pages:
        listed = [(OUTPUT, page.output), (ERROR, page.error or ()), (DELETED, page.deleted or ())]
        for role, entry in ((role, entry) for role, entries in listed for entry in entries):
            url = urljoin(base, entry.url)
            kind = entry.type if role == OUTPUT and entry.type and _TYPE.fullmatch(entry.type) else None
            stem = f"{(kind or MIXED) if role == OUTPUT else role}.{len(files) + 1:05}"
            needed = page.requires_access_token
            authorize = exchange.is_home(url) if needed is None else needed
            files.setdefault(url, RemoteFile(url, stem, role, kind, entry.count, authorize))
    return list(files.values())
