"""`cds-service jwks`: the public key of the nightly run, to be registered with the EHR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cds_service.config import read_settings
from cds_service.errors import UsageError
from cds_service.fhir.smart import read_key

JWKS_EXAMPLE = "Example: cds-service jwks nightly.pem"


def jwks(
    key: Annotated[
        Path | None, typer.Argument(metavar="KEY", help="The private key; by default CDS_FHIR_PRIVATE_KEY_FILE.")
    ] = None,
) -> None:
    """Print the JWK Set of a private key's public half, to register the nightly run with an EHR."""
    file = key or read_settings().fhir_private_key_file
    if file is None:
        raise UsageError("name the file of the private key, or set CDS_FHIR_PRIVATE_KEY_FILE")
    typer.echo(json.dumps(read_key(file).public_set(), indent=2))
