"""The file of trusted clients: what it says, and every mistake told with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from signing import ISSUER, JKU, PUBLIC, clients_file, ec_key, public, rsa_key

from cds_service.cds.clients import Reading, TrustedClient, objection_to, read_clients
from cds_service.errors import ConfigurationError

READING = Reading(PUBLIC)


def read(path: Path, reading: Reading = READING) -> TrustedClient:
    (client,) = read_clients(path, reading)
    return client


def mistakes(path: Path, reading: Reading = READING) -> str:
    with pytest.raises(ConfigurationError, match="CDS_TRUSTED_CLIENTS") as raised:
        read_clients(path, reading)
    return str(raised.value)


def test_a_whole_entry_is_read(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps(public(ec_key(), rsa_key())))
    path = clients_file(
        tmp_path,
        "clients:",
        f"  - issuer: {ISSUER}",
        "    audience: [urn:a, urn:b]",
        "    algorithms: ES384",
        f"    jku: {JKU}",
        "    jwks_file: keys.json",
        "    tenants: [north, 0123]",
        f"    fhir_servers: [{ISSUER}, http://127.0.0.1:9/fhir]",
        "    cors_origins: [https://ehr.example]",
        "    calls_per_minute: 60",
    )
    client = read(path, Reading())
    assert client.issuer == ISSUER
    assert client.audiences == {"urn:a", "urn:b"}
    assert client.algorithms == {"ES384"}
    assert client.jku == JKU
    assert [key.kid for key in client.keys] == ["ec", "rsa"]
    assert client.tenants == {"north", "0123"}
    assert client.cors_origins == ("https://ehr.example",)
    assert client.calls_per_minute == 60
    assert client.servers.find(f"{ISSUER}/") is not None
    assert client.servers.find("http://127.0.0.1:9/fhir") is not None


def test_a_short_entry_trusts_no_more_than_it_says(tmp_path: Path) -> None:
    client = read(clients_file(tmp_path, "clients:", f"- issuer: {ISSUER}", f"  jku: {JKU}"))
    assert client == TrustedClient(ISSUER, jku=JKU, servers=client.servers)
    assert client.algorithms == {"ES384", "RS384"}
    for server in (ISSUER, "http://127.0.0.1/fhir", "http://localhost:8080/fhir"):
        assert client.servers.find(server) is None


def test_keys_are_written_into_the_file_itself(tmp_path: Path) -> None:
    (key,) = read(clients_file(tmp_path, jwks=public(rsa_key()))).keys
    assert (key.kid, key.algorithm) == ("rsa", "RS384")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"issuer": None}, "'issuer' is missing"),
    ({"issuers": ISSUER}, "unknown key 'issuers'"),
    ({"algorithms": ["none"]}, "'none' is not accepted"),
    ({"algorithms": ["ES384", "HS256"]}, "'HS256' is not accepted"),
    ({"algorithms": ["RS256"]}, "'RS256' is not accepted"),
    ({"jwks": None}, "has no keys"),
    ({"jwks": {"keys": []}}, "at least one key"),
    ({"jwks": "keys.json"}, "must be a JWK Set"),
    ({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}}, "shared secret"),
    ({"jwks": {"keys": [ec_key().as_dict(private=True)]}}, "private key"),
    ({"jwks": public(ec_key("p256", "P-256"))}, "curve"),
    ({"jwks": public(ec_key(), ec_key())}, "kid of another"),
    ({"jwks": {"keys": ["x"]}}, "no 'kid'"),
    ({"jwks_file": "keys.json"}, "both 'jwks' and 'jwks_file'"),
    ({"jwks": None, "jwks_file": "not-there.json"}, "'not-there.json' cannot be read"),
    ({"jwks": None, "jwks_file": "clients.yaml"}, "must be a JWK Set"),
    ({"jku": "http://ehr.example/jwks.json"}, "must be https"),
    ({"jku": "https://user:pass@ehr.example/jwks.json"}, "without user"),
    ({"jku": "https://169.254.169.254/jwks.json"}, "never connected to"),
    ({"jku": "file:///etc/jwks.json"}, "must be an absolute"),
    ({"fhir_servers": ["http://ehr.example/fhir"]}, "must be https"),
    ({"fhir_servers": ["https://[fe80::1]/fhir"]}, "never connected to"),
    ({"fhir_servers": ["https://ehr.example/fhir?x=1"]}, "without user, query"),
    ({"fhir_servers": {"a": "b"}}, "list of texts"),
    ({"cors_origins": ["*"]}, "scheme, host and port"),
    ({"cors_origins": ["https://ehr.example/page"]}, "scheme, host and port"),
    ({"calls_per_minute": 0}, "from 1 on"),
    ({"calls_per_minute": 1.5}, "from 1 on"),
    ({"calls_per_minute": "many"}, "must be a number"),
    ({"issuer": "https://sandbox.cds-hooks.org"}, "private key anyone has"),
    ({"issuer": "https://SANDBOX.cds-hooks.org/x"}, "private key anyone has"),
    ({"jku": "https://sandbox.cds-hooks.org/.well-known/jwks.json"}, "private key anyone has"),
]


@pytest.mark.parametrize(("changed", "what"), WRONG)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, changed: dict[str, Any], what: str) -> None:
    told = mistakes(clients_file(tmp_path, **changed))
    assert what in told
    assert "clients.yaml:" in told
    assert "c2VjcmV0" not in told


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    path = clients_file(
        tmp_path,
        "clients:",
        f"  - issuer: {ISSUER}",
        "    algorithms: [HS256]",
        f"  - issuer: {ISSUER}",
        f"    jku: {JKU}",
        "    colour: blue",
    )
    told = mistakes(path).splitlines()
    assert [line.split(": ")[0] for line in told[1:]] == [f"clients.yaml:{line}" for line in (2, 2, 3, 4, 6)]


@pytest.mark.parametrize(
    "text", ["", "clients: []", "clients:", "[]", "clients: [", "clients: {a: b}", "other: 1", "- x"]
)
def test_a_file_that_names_nobody_is_refused(tmp_path: Path, text: str) -> None:
    assert re.search(r"clients\.yaml:[12]: ", mistakes(clients_file(tmp_path, text)))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nowhere.yaml:1" in mistakes(tmp_path / "nowhere.yaml")


def test_without_a_public_url_each_entry_needs_an_audience(tmp_path: Path) -> None:
    assert "CDS_PUBLIC_URL" in mistakes(clients_file(tmp_path), Reading())
    assert read(clients_file(tmp_path, audience="urn:a"), Reading()).audiences == {"urn:a"}


def test_the_public_test_issuer_is_trusted_only_where_that_is_allowed(tmp_path: Path) -> None:
    path = clients_file(tmp_path, issuer="https://sandbox.cds-hooks.org")
    mistakes(path)
    assert read(path, Reading(PUBLIC, allow_public_test_issuer=True)).issuer == "https://sandbox.cds-hooks.org"


@pytest.mark.parametrize(
    "url", ["https://ehr.example/fhir", "https://10.0.0.1/fhir", "http://127.0.0.1:1", "http://localhost/x"]
)
def test_https_and_loopback_are_no_objection(url: str) -> None:
    assert objection_to(url) is None
