"""Where the commands write."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import typer
from rich.console import Console

from cds_service.fhir.sources import Source
from cds_service.reports.lists import write_texts

EXIT_QUARANTINED = 5
"""Done, but some resources were left out and `--strict` was given."""


def say(words: str) -> None:
    """Tell something that is no result: on standard error."""
    typer.echo(f"cds-service: {words}", err=True)


def tell(source: Source) -> None:
    """Tell what was noticed of a source as a whole, on standard error."""
    for note in source.notes:
        say(f"{note.reference}: {note.problem}")


def console() -> Console:
    """Standard output, wide enough for whole rows where it is not a terminal."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=160)


def write_to(path: Path | None, texts: Iterable[str]) -> None:
    """Write to a file, whole or not at all, or to standard output. Raises SourceError."""
    if path is not None:
        write_texts(path, texts)
        return
    for text in texts:
        sys.stdout.write(text)
