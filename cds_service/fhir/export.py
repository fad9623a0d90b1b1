"""A download by bulk export: started, waited for, fetched, ended; each step kept, so that a kill loses nothing.

Source: FHIR Bulk Data Access, "Sequence Overview".
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from cds_service.errors import RemoteError
from cds_service.fhir.arranging import is_serious, read_deletions, read_errors, split_by_type, strike
from cds_service.fhir.download_record import DownloadReport, Progress, Record, Stage, clear, lacking_rows, reason, save
from cds_service.fhir.downloads import Fetched, fetch
from cds_service.fhir.exchange import Exchange, Refusal, read_json, side_by_side
from cds_service.fhir.kickoff import KickOff, unavailable_types
from cds_service.fhir.manifest import DELETED, ERROR, OUTPUT, Manifest, ManifestPage, RemoteFile, read_manifest
from cds_service.fhir.smart import Tokens
from cds_service.fhir.waiting import TryAgain, next_wait, retry_after_seconds

_MOST_EXPORTS = 3
_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_STATUS = {"Accept": "application/json, application/fhir+json;q=0.9"}


class _StartOver(Exception):
    """The export at hand is of no more use; why is its text."""


class Export:
    """A download by bulk export."""

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
        self._start = KickOff(exchange, tokens, folder, record)

    def run(self) -> DownloadReport:
        """The report; of an export that expired before it was read, that of the next."""
        try:
            for _ in range(_MOST_EXPORTS):
                try:
                    return self._go_on()
                except _StartOver as why:
                    self._start_over(str(why))
            raise RemoteError(f"the server's export was of no use {_MOST_EXPORTS} times: {self._record.notes[-1]}")
        except KeyboardInterrupt:
            self._end_job()
            self._record.stage = Stage.NEW
            save(self._folder, self._record)
            raise

    def _go_on(self) -> DownloadReport:
        """Continue from the stage that the record says."""
        if self._record.stage is Stage.COMPLETE and self._record.report is not None:
            self._end_job()
            return self._record.report
        if self._record.stage is Stage.NEW:
            clear(self._folder)
            self._keep(Stage.EXPORTING, status_url=self._start.start())
        if self._record.stage is Stage.EXPORTING:
            self._keep_manifest(self._wait_for_manifest())
        return self._conclude(self._fetch())

    def _start_over(self, why: str) -> None:
        self._record.note(why)
        self._end_job()
        self._record.files = ()
        self._keep(Stage.NEW)

    def _keep(self, stage: Stage, status_url: str | None = None) -> None:
        self._record.stage = stage
        self._record.status_url = status_url or self._record.status_url
        save(self._folder, self._record)

    def _keep_manifest(self, manifest: Manifest) -> None:
        self._record.files = manifest.files
        self._record.transaction_time = manifest.transaction_time
        self._keep(Stage.FETCHING)

    def _end_job(self) -> None:
        """Tell the server that its files are no longer needed; it forgets them by itself where it does not listen."""
        if self._record.status_url is not None:
            self._exchange.cancel(self._record.status_url)
            self._record.status_url = None
            save(self._folder, self._record)

    def _wait_for_manifest(self) -> Manifest:
        """The finished export's manifest. Raises _StartOver where the server has forgotten the export."""
        patience, waited, began, asking = self._exchange.patience, 0.0, time.monotonic(), 0
        while max(waited, time.monotonic() - began) < patience.export_seconds:
            status_url = self._record.status_url or ""
            try:
                answer = self._exchange.persist(partial(self._status, status_url))
                if isinstance(answer, ManifestPage):
                    return read_manifest(self._exchange, status_url, answer)
            except Refusal as refusal:
                self._forgive(refusal)
                continue
            asking += 1
            pause = next_wait(answer, asking, patience)
            self._exchange.pause(pause)
            waited += pause
        raise RemoteError(
            f"the export did not finish within {patience.export_seconds / 3600:g} hours;"
            " --resume goes on waiting for it, CDS_FHIR_EXPORT_HOURS lengthens the wait"
        )

    def _forgive(self, refusal: Refusal) -> None:
        if refusal.status in (404, 410):
            raise _StartOver("the server had forgotten the export, another was started") from None
        if refusal.status != 403 or self._tokens is None or not self._tokens.widen():
            raise refusal

    def _status(self, url: str) -> ManifestPage | float | None:
        """The manifest, or the seconds after which to ask again, where the server says."""
        home = self._exchange.is_home(url)
        try:
            with self._exchange.send(
                "GET", url, "the export's status", headers=_STATUS, authorize=home, ok=(200, 202)
            ) as answer:
                if answer.status_code == 200:
                    return read_json(answer, "the export's status", ManifestPage)
                self._tell_progress(answer.headers.get("X-Progress", ""))
                return retry_after_seconds(answer.headers.get("Retry-After"), self._exchange.patience.now())
        except TryAgain as error:
            # The export itself failed, where the server says so in FHIR and does not call it transient.
            if error.status >= 500 and error.codes and not error.codes & {"transient", "timeout", "throttled"}:
                error.at_most = 3
            raise

    def _tell_progress(self, words: str) -> None:
        percent = _PERCENT.search(words)
        self._progress(Progress("exporting", int(percent[1]) if percent else 0, 100))

    def _fetch(self) -> list[Fetched]:
        """The files wanted. Raises _StartOver where the server no longer has some of them."""
        fetched = self._fetch_listed()
        if any(one.gone for one in fetched) and self._refresh_addresses():
            fetched = self._fetch_listed()
        if any(one.gone for one in fetched):
            raise _StartOver("files of the export had expired, another was started")
        return fetched

    def _fetch_listed(self) -> list[Fetched]:
        types = self._record.request.types
        wanted = [one for one in self._record.files if one.kind is None or not types or one.kind in types]
        done = 0

        def count(_: Fetched) -> None:
            nonlocal done
            done += 1
            self._progress(Progress("fetching", done, len(wanted)))

        return side_by_side(
            self._exchange, lambda one: fetch(self._exchange, one, self._folder), wanted, self._parallel, count
        )

    def _refresh_addresses(self) -> bool:
        """Whether the server lists the same files under fresh (signed) addresses."""
        try:
            status_url = self._record.status_url or ""
            answer = self._status(status_url)
            if not isinstance(answer, ManifestPage):
                return False
            manifest = read_manifest(self._exchange, status_url, answer)
        except RemoteError:
            return False
        if [_shape(one) for one in manifest.files] != [_shape(one) for one in self._record.files]:
            return False
        changed = manifest.files != self._record.files
        self._keep_manifest(manifest)
        return changed

    def _conclude(self, fetched: list[Fetched]) -> DownloadReport:
        """The report, once what came is arranged. Raises _StartOver where a filter must be distrusted."""
        counts = self._arrange(fetched)
        request = self._record.request
        filtered = {one.partition("?")[0] for one in request.type_filter} if self._record.filtered else set()
        if request.since is None and any(not counts[kind] for kind in filtered):
            self._start.distrust_filter("it left nothing of a type")
            raise _StartOver("the filter left nothing of a type, an export without it was started")
        report = self._report(fetched, counts)
        self._record.report = report
        if any(one.problem for one in fetched):
            save(self._folder, self._record)
            return report
        self._keep(Stage.COMPLETE)
        self._end_job()
        return report

    def _arrange(self, fetched: list[Fetched]) -> Counter[str]:
        """The rows of each type on disk, mixed files split."""
        counts: Counter[str] = Counter()
        for one in fetched:
            if one.file.role != OUTPUT or one.path is None:
                continue
            if one.file.kind is not None:
                counts[one.file.kind] += one.rows
            else:
                counts += split_by_type(one.path, one.file.stem.rpartition(".")[2], self._record.request.types)
        return counts

    def _report(self, fetched: list[Fetched], counts: Counter[str]) -> DownloadReport:
        promised: Counter[str] = Counter()
        for one in fetched:
            if one.file.kind is not None and one.file.count is not None:
                promised[one.file.kind] += one.file.count
        errors = read_errors(_paths(fetched, ERROR))
        deleted, odd = read_deletions(_paths(fetched, DELETED))
        counts -= strike(self._folder, deleted)
        problems = [one.problem for one in fetched if one.problem]
        serious = sum(entry.count for entry in errors if is_serious(entry))
        if serious:
            problems.append(f"the server reported {serious} error{'s' if serious > 1 else ''} beside the data")
        if odd:
            problems.append(f"{odd} of the deletions listed cannot be applied")
        problems += lacking_rows(self._record.request, counts)
        return DownloadReport(
            counts=dict(sorted(counts.items())),
            promised=dict(sorted(promised.items())),
            errors=errors,
            deleted=deleted,
            unavailable=unavailable_types(self._record, self._tokens),
            notes=tuple(self._record.notes),
            transaction_time=self._record.transaction_time,
            incomplete=reason(problems),
        )


def _shape(file: RemoteFile) -> tuple[str, str | None, int | None, str]:
    return file.role, file.kind, file.count, urlsplit(file.url).path


def _paths(fetched: list[Fetched], role: str) -> list[Path]:
    return [one.path for one in fetched if one.file.role == role and one.path is not None]
