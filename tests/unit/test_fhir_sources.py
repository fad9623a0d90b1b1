"""Files, folders and streams: who is in them, in which order, and what is said of what is broken."""

import gzip
import io
import json

import pytest
from fhir_json import about, as_bytes, bundle, catalog, condition, patient, platelets

from cds_service.domain.facts import Kind
from cds_service.errors import NoPatient, NotFhir, SourceError, TooLarge
from cds_service.fhir.sources import read_source


def lines(*resources):
    return b"\n".join(resource if isinstance(resource, bytes) else as_bytes(resource) for resource in resources)


def of(identity, resource):
    return {**resource, **about(identity)}


def source_of(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    return read_source(str(tmp_path / name))


TWO = (patient("b"), patient("a"), of("a", platelets(1)), of("b", condition()))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.ndjson", lines(*TWO)),
        ("x.json", lines(*TWO)),
        ("x.ndjson", b"\xef\xbb\xbf\n\n" + lines(*TWO) + b"\r\n\n"),
        ("x.ndjson.gz", gzip.compress(lines(*TWO))),
        ("x.json", as_bytes(bundle(*TWO))),
        ("x.json", as_bytes(list(TWO))),
        ("x.json", json.dumps(bundle(*TWO), indent=2).encode()),
        ("x.ndjson", lines(bundle(*TWO[:2]), bundle(*TWO[2:]))),
        ("x.json.gz", gzip.compress(as_bytes(bundle(*TWO)))),
    ],
)
def test_any_file_gives_the_same_patients(tmp_path, name, data):
    source = source_of(tmp_path, name, data)
    assert [record.name for record in source.patients] == ["Patient/b", "Patient/a"]
    facts = [source.facts(record, catalog()) for record in source.patients]
    assert [len(item.conditions) for item in facts] == [1, 0]
    assert [len(item.labs) for item in facts] == [0, 1]
    assert source.notes == ()
    assert source.absent == 0


def test_a_folder_of_bulk_files(tmp_path):
    (tmp_path / "Condition.ndjson").write_bytes(lines(of("b", condition())))
    (tmp_path / "Observation.0.ndjson.gz").write_bytes(gzip.compress(lines(of("a", platelets(1, "x")))))
    (tmp_path / "Observation.1.ndjson").write_bytes(lines(of("a", platelets(2, "y"))))
    (tmp_path / "Patient.ndjson").write_bytes(lines(patient("b"), patient("a")))
    (tmp_path / "Device.ndjson").write_bytes(b"")
    (tmp_path / "ATTRIBUTION.json").write_bytes(b'{"licence": "CC BY"}')
    (tmp_path / "readme.txt").write_bytes(b"not read")
    source = read_source(str(tmp_path))
    assert [record.name for record in source.patients] == ["Patient/b", "Patient/a"]
    assert len(source.facts(source.patient("a"), catalog()).labs) == 2
    assert [(note.reference, note.problem) for note in source.notes] == [
        ("ATTRIBUTION.json", "it holds no FHIR resource and is passed over"),
        ("Device.ndjson", "the file is empty"),
    ]


def test_standard_input():
    source = read_source("-", io.BytesIO(lines(*TWO)))
    assert len(source.patients) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "x.json: it is empty"),
        (b" \n ", "x.json: it is empty"),
        (b"<Bundle/>", "x.json: line 1: it is XML"),
        (b"\nhello", "x.json: line 2: it is not JSON"),
        (b'{"resourceType": "Bundle",\n "entry": [\n', "x.json: line 2: the JSON ends before it is complete"),
        (b'{"resourceType": "Bundle",\n "entry": [}\n', "x.json: line 2: not JSON"),
        (b"\x1f\x8b\x08broken", "x.json: the gzip file is damaged"),
    ],
)
def test_what_cannot_be_read_at_all_says_where(tmp_path, data, said):
    with pytest.raises(NotFhir) as error:
        source_of(tmp_path, "x.json", data)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_a_truncated_gzip_file(tmp_path):
    with pytest.raises(NotFhir, match="truncated"):
        source_of(tmp_path, "x.ndjson.gz", gzip.compress(lines(*TWO))[:-20])


