"""Diagnoses coded in WHO ICD-10, in a national edition of it, or in a system nobody knows: typed by hand.

The mapped edition is ICD-10-CM. Where WHO ICD-10 certainly says the same (malignant neoplasms by category), the
code decides as in ICD-10-CM. Where it is coarser, says more, or is not known to say the same, nothing is decided:
review or unknown, with a note that names the system; never a silent "nothing recorded". A code that means
nothing to a criterion in either (hypertension) leaves everything alone. CRITERIA ruling 1, "No record".
"""

from __future__ import annotations

from datetime import date
from typing import Any

from fhir_json import ICD, SNOMED, catalog, concept, condition, patient, read
from tables import each_row

from cds_service.domain.trials import Assessment, assess

SYSTEMS = {
    "who": "http://hl7.org/fhir/sid/icd-10",
    "oid": "urn:oid:2.16.840.1.113883.6.3",
    "gm": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
    "gm-old": "http://fhir.de/CodeSystem/dimdi/icd-10-gm|2020",
    "ch": "http://fhir.ch/CodeSystem/icd-10-ch",
    "cm": ICD,
    "local": "urn:oid:1.2.3.4",
    "icpc": "http://hl7.org/fhir/sid/icpc-1",
    "sct": SNOMED,
}
ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
CONFIRMED = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]}
BREAST = condition(concept(ICD, "C50.9"), "breast", clinicalStatus=ACTIVE, verificationStatus=CONFIRMED)
EXCLUSIONS = (
    *("effusion", "leptomeningeal", "peritoneal-carcinomatosis", "cognitive-impairment", "marrow-involvement"),
    *("rheumatologic", "psychiatric-substance", "other-malignancy"),
)


def assessed(*resources: dict[str, Any]) -> Assessment:
    return assess(catalog().trials["extend-op"], read(patient(), *resources), date(2026, 11, 22))


def coded(system: str, code: str, **more: Any) -> dict[str, Any]:
    coding = {"code": code} | ({"system": SYSTEMS[system]} if system else {})
    return condition({"coding": [coding]}, "other", **{"clinicalStatus": ACTIVE, "recordedDate": "2026-01-02", **more})


def verdict(found: Assessment, criterion: str) -> str:
    judged = next(item for item in found.verdicts if item.id == criterion)
    basis = judged.basis.value
    return f"{judged.outcome.value}{' no_record' if basis == 'no_record' else ''}"


def weighing(found: Assessment) -> str:
    """The exclusions that are not a pass for want of any record."""
    said = ((name, verdict(found, name)) for name in EXCLUSIONS)
    return ", ".join(f"{name} {told}" for name, told in said if told != "pass no_record")


def noted(found: Assessment) -> bool:
    notes = [note.problem for note in found.data_quality if note.reference == "Condition/other"]
    return any("not of the mapped ICD-10-CM" in problem for problem in notes)


# Beside an active, confirmed breast cancer: what a second diagnosis says to the exclusions; is its system noted?
@each_row("""
    system | code   | exclusions                                           | noted
    who    | I10    |                                                      |
    gm     | E11.90 |                                                      |
    who    | J91    | effusion review                                      | yes
    gm     | J91    | effusion review                                      | yes
    who    | J90    | effusion review                                      | yes
    who    | R18    | effusion review                                      | yes
    who    | I31.3  | effusion review                                      | yes
    who    | C78.2  | effusion review                                      |
    who    | C78.6  | effusion review, peritoneal-carcinomatosis review    |
    who    | C79.3  | leptomeningeal review                                | yes
    gm-old | C79.3  | leptomeningeal review                                | yes
    ch     | C79.3  | leptomeningeal review                                | yes
    oid    | C79.5  | marrow-involvement review                            | yes
    who    | C78.7  |                                                      |
    who    | F00.1  | cognitive-impairment review                          |
    who    | F03    | cognitive-impairment review                          | yes
    gm     | G30.9  | cognitive-impairment review                          | yes
    who    | M32.1  | rheumatologic review                                 | yes
    gm     | M05.80 | rheumatologic review                                 | yes
    who    | M31    | rheumatologic review                                 | yes
    who    | F20.0  | psychiatric-substance review                         | yes
    gm     | F10.2  | psychiatric-substance review                         | yes
    who    | F32.1  | psychiatric-substance pass                           | yes
    who    | F17.2  | psychiatric-substance pass                           | yes
    who    | C34.1  | other-malignancy review                              |
    gm     | C43.5  | other-malignancy review                              | yes
    who    | C97    | other-malignancy review                              |
    who    | C44.3  | other-malignancy pass                                |
    who    | D05.1  | other-malignancy pass                                |
    who    | Z85.3  |                                                      |
    who    | Z85.0  | other-malignancy pass                                | yes
    local  | J91.0  | effusion review                                      | yes
    local  | C34.1  | other-malignancy review                              | yes
    local  | C79.32 | leptomeningeal review                                | yes
    local  | I10    |                                                      |
    local  | PLT    |                                                      |
           | M32.9  | rheumatologic review                                 | yes
    icpc   | F29    |                                                      |
    cm     | J91.0  | effusion fail                                        |
    cm     | C79.31 |                                                      |
""")
def test_what_a_second_diagnosis_says_to_the_exclusions(row: dict[str, str]) -> None:
    found = assessed(BREAST, coded(row["system"], row["code"]))
    assert weighing(found) == row["exclusions"]
    assert noted(found) == (row["noted"] == "yes")


