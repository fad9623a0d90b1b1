"""Whose calls are accepted while calls cannot be verified: those from this machine itself."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.exceptions import HTTPException

from cds_service.config import is_loopback

_PROXY_HEADERS = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-original-host",
        b"x-original-url",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
    }
)
_FORWARDED = b"x-forwarded"
_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE)


def check_caller(request: Request) -> None:
    """Refuse with 403 a call that came through a proxy, from another machine, or under a name that is not loopback's.

    The name: a page of another site can make its own name lead to this machine, and then
    read what is answered to it as if it were its own (DNS rebinding).
    """
    if any(name in _PROXY_HEADERS or name.startswith(_FORWARDED) for name, _ in request.headers.raw):
        raise HTTPException(
            403, "unsigned calls are accepted on this machine only, and this one came through a proxy: call directly"
        )
    host = request.client.host if request.client else ""
    if _is_address(host) and not is_loopback(host):
        raise HTTPException(403, "unsigned calls are accepted from this machine only: call from loopback")
    if not is_loopback(_named(request)):
        raise HTTPException(403, "unsigned calls are accepted under a loopback name only: call 127.0.0.1 or localhost")


def check_operator(request: Request) -> None:
    """Refuse with 403 what does not come from this machine itself.

    A page of another site, open in a browser on this machine, must not read what the
    operator may, even where that site may call the hooks.
    """
    check_caller(request)
    origin = _host_of(request.headers.get("origin", ""))
    if origin and not is_loopback(origin):
        raise HTTPException(403, "this is answered on this machine only: open it on 127.0.0.1")


def worksheets_address(request: Request) -> str:
    """Where a caller from this machine finds the worksheets: "http://127.0.0.1:8000/worklist".

    The pages are answered on this machine only, so for any other name the address is empty.
    """
    host = request.headers.get("host", "")
    return f"http://{host}/worklist" if _LOOPBACK_HOST.fullmatch(host) else ""


def _named(request: Request) -> str:
    """The host that the caller addressed; empty for one that cannot be read, or none."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


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
