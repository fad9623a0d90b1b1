"""`cds-service evaluate`: one or more patients of a file, or one of a server."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import typer

from cds_service import bootstrap
from cds_service.catalog.catalog import Catalog
from cds_service.commands.showing import EXIT_QUARANTINED, console, say, tell
from cds_service.commands.words import day_of, read_files
from cds_service.config import read_settings
from cds_service.domain.assessments import as_json
from cds_service.domain.facts import PatientFacts
from cds_service.domain.trials import Trial, assess
from cds_service.domain.verdicts import Assessment
from cds_service.errors import UsageError
from cds_service.reports.markdown import as_markdown
from cds_service.reports.table import print_table

EVALUATE_EXAMPLE = "Example: cds-service evaluate bundle.json --format markdown"


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


def evaluate(
    source: SourceArgument,
    patient: Annotated[str | None, typer.Option(help="Only this patient: an id, Patient/id or a urn.")] = None,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="The day to assess for; today if left out.")] = None,
    trial: Annotated[str, typer.Option(help="The trial's id in the mappings.")] = "extend-op",
    output: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 when a resource had to be left out.")] = False,
) -> None:
    """Assess one or more patients. Several patients as JSON: one assessment a line."""
    day = day_of(as_of)
    catalog = bootstrap.build_catalog(read_settings())
    chosen = bootstrap.find_trial(catalog, trial)
    patients, left_out = _facts_of(source, patient, catalog)
    for facts in patients:
        assessment = assess(chosen, facts, day, bootstrap.engine_version())
        left_out = left_out or bool(facts.not_retrieved)
        _write(assessment, chosen, output)
    if strict and left_out:
        say("some resources could not be read; where they name a patient, what rests on them is unknown")
        raise typer.Exit(EXIT_QUARANTINED)


def _facts_of(source: str, patient: str | None, catalog: Catalog) -> tuple[Iterable[PatientFacts], bool]:
    """The patients' facts, and whether something of the source was left out that nobody's facts tell of."""
    if source.lower().startswith(("http://", "https://")):
        if patient is None:
            raise UsageError("a FHIR base URL needs --patient: which patient to assess")
        from cds_service.fhir.whole import fetch_facts  # noqa: PLC0415  only here a server is asked

        searches = bootstrap.build_searches(catalog)
        return [fetch_facts(source, patient.removeprefix("Patient/"), catalog, searches)], False
    found = read_files(source, "a FHIR base URL begins with http:// or https://")
    tell(found)
    records = [found.patient(patient)] if patient is not None else found.patients
    return (found.facts(record, catalog) for record in records), found.left_out > 0


def _write(assessment: Assessment, trial: Trial, output: Format) -> None:
    match output:
        case Format.JSON:
            typer.echo(json.dumps(as_json(assessment), ensure_ascii=False))
        case Format.MARKDOWN:
            typer.echo(as_markdown(assessment, trial))
        case Format.TABLE:
            print_table(assessment, trial, console())
