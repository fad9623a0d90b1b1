"""The keys of an EHR: what is one, when they are fetched, and what happens while their server is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx
from ledgers import wait_for
from signing import JKU, ec_key, public, rsa_key

from cds_service.cds.keys import FetchedKeys, KeyMistake, KeysAway, fetch_over, read_key, read_key_set
from cds_service.fhir.client import open_http


def jwk(key: Any = None, **changed: Any) -> dict[str, Any]:
    found = (key if key is not None else ec_key()).as_dict(private=False) | changed
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("good", "algorithm"),
    [
        (jwk(), "ES384"),
        (jwk(use="sig", alg="ES384", key_ops=["verify"]), "ES384"),
        (jwk(rsa_key()), "RS384"),
        (jwk(rsa_key(), alg="RS384", x5t="abc"), "RS384"),
    ],
)
def test_a_public_key_is_used_with_its_one_algorithm(good: dict[str, Any], algorithm: str) -> None:
    read = read_key(good)
    assert (read.kid, read.algorithm) == (good["kid"], algorithm)


NO_KEYS = [
    ({"kty": "oct", "k": "c2VjcmV0", "kid": "s"}, "shared secret"),
    ({"kty": "oct", "k": "c2VjcmV0", "kid": "s", "alg": "ES384"}, "shared secret"),
    (ec_key().as_dict(private=True), "private key"),
    (rsa_key().as_dict(private=True), "private key"),
    (jwk(kid=None), "no 'kid'"),
    (jwk(kid=""), "no 'kid'"),
    (jwk(kid=7), "no 'kid'"),
    (jwk(use="enc"), "for signatures"),
    (jwk(key_ops=["encrypt"]), "for signatures"),
    (jwk(kty="OKP"), "ES384"),
    (jwk(kty=None), "ES384"),
    ({}, "no 'kid'"),
    (jwk(alg="HS384"), "ES384"),
    (jwk(alg="ES256"), "ES384"),
    (jwk(rsa_key(), alg="RS256"), "RS384"),
    (jwk(rsa_key(), alg="ES384"), "RS384"),
    (jwk(ec_key("p256", "P-256")), "curve"),
    (jwk(ec_key("p521", "P-521")), "curve"),
    (jwk(x=None), "not a key"),
    (jwk(x="AAAA"), "not a key"),
    (jwk(x=7), "not a key"),
    (jwk(rsa_key(), n=None), "not a key"),
    (jwk(rsa_key(), n="AQAB"), "not a key|fewer than"),
    (jwk(rsa_key("small", 1024)), "fewer than 2048"),
]


@pytest.mark.parametrize(("bad", "why"), NO_KEYS)
def test_what_cannot_verify_a_call_is_no_key(bad: dict[str, Any], why: str) -> None:
    with pytest.raises(KeyMistake, match=why):
        read_key(bad)


def test_a_fetched_set_is_read_key_by_key(caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"keys": [jwk(), {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}, 7, jwk(rsa_key())]}).encode()
    keys = read_key_set(body)
    assert wait_for(keys.find("ec", "ES384")) is not None
    assert wait_for(keys.find("rsa", "RS384")) is not None
    assert wait_for(keys.find("s", "HS384")) is None
    assert "c2VjcmV0" not in caplog.text


class KeyServer:
    """A server of keys, and a clock."""

    def __init__(self, *keys: Any) -> None:
        self.body: bytes | Exception = json.dumps(public(*keys)).encode()
        self.fetched = 0
        self.time = 1_000.0

    def serve(self, *keys: Any) -> None:
        self.body = json.dumps(public(*keys)).encode()

    async def fetch(self, url: str) -> bytes:
        assert url == JKU
        self.fetched += 1
        await asyncio.sleep(0)
        if isinstance(self.body, Exception):
            raise self.body
        return self.body

    def keys(self) -> FetchedKeys:
        return FetchedKeys(JKU, self.fetch, lambda: self.time)


def found(keys: FetchedKeys, kid: str = "ec") -> bool:
    return wait_for(keys.find(kid, "ES384")) is not None


def test_keys_are_fetched_when_first_needed_and_kept() -> None:
    server = KeyServer(ec_key())
    keys = server.keys()
    assert server.fetched == 0
    for _ in range(5):
        assert found(keys)
    assert server.fetched == 1


def test_a_new_key_is_fetched_when_a_token_first_names_it() -> None:
    server = KeyServer(ec_key())
    keys = server.keys()
    assert found(keys)
    server.serve(ec_key(), ec_key("new"))
    server.time += 31
    assert found(keys, "new")
    assert found(keys)
    assert server.fetched == 2


def test_a_key_taken_back_is_not_trusted_once_the_set_was_fetched_again() -> None:
    server = KeyServer(ec_key(), ec_key("old"))
    keys = server.keys()
    assert found(keys, "old")
    server.serve(ec_key())
    server.time += 3599
    assert found(keys, "old")
    server.time += 1
    assert not found(keys, "old")
    assert found(keys)


def test_unknown_keys_do_not_make_a_flood_of_fetches() -> None:
    server = KeyServer(ec_key())
    keys = server.keys()
    assert found(keys)
    for number in range(100):
        assert not found(keys, f"forged-{number}")
    assert server.fetched == 1
    server.time += 30
    for number in range(100):
        assert not found(keys, f"forged-{number}")
    assert server.fetched == 2


def test_calls_that_come_together_wait_for_one_fetch() -> None:
    server = KeyServer(ec_key())
    keys = server.keys()

    async def many() -> list[Any]:
        return await asyncio.gather(*(keys.find("ec", "ES384") for _ in range(20)))

    assert all(key is not None for key in asyncio.run(many()))
    assert server.fetched == 1


@pytest.mark.parametrize("answer", [KeysAway("ConnectError"), b"<html>", b"[]", b'{"keys":7}', b"", b"\xff"])
def test_while_their_server_is_away_known_keys_hold_for_a_day(answer: bytes | Exception) -> None:
    server = KeyServer(ec_key())
    keys = server.keys()
    assert found(keys)
    server.body = answer
    server.time += 7200
    assert found(keys)
    server.time += 86_400 - 7200 - 1
    assert found(keys)
    server.time += 31
    with pytest.raises(KeysAway):
        found(keys)
    server.serve(ec_key())
    server.time += 31
    assert found(keys)


def test_a_server_that_never_answered_has_no_keys() -> None:
    server = KeyServer()
    server.body = KeysAway("ConnectError")
    keys = server.keys()
    for _ in range(3):
        with pytest.raises(KeysAway):
            found(keys)
    assert server.fetched == 1


def test_a_call_that_is_given_up_does_not_stop_the_fetch_of_others() -> None:
    server = KeyServer(ec_key())
    keys = server.keys()

    async def one_gives_up() -> Any:
        first = asyncio.create_task(keys.find("ec", "ES384"))
        second = asyncio.create_task(keys.find("ec", "ES384"))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(one_gives_up()) is not None


def test_a_call_does_not_wait_long_and_the_fetch_goes_on_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.cds.keys.WAIT_SECONDS", 0.01)

    async def slow_at_first() -> Any:
        answer = asyncio.Event()

        async def fetch(_: str) -> bytes:
            await answer.wait()
            return json.dumps(public(ec_key())).encode()

        keys = FetchedKeys(JKU, fetch, lambda: 1_000.0)
        for _ in range(2):
            with pytest.raises(KeysAway):
                await keys.find("ec", "ES384")
        answer.set()
        return await keys.find("ec", "ES384")

    assert asyncio.run(slow_at_first()) is not None


ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("not found", lambda: httpx.Response(404)),
    ("redirected", lambda: httpx.Response(302, headers={"Location": "http://169.254.169.254/"})),
    ("failing", lambda: httpx.Response(500)),
    ("too large", lambda: httpx.Response(200, content=b" " * 300_000)),
    ("away", lambda: httpx.ConnectError("refused")),
    ("slow", lambda: httpx.ReadTimeout("slow")),
]


@pytest.mark.parametrize("answer", [make for _, make in ANSWERS], ids=[name for name, _ in ANSWERS])
def test_an_answer_that_is_no_set_of_keys_is_none(answer: Callable[[], Any]) -> None:
    async def fetch() -> bytes:
        async with open_http() as http:
            return await fetch_over(lambda: http)(JKU)

    with respx.mock(assert_all_called=False) as web:
        given = answer()
        route = web.get(JKU)
        route.mock(**({"side_effect": given} if isinstance(given, Exception) else {"return_value": given}))
        elsewhere = web.route(host="169.254.169.254")
        with pytest.raises(KeysAway):
            asyncio.run(fetch())
        assert not elsewhere.called


def test_a_set_of_keys_is_fetched_over_http() -> None:
    async def fetch() -> bytes:
        async with open_http() as http:
            return await fetch_over(lambda: http)(JKU)

    with respx.mock() as web:
        web.get(JKU).mock(return_value=httpx.Response(200, json=public(ec_key())))
        assert wait_for(read_key_set(asyncio.run(fetch())).find("ec", "ES384")) is not None
