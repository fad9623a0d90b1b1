"""Tokens that must not pass, each for a reason of its own, and the few that must."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ledgers import wait_for
from signing import (
    ENDPOINT,
    ISSUER,
    JKU,
    NOW,
    PATH,
    PUBLIC,
    bearer,
    claims,
    ec_key,
    encoded,
    forged,
    header,
    public,
    raw,
    rsa_key,
    seconds,
    sign,
)

from cds_service.cds.clients import TrustedClient
from cds_service.cds.keys import KnownKeys, read_key
from cds_service.cds.tokens import Refusal, Refused, TimeRules
from cds_service.cds.trust import Known, Trust
from cds_service.screening.ports import Ledger
from cds_service.store.memory import memory_ledger

KEYS = tuple(read_key(jwk) for jwk in public(ec_key(), rsa_key())["keys"])


def trust(ledger: Ledger | None = None, public_url: str | None = PUBLIC, now: datetime = NOW, **changed: Any) -> Trust:
    """A service that trusts the EHR, whose tenant is north."""
    client = TrustedClient(**({"issuer": ISSUER, "keys": KEYS, "jku": JKU, "tenants": frozenset({"north"})} | changed))
    known = {client.issuer: Known(client, KnownKeys(client.keys))}
    return Trust(known, public_url, TimeRules(60, 300), (ledger or memory_ledger()).replays, lambda: now)


def outcome(given: str | list[str], trusting: Trust | None = None, path: str = PATH) -> Refusal | None:
    """Why a call is refused, None where it passes."""
    authorization = given if isinstance(given, list) else [bearer(given)["Authorization"]]
    return wait_for(_outcome(trusting or trust(), authorization, path))


async def _outcome(trusting: Trust, authorization: list[str], path: str) -> Refusal | None:
    try:
        await trusting.use(await trusting.verify(authorization, path))
    except Refused as refused:
        return refused.reason
    return None


def good(**changed: Any) -> dict[str, Any]:
    """The claims of a token that passes."""
    return claims(**({"tenant": "north"} | changed))


def tampered(token: str, part: int, value: Any) -> str:
    """A good token with one part put in the place of another."""
    parts = token.split(".")
    parts[part] = value if isinstance(value, str) else encoded(value)
    return ".".join(parts)


GOOD: list[tuple[str, Callable[[], str]]] = [
    ("ES384", lambda: sign(good())),
    ("RS384", lambda: sign(good(), header(alg="RS384", kid="rsa"), rsa_key())),
    ("several audiences", lambda: sign(good(aud=["https://other.example", ENDPOINT]))),
    ("the listed jku", lambda: sign(good(), header(jku=JKU))),
    ("typ in small letters", lambda: sign(good(), header(typ="jwt"))),
    ("unknown claims and header elements", lambda: sign(good(sub="client", scope=["x"], x={"y": 1}), header(x5t="a"))),
    ("not before five minutes ago, as Epic has it", lambda: sign(good(nbf=seconds() - 300))),
    ("instants with fractions", lambda: sign(good(iat=seconds() - 0.5, exp=seconds() + 299.5))),
    ("a long-lived token, used at once", lambda: sign(good(exp=seconds() + 86_400))),
    ("a long kid and jku", lambda: sign(good(hint="x" * 3000), header(x="y" * 2000))),
]


@pytest.mark.parametrize("token", [make for _, make in GOOD], ids=[name for name, _ in GOOD])
def test_a_good_token_passes_once(token: Callable[[], str]) -> None:
    trusting, text = trust(), token()
    assert outcome(text, trusting) is None
    assert outcome(text, trusting) is Refusal.REPLAYED


BAD: list[tuple[str, Callable[[], str], Refusal]] = [
    # No token at all, or nothing that is one.
    ("empty", lambda: "", Refusal.NO_TOKEN),
    ("two parts", lambda: sign(good()).rpartition(".")[0], Refusal.MALFORMED),
    ("four parts", lambda: sign(good()) + ".AAAA", Refusal.MALFORMED),
    ("five parts, as an encrypted token", lambda: sign(good()) + ".AAAA.AAAA", Refusal.MALFORMED),
    ("an empty signature", lambda: tampered(sign(good()), 2, ""), Refusal.MALFORMED),
    ("a detached payload", lambda: tampered(sign(good()), 1, ""), Refusal.MALFORMED),
    ("padding", lambda: sign(good()) + "==", Refusal.MALFORMED),
    (
        "a character that base64 skips",
        lambda: tampered(sign(good()), 0, encoded(header())[:4] + "!" + encoded(header())[4:]),
        Refusal.MALFORMED,
    ),
    ("a space inside", lambda: sign(good()).replace(".", ". ", 1), Refusal.MALFORMED),
    ("a line break at the end", lambda: sign(good()) + "\n", Refusal.MALFORMED),
    ("a header that is no JSON", lambda: tampered(sign(good()), 0, encoded(b"{")), Refusal.MALFORMED),
    ("a header that is a list", lambda: tampered(sign(good()), 0, ["ES384"]), Refusal.MALFORMED),
    ("claims that are no JSON", lambda: sign(b"iss=me"), Refusal.MALFORMED),
    ("claims that are a list", lambda: sign(b"[]"), Refusal.MALFORMED),
    ("claims that are not UTF-8", lambda: sign(b'{"iss":"\xff"}'), Refusal.MALFORMED),
    ("claims nested too deep", lambda: sign(b'{"x":' + b"[" * 6000 + b"]" * 6000 + b"}"), Refusal.MALFORMED),
    ("too large", lambda: sign(good(x="y" * 20_000)), Refusal.MALFORMED),
    # The header.
    ("alg none", lambda: raw(header(alg="none"), good()), Refusal.ALGORITHM),
    ("alg None", lambda: raw(header(alg="None"), good()), Refusal.ALGORITHM),
    ("alg missing", lambda: raw(header(alg=None), good()), Refusal.MALFORMED),
    ("alg a list", lambda: raw(header(alg=["ES384"]), good()), Refusal.MALFORMED),
    ("HS256 with a guessed secret", lambda: forged("HS256", good(), b"secret"), Refusal.ALGORITHM),
    (
        "HS384 with the public key as its secret",
        lambda: forged("HS384", good(), ec_key().as_pem(private=False)),
        Refusal.ALGORITHM,
    ),
    (
        "HS512 with the public RSA key as its secret",
        lambda: forged("HS512", good(), rsa_key().as_pem(private=False), "rsa"),
        Refusal.ALGORITHM,
    ),
    ("ES256", lambda: sign(good(), header(alg="ES256"), ec_key("p256", "P-256")), Refusal.ALGORITHM),
    ("RS256 with the right key", lambda: sign(good(), header(alg="RS256", kid="rsa"), rsa_key()), Refusal.ALGORITHM),
    ("PS384 with the right key", lambda: sign(good(), header(alg="PS384", kid="rsa"), rsa_key()), Refusal.ALGORITHM),
    ("EdDSA", lambda: raw(header(alg="EdDSA"), good()), Refusal.ALGORITHM),
    ("alg in small letters", lambda: raw(header(alg="es384"), good()), Refusal.ALGORITHM),
    ("typ missing", lambda: sign(good(), header(typ=None) | {"typ": ""}), Refusal.MALFORMED),
    ("an access token", lambda: sign(good(), header(typ="at+jwt")), Refusal.MALFORMED),
    ("crit", lambda: raw(header(crit=["exp"]), good()), Refusal.MALFORMED),
    ("an unencoded payload", lambda: raw(header(b64=False, crit=["b64"]), good()), Refusal.MALFORMED),
    ("zip", lambda: raw(header(zip="DEF"), good()), Refusal.MALFORMED),
    ("kid missing", lambda: raw(header(kid=None), good()), Refusal.MALFORMED),
    ("kid empty", lambda: sign(good(), header(kid="")), Refusal.KEY),
    ("kid unknown", lambda: sign(good(), header(kid="another")), Refusal.KEY),
    ("kid a path", lambda: sign(good(), header(kid="../../dev/null")), Refusal.KEY),
    (
        "kid of a key for the other algorithm",
        lambda: sign(good(), header(alg="RS384", kid="ec"), rsa_key()),
        Refusal.KEY,
    ),
    ("jku elsewhere", lambda: sign(good(), header(jku="https://evil.example/jwks.json")), Refusal.JKU),
    ("jku that begins like the listed one", lambda: sign(good(), header(jku=f"{JKU}.evil.example")), Refusal.JKU),
    ("jku with a query", lambda: sign(good(), header(jku=f"{JKU}?x")), Refusal.JKU),
    ("jku of a metadata service", lambda: sign(good(), header(jku="http://169.254.169.254/")), Refusal.JKU),
    (
        "a key of its own in the header",
        lambda: sign(good(), header(jwk=ec_key("mine").as_dict(private=False)), ec_key("mine")),
        Refusal.SIGNATURE,
    ),
    # The signature.
    ("another's key under a known kid", lambda: sign(good(), header(), ec_key("stolen")), Refusal.SIGNATURE),
    ("another's RSA key", lambda: sign(good(), header(alg="RS384", kid="rsa"), rsa_key("mine")), Refusal.SIGNATURE),
    ("a made-up signature", lambda: raw(header(), good()), Refusal.SIGNATURE),
    ("a signature of zeros", lambda: raw(header(), good(), encoded(bytes(96))), Refusal.SIGNATURE),
    (
        "a signature in DER",
        lambda: raw(header(), good(), encoded(b"\x30\x06\x02\x01\x01\x02\x01\x01")),
        Refusal.SIGNATURE,
    ),
    ("claims changed after signing", lambda: tampered(sign(good()), 1, good(sub="other")), Refusal.SIGNATURE),
    ("a header changed after signing", lambda: tampered(sign(good()), 0, header(x="y")), Refusal.SIGNATURE),
    (
        "the signature of another token",
        lambda: tampered(sign(good()), 2, sign(good()).split(".")[2]),
        Refusal.SIGNATURE,
    ),
    # Who and for whom.
    ("iss missing", lambda: sign(good(iss=None)), Refusal.MALFORMED),
    ("iss unknown", lambda: sign(good(iss="https://evil.example")), Refusal.ISSUER),
    ("iss with a slash more", lambda: sign(good(iss=f"{ISSUER}/")), Refusal.ISSUER),
    ("iss in capitals", lambda: sign(good(iss=ISSUER.upper())), Refusal.ISSUER),
    ("iss a list", lambda: sign(good(iss=[ISSUER])), Refusal.MALFORMED),
    ("aud missing", lambda: sign(good(aud=None)), Refusal.MALFORMED),
    ("aud empty", lambda: sign(good(aud="")), Refusal.AUDIENCE),
    ("aud of nobody", lambda: sign(good(aud=[])), Refusal.AUDIENCE),
    ("aud of the whole service", lambda: sign(good(aud=PUBLIC)), Refusal.AUDIENCE),
    ("aud of discovery", lambda: sign(good(aud=f"{PUBLIC}/cds-services")), Refusal.AUDIENCE),
    ("aud of another service", lambda: sign(good(aud=ENDPOINT.replace("view", "look"))), Refusal.AUDIENCE),
    ("aud with a slash more", lambda: sign(good(aud=f"{ENDPOINT}/")), Refusal.AUDIENCE),
    ("aud over http", lambda: sign(good(aud=ENDPOINT.replace("https", "http"))), Refusal.AUDIENCE),
    ("aud with a part of the URL", lambda: sign(good(aud=f"x {ENDPOINT} y")), Refusal.AUDIENCE),
    ("aud with a number in it", lambda: sign(good(aud=[ENDPOINT, 7])), Refusal.MALFORMED),
    ("tenant missing", lambda: sign(good(tenant=None)), Refusal.TENANT),
    ("tenant of another hospital", lambda: sign(good(tenant="south")), Refusal.TENANT),
    ("tenant too long", lambda: sign(good(tenant="n" * 256)), Refusal.TENANT),
    ("tenant a list", lambda: sign(good(tenant=["north"])), Refusal.MALFORMED),
    # When.
    ("exp missing", lambda: sign(good(exp=None)), Refusal.MALFORMED),
    ("exp a text", lambda: sign(good(exp=str(seconds() + 300))), Refusal.MALFORMED),
    ("exp true", lambda: sign(good(exp=True)), Refusal.MALFORMED),
    ("exp past", lambda: sign(good(iat=seconds() - 200, exp=seconds() - 61)), Refusal.EXPIRED),
    ("exp in 1970", lambda: sign(good(exp=0)), Refusal.EXPIRED),
    ("exp beyond numbers", lambda: sign(b'{"exp":1e999,' + sign_body(good())), Refusal.MALFORMED),
    ("exp not a number", lambda: sign(b'{"exp":NaN,' + sign_body(good())), Refusal.MALFORMED),
    ("iat missing", lambda: sign(good(iat=None)), Refusal.MALFORMED),
    ("iat to come", lambda: sign(good(iat=seconds() + 61)), Refusal.NOT_YET),
    ("iat in milliseconds", lambda: sign(good(iat=seconds() * 1000, exp=seconds() * 1000 + 300)), Refusal.NOT_YET),
    ("nbf to come", lambda: sign(good(nbf=seconds() + 61)), Refusal.NOT_YET),
    ("nbf a text", lambda: sign(good(nbf="now")), Refusal.MALFORMED),
    ("issued an hour ago", lambda: sign(good(iat=seconds() - 3600)), Refusal.TOO_OLD),
    ("issued in 1970 and never ending", lambda: sign(good(iat=0, exp=1e18)), Refusal.TOO_OLD),
    # Which.
    ("jti missing", lambda: sign(good(jti=None)), Refusal.MALFORMED),
    ("jti empty", lambda: sign(good(jti="")), Refusal.TOKEN_ID),
    ("jti a number", lambda: sign(good(jti=7)), Refusal.MALFORMED),
    ("jti without end", lambda: sign(good(jti="x" * 1025)), Refusal.TOKEN_ID),
]


def sign_body(of: dict[str, Any]) -> bytes:
    """Claims as JSON without the opening brace and exp, to be put after an exp of one's own."""
    return json.dumps({name: value for name, value in of.items() if name != "exp"}).encode()[1:]


