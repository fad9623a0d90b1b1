"""What the nightly run makes of bad input: each fault alone, among a candidate and a patient without cancer."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import call
from populations import CANDIDATE, DAY, Night, candidate, evaluated, lay_out, line, lines_by_type, night, somebody

from cds_service.errors import SourceError
from cds_service.population.local import Options
from cds_service.sandbox.population.generating import generate

pytestmark = pytest.mark.integration

Lines = dict[str, list[bytes]]
Screen = Callable[[Lines], Night]
LABS = ("anc", "platelets", "hemoglobin", "bilirubin", "ast", "alt")
FEW_PLATELETS = {"value": 3, "unit": "10*3/uL", "system": "http://unitsofmeasure.org", "code": "10*3/uL"}
UNRECORDED = {
    "effusion", "leptomeningeal", "peritoneal-carcinomatosis", "cognitive-impairment", "marrow-involvement",
    "rheumatologic", "psychiatric-substance", "other-malignancy",
}  # fmt: skip
"""The exclusions that the candidate passes because nothing is recorded."""


@pytest.fixture
def lines() -> Lines:
    """The population as its lines, without a fault."""
    return lines_by_type([*candidate(), *somebody()])


@pytest.fixture
def screened(tmp_path: Path) -> Screen:
    """What the engine makes of lines; a folder that `evaluate` can read has the same assessment of the candidate."""

    def screen(lines: Lines) -> Night:
        folder = lay_out(tmp_path / "source", lines)
        found = night(folder, tmp_path / "work")
        if CANDIDATE in found.documents:
            assert found.documents[CANDIDATE] == evaluated(folder)[CANDIDATE]
        return found

    return screen


def place(lines: list[bytes], words: bytes) -> int:
    """The number of the only line with these words."""
    (found,) = (number for number, text in enumerate(lines) if words in text)
    return found


def test_without_a_fault_the_candidate_is_one(lines: Lines, screened: Screen) -> None:
    found = screened(lines)
    assert found.documents.keys() == {CANDIDATE}
    assert found.documents[CANDIDATE]["status"] == "candidate"
    assert {name for name, said in found.verdicts().items() if said == ("pass", "no_record")} == UNRECORDED
    assert (found.counts.patients, found.counts.quarantined, found.counts.dropped) == (2, 0, 0)
    assert found.quarantine == []
    assert found.outcome.problems == []


class TestBrokenLines:
    def test_a_line_cut_short_that_tells_whose_it_is_leaves_what_rests_on_its_kind_unknown(
        self, lines: Lines, screened: Screen
    ) -> None:
        break_line(lines, "Condition", b'-hypertension"')
        found = screened(lines)
        after = found.verdicts()
        assert {after[exclusion] for exclusion in UNRECORDED} == {("unknown", "no_record")}
        assert after["stage-iv"] == after["histology"] == ("unknown", "no_record")
        assert after["platelets"] == after["ecog"] == ("pass", "recorded")
        assert found.documents[CANDIDATE]["status"] == "possible"
        assert found.counts.partly_read == 1
        assert found.quarantine == [
            {"file": "Condition.ndjson", "line": 4, "type": "Condition", "reason": "it is not readable JSON"}
        ]

    def test_a_laboratory_result_cut_short_leaves_every_laboratory_value_unknown(
        self, lines: Lines, screened: Screen
    ) -> None:
        break_line(lines, "Observation", b'-lab-2-cea"')
        after = screened(lines).verdicts()
        assert {after[lab] for lab in LABS} == {("unknown", "no_record")}
        assert after["ecog"] == ("unknown", "no_record")
        assert after["histology"] == ("pass", "recorded")
        assert after["effusion"] == ("pass", "no_record")

    def test_a_line_cut_short_before_it_tells_whose_it_is_is_counted_and_changes_nobody(
        self, lines: Lines, screened: Screen
    ) -> None:
        lines["Condition"].insert(2, lines["Condition"][0][:60])
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert (found.counts.quarantined, found.counts.partly_read) == (1, 0)
        assert found.quarantine == [
            {"file": "Condition.ndjson", "line": 3, "type": "Condition", "reason": "it is not readable JSON"}
        ]

    def test_a_broken_line_of_somebody_else_changes_nothing_for_the_candidate(
        self, lines: Lines, screened: Screen
    ) -> None:
        (whole,) = (text for text in lines["Condition"] if b"Patient/well" in text)
        lines["Condition"].append(whole[:-4])
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert found.documents["well"]["status"] == "possible"
        assert (found.counts.quarantined, found.counts.partly_read) == (1, 1)

    def test_a_broken_condition_makes_its_patient_considered(self, lines: Lines, screened: Screen) -> None:
        lines["Patient"].append(line({"resourceType": "Patient", "id": "torn", "birthDate": "1950-01-01"}))
        lines["Condition"].append(b'{"resourceType":"Condition","subject":{"reference":"Patient/torn"},"code":{"cod')
        found = screened(lines)
        assert found.documents["torn"]["status"] == "possible"
        assert found.verdicts("torn")["histology"] == ("unknown", "no_record")

    def test_an_array_of_numbers_is_one_line_that_cannot_be_read(self, lines: Lines, screened: Screen) -> None:
        lines["Condition"].insert(0, b"[1, 2, 3]")
        found = screened(lines)
        assert found.counts.quarantined == 1
        assert found.quarantine == [
            {"file": "Condition.ndjson", "line": 1, "type": None, "reason": "it is not readable JSON"}
        ]

    def test_blank_lines_are_passed_over_and_counted_in_line_numbers(self, lines: Lines, screened: Screen) -> None:
        lines["Observation"] = [text for one in lines["Observation"] for text in (b"", one, b"  ")] + [b"}"]
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert [(one["line"], one["type"]) for one in found.quarantine] == [(3 * 27 + 1, None)]

    def test_a_line_of_50_megabytes_is_read(self, lines: Lines, screened: Screen) -> None:
        lengthen(lines, "Observation", b'-lab-2-cea"', 50 << 20)
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert found.counts.quarantined == 0

    def test_a_line_longer_than_any_resource_leaves_its_patients_kind_unknown(
        self, lines: Lines, tmp_path: Path
    ) -> None:
        lengthen(lines, "Observation", b'-lab-2-cea"', 65 << 20)
        # `evaluate` has no such limit for a file on disk, so that it is not asked here.
        found = night(lay_out(tmp_path / "source", lines), tmp_path / "work")
        assert found.verdicts()["platelets"] == ("unknown", "no_record")
        assert found.verdicts()["histology"] == ("pass", "recorded")
        assert found.quarantine == [
            {
                "file": "Observation.ndjson",
                "line": 20,
                "type": "Observation",
                "reason": "the line is longer than 64 MB",
            }
        ]

    def test_words_that_are_not_utf_8_leave_their_patients_kind_unknown(self, lines: Lines, screened: Screen) -> None:
        at = place(lines["Observation"], b'-lab-2-cea"')
        lines["Observation"][at] = lines["Observation"][at].replace(b"Carcinoembryonic", b"Carcino\xebmbryonic")
        found = screened(lines)
        assert found.verdicts()["platelets"] == ("unknown", "no_record")
        assert found.counts.partly_read == 1

    def test_a_name_that_is_not_utf_8_changes_nothing_for_nobody_reads_it(self, lines: Lines, screened: Screen) -> None:
        at = place(lines["Patient"], CANDIDATE.encode())
        lines["Patient"][at] = lines["Patient"][at][:-1] + b',"language":"fran\xe7ais"}'
        assert screened(lines).documents[CANDIDATE]["status"] == "candidate"

    def test_a_byte_order_mark_is_passed_over(self, lines: Lines, screened: Screen) -> None:
        for texts in lines.values():
            texts[0] = b"\xef\xbb\xbf" + texts[0]
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert (found.counts.quarantined, found.counts.patients) == (0, 2)


class TestResources:
    def test_a_cancer_in_a_file_of_another_type_is_found(self, lines: Lines, screened: Screen) -> None:
        lines["Procedure"] = [*lines.pop("Condition"), *lines.pop("BodyStructure")]
        lines["MedicationAdministration"] += lines.pop("Patient")
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert (found.counts.rows["Condition"], found.counts.rows["Patient"]) == (5, 2)

    def test_a_stage_alone_makes_its_patient_considered(self, lines: Lines, screened: Screen) -> None:
        lines["Condition"] = [text for text in lines["Condition"] if b"Patient/well" in text]
        lines["BodyStructure"] = []
        found = screened(lines)
        assert found.documents.keys() == {CANDIDATE}
        assert found.counts.rows["Observation"] == 27

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_of_two_versions_the_one_updated_last_holds_in_either_order(
        self, lines: Lines, screened: Screen, newest_first: bool
    ) -> None:
        at = place(lines["Observation"], b'-lab-1-platelets"')
        version = json.loads(lines["Observation"].pop(at))
        older = version | {"meta": {"lastUpdated": "2026-11-10T08:00:00Z"}}
        newer = version | {"meta": {"lastUpdated": "2026-11-10T09:30:00+01:00"}, "valueQuantity": FEW_PLATELETS}
        both = [line(newer), line(older)] if newest_first else [line(older), line(newer)]
        lines["Observation"] += both
        found = screened(lines)
        assert found.verdicts()["platelets"] == ("fail", "recorded")
        assert found.documents[CANDIDATE]["status"] == "ineligible"

    @pytest.mark.parametrize("newest_first", [True, False])
    def test_of_two_versions_of_a_shared_drug_the_one_updated_last_holds_in_either_order(
        self, lines: Lines, screened: Screen, newest_first: bool
    ) -> None:
        given = json.loads(lines["MedicationAdministration"][0])
        platin = given.pop("medicationCodeableConcept")
        lines["MedicationAdministration"] = [line(given | {"medicationReference": {"reference": "Medication/m"}})]
        older = {"resourceType": "Medication", "id": "m", "code": {"text": "Water"}, **updated(1)}
        newer = {"resourceType": "Medication", "id": "m", "code": platin, **updated(2)}
        lines["Medication"] = [line(newer), line(older)] if newest_first else [line(older), line(newer)]
        therapy = screened(lines).documents[CANDIDATE]["therapy"]
        assert [one["agents"] for one in therapy["lines"]] == [["fluorouracil"]]

    def test_who_has_a_cancer_and_no_patient_resource_is_counted_and_not_assessed(
        self, lines: Lines, screened: Screen
    ) -> None:
        lines["Patient"] = [text for text in lines["Patient"] if CANDIDATE.encode() not in text]
        found = screened(lines)
        assert found.documents == {}
        assert (found.counts.absent, found.counts.considered, found.counts.patients) == (1, 0, 1)

    def test_what_names_nobody_is_counted(self, lines: Lines, screened: Screen) -> None:
        orphan = json.loads(lines["Condition"][0])
        del orphan["subject"]
        lines["Condition"].append(line(orphan | {"id": "orphan"}))
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert found.counts.dropped == 1


class TestFiles:
    def test_an_empty_file_is_no_fault(self, lines: Lines, screened: Screen) -> None:
        lines["DiagnosticReport"] = []
        found = screened(lines)
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert found.outcome.problems == []

    def test_a_file_without_a_last_line_break_is_read_to_its_end(self, lines: Lines, tmp_path: Path) -> None:
        folder = lay_out(tmp_path / "source", lines)
        for path in folder.iterdir():
            path.write_bytes(path.read_bytes().removesuffix(b"\n"))
        found = night(folder, tmp_path / "work", Options(piece_bytes=512))
        assert found.documents[CANDIDATE]["status"] == "candidate"
        assert found.counts.rows["Observation"] == 27

    def test_an_empty_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"no \.ndjson file in this folder"):
            night(tmp_path, tmp_path / "work")

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no such folder"):
            night(tmp_path / "nowhere", tmp_path / "work")

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda data: data[: len(data) * 2 // 3], "the gzip file is cut short"),
            (lambda data: data[:200] + b"\0" * 50 + data[250:], "the gzip file is damaged"),
        ],
    )
    def test_a_gzip_file_that_cannot_be_read_to_its_end_is_a_problem_of_the_run(
        self, lines: Lines, tmp_path: Path, spoil: Callable[[bytes], bytes], problem: str
    ) -> None:
        folder = lay_out(tmp_path / "source", lines)
        path = folder / "Observation.ndjson"
        (folder / "Observation.ndjson.gz").write_bytes(spoil(gzip.compress(path.read_bytes(), 1)))
        path.unlink()
        found = night(folder, tmp_path / "work")
        assert found.outcome.problems == [f"Observation.ndjson.gz: {problem}"]

    def test_a_name_that_leads_nowhere_is_passed_over(self, lines: Lines, tmp_path: Path) -> None:
        folder = lay_out(tmp_path / "source", lines)
        (folder / "Procedure.ndjson").symlink_to(folder / "Procedure.ndjson.lost")
        found = night(folder, tmp_path / "work")
        assert found.documents[CANDIDATE]["status"] == "candidate"


class TestCommand:
    """The same faults at the command line: exit codes, the list of the night before, the quarantine."""

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CDS_WORK_DIR", str(tmp_path / "work"))
        monkeypatch.setenv("CDS_SCREEN_WORKERS", "1")

    def screen(self, tmp_path: Path, *more: str) -> int:
        database = f"sqlite:///{tmp_path / 'db.sqlite'}"
        words = ("screen", str(tmp_path / "source"), "--as-of", DAY.isoformat(), "--db", database)
        return call(*words, "--out", str(tmp_path / "list.csv"), *more)

    def test_a_run_that_lost_half_a_file_is_incomplete_and_the_last_list_is_kept(
        self, lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = lay_out(tmp_path / "source", lines)
        assert self.screen(tmp_path) == 0
        before = (tmp_path / "list.csv").read_bytes()
        assert before.count(b"\n") == 2
        packed = gzip.compress((folder / "Observation.ndjson").read_bytes(), 1)
        (folder / "Observation.ndjson").write_bytes(packed[: len(packed) // 2])
        capsys.readouterr()
        assert self.screen(tmp_path) == 6
        assert "Observation.ndjson: the gzip file is cut short" in capsys.readouterr().err
        assert (tmp_path / "list.csv").read_bytes() == before

    def test_a_folder_without_conditions_makes_no_empty_list(
        self, lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        del lines["Condition"]
        lay_out(tmp_path / "source", lines)
        assert self.screen(tmp_path) == 6
        assert "the source holds no Condition" in capsys.readouterr().err
        assert not (tmp_path / "list.csv").exists()

    def test_the_quarantine_tells_file_line_type_and_reason_and_nothing_of_the_record(
        self, lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        break_line(lines, "Condition", b'-hypertension"')
        lines["Observation"].append(b'{"resourceType":"Observation","subject":{"reference":"Patient/sbx-colon-liver"')
        lay_out(tmp_path / "source", lines)
        assert self.screen(tmp_path) == 0
        quarantine = (tmp_path / "list.quarantine.ndjson").read_bytes()
        assert [json.loads(text) for text in quarantine.splitlines()] == [
            {"file": "Condition.ndjson", "line": 4, "type": "Condition", "reason": "it is not readable JSON"},
            {"file": "Observation.ndjson", "line": 28, "type": "Observation", "reason": "it is not readable JSON"},
        ]
        said = capsys.readouterr().err
        assert "2 lines could not be read" in said
        for words in (CANDIDATE.encode(), b"ypertension"):
            assert words not in quarantine
            assert words not in said.encode()
        assert self.screen(tmp_path, "--strict") == 5

    def test_the_quarantine_of_the_night_before_goes_when_all_is_read(self, lines: Lines, tmp_path: Path) -> None:
        whole = {name: list(texts) for name, texts in lines.items()}
        break_line(lines, "Condition", b'-hypertension"')
        lay_out(tmp_path / "source", lines)
        self.screen(tmp_path)
        assert (tmp_path / "list.quarantine.ndjson").exists()
        lay_out(tmp_path / "source", whole)
        assert self.screen(tmp_path) == 0
        assert not (tmp_path / "list.quarantine.ndjson").exists()

    def test_an_empty_folder_is_no_empty_list(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "source").mkdir()
        assert self.screen(tmp_path) == 3
        assert "no .ndjson file in this folder" in capsys.readouterr().err
        assert not (tmp_path / "list.csv").exists()


def test_a_full_disk_is_one_clear_line_and_the_run_goes_on_where_there_is_room(tmp_path: Path) -> None:
    """The kernel refuses the child's writes beyond a size, as a full disk would, from the first larger file on."""
    source = tmp_path / "source"
    generate(40, 5, source, DAY)
    words = [str(Path(sys.executable).with_name("cds-service"))]
    words += ["screen", str(source), "--as-of", DAY.isoformat(), "--all", "--db", "memory:"]
    environment = os.environ | {"CDS_WORK_DIR": str(tmp_path / "work"), "CDS_SCREEN_WORKERS": "2"}

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    failed = subprocess.run(words, env=environment, capture_output=True, preexec_fn=full, check=False)
    assert failed.returncode == 3
    assert failed.stdout == b""
    last = failed.stderr.decode().splitlines()[-1]
    assert "File too large; nothing of the last list was touched. Make room and run with --resume" in last
    resumed = subprocess.run([*words, "--resume"], env=environment, capture_output=True, check=True)
    assert b"nothing to resume" not in resumed.stderr
    undisturbed = environment | {"CDS_WORK_DIR": str(tmp_path / "other")}
    afresh = subprocess.run(words, env=undisturbed, capture_output=True, check=True)
    assert resumed.stdout == afresh.stdout
    assert resumed.stdout.count(b"\n") > 3


def updated(day: int) -> dict[str, dict[str, str]]:
    """A version of that day of January."""
    return {"meta": {"lastUpdated": f"2026-01-{day:02d}T00:00:00Z"}}


def break_line(lines: Lines, kind: str, words: bytes) -> None:
    """End a line some bytes behind the reference to the candidate."""
    at = place(lines[kind], words)
    reference = f'"Patient/{CANDIDATE}"}}'.encode()
    text = lines[kind][at]
    lines[kind][at] = text[: text.index(reference) + len(reference) + 3]


def lengthen(lines: Lines, kind: str, words: bytes, size: int) -> None:
    """Put so many letters of note at the end of a line."""
    at = place(lines[kind], words)
    lines[kind][at] = lines[kind][at][:-1] + b',"note":[{"text":"' + b"x" * size + b'"}]}'
