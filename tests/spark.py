"""A Spark session on this machine for tests: two workers, few parts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

SETTINGS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.files.openCostInBytes": "100k",
}


def need_spark() -> None:
    """Skips the test where Spark or Java is missing, unless everything is required."""
    lacking = "the spark extra (make spark)" if find_spec("pyspark") is None else ""
    if not lacking and shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        lacking = "Java (Debian: default-jre-headless)"
    if lacking:
        if os.environ.get("CDS_REQUIRE_ALL") == "1":
            pytest.fail(f"Spark is required (CDS_REQUIRE_ALL=1): install {lacking}")
        pytest.skip(f"{lacking} is not installed")


@contextmanager
def small_session() -> Iterator[Any]:
    """The session, opened as `screen --engine spark` opens it."""
    need_spark()
    from cds_service.population.spark_session import spark_session

    os.environ["PYSPARK_SUBMIT_ARGS"] = "--master local[2] --driver-memory 2g pyspark-shell"
    with spark_session() as session:
        for name, value in SETTINGS.items():
            session.conf.set(name, value)
        yield session
