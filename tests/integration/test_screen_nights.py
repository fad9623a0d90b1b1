"""Night after night by the command itself: what is assessed anew, what is kept, what is said."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from screens import DAY, Hospital, lay_out, records

from cds_service.sandbox.server import embedded_fhir_server
from cds_service.screening.runs import Run, RunState, Standing

pytestmark = pytest.mark.integration

RECORDS = records()


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "ours")


@pytest.fixture
def control(tmp_path: Path) -> Hospital:
    """The same hospital, of which everybody is assessed anew each time."""
    return Hospital(tmp_path / "control")


def runs_of(hospital: Hospital) -> list[Run]:
    store = hospital.store()
    try:
        return list(store.book.runs("extend-op"))
    finally:
        store.close()


def died(patient: str) -> dict[str, Any]:
    (found,) = (one for one in RECORDS if one["resourceType"] == "Patient" and one["id"] == patient)
    return copy.deepcopy(found) | {"deceasedBoolean": True}


def with_changes(*changed: dict[str, Any]) -> list[dict[str, Any]]:
    """All records, some replaced by others of the same id."""
    named = {(one["resourceType"], one["id"]): one for one in (*RECORDS, *changed)}
    return list(named.values())


def due_between(hospital: Hospital, after: date, until: date) -> set[str]:
    """Who is on the list, or of whom a verdict changes by time alone after one day and until another."""
    store = hospital.store()
    try:
        found = store.book.current("extend-op")
        return {
            one.patient.id
            for one in found
            if one.summary.listed or (one.summary.next_change is not None and after < one.summary.next_change <= until)
        }
    finally:
        store.close()


def test_a_folder_since_last_has_the_list_of_a_run_over_everybody(tmp_path, hospital, control) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    assert len(hospital.rows()) > 5
    seen = DAY
    for days in (1, 16, 40, 120, 400):
        day = DAY + timedelta(days=days)
        due = due_between(hospital, seen, day)
        assert hospital.screen(folder, "--since", "last", day=day) == 0
        assert control.screen(folder, day=day) == 0
        assert hospital.rows() == control.rows()
        last, *_ = runs_of(hospital)
        assert last.whole is False
        assert last.counts.evaluated == len(due)
        assert last.counts.unchanged == last.counts.considered - len(due)
        seen = day


def test_somebody_is_due_though_nothing_changed(tmp_path, hospital) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    first = hospital.rows()[0]
    assert first["status"] == "candidate"
    day = date.fromisoformat(first["next_change"])
    assert hospital.screen(folder, "--since", "last", day=day - timedelta(days=1)) == 0
    still = {row["patient"]: row for row in hospital.rows()}[first["patient"]]
    assert (still["status"], still["days_left"]) == ("candidate", "0")
    assert hospital.screen(folder, "--since", "last", day=day) == 0
    now = {row["patient"]: row for row in hospital.rows()}[first["patient"]]
    assert now["status"] == "possible"
    assert now["unknown"] != ""


def test_a_folder_since_last_assesses_who_changed_and_misses_who_is_gone(tmp_path, hospital, control) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    first, second, *_ = (row["patient"].removeprefix("Patient/") for row in hospital.rows())
    without = [one for one in with_changes(died(first)) if one["id"] != second and f"Patient/{second}" not in str(one)]
    lay_out(folder, without)
    tomorrow = DAY + timedelta(days=1)
    assert hospital.screen(folder, "--since", "last", day=tomorrow) == 0
    assert control.screen(folder, day=tomorrow) == 0
    assert hospital.rows() == control.rows()
    assert not {f"Patient/{first}", f"Patient/{second}"} & {row["patient"] for row in hospital.rows()}
    store = hospital.store()
    found = {one.patient.id: one for one in store.book.current("extend-op")}
    store.close()
    assert found[first].summary.failed == ("alive",)
    assert found[second].standing is Standing.VANISHED


@pytest.mark.parametrize("method", ["export", "search"])
def test_a_server_since_last_has_the_list_of_a_run_over_everybody(hospital, control, method) -> None:
    with embedded_fhir_server(RECORDS) as base:
        assert hospital.screen(base, "--method", method) == 0
        first = hospital.rows()[0]["patient"].removeprefix("Patient/")
        everything = runs_of(hospital)[0].counts.rows

        # The next night somebody has died; three weeks later nothing is new but time.
        assert httpx.put(f"{base}/Patient/{first}", json=died(first), trust_env=False).status_code == 200
        for days in (1, 22):
            day = DAY + timedelta(days=days)
            due = due_between(hospital, DAY + timedelta(days=0 if days == 1 else 1), day)
            assert hospital.screen(base, "--method", method, "--since", "last", day=day) == 0
            assert control.screen(base, "--method", method, day=day) == 0
            assert hospital.rows() == control.rows()
            last, *_ = runs_of(hospital)
            assert last.whole is False
            if method == "export":
                # A search asks from some minutes before, so that everything just loaded seems new.
                assert last.counts.evaluated == len(due | {first})
        assert runs_of(hospital)[0].counts.rows["Patient"] > everything["Patient"]
        assert f"Patient/{first}" not in {row["patient"] for row in hospital.rows()}

        # Everything again is no drop against everything with changes laid over it.
        assert hospital.screen(base, "--method", method, day=DAY + timedelta(days=23)) == 0
        assert runs_of(hospital)[0].counts.rows == everything


def never_gave(hospital: Hospital, kind: str) -> None:
    """Leave the full download as a server leaves it that does not let this client read a type."""
    (record,) = hospital.folder.glob("work/downloads/*/000/download.json")
    told = json.loads(record.read_text())
    told["report"]["unavailable"] = {kind: "the server does not grant this client its scope"}
    told["report"]["counts"].pop(kind)
    record.write_text(json.dumps(told))
    for path in record.parent.glob(f"{kind}.*"):
        path.unlink()


def test_a_type_that_a_server_gives_at_last_is_had_in_full(hospital, control) -> None:
    with embedded_fhir_server(RECORDS) as base:
        assert hospital.screen(base) == 0
        everything = runs_of(hospital)[0].counts.rows
        never_gave(hospital, "Procedure")
        tomorrow = DAY + timedelta(days=1)
        assert hospital.screen(base, "--since", "last", "--accept-drop", day=tomorrow) == 0
        assert control.screen(base, day=tomorrow) == 0
    assert hospital.rows() == control.rows()
    assert runs_of(hospital)[0].counts.rows == everything


def test_who_joins_a_group_is_had_in_full(hospital, control) -> None:
    listed = [one["id"] for one in RECORDS if one["resourceType"] == "Patient"]
    members = [{"entity": {"reference": f"Patient/{identity}"}} for identity in listed]
    group = {"resourceType": "Group", "id": "g1", "type": "person", "actual": True, "member": members[:-3]}
    tomorrow = DAY + timedelta(days=1)
    with embedded_fhir_server([*RECORDS, group]) as base:
        assert hospital.screen(base, "--group", "g1") == 0
        joined = httpx.put(f"{base}/Group/g1", json=group | {"member": members}, trust_env=False)
        assert joined.status_code == 200
        assert hospital.screen(base, "--group", "g1", "--since", "last", day=tomorrow) == 0
        assert control.screen(base, "--group", "g1", day=tomorrow) == 0
    assert runs_of(hospital)[0].counts.patients == len(listed)
    assert hospital.rows() == control.rows()


def test_an_incomplete_run_says_so_and_keeps_the_list(tmp_path, hospital, capsys) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    before = hospital.list.read_text()
    (folder / "ImagingStudy.ndjson").unlink()
    assert hospital.screen(folder, day=DAY + timedelta(days=1)) == 6
    told = capsys.readouterr().err
    assert "no ImagingStudy, where the last run had 62" in told
    assert "--accept-drop" in told
    assert hospital.list.read_text() == before
    assert hospital.worklist("list") == 0
    shown = capsys.readouterr().out
    assert "The run of 23 Nov 2026 is incomplete" in shown
    assert "no ImagingStudy" in shown
    assert hospital.screen(folder, "--accept-drop", day=DAY + timedelta(days=1)) == 0
    assert hospital.list.read_text() != before


def test_a_server_that_gives_nothing_is_incomplete(hospital, capsys) -> None:
    from faulty_server import faulty_server

    with faulty_server() as server:
        assert hospital.screen(server.base) == 6
        assert "the server gave no resources at all" in capsys.readouterr().err
        assert runs_of(hospital)[0].state is RunState.INCOMPLETE
        assert not hospital.list.exists()


def test_an_export_with_errors_beside_the_data_is_incomplete(hospital, capsys) -> None:
    from faulty_server import faulty_server

    with faulty_server() as server:
        for kind in sorted({one["resourceType"] for one in RECORDS}):
            server.add_file(kind, [one for one in RECORDS if one["resourceType"] == kind])
        assert hospital.screen(server.base) == 0
        before = hospital.list.read_text()
        issue = {"severity": "error", "code": "exception", "diagnostics": "20 of 100 patients, Jane Doe"}
        server.add_file("OperationOutcome", [{"resourceType": "OperationOutcome", "issue": [issue]}], role="error")
        assert hospital.screen(server.base, day=DAY + timedelta(days=1)) == 6
    told = capsys.readouterr().err
    assert "the server reported 1 error beside the data" in told
    assert "Jane" not in told
    assert hospital.list.read_text() == before


HOLD = """
import sys, time
from cds_service.store.opening import open_runs
with open_runs(sys.argv[1]).runs.lock():
    print("held", flush=True)
    time.sleep(600)
