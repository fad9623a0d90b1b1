"""The commands. Thin: each reads its words, asks bootstrap for the parts, prints the result.

Exit codes: 0 done · 1 a bug · 2 usage · 3 the input could not be read at all · 4 a remote
server refused or could not be reached · 5 finished, but some resources were left out and
`--strict` was given · 6 a nightly run is incomplete, the last list is kept · 7 another run
holds the lock. Progress and errors go to standard error; standard output carries the result
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cds_service.commands.evaluating import EVALUATE_EXAMPLE, evaluate
from cds_service.commands.keys import JWKS_EXAMPLE, jwks
from cds_service.commands.mappings import mappings_app
from cds_service.commands.sandbox import sandbox_app
from cds_service.commands.screening import SCREEN_EXAMPLE, screen
from cds_service.commands.worklist import worklist_app
from cds_service.config import read_settings
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
from cds_service.store.opening import upgrade as upgrade_database

EXIT_CODES: tuple[tuple[type[CdsServiceError], int], ...] = (
    (UsageError, 2),
    (ConfigurationError, 2),
    (SourceError, 3),
    (MappingError, 3),
    (RemoteError, 4),
    (IncompleteRun, 6),
    (AnotherRun, 7),
)
EXIT_BUG = 1

app = typer.Typer(
    help="Finds the patients who fit a hard-to-fill cancer trial, inside the hospital's own record system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=EVALUATE_EXAMPLE)(evaluate)
app.command(epilog=SCREEN_EXAMPLE)(screen)
app.add_typer(mappings_app, name="mappings")
app.add_typer(sandbox_app, name="sandbox")
app.add_typer(worklist_app, name="worklist")
db_app = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(db_app, name="db")


@app.command(epilog="Example: cds-service serve --port 8000")
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes to answer with.")] = 1,
) -> None:
    """Serve the CDS Hooks service."""
    from cds_service.web.app import serve as serve_forever  # noqa: PLC0415  no other command needs the web

    serve_forever(read_settings(), host, port, workers)


@db_app.command("upgrade", epilog="Example: cds-service db upgrade")
def db_upgrade() -> None:
    """Bring the database of CDS_DATABASE_URL to this version. A SQLite file upgrades itself when first used."""
    before, after = upgrade_database(read_settings().database_url)
    typer.echo(f"the database is at version {after}" + (f" (was {before or 'empty'})" if before != after else ""))


app.command(epilog=JWKS_EXAMPLE)(jwks)


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