@pytest.mark.parametrize(("token", "why"), [(make, why) for _, make, why in BAD], ids=[name for name, _, _ in BAD])
def test_a_bad_token_is_refused_for_its_reason(token: Callable[[], str], why: Refusal) -> None:
    assert outcome(token()) is why


def test_the_matrix_is_large_enough() -> None:
    assert len({name for name, _, _ in BAD}) == len(BAD) >= 40
    assert {why for _, _, why in BAD} == set(Refusal) - {Refusal.REPLAYED, Refusal.KEYS_AWAY}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], Refusal.NO_TOKEN),
        ([""], Refusal.NO_TOKEN),
        (["Bearer"], Refusal.NO_TOKEN),
        (["Basic dXNlcjpwYXNz"], Refusal.NO_TOKEN),
        (["Negotiate AAAA"], Refusal.NO_TOKEN),
        (["Bearer  x.y.z"], Refusal.MALFORMED),
        (["Bearer a.b.c", "Bearer a.b.c"], Refusal.MALFORMED),
    ],
)
def test_a_header_that_brings_no_single_token_is_refused(given: list[str], why: Refusal) -> None:
    assert outcome(given) is why


def test_the_scheme_is_read_in_any_case() -> None:
    assert outcome([f"bearer {sign(good())}"]) is None


