"""Bad input gets one line that says what, where and what to do, and the contract's exit code."""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from command_line import call

from cds_service import bootstrap

EXAMPLE = Path(__file__).parents[1] / "data" / "example-bundle.json"
PATIENT = {"resourceType": "Patient", "id": "one", "birthDate": "1960-01-01"}


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    def words() -> str:
        return capsys.readouterr().err

    return words


def written(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


BAD_FILES = [
    ("empty.json", "", 3, "empty"),
    ("page.json", "<!DOCTYPE html><html>not found</html>", 3, "JSON"),
    ("cut.json", '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Pat', 3, "cut.json"),
    ("number.json", "42", 3, "JSON"),
    ("nobody.json", '{"resourceType": "Bundle", "type": "collection", "entry": []}', 3, "atient"),
    ("nopatient.json", '{"resourceType": "Observation", "id": "x", "status": "final"}', 3, "atient"),
    ("broken.json.gz", gzip.compress(b'{"resourceType": "Patient", "id": "one"}' * 50)[:40], 3, "broken.json.gz"),
]


@pytest.mark.parametrize(("name", "text", "code", "words"), BAD_FILES, ids=[row[0] for row in BAD_FILES])
def test_a_file_that_cannot_be_read(tmp_path, said, name, text, code, words) -> None:
    assert call("evaluate", written(tmp_path, name, text)) == code
    told = said()
    assert words in told
    assert "Traceback" not in told
    assert len(told.strip().splitlines()) == 1


def test_a_file_that_is_not_there(said) -> None:
    assert call("evaluate", "no/such/file.json") == 3
    assert "no/such/file.json" in said()


def test_a_date_that_is_none(said) -> None:
    assert call("evaluate", str(EXAMPLE), "--as-of", "2026-02-30") == 2
    assert "YYYY-MM-DD" in said()


def test_a_trial_that_is_not_known_names_those_that_are(said) -> None:
    assert call("evaluate", str(EXAMPLE), "--trial", "other") == 2
    assert "extend-op" in said()


def test_a_patient_who_is_not_in_the_file(said) -> None:
    assert call("evaluate", str(EXAMPLE), "--patient", "somebody") == 3
    assert "patient" in said()


def test_a_format_that_is_not_known(said) -> None:
    assert call("evaluate", str(EXAMPLE), "--format", "xml") == 2
    assert "--format" in said()


def test_a_server_needs_a_patient(said) -> None:
    assert call("evaluate", "http://127.0.0.1:9/fhir") == 2
    assert "--patient" in said()


def test_a_server_that_cannot_be_reached(said) -> None:
    assert call("evaluate", "http://127.0.0.1:9/fhir", "--patient", "one") == 4
    assert "could not be reached" in said()


@contextmanager
def answering(status: int, body: bytes, kind: str) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fhir"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"{}", "application/fhir+json", "refused"),
        (404, b"{}", "application/fhir+json", "does not have it"),
        (500, b"oops", "text/plain", "HTTP 500"),
        (200, b"<html>log in</html>", "text/html", "something else"),
    ],
)
def test_a_server_that_refuses_or_answers_html(said, status, body, kind, words) -> None:
    with answering(status, body, kind) as base:
        assert call("evaluate", base, "--patient", "one") == 4
    assert words in said()


def test_two_patients_are_two_lines_in_their_order(tmp_path, capsys) -> None:
    other = {**PATIENT, "id": "two"}
    path = written(tmp_path, "both.ndjson", f"{json.dumps(other)}\n{json.dumps(PATIENT)}\n")
    assert call("evaluate", path, "--format", "json", "--as-of", "2026-11-22") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["patient"] for line in lines] == ["Patient/two", "Patient/one"]


def test_a_broken_line_does_not_cost_the_patient_and_strict_says_so(tmp_path, capsys) -> None:
    broken = '{"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/one"}, "code": {"coding": [{'
    path = written(tmp_path, "broken.ndjson", f"{json.dumps(PATIENT)}\n{broken}\n")
    assert call("evaluate", path, "--format", "json", "--as-of", "2026-11-22", "--strict") == 5
    assessment = json.loads(capsys.readouterr().out)
    verdicts = {item["id"]: item["verdict"] for item in assessment["criteria"]}
    assert verdicts["age"] == "pass"
    assert verdicts["effusion"] == "unknown"


@pytest.mark.parametrize("words", [("evaluate", "ftp://ehr/x"), ("mappings", "coverage", "https://ehr.example/fhir")])
def test_an_address_that_is_no_source_is_a_usage_error(words, capsys) -> None:
    assert call(*words) == 2
    assert "address" in capsys.readouterr().err


