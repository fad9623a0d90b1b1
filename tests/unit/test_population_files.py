"""The files of a population, cut into pieces: each line in one piece, once, whatever the sizes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cds_service.population.files import Piece, PieceReader, find_files, pieces_of

TEXTS = [b"a", b"bb", b"", b"c" * 40, b"d", b"", b"e" * 9]


def lines_of(piece: Piece, longest: int = 1 << 20) -> list[bytes]:
    reader = PieceReader(piece, longest)
    lines = [line for block in reader.blocks() for line in block.lines.split(b"\n")[: block.lines.count(b"\n") or None]]
    assert reader.problem is None
    return lines


def written(folder: Path, data: bytes, name: str = "Patient.ndjson") -> Path:
    (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("ending", [b"\n", b""])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 41, 100])
def test_every_line_is_in_the_piece_it_begins_in(tmp_path: Path, size: int, ending: bytes) -> None:
    written(tmp_path, b"\n".join(TEXTS) + ending)
    pieces = pieces_of(find_files((tmp_path,)), size)
    assert [line for piece in pieces for line in lines_of(piece)] == TEXTS
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    assert sum(piece.size for piece in pieces) == (tmp_path / "Patient.ndjson").stat().st_size


def test_a_line_longer_than_the_limit_is_cut_and_those_around_it_are_whole(tmp_path: Path) -> None:
    long = b"x" * (5 << 20)
    written(tmp_path, b"before\n" + long + b"\nafter\n")
    (piece,) = pieces_of(find_files((tmp_path,)), 100 << 20)
    blocks = list(PieceReader(piece, longest_line=3 << 20).blocks())
    assert [(block.lines[:6], block.cut) for block in blocks] == [
        (b"before", False),
        (b"xxxxxx", True),
        (b"after\n", False),
    ]
    assert len(blocks[1].lines) == 1 << 20


def test_a_long_last_line_without_an_end_is_cut_too(tmp_path: Path) -> None:
    written(tmp_path, b"before\n" + b"x" * (5 << 20))
    (piece,) = pieces_of(find_files((tmp_path,)), 100 << 20)
    assert [block.cut for block in PieceReader(piece, longest_line=3 << 20).blocks()] == [False, True]


def test_a_gzipped_file_is_one_piece_with_all_its_members_and_padding(tmp_path: Path) -> None:
    packed = gzip.compress(b"one\ntw") + gzip.compress(b"o\nthree\n") + b"\0" * 512
    written(tmp_path, packed, "Patient.ndjson.gz")
    (piece,) = pieces_of(find_files((tmp_path,)), 10)
    assert lines_of(piece) == [b"one", b"two", b"three"]


def test_what_is_gzipped_is_told_by_its_bytes_not_by_its_name(tmp_path: Path) -> None:
    written(tmp_path, gzip.compress(b"one\n"), "Patient.ndjson")
    written(tmp_path, b"two\n", "Condition.ndjson.gz")
    assert {file.kind: file.zipped for file in find_files((tmp_path,))} == {"Patient": True, "Condition": False}


def test_a_byte_order_mark_is_taken_off_the_first_line_only(tmp_path: Path) -> None:
    written(tmp_path, b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n")
    (piece,) = pieces_of(find_files((tmp_path,)))
    assert lines_of(piece) == [b"one", b"\xef\xbb\xbftwo"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Patient.ndjson", "Patient"),
        ("Patient.000.ndjson", "Patient"),
        ("export-2026_Condition-1.jsonl", "Condition"),
        ("01.MedicationRequest.ndjson.gz", "MedicationRequest"),
        ("patients.ndjson", ""),
        ("data.ndjson", ""),
    ],
)
def test_the_type_is_told_by_the_name_where_it_tells_one(tmp_path: Path, name: str, kind: str) -> None:
    written(tmp_path, b"", name)
    assert [file.kind for file in find_files((tmp_path,))] == [kind]


def test_folders_in_it_are_read_and_what_holds_no_resources_is_not(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("deep/Patient.ndjson", "Condition.NDJSON", "truth.ndjson", ".Patient.ndjson", "notes.txt", "a.json"):
        (tmp_path / name).write_bytes(b"")
    assert [file.name for file in find_files((tmp_path,))] == ["Condition.NDJSON", "deep/Patient.ndjson"]