BOUNDARIES = [
    # Leeway 60 s, greatest age 300 s; `at` is the token's instant in seconds from now.
    ("exp", -59, None),
    ("exp", -60, Refusal.EXPIRED),
    ("iat", 60, None),
    ("iat", 61, Refusal.NOT_YET),
    ("iat", -360, None),
    ("iat", -361, Refusal.TOO_OLD),
    ("nbf", 60, None),
    ("nbf", 61, Refusal.NOT_YET),
    ("nbf", -100_000, None),
]


@pytest.mark.parametrize(("claim", "at", "why"), BOUNDARIES)
def test_both_sides_of_every_limit(claim: str, at: int, why: Refusal | None) -> None:
    assert outcome(sign(good(**({"iat": seconds() - 60} | {claim: seconds() + at})))) is why


@pytest.mark.parametrize("zone_hours", [-11, 0, 5.5, 14])
def test_the_zone_of_the_clock_does_not_matter(zone_hours: float) -> None:
    now = NOW.astimezone(timezone(timedelta(hours=zone_hours)))
    assert outcome(sign(good(exp=seconds() - 59, iat=seconds() - 60)), trust(now=now)) is None
    assert outcome(sign(good(exp=seconds() - 60, iat=seconds() - 60)), trust(now=now)) is Refusal.EXPIRED


