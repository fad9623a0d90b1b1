"""The Spark engine: the steps of the local one, on as many machines as Spark has.

    with spark_session() as spark:
        engine = SparkEngine(spark, list_files(spark, ["s3a://bucket/export"]), judging)
        counts = engine.run()
        for screened in engine.results(): ...

1. survey: who exists, who has evidence of cancer;  2. gather: their lines, from every file, kept
on the workers' disks;  3. assess: lines brought together by patient, by the same call as
everywhere. This machine holds who is considered and the reports of the pieces, no record.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from cds_service.population import tally
from cds_service.population.assessing import Assessed, Judging, SharedStore, write_shared
from cds_service.population.files import Piece
from cds_service.population.gathering import PieceReport, Sought, is_surveyed
from cds_service.population.local import Options, Progress
from cds_service.population.nightly import NightlyOrder, screen_by
from cds_service.population.people import Considered, People, Roll
from cds_service.population.reading import SHARED, read_line
from cds_service.population.spark_files import Listed, lines_of, list_files
from cds_service.population.spark_session import spark_failures, spark_session
from cds_service.population.spark_work import (
    ASSESSED,
    KEPT,
    NOBODYS,
    REPORTS,
    Desk,
    assess_lines,
    at_desk,
    gather_late,
    gather_lines,
    survey_lines,
)
from cds_service.screening.overnight import BeliefRules, Done
from cds_service.screening.ports import AssessmentBook, Runs
from cds_service.screening.screened import EngineOutcome, Screened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ENGINE = "spark"

_reports = msgspec.msgpack.Decoder(PieceReport)
_assessments = msgspec.msgpack.Decoder(Screened)
_tallies = msgspec.msgpack.Decoder(Assessed)
_PART_BYTES = 64 << 20
_SETTINGS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(8 << 20),
}
"""So that a worker holds few megabytes at a time, where lines are long too."""


class SparkEngine:
    """Screens files that Spark reads. Nothing is taken up from an earlier run; `close` frees what the workers keep."""

    def __init__(
        self,
        spark: SparkSession,
        files: Sequence[Listed],
        judging: Judging,
        options: Options | None = None,
        progress: Progress = lambda _phase, _done, _total: None,
        source: str = "",
    ) -> None:
        self._spark = spark
        self._files = files
        self._judging = judging
        self._options = options or Options()
        self._progress = progress
        self._source = source or (files[0].address.rpartition("/")[0] if files else "")
        self._people = People()
        self._roll = Roll()
        self._pieces: list[Piece] = []
        self._parts: list[PieceReport] = []
        self._held: list[Any] = []
        self._kept_bytes = 0
        self._assessed: DataFrame | None = None
        self._folder: TemporaryDirectory[str] | None = None
        self.outcome = EngineOutcome()

    def run(self) -> EngineOutcome:
        """Assess everybody who is to be considered; the assessments stay with the workers."""
        with spark_failures(self._source):
            for name, value in _SETTINGS.items():
                self._spark.conf.set(name, value)
            surveyed = [listed for listed in self._files if is_surveyed(Piece(0, listed.file, 0, listed.file.size))]
            with self._phase("survey", _size(surveyed)):
                self._survey(surveyed)
            considered = self._people.considered()
            with self._phase("gather", _size(self._files)):
                considered, kept = self._gather_all(considered)
            counts = self.outcome.counts
            counts.patients, counts.considered, counts.absent = (
                considered.patients,
                len(considered.groups),
                considered.absent,
            )
            with self._phase("assess", counts.considered):
                self._assess(kept)
        return self.outcome

    def results(self) -> Iterator[Screened]:
        """Every assessment made, partition by partition."""
        if self._assessed is None:
            return
        with spark_failures(self._source):
            rows = self._assessed.where("screened IS NOT NULL").select("screened")
            for row in rows.toLocalIterator():
                yield _assessments.decode(row.screened)

    def quarantined(self) -> Iterator[tuple[str, int, str, str]]:
        """File, line, type and reason of each line that could not be read, in the order of the files."""
        return tally.quarantined(self._pieces, self._parts)

    def close(self) -> None:
        """Free what the workers keep for this run."""
        for held in self._held:
            held.unpersist()
        self._held.clear()
        self._assessed = None
        if self._folder is not None:
            self._folder.cleanup()

    # --- the steps ------------------------------------------------------------------------------------

    def _survey(self, files: Sequence[Listed]) -> None:
        if not files:
            return
        desk = self._desk(Sought({}, 1))
        rows = lines_of(self._spark, files).mapInArrow(at_desk(survey_lines, desk), REPORTS)
        for row in rows.select("report").collect():
            self._people.add(_reports.decode(row.report))

    def _gather_all(self, considered: Considered) -> tuple[Considered, DataFrame]:
        """The lines of those considered, then of those found to be while gathering."""
        kept = self._gather(considered, gather_lines).persist(_on_disk())
        self._held.append(kept)
        self._take_reports(kept)
        late = [report for report in self._parts if report.evidence or report.patients]
        for report in late:
            self._people.add(report)
        after = self._people.considered() if late else considered
        if after.groups.keys() - considered.groups.keys():
            more = self._gather(after, gather_late).where("report IS NULL").where(f"number <> {NOBODYS}")
            return after, kept.selectExpr("*", "0 AS late").unionByName(more.selectExpr("*", "1 AS late"))
        return after, kept.selectExpr("*", "0 AS late")

    def _gather(self, considered: Considered, work: Callable[[Desk, Iterator[Any]], Iterator[Any]]) -> DataFrame:
        desk = self._desk(self._roll.enter(considered, since=self._options.since))
        return lines_of(self._spark, self._files).mapInArrow(at_desk(work, desk), KEPT)

    def _take_reports(self, kept: DataFrame) -> None:
        """Number the pieces in the order of the files, and count."""
        rows = kept.where("report IS NOT NULL").select("file", "start", "at", "report").collect()
        self._kept_bytes = sum(row.at for row in rows)
        for number, row in enumerate(sorted(rows, key=lambda row: (row.file, row.start))):
            file = self._files[row.file].file
            self._pieces.append(Piece(number, file, row.start, file.size))
            report = _reports.decode(row.report)
            report.number = number
            self._parts.append(report)
        tally.count(self.outcome, self._pieces, self._parts)

    def _assess(self, kept: DataFrame) -> None:
        parts = max(2 * self._spark.sparkContext.defaultParallelism, self._kept_bytes // _PART_BYTES)
        by_patient = (
            kept.where("report IS NULL")
            .where(f"number <> {NOBODYS}")
            .repartition(parts, "number")
            .sortWithinPartitions("number", "late", "file", "start", "at")
        )
        desk = self._desk(Sought({}, 1), self._roll.names, self._shared(kept))
        self._assessed = by_patient.mapInArrow(at_desk(assess_lines, desk), ASSESSED).persist(_on_disk())
        self._held.append(self._assessed)
        counts, statuses = self.outcome.counts, Counter[str]()
        for row in self._assessed.where("tally IS NOT NULL").select("tally").collect():
            assessed = _tallies.decode(row.tally)
            statuses.update(assessed.statuses)
            counts.partly_read += assessed.partly_read
            self.outcome.unchanged.update(assessed.unchanged)
        counts.statuses, counts.evaluated = dict(statuses), statuses.total()
        counts.unchanged = len(self.outcome.unchanged)

    def _shared(self, kept: DataFrame) -> tuple[str, str] | None:
        """The resources that belong to nobody, as a file that Spark brings to every node."""
        if not any(report.rows.get(kind) for report in self._parts for kind in SHARED):
            return None
        rows = kept.where(f"number = {NOBODYS}").orderBy("file", "start", "at").select("raw").toLocalIterator()
        lines = (line for row in rows for line in read_line(bytes(row.raw)))
        name = f"shared-{uuid.uuid4().hex}.sqlite"
        # Spark fetches it from here whenever a node first needs it.
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name, name)
        write_shared(path, ((f"{line.kind}/{line.id}", bytes(line.raw)) for line in lines if line.id))
        self._spark.sparkContext.addFile(str(path))
        return name, SharedStore(path).digest

    # --- all steps ------------------------------------------------------------------------------------

    def _desk(self, sought: Sought, names: Sequence[str] = (), shared: tuple[str, str] | None = None) -> Any:  # noqa: ANN401
        """What the workers need, broadcast to them."""
        files = {listed.address: (number, listed) for number, listed in enumerate(self._files)}
        desk = Desk(self._judging, files, sought, names, self._options.held, self._options.since, shared)
        broadcast = self._spark.sparkContext.broadcast(desk)
        self._held.append(broadcast)
        return broadcast

    @contextmanager
    def _phase(self, name: str, total: int) -> Iterator[None]:
        begun = time.perf_counter()
        self._spark.sparkContext.setJobDescription(f"cds-service: {name}")
        self._progress(name, 0, total)
        yield
        self._progress(name, total, total)
        self.outcome.counts.seconds[name] = round(time.perf_counter() - begun, 3)


def _size(files: Iterable[Listed]) -> int:
    return sum(listed.file.size for listed in files)


def _on_disk() -> Any:  # noqa: ANN401  a StorageLevel
    from pyspark import StorageLevel  # noqa: PLC0415  the optional extra

    return StorageLevel.DISK_ONLY


def run_on_spark(
    order: NightlyOrder,
    quarantine: Path,
    runs: Runs,
    book: AssessmentBook,
    rules: BeliefRules,
    now: Callable[[], datetime],
    progress: Progress,
    say: Callable[[str], object],
) -> Done:
    """Screen on Spark: the folders of the order, or where it has none its address.

    The lock of `runs` must be held; see `screen_overnight` for what is raised, and ConfigurationError without Spark.
    """
    folders = [f"file://{folder.resolve()}" for folder in order.folders] or [order.address]
    if order.resume:
        say("nothing to resume: a run on Spark starts anew")
    with spark_session() as spark:
        files = list_files(spark, folders)

        def build(judging: Judging, options: Options) -> SparkEngine:
            return SparkEngine(spark, files, judging, options, progress, folders[0])

        day = order.as_of or order.today
        return screen_by(ENGINE, build, (uuid.uuid4().hex, day), order, quarantine, runs, book, rules, now)