def test_strict_tells_of_a_broken_line_that_names_nobody(tmp_path, capsys) -> None:
    path = written(tmp_path, "broken.ndjson", f'{json.dumps(PATIENT)}\n{{"resourceType": "Condition", \n')
    assert call("evaluate", path, "--format", "json", "--as-of", "2026-11-22") == 0
    assert call("evaluate", path, "--format", "json", "--as-of", "2026-11-22", "--strict") == 5
    assert "broken.ndjson line 2" in capsys.readouterr().err


def test_a_damaged_file_of_a_folder_is_told_and_the_others_are_assessed(tmp_path, capsys) -> None:
    written(tmp_path, "good.json", json.dumps(PATIENT))
    bad = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/one"}, "code": {"text": "x"}}
    written(tmp_path, "bad.json", json.dumps(bad)[:-2])
    words = ("evaluate", str(tmp_path), "--format", "json", "--as-of", "2026-11-22")
    assert call(*words) == 0
    shown = capsys.readouterr()
    verdicts = {item["id"]: item["verdict"] for item in json.loads(shown.out)["criteria"]}
    assert (verdicts["age"], verdicts["effusion"]) == ("pass", "unknown")
    assert "cds-service: bad.json: this file could not be read and is left out: line 1" in shown.err
    assert call(*words, "--strict") == 5
    assert call("mappings", "coverage", str(tmp_path)) == 0
    assert "bad.json: this file could not be read" in capsys.readouterr().err
    assert call("evaluate", str(tmp_path / "bad.json")) == 3


def test_standard_input_is_read(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(EXAMPLE.read_bytes())))
    assert call("evaluate", "-", "--format", "json", "--as-of", "2026-11-22") == 0
    assert json.loads(capsys.readouterr().out)["trial"] == "extend-op"


def test_a_bug_shows_neither_a_traceback_nor_the_record(monkeypatch, said) -> None:
    def fail(*_: object) -> None:
        raise KeyError("Doe, Jane 1950-02-03")

    monkeypatch.setattr(bootstrap, "build_catalog", fail)
    assert call("evaluate", str(EXAMPLE)) == 1
    told = said()
    assert "KeyError" in told
    assert "Jane" not in told
    assert "Traceback" not in told


def test_mistakes_in_the_mappings_are_all_told(tmp_path, said) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "bad.yaml").write_text("id: [1\n")
    assert call("mappings", "check", "--directory", str(tmp_path)) == 3
    assert "bad.yaml:" in said()


def test_help_has_an_example_for_every_command(capsys) -> None:
    for command in (["evaluate"], ["serve"], ["sandbox"], ["mappings", "check"], ["mappings", "show"]):
        assert call(*command, "--help") == 0
        assert "Example:" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["export", "search"])
def test_a_server_that_is_down_ends_a_night_as_unreachable(tmp_path, said, monkeypatch, method) -> None:
    monkeypatch.setenv("CDS_WORK_DIR", str(tmp_path / "work"))
    store = f"sqlite:///{tmp_path / 'nights.sqlite'}"
    assert call("screen", "http://127.0.0.1:1/fhir", "--method", method, "--db", store) == 4
    assert "the connection failed" in said()


def test_a_list_without_a_folder_is_told_before_the_run(tmp_path, said) -> None:
    out = tmp_path / "nowhere" / "list.csv"
    assert call("screen", tmp_path, "--out", out) == 2
    assert said() == f"cds-service: --out {out}: there is no folder {out.parent}; make it first\n"


def test_one_file_is_no_population(tmp_path, said, monkeypatch) -> None:
    monkeypatch.setenv("CDS_WORK_DIR", str(tmp_path / "work"))
    path = written(tmp_path, "all.ndjson", json.dumps(PATIENT))
    assert call("screen", path, "--db", f"sqlite:///{tmp_path / 'nights.sqlite'}") == 3
    assert "this is a file; a folder of NDJSON is screened, one file is for 'evaluate'" in said()


def test_a_port_that_is_taken_is_told_in_one_line(said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert call("serve", "--port", port) == 2
    told = said()
    assert f"port {port} on 127.0.0.1 cannot be opened" in told
    assert told.endswith("choose another with --port\n")
    assert len(told.splitlines()) == 1


def test_a_file_of_clients_that_is_not_there_is_named(tmp_path, said, monkeypatch) -> None:
    path = tmp_path / "clients.yaml"
    monkeypatch.setenv("CDS_TRUSTED_CLIENTS", str(path))
    assert call("serve", "--port", "0") in (2, 3)
    assert f"there is no such file ({path})" in said()
