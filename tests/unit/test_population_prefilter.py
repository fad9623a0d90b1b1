"""Lines that are ruled out, kept, or handed on to be read in full; the law is in `generative/`."""

from __future__ import annotations

import pytest
from fhir_json import catalog

from cds_service.population.evidence import Evidence
from cds_service.population.prefilter import Prefilter, all_lines, kind_of_lines

ANEMIA = '"code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]}'
STAGE = '"code":{"coding":[{"system":"http://loinc.org","code":"21908-9"}]}'


def sifted(kind: str, *texts: str, watching: bool = True) -> str:
    """For each line: its patient's number, "-" ruled out, "?" handed on."""
    prefilter = Prefilter(kind, {"Patient/a": 0, "Patient/b": 1}, Evidence(catalog()) if watching else None)
    block = "\n".join(texts).encode()
    found = prefilter.sift(block, 0)
    owners = dict(found.sought)
    odd = dict(found.odd)
    told = [
        str(owners[text.encode()]) if text.encode() in owners else "?" if number in odd else "-"
        for number, text in enumerate(texts)
    ]
    assert found.ruled_out == sum(bool(text) for text, said in zip(texts, told, strict=True) if said == "-")
    return "".join(told)


def observation(subject: str, *more: str) -> str:
    return f'{{"resourceType":"Observation","subject":{{"reference":"{subject}"}},{",".join(more) or ANEMIA}}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (observation("Patient/a"), "0"),
        (observation("Patient/c"), "-"),
        (observation("Patient\\/b"), "1"),
        (observation("https://ehr.example/fhir/Patient/b"), "1"),
        (observation("https://ehr.example/fhir/Patient/c"), "-"),
        (observation("Patient/b/_history/2"), "1"),
        (observation("Patient/aa"), "-"),
        (observation("Patient/c", STAGE), "?"),
        (observation("Patient/a", STAGE), "0"),
        (observation("Patient/c", ANEMIA, f'"component":[{{{ANEMIA}}}]'), "-"),
        (observation("Patient/c", ANEMIA, f'"component":[{{{ANEMIA}}},{{{STAGE}}}]'), "?"),
        (observation("Patient/c", STAGE.replace("21908-9", "21\\u003908-9")), "?"),
        (observation("Patient/c", STAGE, ANEMIA), "-"),
        (observation("Patient/c", '"valueString":"{\\"subject\\":"'), "-"),
        (observation("Patient/c", '"code":{"coding":[{"code":7}]}'), "?"),
        (observation("Patient/c")[:-1], "?"),
        (observation("Patient/a") + "}", "?"),
        (observation("Patient/a").replace("Observation", "Condition"), "?"),
        ('{"subject":{"reference":"Patient/c"}}', "?"),
        ('{"resourceType":"Observation"}', "?"),
        ('{"resourceType":"Observation","subject":{"display":"a"}}', "?"),
        ("[]", "?"),
        ("", "-"),
    ],
)
def test_an_observation(text: str, said: str) -> None:
    assert sifted("Observation", text) == said


def test_the_last_of_two_codes_holds_as_it_does_in_reading() -> None:
    assert sifted("Observation", observation("Patient/c", ANEMIA, STAGE)) == "?"


def test_when_nobody_more_is_looked_for_a_stage_of_a_stranger_is_ruled_out() -> None:
    assert sifted("Observation", observation("Patient/c", STAGE), watching=False) == "-"


def test_a_patient_element_is_the_subject_of_those_that_have_one() -> None:
    text = '{"resourceType":"BodyStructure","patient":{"reference":"Patient/b"}}'
    both = '{"resourceType":"BodyStructure","patient":{"reference":"Patient/b"},"subject":{"reference":"Patient/a"}}'
    assert sifted("BodyStructure", text, both) == "1?"


def test_lines_of_one_block_are_numbered_from_the_first_blank_ones_too() -> None:
    prefilter = Prefilter("Procedure", {"Patient/a": 0}, None)
    found = prefilter.sift(b"\n{}\r\n  \n[1]\n", 7)
    assert found.odd == [(8, b"{}\r"), (10, b"[1]")]
    assert (found.ruled_out, found.behind) == (0, 11)
    assert all_lines(b"\n{}\r\n  \n[1]\n", 7).odd == found.odd


def test_many_strangers_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.population.prefilter._STRANGERS", 3)
    names = ["c", "d", "e", "f", "a", "g", "a", "c", "b"]
    assert sifted("Observation", *(observation(f"Patient/{name}") for name in names)) == "----0-0-1"


def test_a_diagnosis_that_cannot_be_read_in_full_does_not_speak_for_those_of_the_same_code() -> None:
    evidence = Evidence(catalog())
    hypertension = b'"code":{"coding":[{"system":"http://snomed.info/sct","code":"38341003"}]}'
    spoiled = b'{"resourceType":"Condition",%s,"note":[{"text":"caf\xe9"}]}' % hypertension
    assert not evidence.tells("Condition", spoiled)
    assert not evidence.tells("Condition", b'{"resourceType":"Condition",%s}' % hypertension)


@pytest.mark.parametrize(
    ("words", "tells"),
    [
        ('"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"C18.7"}]}', True),
        ('"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]}', False),
        ('"code":{"text":"Metastatic cancer"}', True),
        ('"code":"C18.7"', True),
        ('"note":[]', False),
        (
            '"code":{"coding":[{"code":"C18.7"}],"text":"Cancer"},"verificationStatus":{"coding":[{"code":"refuted"}]}',
            False,
        ),
        (
            '"meta":{"profile":["https://example.org/mcode-primary-cancer-condition"]},"code":{"text":"something"}',
            True,
        ),
    ],
)
def test_evidence_of_a_cancer_in_a_diagnosis(words: str, tells: bool) -> None:
    text = f'{{"resourceType":"Condition",{words}}}'.encode()
    assert Evidence(catalog()).tells("Condition", text) is tells
    assert Evidence(catalog()).is_silent_condition(text) is not tells


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("Observation", b"", "Observation"),
        ("", b'{"resourceType":"Procedure"}\n{"resourceType":"Condition"}\n', "Procedure"),
        ("", b'{"id":"x","resourceType":"Procedure"}', "Procedure"),
        ("Encounter", b'{"resourceType":"Condition"}', "Condition"),
        ("Patient", b'{"resourceType":"Patient"}', ""),
        ("Medication", b'{"resourceType":"Medication"}', ""),
        ("", b'{"resourceType":"Bundle"}', ""),
        ("", b"what is this", ""),
    ],
)
def test_the_type_of_a_files_lines(name: str, text: bytes, kind: str) -> None:
    assert kind_of_lines(text, name) == kind
