"""Spark, started or found, and what its failures mean in one line each.

The user says where Spark runs as everywhere with Spark: by spark-submit, the SPARK_* variables or
spark-defaults.conf; without any of these it runs on this machine. Its own words may hold a
record's, so none of them are passed on.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from cds_service.errors import CdsServiceError, ConfigurationError, RemoteError, SourceError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FAILED = "cds-service failed in a worker"
"""With these words begins what a worker raises; the kind and the place of the error follow."""

_SUBMITTED = "PYSPARK_GATEWAY_PORT"
_FAILED = re.compile(FAILED + r": ([\w.<>: ]+)")
_LOCAL_ONLY = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
_DEFAULTS = {
    "spark.master": "local[*]",
    "spark.app.name": "cds-service screen",
    "spark.log.level": "OFF",
    "spark.ui.showConsoleProgress": "false",
}
_GONE = "no such folder, or a file in it is gone or may not be read"
_NO_WORKER = ("ModuleNotFoundError", "PYTHON_VERSION_MISMATCH", "Cannot run program", "PACKAGE_NOT_INSTALLED")
_NO_CONNECTOR = ("UnsupportedFileSystemException", "ClassNotFoundException", "NoClassDefFoundError")
_NOT_REACHED = (
    *("ConnectException", "UnknownHostException", "NoRouteToHostException", "SocketTimeoutException"),
    *("ConnectTimeoutException", "AccessControlException", "AccessDeniedException", "SSLException"),
    *("AwsServiceException", "S3Exception", "SdkClientException", "AbfsRestOperationException"),
)


def check_spark() -> None:
    """Raises ConfigurationError where Spark's Python packages or Java are missing."""
    missing = [name for name in ("pyspark", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"--engine spark needs {' and '.join(missing)}, which this installation lacks:"
            " pip install 'cds-service[spark]'"
        )
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin")) if home else None)
    if java is None and _SUBMITTED not in os.environ:
        where = f"in JAVA_HOME ({home})" if home else "on the PATH, and JAVA_HOME is not set"
        raise ConfigurationError(
            f"--engine spark needs Java 17 or later, there is none {where}. On Debian: apt install default-jre-headless"
        )


@contextmanager
def spark_session() -> Iterator[SparkSession]:
    """The session there is, or a new one, which is stopped at the end."""
    check_spark()
    from pyspark.sql import SparkSession  # noqa: PLC0415  the optional extra

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    session = _start()
    try:
        yield session
    finally:
        session.stop()


def _start() -> SparkSession:
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415  the optional extra
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    # Without it the workers take whatever python3 is first on the PATH, not the one with our packages.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with TemporaryFile() as words:
        try:
            # The one way to the settings that spark-submit was given, before the context is made.
            SparkContext._ensure_initialized(gateway=launch_gateway(popen_kwargs={"stdout": words, "stderr": words}))
            SparkContext(conf=_completed(SparkConf()))
            return SparkSession.builder.getOrCreate()
        except Exception as error:
            raise _not_started(error, words) from None


def _completed(conf: Any) -> Any:  # noqa: ANN401  a SparkConf
    """The user's settings, with ours where they set nothing."""
    if conf.get("spark.app.name", "") == "pyspark-shell":
        conf.setAppName(_DEFAULTS["spark.app.name"])
    for name, value in _DEFAULTS.items():
        conf.setIfMissing(name, value)
    if conf.get("spark.master").startswith("local"):
        for name, value in _LOCAL_ONLY.items():
            conf.setIfMissing(name, value)
    return conf


def _not_started(error: Exception, words: IO[bytes]) -> CdsServiceError:
    """No record was read yet: what Spark said last may be shown."""
    causes = _causes(error)
    said = causes[-1][1] if causes else _why(words) or str(error)
    told = f"Spark could not be started: {said[:300]}"
    remote = causes and any(name.endswith(_NOT_REACHED) or "masters are unresponsive" in text for name, text in causes)
    return RemoteError(told) if remote else ConfigurationError(f"{told} (it needs Java 17 or later)")


def _why(words: IO[bytes]) -> str:
    """The line that names an error, or else the last one."""
    words.seek(0)
    lines = [line.strip() for line in words.read().decode("utf-8", "replace").split("\n") if line.strip()]
    return next((line for line in lines if re.search(r"Exception|Error", line)), lines[-1] if lines else "")


@contextmanager
def spark_failures(source: str) -> Iterator[None]:
    """What Spark raises becomes one error without its words.

    UsageError or ConfigurationError: such an address cannot be read, or the workers cannot work. SourceError: the
    source cannot be read. RemoteError: it could not be reached, or the job failed. An error of ours comes through.
    """
    try:
        yield
    except CdsServiceError:
        raise
    except Exception as error:
        told = _told(error, source)
        if told is None:
            raise
        raise told from None


def _told(error: Exception, source: str) -> Exception | None:
    causes = _causes(error)
    if not causes:
        return _lost(error)
    text = "\n".join(said for _, said in causes)
    bug = _FAILED.search(text)
    if bug is not None:
        return RuntimeError(f"{FAILED}: {bug[1]}")
    if any(words in text for words in _NO_WORKER):
        return ConfigurationError(
            "Spark's workers cannot run this program: it and its packages must be on every node, for the same"
            " Python as here (PYSPARK_PYTHON, spark-submit --archives; see README)"
        )
    if "[PATH_NOT_FOUND]" in text:
        return SourceError(f"{source}: {_GONE}")
    return _unread([name for name, _ in causes], source)


def _unread(names: list[str], source: str) -> CdsServiceError:
    """What the classes of a failure and its causes say."""
    here = source.startswith("file:")
    for name in names:
        plain = name.rpartition(".")[2]
        if plain in _NO_CONNECTOR:
            return ConfigurationError(
                f"{source}: this Spark cannot read such an address: give it the connector (spark-submit --packages)"
            )
        if plain in ("FileNotFoundException", "NoSuchFileException"):
            return SourceError(f"{source}: {_GONE}")
        if plain.endswith(_NOT_REACHED) and not here:
            return RemoteError(f"{source}: it could not be reached, or refused ({plain})")
        if plain in ("IllegalArgumentException", "URISyntaxException"):
            return UsageError(f"{source}: this is no address that Spark can read")
        if plain.endswith(("IOException", "EOFException")) or plain.endswith(_NOT_REACHED):
            kind = SourceError if here else RemoteError
            return kind(f"{source}: it could not be read ({plain})")
    return RemoteError(
        f"the Spark job failed ({names[-1].rpartition('.')[2]}); nothing of the last list was touched."
        " Spark's own log says more: see its web pages, or set spark.log.level=ERROR"
    )


def _causes(error: Exception) -> list[tuple[str, str]]:
    """Class and words of what Java raised and of its causes; nothing where it was not Java."""
    raised = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    found: list[tuple[str, str]] = []
    while raised is not None and len(found) < 20:
        found.append((str(raised.getClass().getName()), str(raised.getMessage())))
        raised = raised.getCause()
    return found


def _lost(error: Exception) -> CdsServiceError | None:
    """Where Java itself is gone; None for an error that is not Spark's."""
    if type(error).__module__.partition(".")[0] in ("py4j", "pyspark"):
        why = f"{type(error).__name__}; out of memory?"
        return RemoteError(f"Spark ended before its time ({why}); nothing of the last list was touched")
    return None
