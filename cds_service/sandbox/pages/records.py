"""The pretend EHR's own access to its FHIR server: read, search, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from cds_service.errors import RemoteError

Json = dict[str, Any]

FHIR_JSON = "application/fhir+json"
MOST_PAGES = 50


class InvalidResource(RemoteError):
    """A resource that is not valid FHIR R4; the message names the elements, not their values."""


class Records:
    """A FHIR R4 server, asked over HTTP."""

    def __init__(self, base: str, http: httpx.AsyncClient) -> None:
        self.base = base.rstrip("/")
        self._http = http

    async def get(self, path: str) -> Json | None:
        """The resource or Bundle at a path below the base; None when the server knows of none.

        Raises RemoteError for any other answer than JSON with a status of success.
        """
        address = urljoin(f"{self.base}/", path)
        try:
            answer = await self._http.get(address, headers={"Accept": FHIR_JSON})
            if answer.status_code in {404, 410}:
                return None
            answer.raise_for_status()
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RemoteError(
                f"the FHIR server did not answer {path.split('?', maxsplit=1)[0]} ({type(error).__name__})"
            ) from error
        if not isinstance(body, dict):
            raise RemoteError(
                f"the FHIR server answered {path.split('?', maxsplit=1)[0]} with something that is not a resource"
            )
        return body

    async def search(self, query: str) -> list[Json]:
        """All resources a search finds, following `next` on the same host."""
        found: list[Json] = []
        path: str | None = query
        for _ in range(MOST_PAGES):
            if path is None:
                break
            page = await self.get(path)
            found += matches(page)
            path = self._next(page)
        return found

    def _next(self, page: Json | None) -> str | None:
        links = (page or {}).get("link", ())
        address = next((link.get("url") for link in links if link.get("relation") == "next"), None)
        if address is None:
            return None
        absolute = urljoin(f"{self.base}/", address)
        return absolute if urlsplit(absolute).netloc == urlsplit(self.base).netloc else None

    async def write(self, actions: Sequence[Mapping[str, Any]]) -> list[str]:
        """The references of what a suggestion's actions created or changed, all or none of them.

        Raises InvalidResource before anything is sent, RemoteError when the server refuses.
        """
        entries = [_entry(action) for action in actions]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        try:
            answer = await self._http.post(self.base, json=bundle, headers={"Content-Type": FHIR_JSON})
            answer.raise_for_status()
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise RemoteError(f"the FHIR server did not take the suggestion ({type(error).__name__})") from error
        return [_reference(entry.get("response", {})) for entry in body.get("entry", ())]


def visit(patient: str) -> Json:
    """An Encounter that begins now, as the EHR writes it when a visit starts."""
    return {
        "resourceType": "Encounter",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _kind(path: str) -> str:
    """The resource type a path asks for, without the patient it names."""
    return path.rsplit("/fhir/", 1)[-1].split("?", 1)[0].split("/", 1)[0]


def matches(bundle: Json | None) -> list[Json]:
    """The resources a search matched; OperationOutcomes and included ones are left out."""
    entries = (bundle or {}).get("entry", ())
    found = (entry["resource"] for entry in entries if _is_match(entry))
    return [resource for resource in found if resource.get("resourceType") != "OperationOutcome"]


def _is_match(entry: Mapping[str, Any]) -> bool:
    return "resource" in entry and entry.get("search", {}).get("mode", "match") == "match"


def validate(resource: Mapping[str, Any]) -> None:
    """Checks a resource against FHIR R4 (R4B models). Raises InvalidResource, naming elements only."""
    kind = resource.get("resourceType")
    try:
        get_fhir_model_class(str(kind)).model_validate(resource)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in problem["loc"]) for problem in error.errors()})
        raise InvalidResource(f"the {kind} is not valid FHIR R4: {', '.join(places)}") from error
    except (KeyError, ValueError) as error:
        raise InvalidResource(f"{kind} is not a FHIR R4 resource type") from error


def _entry(action: Mapping[str, Any]) -> Json:
    if action.get("type") == "delete":
        return {"request": {"method": "DELETE", "url": action["resourceId"]}}
    resource = dict(action["resource"])
    validate(resource)
    if action.get("type") == "update":
        url = f"{resource['resourceType']}/{resource['id']}"
        return {"resource": resource, "request": {"method": "PUT", "url": url}}
    return {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _reference(response: Mapping[str, Any]) -> str:
    """`Task/123` of a location such as `http://host/fhir/Task/123/_history/1`."""
    parts = str(response.get("location", "")).split("/_history/", 1)[0].rsplit("/", 2)
    return "/".join(parts[-2:])
