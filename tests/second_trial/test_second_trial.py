"""Trials are data: one of another disease, with other limits and no lesions, made of mapping files alone."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.checking import check
from cds_service.catalog.loading import load_catalog
from cds_service.cli import app
from cds_service.domain.assessments import as_json
from cds_service.domain.trials import assess
from cds_service.fhir.reading import read_patient

OWN = Path(__file__).parent / "mappings"
SHIPPED = Path(__file__).resolve().parents[2] / "mappings"
TODAY = date(2026, 11, 22)
LOINC, ICD, UCUM = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm", "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped mappings with the files of the second trial beside them."""
    laid = tmp_path_factory.mktemp("mappings")
    shutil.copytree(SHIPPED, laid, dirs_exist_ok=True)
    shutil.copytree(OWN, laid, dirs_exist_ok=True)
    return laid


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Catalog:
    return load_catalog(folder)


def concept(system: str, code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}], "text": text}


def condition(ref: str, code: str, text: str, status: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": ref,
        "subject": {"reference": "Patient/p"},
        "clinicalStatus": concept(CLINICAL, status),
        "verificationStatus": concept(VERIFICATION, "confirmed"),
        "code": concept(ICD, code, text),
        **more,
    }


def observation(ref: str, code: str, on: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": ref,
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "code": concept(LOINC, code),
        "effectiveDateTime": on,
        **more,
    }


def lab(
    ref: str, code: str, value: float, unit: str, on: str = "2026-11-20", high: float | None = None
) -> dict[str, Any]:
    amount = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    limits = {"referenceRange": [{"high": {"value": high, "unit": unit, "system": UCUM, "code": unit}}]} if high else {}
    return observation(ref, code, on, valueQuantity=amount, **limits)


def drug(ref: str, name: str, start: str, end: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": ref,
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "medicationCodeableConcept": {"text": name},
        "effectivePeriod": {"start": start, "end": end},
    }


FITTING = {
    "patient": {"resourceType": "Patient", "id": "p", "birthDate": "2000-01-31", "gender": "male"},
    "lung": condition("lung", "C34.11", "Lung cancer", recordedDate="2026-01-10"),
    "brain": condition("brain", "C79.31", "Brain metastasis", recordedDate="2026-01-12"),
    "ecog": observation("ecog", "89247-1", "2026-11-08", valueInteger=1),
    "wbc": lab("wbc", "6690-2", 3.0, "10*3/uL"),
    "platelets": lab("platelets", "777-3", 100, "10*3/uL"),
    "alt": lab("alt", "1742-6", 100, "U/L", high=40),
    "carboplatin": drug("carboplatin", "carboplatin", "2026-02-01", "2026-05-01"),
}
EXPECTED = {
    "alive": "pass",
    "age": "pass",
    "metastatic": "pass",
    "type": "pass",
    "performance": "pass",
    "leukocytes": "pass",
    "platelets": "pass",
    "liver-enzyme": "pass",
    "willing": "review",
    "lung-disease": "pass",
    "lines": "pass",
    "other-cancer": "pass",
}


def judged(
    catalog: Catalog, record: dict[str, dict[str, Any] | None], day: date = TODAY, trial: str = "lung-melanoma"
) -> dict[str, Any]:
    """The assessment of the fitting patient with some resources put in, exchanged or taken out (None)."""
    found = [resource for resource in {**FITTING, **record}.values() if resource is not None]
    facts = read_patient([json.dumps(resource).encode() for resource in found], catalog)
    return as_json(assess(catalog.trials[trial], facts, day))


def verdicts(assessment: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in assessment["criteria"]}


def test_the_files_have_no_mistake_and_the_shipped_trial_is_still_there(folder: Path, catalog: Catalog) -> None:
    assert check(folder) == []
    assert set(catalog.trials) == {"extend-op", "lung-melanoma"}
    assert not list(OWN.rglob("*.py"))


