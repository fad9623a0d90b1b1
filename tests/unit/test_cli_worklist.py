"""The worklist in the shell: what each command prints, and what it says of a wrong call."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click
import pytest
import typer
from command_line import call
from nights import run, screened, stored
from screens import Hospital

from cds_service.cli import app
from cds_service.screening.runs import RunState


def commands(group: click.Command, name: str = "") -> list[tuple[str, click.Command]]:
    found = [(name, group)] if name and group.callback is not None else []
    for each, command in getattr(group, "commands", {}).items():
        found += commands(command, f"{name} {each}".strip())
    return found


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_every_command_has_help_with_an_example_that_is_its_own(name: str, command: click.Command) -> None:
    assert command.help
    assert (command.epilog or "").startswith(f"Example: cds-service {name}")


def test_the_commands_are_those_of_the_contract() -> None:
    assert {name for name, _ in COMMANDS} >= {
        *("evaluate", "screen", "serve", "db upgrade", "sandbox", "sandbox generate"),
        *("worklist list", "worklist show", "worklist export", "worklist import-decisions"),
        *("mappings check", "mappings show", "mappings coverage"),
    }


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    """Two nights: somebody is new, somebody changed, somebody left; the third could not be believed."""
    hospital = Hospital(tmp_path / "ours")
    store = hospital.store()
    stored(
        store, run("r1"), screened("anna", {"ecog": "unknown"}), screened("bert"), screened("fails", {"age": "fail"})
    )
    stored(store, run("r2", 1), screened("anna"), screened("carl"), screened("fails", {"age": "fail"}))
    store.runs.end(run("r3", 2, state=RunState.INCOMPLETE, problems=("no Observation, where the last run had 1000",)))
    store.close()
    return hospital


def test_the_list_is_a_table_for_people(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.worklist("list") == 0
    shown = capsys.readouterr().out
    assert "2 waiting, 1 new, 1 changed" in shown
    assert "The run of 24 Nov 2026 is incomplete. This is the list before it" in shown
    assert "no Observation, where the last run had 1000" in shown
    assert "Run for 23 Nov 2026 on https://ehr.example/fhir: 100 patients" in shown
    assert "changed: ECOG 0 to 2: unknown, now pass" in shown
    assert "vanished: No longer in the source" in shown
    assert "Patient/fails" not in shown
    assert hospital.worklist("list", "--all") == 0
    assert "Patient/fails" in capsys.readouterr().out


def test_the_list_is_json_for_programs(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.worklist("list", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["patient"]: one["change"] for one in found["waiting"]} == {
        "Patient/anna": "changed",
        "Patient/carl": "new",
    }
    assert [one["patient"] for one in found["lost"]] == ["Patient/bert"]
    assert [one["state"] for one in found["runs"]] == ["complete", "incomplete"]


def test_one_assessment_in_every_form(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.worklist("list", "--format", "json") == 0
    number = json.loads(capsys.readouterr().out)["waiting"][0]["assessment"]
    assert hospital.worklist("show", number, "--format", "json") == 0
    patient = json.loads(capsys.readouterr().out)["patient"]
    for words in ((), ("--format", "markdown")):
        assert hospital.worklist("show", number, *words) == 0
        assert patient in capsys.readouterr().out
    assert hospital.worklist("show", 99) == 2
    assert "there is no assessment 99 of this trial: 'worklist list' shows the numbers" in capsys.readouterr().err


def test_decisions_go_in_and_are_told(hospital: Hospital, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.worklist("export") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["change"] for row in rows] == ["changed", "new", "vanished"]
    file = tmp_path / "list.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerow(rows[0] | {"decision": "screened", "decided_at": "2026-11-23"})
    assert hospital.worklist("import-decisions", file, "--by", "A. Nurse") == 0
    assert capsys.readouterr().out == "1 decisions written down; 0 known already\n"
    assert hospital.worklist("import-decisions", file, "--by", "A. Nurse") == 0
    assert capsys.readouterr().out == "0 decisions written down; 1 known already\n"
    assert hospital.worklist("show", rows[0]["assessment"]) == 0
    assert "Decided: Screening (A. Nurse, 23 Nov 2026)" in capsys.readouterr().out
    assert hospital.worklist("import-decisions", file) == 3
    assert "nothing was imported: line 2: decided_by is empty" in capsys.readouterr().err


def test_an_empty_database_has_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = Hospital(tmp_path / "ours")
    assert empty.worklist("list") == 0
    assert "0 waiting" in capsys.readouterr().out
    assert empty.worklist("export") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_trial_that_is_none_is_told(hospital: Hospital, capsys: pytest.CaptureFixture[str]) -> None:
    assert hospital.worklist("list", "--trial", "another") == 2
    assert "there is no trial 'another'" in capsys.readouterr().err
    assert call("worklist", "list", "--db", "mysql://x/y") == 2