"""


def holding(database: str) -> subprocess.Popen[str]:
    """Another process that holds the lock of a database."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, database], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_runs_at_once_are_refused_until_the_first_ends_however_it_ends(tmp_path, hospital, capsys) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    other = holding(hospital.database)
    try:
        assert hospital.screen(folder) == 7
        assert "another screening run is at work on this database" in capsys.readouterr().err
        assert len(runs_of(hospital)) == 1
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
    assert hospital.screen(folder) == 0


def test_a_list_that_cannot_be_written_is_had_by_resuming(tmp_path, hospital, capsys) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    hospital.list.mkdir()
    assert hospital.screen(folder) == 3
    assert "the list cannot be written" in capsys.readouterr().err
    hospital.list.rmdir()
    assert hospital.screen(folder, "--resume") == 0
    assert len(hospital.rows()) > 5
    (run,) = runs_of(hospital)
    assert run.state is RunState.COMPLETE
    assert run.counts.evaluated == run.counts.considered > 30


WRONG = [
    (("--group", "g1"), "--group and --method go with a FHIR base URL"),
    (("--method", "search"), "--group and --method go with a FHIR base URL"),
    (("--server", "ehr.example"), "the FHIR base URL is not one"),
    (("--since", "yesterday"), "neither 'last' nor a date"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[words[0] for words, _ in WRONG])
def test_what_cannot_be_asked_is_a_usage_error(tmp_path, hospital, capsys, words, said) -> None:
    assert hospital.screen(lay_out(tmp_path / "data", RECORDS), *words) == 2
    assert said in capsys.readouterr().err


def test_a_server_may_be_known_to_hooks_by_another_name(hospital) -> None:
    with embedded_fhir_server(RECORDS) as base:
        assert hospital.screen(base, "--server", "https://ehr.example/fhir") == 0
    (run,) = runs_of(hospital)
    assert (run.source, run.base) == ("https://ehr.example/fhir", "https://ehr.example/fhir")


def test_a_folder_may_say_which_server_it_was_exported_from(tmp_path, hospital) -> None:
    base = "https://ehr.example/fhir"
    for night, name in enumerate(("monday", "tuesday")):
        folder = lay_out(tmp_path / name, RECORDS if not night else RECORDS[:-1])
        assert (
            hospital.screen(folder, "--server", "https://EHR.example:443/fhir/", day=DAY + timedelta(days=night)) == 0
        )
    assert {(run.source, run.base) for run in runs_of(hospital)} == {(base, base)}
    store = hospital.store()
    assert {one.patient.base for one in store.book.current("extend-op")} == {base}
    store.close()


class TestAlwaysResuming:
    """A timer or a cluster gives the same words each time: --resume must go on with a killed run and nothing else."""

    def test_the_next_night_sees_what_is_new(self, hospital) -> None:
        with embedded_fhir_server(RECORDS) as base:
            assert hospital.screen(base, "--resume") == 0
            first = hospital.rows()[0]["patient"].removeprefix("Patient/")
            httpx.put(f"{base}/Patient/{first}", json=died(first), trust_env=False).raise_for_status()
            assert hospital.screen(base, "--resume", day=DAY + timedelta(days=1)) == 0
        assert f"Patient/{first}" not in {row["patient"] for row in hospital.rows()}

    def test_a_night_that_could_not_be_believed_is_not_repeated(self, hospital) -> None:
        from faulty_server import faulty_server

        with faulty_server() as server:
            for kind in sorted({one["resourceType"] for one in RECORDS}):
                server.add_file(kind, [one for one in RECORDS if one["resourceType"] == kind])
            issue = {"severity": "error", "code": "exception"}
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            server.add_file("OperationOutcome", [outcome], role="error")
            assert hospital.screen(server.base, "--resume") == 6
            server.manifest["error"] = []
            assert hospital.screen(server.base, "--resume") == 0

    @pytest.mark.parametrize(("hours", "exports"), [(2, 1), (23, 2)], ids=["the same night", "the night before"])
    def test_what_was_killed_is_gone_on_with_in_the_same_night_only(self, hospital, hours, exports) -> None:
        from faulty_server import faulty_server

        with faulty_server() as server:
            for kind in sorted({one["resourceType"] for one in RECORDS}):
                server.add_file(kind, [one for one in RECORDS if one["resourceType"] == kind])
            hospital.list.mkdir()
            assert hospital.screen(server.base) == 3
            hospital.list.rmdir()
            age(hospital.folder / "work", hours)
            assert hospital.screen(server.base, "--resume") == 0
            assert server.exports == exports
        assert len(runs_of(hospital)) == exports


def age(folder: Path, hours: float) -> None:
    """Let what a run and its download last wrote of themselves be so many hours old."""
    for path in [*folder.rglob("plan"), *folder.rglob("download.json")]:
        then = path.stat().st_mtime - hours * 3600
        os.utime(path, (then, then))
