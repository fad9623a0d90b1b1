"""Which FHIR servers may be asked, and what counts as the same server.

The address comes from the body of a call, and a bearer token goes with it: only what the
operator allows, and this machine's own loopback, is ever contacted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from cds_service.config import is_loopback


@dataclass(frozen=True, slots=True)
class Server:
    """A FHIR base URL, without a trailing slash."""

    base: str

    def is_origin_of(self, url: httpx.URL) -> bool:
        """Whether a URL leads to the same scheme, host and port."""
        return _origin(httpx.URL(self.base)) == _origin(url) and not url.userinfo

    def resource(self, path: str) -> httpx.URL:
        """The URL of a resource or a search below the base."""
        return httpx.URL(f"{self.base}/{path}")


class AllowedServers:
    """The FHIR servers a call may point to: those listed, and any on loopback unless that is off."""

    def __init__(self, listed: Iterable[str], *, loopback: bool = True) -> None:
        self._listed = frozenset(plain_base(url) for url in listed)
        self._loopback = loopback

    def find(self, url: str) -> Server | None:
        """The server of a base URL, None where it may not be asked."""
        plain = plain_base(url)
        if plain is None:
            return None
        allowed = plain in self._listed or (self._loopback and is_loopback(httpx.URL(plain).host))
        return Server(plain) if allowed else None


def plain_base(url: str) -> str | None:
    """A FHIR base URL as it is compared, None for what is none.

    Only http or https; no user, query, fragment, dot segment or trailing slash.
    """
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, TypeError):
        return None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        return None
    if parsed.query or parsed.fragment or "?" in url or "#" in url or "\\" in url:
        return None
    segments = parsed.path.split("/")
    if "." in segments or ".." in segments or "%" in parsed.raw_path.decode("ascii"):
        return None
    return str(parsed).rstrip("/")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
