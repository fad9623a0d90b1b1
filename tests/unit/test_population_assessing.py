"""One patient's lines become an assessment; what is equal for the same record, and for the same words."""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from fhir_json import catalog
from populations import CANDIDATE, DAY, candidate, line

from cds_service.population.assessing import (
    Judging,
    SharedStore,
    assess_patient,
    by_patient,
    document_of,
    is_unchanged,
    record_digest,
    write_shared,
)
from cds_service.population.spill import BROKEN, CHANGED, Kept
from cds_service.screening.screened import Screened

NAME = f"Patient/{CANDIDATE}"


def judging(day: date = DAY) -> Judging:
    return Judging(catalog(), catalog().trials["extend-op"], day, "1")


def kept(*texts: bytes, flags: int = 0) -> list[Kept]:
    return [Kept(0, "Observation", flags, text) for text in texts]


def record() -> list[Kept]:
    return [Kept(0, one["resourceType"], 0, line(one)) for one in candidate()]


def assessed(lines: list[Kept], day: date = DAY) -> Screened:
    found = assess_patient(NAME, lines, judging(day))
    assert found is not None
    return found


def test_lines_without_a_patient_are_nobodys_assessment() -> None:
    assert assess_patient(NAME, [one for one in record() if one.kind != "Patient"], judging()) is None


def test_the_document_is_kept_small_and_comes_back() -> None:
    found = assessed(record())
    assert document_of(found) == zlib.decompress(found.document)
    assert len(found.document) * 3 < len(document_of(found))
    assert (found.patient.id, found.summary.status, found.summary.listed) == (CANDIDATE, "candidate", True)
    assert not found.partly_read


def test_a_broken_line_makes_the_record_partly_read() -> None:
    found = assessed([*record(), Kept(0, "Condition", BROKEN, b'{"resourceType":"Condition","id":"x","sub')])
    assert found.partly_read
    assert found.summary.status == "possible"


def test_the_next_day_says_the_same_while_nothing_turns() -> None:
    today = assessed(record())
    assert today.summary.next_change is not None
    tomorrow = DAY + timedelta(days=1)
    assert today.summary.next_change > tomorrow
    after = assessed(record(), tomorrow)
    assert after.fingerprint == today.fingerprint
    assert document_of(after) != document_of(today)


def test_on_the_day_of_the_next_change_it_says_something_else() -> None:
    today = assessed(record())
    assert today.summary.next_change is not None
    assert assessed(record(), today.summary.next_change).fingerprint != today.fingerprint


class TestRecordDigest:
    def test_the_order_of_the_lines_does_not_matter(self) -> None:
        assert record_digest(kept(b"a", b"b", b"c")) == record_digest(kept(b"c", b"a", b"b"))

    @pytest.mark.parametrize("others", [(b"a",), (b"a", b"b", b"b"), (b"a", b"c"), (b"ab",), ()])
    def test_other_lines_are_another_record(self, others: tuple[bytes, ...]) -> None:
        assert record_digest(kept(*others)) != record_digest(kept(b"a", b"b"))

    def test_what_belongs_to_nobody_counts_too(self) -> None:
        assert record_digest(kept(b"a"), "1") != record_digest(kept(b"a"), "2")


class TestUnchanged:
    SINCE = datetime(2026, 11, 21, tzinfo=UTC)

    def test_the_same_record_as_when_it_was_assessed(self) -> None:
        assert is_unchanged("Patient/a", "1", kept(b"x"), {"a": "1"}, None)
        assert not is_unchanged("Patient/a", "2", kept(b"x"), {"a": "1"}, None)
        assert not is_unchanged("Patient/b", "1", kept(b"x"), {"a": "1"}, None)

    def test_since_an_instant_what_was_updated_counts_and_what_is_broken(self) -> None:
        assert is_unchanged("Patient/a", "2", kept(b"x"), {"a": "1"}, self.SINCE)
        assert not is_unchanged("Patient/a", "1", kept(b"x", flags=CHANGED), {"a": "1"}, self.SINCE)
        assert not is_unchanged("Patient/a", "1", kept(b"x", flags=BROKEN), {"a": "1"}, self.SINCE)
        assert not is_unchanged("Patient/b", "1", kept(b"x"), {"a": "1"}, self.SINCE)


class TestShared:
    def test_a_resource_is_found_by_its_name(self, tmp_path: Path) -> None:
        write_shared(tmp_path / "s", [("Medication/a", b"1"), ("Medication/b", b"\xff\0")])
        store = SharedStore(tmp_path / "s")
        assert (store.find("Medication/a"), store.find("Medication/b")) == (b"1", b"\xff\0")
        assert store.find("Medication/c") is None

    def test_the_digest_is_of_what_is_in_it_whatever_the_order(self, tmp_path: Path) -> None:
        entries = [(f"Medication/{number}", b"x" * 999) for number in range(99)]
        write_shared(tmp_path / "one", entries)
        write_shared(tmp_path / "two", entries[::-1])
        write_shared(tmp_path / "other", entries[1:])
        assert SharedStore(tmp_path / "one").digest == SharedStore(tmp_path / "two").digest
        assert SharedStore(tmp_path / "one").digest != SharedStore(tmp_path / "other").digest

    def test_of_two_versions_the_one_updated_last_holds_in_either_order(self, tmp_path: Path) -> None:
        older, newer = (
            b'{"resourceType":"Medication","id":"a","meta":{"lastUpdated":"2026-01-0%dT00:00:00Z"}}' % day
            for day in (1, 2)
        )
        for number, both in enumerate([(older, newer), (newer, older), (newer, older, b"{")]):
            path = tmp_path / str(number)
            write_shared(path, [("Medication/a", raw) for raw in both])
            assert SharedStore(path).find("Medication/a") == newer


def test_the_lines_of_a_slot_are_taken_apart_by_patient_in_their_order() -> None:
    lines = [Kept(5, "", 0, b"1"), Kept(2, "", 0, b"2"), Kept(5, "", 0, b"3")]
    assert list(by_patient(lines)) == [(5, [lines[0], lines[2]]), (2, [lines[1]])]