def test_a_patient_at_every_limit_is_a_candidate(catalog: Catalog) -> None:
    found = judged(catalog, {})
    assert verdicts(found) == EXPECTED
    assert found["status"] == "candidate"
    assert found["trial"] == "lung-melanoma"
    assert (found["lesions"]["count_max"], found["imaging"]) == (0, {})
    # ECOG of 8 November is good for 14 days; the labs of the 20th for 7.
    assert found["window"] == {"opens": "2026-11-22", "closes": "2026-11-22"}
    assert found["next_change"] == "2026-11-23"


DIFFERENT = [
    # what is different, the criterion it moves, its verdict, the status
    ({"patient": {**FITTING["patient"], "birthDate": "2005-11-22"}}, "age", "pass", "candidate"),
    ({"patient": {**FITTING["patient"], "birthDate": "2005-11-23"}}, "age", "fail", "ineligible"),
    ({"ecog": observation("ecog", "89247-1", "2026-11-20", valueInteger=2)}, "performance", "fail", "ineligible"),
    ({"ecog": observation("ecog", "89247-1", "2026-11-07", valueInteger=1)}, "performance", "unknown", "possible"),
    ({"ecog": observation("ecog", "89243-0", "2026-11-20", valueInteger=80)}, "performance", "pass", "candidate"),
    ({"ecog": observation("ecog", "89243-0", "2026-11-20", valueInteger=70)}, "performance", "unknown", "possible"),
    ({"ecog": observation("ecog", "89243-0", "2026-11-20", valueInteger=60)}, "performance", "fail", "ineligible"),
    ({"wbc": lab("wbc", "6690-2", 2.99, "10*3/uL")}, "leukocytes", "fail", "ineligible"),
    ({"wbc": lab("wbc", "6690-2", 20, "10*3/uL")}, "leukocytes", "pass", "candidate"),
    ({"wbc": lab("wbc", "6690-2", 20.1, "10*3/uL")}, "leukocytes", "fail", "ineligible"),
    ({"wbc": lab("wbc", "6690-2", 3.0, "10*3/uL", on="2026-11-15")}, "leukocytes", "pass", "candidate"),
    ({"wbc": lab("wbc", "6690-2", 3.0, "10*3/uL", on="2026-11-14")}, "leukocytes", "unknown", "possible"),
    ({"platelets": lab("platelets", "777-3", 99, "10*3/uL")}, "platelets", "fail", "ineligible"),
    ({"alt": lab("alt", "1742-6", 101, "U/L", high=40)}, "liver-enzyme", "fail", "ineligible"),
    (
        {"alt": lab("alt", "1742-6", 101, "U/L", high=40), "liver": condition("liver", "C78.7", "Liver metastasis")},
        "liver-enzyme",
        "fail",
        "ineligible",
    ),
    ({"lung": condition("lung", "C43.5", "Melanoma of trunk")}, "type", "pass", "candidate"),
    ({"lung": condition("lung", "C80.1", "Primary not known")}, "type", "unknown", "possible"),
    ({"ild": condition("ild", "J84.112", "Pulmonary fibrosis")}, "lung-disease", "fail", "ineligible"),
    ({"ild": condition("ild", "J84.112", "Suspected fibrosis")}, "lung-disease", "review", "candidate"),
    ({"ild": condition("ild", "J84.9", "Interstitial disease")}, "lung-disease", "review", "candidate"),
    ({"ild": condition("ild", "J84.112", "Fibrosis", status="resolved")}, "lung-disease", "pass", "candidate"),
    ({"ild": condition("ild", "J70.1", "Radiation fibrosis")}, "lung-disease", "pass", "candidate"),
    ({"second": drug("second", "docetaxel", "2026-08-01", "2026-09-01")}, "lines", "fail", "ineligible"),
    ({"colon": condition("colon", "C18.7", "Colon cancer")}, "other-cancer", "review", "candidate"),
    ({"colon": condition("colon", "Z85.038", "History of colon cancer")}, "other-cancer", "pass", "candidate"),
    (
        {"colon": condition("colon", "C18.7", "Colon cancer", status="resolved", abatementDateTime="2023-11-21")},
        "other-cancer",
        "pass",
        "candidate",
    ),
    (
        {"colon": condition("colon", "C18.7", "Colon cancer", status="resolved", abatementDateTime="2023-11-22")},
        "other-cancer",
        "review",
        "candidate",
    ),
]


