"""`cds-service sandbox`: the pretend EHR, and synthetic populations."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cds_service.commands.showing import say
from cds_service.commands.words import day_of
from cds_service.config import read_settings

sandbox_app = typer.Typer(help="Run the sandbox, or make a synthetic population.")


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
        _wait()


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

    day = day_of(as_of) if as_of else None
    generate_with_progress(patients, seed, out, day, files=files, gzip=gzip, workers=workers)


@sandbox_app.command("fhir", epilog="Example: cds-service sandbox fhir population --port 8080")
def sandbox_fhir(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Bulk NDJSON, as 'sandbox generate' writes it.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any.")] = 8080,
) -> None:
    """Serve a folder of NDJSON as a FHIR server on loopback, in memory: to try 'screen' on a server."""
    from cds_service.sandbox.folders import FolderRecords  # noqa: PLC0415  not for the service
    from cds_service.sandbox.server import embedded_fhir_server  # noqa: PLC0415  needs the optional extra

    signal.signal(signal.SIGTERM, _interrupt)
    records = FolderRecords(folder)
    typer.echo("Loading the records ...", err=True)
    with embedded_fhir_server(records, port) as base:
        if records.left_out:
            say(f"{records.left_out} lines that are no resource with a type and an id are not on the server")
        typer.echo(f"The FHIR server is at {base} (stop it with Ctrl-C)")
        _wait()


def _wait() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        typer.echo("Stopping.", err=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
