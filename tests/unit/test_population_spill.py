"""Kept lines on disk: all of them come back, in their order, and a file is there whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cds_service.errors import SourceError
from cds_service.population import spill
from cds_service.population.spill import BROKEN, CHANGED, Kept, SpillWriter, read_slot, write_whole, writing

LINES = [
    Kept(0, "Condition", 0, b"zero"),
    Kept(3, "Observation", CHANGED, b"three \xff\0"),
    Kept(1, "", BROKEN, b""),
    Kept(0, "Patient", 0, b"zero again"),
    Kept(4_000_000_000, "Procedure", BROKEN, b"x" * 1000),
]


def places(writer: SpillWriter, slot: int) -> list[tuple[str, int, int]]:
    return [(part.name, at, length) for part in writer.parts for found, at, length in part.slots if found == slot]


@pytest.mark.parametrize("flush_bytes", [1, 100, 1 << 20])
def test_the_lines_of_a_slot_come_back_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flush_bytes: int
) -> None:
    monkeypatch.setattr(spill, "_FLUSH_BYTES", flush_bytes)
    writer = SpillWriter(tmp_path, "gather-00001", 3)
    for kept in LINES:
        writer.add(kept)
    shared = Kept(0, "Medication", 0, b"nobody's")
    writer.put(3, shared)
    writer.flush()
    assert list(read_slot(tmp_path, places(writer, 0))) == [LINES[0], LINES[1], LINES[3]]
    assert list(read_slot(tmp_path, places(writer, 1))) == [LINES[2], LINES[4]]
    assert list(read_slot(tmp_path, places(writer, 2))) == []
    assert list(read_slot(tmp_path, places(writer, 3))) == [shared]
    assert {path.name for path in tmp_path.iterdir()} == {part.name for part in writer.parts}


def test_two_processes_at_the_same_piece_write_into_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (10, 11):
        monkeypatch.setattr("os.getpid", lambda number=number: number)
        writer = SpillWriter(tmp_path, "gather-00001", 1)
        writer.add(LINES[0])
        writer.flush()
    assert len(list(tmp_path.iterdir())) == 2


def test_nothing_kept_is_no_file(tmp_path: Path) -> None:
    writer = SpillWriter(tmp_path, "gather-00001", 1)
    writer.flush()
    assert writer.parts == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_written_anew_is_the_old_one_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report"
    write_whole(path, "old")
    monkeypatch.setattr(Path, "write_bytes", _half_written)
    with pytest.raises(SourceError, match="the disk is full; nothing of the last list was touched"):
        write_whole(path, "new")
    assert path.read_bytes() == b"\xa3old"


def _half_written(path: Path, data: bytes) -> int:
    with path.open("wb") as file:
        file.write(data[:1])
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "the disk is full"), (errno.EACCES, "Permission denied")],
)
def test_what_the_disk_refuses_is_told_with_the_folder_and_what_to_do(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(SourceError) as caught, writing(tmp_path / "part"):
        raise OSError(number, "words of the system")
    assert str(caught.value).startswith(f"{tmp_path}: {words}; ")
    assert str(caught.value).endswith("Make room and run with --resume")


def test_what_is_no_refusal_of_the_disk_comes_through() -> None:
    with pytest.raises(ValueError, match=r"\Aa bug\Z"), writing(Path("part")):
        raise ValueError("a bug")
