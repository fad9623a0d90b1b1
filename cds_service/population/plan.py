"""What a run was set to do: kept in its work folder, so that it can be taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

import msgspec

from cds_service.population.files import SourceFile
from cds_service.population.spill import write_whole, writing

FILE = "plan"
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """The run's id and day, and a digest of everything its results rest on."""

    run: str
    as_of: date
    digest: str
    format: int = _FORMAT


def digest_of(files: Sequence[SourceFile], *rests_on: str) -> str:
    """Equal for the same files (name, size, time of change) and the same of everything else."""
    lines = [f"{file.path}|{file.size}|{file.path.stat().st_mtime_ns}" for file in files]
    return sha256("\n".join((*rests_on, *lines)).encode("utf-8", "surrogatepass")).hexdigest()


def read_plan(folder: Path) -> Plan | None:
    """The plan of a work folder, None where none is or it is of another version."""
    try:
        plan = msgspec.msgpack.decode((folder / FILE).read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError):
        return None
    return plan if plan.format == _FORMAT else None


def begin(folder: Path, plan: Plan) -> None:
    """An empty work folder with this plan; it will hold patients' data, so only its owner may look in."""
    clear(folder)
    with writing(folder / FILE):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        place_of(folder, plan).mkdir()
    write_whole(folder / FILE, plan)


def place_of(folder: Path, plan: Plan) -> Path:
    """Where in a work folder a run puts its files: no worker of an earlier one, killed a moment ago, writes there."""
    return folder / plan.run


def clear(folder: Path) -> None:
    """Remove a work folder and all that is in it."""
    (folder / FILE).unlink(missing_ok=True)
    rmtree(folder, ignore_errors=True)
