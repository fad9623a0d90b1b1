"""Hook calls for tests: bodies, prefetch, and an app asked without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from cds_service.config import Settings
from cds_service.fhir.pages import RESOURCE_TYPES
from cds_service.web.app import create_app

Json = dict[str, Any]
SERVICE = "/cds-services/extend-op-patient-view"
AS_OF = date(2026, 11, 22)


def settings(**changed: Any) -> Settings:
    """Settings that take nothing from the environment's .env file."""
    return Settings(_env_file=None, **changed)  # type: ignore[call-arg]


@cache
def app() -> FastAPI:
    """The app of the default settings, on a fixed day."""
    return create_app(settings(), today=lambda: AS_OF)


def ask(
    method: str,
    path: str,
    to: FastAPI | None = None,
    client: tuple[str, int] = ("127.0.0.1", 50000),
    **request: Any,
) -> httpx.Response:
    """One request to an app, as if from `client`."""

    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=to or app(), client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as asking:
            return await asking.request(method, path, **request)

    return asyncio.run(once())


def call(*, prefetch: Json | None = None, **changed: Any) -> Json:
    """The body of a patient-view call about Patient/p; None takes an element out."""
    body: Json = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/dr", "patientId": "p"},
        "prefetch": prefetch,
    }
    return {name: value for name, value in (body | changed).items() if value is not None}


def bundle(*resources: Json, next_page: str | None = None, **more: Any) -> Json:
    """A searchset Bundle."""
    found: Json = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}
    if next_page:
        found["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": next_page}]
    return found


def outcome(severity: str = "error") -> Json:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}


def patient(identity: str = "p", **more: Any) -> Json:
    """A Patient born in 1964."""
    return {"resourceType": "Patient", "id": identity, "gender": "male", "birthDate": "1964-03-02", **more}


def by_kind(resources: Iterable[Json]) -> Json:
    """The prefetch of these resources: the Patient, and a Bundle for every other key."""
    listed = list(resources)
    prefetch: Json = {}
    for kind, name in RESOURCE_TYPES.items():
        found = [resource for resource in listed if resource["resourceType"] == name]
        prefetch[kind.value] = found[0] if name == "Patient" else bundle(*found)
    return prefetch


def problem(response: httpx.Response) -> str:
    """The words of an OperationOutcome answer."""
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    return str(body["issue"][0]["diagnostics"])


def walk(value: Any, visit: Callable[[str, Any], None], path: str = "$") -> None:
    """Visit every value of a JSON document with its path."""
    visit(path, value)
    if isinstance(value, dict):
        for name, item in value.items():
            walk(item, visit, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            walk(item, visit, f"{path}[{index}]")


def as_bytes(body: Json) -> bytes:
    """A body as JSON."""
    return json.dumps(body).encode()
