"""`cds-service screen`: the nightly population query."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cds_service import nightly
from cds_service.commands.showing import EXIT_QUARANTINED, say
from cds_service.commands.words import day_of, since_of
from cds_service.config import read_settings
from cds_service.errors import UsageError
from cds_service.reports.progress import ProgressReport, told_of_run

SCREEN_EXAMPLE = "Example: cds-service screen population/ --out list.csv"


class Engine(StrEnum):
    """What assesses a population."""

    LOCAL = "local"
    SPARK = "spark"


class Method(StrEnum):
    """How a FHIR server's records are had."""

    EXPORT = "export"
    SEARCH = "search"


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
    server: Annotated[
        str,
        typer.Option(
            metavar="URL", help="The FHIR base URL in the EHR's hook calls, for a folder or where it is another."
        ),
    ] = "",
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
        as_of=None if as_of is None else day_of(as_of),
        since=since_of(since),
        resume=resume,
        database=database,
        out=out,
        every=every,
        accept_drop=accept_drop,
        method=method.value,
        group=group,
        server=server,
    )
    with ProgressReport(sys.stderr) as progress:
        result = nightly.screen(read_settings(), request, progress, say)
    typer.echo(result.shown, nl=False)
    counts = result.done.run.counts
    say(told_of_run(result.done))
    if counts.quarantined:
        say(f"{counts.quarantined} lines could not be read, listed in {result.quarantine}")
    if strict and (counts.quarantined or counts.partly_read):
        raise typer.Exit(EXIT_QUARANTINED)
