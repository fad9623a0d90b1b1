"""The coordinator's pages: who may open them, what they say, and what a decision does to list and card alike."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from assessments import verdict
from fitting import FITTING, Desk, body
from hooks import AS_OF, ask
from nights import DAY, EHR, NIGHT, run, screened, stored
from screens import Hospital, lay_out

from cds_service.screening.runs import RunState
from cds_service.screening.screened import RunCounts
from cds_service.store.opening import RunStore, open_runs


class Office:
    """The service over a database that nights were stored in."""

    def __init__(self, folder: Path) -> None:
        self.database = f"sqlite:///{folder}/office.sqlite"
        self.desk = Desk(database_url=self.database)

    def store(self, work: Callable[[RunStore], object]) -> None:
        opened = open_runs(self.database)
        work(opened)
        opened.close()

    def screen(self, name: str, night: int, *found: Any, **changed: Any) -> None:
        self.store(lambda opened: stored(opened, run(name, night, **changed), *found))

    def get(self, path: str, **request: Any) -> Any:
        return ask("GET", path, to=self.desk.app, **request)

    def page(self, path: str = "/worklist") -> str:
        """The words of a page, without its tags."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())

    def decide(self, number: int, decided: str, by: str = "A. Nurse", note: str = "", seen: int = 0, **request: Any):
        form = {"decided": decided, "by": by, "note": note, "seen": str(seen)}
        return ask("POST", f"/worklist/{number}/decision", to=self.desk.app, data=form, **request)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


PATHS = ["/worklist", "/worklist/1", "/api/worklist", "/api/worklist/1"]
ELSEWHERE: list[tuple[str, dict[str, Any]]] = [
    ("another machine", {"client": ("192.0.2.7", 50000)}),
    ("a proxy", {"headers": {"X-Forwarded-For": "192.0.2.7"}}),
    ("another name", {"headers": {"Host": "ehr.example"}}),
    ("another site's page", {"headers": {"Origin": "https://evil.example"}}),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("whence", "request_"), ELSEWHERE, ids=[name for name, _ in ELSEWHERE])
def test_nobody_else_reads_the_pages(office: Office, path: str, whence: str, request_: dict[str, Any]) -> None:
    office.screen("r1", 0, screened("anna"))
    answer = office.get(path, **request_)
    assert answer.status_code == 403
    assert "anna" not in answer.text


def test_signed_callers_are_no_reason_to_open_them(tmp_path: Path) -> None:
    clients = tmp_path / "clients.yaml"
    clients.write_text(
        "clients:\n  - issuer: https://ehr.example/fhir\n    jku: https://ehr.example/.well-known/jwks.json\n"
    )
    desk = Desk(trusted_clients=clients, public_url="https://cds.example")
    assert ask("GET", "/worklist", to=desk.app).status_code == 200
    assert ask("GET", "/worklist", to=desk.app, client=("192.0.2.7", 5000)).status_code == 403


def test_pages_are_not_kept_and_run_nothing(office: Office) -> None:
    headers = office.get("/worklist").headers
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]


def test_before_the_first_run_it_says_how_to_start_one(office: Office) -> None:
    words = office.page()
    assert "No run has been stored yet. Start one with cds-service screen" in words
    assert "0 waiting" in words


def test_a_run_without_anybody_says_nobody(office: Office) -> None:
    office.screen("r1", 0)
    assert "Nobody here." in office.page()


def test_the_list_says_who_in_which_order_until_when_and_why(office: Office) -> None:
    unsure = screened("bert", {"ecog": "unknown"}, closes=date(2026, 11, 25))
    office.screen("r1", 0, screened("anna", closes=date(2026, 12, 8)), unsure, screened("carl", {"age": "fail"}))
    words = office.page()
    assert words.index("Patient/anna") < words.index("Patient/bert")
    assert "Patient/carl" not in words
    assert "2 waiting, 2 new, 0 changed, 1 running out within 7 days, 0 off the list" in words
    assert "8 Dec 2026 16 days" in words
    assert "25 Nov 2026 3 days" in words
    assert "ECOG 0 to 2" in words


def test_what_could_not_be_read_is_shown(office: Office) -> None:
    counts = RunCounts(patients=100, considered=3, quarantined=14, dropped=2, partly_read=1)
    office.screen("r1", 0, screened("anna"), counts=counts)
    assert (
        f"Run for 22 Nov 2026 on {EHR}: 100 patients, 3 with evidence of cancer, 14 lines could not be read,"
        " 2 resources name no patient, of 1 patients something could not be read"
    ) in office.page()


