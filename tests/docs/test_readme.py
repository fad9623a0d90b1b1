"""The README is true: its commands run, its settings are the settings, its paths exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cds_service.config import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith(".venv/bin/cds-service ")
]
STAYS_UP = ("serve",)


def run(command: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command.removeprefix(".venv/bin/"))
    program = Path(sys.executable).with_name(words[0])
    return subprocess.run([program, *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's own command generates, for the commands that read it."""
    made = tmp_path_factory.mktemp("made") / "population"
    assert run(f"cds-service sandbox generate --patients 100 --seed 1 --out {made}").returncode == 0
    return made


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.split()[1] not in STAYS_UP])
def test_a_command_of_the_readme_runs(command: str, population: Path, tmp_path: Path) -> None:
    database = f" --db sqlite:///{tmp_path / 'ledger.sqlite'}" if " screen " in command else ""
    elsewhere = re.sub(r"--out \S*?([\w.]+)(?= |$)", rf"--out {tmp_path}/\1", command)
    done = run(elsewhere.replace("screen build/population", f"screen {population}") + database)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or any(tmp_path.iterdir())


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.split()[1] in STAYS_UP])
def test_a_command_that_stays_up_is_known(command: str) -> None:
    done = run(f"{command} --help")
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_every_setting_is_documented_as_it_is() -> None:
    table = README.split("<!-- settings", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| `(CDS_[A-Z_]+)` \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    documented = {name: (default, words) for name, default, words in rows}
    expected = {
        f"CDS_{name.upper()}": (_default(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert documented == expected


def _default(value: object) -> str:
    if value in (None, ()):
        return ""
    return f"`{' '.join(value) if isinstance(value, tuple) else value}`"


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"\]\(([\w./-]+)\)|`((?:cds_service|mappings|tests)/[\w./-]+)`", README)))
)
def test_every_path_the_readme_names_exists(path: tuple[str, str]) -> None:
    assert (ROOT / (path[0] or path[1])).exists()


@pytest.mark.parametrize("target", re.findall(r"`?make (\w+)", README))
def test_every_make_target_the_readme_names_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
