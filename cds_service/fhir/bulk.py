"""A FHIR server's population as a folder of NDJSON, by bulk export or by search.

For the `screen` command:

    report = download(
        "https://ehr.example/fhir", folder, types=("Patient", "Condition", "Observation"),
        credentials=Credentials("client-id", Path("key.pem")),      # None: the server asks for none
        group=None, since=None, type_filter=(), method="export",    # or method="search"
        resume=False, progress=print, parallel=4,
    )

`folder` then holds `TYPE.NNNNN.ndjson` (`.ndjson.gz` where the server sent it gzipped), and
`download.json`. Only these end in `.ndjson` or `.ndjson.gz`; a row whose type cannot be read
is in `unreadable.mNNNNN.ndjson`. `report.incomplete` says why the list of last time must be
kept; `report.unavailable` which types the server does not give, so that what rests on them is
"not retrieved"; `report.transaction_time` where the next `since` starts; `report.deleted` what
to take out of a folder this one is laid over (`arranging.strike`). `_typeFilter` saves work
where a server heeds it and promises nothing: all that comes must be looked at again.

Killed at any moment, the same call with `resume=True` goes on. Ctrl-C tells the server to stop.

Source: FHIR Bulk Data Access 2.0/3.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cds_service.errors import RemoteError, SourceError, UsageError
from cds_service.fhir.download_record import (
    DownloadReport,
    Progress,
    Record,
    Request,
    Stage,
    lacking_rows,
    open_record,
    reason,
    save,
)
from cds_service.fhir.exchange import Exchange, check_base
from cds_service.fhir.export import Export
from cds_service.fhir.kickoff import asked_types, unavailable_types
from cds_service.fhir.paged import Searched, search_types
from cds_service.fhir.smart import Credentials, Tokens
from cds_service.fhir.waiting import Patience

EXPORT, SEARCH = "export", "search"
_CLOCKS_DIFFER = timedelta(minutes=5)
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,40}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def download(
    base: str,
    folder: Path,
    *,
    types: Sequence[str],
    credentials: Credentials | None = None,
    group: str | None = None,
    since: datetime | None = None,
    type_filter: Sequence[str] = (),
    method: str = EXPORT,
    resume: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    parallel: int = 4,
    patience: Patience | None = None,
    ca_file: Path | None = None,
    sleep: Callable[[float], object] | None = None,
) -> DownloadReport:
    """What came of bringing a server's resources of some types into a folder; see the module for its shape.

    `since` is an instant with its zone. Raises UsageError for what cannot be asked, RemoteError
    where the server refuses, cannot be reached or does not finish, SourceError for a full disk.
    """
    request = _request(base, method, types, group, since, type_filter)
    exchange = Exchange(request.base, patience, ca_file, sleep)
    tokens = Tokens(exchange, credentials, request.types) if credentials is not None else None
    exchange.bearer = tokens
    kind = _Search if method == SEARCH else Export
    try:
        record, replaced = open_record(folder, request, resume=resume)
        _end_unfinished(exchange, replaced)
        return kind(exchange, tokens, folder, record, parallel, progress).run()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SourceError(f"{folder}: the download cannot be written there ({why})") from None


def _request(
    base: str, method: str, types: Sequence[str], group: str | None, since: datetime | None, type_filter: Sequence[str]
) -> Request:
    """What is asked for, checked."""
    if method not in (EXPORT, SEARCH):
        raise UsageError(f"there is no method '{method[:20]}': use export or search")
    if method == SEARCH and (group is not None or not types):
        raise UsageError("search takes no --group and needs resource types: use export")
    if not all(_TYPE.fullmatch(kind) for kind in types):
        raise UsageError("a resource type is not one: expected names like Observation")
    if group is not None and not _ID.fullmatch(group):
        raise UsageError("--group is not a FHIR id: letters, digits, '-' and '.', at most 64")
    if since is not None and since.tzinfo is None:
        raise UsageError("the instant to export since needs its time zone")
    instant = None if since is None else _instant(since)
    return Request(check_base(base), method, tuple(dict.fromkeys(types)), group, instant, tuple(type_filter))


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _end_unfinished(exchange: Exchange, replaced: Record | None) -> None:
    """Tell the server to forget the export of a download that this one replaces: some allow only one."""
    if replaced is not None and replaced.status_url and replaced.request.base == exchange.base:
        exchange.cancel(replaced.status_url)


class _Search:
    """A download by search."""

    def __init__(
        self,
        exchange: Exchange,
        tokens: Tokens | None,
        folder: Path,
        record: Record,
        parallel: int,
        progress: Callable[[Progress], None],
    ) -> None:
        self._exchange = exchange
        self._tokens = tokens
        self._folder = folder
        self._record = record
        self._parallel = parallel
        self._progress = progress

    def run(self) -> DownloadReport:
        """The report, the one of last time where that download was complete."""
        record = self._record
        if record.stage is Stage.COMPLETE and record.report is not None:
            return record.report
        if record.transaction_time is None:
            record.transaction_time = _instant(self._exchange.patience.now() - _CLOCKS_DIFFER)
        record.stage = Stage.FETCHING
        save(self._folder, record)
        kinds = asked_types(record, self._tokens)
        found = search_types(self._exchange, kinds, self._folder, record.request.since, self._parallel, self._progress)
        record.report = self._report(found)
        if found and all(searched.problem and not searched.rows for searched in found):
            raise RemoteError(f"searching {self._exchange.base}: nothing came: {found[0].problem}")
        if not any(searched.problem for searched in found):
            record.stage = Stage.COMPLETE
        save(self._folder, record)
        return record.report

    def _report(self, found: list[Searched]) -> DownloadReport:
        refused = {searched.kind: searched.unavailable for searched in found if searched.unavailable}
        problems = [searched.problem for searched in found if searched.problem]
        counts = {searched.kind: searched.rows for searched in found if not searched.unavailable}
        return DownloadReport(
            counts=counts,
            promised={searched.kind: searched.total for searched in found if searched.total is not None},
            unavailable=unavailable_types(self._record, self._tokens) | refused,
            notes=tuple(searched.note for searched in found if searched.note),
            transaction_time=self._record.transaction_time,
            incomplete=reason([*problems, *lacking_rows(self._record.request, counts)]),
        )
