"""Whose signed calls are accepted: the file that CDS_TRUSTED_CLIENTS names.

Every mistake is told at once with its line; a service that cannot tell whom to trust does
not start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cds_service.catalog.fields import Entry
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.yamlfiles import Block, Items, read_yaml
from cds_service.cds.keys import ALGORITHMS, KeyMistake, PublicKey, read_key
from cds_service.config import is_loopback
from cds_service.errors import ConfigurationError
from cds_service.fhir.connecting import may_connect
from cds_service.fhir.servers import AllowedServers

PUBLIC_TEST_HOST = "sandbox.cds-hooks.org"
"""The private key of the CDS Hooks sandbox is public: a token of its issuer says nothing."""

_KEYS = (
    "issuer",
    "audience",
    "algorithms",
    "jku",
    "jwks",
    "jwks_file",
    "tenants",
    "fhir_servers",
    "cors_origins",
    "calls_per_minute",
)


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """One EHR: who it says it is, how it proves that, and what it may ask for.

    `audiences` empty: the URL of the endpoint called. `tenants` empty: any. `keys` empty: they
    are fetched from `jku`; where there are keys, `jku` is only what its tokens may name.
    """

    issuer: str
    algorithms: frozenset[str] = frozenset(ALGORITHMS)
    audiences: frozenset[str] = frozenset()
    jku: str | None = None
    keys: tuple[PublicKey, ...] = ()
    tenants: frozenset[str] = frozenset()
    servers: AllowedServers = field(default_factory=lambda: AllowedServers((), loopback=False))
    cors_origins: tuple[str, ...] = ()
    calls_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rest of the settings mean for the file."""

    public_url: str | None = None
    allow_public_test_issuer: bool = False


def read_clients(path: Path, reading: Reading) -> tuple[TrustedClient, ...]:
    """The EHRs of a file. Raises ConfigurationError with every mistake in it, by line."""
    mistakes = Mistakes()
    root = Entry(path.name, read_yaml(path, path.name, mistakes), mistakes)
    if not mistakes.found:
        root.only(("clients",), "the file of trusted clients")
        if not root.block.get("clients"):
            root.wrong("names no clients; write clients: and an entry for each EHR", "clients")
    clients = tuple(_client(entry, path.parent, reading) for entry in root.entries("clients"))
    for client, entry in zip(clients, root.entries("clients"), strict=True):
        if sum(other.issuer == client.issuer for other in clients) > 1:
            entry.wrong(f"issuer '{client.issuer}' has two entries; keep one and list its tenants there", "issuer")
    if mistakes.found:
        raise ConfigurationError("CDS_TRUSTED_CLIENTS cannot be used:\n" + "\n".join(mistakes.lines()))
    return clients


def _client(entry: Entry, folder: Path, reading: Reading) -> TrustedClient:
    entry.only(_KEYS, "a trusted client")
    issuer = entry.text("issuer")
    jku = _jku(entry)
    _refuse_test_issuer(entry, reading, issuer, jku)
    audiences = frozenset(entry.texts("audience"))
    if not audiences and reading.public_url is None:
        entry.wrong("needs 'audience', or CDS_PUBLIC_URL from which it follows", "audience")
    return TrustedClient(
        issuer=issuer,
        algorithms=_algorithms(entry),
        audiences=audiences,
        jku=jku,
        keys=_keys(entry, folder, jku),
        tenants=frozenset(entry.texts("tenants")),
        servers=AllowedServers(_servers(entry), loopback=False),
        cors_origins=_origins(entry),
        calls_per_minute=_calls(entry),
    )


def _refuse_test_issuer(entry: Entry, reading: Reading, issuer: str, jku: str | None) -> None:
    hosts = {_host(url) for url in (issuer, jku or "")}
    if PUBLIC_TEST_HOST in hosts and not reading.allow_public_test_issuer:
        entry.wrong(
            f"trusts {PUBLIC_TEST_HOST}, whose private key anyone has; for development on loopback set"
            " CDS_ALLOW_PUBLIC_TEST_ISSUER",
            "issuer",
        )


