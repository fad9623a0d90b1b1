"""The public keys of calling EHRs: read from a JWK Set, fetched where the operator says, kept while they are fresh.

Source: RFC 7517 (JWK), RFC 7518 (ES384, RS384).
"""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

_LOG = logging.getLogger(__name__)

ALGORITHMS = {"ES384": "EC", "RS384": "RSA"}
"""What may sign a call, and the kind of key it takes. Never `none`, never a shared secret (HS*)."""
RSA_BITS_AT_LEAST = 2048
FETCH_SECONDS = 5.0
WAIT_SECONDS = 1.5
"""A call waits no longer for keys: the clinician waits for its answer. The fetch goes on for the calls that follow."""
FETCH_BYTES = 256_000
FLOOR_SECONDS = 30.0
"""Keys are not fetched again sooner, whatever the tokens name."""
REFRESH_SECONDS = 3600.0
"""Keys this old are fetched again, so that a key taken back is not trusted for long."""
STALE_SECONDS = 86_400.0
"""Keys this old are trusted no more: their server has been away for a day."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key, and the one algorithm it is used with here."""

    kid: str
    algorithm: str
    key: ECKey | RSAKey


class KeyMistake(Exception):
    """What is wrong with a JWK; its words are shown to the operator."""


class KeysAway(Exception):
    """The keys cannot be had at present."""


class KeySource(Protocol):
    """Where the keys of one EHR are found."""

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of an id for an algorithm. Raises KeysAway where that cannot be known now."""
        ...


def read_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key that a JWK describes. Raises KeyMistake for one that must not or cannot verify calls."""
    kind = jwk.get("kty")
    if kind == "oct":
        raise KeyMistake("holds a shared secret (kty oct): calls are signed with ES384 or RS384, never with HS*")
    if any(name in jwk for name in ("d", "p", "q", "k")):
        raise KeyMistake("holds a private key: give the public part only, and make a new pair, for this one is known")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise KeyMistake("has no 'kid': tokens name their key by it")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ("verify",)):
        raise KeyMistake("is not for signatures (use sig)")
    algorithm = next((name for name, kty in ALGORITHMS.items() if kty == kind), None)
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        raise KeyMistake("must be for ES384 (kty EC, crv P-384) or RS384 (kty RSA)")
    return PublicKey(kid, algorithm, _imported(jwk, algorithm))


def _imported(jwk: Mapping[str, Any], algorithm: str) -> ECKey | RSAKey:
    try:
        if algorithm == "ES384":
            return _elliptic(dict(jwk))
        return _rsa(dict(jwk))
    except KeyMistake:
        raise
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        raise KeyMistake("is not a key: a value of it is missing or cannot be read") from None


def _elliptic(jwk: dict[str, Any]) -> ECKey:
    if jwk.get("crv") != "P-384":
        raise KeyMistake("has another curve: ES384 takes crv P-384")
    key = ECKey.import_key(jwk)
    _ = key.public_key  # reads the point, and refuses one that is not on the curve
    return key


def _rsa(jwk: dict[str, Any]) -> RSAKey:
    modulus = urlsafe_b64decode(jwk["n"] + "==")
    if int.from_bytes(modulus).bit_length() < RSA_BITS_AT_LEAST:
        raise KeyMistake(f"is an RSA key of fewer than {RSA_BITS_AT_LEAST} bits")
    key = RSAKey.import_key(jwk)
    _ = key.public_key
    return key


class KnownKeys:
    """Keys that the operator wrote down."""

    def __init__(self, keys: Sequence[PublicKey]) -> None:
        self._keys = {(key.kid, key.algorithm): key for key in keys}

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of an id for an algorithm."""
        return self._keys.get((kid, algorithm))


def read_key_set(body: bytes) -> KnownKeys:
    """The usable keys of a JWK Set; others are left out. Raises ValueError where it is none."""
    found = msgspec.json.decode(body, type=dict[str, Any]).get("keys")
    if not isinstance(found, list):
        raise TypeError("no 'keys'")
    usable = []
    for jwk in found:
        if isinstance(jwk, dict):
            try:
                usable.append(read_key(jwk))
            except KeyMistake as mistake:
                _LOG.warning("jwks key left out: it %s", mistake)
    return KnownKeys(usable)


Fetch = Callable[[str], Awaitable[bytes]]


def fetch_over(http: Callable[[], httpx.AsyncClient]) -> Fetch:
    """What gets a JWK Set: no redirects, in time, not too large. Raises KeysAway."""

    async def fetch(url: str) -> bytes:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await _get(http(), url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise KeysAway(type(error).__name__) from None

    return fetch


async def _get(http: httpx.AsyncClient, url: str) -> bytes:
    async with http.stream("GET", url, headers={"Accept": "application/json"}) as response:
        if response.status_code != httpx.codes.OK:
            raise KeysAway(f"HTTP {response.status_code}")
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > FETCH_BYTES:
                raise KeysAway("it is too large")
        return body


class FetchedKeys:
    """The keys at a `jku`, which the operator listed; fetched when first needed and when an unknown key is named."""

    def __init__(self, jku: str, fetch: Fetch, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._jku = jku
        self._fetch = fetch
        self._now = monotonic
        self._keys: KnownKeys | None = None
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of an id for an algorithm. Raises KeysAway where no keys could be had for too long."""
        known = await self._known(kid, algorithm)
        if known is not None and self._age() < REFRESH_SECONDS:
            return known
        await self._fetch_once()
        if self._age() >= STALE_SECONDS:
            raise KeysAway
        return await self._known(kid, algorithm)

    async def _known(self, kid: str, algorithm: str) -> PublicKey | None:
        return None if self._keys is None else await self._keys.find(kid, algorithm)

    def _age(self) -> float:
        return self._now() - self._fetched

    async def _fetch_once(self) -> None:
        """Fetch, unless that was tried just now; calls that come meanwhile wait for the same answer."""
        if self._fetching is None or self._fetching.done():
            if self._now() - self._tried < FLOOR_SECONDS:
                return
            self._tried = self._now()
            self._fetching = asyncio.create_task(self._try())
        done, _ = await asyncio.wait((self._fetching,), timeout=WAIT_SECONDS)
        for fetched in done:
            fetched.result()

    async def _try(self) -> None:
        try:
            self._keys = read_key_set(await self._fetch(self._jku))
        except KeysAway as problem:
            _LOG.warning("jwks not fetched from=%s: %s", self._jku, problem)
        except (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError):
            _LOG.warning("jwks not fetched from=%s: no JWK Set came", self._jku)
        else:
            self._fetched = self._now()