def test_the_pages_are_shown_while_a_run_is_being_stored(office: Office) -> None:
    office.screen("r1", 0, screened("anna"))
    storing = sqlite3.connect(office.database.removeprefix("sqlite:///"), isolation_level=None)
    storing.execute("BEGIN IMMEDIATE")
    storing.execute("DELETE FROM assessments")
    for path in PATHS:
        assert "anna" in office.get(path).text
    storing.close()


def test_a_run_that_is_incomplete_or_has_not_ended_is_shown_with_the_list_before_it(office: Office) -> None:
    office.screen("r1", 0, screened("anna"))
    failed = run("r2", 1, state=RunState.INCOMPLETE, problems=("no Observation, where the last run had 1000",))
    office.store(lambda opened: opened.runs.end(failed))
    words = office.page()
    assert "The run of 23 Nov 2026 is incomplete." in words
    assert "This is the list before it. no Observation, where the last run had 1000" in words
    assert "Patient/anna" in words
    office.store(lambda opened: opened.runs.begin(run("r3", 2, state=RunState.RUNNING, ended_at=None)))
    assert "The run of 24 Nov 2026 has not ended: it is at work, or was stopped." in office.page()


def test_what_the_last_run_changed_has_a_place_of_its_own(office: Office) -> None:
    office.screen("r1", 0, screened("anna", {"ecog": "unknown"}), screened("bert"), screened("carl"))
    why = verdict("age", "fail", "Aged 17 (needs 18 or more)")
    office.screen("r2", 1, screened("anna"), screened("bert", verdicts=(why,)), screened("new"))
    changed = office.page("/worklist?show=changed")
    assert "ECOG 0 to 2: unknown, now pass" in changed
    assert "Patient/new" in office.page("/worklist?show=new")
    lost = office.page("/worklist?show=lost")
    assert "off the list Aged 17 (needs 18 or more)" in lost
    assert "vanished No longer in the source, or without any recorded evidence of cancer" in lost


def test_a_long_list_has_pages(office: Office) -> None:
    office.screen("r1", 0, *(screened(f"p{number:03}") for number in range(250)))
    first, last = office.page(), office.page("/worklist?page=3")
    assert "1 to 100 of 250" in first
    assert "201 to 250 of 250" in last
    assert "Patient/p249" in last
    assert office.page("/worklist?page=99") == last


@pytest.mark.parametrize("number", ["2", "99999999999999999999", "0", "-1"])
def test_a_number_that_is_none_is_told(office: Office, number: str) -> None:
    office.screen("r1", 0, screened("anna"))
    for path in (f"/worklist/{number}", f"/api/worklist/{number}"):
        assert office.get(path).status_code == 404


def test_the_worksheet_says_why_until_when_and_what_was_said_before(office: Office) -> None:
    office.screen("r1", 0, screened("anna", {"ecog": "unknown"}, base="https://ehr.example/fhir"))
    office.screen("r2", 1, screened("anna", closes=date(2026, 12, 8)))
    words = office.page("/worklist/2")
    assert "Candidate: nothing recorded stands in the way" in words
    assert "8 Dec 2026, if nothing new is recorded" in words
    assert "https://ehr.example/fhir/Patient/anna" in words
    assert "ECOG 0 to 2: unknown, now pass" in words
    assert "This is an earlier assessment. A later one is there:" in office.page("/worklist/1")


def test_words_of_a_record_are_words_on_the_page(office: Office) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    office.screen("r1", 0, screened("anna", verdicts=(verdict("histology", "pass", evil, text=evil),)))
    for path in ("/worklist", "/worklist/1"):
        text = office.get(path).text
        assert "<script" not in text
        assert "<img" not in text
        assert "&lt;script&gt;" in text


