"""Putting resources on a FHIR server over HTTP, the way an interface engine would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx

from cds_service.errors import RemoteError

Resource = Mapping[str, Any]

BATCH = 200
SECONDS = 60.0


def is_loopback(url: str) -> bool:
    """Whether the address names this machine, where no proxy is asked."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def load(base: str, resources: Iterable[Resource]) -> int:
    """How many resources the server at `base` now holds of those given, each under its own id.

    Sent in batches of PUTs; one the server refuses does not stop the others.
    Raises RemoteError when the server cannot be reached or takes no batch.
    """
    stored = 0
    with httpx.Client(timeout=SECONDS, trust_env=not is_loopback(base)) as client:
        for group in _groups(resources):
            stored += _send(client, base, group)
    return stored


def _groups(resources: Iterable[Resource]) -> Iterator[list[Resource]]:
    rest = iter(resources)
    while group := list(islice(rest, BATCH)):
        yield group


def _send(client: httpx.Client, base: str, group: Sequence[Resource]) -> int:
    entries = [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in group]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    try:
        answer = client.post(base, json=bundle, headers={"Content-Type": "application/fhir+json"})
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise RemoteError(
            f"{base} took no batch of patients ({type(error).__name__}): check the address and that it accepts writes"
        ) from error
    return sum(1 for entry in body.get("entry", ()) if str(entry.get("response", {}).get("status", "")).startswith("2"))
