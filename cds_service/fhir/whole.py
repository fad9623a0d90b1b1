"""One patient's whole record from a FHIR server, for a command rather than a hook call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import Kind, PatientFacts
from cds_service.errors import RemoteError, UsageError
from cds_service.fhir.bundles import Found
from cds_service.fhir.client import ServerSession, open_http
from cds_service.fhir.reading import read_patient
from cds_service.fhir.searches import Searches
from cds_service.fhir.servers import AllowedServers
from cds_service.screening.ports import Delivery

_MOST_PAGE_BYTES = 100_000_000


def fetch_facts(
    base: str, patient_id: str, catalog: Catalog, searches: Searches, within_seconds: float = 60.0
) -> PatientFacts:
    """The facts of a patient of a FHIR server; what could not be had is "not retrieved".

    `base` is the server's base URL, named by whoever runs the command. Raises UsageError for
    an address that is none, RemoteError where not even the Patient could be had.
    """
    deliveries = asyncio.run(_fetch(base, patient_id, searches, within_seconds))
    patient = deliveries[Kind.PATIENT]
    if not patient.resources:
        raise RemoteError(
            f"no Patient of that id came from {base}: {patient.problem or 'the server knows none'}."
            " Check the base URL and --patient."
        )
    found = [item for delivery in deliveries.values() for item in delivery.resources]
    lacking = [(kind, delivery.problem) for kind, delivery in deliveries.items() if delivery.problem]
    return read_patient(found, catalog, patient=patient_id, not_retrieved=lacking)


async def _fetch(
    base: str, patient_id: str, searches: Searches, within_seconds: float
) -> Mapping[Kind, Delivery[Found]]:
    server = AllowedServers((base,)).find(base)
    if server is None:
        raise UsageError("the FHIR base URL is not one: expected http(s)://host/path without query or user")
    async with open_http(judged=False) as http:
        deadline = asyncio.get_running_loop().time() + within_seconds
        session = ServerSession(http, searches, server, None, deadline, _MOST_PAGE_BYTES)
        kinds = tuple(Kind)
        had = await asyncio.gather(*(session.fetch(kind, patient_id) for kind in kinds))
    return dict(zip(kinds, had, strict=True))