class TestDecisions:
    def test_a_decision_is_written_down_and_takes_the_patient_off(self, office: Office) -> None:
        office.screen("r1", 0, screened("anna"), screened("bert"))
        answer = office.decide(1, "refused", note="wants to <think>")
        assert (answer.status_code, answer.headers["location"]) == (303, "/worklist/1#decisions")
        assert "Patient declined (A. Nurse, 22 Nov 2026) wants to &lt;think&gt;" in office.page("/worklist/1")
        assert "Patient/anna" not in office.page()
        assert "Patient/anna" in office.page("/worklist?show=decided")
        (shown,) = office.get("/api/worklist").json()["decided"]
        assert shown["decision"]["decided"] == "refused"

    def test_no_run_takes_it_back(self, office: Office) -> None:
        office.screen("r1", 0, screened("anna", {"ecog": "unknown"}))
        office.decide(1, "not_eligible")
        office.screen("r2", 1, screened("anna"))
        assert "Patient/anna" not in office.page()

    def test_reopening_brings_the_patient_back(self, office: Office) -> None:
        office.screen("r1", 0, screened("anna"))
        assert "Reopened" not in office.page("/worklist/1")
        office.decide(1, "refused")
        assert office.decide(1, "reopened", seen=1).status_code == 303
        assert "Patient/anna" in office.page()
        assert office.page("/worklist/1").count("(A. Nurse, 22 Nov 2026)") == 2

    WRONG = (
        ({"decided": ""}, "Choose what was decided."),
        ({"decided": "perhaps"}, "Choose what was decided."),
        ({"decided": "refused", "by": "  "}, "Say who decided"),
        ({"decided": "refused", "by": "N" * 201}, "Say who decided"),
        ({"decided": "refused", "note": "n" * 2001}, "The note is longer than 2000 characters."),
        ({"decided": "refused", "seen": 1}, "Somebody decided about this patient since you opened the page"),
    )

    @pytest.mark.parametrize(("form", "said"), WRONG, ids=[said[:30] + str(at) for at, (_, said) in enumerate(WRONG)])
    def test_what_is_not_one_is_told_and_not_written_down(
        self, office: Office, form: dict[str, Any], said: str
    ) -> None:
        office.screen("r1", 0, screened("anna"))
        answer = office.decide(1, **form)
        assert answer.status_code == 409
        assert said in answer.text
        assert "Nothing has been decided." in office.page("/worklist/1")

    @pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null"])
    def test_another_sites_form_is_refused(self, office: Office, origin: str) -> None:
        office.screen("r1", 0, screened("anna"))
        assert office.decide(1, "refused", headers={"Origin": origin}).status_code == 403
        assert "Nothing has been decided." in office.page("/worklist/1")

    def test_who_decided_is_remembered_by_the_browser(self, office: Office) -> None:
        office.screen("r1", 0, screened("anna"), screened("bert"))
        cookie = office.decide(1, "refused", by="Ö. Nurse").headers["set-cookie"].partition(";")[0]
        answer = office.get("/worklist/2", headers={"Cookie": cookie})
        assert 'name="by" value="Ö. Nurse"' in answer.text


class TestCardAndList:
    """One decision silences the card in the chart and takes the patient off the list; reopening brings both back."""

    SERVER = "http://127.0.0.1:9/fhir"

    @pytest.fixture
    def both(self, tmp_path: Path) -> Office:
        from fitting import record

        office = Office(tmp_path)
        hospital = Hospital(tmp_path / "ours", office.database)
        assert hospital.screen(lay_out(tmp_path / "data", record()), "--server", self.SERVER, day=AS_OF) == 0
        return office

    def cards(self, office: Office) -> int:
        office.desk.later(days=20)
        return len(office.desk.cards(body(fhirServer=self.SERVER)))

    def test_by_the_page(self, both: Office) -> None:
        assert (self.cards(both), f"Patient/{FITTING}" in both.page()) == (1, True)
        both.decide(1, "not_eligible")
        assert (self.cards(both), f"Patient/{FITTING}" in both.page()) == (0, False)
        both.decide(1, "reopened", seen=1)
        assert (self.cards(both), f"Patient/{FITTING}" in both.page()) == (1, True)

    def test_by_a_file(self, both: Office, tmp_path: Path) -> None:
        hospital, file = Hospital(tmp_path / "ours", both.database), tmp_path / "decisions.csv"
        head = "patient,server,decision,decided_at,decided_by\n"
        file.write_text(f"{head}Patient/{FITTING},{self.SERVER},screened,2026-11-20,N\n")
        assert hospital.worklist("import-decisions", file) == 0
        assert (self.cards(both), f"Patient/{FITTING}" in both.page()) == (0, False)
        file.write_text(f"{head}Patient/{FITTING},{self.SERVER},reopened,2026-11-21,N\n")
        assert hospital.worklist("import-decisions", file) == 0
        assert (self.cards(both), f"Patient/{FITTING}" in both.page()) == (1, True)


def test_the_data_hold_what_the_pages_show(office: Office) -> None:
    office.screen("r1", 0, screened("anna", {"ecog": "unknown"}), screened("fails", {"age": "fail"}))
    found = office.get("/api/worklist").json()
    assert found["day"] == DAY.isoformat()
    (waiting,) = found["waiting"]
    assert (waiting["patient"], waiting["status"], waiting["change"]) == ("Patient/anna", "possible", "new")
    assert waiting["unknown"] == ["ecog"]
    assert found["runs"][0]["started_at"] == NIGHT.isoformat()
    assert found["others"] == []
    assert len(office.get("/api/worklist?all=true").json()["others"]) == 1
    one = office.get(f"/api/worklist/{waiting['assessment']}").json()
    assert one["assessment"]["patient"] == "Patient/anna"
    assert one["decisions"] == []
