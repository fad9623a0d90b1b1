"""The body of a request, within the limits."""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException

from cds_service.errors import TooLarge


def check_media_type(request: Request) -> None:
    """Refuse with 415 what says that it is not JSON, or that it is compressed."""
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise HTTPException(415, "the body must be JSON: send Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415, "a compressed body is not read: send it without Content-Encoding")


async def read_body(request: Request, at_most: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdecimal() and int(announced[:20]) > at_most:
        raise _too_large(at_most)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > at_most:
            raise _too_large(at_most)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(at_most: int) -> TooLarge:
    return TooLarge(
        f"the body is larger than {at_most:,} bytes (CDS_MAX_BODY_BYTES): leave prefetch keys out,"
        " and the service fetches what it needs"
    )