def _algorithms(entry: Entry) -> frozenset[str]:
    named = frozenset(entry.texts("algorithms"))
    for name in sorted(named - ALGORITHMS.keys()):
        entry.wrong(
            f"algorithm '{name}' is not accepted; use ES384, RS384 or both (never none, never HS*)", "algorithms"
        )
    return named or frozenset(ALGORITHMS)


def _jku(entry: Entry) -> str | None:
    if "jku" not in entry.block:
        return None
    jku = entry.text("jku")
    objection = objection_to(jku)
    if objection:
        entry.wrong(f"'jku' {objection}", "jku")
    return jku


def _servers(entry: Entry) -> tuple[str, ...]:
    listed = entry.texts("fhir_servers")
    for server in listed:
        objection = objection_to(server)
        if objection:
            entry.wrong(f"FHIR server '{server}' {objection}", "fhir_servers")
    return listed


def _origins(entry: Entry) -> tuple[str, ...]:
    listed = entry.texts("cors_origins")
    for origin in listed:
        objection = objection_to(origin)
        if objection or httpx.URL(origin).path not in ("", "/") or origin.endswith("/"):
            entry.wrong(f"origin '{origin}' must be scheme, host and port only, as https://ehr.example", "cors_origins")
    return listed


def objection_to(url: str) -> str | None:
    """What speaks against a URL that an operator lists; None for https (http on loopback), plain, leading anywhere."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "is not a URL"
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or "#" in url or "?" in url:
        return "must be an absolute http(s) URL without user, query or fragment"
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        return "must be https: only loopback is asked over http"
    literal = parsed.host.replace(".", "").isdecimal() or ":" in parsed.host
    return "is an address that is never connected to" if literal and not may_connect(parsed.host, parsed.host) else None


def _calls(entry: Entry) -> int | None:
    number = entry.optional_number("calls_per_minute")
    if number is not None and (number < 1 or number != int(number)):
        entry.wrong("'calls_per_minute' must be a whole number from 1 on", "calls_per_minute")
    return None if number is None else int(number)


def _keys(entry: Entry, folder: Path, jku: str | None) -> tuple[PublicKey, ...]:
    """The keys written down, in the file or in one it names."""
    if "jwks" in entry.block and "jwks_file" in entry.block:
        entry.wrong("has both 'jwks' and 'jwks_file'; keep one", "jwks_file")
    if "jwks" in entry.block:
        return _key_set(entry, "jwks", _plain(entry.block["jwks"]))
    if "jwks_file" in entry.block:
        return _key_set(entry, "jwks_file", _from_file(entry, folder))
    if jku is None:
        entry.wrong("has no keys; give 'jku', 'jwks' or 'jwks_file'")
    return ()


def _from_file(entry: Entry, folder: Path) -> Any:  # noqa: ANN401  JSON as it comes
    name = entry.text("jwks_file")
    try:
        return json.loads((folder / name).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        entry.wrong(f"'{name}' cannot be read as JSON ({type(error).__name__})", "jwks_file")
        return {"keys": []}


def _key_set(entry: Entry, key: str, written: Any) -> tuple[PublicKey, ...]:  # noqa: ANN401  as above
    listed = written.get("keys") if isinstance(written, Mapping) else None
    if not isinstance(listed, list) or not listed:
        entry.wrong(f"'{key}' must be a JWK Set with at least one key: {{keys: [...]}}", key)
        return ()
    found: dict[str, PublicKey] = {}
    for place, jwk in enumerate(listed, 1):
        try:
            read = read_key(jwk if isinstance(jwk, Mapping) else {})
        except KeyMistake as mistake:
            entry.wrong(f"key {place} of '{key}' {mistake}", key)
            continue
        if read.kid in found:
            entry.wrong(f"key {place} of '{key}' has the kid of another; each key needs its own", key)
        found[read.kid] = read
    return tuple(found.values())


def _plain(tree: Any) -> Any:  # noqa: ANN401  YAML as it comes
    """A YAML tree as JSON values."""
    convert: Callable[[Any], Any] = _plain
    if isinstance(tree, Block):
        return {key: convert(value) for key, value in tree.items()}
    return [convert(item) for item in tree] if isinstance(tree, Items) else tree


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host.rstrip(".")
    except httpx.InvalidURL:
        return ""
