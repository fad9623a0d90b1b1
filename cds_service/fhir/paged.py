"""Whole resource types by search, page after page, where a server has no bulk export.

Each type goes to a file of its own. What has been seen and where the next page waits is kept
beside it, in one step with the page, so that a killed run goes on where it was: nothing lost,
nothing doubled, in bounded memory.

Source: FHIR R4, search: paging, "Handling errors", Prefer: handling=strict.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urljoin

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cds_service.fhir.decoding import UNREADABLE, type_of
from cds_service.fhir.download_record import Progress
from cds_service.fhir.downloads import look_through
from cds_service.fhir.exchange import Exchange, Refusal, side_by_side
from cds_service.fhir.waiting import TryAgain

PAGE_ROWS = 1000
"""Rows asked for in a page; a server that gives fewer is followed page by page."""
_MOST_IDLE_PAGES = 25
"""Pages in a row that bring nothing new before they are taken to lead in a circle."""
_HEADERS = {"Accept": "application/fhir+json", "Prefer": "handling=strict"}


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search for a resource type brought: rows on disk, and what stood in the way.

    `unavailable`: the server does not give the type at all. `problem`: not all of it came.
    """

    kind: str
    rows: int = 0
    total: int | None = None
    problem: str | None = None
    unavailable: str | None = None
    note: str | None = None


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class _Entry(msgspec.Struct):
    resource: Raw | UnsetType = UNSET


class _Page(msgspec.Struct, tag_field="resourceType", tag="Bundle"):
    total: int | None = None
    link: tuple[_Link, ...] | None = None
    entry: tuple[_Entry, ...] | None = None


class _Meta(msgspec.Struct, rename="camel"):
    version_id: str = ""
    last_updated: str = ""


class _Identity(msgspec.Struct):
    id: str
    meta: _Meta | None = None


class _Issue(msgspec.Struct):
    severity: str = ""


class _Outcome(msgspec.Struct):
    issue: tuple[_Issue, ...] = ()


_identities = msgspec.json.Decoder(_Identity)
_outcomes = msgspec.json.Decoder(_Outcome)


def search_types(
    exchange: Exchange,
    kinds: tuple[str, ...],
    folder: Path,
    since: str | None,
    threads: int,
    progress: Callable[[Progress], None],
) -> list[Searched]:
    """Every resource of each type, in `TYPE.00001.ndjson`; several types at a time. Raises RemoteError, Stopped."""
    lock = threading.Lock()
    rows = 0

    def turned(fresh: int) -> None:
        nonlocal rows
        with lock:
            rows += fresh
            progress(Progress("searching", rows, None))

    return side_by_side(
        exchange, lambda kind: search_type(exchange, kind, folder, since, turned), kinds, threads, lambda _: None
    )


def search_type(
    exchange: Exchange,
    kind: str,
    folder: Path,
    since: str | None = None,
    turned: Callable[[int], None] = lambda _: None,
) -> Searched:
    """Every resource of a type; what came before a kill is kept. `turned` hears of each page's new rows."""
    final = folder / f"{kind}.00001.ndjson"
    if final.exists():
        return Searched(kind, look_through(final).rows)
    try:
        return _Search(exchange, kind, final, since, turned).run()
    except Refusal as refusal:
        if refusal.status in (0, 401):
            raise
        return Searched(kind, unavailable=f"the server does not let {kind} be searched (HTTP {refusal.status})")
    except TryAgain as error:
        return Searched(kind, problem=str(error))
    except OSError as error:
        return Searched(kind, problem=f"the file cannot be written ({error.strerror})")


class _LostPage(Exception):
    """The server no longer knows the page that was to come next."""


@dataclass(slots=True)
class _Tally:
    """What a page, or all of them, brought."""

    fresh: int = 0
    failed: bool = False
    empty_entries: int = 0
    lines: list[bytes] = field(default_factory=list)


