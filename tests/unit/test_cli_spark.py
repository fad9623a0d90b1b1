"""`screen --engine spark` where Spark cannot be had, and what Spark's failures are told as. No Spark is needed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from command_line import call

from cds_service.errors import CdsServiceError, ConfigurationError, RemoteError, SourceError, UsageError
from cds_service.population import spark_session
from cds_service.population.spark_session import spark_failures


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    return lambda: capsys.readouterr().err


@pytest.fixture
def spark_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_session, "find_spec", lambda name: name)


def test_without_the_extra_it_is_named(tmp_path, said, monkeypatch):
    monkeypatch.setattr(spark_session, "find_spec", lambda name: None)
    assert call("screen", str(tmp_path), "--engine", "spark") == 2
    assert said() == (
        "cds-service: --engine spark needs pyspark and pyarrow and pandas, which this installation lacks:"
        " pip install 'cds-service[spark]'\n"
    )


def test_without_java_on_the_path_it_is_named(tmp_path, said, monkeypatch, spark_is_installed):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert call("screen", str(tmp_path), "--engine", "spark") == 2
    assert said() == (
        "cds-service: --engine spark needs Java 17 or later, there is none on the PATH, and JAVA_HOME is not set."
        " On Debian: apt install default-jre-headless\n"
    )


def test_a_wrong_java_home_is_named(tmp_path, said, monkeypatch, spark_is_installed):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert call("screen", str(tmp_path), "--engine", "spark") == 2
    assert f"there is none in JAVA_HOME ({tmp_path})" in said()


def test_an_address_of_sparks_is_not_for_the_local_engine(said):
    assert call("screen", "s3a://bucket/folder") == 2
    assert "--engine spark" in said()


@dataclass
class JavaError(Exception):
    """What py4j hands over of an error in Java, its classes and words from the outside in."""

    told: tuple[tuple[str, str], ...]

    @property
    def java_exception(self) -> Any:
        return self

    def getClass(self) -> Any:  # noqa: N802  Java's name
        return self

    def getName(self) -> str:  # noqa: N802
        return self.told[0][0]

    def getMessage(self) -> str:  # noqa: N802
        return self.told[0][1]

    def getCause(self) -> Any:  # noqa: N802
        return JavaError(self.told[1:]) if len(self.told) > 1 else None


S3, HERE = "s3a://bucket/folder", "file:///folder"
ABORTED = ("org.apache.spark.SparkException", "Job aborted due to stage failure: Anna Example")
FAILURES = [
    (HERE, "java.io.FileNotFoundException", "gone", SourceError, "gone or may not be read"),
    (HERE, "org.apache.spark.sql.AnalysisException", "[PATH_NOT_FOUND] Path", SourceError, "gone or may not be read"),
    (HERE, "java.io.IOException", "input/output error", SourceError, "could not be read (IOException)"),
    (S3, "java.io.IOException", "reset", RemoteError, "could not be read (IOException)"),
    (S3, "java.nio.file.AccessDeniedException", "403", RemoteError, "refused (AccessDeniedException)"),
    (S3, "software.amazon.awssdk.services.s3.model.S3Exception", "403", RemoteError, "refused (S3Exception)"),
    ("hdfs://node/x", "java.net.ConnectException", "Connection refused", RemoteError, "could not be reached"),
    (S3, "java.lang.ClassNotFoundException", "S3AFileSystem", ConfigurationError, "--packages"),
    ("x://y", "org.apache.hadoop.fs.UnsupportedFileSystemException", "scheme", ConfigurationError, "--packages"),
    ("x:y", "java.lang.IllegalArgumentException", "Relative path", UsageError, "no address that Spark can read"),
    (
        HERE,
        "org.apache.spark.api.python.PythonException",
        "ModuleNotFoundError: No module named 'cds_service'",
        ConfigurationError,
        "on every node",
    ),
    (HERE, "java.lang.OutOfMemoryError", "Java heap space", RemoteError, "the Spark job failed (OutOfMemoryError)"),
]


@pytest.mark.parametrize(("source", "name", "message", "kind", "words"), FAILURES)
def test_a_failure_of_spark_is_one_line_without_its_words(source, name, message, kind, words):
    with pytest.raises(CdsServiceError) as told, spark_failures(source):
        raise JavaError((ABORTED, (name, message)))
    assert type(told.value) is kind
    assert words in str(told.value)
    assert "Anna" not in str(told.value)
    assert told.value.__suppress_context__


def test_an_error_of_ours_comes_through():
    with pytest.raises(SourceError, match="ours"), spark_failures(HERE):
        raise SourceError("ours")


def test_a_bug_of_ours_is_not_taken_for_a_failure_of_spark():
    with pytest.raises(KeyError), spark_failures(HERE):
        raise KeyError("bug")