def test_a_token_is_remembered_as_long_as_it_could_pass_again() -> None:
    remembered: list[datetime] = []

    class Watching:
        async def claim(self, issuer: str, token_id: str, until: datetime) -> bool:
            remembered.append(until)
            return True

    trusting = trust()
    watched = Trust(trusting.known, PUBLIC, trusting.times, Watching(), lambda: NOW)
    assert outcome(sign(good(exp=seconds() + 100)), watched) is None
    assert outcome(sign(good(exp=seconds() + 9_999_999)), watched) is None
    soon, late = (moment.timestamp() - seconds() for moment in remembered)
    assert 160 <= soon <= 162
    assert 360 <= late <= 362


def test_the_same_id_of_another_issuer_is_another_token() -> None:
    ledger = memory_ledger()
    other = "https://other.example"
    assert outcome(sign(good(jti="1")), trust(ledger)) is None
    assert outcome(sign(good(jti="1", iss=other)), trust(ledger, issuer=other)) is None
    assert outcome(sign(good(jti="1")), trust(ledger)) is Refusal.REPLAYED


def test_a_token_that_does_not_hold_is_not_used_up() -> None:
    trusting = trust()
    assert outcome(sign(good(jti="1", aud="https://elsewhere.example")), trusting) is Refusal.AUDIENCE
    assert outcome(sign(good(jti="1")), trusting) is None


