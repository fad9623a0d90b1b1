"""The commands. Thin: each reads its words, asks bootstrap for the parts, prints the result.

Exit codes: 0 done · 1 a bug · 2 usage · 3 the input could not be read at all · 4 a remote
server refused or could not be reached · 5 finished, but some resources were left out and
`--strict` was given · 6 a nightly run is incomplete, the last list is kept · 7 another run
holds the lock. Progress and errors go to standard error; standard output carries the result
alone.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from cds_service import bootstrap, clock, nightly
from cds_service.catalog.catalog import Catalog
from cds_service.catalog.checking import check as check_mappings
from cds_service.catalog.coverage import coverage
from cds_service.catalog.loading import mappings_directory
from cds_service.catalog.showing import concepts as known_concepts
from cds_service.catalog.showing import show as show_concept
from cds_service.commands.worklist import worklist_app
from cds_service.config import read_settings
from cds_service.domain.assessments import as_json
from cds_service.domain.facts import PatientFacts
from cds_service.domain.trials import Trial, assess
from cds_service.domain.verdicts import Assessment
from cds_service.errors import (
    AnotherRun,
    CdsServiceError,
    ConfigurationError,
    IncompleteRun,
    MappingError,
    RemoteError,
    SourceError,
    UsageError,
)
from cds_service.fhir.codings import codings_of
from cds_service.fhir.sources import Source, read_source
from cds_service.fhir.whole import fetch_facts
from cds_service.reports.markdown import as_markdown
from cds_service.reports.progress import ProgressReport, told_of_run
from cds_service.reports.rows import print_coverage, print_rows
from cds_service.reports.table import print_table
from cds_service.screening.overnight import Since
from cds_service.store.opening import upgrade as upgrade_database
from cds_service.web.app import serve as serve_forever

EXIT_CODES: tuple[tuple[type[CdsServiceError], int], ...] = (
    (UsageError, 2),
    (ConfigurationError, 2),
    (SourceError, 3),
    (MappingError, 3),
    (RemoteError, 4),
    (IncompleteRun, 6),
    (AnotherRun, 7),
)
EXIT_QUARANTINED = 5
SHOWN = ("code", "system", "group", "use", "display", "note", "where")
EXIT_BUG = 1
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

app = typer.Typer(
    help="Finds the patients who fit a hard-to-fill cancer trial, inside the hospital's own record system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
mappings_app = typer.Typer(
    help="Check and look into the mapping files.", no_args_is_help=True, epilog="Example: cds-service mappings check"
)
app.add_typer(mappings_app, name="mappings")
sandbox_app = typer.Typer(help="Run the sandbox, or make a synthetic population.")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(worklist_app, name="worklist")
db_app = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(db_app, name="db")


class Format(StrEnum):
    """How an assessment is written."""

    TABLE = "table"
    JSON = "json"
    MARKDOWN = "markdown"


SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A FHIR Bundle file, an NDJSON file, a folder of either (.gz too), - for standard input,"
        " or a FHIR base URL (with --patient).",
    ),
]


FilesArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A FHIR Bundle file, an NDJSON file, a folder of either (.gz too), or - for standard input.",
    ),
]


@app.command(epilog="Example: cds-service evaluate bundle.json --format markdown")
def evaluate(
    source: SourceArgument,
    patient: Annotated[str | None, typer.Option(help="Only this patient: an id, Patient/id or a urn.")] = None,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day to assess for; today if left out.")] = None,
    trial: Annotated[str, typer.Option(help="The trial's id in the mappings.")] = "extend-op",
    output: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 when a resource had to be left out.")] = False,
) -> None:
    """Assess one or more patients. Several patients as JSON: one assessment a line."""
    day = _day(as_of)
    catalog = bootstrap.build_catalog(read_settings())
    chosen = bootstrap.find_trial(catalog, trial)
    patients, left_out = _facts_of(source, patient, catalog)
    for facts in patients:
        assessment = assess(chosen, facts, day, bootstrap.engine_version())
        left_out = left_out or bool(facts.not_retrieved)
        _write(assessment, chosen, output)
    if strict and left_out:
        typer.echo(
            "cds-service: some resources could not be read; where they name a patient, what rests on them is unknown",
            err=True,
        )
        raise typer.Exit(EXIT_QUARANTINED)


@app.command(epilog="Example: cds-service serve --port 8000")
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes to answer with.")] = 1,
) -> None:
    """Serve the CDS Hooks service."""
    serve_forever(read_settings(), host, port, workers)


@sandbox_app.callback(invoke_without_command=True, epilog="Example: cds-service sandbox --port 8000")
def sandbox(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port of the EHR pages; 0 takes any.")] = 8000,
    patients: Annotated[int | None, typer.Option(min=1, help="Only the first so many synthetic patients.")] = None,
    fhir: Annotated[str | None, typer.Option(metavar="URL", help="Use this FHIR server, not the embedded one.")] = None,
) -> None:
    """Run the sandbox EHR and the service together, on loopback, with synthetic patients."""
    if context.invoked_subcommand is not None:
        return
    from cds_service.sandbox.running import running_sandbox  # noqa: PLC0415  needs the optional extra

    signal.signal(signal.SIGTERM, _interrupt)
    typer.echo("Starting the FHIR server, the CDS service and the EHR pages on this machine ...", err=True)
    with running_sandbox(read_settings(), port, fhir, patients) as address:
        typer.echo(f"The sandbox EHR is at {address} (stop it with Ctrl-C)")
        try:
            signal.pause()
        except KeyboardInterrupt:
            typer.echo("Stopping.", err=True)


@sandbox_app.command(
    "generate", epilog="Example: cds-service sandbox generate --patients 20000 --seed 1 --out population"
)
def sandbox_generate(
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new or empty folder to write to.")],
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day it is made for; 2026-11-22 if left out.")
    ] = None,
    files: Annotated[int, typer.Option(min=1, max=999, help="Files for each resource type.")] = 1,
    gzip: Annotated[bool, typer.Option("--gzip", help="Write .ndjson.gz.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes to use; one a core if left out.")] = None,
) -> None:
    """Write a synthetic population as bulk NDJSON, with truth.ndjson: what each relevant patient was built for."""
    from cds_service.sandbox.population.command import generate_with_progress  # noqa: PLC0415  not for the service

    day = _day(as_of) if as_of else None
    generate_with_progress(patients, seed, out, day, files=files, gzip=gzip, workers=workers)


class Engine(StrEnum):
    """What assesses a population."""

    LOCAL = "local"
    SPARK = "spark"


class Method(StrEnum):
    """How a FHIR server's records are had."""

    EXPORT = "export"
    SEARCH = "search"


