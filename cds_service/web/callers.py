"""Whose calls are accepted while calls cannot be verified: those from this machine itself."""

from __future__ import annotations

from ipaddress import ip_address

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


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
