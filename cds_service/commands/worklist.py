"""`cds-service worklist`: the coordinator's list from the shell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cds_service import bootstrap, clock
from cds_service.commands.showing import console, write_to
from cds_service.config import read_settings
from cds_service.domain.trials import Trial
from cds_service.errors import UsageError
from cds_service.reports.decision_files import read_decisions
from cds_service.reports.markdown import as_markdown
from cds_service.reports.stored import read_stored
from cds_service.reports.table import print_table
from cds_service.reports.worklists import csv_of, decision_in_words, print_worklist, worklist_json
from cds_service.screening.deciding import import_decisions
from cds_service.screening.runs import Stored
from cds_service.screening.worklist import Entry, Worklist, open_worklist
from cds_service.store.opening import Store

worklist_app = typer.Typer(help="The coordinator's list, as the last run left it.", no_args_is_help=True)


class ListFormat(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSON = "json"


class ShowFormat(StrEnum):
    """How one assessment is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


class ExportFormat(StrEnum):
    """What the list is exported as."""

    CSV = "csv"
    NDJSON = "ndjson"
    FHIR = "fhir"


TrialOption = Annotated[str, typer.Option(help="The trial's id in the mappings.")]
DatabaseOption = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="The database instead of CDS_DATABASE_URL.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Everybody who was considered, not only who may fit.")]


@dataclass(frozen=True, slots=True)
class _Desk:
    store: Store
    trial: Trial

    def read(self, *, everyone: bool = False) -> Worklist:
        ledger = self.store.ledger
        day = clock.today()
        return asyncio.run(open_worklist(self.store.book, ledger.decisions, self.trial.id, day, everyone=everyone))

    def stored(self, number: int) -> Stored:
        found = self.store.book.numbered(number)
        if found is None or found.trial != self.trial.id:
            raise UsageError(f"there is no assessment {number} of this trial: 'worklist list' shows the numbers")
        return found


@contextmanager
def _opened(trial: str, database: str | None) -> Iterator[_Desk]:
    settings = read_settings()
    chosen = bootstrap.find_trial(bootstrap.build_catalog(settings), trial)
    store = bootstrap.build_store(settings, database)
    try:
        yield _Desk(store, chosen)
    finally:
        store.close()


@worklist_app.command("list", epilog="Example: cds-service worklist list")
def list_all(
    trial: TrialOption = "extend-op",
    every: AllOption = False,
    output: Annotated[ListFormat, typer.Option("--format", help="How to write it.")] = ListFormat.TABLE,
    database: DatabaseOption = None,
) -> None:
    """Who waits for the trial team, in order, what the last run changed, and what was decided."""
    with _opened(trial, database) as desk:
        worklist = desk.read(everyone=every)
        if output is ListFormat.JSON:
            typer.echo(json.dumps(worklist_json(worklist), ensure_ascii=False))
        else:
            print_worklist(worklist, desk.trial, console())


@worklist_app.command("show", epilog="Example: cds-service worklist show 17 --format markdown")
def show(
    number: Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="The assessment's number on the list.")],
    trial: TrialOption = "extend-op",
    output: Annotated[ShowFormat, typer.Option("--format", help="How to write it.")] = ShowFormat.TABLE,
    database: DatabaseOption = None,
) -> None:
    """One assessment in full, and what people decided about the patient."""
    with _opened(trial, database) as desk:
        stored = desk.stored(number)
        if output is ShowFormat.JSON:
            typer.echo(stored.document.decode())
            return
        assessment = read_stored(stored.document)
        decisions = asyncio.run(desk.store.ledger.decisions.history(stored.patient, trial))
        if output is ShowFormat.MARKDOWN:
            typer.echo(as_markdown(assessment, desk.trial))
        else:
            print_table(assessment, desk.trial, console())
        for decision in decisions:
            typer.echo(f"Decided: {decision_in_words(decision)}")


@worklist_app.command("export", epilog="Example: cds-service worklist export --format csv --out list.csv")
def export(
    output: Annotated[ExportFormat, typer.Option("--format", help="What to write.")] = ExportFormat.CSV,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; standard output if left out.")] = None,
    trial: TrialOption = "extend-op",
    every: AllOption = False,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="FHIR: the server whose patients to write, where there are more.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="FHIR: the server's own ResearchStudy of the trial, if it has one."),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Write the list as CSV, its assessments as NDJSON, or those who wait as a FHIR transaction."""
    with _opened(trial, database) as desk:
        worklist = desk.read(everyone=every)
        match output:
            case ExportFormat.CSV:
                write_to(out, csv_of(worklist.entries, worklist.day, lambda entry: _document(desk, entry)))
            case ExportFormat.NDJSON:
                write_to(out, (f"{_document(desk, entry).decode()}\n" for entry in worklist.entries))
            case ExportFormat.FHIR:
                write_to(out, _transaction(desk, worklist, server, study))


def _transaction(desk: _Desk, worklist: Worklist, server: str | None, study: str | None) -> Iterable[str]:
    from cds_service.reports.fhir_export import fhir_export  # noqa: PLC0415  slow to import, seldom needed

    version, now = bootstrap.engine_version(), clock.now()
    bundle = fhir_export(worklist, desk.trial, version, now, server=server, study=study)
    return (f"{bundle.decode()}\n",)


def _document(desk: _Desk, entry: Entry) -> bytes:
    return desk.stored(entry.stored.number).document


@worklist_app.command(
    "import-decisions", epilog="Example: cds-service worklist import-decisions list.csv --by 'A. Nurse'"
)
def import_from(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported list with its last columns filled in.")],
    by: Annotated[str, typer.Option(help="Who decided, where the file does not say.")] = "",
    trial: TrialOption = "extend-op",
    database: DatabaseOption = None,
) -> None:
    """Take in decisions written into an exported list. One that is not later than what holds is left out."""
    with _opened(trial, database) as desk:
        made = read_decisions(file, trial, clock.now(), by)
        done = asyncio.run(import_decisions(made, desk.store.ledger.decisions, desk.store.book))
    parts = [f"{done.recorded} decisions written down", f"{done.known} known already"]
    parts += [f"{done.older} not later than what holds, left out"] if done.older else []
    parts += [f"{done.unmet} of patients that no run has assessed"] if done.unmet else []
    typer.echo("; ".join(parts))