def test_no_such_file_no_files_too_large_no_patient(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        read_source(str(tmp_path / "none.json"))
    with pytest.raises(SourceError, match=r"no \.json"):
        read_source(str(tmp_path))
    (tmp_path / "x.json").write_bytes(lines(condition()))
    with pytest.raises(NoPatient, match="no Patient"):
        read_source(str(tmp_path / "x.json"))
    with pytest.raises(TooLarge):
        read_source(str(tmp_path / "x.json"), most_bytes=10)
    with pytest.raises(TooLarge):
        read_source("-", io.BytesIO(gzip.compress(b" " * 5000)), most_bytes=1000)


def test_a_broken_line_makes_its_patients_kind_unknown_and_nobody_elses(tmp_path):
    broken = as_bytes(of("a", platelets(9)))[:-9]
    source = source_of(tmp_path, "x.ndjson", lines(*TWO, broken))
    a, b = (source.facts(source.patient(name), catalog()) for name in "ab")
    assert a.missing_kind(Kind.OBSERVATIONS) == "one Observation could not be read"
    assert a.missing_kind(Kind.CONDITIONS) is None
    assert len(a.labs) == 1
    assert b.not_retrieved == ()
    assert b.data_quality == ()
    assert source.notes[0].reference == "x.ndjson line 5"


def test_a_broken_line_without_a_legible_subject_is_a_note_on_the_run(tmp_path):
    source = source_of(tmp_path, "x.ndjson", lines(*TWO, b'{"resourceType": "Observation", "id'))
    assert all(source.facts(record, catalog()).not_retrieved == () for record in source.patients)
    assert source.notes[0].reference == "x.ndjson line 5"
    assert "Observation could not be read" in source.notes[0].problem


def test_the_first_line_may_be_the_broken_one(tmp_path):
    source = source_of(tmp_path, "x.ndjson", lines(b'{"resourceType": "Patient", "id": "z', *TWO))
    assert len(source.patients) == 2
    assert source.notes[0].reference == "x.ndjson line 1"


# A folder of two patients' files and one that is damaged: it costs nobody but those whom its bytes still name.
DAMAGED = as_bytes({"resourceType": "Bundle", "entry": [{"resource": of("a", condition())}]})


@pytest.mark.parametrize(
    ("name", "data", "problem", "doubted"),
    [
        ("c.json", DAMAGED[:-3], "line 1: the JSON ends before it is complete (truncated)", True),
        ("c.json", DAMAGED.replace(b'"entry": [', b'"entry": [}'), "line 1: not JSON", True),
        ("c.json", b"<Bundle/>", "line 1: it is XML; FHIR JSON is read here", False),
        ("c.json", b'{"resourceType": "Bundle", "ent', "line 1: the JSON ends", False),
        ("c.json.gz", gzip.compress(DAMAGED)[:-4], "the gzip file is damaged or truncated; export", True),
        ("c.json.gz", b"\x1f\x8b\x08broken", "the gzip file is damaged or truncated; export", False),
    ],
)
def test_a_damaged_file_does_not_stop_its_folder(tmp_path, name, data, problem, doubted):
    (tmp_path / "b.ndjson").write_bytes(lines(*TWO))
    (tmp_path / name).write_bytes(data)
    (tmp_path / "d.json").write_bytes(as_bytes(of("b", platelets(9, "late"))))
    source = read_source(str(tmp_path))
    assert [record.name for record in source.patients] == ["Patient/b", "Patient/a"]
    (note,) = source.notes
    assert note.reference == name
    assert note.problem.startswith(f"this file could not be read and is left out: {problem}")
    assert note.problem.endswith("; export or fetch it again")
    assert source.left_out == 1
    a, b = (source.facts(source.patient(identity), catalog()) for identity in "ab")
    assert (a.missing_kind(Kind.CONDITIONS) is not None) is doubted
    assert (a.missing_kind(Kind.OBSERVATIONS) is not None) is doubted
    assert b.not_retrieved == ()
    assert len(b.labs) == 1


def test_of_a_damaged_resource_only_its_kind_is_in_doubt(tmp_path):
    (tmp_path / "b.ndjson").write_bytes(lines(*TWO))
    (tmp_path / "c.json").write_bytes(as_bytes(of("a", condition()))[:-2])
    source = read_source(str(tmp_path))
    a = source.facts(source.patient("a"), catalog())
    assert a.missing_kind(Kind.CONDITIONS) == "one Condition could not be read"
    assert a.missing_kind(Kind.OBSERVATIONS) is None


@pytest.mark.parametrize("name", ["Condition.ndjson.gz", "2.Condition-001.ndjson.gz"])
def test_a_damaged_file_of_a_type_leaves_that_kind_open_for_everybody(tmp_path, name):
    (tmp_path / "b.ndjson").write_bytes(lines(*TWO, of("b", platelets())))
    (tmp_path / "Condition-000.ndjson").write_bytes(lines(of("a", condition()), of("b", condition())))
    (tmp_path / name).write_bytes(gzip.compress(lines(of("a", condition())))[:-4])
    source = read_source(str(tmp_path))
    for record in source.patients:
        facts = source.facts(record, catalog())
        assert facts.missing_kind(Kind.CONDITIONS) == "one Condition could not be read"
        assert facts.missing_kind(Kind.OBSERVATIONS) is None
        assert len(facts.conditions) == 1
    assert source.left_out == 1


def test_a_damaged_file_of_medications_leaves_the_drugs_open(tmp_path):
    (tmp_path / "b.ndjson").write_bytes(lines(*TWO))
    (tmp_path / "Medication.ndjson").write_bytes(b'{"resourceType": "Medication", "id"')
    source = read_source(str(tmp_path))
    facts = source.facts(source.patients[0], catalog())
    assert facts.missing_kind(Kind.MEDICATIONS) is not None
    assert facts.missing_kind(Kind.CONDITIONS) is None


def test_a_damaged_file_of_an_unknown_patient_touches_nobody(tmp_path):
    (tmp_path / "b.ndjson").write_bytes(lines(patient("b")))
    (tmp_path / "c.json").write_bytes(
        as_bytes({"resourceType": "Bundle", "entry": [{"resource": of("z", condition())}]})[:-3]
    )
    source = read_source(str(tmp_path))
    assert source.facts(source.patients[0], catalog()).not_retrieved == ()
    assert (source.absent, source.left_out) == (1, 1)


def test_a_folder_of_damaged_files_only_has_no_patient(tmp_path):
    (tmp_path / "c.json").write_bytes(DAMAGED[:-3])
    with pytest.raises(NoPatient, match="no Patient resource in it, one part of it could not be read"):
        read_source(str(tmp_path))


def test_a_patient_who_is_only_referenced_is_counted_not_assessed(tmp_path):
    source = source_of(tmp_path, "x.ndjson", lines(*TWO, of("gone", condition()), of("gone", platelets())))
    assert [record.name for record in source.patients] == ["Patient/b", "Patient/a"]
    assert source.absent == 1
    assert source.notes[0].problem == "one patient referenced without a Patient resource: not assessed"


def test_with_one_patient_what_is_somebody_elses_is_dropped_and_counted(tmp_path):
    source = source_of(tmp_path, "x.ndjson", lines(patient("a"), of("gone", condition())))
    assert source.facts(source.patients[0], catalog()).dropped == 1
    assert source.absent == 1


def test_a_replaced_patient_is_one_with_the_other(tmp_path):
    old = patient("old", link=[{"other": {"reference": "Patient/a"}, "type": "replaced-by"}])
    source = source_of(tmp_path, "x.ndjson", lines(old, patient("a"), of("old", platelets())))
    assert [record.name for record in source.patients] == ["Patient/a"]
    assert len(source.facts(source.patients[0], catalog()).labs) == 1


def test_the_same_id_on_two_servers_is_two_patients(tmp_path):
    entries = [
        {"fullUrl": f"https://{host}/fhir/{resource['resourceType']}/1", "resource": resource}
        for host in ("one.example", "two.example")
        for resource in (patient("1"), of("1", platelets(5 if host == "one.example" else 6)))
    ]
    source = source_of(tmp_path, "x.json", as_bytes({"resourceType": "Bundle", "entry": entries}))
    values = [source.facts(record, catalog()).labs[0].value for record in source.patients]
    assert values == [5000, 6000]
    with pytest.raises(NoPatient, match="different servers"):
        source.patient("1")


def test_patients_of_two_servers_are_told_apart_by_their_address(tmp_path):
    urls = [f"https://{host}.example/fhir/Patient/1" for host in ("one", "two")]
    entries = [{"fullUrl": url, "resource": patient("1")} for url in urls]
    source = source_of(tmp_path, "x.json", as_bytes({"resourceType": "Bundle", "entry": entries}))
    assert [source.facts(record, catalog()).person.reference for record in source.patients] == urls
    assert source.patient(urls[1]) is source.patients[1]


def test_what_is_left_out_is_counted(tmp_path):
    nobodys = {key: value for key, value in platelets().items() if key != "subject"}
    source = source_of(tmp_path, "x.ndjson", lines(*TWO, b'{"resourceType": "Condition",', nobodys))
    assert source.left_out == 2
    assert source_of(tmp_path, "y.ndjson", lines(*TWO)).left_out == 0


def test_a_shared_medication_is_found_by_whoever_needs_it(tmp_path):
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "capecitabine 500 mg"}}
    order = {
        "resourceType": "MedicationAdministration",
        "id": "o",
        "status": "completed",
        "medicationReference": {"reference": "Medication/m"},
        "effectiveDateTime": "2026-01-02",
        **about("a"),
    }
    source = source_of(tmp_path, "x.ndjson", lines(order, drug, patient("a")))
    assert source.facts(source.patients[0], catalog()).medications[0].agents == ("capecitabine",)