# The cancer itself, and nothing else on record: confirmed, active.
@each_row("""
    system | code  | histology | other-malignancy
    who    | C50.9 | pass      | pass no_record
    gm     | C18.7 | pass      | pass no_record
    gm     | C50.- | pass      | pass no_record
    gm-old | C64   | pass      | pass no_record
    ch     | C61   | pass      | pass no_record
    who    | C15.1 | pass      | pass no_record
    who    | C65   | unknown   | pass no_record
    who    | C18.1 | unknown   | pass no_record
    who    | C34.1 | fail      | review
    who    | C80.0 | unknown   | pass no_record
    who    | C97   | unknown   | review
    local  | C50.9 | unknown   | review
           | C50.9 | unknown   | review
    icpc   | X76   | unknown no_record | pass no_record
""")
def test_what_the_cancer_itself_says(row: dict[str, str]) -> None:
    found = assessed(coded(row["system"], row["code"], verificationStatus=CONFIRMED))
    assert verdict(found, "histology") == row["histology"]
    assert verdict(found, "other-malignancy") == row["other-malignancy"]


# Spread, beside the breast cancer: what certainly is distant, in either edition.
@each_row("""
    system | code  | stage-iv
    who    | C78.7 | pass
    gm     | C79.3 | pass
    gm     | C79.5 | pass
    who    | C77.3 | unknown
    local  | C78.7 | unknown
""")
def test_what_is_metastatic(row: dict[str, str]) -> None:
    assert verdict(assessed(BREAST, coded(row["system"], row["code"])), "stage-iv") == row["stage-iv"]


# A coding of a mapped system in the same diagnosis is the surer: the other adds nothing.
def test_a_mapped_coding_beside_it_decides() -> None:
    brain = concept(ICD, "C79.31")
    brain["coding"].append({"system": SYSTEMS["who"], "code": "C79.3"})
    assert weighing(assessed(BREAST, condition(brain, "other", clinicalStatus=ACTIVE))) == ""


def test_an_ended_diagnosis_of_another_edition_stands_in_nobodys_way() -> None:
    resolved = {"coding": [{"code": "resolved"}]}
    assert weighing(assessed(BREAST, coded("who", "M32.1", clinicalStatus=resolved))) == "rheumatologic pass"


# Pregnancy is asked of a woman of 30; a history of hysterectomy in WHO coding (Z90.7, "genital organ") proves nothing.
@each_row("""
    system | code  | pregnancy
    cm     | Z33.1 | fail
    who    | Z33   | unknown
    who    | Z35.9 | fail
    who    | Z32.1 | unknown
    who    | Z90.7 | unknown no_record
    cm     | Z90.710 | pass
""")
def test_pregnancy(row: dict[str, str]) -> None:
    facts = read(patient(birthDate="1996-01-01"), coded(row["system"], row["code"], recordedDate="2026-10-02"))
    found = assess(catalog().trials["extend-op"], facts, date(2026, 11, 22))
    assert verdict(found, "pregnancy") == row["pregnancy"]


GERMAN = "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit"


def certainly(letter: str, code: str, **more: Any) -> dict[str, Any]:
    extension = [{"url": GERMAN, "valueCoding": {"code": letter}}] if letter else []
    coding = {"system": SYSTEMS["gm"], "code": code, "extension": extension}
    return condition({"coding": [coding]}, "other", recordedDate="2026-01-02", **more)


# German coding says with a letter how certain a diagnosis is: G certain, V suspected, Z state after, A excluded.
@each_row("""
    letter | status | histology of C50.9 | other-malignancy of C34.1
    G      | active | pass               | review
           | active | pass               | review
    V      | active | unknown            | review
    Z      |        | unknown            | review
    Z      | active | unknown            | review
    A      | active | unknown no_record  | pass no_record
""")
def test_german_certainty(row: dict[str, str]) -> None:
    status = {"clinicalStatus": ACTIVE} if row["status"] else {}
    alone = assessed(certainly(row["letter"], "C50.9", **status))
    beside = assessed(BREAST, certainly(row["letter"], "C34.1", **status))
    assert verdict(alone, "histology") == row["histology of C50.9"]
    assert verdict(beside, "other-malignancy") == row["other-malignancy of C34.1"]


def test_letters_that_disagree_leave_it_suspected() -> None:
    both = certainly("G", "C50.9", clinicalStatus=ACTIVE, extension=[{"url": GERMAN, "valueCode": "A"}])
    assert verdict(assessed(both), "histology") == "unknown"


def test_tissue_proof_beside_a_code_of_a_system_not_known_proves_no_other_cancer() -> None:
    histology = {"evidence": [{"code": [concept(SNOMED, "714797009")]}]}
    colon = condition(concept(ICD, "C18.7"), "colon", clinicalStatus=ACTIVE)
    liver = condition(concept(ICD, "C78.7"), "liver", clinicalStatus=ACTIVE)
    assert verdict(assessed(colon, liver, coded("local", "C43.9", **histology)), "stage-iv") == "unknown"
    assert verdict(assessed(colon | histology, liver), "stage-iv") == "pass"
