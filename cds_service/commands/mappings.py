"""`cds-service mappings`: check the mapping files and look into them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cds_service import bootstrap
from cds_service.catalog.checking import check as check_mappings
from cds_service.catalog.coverage import coverage
from cds_service.catalog.loading import mappings_directory
from cds_service.catalog.showing import concepts as known_concepts
from cds_service.catalog.showing import show as show_concept
from cds_service.commands.showing import console, tell
from cds_service.commands.words import read_files
from cds_service.config import read_settings
from cds_service.errors import MappingError
from cds_service.fhir.codings import codings_of
from cds_service.reports.rows import print_coverage, print_rows

SHOWN = ("code", "system", "group", "use", "display", "note", "where")

mappings_app = typer.Typer(
    help="Check and look into the mapping files.", no_args_is_help=True, epilog="Example: cds-service mappings check"
)

FilesArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A FHIR Bundle file, an NDJSON file, a folder of either (.gz too), or - for standard input.",
    ),
]


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
        print_rows(("concept", "rows"), listed, console())
        return
    print_rows(SHOWN, ([getattr(row, name) for name in SHOWN] for row in show_concept(catalog, concept)), console())


@mappings_app.command("coverage", epilog="Example: cds-service mappings coverage my-export/")
def mappings_coverage(
    source: FilesArgument,
    every: Annotated[bool, typer.Option("--all", help="List also the codes that do not look relevant.")] = False,
) -> None:
    """Say which codes of a real source the mappings use, miss though they look relevant, or find ambiguous."""
    settings = read_settings()
    catalog = bootstrap.build_catalog(settings)
    read = read_files(source, "export it to a folder first")
    tell(read)
    met = codings_of(found for record in read.patients for found in record.resources)
    print_coverage(coverage(met, catalog, bootstrap.build_relevance(settings)), console(), every=every)
