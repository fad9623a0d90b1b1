"""Access tokens by SMART Backend Services: the client signs who it is, with a key only it has.

Source: SMART App Launch 2.2, "Backend Services" and "Client Authentication: Asymmetric";
RFC 7523; RFC 7638 for the key's name where none is given.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from cds_service.errors import ConfigurationError, RemoteError
from cds_service.fhir.exchange import Exchange, Refusal, read_json
from cds_service.fhir.waiting import TryAgain

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE = timedelta(minutes=4)
"""Servers accept five minutes at most; clocks differ."""
_RENEW_BEFORE = timedelta(seconds=10)
_DEFAULT_LIFE_SECONDS = 300
_V1, _V2 = "read", "rs"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the client is to the server; `scopes` instead of the smallest ones that serve."""

    client_id: str
    private_key_file: Path
    scopes: tuple[str, ...] = ()


class SigningKey:
    """A private key with the algorithm and the name it signs under."""

    def __init__(self, key: ECKey | RSAKey, kid: str | None = None) -> None:
        self._key = key
        self._kid = kid or key.thumbprint()
        self._algorithm = "RS384" if isinstance(key, RSAKey) else "ES384"

    def assertion(self, client_id: str, audience: str, now: datetime) -> str:
        """A signed statement of who asks, good for one use within minutes."""
        header = {"alg": self._algorithm, "kid": self._kid}
        claims: dict[str, object] = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "exp": int((now + _ASSERTION_LIFE).timestamp()),
            "iat": int(now.timestamp()),
            "jti": secrets.token_urlsafe(24),
        }
        return jwt.encode(header, claims, self._key, algorithms=[self._algorithm])

    def public_set(self) -> dict[str, object]:
        """The JWK Set to register with a server: the public key, under the name that assertions are signed with."""
        key = self._key.as_dict(private=False) | {"kid": self._kid, "alg": self._algorithm, "use": "sig"}
        return {"keys": [key]}


