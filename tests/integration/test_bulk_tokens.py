"""SMART Backend Services: who is asked for what, how the client says who it is, when tokens are renewed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from command_line import call
from faulty_server import Answer, as_json, faulty_server
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cds_service.clock import now
from cds_service.errors import ConfigurationError, RemoteError
from cds_service.fhir.bulk import download
from cds_service.fhir.smart import Credentials, read_key
from cds_service.fhir.waiting import Patience

pytestmark = pytest.mark.integration

EC = ECKey.generate_key("P-384")
RSA = RSAKey.generate_key(2048)


@pytest.fixture
def server():
    with faulty_server() as running:
        running.public_key = EC
        running.add_file("Patient", [{"resourceType": "Patient", "id": "p1"}])
        running.add_file("Condition", [{"resourceType": "Condition", "id": "c1"}])
        yield running


@pytest.fixture
def run(server, tmp_path):
    (tmp_path / "key.pem").write_bytes(EC.as_pem(private=True))

    def run(*, key="key.pem", scopes=(), types=("Patient", "Condition"), **changed):
        credentials = Credentials("nightly", tmp_path / key, scopes)
        options = {"credentials": credentials, "sleep": lambda _: None} | changed
        return download(server.base, tmp_path / "data", types=types, **options)

    return run


def asked_scopes(server):
    return [asked.form["scope"] for asked in server.of("/token")]


def test_the_client_says_who_it_is_once_for_a_few_minutes(server, run):
    assert run().counts == {"Condition": 1, "Patient": 1}
    (claims,) = server.assertions
    assert claims["iss"] == claims["sub"] == "nightly"
    assert claims["aud"] == server.base.removesuffix("/fhir") + "/token"
    assert 0 < claims["exp"] - claims["iat"] <= 300
    (asked,) = server.of("/token")
    assert asked.form["grant_type"] == "client_credentials"
    assert asked.form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert asked.headers.get("authorization") is None


@pytest.mark.parametrize("written", ["pem", "jwk", "jwks"])
@pytest.mark.parametrize(("key", "algorithm"), [(EC, "ES384"), (RSA, "RS384")], ids=["ec", "rsa"])
def test_keys_are_read_as_they_are_kept(server, run, tmp_path, key, algorithm, written):
    server.public_key, server.algorithm = key, algorithm
    jwk = key.as_dict(private=True) | {"kid": "mine"}
    text = {"pem": key.as_pem(private=True), "jwk": json.dumps(jwk).encode()}
    text["jwks"] = json.dumps({"keys": [key.as_dict(private=False), jwk]}).encode()
    (tmp_path / "other").write_bytes(text[written])
    assert run(key="other").counts["Patient"] == 1


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not a key",
        b"{}",
        b'{"keys": []}',
        EC.as_pem(private=False),
        ECKey.generate_key("P-256").as_pem(private=True),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_key_that_cannot_be_used_is_told_by_its_setting(run, tmp_path, text):
    (tmp_path / "other").write_bytes(text)
    with pytest.raises(ConfigurationError, match="CDS_FHIR_PRIVATE_KEY_FILE holds no private key"):
        run(key="other")


def test_the_public_half_can_be_registered_under_the_name_it_signs_with(tmp_path, capsys):
    """What `cds-service jwks` prints is the key, and the kid, by which a server checks an assertion."""
    key = ECKey.generate_key("P-384")
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=True))
    assert call("jwks", tmp_path / "key.pem") == 0
    printed = capsys.readouterr().out
    (public,) = json.loads(printed)["keys"]
    assert (public["kty"], public["crv"], public["alg"], public["use"]) == ("EC", "P-384", "ES384", "sig")
    assert '"d"' not in printed
    assertion = read_key(tmp_path / "key.pem").assertion("client", "https://ehr.example/token", now())
    found = jwt.decode(assertion, ECKey.import_key(public), algorithms=["ES384"])
    assert found.header["kid"] == public["kid"] == key.thumbprint()


def test_without_a_key_jwks_says_what_to_do(capsys):
    assert call("jwks") == 2
    assert "CDS_FHIR_PRIVATE_KEY_FILE" in capsys.readouterr().err


def test_a_key_file_that_is_missing_is_told_by_its_setting(run):
    with pytest.raises(ConfigurationError, match="CDS_FHIR_PRIVATE_KEY_FILE cannot be read"):
        run(key="nowhere")


@pytest.mark.parametrize(
    ("capabilities", "spelling"),
    [(["permission-v2"], "rs"), (["permission-v1", "permission-v2"], "rs"), (["permission-v1"], "read"), ([], "rs")],
)
def test_only_what_is_needed_is_asked_for(server, run, capabilities, spelling):
    server.capabilities = capabilities
    run()
    assert asked_scopes(server) == [f"system/Patient.{spelling} system/Condition.{spelling}"]


def test_the_other_spelling_is_tried(server, run):
    server.known_scopes = frozenset({"system/Patient.read", "system/Condition.read"})
    assert run().incomplete is None
    assert asked_scopes(server)[-1] == "system/Patient.read system/Condition.read"


def test_one_unknown_scope_does_not_cost_the_others(server, run):
    server.known_scopes = frozenset({"system/Patient.rs", "system/Condition.rs"})
    report = run(types=("Patient", "ImagingStudy", "Condition"))
    assert report.counts == {"Condition": 1, "Patient": 1}
    assert report.unavailable == {"ImagingStudy": "the server does not grant this client its scope"}
    assert server.of("/fhir/$export")[0].query["_type"] == ["Patient,Condition"]


def test_a_server_that_knows_only_all_types_is_asked_for_all(server, run):
    server.known_scopes = frozenset({"system/*.read"})
    assert run().unavailable == {}
    assert asked_scopes(server)[-1] == "system/*.read"


def test_a_server_that_gives_less_than_asked_is_noticed(server, run):
    given = {"access_token": "less", "token_type": "bearer", "expires_in": 300, "scope": "system/Patient.rs"}
    server.tokens["less"] = now() + timedelta(seconds=300)
    server.fail("/token", as_json(given))
    assert run().unavailable == {"Condition": "the server does not grant this client its scope"}


def test_a_server_that_gives_only_part_of_a_type_is_noticed_and_asked(server, run):
    given = {"access_token": "part", "token_type": "bearer", "expires_in": 300}
    server.tokens["part"] = now() + timedelta(seconds=300)
    server.fail("/token", as_json(given | {"scope": "system/Patient.rs system/Condition.rs?category=x"}))
    report = run()
    assert report.unavailable == {"Condition": "the server grants this client only a part of it"}
    assert report.counts["Condition"] == 1


def test_scopes_named_by_the_operator_are_asked_for_as_they_are(server, run):
    run(scopes=("system/*.read", "launch"))
    assert asked_scopes(server) == ["system/*.read launch"]


def test_an_export_that_needs_more_is_asked_with_more(server, run):
    server.fail("/fhir/$export", Answer(403))
    assert run().incomplete is None
    assert asked_scopes(server) == ["system/Patient.rs system/Condition.rs", "system/*.rs"]


def test_no_scope_at_all_is_a_remote_error(server, run):
    server.known_scopes = frozenset()
    with pytest.raises(RemoteError, match="CDS_FHIR_SCOPES"):
        run()


def test_a_client_that_is_unknown_is_told_what_to_check(server, run):
    server.fail("/token", as_json({"error": "invalid_client", "error_description": "secret words"}, 401))
    with pytest.raises(RemoteError, match=r"HTTP 401 \(invalid_client\); check CDS_FHIR_CLIENT_ID") as raised:
        run()
    assert "secret words" not in str(raised.value)


def test_a_token_is_renewed_before_it_expires(server, run):
    server.token_seconds = 300
    clock = [now()]

    def sleep(seconds):
        clock[0] += timedelta(seconds=seconds)

    server.polls = 5
    server.fail("/status/1", *[Answer(202, headers={"Retry-After": "290"})] * 2)
    run(sleep=sleep, patience=Patience(now=lambda: clock[0]))
    assert len(server.assertions) == 3
    assert len({claims["jti"] for claims in server.assertions}) == 3


def test_a_token_refused_in_the_middle_of_the_files_is_renewed(server, run):
    def expire(_asked):
        server.tokens.clear()
        return Answer(401)

    server.fail("/files/2.ndjson", expire)
    assert run().incomplete is None
    assert len(server.of("/token")) == 2


def test_a_server_that_refuses_every_token_is_a_remote_error(server, run):
    server.fail("/fhir/$export", *[Answer(401)] * 10)
    with pytest.raises(RemoteError, match="HTTP 401"):
        run()
    assert len(server.of("/token")) == 2


def test_a_token_endpoint_in_trouble_is_asked_again_with_a_new_assertion(server, run):
    server.fail("/token", Answer(503), Answer(200, b"<html>"))
    assert run().incomplete is None
    sent = [asked.form["client_assertion"] for asked in server.of("/token")]
    assert len(sent) == len(set(sent)) == 3


def test_a_token_endpoint_in_the_open_is_not_asked(server, run):
    found = {"token_endpoint": "http://192.0.2.1/token"}
    server.fail("/fhir/.well-known/smart-configuration", as_json(found))
    with pytest.raises(RemoteError, match="not asked: only https is"):
        run()


def test_search_uses_the_token_too(server, run):
    server.resources["Patient"] = [{"resourceType": "Patient", "id": "p1"}]
    server.resources["Condition"] = []
    assert run(method="search").counts == {"Patient": 1, "Condition": 0}
    assert server.of("/fhir/Patient")[0].token == "secret-token-1"
