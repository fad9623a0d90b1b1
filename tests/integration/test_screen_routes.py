"""One population, three ways to have it: the folder, the server's export, its search. The lists are the same."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from screens import Hospital

from cds_service.sandbox.population.generating import generate

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("population") / "data"
    generate(160, 4, folder)
    return folder


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of `cds-service sandbox fhir FOLDER`."""
    call = "from cds_service.cli import main; main()"
    command = [sys.executable, "-c", call, "sandbox", "fhir", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ)
    assert process.stdout is not None
    found = re.search(r"at (http://\S+)", process.stdout.readline())
    assert found is not None
    try:
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_folder_export_and_search_give_the_same_list(population: Path, tmp_path: Path) -> None:
    hospitals = {name: Hospital(tmp_path / name) for name in ("folder", "export", "search")}
    assert hospitals["folder"].screen(population, "--all") == 0
    with served(population) as base:
        for method in ("export", "search"):
            assert hospitals[method].screen(base, "--method", method, "--all") == 0
    lists = {name: hospital.list.read_text() for name, hospital in hospitals.items()}
    assert len(lists["folder"].splitlines()) > 10
    assert lists["export"] == lists["folder"]
    assert lists["search"] == lists["folder"]
