"""The address comes from the body of a call: only servers that are listed, and loopback, are asked."""

from __future__ import annotations

import httpx
import pytest

from cds_service.fhir.servers import AllowedServers, Server

LISTED = ("https://ehr.example/fhir/R4/", "http://intern.example:8080/fhir")


@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example/fhir/R4",
        "https://ehr.example/fhir/R4/",
        "https://EHR.example:443/fhir/R4",
        "http://intern.example:8080/fhir",
        "http://localhost:8080/fhir",
        "http://127.0.0.1/fhir",
        "http://127.9.9.9:1/",
        "http://[::1]:9000/fhir",
    ],
)
def test_listed_and_loopback_servers_are_asked(url: str) -> None:
    assert AllowedServers(LISTED).find(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://ehr.example/fhir/R4",
        "https://ehr.example/fhir",
        "https://ehr.example/fhir/R4/../../admin",
        "https://ehr.example/fhir/R4/%2e%2e/admin",
        "https://ehr.example:8443/fhir/R4",
        "https://ehr.example.evil.example/fhir/R4",
        "https://evil.example/?https://ehr.example/fhir/R4",
        "https://ehr.example/fhir/R4?x=1",
        "https://ehr.example/fhir/R4?",
        "https://ehr.example/fhir/R4#x",
        "https://user@ehr.example/fhir/R4",
        "https://ehr.example@evil.example/fhir/R4",
        "https://ehr.example\\@evil.example/fhir/R4",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/fhir",
        "http://10.0.0.1/fhir",
        "http://0.0.0.0/fhir",
        "http://[::]/fhir",
        "http://[::ffff:169.254.169.254]/fhir",
        "http://127.0.0.1.evil.example/fhir",
        "http://localhost.evil.example/fhir",
        "http://localhost@evil.example/fhir",
        "http://2852039166/",
        "http://127.1/fhir",
        "http://0x7f000001/fhir",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://localhost/fhir",
        "javascript:alert(1)",
        "//localhost/fhir",
        "localhost:8080/fhir",
        "http://",
        "http:///fhir",
        "http://exa mple/fhir",
        "http://[::1/fhir",
        "",
        " ",
    ],
)
def test_no_other_server_is(url: str) -> None:
    assert AllowedServers(LISTED).find(url) is None


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://ehr.example/fhir/R4?page=2", True),
        ("https://ehr.example:443/other", True),
        ("https://EHR.EXAMPLE/fhir", True),
        ("http://ehr.example/fhir/R4?page=2", False),
        ("https://ehr.example:444/fhir", False),
        ("https://ehr.example.evil.example/fhir", False),
        ("https://x@ehr.example/fhir", False),
    ],
)
def test_pages_are_followed_on_the_same_origin_only(url: str, same: bool) -> None:
    assert Server("https://ehr.example/fhir/R4").is_origin_of(httpx.URL(url)) is same