@pytest.mark.parametrize(("record", "criterion", "verdict", "status"), DIFFERENT)
def test_each_limit_is_its_own(
    catalog: Catalog, record: dict[str, Any], criterion: str, verdict: str, status: str
) -> None:
    found = judged(catalog, record)
    assert verdicts(found) == {**EXPECTED, criterion: verdict}
    assert found["status"] == status


def test_a_type_of_the_other_trial_is_another_cancer_here(catalog: Catalog) -> None:
    colon = {"lung": condition("lung", "C18.7", "Colon cancer")}
    assert verdicts(judged(catalog, colon)) == {**EXPECTED, "type": "fail", "other-cancer": "review"}


def test_a_code_may_name_types_of_two_trials(folder: Path, tmp_path: Path) -> None:
    """The renal pelvis is open for urothelial cancer in one trial, and the type of another."""
    laid = tmp_path / "mappings"
    shutil.copytree(folder, laid)
    row = "{system: icd10cm, code: 'C65', display: 'Renal pelvis', group: LUNG, use: 'yes', shared: true, source: [cm]}"
    added = laid / "concepts" / "pelvis.yaml"
    added.write_text(
        f"concept: cancer-type\nabout: added\nsources: {{cm: 'ICD-10-CM'}}\nrows:\n- {row}\n", encoding="utf-8"
    )
    both = load_catalog(laid)
    record = {"lung": condition("lung", "C65", "Cancer of the renal pelvis")}
    assert verdicts(judged(both, record))["type"] == "pass"
    assert verdicts(judged(both, record, trial="extend-op"))["histology"] == "unknown"


def test_a_morphology_that_is_no_type_of_one_trial_may_be_one_of_another(catalog: Catalog) -> None:
    morphology = {
        "url": MORPHOLOGY,
        "valueCodeableConcept": concept("http://terminology.hl7.org/CodeSystem/icd-o-3", "8720/3"),
    }
    melanoma = {"lung": condition("lung", "C43.5", "Melanoma of trunk", extension=[morphology])}
    assert verdicts(judged(catalog, melanoma)) == EXPECTED
    assert verdicts(judged(catalog, melanoma, trial="extend-op"))["histology"] == "fail"


def test_the_types_of_the_second_trial_change_nothing_for_the_first(catalog: Catalog) -> None:
    shipped = load_catalog(SHIPPED)
    for code in ("C34.11", "C43.5", "C18.7", "C18.1", "C65.1", "C80.1"):
        record = {"lung": condition("lung", code, "A cancer")}
        with_both = verdicts(judged(catalog, record, trial="extend-op"))
        assert with_both == verdicts(judged(shipped, record, trial="extend-op")), code


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_it_can_be_asked_for_on_the_command_line(folder: Path, tmp_path: Path, form: str) -> None:
    source = tmp_path / "patient.json"
    source.write_text(json.dumps(list(FITTING.values())), encoding="utf-8")
    asked = ["evaluate", str(source), "--trial", "lung-melanoma", "--as-of", "2026-11-22", "--format", form]
    result = CliRunner().invoke(app, asked, env={"CDS_MAPPINGS_DIR": str(folder)})
    assert result.exit_code == 0, result.output
    assert "candidate" in result.output.lower()
    assert "second biopsy" in result.output
    assert "EXTEND-OP" not in result.output
