"""The files of a population as Spark sees them: listed, and their lines as a DataFrame.

Spark itself would go by the name of a file alone and fail as a whole where one gzip file is cut
short. So it hands over the bytes of such a file as they are, and they are unzipped as everywhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cds_service.errors import SourceError
from cds_service.fhir.decoding import type_of
from cds_service.fhir.files import kind_of
from cds_service.fhir.resources import READ_TYPES
from cds_service.population.files import GZIP, LONGEST_LINE, SourceFile, is_source, unzipped
from cds_service.population.spark_session import spark_failures

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SHOWN_OF_LONGEST = 1 << 20
"""Of a line that is too long to be read so many bytes are looked at."""

_AT_A_TIME = 8
_FIRST_LINE = 1 << 20
_PATTERN = re.compile(r"([{}\[\]*?\\])")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file: its address as Spark writes it, and what every engine knows of a file."""

    address: str
    file: SourceFile

    @property
    def is_split(self) -> bool:
        """Whether several workers may share it."""
        return not self.file.zipped and self.suffix != ".gz"

    @property
    def suffix(self) -> str:
        """What Spark tells a compressed file by."""
        return PurePosixPath(self.file.name).suffix.lower()


def list_files(spark: SparkSession, folders: Iterable[str]) -> tuple[Listed, ...]:
    """The NDJSON files of the folders that are read, by name.

    Raises SourceError where a folder is missing or holds none, RemoteError where it cannot be reached.
    """
    found: list[Listed] = []
    for folder in folders:
        with spark_failures(folder):
            inside = sorted(_inside(spark, folder))
            if not inside:
                raise SourceError(f"{folder}: no .ndjson file in this folder (.gz may follow)")
            with ThreadPoolExecutor(_AT_A_TIME) as threads:
                found += threads.map(lambda entry: _looked_into(spark, *entry), inside)
    return tuple(listed for listed in found if _is_read(spark, listed))


def _inside(spark: SparkSession, folder: str) -> Iterator[tuple[PurePosixPath, str, int]]:
    """Name inside the folder, address and size of every file."""
    root, system = _place(spark, folder)
    if not system.getFileStatus(root).isDirectory():
        raise SourceError(f"{folder}: no such folder")
    base = root.toString().rstrip("/") + "/"
    listing = system.listFiles(root, True)  # noqa: FBT003  Java has no names: with all folders inside
    while listing.hasNext():
        status = listing.next()
        address = status.getPath().toString()
        if is_source(status.getPath().getName()):
            if status.getPath().getName().startswith("_"):
                raise SourceError(f"{address}: Spark reads no file whose name begins with _: rename it")
            yield PurePosixPath(address.removeprefix(base)), address, int(status.getLen())


def _place(spark: SparkSession, address: str) -> tuple[Any, Any]:
    """An address as Hadoop's Path, whole, and the file system it is on."""
    path = spark._jvm.org.apache.hadoop.fs.Path(address)
    system = path.getFileSystem(spark._jsc.hadoopConfiguration())
    return system.makeQualified(path), system


def _looked_into(spark: SparkSession, name: PurePosixPath, address: str, size: int) -> Listed:
    zipped = _beginning(spark, address, len(GZIP)) == GZIP
    return Listed(address, SourceFile(Path(name), name.as_posix(), kind_of(name.name), size, zipped))


def _beginning(spark: SparkSession, address: str, length: int) -> bytes:
    path, system = _place(spark, address)
    stream = system.open(path)
    try:
        return bytes(stream.readNBytes(length))
    finally:
        stream.close()


def _is_read(spark: SparkSession, listed: Listed) -> bool:
    """Whether anything is read from a file: not from one that holds, by name and first line, another type."""
    if listed.file.kind in READ_TYPES or not listed.file.kind:
        return True
    with spark_failures(listed.address):
        begun = _beginning(spark, listed.address, _FIRST_LINE)
    text = b"".join(unzipped([begun])) if listed.file.zipped else begun
    return not text or type_of(text.partition(b"\n")[0]) != listed.file.kind


def lines_of(spark: SparkSession, files: Sequence[Listed]) -> DataFrame:
    """The lines of files (at least one), in order within a partition.

    Columns: the file's `path`, the `start` of the piece, the line's `size`, and the `line` as bytes. What stands
    between two line feeds is a line, in a file that is not split too, even where it is zipped.
    """
    together: dict[str, list[str]] = defaultdict(list)
    for listed in files:
        together["" if listed.is_split else listed.suffix].append(listed.address)
    frames = [_read(spark, addresses, suffix) for suffix, addresses in sorted(together.items())]
    return reduce(lambda one, other: one.unionByName(other), frames)


def _read(spark: SparkSession, addresses: Iterable[str], suffix: str) -> DataFrame:
    """The lines of plain files, or, as they stand, those of files of a suffix, none of which is split."""
    options = {
        "lineSep": "\n",
        "recursiveFileLookup": "true",
        "ignoreCorruptFiles": "false",
        "ignoreMissingFiles": "false",
    }
    line = "cast(value AS BINARY)"
    if suffix:
        as_it_is = spark._jvm.org.apache.hadoop.io.compress.PassthroughCodec
        options["io.compression.codecs"] = "org.apache.hadoop.io.compress.PassthroughCodec"
        options[as_it_is.OPT_EXTENSION] = suffix
    else:
        line = f"if(octet_length(value) < {LONGEST_LINE}, {line}, substring({line}, 1, {SHOWN_OF_LONGEST}))"
    texts = spark.read.options(**options).text([_PATTERN.sub(r"\\\1", address) for address in addresses])
    return texts.selectExpr(
        "_metadata.file_path AS path",
        "_metadata.file_block_start AS start",
        "octet_length(value) AS size",
        f"{line} AS line",
    )