class _Search:
    """One type being searched."""

    def __init__(
        self, exchange: Exchange, kind: str, final: Path, since: str | None, turned: Callable[[int], None]
    ) -> None:
        self._exchange = exchange
        self._kind = kind
        self._final = final
        self._part = final.with_name(f"{final.name}.part")
        self._journal = final.with_name(f"{kind}.paging")
        self._since = since
        self._turned = turned
        self._note: str | None = None

    def run(self) -> Searched:
        """The type, read to its end. Where rows are missing against the server's own total, read twice."""
        searched = self._read_through()
        if searched is None or searched.problem is not None:
            self._journal.unlink(missing_ok=True)
            searched = self._read_through() or Searched(self._kind, problem=f"the pages of {self._kind} keep vanishing")
        return searched

    def _read_through(self) -> Searched | None:
        """The type from where the journal stands; None where the server has lost that place."""
        with closing(_Journal(self._journal)) as journal:
            self._cut_part(journal.size)
            try:
                total, problem = self._follow(journal)
            except _LostPage:
                return None
            rows = journal.distinct
        if problem is None and total is not None and rows < total:
            problem = f"{self._kind}: {rows} of {total} came by search"
        if problem is not None:
            return Searched(self._kind, rows, total, problem, None, self._note)
        self._part.replace(self._final)
        self._journal.unlink(missing_ok=True)
        rows = look_through(self._final).rows
        return Searched(self._kind, rows, total, None, None, self._note)

    def _follow(self, journal: _Journal) -> tuple[int | None, str | None]:
        """Follow `next` to the end; the total the server stated and the first problem met."""
        url, total, problem = journal.next_url, journal.total, journal.problem
        asked: set[str] = set()
        idle = 0
        while not journal.finished:
            page, url = self._first_page() if url is None else (self._page(url), url)
            asked.add(url)
            tally = self._take(page, journal)
            total = page.total if page.total is not None else total
            problem = problem or self._problem(tally)
            following = next((link.url for link in page.link or () if link.relation == "next" and link.url), None)
            url = urljoin(url, following) if following else None
            idle = 0 if tally.fresh else idle + 1
            if url is not None and not self._exchange.is_home(url):
                problem, url = f"{self._kind}: the next page is on another server, which is not asked", None
            if url is not None and (url in asked or idle > _MOST_IDLE_PAGES):
                problem, url = f"{self._kind}: the pages lead in a circle", None
            journal.turn(url, self._append(tally.lines), total, problem)
            self._turned(tally.fresh)
        return total, problem

    def _problem(self, tally: _Tally) -> str | None:
        if tally.failed:
            return f"{self._kind}: the server reported an error among the results"
        return f"{self._kind}: the server left out resources of a page" if tally.empty_entries else None

    def _first_page(self) -> tuple[_Page, str]:
        """The first page and where it was; without `_lastUpdated` where the server does not know it."""
        try:
            return self._ask_first(self._since)
        except Refusal as refusal:
            if self._since is None or refusal.status not in (400, 404, 422, 501):
                raise
        self._note = f"{self._kind}: the server does not search by _lastUpdated, all of it was read"
        return self._ask_first(None)

    def _ask_first(self, since: str | None) -> tuple[_Page, str]:
        asked = {"_count": str(PAGE_ROWS)} | ({"_lastUpdated": f"ge{since}"} if since else {})
        url = f"{self._exchange.base}/{self._kind}?{urlencode(asked)}"
        page, _ = self._exchange.get_json(url, f"searching {self._kind}", _Page, headers=_HEADERS)
        return page, url

    def _page(self, url: str) -> _Page:
        try:
            return self._exchange.get_json(url, f"a page of {self._kind}", _Page, headers=_HEADERS)[0]
        except Refusal as refusal:
            if refusal.status in (0, 401):
                raise
            raise _LostPage from None

    def _take(self, page: _Page, journal: _Journal) -> _Tally:
        tally = _Tally()
        for entry in page.entry or ():
            if entry.resource is UNSET:
                tally.empty_entries += 1
                continue
            raw = bytes(entry.resource)
            named = type_of(raw)
            if named == "OperationOutcome":
                tally.failed = tally.failed or _is_error(raw)
            elif named in (self._kind, "") and journal.is_new(*_identity(raw)):
                tally.fresh += 1
                tally.lines.append(_in_one_line(raw))
        return tally

    def _append(self, lines: list[bytes]) -> int:
        with self._part.open("ab") as out:
            out.writelines(lines)
            out.flush()
            return out.tell()

    def _cut_part(self, size: int) -> None:
        """Drop what was written after the journal's last turn: a kill came in between."""
        with self._part.open("ab") as out:
            out.truncate(size)
            os.fsync(out.fileno())


class _Journal:
    """What a search has seen and where it stands, in a small database of its own: a turn is one transaction."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA synchronous=OFF")  # a kill is survived; a power cut costs this type's pages
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS seen (id TEXT, version TEXT, PRIMARY KEY (id, version)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS place (next TEXT, size INTEGER, total INTEGER, problem TEXT)")
        row = self._db.execute("SELECT next, size, total, problem FROM place").fetchone()
        self.next_url: str | None
        self.size: int
        self.total: int | None
        self.problem: str | None
        self.next_url, self.size, self.total, self.problem = row or (None, 0, None, None)
        self.finished = row is not None and self.next_url is None

    @property
    def distinct(self) -> int:
        """How many resources were seen, versions not counted."""
        return int(self._db.execute("SELECT COUNT(DISTINCT id) FROM seen").fetchone()[0])

    def is_new(self, identity: str, version: str) -> bool:
        """Whether this version of a resource is seen for the first time."""
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (identity, version)).rowcount > 0

    def turn(self, next_url: str | None, size: int, total: int | None, problem: str | None) -> None:
        """Remember a page as read."""
        self._db.execute("DELETE FROM place")
        self._db.execute("INSERT INTO place VALUES (?, ?, ?, ?)", (next_url, size, total, problem))
        self._db.commit()
        self.finished = next_url is None

    def close(self) -> None:
        """Let go of the file; what was not turned is forgotten."""
        self._db.close()


def _identity(raw: bytes) -> tuple[str, str]:
    """Id and version of a resource; for one that has no readable id, its own bytes stand for it."""
    try:
        found = _identities.decode(raw)
    except UNREADABLE:
        return f"#{hashlib.blake2b(raw, digest_size=16).hexdigest()}", ""
    return found.id, (found.meta.version_id or found.meta.last_updated) if found.meta is not None else ""


def _is_error(raw: bytes) -> bool:
    try:
        return any(issue.severity in ("error", "fatal") for issue in _outcomes.decode(raw).issue)
    except UNREADABLE:
        return True


def _in_one_line(raw: bytes) -> bytes:
    """The resource without line breaks: in JSON they stand only between elements."""
    return (raw.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in raw or b"\r" in raw else raw) + b"\n"
