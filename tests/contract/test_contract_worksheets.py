"""Which patients have a worksheet, whatever the ledger and the runs are kept in."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from ledgers import ANNA, NOON, TRIAL, wait_for

from cds_service.screening.entries import PatientKey
from cds_service.screening.ports import Runs, Worksheets
from cds_service.screening.runs import Run
from cds_service.screening.screened import Screened, Summary
from cds_service.store.memory import memory_ledger
from cds_service.store.memory_worklists import MemoryWorklist
from cds_service.store.opening import open_runs, open_store, upgrade

Kept = tuple[Runs, Worksheets]
RUN = Run("r1", "/population", TRIAL, "2025-11-21", "sha256:0", "local", "1", date(2026, 11, 22), NOON, ANNA.base)
SAID = Screened(ANNA, Summary("possible", listed=True, as_of=date(2026, 11, 22)), zlib.compress(b"{}"), "f1")


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """The runs and the worksheets of one store of each kind."""
    if request.param == "memory":
        book = MemoryWorklist()
        yield book, memory_ledger(book=book).worksheets
        return
    url = f"sqlite:///{tmp_path}/l.sqlite" if request.param == "sqlite" else request.getfixturevalue("empty_database")
    upgrade(url)
    runs, store = open_runs(url), open_store(url)
    yield runs.runs, store.ledger.worksheets
    runs.close()
    store.close()


def store_run(runs: Runs, number: str, *found: Screened) -> None:
    run = replace(RUN, id=number)
    runs.begin(run)
    runs.complete(run, found)


def test_a_worksheet_is_of_the_assessment_that_holds(kept: Kept) -> None:
    runs, worksheets = kept
    assert wait_for(worksheets.number(ANNA, TRIAL)) is None
    store_run(runs, "r1", SAID)
    assert wait_for(worksheets.number(ANNA, TRIAL)) == 1
    store_run(runs, "r2", SAID)
    assert wait_for(worksheets.number(ANNA, TRIAL)) == 1
    store_run(runs, "r3", replace(SAID, fingerprint="f2"))
    assert wait_for(worksheets.number(ANNA, TRIAL)) == 2


@pytest.mark.parametrize(
    ("patient", "trial"),
    [(PatientKey("", "anna"), TRIAL), (PatientKey(ANNA.base, "bert"), TRIAL), (ANNA, "another")],
)
def test_nobody_else_has_it(kept: Kept, patient: PatientKey, trial: str) -> None:
    runs, worksheets = kept
    store_run(runs, "r1", SAID)
    assert wait_for(worksheets.number(patient, trial)) is None
