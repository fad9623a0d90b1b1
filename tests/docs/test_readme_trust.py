"""The README tells the truth about trusting an EHR: its example is read, and every key of an entry explained."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import httpx

from cds_service.cds import clients
from cds_service.cds.clients import Reading, read_clients
from cds_service.sandbox.loopback import open_port

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("### Connecting an EHR", 1)[1].split("\n### ", 1)[0]


def test_the_example_is_a_file_of_trusted_clients(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    path = tmp_path / "clients.yaml"
    path.write_text(dedent(example), encoding="utf-8")
    (client,) = read_clients(path, Reading("https://cds.hospital.example"))
    assert client.issuer == "https://ehr.hospital.example/fhir"
    assert client.servers.find("https://ehr.hospital.example/fhir") is not None


def test_every_key_of_an_entry_is_explained() -> None:
    rows = re.findall(r"^ *\| (`.*?) \|", SECTION, re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set(clients._KEYS)


COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()]


def elsewhere(command: str, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """A command of the README, for a folder and a port of this test: its words and its environment."""
    here = command.replace("build/ehr", str(folder)).replace("8001", str(port))
    words = shlex.split(here.replace(".venv/bin/python", sys.executable))
    named = dict(word.split("=", 1) for word in words if re.match(r"CDS_\w+=", word))
    words = [word for word in words if not re.match(r"CDS_\w+=", word)]
    if words[0].endswith("cds-service"):
        words[0] = str(Path(sys.executable).with_name("cds-service"))
    return words, os.environ | named | {"CDS_DATABASE_URL": f"sqlite:///{folder}/ledger.sqlite"}


@contextmanager
def serving(command: str, folder: Path, port: int) -> Iterator[str]:
    words, environment = elsewhere(command, folder, port)
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(words, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                try:
                    httpx.get(f"{address}/healthz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def test_what_the_readme_says_to_try_works(tmp_path: Path) -> None:
    keys, serve, call = COMMANDS
    with open_port() as free:
        port = free.getsockname()[1]
    words, environment = elsewhere(keys, tmp_path, port)
    subprocess.run(words, env=environment, cwd=ROOT, check=True, timeout=60)
    assert (tmp_path / "private.json").stat().st_mode & 0o077 == 0
    with serving(serve, tmp_path, port) as address:
        words, environment = elsewhere(call, tmp_path, port)
        done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        hook = f"{address}/cds-services/extend-op-patient-view"
        assert re.findall(r"^(?:GET|POST) .*", done.stdout, re.MULTILINE) == [
            f"GET {address}/cds-services: 200",
            f"POST {hook}: 200",
            f"POST {hook}: 401",
            f"POST {hook}/feedback: 200",
        ]
        assert httpx.get(f"{address}/cds-services", trust_env=False).status_code == 401
        (told,) = httpx.get(f"{address}/api/feedback", trust_env=False).json()["feedback"]
        # Whether the example still fits depends on the day; the card's role is known where one was shown.
        assert told["role"] == ("" if "no card" in done.stdout else "Practitioner")
