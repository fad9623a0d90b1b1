"""The small EHR that signs calls says what is in its way."""

from __future__ import annotations

import json

import pytest

from cds_service.sandbox import signed_ehr

BUNDLE = "tests/data/example-bundle.json"


def run(monkeypatch, *words: object) -> int:
    monkeypatch.setattr("sys.argv", ["signed_ehr", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        signed_ehr.main()
    return int(stop.value.code or 0)


def test_without_keys_it_says_how_to_make_them(tmp_path, monkeypatch, capsys) -> None:
    assert run(monkeypatch, "call", "http://127.0.0.1:1", tmp_path, BUNDLE) == 2
    assert f"there is no private.json in it; make it with 'keys {tmp_path}'" in capsys.readouterr().err


def test_without_a_service_it_says_where_there_is_none(tmp_path, monkeypatch, capsys) -> None:
    signed_ehr.make_keys(tmp_path)
    assert run(monkeypatch, "call", "http://127.0.0.1:1", tmp_path, BUNDLE) == 4
    assert "http://127.0.0.1:1 cannot be reached (ConnectError)" in capsys.readouterr().err


def test_the_private_key_is_its_owners_alone(tmp_path) -> None:
    signed_ehr.make_keys(tmp_path)
    assert (tmp_path / "private.json").stat().st_mode & 0o077 == 0
    assert "d" not in json.loads((tmp_path / "jwks.json").read_text())["keys"][0]
