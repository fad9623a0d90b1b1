"""Whose calls are accepted while calls cannot be verified: those from this machine itself."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException

from cds_service.config import is_loopback

_PROXY_HEADERS = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)


def check_caller(request: Request) -> None:
    """Refuse with 403 a call that came through a proxy or from another machine."""
    if any(name in request.headers for name in _PROXY_HEADERS):
        raise HTTPException(
            403, "unsigned calls are accepted on this machine only, and this one came through a proxy: call directly"
        )
    host = request.client.host if request.client else ""
    if _is_address(host) and not is_loopback(host):
        raise HTTPException(403, "unsigned calls are accepted from this machine only: call from loopback")


def check_operator(request: Request) -> None:
    """Refuse with 403 what does not come from this machine itself, under a name of its own.

    A page of another site, open in a browser on this machine, must not read what the
    operator may: neither by its origin nor by a name of its own that leads here.
    """
    check_caller(request)
    names = [request.url.hostname or "", _host_of(request.headers.get("origin", ""))]
    if any(name and not is_loopback(name) for name in names):
        raise HTTPException(403, "this is answered on this machine only: open it on 127.0.0.1")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or origin
    except ValueError:
        return origin


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
