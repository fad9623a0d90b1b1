"""Runs and assessments as rows, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import Row

from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Run, RunState, Standing, Stored
from cds_service.screening.screened import RunCounts, Screened, Summary

Values = dict[str, Any]


def run_row(run: Run) -> Values:
    """A run as a row of `runs`."""
    return {
        "id": run.id,
        "source": run.source,
        "base": run.base,
        "trial": run.trial,
        "trial_version": run.trial_version,
        "mappings_digest": run.mappings_digest,
        "engine": run.engine,
        "engine_version": run.engine_version,
        "as_of": run.as_of,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "state": run.state.value,
        "whole": run.whole,
        "counts": asdict(run.counts),
        "problems": list(run.problems),
    }


def read_run(row: Row[Any]) -> Run:
    """A row of `runs` as a run."""
    return Run(
        id=row.id,
        source=row.source,
        base=row.base,
        trial=row.trial,
        trial_version=row.trial_version,
        mappings_digest=row.mappings_digest,
        engine=row.engine,
        engine_version=row.engine_version,
        as_of=row.as_of,
        started_at=row.started_at,
        ended_at=row.ended_at,
        state=RunState(row.state),
        whole=row.whole,
        counts=msgspec.convert(row.counts, RunCounts),
        problems=tuple(row.problems),
    )


def assessment_row(screened: Screened, run: Run) -> Values:
    """A patient's assessment as a row of `assessments`, first said by this run."""
    return said_again(screened, run) | {
        "trial": run.trial,
        "patient_base": screened.patient.base,
        "patient_id": screened.patient.id,
        "fingerprint": screened.fingerprint,
        "first_run": run.id,
        "turned_in": run.id,
        "superseded": False,
    }


def said_again(screened: Screened, run: Run) -> Values:
    """What of a row changes where a later run says the same: the day, and what counts from it."""
    summary = screened.summary
    return {
        "status": summary.status,
        "listed": summary.listed,
        "as_of": summary.as_of,
        "open": list(summary.open),
        "for_review": list(summary.for_review),
        "failed": list(summary.failed),
        "closes": summary.closes,
        "next_change": summary.next_change,
        "silent": summary.silent,
        "record": screened.record,
        "last_run": run.id,
        "standing": Standing.CURRENT.value,
        "document": screened.document,
    }


def read_assessment(row: Row[Any], document: bytes) -> Stored:
    """A row of `assessments`, with its document or without."""
    summary = Summary(
        status=row.status,
        listed=row.listed,
        as_of=row.as_of,
        open=tuple(row.open),
        for_review=tuple(row.for_review),
        failed=tuple(row.failed),
        closes=row.closes,
        next_change=row.next_change,
        silent=row.silent,
    )
    return Stored(
        patient=PatientKey(row.patient_base, row.patient_id),
        trial=row.trial,
        summary=summary,
        fingerprint=row.fingerprint,
        first_run=row.first_run,
        last_run=row.last_run,
        standing=Standing(row.standing),
        superseded=row.superseded,
        document=document,
        turned_in=row.turned_in,
        record=row.record,
        number=row.id,
    )
