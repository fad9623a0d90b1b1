"""Files of an export made ready: deletions out of plain and gzipped files, what was not understood counted."""

from __future__ import annotations

import gzip
import json

import pytest

from cds_service.bootstrap import fhir_credentials
from cds_service.config import Settings
from cds_service.errors import ConfigurationError
from cds_service.fhir.arranging import is_serious, read_deletions, read_errors, strike
from cds_service.fhir.download_record import ErrorEntry
from cds_service.fhir.smart import _covered


def lines(*values):
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def condition(name):
    return {"resourceType": "Condition", "id": name}


def test_deletions_go_from_every_file_of_the_type_and_leave_the_rest(tmp_path):
    (tmp_path / "Condition.00001.ndjson").write_bytes(lines(condition("a"), condition("b")) + b'{"broken\n')
    (tmp_path / "Condition.00002.ndjson.gz").write_bytes(gzip.compress(lines(condition("b"), condition("c"))))
    (tmp_path / "Observation.00003.ndjson").write_bytes(lines({"resourceType": "Observation", "id": "b"}))
    assert strike(tmp_path, ["Condition/b", "Patient/x"]) == {"Condition": 2}
    assert (tmp_path / "Condition.00001.ndjson").read_bytes() == lines(condition("a")) + b'{"broken\n'
    assert gzip.decompress((tmp_path / "Condition.00002.ndjson.gz").read_bytes()) == lines(condition("c"))
    assert b'"b"' in (tmp_path / "Observation.00003.ndjson").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("request_part", "found"),
    [
        ({"method": "DELETE", "url": "Condition/1"}, (("Condition/1",), 0)),
        ({"method": "DELETE", "url": "https://ehr.example/fhir/Condition/1"}, (("Condition/1",), 0)),
        ({"method": "DELETE", "url": "Condition/1/_history/3"}, (("Condition/1",), 0)),
        ({"method": "DELETE", "url": "Condition?identifier=1"}, ((), 1)),
        ({"method": "PUT", "url": "Condition/1"}, ((), 1)),
        (None, ((), 1)),
    ],
)
def test_deletions_are_read_as_servers_write_them(tmp_path, request_part, found):
    path = tmp_path / "deleted.txt"
    path.write_bytes(lines({"resourceType": "Bundle", "entry": [{"request": request_part}]}))
    assert read_deletions([path]) == found


def test_deletions_that_cannot_be_read_are_counted(tmp_path):
    path = tmp_path / "deleted.txt"
    path.write_bytes(b"{broken\n")
    assert read_deletions([path]) == ((), 1)


def test_errors_are_counted_without_their_words(tmp_path):
    issues = [
        {"severity": "error", "code": "not-found", "diagnostics": "Jane"},
        {"severity": "warning", "code": "Jane 12"},
    ]
    path = tmp_path / "errors.txt"
    path.write_bytes(lines({"issue": issues}, {"issue": issues[:1]}, {"issue": []}) + b"{broken\n")
    assert read_errors([path]) == (
        ErrorEntry("error", "not-found", 2),
        ErrorEntry("error", "unknown", 1),
        ErrorEntry("error", "unreadable", 1),
        ErrorEntry("warning", "unknown", 1),
    )


@pytest.mark.parametrize(
    ("severity", "serious"),
    [("error", True), ("fatal", True), ("unknown", True), ("warning", False), ("information", False)],
)
def test_what_only_informs_is_not_serious(severity, serious):
    assert is_serious(ErrorEntry(severity, "x", 1)) is serious


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        ("system/Condition.rs", True),
        ("system/Condition.read", True),
        ("system/*.read", True),
        ("system/*.cruds", True),
        ("system/*.*", True),
        ("system/Condition.rs?category=x", False),
        ("system/Condition.r", False),
        ("system/Condition.write", False),
        ("system/Patient.rs", False),
        ("patient/Condition.rs", False),
        ("openid", False),
    ],
)
def test_scopes_that_let_all_of_a_type_be_read(scope, covers):
    assert _covered("Condition", [scope]) is covers


def settings(**values):
    return Settings(_env_file=None, **values)


def test_a_client_has_an_id_and_a_key_or_neither(tmp_path):
    assert fhir_credentials(settings()) is None
    with pytest.raises(ConfigurationError, match="CDS_FHIR_PRIVATE_KEY_FILE is not set"):
        fhir_credentials(settings(fhir_client_id="nightly"))
    with pytest.raises(ConfigurationError, match="CDS_FHIR_CLIENT_ID is not set"):
        fhir_credentials(settings(fhir_private_key_file=tmp_path / "key.pem"))
    both = fhir_credentials(settings(fhir_client_id="nightly", fhir_private_key_file=tmp_path / "key.pem"))
    assert both is not None
    assert both.client_id == "nightly"