def read_key(path: Path) -> SigningKey:
    """The private key of a PEM, JWK or JWKS file: EC P-384 or RSA. Raises ConfigurationError, naming the setting."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _bad_key(f"cannot be read ({error.strerror})") from None
    try:
        return _in_json(json.loads(text)) if text.lstrip()[:1] == b"{" else _in_pem(text)
    except (ValueError, LookupError, TypeError, JoseError):
        raise _bad_key("holds no private key that can be used: expected EC P-384 or RSA as PEM or JWK") from None


def _in_pem(text: bytes) -> SigningKey:
    try:
        return _usable(ECKey.import_key(text))
    except (ValueError, TypeError, JoseError):
        return _usable(RSAKey.import_key(text))


def _in_json(found: dict[str, object]) -> SigningKey:
    listed = found.get("keys")
    keys = [key for key in listed if "d" in key] if isinstance(listed, list) else [found]
    key = keys[0]
    kid = key.get("kid")
    parts: dict[str, str | list[str]] = {name: value for name, value in key.items() if isinstance(value, str)}
    imported = ECKey.import_key(parts) if key["kty"] == "EC" else RSAKey.import_key(parts)
    return _usable(imported, kid if isinstance(kid, str) else None)


def _usable(key: ECKey | RSAKey, kid: str | None = None) -> SigningKey:
    if not key.is_private or (isinstance(key, ECKey) and key.curve_name != "P-384"):
        raise ValueError
    return SigningKey(key, kid)


def _bad_key(why: str) -> ConfigurationError:
    return ConfigurationError(f"CDS_FHIR_PRIVATE_KEY_FILE {why}")


class _Configuration(msgspec.Struct):
    token_endpoint: str
    capabilities: tuple[str, ...] | None = None


class _Answer(msgspec.Struct):
    access_token: str | None = None
    expires_in: float | None = None
    scope: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: datetime

    def __repr__(self) -> str:
        return f"_Token(renew_at={self.renew_at})"


class Tokens:
    """Access tokens for a server, shared by the threads of a run; renewed before they expire.

    Asks for the smallest scopes that serve the resource types. Where the server refuses them
    as a whole it is asked for each alone, and `lacking` holds the types it will not give,
    `partial` those of which it gives only some resources (system/Observation.rs?category=...).
    """

    def __init__(self, server: Exchange, credentials: Credentials, types: Sequence[str]) -> None:
        self._server = server
        self._client_id = credentials.client_id
        self._key = read_key(credentials.private_key_file)
        self._types = tuple(types)
        self._fixed = credentials.scopes
        self._asking: tuple[str, ...] | None = None
        self._token: _Token | None = None
        self._lock = threading.RLock()
        self._configuration: _Configuration | None = None
        self.lacking: frozenset[str] = frozenset()
        self.partial: frozenset[str] = frozenset()

    def current(self) -> str:
        """A token good for ten seconds at least. Raises RemoteError where the server gives none."""
        with self._lock:
            if self._token is None or self._now() >= self._token.renew_at:
                self._token = self._acquire()
            return self._token.value

    def renew(self, stale: str) -> None:
        """Forget a token that the server refused, unless another thread has already replaced it."""
        with self._lock:
            if self._token is not None and self._token.value == stale:
                self._token = None

    def widen(self) -> bool:
        """Ask for reading of every type from now on; False where that makes no difference."""
        with self._lock:
            wide = (f"system/*.{self._spellings()[0]}",)
            if self._fixed or self._asking == wide:
                return False
            try:
                self._token = self._ask(wide)
            except _ScopeRefused:
                return False
            return True

    def _acquire(self) -> _Token:
        for scopes in self._attempts():
            try:
                return self._ask(scopes)
            except _ScopeRefused:
                continue
        raise Refusal(
            "the server refuses every scope asked for (invalid_scope): register this client for system/*.rs,"
            " or name the scopes it has in CDS_FHIR_SCOPES"
        )

    def _attempts(self) -> Iterator[tuple[str, ...]]:
        """Scopes to ask for, the best first; each alone is tried only when the generator is asked that far."""
        if self._fixed or self._asking is not None:
            yield self._fixed or self._asking or ()
            return
        spellings = self._spellings()
        if self._types:
            for spelling in spellings:
                yield tuple(f"system/{kind}.{spelling}" for kind in self._types)
            for spelling in spellings:
                given = tuple(self._given_alone(spelling))
                if given:
                    yield given
        for spelling in spellings:
            yield (f"system/*.{spelling}",)

    def _given_alone(self, spelling: str) -> Iterator[str]:
        for kind in self._types:
            scope = f"system/{kind}.{spelling}"
            try:
                self._ask((scope,))
            except _ScopeRefused:
                continue
            yield scope

    def _spellings(self) -> tuple[str, str]:
        """How scopes are written, the likely way first: "rs" of SMART 2, "read" of SMART 1."""
        capabilities = self._discovered().capabilities or ()
        return (_V1, _V2) if "permission-v1" in capabilities and "permission-v2" not in capabilities else (_V2, _V1)

    def _ask(self, scopes: tuple[str, ...]) -> _Token:
        answer = self._server.persist(lambda: self._request(" ".join(scopes)))
        if answer.access_token is None:
            raise TryAgain("the token endpoint's answer holds no token")
        granted = answer.scope.split() if answer.scope else scopes
        self._asking = scopes
        self.lacking = frozenset(kind for kind in self._types if not _covered(kind, granted, in_part=True))
        self.partial = frozenset(kind for kind in self._types if not _covered(kind, granted)) - self.lacking
        life = timedelta(seconds=answer.expires_in or _DEFAULT_LIFE_SECONDS)
        return _Token(answer.access_token, self._now() + life - _RENEW_BEFORE)

    def _request(self, scope: str) -> _Answer:
        """One request for a token, each with an assertion of its own: servers refuse one used twice."""
        url = self._discovered().token_endpoint
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._key.assertion(self._client_id, url, self._now()),
        }
        headers = {"Accept": "application/json"}
        with self._server.send(
            "POST", url, "asking for a token", headers=headers, data=form, authorize=False, ok=(200, 400, 401)
        ) as response:
            answer = read_json(response, "asking for a token", _Answer)
            if response.status_code != 200:
                raise _token_refusal(answer.error, response.status_code)
            return answer

    def _discovered(self) -> _Configuration:
        if self._configuration is None:
            url = f"{self._server.base}/.well-known/smart-configuration"
            options = {"headers": {"Accept": "application/json"}, "authorize": False}
            found, _ = self._server.get_json(url, "the SMART configuration", _Configuration, **options)
            self._configuration = found
        return self._configuration

    def _now(self) -> datetime:
        return self._server.patience.now()


class _ScopeRefused(RemoteError):
    """The server knows the client and gives nothing for these scopes."""


def _token_refusal(error: str | None, status: int) -> RemoteError:
    if error == "invalid_scope":
        return _ScopeRefused("the server refuses the scopes asked for")
    known = error if error in _OAUTH_ERRORS else "no reason given"
    return Refusal(
        f"the token endpoint refuses this client: HTTP {status} ({known});"
        " check CDS_FHIR_CLIENT_ID and that the server knows the public key of CDS_FHIR_PRIVATE_KEY_FILE",
        status,
    )


_OAUTH_ERRORS = frozenset(
    {"invalid_client", "invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type"}
)


def _covered(kind: str, granted: Iterable[str], *, in_part: bool = False) -> bool:
    """Whether scopes allow reading all of a resource type across patients (or, `in_part`, some of it)."""
    for scope in granted:
        context, _, rest = scope.partition("/")
        path, _, narrowed = rest.partition("?")
        named, _, what = path.partition(".")
        reads = what in ("read", "*") or ("r" in what and "s" in what)
        if context == "system" and named in ("*", kind) and reads and (in_part or not narrowed):
            return True
    return False
