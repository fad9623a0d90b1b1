"""Settings: how they are written, what is refused, and where the service will not listen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hooks import settings

from cds_service.config import Settings, is_loopback, read_settings
from cds_service.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No .env file but the test's own."""
    monkeypatch.chdir(tmp_path)


def test_a_first_run_needs_none() -> None:
    found = read_settings()
    assert found.trial == "extend-op"
    assert found.hook_deadline_seconds == 2
    assert found.max_body_bytes == 20_000_000
    assert found.allowed_fhir_servers == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://a.example/fhir", ("https://a.example/fhir",)),
        ("https://a.example/fhir, https://b.example", ("https://a.example/fhir", "https://b.example")),
        ("https://a.example/fhir https://b.example", ("https://a.example/fhir", "https://b.example")),
        ('["https://a.example/fhir"]', ("https://a.example/fhir",)),
        ("", ()),
    ],
)
def test_lists_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, written: str, read: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CDS_ALLOWED_FHIR_SERVERS", written)
    assert read_settings().allowed_fhir_servers == read


def test_an_env_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CDS_SITE=north\nOTHER=1\n")
    assert read_settings().site == "north"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CDS_MAX_BODY_BYTES", "lots"),
        ("CDS_HOOK_DEADLINE_SECONDS", "0"),
        ("CDS_LOG_LEVEL", "chatty"),
        ("CDS_ALLOWED_FHIR_SERVERS", "[1"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        read_settings()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.5.5.5"])
def test_loopback_is_safe(host: str) -> None:
    settings().check_address(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "ehr.example", "localhost.example"])
def test_another_address_needs_trusted_clients(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigurationError, match="CDS_TRUSTED_CLIENTS"):
        settings().check_address(host)


def test_a_public_url_needs_trusted_clients() -> None:
    with pytest.raises(ConfigurationError, match=r"CDS_PUBLIC_URL.*CDS_TRUSTED_CLIENTS"):
        settings(public_url="https://cds.example").check_address("127.0.0.1")


def test_with_trusted_clients_any_address_will_do(tmp_path: Path) -> None:
    trusting = settings(trusted_clients=tmp_path / "clients.yaml", public_url="https://cds.example/hooks")
    for host in ("127.0.0.1", "0.0.0.0", "::", "192.0.2.1"):
        trusting.check_address(host)


UNSAFE = [
    ({"public_url": "http://cds.example"}, "CDS_PUBLIC_URL"),
    ({"public_url": "https://cds.example?x=1"}, "CDS_PUBLIC_URL"),
    ({"public_url": "https://user@cds.example"}, "CDS_PUBLIC_URL"),
    ({"public_url": "cds.example"}, "CDS_PUBLIC_URL"),
    ({"public_url": "https://[::1"}, "CDS_PUBLIC_URL"),
    ({"public_url": "https://cds.example", "allow_public_test_issuer": True}, "CDS_ALLOW_PUBLIC_TEST_ISSUER"),
    ({"allowed_fhir_servers": ("http://ehr.example/fhir",)}, "CDS_ALLOWED_FHIR_SERVERS"),
    ({"allowed_fhir_servers": ("https://ehr.example/fhir", "ftp://ehr.example")}, "CDS_ALLOWED_FHIR_SERVERS"),
    ({"cors_origins": ("*",)}, "CDS_CORS_ORIGINS"),
    ({"cors_origins": ("https://*.example",)}, "CDS_CORS_ORIGINS"),
]


@pytest.mark.parametrize(("unsafe", "named"), UNSAFE)
def test_what_is_unsafe_is_refused_and_named(tmp_path: Path, unsafe: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        settings(trusted_clients=tmp_path / "clients.yaml", **unsafe).check_address("127.0.0.1")


def test_the_public_test_issuer_is_for_loopback(tmp_path: Path) -> None:
    trying = settings(trusted_clients=tmp_path / "clients.yaml", allow_public_test_issuer=True)
    trying.check_address("127.0.0.1")
    with pytest.raises(ConfigurationError, match="CDS_ALLOW_PUBLIC_TEST_ISSUER"):
        trying.check_address("0.0.0.0")


def test_workers_do_not_share_what_is_in_memory() -> None:
    settings(database_url="memory:").check_address("127.0.0.1", 1)
    settings(database_url="sqlite:////tmp/x").check_address("127.0.0.1", 4)
    with pytest.raises(ConfigurationError, match="CDS_DATABASE_URL"):
        settings(database_url="memory:").check_address("127.0.0.1", 2)


def test_worker_processes_get_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings(site="north", allowed_fhir_servers=("https://a.example/fhir",), max_body_bytes=5000)
    for name, value in ours.as_environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == ours


def test_every_setting_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
