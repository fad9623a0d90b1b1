"""The nightly run put together: a source, an engine, the store, the list. What `cds-service screen` calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from platformdirs import user_data_path

from cds_service import clock
from cds_service.bootstrap import build_catalog, download_population, engine_version, find_trial
from cds_service.config import Settings
from cds_service.domain.facts import Kind
from cds_service.errors import ConfigurationError, IncompleteRun, UsageError
from cds_service.fhir.download_record import FILE as RECORD
from cds_service.fhir.download_record import DownloadReport, read_given, read_report
from cds_service.fhir.download_record import Progress as Downloading
from cds_service.fhir.exchange import check_base
from cds_service.fhir.reading import KIND_OF
from cds_service.fhir.resources import READ_TYPES
from cds_service.fhir.servers import plain_base
from cds_service.population.local import Options, Progress
from cds_service.population.nightly import ENGINE, NightlyOrder, run_nightly, work_folder
from cds_service.population.nightly import clear as clear_nightly
from cds_service.population.plan import FILE as PLAN
from cds_service.population.spark_session import check_spark
from cds_service.reports.lists import check_format, csv_lines, write_list
from cds_service.screening.overnight import BeliefRules, Done, Since, ranked
from cds_service.screening.ports import WorklistBook
from cds_service.screening.runs import Run, Stored
from cds_service.store.opening import open_runs

_FULL = "000"
_AT_ONCE = 200
RESUMED_WITHIN = timedelta(hours=20)
"""What was interrupted earlier is of last night: a command that always says --resume must not repeat it."""
MOST_CHANGES = 40
"""Downloads of changes laid over a full one before there is a full one again: what a server deletes without
saying so goes only then.
"""


@dataclass(frozen=True, slots=True)
class ScreenRequest:
    """What `cds-service screen` was asked; `as_of` None: today, or the day of the run that is resumed.

    `server` is the base URL under which hook calls know the patients: that of the server a folder
    was exported from, or another name of the one asked; empty where not said.
    """

    source: str
    trial: str
    as_of: date | None = None
    since: Since | date | None = None
    resume: bool = False
    database: str | None = None
    out: Path | None = None
    every: bool = False
    accept_drop: bool = False
    method: str = "export"
    group: str | None = None
    engine: str = ENGINE
    server: str = ""

    @property
    def is_server(self) -> bool:
        """Whether the source is a FHIR base URL."""
        return self.source.lower().startswith(("http://", "https://"))

    @property
    def is_address(self) -> bool:
        """Whether the source is an address that Spark knows (s3a://, hdfs://, file://)."""
        return "://" in self.source and not self.is_server


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """A run that is done; where its quarantine is listed; the list as text where no file was named."""

    done: Done
    quarantine: Path
    shown: str = ""


def screen(
    settings: Settings, request: ScreenRequest, progress: Progress, say: Callable[[str], object]
) -> ScreenResult:
    """Screen a population, store the run, write the list.

    Raises AnotherRun, IncompleteRun, SourceError, RemoteError, and UsageError for a wrong request.
    """
    _check(request)
    on_spark = request.engine != ENGINE
    if on_spark:
        check_spark()
        from cds_service.population.spark import run_on_spark  # noqa: PLC0415  needs the optional extra
    catalog = build_catalog(settings)
    trial = find_trial(catalog, request.trial)
    parent = work_directory(settings)
    interrupted = request.resume and _is_recent(work_folder(parent, _source(request), trial.id) / PLAN)
    quarantine = _quarantine(request, parent)
    store = open_runs(request.database or settings.database_url)
    try:
        with store.runs.lock():
            brought = _bring(settings, request, parent, progress, interrupted=interrupted)
            order = NightlyOrder(
                folders=brought.folders,
                source=brought.source,
                trial=trial,
                catalog=catalog,
                engine_version=engine_version(),
                today=clock.today(),
                as_of=request.as_of,
                base=brought.base,
                since=None if brought.anew else request.since,
                resume=request.resume if on_spark else interrupted,
                options=Options(workers=settings.screen_workers or os.cpu_count() or 1),
                source_problems=brought.problems,
                rows_in_full=brought.rows_in_full,
                not_retrieved=brought.not_retrieved,
                address=brought.address,
            )
            rules = BeliefRules(settings.screen_max_drop, accept_drop=request.accept_drop)
            ports = (quarantine, store.runs, store.book, rules, clock.now, progress, say)
            try:
                done = run_on_spark(order, *ports) if on_spark else run_nightly(order, parent, *ports)
            except IncompleteRun:
                # What cannot be believed is not gone on with.
                clear_nightly(parent, order.source, trial.id)
                raise
            shown = _write_list(request, store.book, done.run)
            clear_nightly(parent, order.source, trial.id)
    finally:
        store.close()
    return ScreenResult(done, quarantine, shown)


def _check(request: ScreenRequest) -> None:
    if request.out is not None:
        check_format(request.out)
        if not request.out.absolute().parent.is_dir():
            raise UsageError(f"--out {request.out}: there is no folder {request.out.parent}; make it first")
    if not request.is_server and (request.group is not None or request.method != "export"):
        raise UsageError("--group and --method go with a FHIR base URL, not with a folder")
    if request.is_address and request.engine == ENGINE:
        raise UsageError("SOURCE is neither a folder nor a FHIR base URL: such an address is read by --engine spark")
    for url in (request.source if request.is_server else "", request.server):
        if url:
            check_base(url)


def _quarantine(request: ScreenRequest, parent: Path) -> Path:
    """Where the lines that could not be read are listed: beside the list, else in the work folder."""
    if request.out is None:
        return parent / "quarantine.ndjson"
    return request.out.with_name(f"{request.out.stem}.quarantine.ndjson")


def _documents(book: WorklistBook, listed: Sequence[Stored]) -> Iterator[bytes]:
    """Their assessments in this order, some hundred at a time."""
    for first in range(0, len(listed), _AT_ONCE):
        numbers = [one.number for one in listed[first : first + _AT_ONCE]]
        found = book.documents(numbers)
        yield from (found[number] for number in numbers)


def _write_list(request: ScreenRequest, book: WorklistBook, run: Run) -> str:
    documents = _documents(book, ranked(book, run, every=request.every))
    if request.out is not None:
        write_list(request.out, documents, run.as_of)
        return ""
    return "".join(csv_lines((json.loads(document) for document in documents), run.as_of))


def work_directory(settings: Settings) -> Path:
    """Where the nightly run puts down what it reads: a folder only its owner may look into."""
    folder = settings.work_dir or user_data_path("cds-service", appauthor=False) / "screening"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(f"CDS_WORK_DIR: {folder} cannot be made ({error.strerror})") from None
    return folder


@dataclass(frozen=True, slots=True)
class _Brought:
    """A source as folders on this machine, or as an address that Spark reads.

    `anew`: everybody must be assessed, whatever was asked.
    """

    folders: tuple[Path, ...]
    source: str
    base: str = ""
    problems: tuple[str, ...] = ()
    not_retrieved: tuple[tuple[Kind, str], ...] = ()
    rows_in_full: Mapping[str, int] = field(default_factory=dict)
    anew: bool = False
    address: str = ""


def _base(request: ScreenRequest) -> str:
    """The base of the patients' ids, spelt as hook calls' are; empty where a folder does not say whose it is."""
    url = request.server or (request.source if request.is_server else "")
    return (plain_base(url) or url.strip().rstrip("/")) if url else ""


def _source(request: ScreenRequest) -> str:
    """What identifies the source from night to night: the server, or a Group of it, or else the folder or address."""
    base = _base(request)
    if request.is_address:
        return base or request.source.rstrip("/")
    return (f"{base} Group/{request.group}" if request.group else base) or str(Path(request.source).resolve())


def _bring(
    settings: Settings, request: ScreenRequest, parent: Path, progress: Progress, *, interrupted: bool
) -> _Brought:
    if request.is_server:
        return _Mirror(settings, request, parent, progress, interrupted=interrupted).bring()
    if request.is_address:
        return _Brought((), _source(request), _base(request), address=request.source)
    return _Brought((Path(request.source),), _source(request), _base(request))


def _is_recent(path: Path) -> bool:
    """Whether a file is there and was written not long ago."""
    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return False
    return clock.now() - written < RESUMED_WITHIN


class _Mirror:
    """A server's population on this machine: the last full download, and the changes laid over it.

    Resources come in versions then; the newest holds (`fhir.record`). `interrupted`: a run over
    what is here did not end, and goes on.
    """

    def __init__(
        self, settings: Settings, request: ScreenRequest, parent: Path, progress: Progress, *, interrupted: bool
    ) -> None:
        self._settings = settings
        self._request = request
        self._progress = progress
        self._url = request.source.strip().rstrip("/")
        self._interrupted = interrupted
        self._folder = work_folder(parent / "downloads", f"{self._url} {request.group or ''}", request.method)

    def bring(self) -> _Brought:
        """Download all, or what changed since the last download."""
        earlier = self._earlier()
        since = self._since(earlier)
        if since is None:
            return self._full()
        name = f"{len(earlier):03d}"
        report = self._download(name, since)
        if _lacked(earlier) - report.unavailable.keys():
            # Of a type given again the changes alone would pass for all there is.
            return self._full()
        folders = (*earlier, self._folder / name)
        struck = strike_all(folders[:-1], report)
        return self._brought(folders, report, anew=struck)

    def _full(self) -> _Brought:
        for folder in sorted(self._folder.glob("[0-9][0-9][0-9]"), reverse=True):
            if folder.name != _FULL:
                _remove(folder)
        report = self._download(_FULL, None)
        return self._brought((self._folder / _FULL,), report, anew=False)

    def _earlier(self) -> list[Path]:
        """The downloads on disk that are whole, the full one first; a gap ends them."""
        found: list[Path] = []
        while read_report(folder := self._folder / f"{len(found):03d}") is not None:
            found.append(folder)
        return found

    def _since(self, earlier: list[Path]) -> datetime | None:
        """The server's instant from which changes are asked for; None for everything.

        Of who joined a Group since then a server need not give what is older, so a Group is had in full.
        """
        if self._request.since is None or self._request.group is not None:
            return None
        report = read_report(earlier[-1]) if earlier else None
        if report is None or report.incomplete or not report.transaction_time or len(earlier) > MOST_CHANGES:
            return None
        return datetime.fromisoformat(report.transaction_time)

    def _download(self, name: str, since: datetime | None) -> DownloadReport:
        def tell(progress: Downloading) -> None:
            self._progress(progress.phase, progress.done, progress.total or 0)

        return download_population(
            self._settings,
            self._url,
            self._folder / name,
            types=sorted(READ_TYPES),
            group=self._request.group,
            since=since,
            method=self._request.method,
            resume=self._may_resume(self._folder / name),
            progress=tell,
        )

    def _may_resume(self, folder: Path) -> bool:
        """Whether a download is gone on with; one that is whole, only where the run over it goes on."""
        if not self._request.resume or not _is_recent(folder / RECORD):
            return False
        report = read_report(folder)
        return report is None or (self._interrupted and report.incomplete is None)

    def _brought(self, folders: tuple[Path, ...], report: DownloadReport, *, anew: bool) -> _Brought:
        lacking = tuple((KIND_OF[kind], why) for kind, why in sorted(report.unavailable.items()) if kind in KIND_OF)
        problems = (report.incomplete,) if report.incomplete else ()
        full = read_report(folders[0]) or report
        # A night without changes leaves a folder without files.
        filled = tuple(folder for folder in folders if any(folder.glob("*.ndjson*")))
        return _Brought(filled, _source(self._request), _base(self._request), problems, lacking, full.counts, anew)


def _lacked(folders: Sequence[Path]) -> frozenset[str]:
    """The resource types that one of these downloads was not given, or, by an older release, did not ask for."""
    return frozenset(kind for folder in folders for kind in READ_TYPES.keys() - read_given(folder))


def strike_all(folders: tuple[Path, ...], report: DownloadReport) -> bool:
    """Take deleted resources out of earlier downloads; whether any was there."""
    from cds_service.fhir.arranging import strike  # noqa: PLC0415  a folder needs nothing of downloading

    return report.deleted != () and sum(strike(folder, report.deleted).total() for folder in folders) > 0


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
