"""The sandbox's FHIR server by export and by search: the same resources as were loaded into it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date

import pytest
from joserfc.jwk import ECKey

from cds_service.fhir.bulk import download
from cds_service.fhir.smart import Credentials
from cds_service.sandbox import server as sandbox
from cds_service.sandbox.roster import sandbox_records

pytestmark = pytest.mark.integration

TODAY = date(2026, 11, 22)
KEY = ECKey.generate_key("P-384")
LOADED = list(sandbox_records(TODAY))
TYPES = tuple(sorted({resource["resourceType"] for resource in LOADED}))


@contextmanager
def guarded_server(scopes, *, enforce):
    """The embedded server with Backend Services, one client registered."""
    known = {"keys": [KEY.as_dict(private=False, kid="k", alg="ES384", use="sig")]}
    plain = sandbox._application

    def application(sekmet, *where):
        app = plain(sekmet, *where)
        auth = sekmet.config.ServerAuth(
            types=["smart"],
            smart_clients=[sekmet.config.SmartClient(client_id="nightly", jwks=known, scopes=scopes)],
            enforce_scopes=enforce,
        )
        app.state.ctx.settings.server_auth = auth
        return app

    sandbox._application = application
    try:
        with sandbox.embedded_fhir_server(LOADED) as base:
            yield base
    finally:
        sandbox._application = plain


@pytest.fixture(scope="module")
def base():
    with sandbox.embedded_fhir_server(LOADED) as address:
        yield address


def resources(folder):
    """What is in the folder, by type and id, without what a server adds."""
    found = {}
    for path in folder.glob("*.ndjson"):
        for line in path.read_text().splitlines():
            resource = json.loads(line)
            name = f"{resource['resourceType']}/{resource['id']}"
            assert name not in found
            assert path.name.split(".")[0] == resource["resourceType"]
            found[name] = without_versions(resource)
    return found


def without_versions(resource):
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return rest | ({"meta": meta} if meta else {})


EXPECTED = {f"{one['resourceType']}/{one['id']}": without_versions(json.loads(json.dumps(one))) for one in LOADED}


@pytest.mark.parametrize("method", ["export", "search"])
def test_the_folder_holds_what_the_server_holds(base, tmp_path, method):
    report = download(base, tmp_path / "data", types=TYPES, method=method)
    assert report.incomplete is None
    assert report.unavailable == {}
    assert sum(report.counts.values()) == len(EXPECTED)
    assert report.counts == report.promised
    assert resources(tmp_path / "data") == EXPECTED


def test_a_group_is_exported_alone(base, tmp_path):
    import httpx

    members = [{"entity": {"reference": f"Patient/{one}"}} for one in ("sbx-colon-liver", "sbx-bladder-mri")]
    group = {"resourceType": "Group", "id": "two", "type": "person", "actual": True, "member": members}
    assert httpx.put(f"{base}/Group/two", json=group, trust_env=False).status_code == 201
    report = download(base, tmp_path / "data", types=("Patient", "Condition"), group="two")
    assert report.counts["Patient"] == 2
    assert report.incomplete is None


@pytest.mark.parametrize("method", ["export", "search"])
def test_it_is_the_same_with_backend_services(tmp_path, method):
    (tmp_path / "key.pem").write_bytes(KEY.as_pem(private=True))
    credentials = Credentials("nightly", tmp_path / "key.pem")
    with guarded_server("system/*.rs", enforce=True) as guarded:
        report = download(guarded, tmp_path / "data", types=TYPES, method=method, credentials=credentials)
    assert report.incomplete is None
    assert resources(tmp_path / "data") == EXPECTED


def test_a_type_the_client_is_not_allowed_is_named(tmp_path):
    (tmp_path / "key.pem").write_bytes(KEY.as_pem(private=True))
    credentials = Credentials("nightly", tmp_path / "key.pem")
    with guarded_server("system/Patient.rs system/Condition.rs", enforce=True) as guarded:
        types = ("Patient", "Condition", "ImagingStudy")
        report = download(guarded, tmp_path / "data", types=types, method="search", credentials=credentials)
    assert report.unavailable == {"ImagingStudy": "the server does not grant this client its scope"}
    assert report.counts["Patient"] == sum(name.startswith("Patient/") for name in EXPECTED)
