"""The whole sandbox in one process: FHIR server, CDS service and EHR pages, all on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from cds_service import clock
from cds_service.config import Settings
from cds_service.sandbox.loading import load
from cds_service.sandbox.loopback import Served, open_port
from cds_service.sandbox.pages.app import create_ehr
from cds_service.sandbox.roster import sandbox_records
from cds_service.sandbox.server import embedded_fhir_server
from cds_service.store.opening import MEMORY
from cds_service.web.app import create_app


@contextmanager
def fhir_server(fhir_url: str | None, patients: int | None) -> Iterator[str]:
    """The base address of the FHIR server to work on.

    Without an address, an embedded one with the synthetic patients (all, or the first `patients`).
    With one, that server as it is; patients are written to it only when a number is named.
    """
    if fhir_url is None:
        with embedded_fhir_server(sandbox_records(clock.today(), patients)) as base:
            yield base
        return
    base = fhir_url.rstrip("/")
    if patients is not None:
        load(base, sandbox_records(clock.today(), patients))
    yield base


@contextmanager
def sandbox(service: FastAPI, fhir_base: str, port: int = 0) -> Iterator[str]:
    """The address of the EHR pages over a FHIR server and a CDS service, for as long as the block lasts."""
    with Served(service, open_port(), "CDS service") as served:
        pages = create_ehr(fhir_base, served.address)
        with Served(pages, open_port(port), "EHR") as ehr:
            yield ehr.address


@contextmanager
def running_sandbox(
    settings: Settings, port: int, fhir_url: str | None = None, patients: int | None = None
) -> Iterator[str]:
    """The one address to open, while everything behind it runs. Raises ConfigurationError when it cannot start."""
    with fhir_server(fhir_url, patients) as base:
        ours = {
            "allowed_fhir_servers": (*settings.allowed_fhir_servers, base),
            # Forgotten at the end: a card dismissed yesterday should be there to be tried again today.
            "database_url": settings.database_url or MEMORY,
        }
        with sandbox(create_app(settings.model_copy(update=ours)), base, port) as address:
            yield address
