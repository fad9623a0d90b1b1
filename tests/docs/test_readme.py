"""The README is true: its commands run, its settings are the settings, its paths exist."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


def test_three_ways_of_the_readme_lead_to_one_list(tmp_path: Path) -> None:
    """The block as it stands, with fewer patients and a free port."""
    (block,) = (one for one in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "three ways" in one)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = block.replace(".venv/bin/", f"{Path(sys.executable).parent}/").replace("8090", str(port))
    script = f"set -e\nmkdir build\n{script.replace('--patients 500', '--patients 60')}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"CDS_WORK_DIR": str(tmp_path / "work")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "three ways, one list"


EVERY_NIGHT = re.findall(r"cds-service (screen https://\S+[^\n|>]*)", README)


@pytest.mark.parametrize("command", EVERY_NIGHT)
def test_a_command_for_the_night_is_understood(command: str) -> None:
    assert run(f".venv/bin/cds-service {command.strip('` .')} --help").returncode == 0


def test_the_night_has_an_example_for_every_scheduler() -> None:
    assert len(EVERY_NIGHT) >= 4
    (manifest,) = (
        yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "CronJob" in one
    )
    job = manifest["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert run(f".venv/bin/cds-service {shlex.join(container['args'])} --help").returncode == 0
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1, 2, 6, 7]
    assert manifest["spec"]["concurrencyPolicy"] == "Forbid"


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
