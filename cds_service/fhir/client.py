"""The FHIR server of a hook call, asked for what the caller did not send.

One httpx client lives for the whole process; a `ServerSession` is one call's view of it:
this server, this token, this much time. The token goes to that server's origin and nowhere
else, is not stored and never logged. Nothing the server does raises anything from here:
what could not be had is a problem of the delivery.

Source: CDS Hooks 2.0.1, "FHIR Resource Access"; FHIR R4, search and paging.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import httpx

from cds_service.domain.facts import Kind
from cds_service.fhir.bundles import Found
from cds_service.fhir.connecting import JudgedTransport
from cds_service.fhir.pages import Page, read_page
from cds_service.fhir.searches import Searches
from cds_service.fhir.servers import Server
from cds_service.screening.ports import Delivery

_LONGEST = 60.0
"""Seconds after which a connection is given up whatever a call's own deadline says."""
_HEADERS = {"Accept": "application/fhir+json, application/json;q=0.9", "Prefer": "handling=strict"}


def open_http(*, judged: bool = True) -> httpx.AsyncClient:
    """The process's HTTP client: no redirects, no proxy or credentials taken from the environment.

    Addresses are judged before they are connected to, unless whoever runs the command named
    the server. The library logs URLs at INFO and headers at DEBUG, patients' ids and tokens
    among them: both are silenced, whatever the level of the service's own log.
    """
    for talkative in ("httpx", "httpcore"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=40)
    transport = JudgedTransport(limits) if judged else httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
    return httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False, timeout=_LONGEST)


class _Refused(Exception):
    """An answer that is no page; its words are the problem of the delivery."""


@dataclass(frozen=True, slots=True)
class ServerSession:
    """One FHIR server as one hook call may use it, until `deadline` (event loop time)."""

    http: httpx.AsyncClient
    searches: Searches
    server: Server
    token: str | None
    deadline: float
    max_page_bytes: int

    async def fetch(self, kind: Kind, patient_id: str) -> Page:
        """All records of one kind, page after page, as far as the time allows."""
        start = self.server.resource(self.searches.question(kind, patient_id))
        return await self._collect(kind, start, [])

    async def follow(self, kind: Kind, first: Page) -> Page:
        """A delivery with the pages that follow its first."""
        if first.next_page is None:
            return first
        found = list(first.resources)
        following = self._next(self.server.resource(""), first.next_page)
        if following is None:
            return Delivery(first.resources, _ELSEWHERE)
        rest = await self._collect(kind, following, found)
        return Delivery(rest.resources, first.problem or rest.problem)

    async def _collect(self, kind: Kind, start: httpx.URL, found: list[Found]) -> Page:
        if asyncio.get_running_loop().time() >= self.deadline:
            return Delivery(tuple(found), _LATE)
        try:
            async with asyncio.timeout_at(self.deadline):
                problem = await self._collect_pages(kind, start, found)
        except TimeoutError:
            problem = _LATE
        except _Refused as refusal:
            problem = str(refusal)
        except (httpx.HTTPError, httpx.InvalidURL):
            problem = "the record system could not be reached"
        return Delivery(tuple(found), problem)

    async def _collect_pages(self, kind: Kind, start: httpx.URL, found: list[Found]) -> str | None:
        """Follow `next` from page to page, adding to `found`; the first problem met, if any."""
        url: httpx.URL | None = start
        asked: set[str] = set()
        problem: str | None = None
        while url is not None:
            if str(url) in asked:
                return problem or "the record system's pages lead in a circle"
            asked.add(str(url))
            page = read_page(kind, await self._get(url))
            if page is None:
                raise _Refused("the record system answered something else")
            found += page.resources
            problem = problem or page.problem
            if page.next_page is None:
                return problem
            url = self._next(url, page.next_page)
        return problem or _ELSEWHERE

    def _next(self, current: httpx.URL, link: str) -> httpx.URL | None:
        """Where a next link leads; None where it leaves the server it came from."""
        try:
            url = current.join(link)
        except (httpx.InvalidURL, ValueError):
            return None
        return url if self.server.is_origin_of(url) else None

    async def _get(self, url: httpx.URL) -> bytes:
        headers = dict(_HEADERS)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self.http.stream("GET", url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                raise _Refused(_refusal(response.status_code))
            return await self._body(response)

    async def _body(self, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self.max_page_bytes:
                raise _Refused("the record system's answer is larger than CDS_MAX_BODY_BYTES")
            parts.append(part)
        return b"".join(parts)


_LATE = "the record system did not answer in time"
_ELSEWHERE = "the next page is on another server, which is not asked"


def _refusal(status: int) -> str:
    match status:
        case 401 | 403:
            return f"the record system refused access (HTTP {status})"
        case 404 | 410:
            return f"the record system does not have it (HTTP {status})"
        case _ if 300 <= status < 400:
            return f"the record system redirected elsewhere (HTTP {status}), which is not followed"
        case _:
            return f"the record system answered HTTP {status}"
