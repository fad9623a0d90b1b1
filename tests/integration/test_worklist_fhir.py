"""The list as a FHIR transaction: valid, taken in by a real server, and again, and a person's status left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fhir.resources.R4B.bundle import Bundle
from screens import DAY, Hospital, lay_out, records

from cds_service.sandbox.server import embedded_fhir_server

pytestmark = pytest.mark.integration

RECORDS = records()
STUDY = "http://clinicaltrials.gov|NCT06367972"
Json = dict[str, Any]


@pytest.fixture
def fhir() -> Iterator[str]:
    with embedded_fhir_server(RECORDS) as base:
        yield base


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    return Hospital(tmp_path / "ours")


def exported(hospital: Hospital, *words: str) -> Json:
    out = hospital.folder / "list.json"
    assert hospital.worklist("export", "--format", "fhir", "--out", out, *words) == 0
    return json.loads(out.read_text())


def of_type(bundle: Json, kind: str) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def search(base: str, question: str) -> list[Json]:
    answer = httpx.get(f"{base}/{question}", trust_env=False).raise_for_status().json()
    return [entry["resource"] for entry in answer.get("entry", ())]


def load(base: str, bundle: Json) -> list[str]:
    answer = httpx.post(base, json=bundle, trust_env=False)
    assert answer.status_code == 200, answer.text
    return [entry["response"]["status"][:3] for entry in answer.json()["entry"]]


def test_a_server_takes_it_in_again_and_again_and_a_persons_status_stays(fhir: str, hospital: Hospital) -> None:
    assert hospital.screen(fhir) == 0
    candidates = [row["patient"] for row in hospital.rows() if row["status"] == "candidate"]
    assert len(candidates) >= 3
    bundle = exported(hospital)
    Bundle.model_validate(bundle)
    created = load(fhir, bundle)
    assert created.count("201") == len(created)
    subjects = search(fhir, f"ResearchSubject?study.identifier={STUDY}&_count=100")
    assert sorted(one["individual"]["reference"] for one in subjects) == sorted(candidates)
    assert {one["status"] for one in subjects} == {"candidate"}

    # A coordinator writes down that one of them is on the study and that another has withdrawn.
    enrolled, withdrawn = subjects[0], subjects[1]
    for subject, status in ((enrolled, "on-study"), (withdrawn, "withdrawn")):
        httpx.put(
            f"{fhir}/ResearchSubject/{subject['id']}", json=subject | {"status": status}, trust_env=False
        ).raise_for_status()

    load(fhir, exported(hospital))
    load(fhir, bundle)
    after = {one["id"]: one["status"] for one in search(fhir, "ResearchSubject?_count=100")}
    assert after == {one["id"]: "candidate" for one in subjects} | {
        enrolled["id"]: "on-study",
        withdrawn["id"]: "withdrawn",
    }
    assert len(search(fhir, "ResearchStudy")) == 1
    assert len(search(fhir, "List")) == 1
    assert len(search(fhir, "Provenance")) == 1


def test_the_list_holds_everybody_who_waits_with_the_machines_verdict(fhir: str, hospital: Hospital) -> None:
    assert hospital.screen(fhir) == 0
    bundle = exported(hospital)
    (listed,) = of_type(bundle, "List")
    found = [(one["item"]["reference"], one["flag"]["coding"][0]["code"]) for one in listed["entry"]]
    assert sorted(found) == sorted((row["patient"], row["status"]) for row in hospital.rows())
    assert {status for _, status in found} == {"candidate", "possible"}
    assert all("new since the last run" in one["flag"]["text"] for one in listed["entry"])
    assert len(of_type(bundle, "ResearchSubject")) == sum(status == "candidate" for _, status in found)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] in ("ResearchSubject", "ResearchStudy"):
            assert entry["request"]["method"] == "POST"
            assert entry["request"]["ifNoneExist"]


def test_the_provenance_names_trial_mappings_and_engine(fhir: str, hospital: Hospital) -> None:
    assert hospital.screen(fhir) == 0
    store = hospital.store()
    (run,) = store.book.runs("extend-op")
    store.close()
    (provenance,) = of_type(exported(hospital), "Provenance")
    values = [one["what"]["identifier"]["value"] for one in provenance["entity"]]
    assert values == [f"extend-op|{run.trial_version}", run.mappings_digest, run.id]
    assert provenance["agent"][0]["who"]["display"].startswith("cds-service ")
    assert provenance["target"] == [{"reference": "List/worklist-extend-op"}]


def test_who_was_decided_about_is_left_out_and_who_left_is_told(tmp_path: Path, hospital: Hospital) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    assert hospital.screen(folder) == 0
    refused, gone = (row["patient"] for row in hospital.rows()[:2])
    decisions = tmp_path / "decisions.csv"
    decisions.write_text(f"patient,decision,decided_at,decided_by\n{refused},refused,2026-11-22,N\n")
    assert hospital.worklist("import-decisions", decisions) == 0
    lay_out(folder, [one for one in RECORDS if gone not in (f"Patient/{one['id']}", _subject(one))])
    assert hospital.screen(folder, day=DAY + timedelta(days=1)) == 0
    bundle = exported(hospital)
    Bundle.model_validate(bundle)
    (listed,) = of_type(bundle, "List")
    assert not {refused, gone} & {one["item"]["reference"] for one in listed["entry"]}
    subjects = {one["individual"]["reference"] for one in of_type(bundle, "ResearchSubject")}
    assert not {refused, gone} & subjects
    notes = [note["text"] for note in listed["note"]]
    assert f"Off the list: {gone} (No longer in the source, or without any recorded evidence of cancer)" in notes


def _subject(resource: Json) -> str:
    owner = resource.get("subject") or resource.get("patient") or {}
    return str(owner.get("reference", ""))


def test_an_empty_list_is_valid_too(hospital: Hospital) -> None:
    bundle = exported(hospital)
    Bundle.model_validate(bundle)
    (listed,) = of_type(bundle, "List")
    assert "entry" not in listed
    assert listed["emptyReason"]["text"] == "No patient waits for the trial team"


def test_the_hospitals_own_study_is_used_where_it_is_named(fhir: str, hospital: Hospital) -> None:
    assert hospital.screen(fhir) == 0
    study = {"resourceType": "ResearchStudy", "id": "ours", "status": "active", "title": "EXTEND"}
    httpx.put(f"{fhir}/ResearchStudy/ours", json=study, trust_env=False).raise_for_status()
    bundle = exported(hospital, "--study", "ResearchStudy/ours")
    assert of_type(bundle, "ResearchStudy") == []
    for _ in range(2):
        load(fhir, bundle)
    subjects = search(fhir, "ResearchSubject?study=ResearchStudy/ours&_count=100")
    assert len(subjects) == len(of_type(bundle, "ResearchSubject")) > 0


def test_patients_of_several_servers_need_one_to_be_named(
    tmp_path: Path, hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = lay_out(tmp_path / "data", RECORDS)
    for server in ("https://north.example/fhir", "https://south.example/fhir"):
        assert hospital.screen(folder, "--server", server) == 0
    assert hospital.worklist("export", "--format", "fhir") == 2
    assert "say with --server which one" in capsys.readouterr().err
    bundle = exported(hospital, "--server", "https://south.example/fhir/")
    (listed,) = of_type(bundle, "List")
    assert len(listed["entry"]) == len(hospital.rows())


def test_the_assessments_are_exported_line_by_line(fhir: str, hospital: Hospital) -> None:
    assert hospital.screen(fhir) == 0
    out = hospital.folder / "list.ndjson"
    assert hospital.worklist("export", "--format", "ndjson", "--out", out) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["patient"] for one in found] == [row["patient"] for row in hospital.rows()]
    assert {one["as_of"] for one in found} == {"2026-11-22"}