@app.command(epilog="Example: cds-service screen population/ --out list.csv")
def screen(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A folder of NDJSON files (.ndjson, .ndjson.gz), or a FHIR base URL to export from."
        ),
    ],
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day to assess for; today if left out.")] = None,
    trial: Annotated[str, typer.Option(help="The trial's id in the mappings.")] = "extend-op",
    engine: Annotated[Engine, typer.Option(help="What assesses the population.")] = Engine.LOCAL,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="last|DATE",
            help="Assess anew only who changed since the last run (or a day), and those whose day has come.",
        ),
    ] = None,
    method: Annotated[Method, typer.Option(help="How to have a FHIR server's records.")] = Method.EXPORT,
    group: Annotated[str | None, typer.Option(metavar="ID", help="Only this Group of the FHIR server.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The list: .csv, .ndjson or .json; without it CSV is shown.")
    ] = None,
    database: Annotated[
        str | None, typer.Option("--db", metavar="URL", help="The database instead of CDS_DATABASE_URL.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="List everybody who was considered.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 when a line or resource was left out.")] = False,
    accept_drop: Annotated[
        bool, typer.Option("--accept-drop", help="Believe a source that holds far less than last time.")
    ] = False,
) -> None:
    """Screen a whole population; the ranked list of those who fit or may."""
    if engine is Engine.SPARK:
        raise UsageError("--engine spark is not available in this installation")
    request = nightly.ScreenRequest(
        source=source,
        trial=trial,
        as_of=None if as_of is None else _day(as_of),
        since=_since(since),
        resume=resume,
        database=database,
        out=out,
        every=every,
        accept_drop=accept_drop,
        method=method.value,
        group=group,
    )
    with ProgressReport(sys.stderr) as progress:
        result = nightly.screen(read_settings(), request, progress, _say)
    typer.echo(result.shown, nl=False)
    counts = result.done.run.counts
    _say(told_of_run(result.done))
    if counts.quarantined:
        _say(f"{counts.quarantined} lines could not be read, listed in {result.quarantine}")
    if strict and (counts.quarantined or counts.partly_read):
        raise typer.Exit(EXIT_QUARANTINED)


@mappings_app.command("check", epilog="Example: cds-service mappings check --directory my-mappings")
def mappings_check(
    directory: Annotated[Path | None, typer.Option(help="The folder to check; by default the one in use.")] = None,
) -> None:
    """Report every mistake of every mapping file, with file and line."""
    folder = mappings_directory(directory or read_settings().mappings_dir)
    mistakes = check_mappings(folder)
    if mistakes:
        raise MappingError(mistakes)
    typer.echo(f"{folder}: no mistakes")


@mappings_app.command("show", epilog="Example: cds-service mappings show effusion")
def mappings_show(
    concept: Annotated[str | None, typer.Argument(help="A concept or an analyte; without one, the list.")] = None,
) -> None:
    """Show what a concept holds: codes, words, groups, uses, sources."""
    catalog = bootstrap.build_catalog(read_settings())
    if concept is None:
        listed = [(name, str(count)) for name, count in known_concepts(catalog).items()]
        print_rows(("concept", "rows"), listed, _console())
        return
    print_rows(SHOWN, ([getattr(row, name) for name in SHOWN] for row in show_concept(catalog, concept)), _console())


@mappings_app.command("coverage", epilog="Example: cds-service mappings coverage my-export/")
def mappings_coverage(
    source: FilesArgument,
    every: Annotated[bool, typer.Option("--all", help="List also the codes that do not look relevant.")] = False,
) -> None:
    """Say which codes of a real source the mappings use, miss though they look relevant, or find ambiguous."""
    settings = read_settings()
    catalog = bootstrap.build_catalog(settings)
    read = _read_files(source, "export it to a folder first")
    _tell(read)
    met = codings_of(found for record in read.patients for found in record.resources)
    print_coverage(coverage(met, catalog, bootstrap.build_relevance(settings)), _console(), every=every)


@db_app.command("upgrade", epilog="Example: cds-service db upgrade")
def db_upgrade() -> None:
    """Bring the database of CDS_DATABASE_URL to this version. A SQLite file upgrades itself when first used."""
    before, after = upgrade_database(read_settings().database_url)
    typer.echo(f"the database is at version {after}" + (f" (was {before or 'empty'})" if before != after else ""))


def main() -> None:
    """Run the command line; every expected error becomes one line and its exit code."""
    try:
        app()
    except CdsServiceError as error:
        typer.echo(f"cds-service: {error}", err=True)
        sys.exit(exit_code_of(error))
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        # A bug: no traceback, it may hold a record's words.
        typer.echo(
            f"cds-service: a bug ({type(error).__name__} {_where(error)}); nothing was shown of the record. "
            "Please report this line and the command.",
            err=True,
        )
        sys.exit(EXIT_BUG)


def exit_code_of(error: CdsServiceError) -> int:
    """The exit code of an expected error."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), EXIT_BUG)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "at an unknown place"
    return f"in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _console() -> Console:
    """Standard output, wide enough for whole rows where it is not a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(words: str) -> None:
    typer.echo(f"cds-service: {words}", err=True)


def _since(text: str | None) -> Since | date | None:
    if text is None or text == Since.LAST_RUN.value:
        return None if text is None else Since.LAST_RUN
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since '{text[:20]}' is neither 'last' nor a date (YYYY-MM-DD)") from None


def _day(text: str | None) -> date:
    if text is None:
        return clock.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of '{text[:20]}' is not a date: write it as YYYY-MM-DD") from None


def _facts_of(source: str, patient: str | None, catalog: Catalog) -> tuple[Iterable[PatientFacts], bool]:
    """The patients' facts, and whether something of the source was left out that nobody's facts tell of."""
    if source.lower().startswith(("http://", "https://")):
        if patient is None:
            raise UsageError("a FHIR base URL needs --patient: which patient to assess")
        searches = bootstrap.build_searches(catalog)
        return [fetch_facts(source, patient.removeprefix("Patient/"), catalog, searches)], False
    found = _read_files(source, "a FHIR base URL begins with http:// or https://")
    _tell(found)
    records = [found.patient(patient)] if patient is not None else found.patients
    return (found.facts(record, catalog) for record in records), found.left_out > 0


def _tell(source: Source) -> None:
    """What was noticed of a source as a whole, to stderr."""
    for note in source.notes:
        _say(f"{note.reference}: {note.problem}")


def _read_files(source: str, instead: str) -> Source:
    if _ADDRESS.match(source):
        raise UsageError(f"SOURCE is an address that cannot be read here: {instead}")
    return read_source(source)


def _write(assessment: Assessment, trial: Trial, output: Format) -> None:
    match output:
        case Format.JSON:
            typer.echo(json.dumps(as_json(assessment), ensure_ascii=False))
        case Format.MARKDOWN:
            typer.echo(as_markdown(assessment, trial))
        case Format.TABLE:
            print_table(assessment, trial, _console())
