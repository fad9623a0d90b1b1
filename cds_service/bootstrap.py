"""The composition root: settings become the catalog, the adapters and the use cases.

What only the hooks or only a download needs is imported where it is put together: a nightly
run over a folder, and every other command, then starts in half the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog, mappings_directory
from cds_service.catalog.orderables import load_orderables
from cds_service.catalog.overrides import OverrideReason, load_override_reasons
from cds_service.catalog.relevance import Relevance, load_relevance
from cds_service.catalog.sites import Contact
from cds_service.catalog.watching import observation_codes
from cds_service.config import Settings
from cds_service.domain.facts import PatientFacts
from cds_service.domain.trials import Trial
from cds_service.errors import ConfigurationError, UsageError
from cds_service.fhir.answers import read_answers
from cds_service.fhir.bundles import Found
from cds_service.fhir.download_record import DownloadReport, Progress
from cds_service.fhir.searches import Searches
from cds_service.screening.ports import Deliveries, Ledger, ReadRecord
from cds_service.screening.silence import SilenceRules
from cds_service.screening.speaking import SpeakingRules
from cds_service.store.memory import memory_ledger
from cds_service.store.opening import Store, open_store

if TYPE_CHECKING:
    import httpx

    from cds_service.cds.answering import TrialService
    from cds_service.cds.clients import TrustedClient
    from cds_service.cds.trust import Trust
    from cds_service.fhir.smart import Credentials


def build_catalog(settings: Settings) -> Catalog:
    """The mappings the settings name. Raises MappingError with every mistake in them."""
    return load_catalog(settings.mappings_dir, settings.site)


def find_trial(catalog: Catalog, trial_id: str) -> Trial:
    """The trial of an id. Raises UsageError, naming those there are."""
    try:
        return catalog.trials[trial_id]
    except KeyError:
        known = ", ".join(sorted(catalog.trials)) or "none"
        raise UsageError(f"there is no trial '{trial_id}' in the mappings; there are: {known}") from None


def build_trial_service(settings: Settings, ledger: Ledger | None = None) -> TrialService:
    """What answers the hooks of the trial that the settings name; without a ledger it remembers in memory."""
    from cds_service.cds.answering import TrialService  # noqa: PLC0415
    from cds_service.cds.cards import Sender  # noqa: PLC0415
    from cds_service.cds.recent import RecentCalls  # noqa: PLC0415
    from cds_service.fhir.servers import AllowedServers  # noqa: PLC0415

    catalog = build_catalog(settings)
    trial = find_trial(catalog, settings.trial)
    directory = mappings_directory(settings.mappings_dir)
    reasons = load_override_reasons(directory)
    contact = catalog.site.contact if catalog.site is not None else Contact()
    sender = Sender(trial, contact, reasons, load_orderables(directory))
    sender.prepare()
    return TrialService(
        sender=sender,
        catalog=catalog,
        searches=build_searches(catalog),
        servers=AllowedServers(settings.allowed_fhir_servers),
        speaking=SpeakingRules(
            established=frozenset(settings.card_needs),
            unknowns_at_most=settings.card_max_unknowns,
            studies=catalog.site.studies.get(trial.id, frozenset()) if catalog.site is not None else frozenset(),
        ),
        silence=build_silence(settings, reasons),
        read=record_reader(catalog),
        ledger=ledger if ledger is not None else memory_ledger(),
        deadline_seconds=settings.hook_deadline_seconds,
        max_page_bytes=settings.max_body_bytes,
        engine_version=engine_version(),
        recent=RecentCalls(timedelta(minutes=settings.recent_minutes)),
    )


def build_silence(settings: Settings, reasons: Sequence[OverrideReason]) -> SilenceRules:
    """For how long what was said before keeps a card away."""
    return SilenceRules(
        same_card_for=timedelta(hours=settings.card_same_hours),
        not_again_for=timedelta(days=settings.card_again_days),
        no_time_for=timedelta(days=settings.card_no_time_days),
        effects={reason.coding.code: reason.effect for reason in reasons if reason.effect is not None},
    )


def build_store(settings: Settings, database: str | None = None) -> Store:
    """The ledger of cards, feedback, decisions and audit, opened. Raises ConfigurationError."""
    return open_store(database or settings.database_url)


def build_clients(settings: Settings) -> tuple[TrustedClient, ...]:
    """The EHRs whose signed calls are accepted; none where calls are unsigned. Raises ConfigurationError."""
    from cds_service.cds.clients import Reading, read_clients  # noqa: PLC0415

    if settings.trusted_clients is None:
        return ()
    reading = Reading(settings.public_url, settings.allow_public_test_issuer)
    return read_clients(settings.trusted_clients, reading)


def build_trust(
    settings: Settings,
    clients: Sequence[TrustedClient],
    ledger: Ledger,
    http: Callable[[], httpx.AsyncClient],
    now: Callable[[], datetime],
) -> Trust:
    """How the calls of these EHRs are checked."""
    from cds_service.cds.keys import fetch_over  # noqa: PLC0415
    from cds_service.cds.tokens import TimeRules  # noqa: PLC0415
    from cds_service.cds.trust import trust_clients  # noqa: PLC0415

    times = TimeRules(settings.token_leeway_seconds, settings.token_max_age_seconds)
    return trust_clients(clients, settings.public_url, times, ledger.replays, fetch_over(http), now)


def check_startup(settings: Settings) -> None:
    """Raises ConfigurationError for trusted clients that cannot be read or a database that cannot be used.

    For a process that serves through others: they would fail one by one, and without a clear word.
    """
    build_clients(settings)
    build_store(settings).close()


def build_searches(catalog: Catalog) -> Searches:
    """The questions put to a record system, narrowed to the codes the mappings know."""
    return Searches(observation_codes(catalog))


def build_relevance(settings: Settings) -> Relevance:
    """The words by which an unmapped code looks relevant."""
    return load_relevance(mappings_directory(settings.mappings_dir))


def download_population(
    settings: Settings,
    base: str,
    folder: Path,
    *,
    types: Sequence[str],
    group: str | None = None,
    since: datetime | None = None,
    type_filter: Sequence[str] = (),
    method: str = "export",
    resume: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> DownloadReport:
    """`fhir.bulk.download` as the settings say: who the client is, how many files at a time, how long to wait."""
    from cds_service.fhir.bulk import download  # noqa: PLC0415
    from cds_service.fhir.waiting import Patience  # noqa: PLC0415

    return download(
        base,
        folder,
        types=types,
        group=group,
        since=since,
        type_filter=type_filter,
        method=method,
        resume=resume,
        progress=progress,
        credentials=fhir_credentials(settings),
        parallel=settings.fhir_parallel,
        patience=Patience(export_seconds=settings.fhir_export_hours * 3600),
        ca_file=settings.fhir_ca_file,
    )


def fhir_credentials(settings: Settings) -> Credentials | None:
    """Who the nightly run is to a FHIR server; None where it is nobody. Raises ConfigurationError for half of it."""
    from cds_service.fhir.smart import Credentials  # noqa: PLC0415

    client_id, key = settings.fhir_client_id, settings.fhir_private_key_file
    if client_id is None and key is None:
        return None
    if client_id is None or key is None:
        lacking = "CDS_FHIR_CLIENT_ID" if client_id is None else "CDS_FHIR_PRIVATE_KEY_FILE"
        raise ConfigurationError(f"{lacking} is not set: a client id and its private key go together")
    return Credentials(client_id, key, settings.fhir_scopes)


def record_reader(catalog: Catalog) -> ReadRecord[Found]:
    """What turns the deliveries of a hook call into facts."""

    def read(patient_id: str, deliveries: Deliveries[Found]) -> PatientFacts:
        return read_answers(patient_id, deliveries, catalog)

    return read


def engine_version() -> str:
    """The version of this package as installed."""
    try:
        return version("cds-service")
    except PackageNotFoundError:
        return "unknown"
