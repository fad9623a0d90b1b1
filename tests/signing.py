"""An EHR for tests: its keys, its tokens, and how a service that trusts it is set up."""

from __future__ import annotations

import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

ISSUER = "https://ehr.example/fhir"
JKU = "https://ehr.example/jwks.json"
PUBLIC = "https://cds.example/base"
PATH = "/cds-services/extend-op-patient-view"
ENDPOINT = f"{PUBLIC}{PATH}"
INDIA = timezone(timedelta(hours=5, minutes=30))
NOW = datetime(2026, 11, 22, 2, 30, tzinfo=INDIA)
"""The evening before in UTC: a clock read in the wrong zone would be hours off."""
_numbers = count(1)
_REGISTRY = jws.JWSRegistry(algorithms=["ES384", "RS384", "ES256", "RS256", "PS384"], strict_check_header=False)


@cache
def ec_key(name: str = "ec", curve: str = "P-384") -> ECKey:
    """A key pair for ES384, or of another curve."""
    return ECKey.generate_key(curve, {"kid": name})


@cache
def rsa_key(name: str = "rsa", bits: int = 2048) -> RSAKey:
    """A key pair for RS384; a short one only to be refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(bits, {"kid": name})


def public(*keys: ECKey | RSAKey) -> dict[str, Any]:
    """The JWK Set of some key pairs."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def seconds(moment: datetime = NOW) -> int:
    """An instant as a token states it."""
    return int(moment.timestamp())


def claims(**changed: Any) -> dict[str, Any]:
    """The claims of a good token, issued now and never seen before; None takes one out."""
    found: dict[str, Any] = {
        "iss": ISSUER,
        "aud": ENDPOINT,
        "exp": seconds() + 300,
        "iat": seconds(),
        "jti": f"token-{next(_numbers)}",
    }
    return {name: value for name, value in (found | changed).items() if value is not None}


def header(**changed: Any) -> dict[str, Any]:
    """The header of a good token; None takes an element out."""
    found: dict[str, Any] = {"alg": "ES384", "typ": "JWT", "kid": "ec"}
    return {name: value for name, value in (found | changed).items() if value is not None}


def sign(of: Mapping[str, Any] | bytes, head: Mapping[str, Any] | None = None, key: Any = None) -> str:
    """A token, well signed whatever it says."""
    payload = of if isinstance(of, bytes) else json.dumps(of).encode()
    signer = ec_key() if key is None else key
    return jws.serialize_compact(dict(header() if head is None else head), payload, signer, registry=_REGISTRY)


def raw(head: Any, of: Any, signature: str = "AAAA") -> str:
    """A token of any bytes, its signature made up."""
    return f"{encoded(head)}.{encoded(of)}.{signature}"


def encoded(value: Any) -> str:
    """JSON (or bytes as they are) in base64url."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def bearer(token: str) -> dict[str, str]:
    """The header of a signed call."""
    return {"Authorization": f"Bearer {token}"}


def forged(alg: str, of: Mapping[str, Any], secret: bytes, kid: str = "ec") -> str:
    """A token signed with a shared secret (HS256, HS384, HS512), as forgers do with a public key."""
    signed = f"{encoded(header(alg=alg, kid=kid))}.{encoded(of)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), f'sha{alg[2:]}'))}"


def clients_file(folder: Path, *lines: str, **entry: Any) -> Path:
    """A file of trusted clients with one entry: this EHR, its keys written down, unless changed."""
    written: dict[str, Any] = {
        "issuer": ISSUER,
        "jwks": public(ec_key(), rsa_key()),
        "fhir_servers": [ISSUER],
    }
    found = {name: value for name, value in (written | entry).items() if value is not None}
    path = folder / "clients.yaml"
    # JSON is YAML: what is not given as lines is written so.
    path.write_text("\n".join(lines) if lines else json.dumps({"clients": [found]}, indent=1))
    return path
