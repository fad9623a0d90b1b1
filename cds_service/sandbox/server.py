"""The embedded FHIR R4 server of the sandbox: a thin adapter around sekmet-fhir.

Everything else in the sandbox speaks plain FHIR over HTTP, so that any other server can take its place by address.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from fastapi import FastAPI

from cds_service.errors import ConfigurationError
from cds_service.sandbox.loopback import Served, address, open_port

Resource = Mapping[str, Any]

# An unknown parameter is ignored by that server and answers every patient's rows: the ones a
# clinical client needs and it lacks are added to its table before it starts.
ADDED_SEARCH_PARAMETERS: dict[str, tuple[tuple[str, str, tuple[str, ...], str | None], ...]] = {
    "BodyStructure": (
        ("identifier", "token", ("identifier",), None),
        ("patient", "reference", ("patient",), "Patient"),
        ("location", "token", ("location",), None),
        ("morphology", "token", ("morphology",), None),
    ),
    "ImagingStudy": (
        ("bodysite", "token", ("series.bodySite",), None),
        ("reason", "token", ("reasonCode",), None),
        ("modality", "token", ("modality", "series.modality"), None),
    ),
    "ResearchSubject": (
        ("identifier", "token", ("identifier",), None),
        ("patient", "reference", ("individual",), "Patient"),
        ("individual", "reference", ("individual",), None),
        ("study", "reference", ("study",), None),
        ("status", "token", ("status",), None),
    ),
    "ResearchStudy": (
        ("identifier", "token", ("identifier",), None),
        ("status", "token", ("status",), None),
        ("title", "string", ("title",), None),
    ),
}


@contextmanager
def embedded_fhir_server(resources: Iterable[Resource] = (), port: int = 0) -> Iterator[str]:
    """The base address of a FHIR server holding the resources, in memory, for as long as the block lasts.

    `resources` are stored as they stand (a record is rarely perfect); what comes in over HTTP
    afterwards is validated strictly. Raises ConfigurationError when sekmet-fhir is not installed.
    """
    sekmet = _sekmet()
    _add_search_parameters(sekmet)
    bound = open_port(port)
    base = f"{address(bound)}/fhir"
    with TemporaryDirectory(prefix="cds-sandbox-") as exports:
        app = _application(sekmet, base, bound.getsockname()[1], exports)
        _store(app, resources)
        with Served(app, bound, "FHIR server"):
            try:
                yield base
            finally:
                app.state.ctx.subscriptions.pool.shutdown(wait=False, cancel_futures=True)


def _sekmet() -> ModuleType:
    try:
        for part in ("config", "fhir.search_params", "main"):
            import_module(f"sekmet.{part}")
        return import_module("sekmet")
    except ImportError as error:
        raise ConfigurationError(
            "the sandbox needs its FHIR server: install cds-service[sandbox], or name another server with --fhir URL"
        ) from error


def _add_search_parameters(sekmet: ModuleType) -> None:
    table = sekmet.fhir.search_params.PARAMS
    for kind, rows in ADDED_SEARCH_PARAMETERS.items():
        known = table.setdefault(kind, {})
        for name, value_kind, paths, target in rows:
            known[name] = sekmet.fhir.search_params.SearchParam(name, value_kind, paths, target)


def _application(sekmet: ModuleType, base: str, port: int, exports: str) -> FastAPI:
    """The server's application: loopback only, only exports on disk, no simulated departments, no log of bodies."""
    settings = sekmet.config.Settings(
        base_url=base,
        host="127.0.0.1",
        port=port,
        db_path=":memory:",
        data_dir=exports,
        facility_name="Sandbox Hospital",
        simulator={"enabled": False},
        log_inbound=False,
    )
    with _root_logger_kept():
        app: FastAPI = sekmet.main.create_app(settings)
        return app


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    """The root logger as it was: the embedded server configures it for itself on being built."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _store(app: FastAPI, resources: Iterable[Resource]) -> None:
    store = app.state.ctx.store
    with store.transaction():
        for resource in resources:
            store.update(dict(resource), origin="internal")
