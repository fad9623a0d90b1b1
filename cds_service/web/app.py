"""The web application, and how it is served."""

from __future__ import annotations

import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from cds_service import clock
from cds_service.bootstrap import (
    build_clients,
    build_store,
    build_trial_service,
    build_trust,
    check_startup,
    engine_version,
)
from cds_service.cds.clients import TrustedClient
from cds_service.config import Settings, read_settings
from cds_service.errors import ConfigurationError
from cds_service.fhir.client import open_http
from cds_service.store.opening import Store
from cds_service.web import errors
from cds_service.web.audit import audit_routes
from cds_service.web.feedback import feedback_routes
from cds_service.web.gates import Gate, this_machine_only, trusted_systems_only
from cds_service.web.health import health_routes
from cds_service.web.hooks import HookDesk, hook_routes, no_such_service
from cds_service.web.limits import Allowances
from cds_service.web.metrics import MULTIPROCESS, HookMetrics, metrics_routes
from cds_service.web.worklist import Office, worklist_routes

LOOPBACK_ORIGINS = r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"


class _Http:
    """The process's HTTP client, opened when first needed."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def __call__(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = open_http()
        return self._client

    async def close(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def create_app(
    settings: Settings, today: Callable[[], date] = clock.today, now: Callable[[], datetime] = clock.now
) -> FastAPI:
    """The application for these settings, its mappings loaded, its ledger opened.

    Raises MappingError or ConfigurationError where it cannot be built. `today` is the day
    that hooks are assessed for, `now` the instant from which a shown card ages.
    """
    store = build_store(settings)
    service = build_trial_service(settings, store.ledger)
    http, metrics, clients = _Http(), HookMetrics(), build_clients(settings)
    gate = _gate(settings, clients, store, http, metrics, now)
    app = FastAPI(
        title="CDS Hooks service of EXTEND-OP",
        version=engine_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(http, store),
    )
    errors.install(app)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[*settings.cors_origins, *(origin for client in clients for origin in client.cors_origins)],
        allow_origin_regex=None if clients else LOOPBACK_ORIGINS,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=600,
    )
    desk = HookDesk(service, today, http, settings.max_body_bytes, gate, now, metrics)
    for routes in (hook_routes(desk), feedback_routes(desk), audit_routes(store.ledger.audit), no_such_service(desk)):
        app.include_router(routes)
    app.include_router(health_routes(service, store.healthy))
    app.include_router(worklist_routes(Office(service.sender.trial, store.book, store.ledger.decisions, today, now)))
    app.mount("/static", StaticFiles(packages=[("cds_service.web", "static")]), name="static")
    reasons = frozenset(reason.coding.code for reason in service.sender.override_reasons)
    app.include_router(metrics_routes(metrics, store, reasons, open_to_all=bool(clients)))
    return app


def _gate(
    settings: Settings,
    clients: Sequence[TrustedClient],
    store: Store,
    http: Callable[[], httpx.AsyncClient],
    metrics: HookMetrics,
    now: Callable[[], datetime],
) -> Gate:
    """Who may call: EHRs whose signature holds where any are trusted, else this machine."""
    if not clients:
        return this_machine_only
    allowances = Allowances({client.issuer: client.calls_per_minute or settings.calls_per_minute for client in clients})
    return trusted_systems_only(build_trust(settings, clients, store.ledger, http, now), allowances, metrics.refused)


def _lifespan(http: _Http, store: Store) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        spare_the_collector()
        yield
        await http.close()
        store.close()

    return lifespan


def spare_the_collector() -> None:
    """Take what start-up built out of the garbage collector's rounds: it would pause calls tenfold."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def app_from_environment() -> FastAPI:
    """The application of a worker process, its settings read from the environment."""
    settings = read_settings()
    _log_to_stderr(settings)
    return create_app(settings)


def serve(settings: Settings, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Serve until stopped. Raises ConfigurationError for an address that would be unsafe."""
    settings.check_address(host, workers)
    _check_port(host, port)
    _log_to_stderr(settings)
    if workers == 1:
        _run(create_app(settings), settings, host, port)
        return
    check_startup(settings)
    os.environ.update(settings.as_environment())
    with TemporaryDirectory(prefix="cds-metrics-") as shared:
        os.environ[MULTIPROCESS] = shared
        _run("cds_service.web.app:app_from_environment", settings, host, port, workers)


def _check_port(host: str, port: int) -> None:
    """Say in one line, before anything starts, that another program has the port."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} on {host} cannot be opened ({error.strerror}): choose another with --port"
            ) from None


def _run(app: FastAPI | str, settings: Settings, host: str, port: int, workers: int = 1) -> None:
    uvicorn.run(
        app,
        host=host,
        port=port,
        workers=workers,
        factory=workers > 1,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level=settings.log_level.lower(),
    )


def _log_to_stderr(settings: Settings) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
