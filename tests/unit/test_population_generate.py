"""The synthetic population: the same bytes for the same seed, exact proportions, every kind of patient and of dirt."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from cds_service import cli
from cds_service.catalog.loading import load_catalog
from cds_service.errors import UsageError
from cds_service.sandbox.population import generating, others
from cds_service.sandbox.population.blocks import block
from cds_service.sandbox.population.generating import generate
from cds_service.sandbox.population.people import Recipe
from cds_service.sandbox.population.reasons import metastatic
from cds_service.sandbox.population.roles import roles
from cds_service.sandbox.roster import synthetic_patients

DAY = date(2026, 11, 22)

DIRT = {
    # of a resource, its meaning kept
    "absolute-reference", "versioned-reference", "zero-width-space", "odd-elements", "lone-category",
    "number-for-words", "unreadable-note", "contained-medication", "shared-medication",
    "year-only-onset", "time-of-day",
    # of a resource, its meaning lost
    "urn-reference", "month-only-date", "words-only", "no-unit", "quantity-in-words", "implausible-value",
    "entered-in-error", "nobodys",
    # other ways to write the same
    "other-unit", "range-in-words", "one-coding", "code-without-dot", "other-system-uri", "other-score", "centimetres",
    # versions, copies, strangers
    "older-version", "twice", "patient-twice", "absent-patient", "wrong-file",
    # of a Patient
    "patient-born-in-a-year", "patient-with-lone-name", "patient-of-unknown-gender", "patient-with-null",
    # of a line
    "escaped-slash", "spaced", "blank-line", "cut-short", "not-json", "no-object", "invalid-utf8",
}  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def truths(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "truth.ndjson").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population") / "thousand"
    generate(1000, 1, folder)
    return folder


# --- the same bytes -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    generate(300, 5, tmp_path / "one")
    generate(300, 5, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("other", [{"seed": 6}, {"as_of": date(2027, 3, 1)}], ids=str)
def test_another_seed_or_day_gives_other_bytes(tmp_path, other):
    generate(60, 5, tmp_path / "one")
    generate(60, **{"seed": 5} | other, out=tmp_path / "two")
    assert contents(tmp_path / "one")["Observation.ndjson"] != contents(tmp_path / "two")["Observation.ndjson"]


def test_a_block_depends_on_no_other():
    recipe = Recipe(800, 3, DAY)
    forward = [block(recipe, number).files for number in (0, 1, 2, 3)]
    backward = [block(recipe, number).files for number in (3, 2, 1, 0)]
    assert forward == backward[::-1]


def test_several_processes_write_what_one_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(generating, "_WORTH_PROCESSES", 1)
    generate(600, 2, tmp_path / "one", workers=1)
    generate(600, 2, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_order_of_sets_in_a_process_changes_nothing():
    program = (
        "import hashlib; from datetime import date\n"
        "from cds_service.sandbox.population.blocks import block\n"
        "from cds_service.sandbox.population.people import Recipe\n"
        "files = block(Recipe(250, 1, date(2026, 11, 22)), 0).files\n"
        "print(hashlib.sha256(b''.join(files[name] for name in sorted(files))).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert len(said.pop().strip()) == len(hashlib.sha256().hexdigest())


# --- who is in it -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patients", "relevant", "spread"),
    [(9, 0, 0), (10, 1, 0), (40, 4, 1), (200, 20, 6), (1000, 100, 30), (1234, 123, 36)],
)
def test_one_in_ten_has_a_cancer_and_three_in_a_hundred_a_metastatic_one_of_the_seven(patients, relevant, spread):
    recipe = Recipe(patients, 4, DAY)
    played = [role for number in range(recipe.blocks) for role in roles(recipe, number, recipe.chance(number))]
    names = {reason.name for reason in metastatic()}
    assert len(played) == patients
    assert sum(role.reason is not None for role in played) == relevant
    assert sum(role.reason is not None and role.reason.name in names for role in played) == spread


def test_every_reason_comes_round():
    recipe = Recipe(12_000, 1, DAY)
    played = {
        role.reason.name
        for number in range(recipe.blocks)
        for role in roles(recipe, number, recipe.chance(number))
        if role.reason
    }
    assert played == {reason.name for reason in (*metastatic(), *others.reasons())}
    assert {f"as-{patient.id}" for patient in synthetic_patients()} <= played


def test_reasons_are_told_apart_by_name_and_start_from_patients_that_exist():
    known = {patient.id for patient in synthetic_patients()} | set(others.sketches())
    by_name: dict[str, object] = {}
    for reason in (*metastatic(), *others.reasons()):
        assert by_name.setdefault(reason.name, reason) is reason
        assert reason.bases
        assert set(reason.bases) <= known
        assert bool(reason.deciding) == (reason.status != "candidate")


def test_no_two_patients_share_an_id():
    recipe = Recipe(200_000, 9, DAY)
    assert len({recipe.identity(number) for number in range(200_000)}) == 200_000


def test_about_sixty_resources_a_patient(thousand):
    lines = sum(text.count(b"\n") for name, text in contents(thousand).items() if name[0].isupper())
    assert 50_000 < lines < 70_000


# --- truth --------------------------------------------------------------------------------------------


def test_truth_names_patients_criteria_and_reasons(thousand):
    criteria = {criterion.id for criterion in load_catalog().trials["extend-op"].criteria} | {"alive"}
    present = {
        json.loads(line)["id"] for line in (thousand / "Patient.ndjson").read_bytes().splitlines() if line.strip()
    }
    reasons = {reason.name: reason for reason in (*metastatic(), *others.reasons())}
    found = truths(thousand)
    assert len(found) == 100
    assert len({truth["patient"] for truth in found}) == 100
    for truth in found:
        assert truth["patient"].removeprefix("Patient/") in present
        assert truth["status"] == reasons[truth["reason"]].status
        assert truth["built_for"]
        assert set(truth["deciding"]) <= criteria


def test_the_header_counts_what_is_there(thousand):
    header = json.loads((thousand / "population.json").read_bytes())
    statuses = Counter(truth["status"] for truth in truths(thousand))
    assert (header["patients"], header["seed"], header["as_of"]) == (1000, 1, "2026-11-22")
    assert header["built_for"] == dict(statuses)
    blank = (thousand / "Procedure.ndjson").read_bytes().count(b"\n\n")
    assert (thousand / "Procedure.ndjson").read_bytes().count(b"\n") - blank == header["lines"]["Procedure"]


# --- dirt ---------------------------------------------------------------------------------------------


def test_every_kind_of_dirt_is_there():
    recipe = Recipe(2000, 1, DAY)
    found: Counter[str] = Counter()
    for number in range(recipe.blocks):
        found += block(recipe, number).dirt
    assert set(found) == DIRT


def test_broken_lines_belong_to_those_built_for_them_or_to_everyday_patients(thousand):
    broken = [line for name, text in contents(thousand).items() if name[0].isupper() for line in _unreadable(text)]
    assert len(broken) > 10
    spared = [truth for truth in truths(thousand) if "cut-short" not in truth["reason"]]
    for truth in spared:
        identity = truth["patient"].removeprefix("Patient/").encode()
        assert not any(identity in line for line in broken)


def _unreadable(text: bytes) -> list[bytes]:
    found = []
    for line in text.split(b"\n"):
        try:
            if line.strip():
                json.loads(line)
        except ValueError:
            found.append(line)
    return found


def test_patients_are_not_in_the_order_of_their_ids_and_their_resources_lie_scattered(thousand):
    order = [json.loads(line).get("subject") for line in (thousand / "Condition.ndjson").open("rb") if _whole(line)]
    named = [subject["reference"] for subject in order if subject]
    assert named != sorted(named)
    together = sum(one == other for one, other in pairwise(named))
    assert together < len(named) / 20


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


# --- files --------------------------------------------------------------------------------------------


def test_several_gzipped_files_hold_the_same_lines(tmp_path):
    generate(300, 1, tmp_path / "one")
    generate(300, 1, tmp_path / "many", files=3, gzip=True)
    for kind in ("Patient", "Observation", "Condition"):
        parts = sorted((tmp_path / "many").glob(f"{kind}.*"))
        assert [part.name for part in parts] == [f"{kind}.{number:03d}.ndjson.gz" for number in range(3)]
        packed = b"".join(gzip.decompress(part.read_bytes()) for part in parts)
        plain = (tmp_path / "one" / f"{kind}.ndjson").read_bytes()
        assert Counter(packed.split(b"\n")) == Counter(plain.split(b"\n"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        generate(10, 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_where_a_folder_is_asked_is_a_usage_error(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"):
        generate(10, 1, tmp_path / "taken")


# --- the command ----------------------------------------------------------------------------------------


def command(monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cds-service", "sandbox", *words])
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_the_command_writes_the_population_and_says_so_on_standard_error(tmp_path, monkeypatch, capsys):
    out = tmp_path / "made"
    words = ("generate", "--patients", "30", "--seed", "2", "--out", str(out), "--as-of", "2027-01-31")
    assert command(monkeypatch, *words) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "30 patients" in said.err
    generate(30, 2, tmp_path / "same", date(2027, 1, 31))
    assert contents(out) == contents(tmp_path / "same")


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "--patients", "0", "--out", "x"),
        ("generate", "--patients", "5"),
        ("generate", "--patients", "5", "--out", "x", "--as-of", "yesterday"),
    ],
    ids=["none", "nowhere", "no-date"],
)
def test_a_wrong_call_is_a_usage_error(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, *words) == 2
    assert not list(tmp_path.iterdir())
