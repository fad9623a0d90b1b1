"""One nightly run: by the local engine over a folder, with its work folder and plan; by any, with its quarantine.

The work folder belongs to one source and trial. A run that was killed leaves it behind;
`resume` goes on in it where the files, rules and day are still the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import Kind
from cds_service.domain.trials import Trial
from cds_service.population import plan as plans
from cds_service.population.assessing import Judging
from cds_service.population.files import SourceFile, find_files
from cds_service.population.local import LocalEngine, Options, Progress
from cds_service.population.plan import Plan
from cds_service.population.spill import writing
from cds_service.screening.overnight import BeliefRules, Changes, Done, Order, Since, screen_overnight
from cds_service.screening.ports import AssessmentBook, PopulationEngine, Runs

ENGINE = "local"


@dataclass(frozen=True, slots=True)
class NightlyOrder:
    """What the command asks for. `as_of` None: today, or the day of the run that is resumed.

    `address` is what Spark reads where there are no folders.
    """

    folders: tuple[Path, ...]
    source: str
    trial: Trial
    catalog: Catalog
    engine_version: str
    today: date
    as_of: date | None = None
    base: str = ""
    since: Since | date | None = None
    resume: bool = False
    options: Options = field(default_factory=Options)
    source_problems: tuple[str, ...] = ()
    rows_in_full: Mapping[str, int] = field(default_factory=dict)
    not_retrieved: tuple[tuple[Kind, str], ...] = ()
    address: str = ""


def work_folder(parent: Path, source: str, trial: str) -> Path:
    """The work folder of a source and trial."""
    return parent / sha256(f"{source}\n{trial}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def run_nightly(
    order: NightlyOrder,
    parent: Path,
    quarantine: Path,
    runs: Runs,
    book: AssessmentBook,
    rules: BeliefRules,
    now: Callable[[], datetime],
    progress: Progress,
    say: Callable[[str], object],
) -> Done:
    """Screen a folder. The lock of `runs` must be held; see `screen_overnight` for what is raised.

    The work folder is left behind, for `clear` once the list is written.
    """
    files = find_files(order.folders)
    plan = _plan(order, work_folder(parent, order.source, order.trial.id), files, say)
    folder = plans.place_of(work_folder(parent, order.source, order.trial.id), plan)

    def build(judging: Judging, options: Options) -> LocalEngine:
        return LocalEngine(files, judging, folder, options, progress)

    return screen_by(ENGINE, build, (plan.run, plan.as_of), order, quarantine, runs, book, rules, now)


class NightlyEngine(PopulationEngine, Protocol):
    """An engine that can also say which lines it could not read; closed when the run is stored."""

    def quarantined(self) -> Iterator[tuple[str, int, str, str]]:
        """File, line, type and reason of each."""
        ...

    def close(self) -> None:
        """Free what the run holds."""
        ...


def screen_by(
    name: str,
    build: Callable[[Judging, Options], NightlyEngine],
    run: tuple[str, date],
    order: NightlyOrder,
    quarantine: Path,
    runs: Runs,
    book: AssessmentBook,
    rules: BeliefRules,
    now: Callable[[], datetime],
) -> Done:
    """Screen with an engine, for a run's id and day, and list what it could not read."""
    run_id, as_of = run
    judging = Judging(order.catalog, order.trial, as_of, order.engine_version, order.base, order.not_retrieved)
    engines: list[NightlyEngine] = []

    def prepare(changes: Changes | None) -> NightlyEngine:
        options = order.options
        if changes is not None:
            options = replace(options, held=changes.held, since=changes.since)
        engine = build(judging, options)
        engines.append(engine)
        return engine

    ordered = Order(
        run=run_id,
        source=order.source,
        trial=order.trial,
        as_of=as_of,
        engine=name,
        engine_version=order.engine_version,
        base=order.base,
        since=order.since,
        source_problems=order.source_problems,
        rows_in_full=order.rows_in_full,
    )
    try:
        return screen_overnight(ordered, runs, book, prepare, rules, now)
    finally:
        for engine in engines:
            write_quarantine(quarantine, engine.quarantined())
            engine.close()


def clear(parent: Path, source: str, trial: str) -> None:
    """Remove what a run put down while it worked."""
    plans.clear(work_folder(parent, source, trial))


def _plan(order: NightlyOrder, folder: Path, files: Sequence[SourceFile], say: Callable[[str], object]) -> Plan:
    """The plan of the run to go on with, or a new one with an empty work folder."""
    trial, options = order.trial, order.options
    digest = plans.digest_of(
        files,
        *(trial.id, trial.version, trial.digest, order.engine_version, order.base),
        *(repr(order.since), str(options.piece_bytes), str(options.slot_bytes)),
    )
    found = plans.read_plan(folder) if order.resume else None
    if found is not None and found.digest == digest and order.as_of in (None, found.as_of):
        return found
    if order.resume:
        say("nothing to resume: " + ("the files, the rules or the day are others now" if found else "starting anew"))
    plan = Plan(uuid.uuid4().hex, order.as_of or order.today, digest)
    plans.begin(folder, plan)
    return plan


def write_quarantine(path: Path, lines: Iterable[tuple[str, int, str, str]]) -> None:
    """List the lines that could not be read: file, line, type, reason, no words of theirs; no file where all could."""
    with writing(path):
        new = path.with_name(f".{path.name}.new")
        path.unlink(missing_ok=True)
        with new.open("wb") as file:
            for name, line, kind, reason in lines:
                entry = {"file": name, "line": line, "type": kind or None, "reason": reason}
                file.write(msgspec.json.encode(entry) + b"\n")
        if new.stat().st_size:
            new.replace(path)
        else:
            new.unlink()
