"""The README tells the truth about trusting an EHR: its example is read, and every key of an entry explained."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

from cds_service.cds import clients
from cds_service.cds.clients import Reading, read_clients

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
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
