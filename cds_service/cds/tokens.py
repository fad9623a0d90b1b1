"""One token, judged: pure decisions on what it says, who may say it, and when.

| in the token | must be |
|---|---|
| `alg` | ES384 or RS384, and one of those the operator listed for the issuer |
| `typ`, `kid` | JWT; a key of the issuer |
| `jku` | if there, the one the operator listed |
| `iss`, `aud` | a trusted issuer; exactly the endpoint called, or the issuer's own audience |
| `exp`, `iat`, `nbf` | numbers that hold now, give or take the leeway; issued not too long ago |
| `jti` | there, never used before (the ledger knows) |
| `tenant` | one of the issuer's, where the operator listed any |

Other claims are passed over. Why a token is refused is counted, and never told to the caller.
Source: CDS Hooks 2.0.1, "Trusting CDS Clients"; RFC 7515, 7519, 8725.
"""

from __future__ import annotations

import binascii
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import cache

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from cds_service.cds.clients import TrustedClient
from cds_service.cds.keys import ALGORITHMS, PublicKey

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
TOKEN_AT_MOST = 16_384
TOKEN_ID_AT_MOST = 1024
TENANT_AT_MOST = 255


class Refusal(Enum):
    """Why a call is not trusted; the value labels a metric."""

    NO_TOKEN = "no_token"  # noqa: S105  a name
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    ISSUER = "issuer"
    JKU = "jku"
    KEY = "key"
    KEYS_AWAY = "keys_away"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    TOO_OLD = "too_old"
    TENANT = "tenant"
    TOKEN_ID = "token_id"  # noqa: S105  a name
    REPLAYED = "replayed"


class Refused(Exception):
    """A token is refused; only the reason goes further."""

    def __init__(self, reason: Refusal) -> None:
        self.reason = reason
        super().__init__(reason.value)


class _Header(msgspec.Struct):
    alg: str
    kid: str
    typ: str
    jku: str | None = None
    crit: msgspec.Raw | None = None
    b64: msgspec.Raw | None = None
    zip: msgspec.Raw | None = None


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    exp: int | float
    iat: int | float
    jti: str
    nbf: int | float | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as presented: read, not yet believed."""

    text: str
    algorithm: str
    kid: str
    jku: str | None
    issuer: str
    audiences: frozenset[str]
    expires: float
    issued: float
    not_before: float | None
    token_id: str
    tenant: str | None


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How far clocks may differ, and how old a token may be; both in seconds."""

    leeway: float = 60
    max_age: float = 300


_headers = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(_Claims)
_UNREADABLE = (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError, OverflowError)


def read_token(authorization: Collection[str]) -> Presented:
    """The token of a request's Authorization headers. Raises Refused where there is none, or it is none."""
    if not authorization:
        raise Refused(Refusal.NO_TOKEN)
    if len(authorization) > 1:
        raise Refused(Refusal.MALFORMED)
    scheme, _, text = next(iter(authorization)).partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Refused(Refusal.NO_TOKEN)
    if len(text) > TOKEN_AT_MOST or not _COMPACT.fullmatch(text):
        raise Refused(Refusal.MALFORMED)
    try:
        return _read(text)
    except _UNREADABLE:
        raise Refused(Refusal.MALFORMED) from None


def _read(text: str) -> Presented:
    first, second, _ = text.split(".")
    header, claims = _headers.decode(_decoded(first)), _claims.decode(_decoded(second))
    if header.alg not in ALGORITHMS:
        raise Refused(Refusal.ALGORITHM)
    extended = (header.crit, header.b64, header.zip)
    if header.typ.upper() != "JWT" or any(part is not None for part in extended):
        raise Refused(Refusal.MALFORMED)
    return Presented(
        text=text,
        algorithm=header.alg,
        kid=header.kid,
        jku=header.jku,
        issuer=claims.iss,
        audiences=frozenset((claims.aud,) if isinstance(claims.aud, str) else claims.aud),
        expires=_finite(claims.exp),
        issued=_finite(claims.iat),
        not_before=None if claims.nbf is None else _finite(claims.nbf),
        token_id=claims.jti,
        tenant=claims.tenant,
    )


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _finite(instant: float) -> float:
    seconds = float(instant)
    if not math.isfinite(seconds):
        raise Refused(Refusal.MALFORMED)
    return seconds


def check_sender(token: Presented, client: TrustedClient) -> None:
    """Refuse a token that names an algorithm or a place of keys its issuer is not trusted with."""
    if token.algorithm not in client.algorithms:
        raise Refused(Refusal.ALGORITHM)
    if token.jku is not None and token.jku != client.jku:
        raise Refused(Refusal.JKU)


def check_signature(token: Presented, key: PublicKey) -> None:
    """Refuse a token that this key did not sign."""
    try:
        jws.deserialize_compact(token.text, key.key, registry=_registry(key.algorithm))
    except (JoseError, ValueError, TypeError):
        raise Refused(Refusal.SIGNATURE) from None


@cache
def _registry(algorithm: str) -> jws.JWSRegistry:
    """Verifies with this one algorithm, whatever the token says."""
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = TOKEN_AT_MOST
    registry.max_payload_length = TOKEN_AT_MOST
    return registry


def check_claims(token: Presented, client: TrustedClient, endpoint: str | None, now: float, rules: TimeRules) -> None:
    """Refuse a token that is not for this endpoint, this tenant, this moment.

    `endpoint` is the URL called as the EHR knows it; `now` and the token's instants are seconds
    since 1970.
    """
    audiences = client.audiences or frozenset(() if endpoint is None else (endpoint,))
    if not audiences & token.audiences:
        raise Refused(Refusal.AUDIENCE)
    if (client.tenants and token.tenant not in client.tenants) or len(token.tenant or "") > TENANT_AT_MOST:
        raise Refused(Refusal.TENANT)
    if not 0 < len(token.token_id) <= TOKEN_ID_AT_MOST:
        raise Refused(Refusal.TOKEN_ID)
    _check_time(token, now, rules)


def _check_time(token: Presented, now: float, rules: TimeRules) -> None:
    if now >= token.expires + rules.leeway:
        raise Refused(Refusal.EXPIRED)
    if max(token.issued, token.not_before or token.issued) > now + rules.leeway:
        raise Refused(Refusal.NOT_YET)
    if now - token.issued > rules.max_age + rules.leeway:
        raise Refused(Refusal.TOO_OLD)


def replayable_until(token: Presented, rules: TimeRules) -> float:
    """The last instant at which this token could pass again, in seconds since 1970."""
    return min(token.expires, token.issued + rules.max_age) + rules.leeway
