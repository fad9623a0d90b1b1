"""A folder of bulk NDJSON as the contents of the embedded FHIR server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from cds_service.errors import SourceError
from cds_service.fhir.downloads import open_lines
from cds_service.population.files import find_files
from cds_service.sandbox.codebook import Json


class FolderRecords:
    """The resources of a folder, in the order of its files; of one type and id the last holds on a server.

    A line that is no resource with a type and an id cannot be on a server: it is counted in `left_out`.
    """

    def __init__(self, folder: Path) -> None:
        self._files = find_files((folder,))
        self.left_out = 0

    def __iter__(self) -> Iterator[Json]:
        for file in self._files:
            yield from self._resources(file.path)

    def _resources(self, path: Path) -> Iterator[Json]:
        try:
            with open_lines(path) as lines:
                for line in lines:
                    if line.strip():
                        yield from self._read(line)
        except (OSError, EOFError) as error:
            raise SourceError(f"{path}: it cannot be read ({type(error).__name__})") from None

    def _read(self, line: bytes) -> Iterator[Json]:
        try:
            found = msgspec.json.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = None
        if isinstance(found, dict) and all(isinstance(found.get(name), str) for name in ("resourceType", "id")):
            yield found
        else:
            self.left_out += 1