def test_an_issuer_may_have_an_audience_of_its_own() -> None:
    own = {"audiences": frozenset({"urn:trial-screening"})}
    assert outcome(sign(good(aud="urn:trial-screening")), trust(**own)) is None
    assert outcome(sign(good(aud=ENDPOINT)), trust(**own)) is Refusal.AUDIENCE
    assert outcome(sign(good(aud="urn:trial-screening")), trust(public_url=None, **own)) is None


def test_without_a_public_url_no_endpoint_is_known() -> None:
    assert outcome(sign(good(aud=PATH)), trust(public_url=None)) is Refusal.AUDIENCE
    assert outcome(sign(good(aud=f"None{PATH}")), trust(public_url=None)) is Refusal.AUDIENCE


@pytest.mark.parametrize("path", ["/cds-services", f"{PATH}/feedback", PATH])
def test_each_endpoint_has_its_own_audience(path: str) -> None:
    assert outcome(sign(good(aud=f"{PUBLIC}{path}")), path=path) is None
    assert outcome(sign(good(aud=f"{PUBLIC}{path}x")), path=path) is Refusal.AUDIENCE


def test_an_algorithm_not_listed_for_the_issuer_is_refused_though_its_key_is_known() -> None:
    only = {"algorithms": frozenset({"ES384"})}
    token = sign(good(), header(alg="RS384", kid="rsa"), rsa_key())
    assert outcome(token, trust(**only)) is Refusal.ALGORITHM
    assert outcome(sign(good()), trust(**only)) is None


def test_a_client_without_tenants_accepts_any_and_none() -> None:
    anyone = {"tenants": frozenset[str]()}
    assert outcome(sign(good(tenant="south")), trust(**anyone)) is None
    assert outcome(sign(good(tenant=None)), trust(**anyone)) is None
    assert outcome(sign(good(tenant="n" * 255)), trust(**anyone)) is None
    assert outcome(sign(good(tenant="n" * 256)), trust(**anyone)) is Refusal.TENANT


def test_a_client_whose_jku_is_not_listed_may_not_name_one() -> None:
    assert outcome(sign(good(), header(jku=JKU)), trust(jku=None)) is Refusal.JKU
