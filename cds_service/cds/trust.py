"""Whether a call comes from an EHR the operator trusts, and which."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cds_service.cds.clients import TrustedClient
from cds_service.cds.keys import Fetch, FetchedKeys, KeysAway, KeySource, KnownKeys, PublicKey
from cds_service.cds.tokens import (
    Presented,
    Refusal,
    Refused,
    TimeRules,
    check_claims,
    check_sender,
    check_signature,
    read_token,
    replayable_until,
)
from cds_service.screening.ports import ReplayGuard


@dataclass(frozen=True, slots=True)
class Known:
    """A trusted EHR with the place of its keys."""

    client: TrustedClient
    keys: KeySource


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that holds, and whose it is; it still has to be used for the first time."""

    client: TrustedClient
    token: Presented


@dataclass(frozen=True, slots=True)
class Trust:
    """The EHRs that are trusted, and how their tokens are checked."""

    known: Mapping[str, Known]
    public_url: str | None
    times: TimeRules
    replays: ReplayGuard
    now: Callable[[], datetime]

    async def verify(self, authorization: Collection[str], path: str) -> Verified:
        """The EHR whose token signs a call to a path of ours. Raises Refused.

        The cheap questions come first, so that what is no token of ours costs no signature check.
        """
        token = read_token(authorization)
        known = self.known.get(token.issuer)
        if known is None:
            raise Refused(Refusal.ISSUER)
        check_sender(token, known.client)
        check_signature(token, await _key(known, token))
        endpoint = None if self.public_url is None else f"{self.public_url}{path}"
        check_claims(token, known.client, endpoint, self.now().timestamp(), self.times)
        return Verified(known.client, token)

    async def use(self, verified: Verified) -> None:
        """Use up a token. Raises Refused where it, or another of its id, was used before."""
        token = verified.token
        # Up to the next second: a store may keep instants less finely than a token states them.
        until = datetime.fromtimestamp(math.ceil(replayable_until(token, self.times)) + 1, UTC)
        if not await self.replays.claim(token.issuer, token.token_id, until):
            raise Refused(Refusal.REPLAYED)


def trust_clients(
    clients: Iterable[TrustedClient],
    public_url: str | None,
    times: TimeRules,
    replays: ReplayGuard,
    fetch: Fetch,
    now: Callable[[], datetime],
) -> Trust:
    """The trust that a file of clients describes; keys not written down in it come from `fetch`."""
    known = {client.issuer: Known(client, _source(client, fetch)) for client in clients}
    return Trust(known, public_url.rstrip("/") if public_url else None, times, replays, now)


def _source(client: TrustedClient, fetch: Fetch) -> KeySource:
    if client.keys or client.jku is None:
        return KnownKeys(client.keys)
    return FetchedKeys(client.jku, fetch)


async def _key(known: Known, token: Presented) -> PublicKey:
    try:
        key = await known.keys.find(token.kid, token.algorithm)
    except KeysAway:
        raise Refused(Refusal.KEYS_AWAY) from None
    if key is None:
        raise Refused(Refusal.KEY)
    return key
