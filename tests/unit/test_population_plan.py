"""What a run was set to do, kept in its work folder: resumed only where all of it is still the same."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import msgspec
import pytest

from cds_service.population.files import find_files
from cds_service.population.plan import FILE, Plan, begin, clear, digest_of, place_of, read_plan

PLAN = Plan("run-1", date(2026, 11, 22), "digest")


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    begin(tmp_path / "work", PLAN)
    assert read_plan(tmp_path / "work") == PLAN


def test_where_there_is_none_or_none_of_this_version_there_is_nothing_to_resume(tmp_path: Path) -> None:
    assert read_plan(tmp_path) is None
    (tmp_path / FILE).write_bytes(b"half a pl")
    assert read_plan(tmp_path) is None
    (tmp_path / FILE).write_bytes(msgspec.msgpack.encode(Plan("run-1", date(2026, 11, 22), "digest", format=1)))
    assert read_plan(tmp_path) is None


def test_a_new_run_finds_nothing_of_the_one_before_and_only_its_owner_may_look_in(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    begin(folder, PLAN)
    (place_of(folder, PLAN) / "slot-0001.rows").write_bytes(b"of the other day")
    after = Plan("run-2", date(2026, 11, 23), "digest")
    begin(folder, after)
    assert list(place_of(folder, after).iterdir()) == []
    assert not place_of(folder, PLAN).exists()
    assert folder.stat().st_mode & 0o777 == 0o700
    clear(folder)
    assert not folder.exists()


def test_the_digest_is_the_same_for_the_same_files_and_rules_only(tmp_path: Path) -> None:
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(b"one\n")
    os.utime(path, ns=(1, 1_000_000_007))

    def digest(*rests_on: str) -> str:
        return digest_of(find_files((tmp_path,)), *(rests_on or ("extend-op",)))

    before = digest()
    assert digest() == before
    assert digest("another") != before
    os.utime(path, ns=(1, 1_000_000_008))
    assert digest() != before
    os.utime(path, ns=(1, 1_000_000_007))
    assert digest() == before
    path.write_bytes(b"more\n")
    os.utime(path, ns=(1, 1_000_000_007))
    assert digest() != before


def test_a_file_more_is_another_digest(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_bytes(b"one\n")
    before = digest_of(find_files((tmp_path,)))
    (tmp_path / "Condition.ndjson").write_bytes(b"")
    assert digest_of(find_files((tmp_path,))) != before


@pytest.mark.parametrize("name", ["work", "a/b/work"])
def test_what_is_not_there_can_be_cleared(tmp_path: Path, name: str) -> None:
    clear(tmp_path / name)
    assert not (tmp_path / name).exists()
