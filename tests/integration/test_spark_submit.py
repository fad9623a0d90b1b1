"""`spark-submit`, as README says to submit to a cluster, here to two workers on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mixed_folder import lay_out
from spark import need_spark

README = Path(__file__).parents[2] / "README.md"

pytestmark = pytest.mark.integration


def test_a_submitted_run_writes_the_list_of_the_local_engine(tmp_path):
    need_spark()
    programs = Path(sys.executable).parent
    lay_out(tmp_path / "population")
    (tmp_path / "submit.py").write_text(launcher())
    screen = ["screen", "population", "--as-of", "2026-11-22", "--all", "--strict"]
    surroundings = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "CDS_WORK_DIR": str(tmp_path / "work")}
    surroundings.pop("PYSPARK_SUBMIT_ARGS", None)

    def done(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=500, check=False
        )

    local = done(f"{programs}/cds-service", *screen, "--db", "sqlite:///local.sqlite", "--out", "local.csv")
    submitted = done(
        *("spark-submit", "--master", "local[2]", "submit.py", *screen),
        *("--engine", "spark", "--db", "sqlite:///spark.sqlite", "--out", "spark.csv"),
    )
    # Lines could not be read, which `--strict` tells by the exit code.
    assert (local.returncode, submitted.returncode) == (5, 5), submitted.stderr
    assert (tmp_path / "spark.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    quarantined = (tmp_path / "spark.quarantine.ndjson").read_text()
    assert quarantined == (tmp_path / "local.quarantine.ndjson").read_text()
    assert [json.loads(entry)["line"] for entry in quarantined.splitlines()] == [1, 1507, 1509, 2, 3]
    assert "Traceback" not in submitted.stderr


def launcher() -> str:
    """The file to submit, as README shows it."""
    (found,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return found
