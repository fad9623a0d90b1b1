"""What `mappings show` and `mappings coverage` tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.coverage import Met, Standing, coverage
from cds_service.catalog.loading import load_catalog
from cds_service.catalog.relevance import load_relevance
from cds_service.catalog.showing import concepts, show
from cds_service.domain.codes import Coding
from cds_service.errors import UsageError

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
LOINC, SCT, CM = "http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
WHO = "http://hl7.org/fhir/sid/icd-10"
RELEVANCE = load_relevance(MAPPINGS)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(MAPPINGS)


def test_a_concept_is_shown_with_codes_as_written_and_sources(catalog: Catalog) -> None:
    rows = show(catalog, "gilbert")
    assert [(row.code, row.use) for row in rows] == [
        ("E80.4", "bilirubin_exception"),
        ("27503000", "bilirubin_exception"),
        ("E80.6", "not_applicable"),
        ("E80.5", "not_applicable"),
    ]
    assert all(row.sources and row.where.startswith("concepts/gilbert.yaml:") for row in rows)


def test_an_analyte_is_shown_by_name(catalog: Catalog) -> None:
    assert "777-3" in {row.code for row in show(catalog, "platelets")}


def test_an_unknown_concept_names_those_there_are(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=r"no concept 'effusions'.*effusion, "):
        show(catalog, "effusions")


def test_every_row_cites_a_source(catalog: Catalog) -> None:
    assert [row for row in (*catalog.rows, *catalog.test_rows) if not any(row.sources)] == []


def test_no_descriptor_of_cpt_is_shipped(catalog: Catalog) -> None:
    rows = [row for row in catalog.rows if row.system.endswith("/cpt")]
    assert len(rows) > 60
    assert {meaning.display for row in rows for meaning in row.meanings} == {""}


def test_the_concepts_that_rules_ask_for(catalog: Catalog) -> None:
    asked = (
        "cancer-type primary-cancer secondary-site stage tissue-confirmation performance-status effusion leptomeningeal"
        " peritoneal-carcinomatosis cognitive-impairment marrow-involvement rheumatologic psychiatric-substance"
        " other-primary nodal-confounder gilbert liver-metastasis pregnancy breastfeeding childbearing lab-answer"
        " imaging-procedure imaging-modality lesion-observation disease-status lesion-response evidence-type"
        " tumor-morphology node-chain laterality body-site agent therapy-setting treatment-intent local-therapy"
        " stop-reason"
    )
    assert set(asked.split()) <= concepts(catalog).keys()


def met(resource: str, system: str, code: str, display: str = "", reference: str = "x/1") -> Met:
    return Met(resource, Coding(system, code, display), reference=reference)


CODES = [
    (met("Observation", LOINC, "777-3", "Platelets"), Standing.USED, "platelets (direct)"),
    (met("Condition", CM, "J91.0"), Standing.USED, "effusion: MALIGNANT_EFFUSION"),
    (met("Condition", CM, "C77.1"), Standing.AMBIGUOUS, "lymph_node:mediastinal or hilar"),
    (met("Condition", WHO, "J91"), Standing.AMBIGUOUS, "of WHO ICD-10 or a national edition of it, likely at most"),
    (met("Procedure", WHO, "J91"), Standing.OTHER, ""),
    (met("Condition", WHO, "C18.7"), Standing.USED, "cancer-type: CRC (yes)"),
    (met("Condition", "urn:oid:1.2.3", "J91.0"), Standing.AMBIGUOUS, "of a code system that is not known here"),
    (met("Condition", CM, "C65.1"), Standing.AMBIGUOUS, "cancer-type: RCC, UROTHELIAL"),
    (met("Observation", "http://local", "NEU", "Neutrophils abs"), Standing.UNMAPPED, "looks like neutrophils"),
    (met("Procedure", SCT, "241540006", "CT of liver"), Standing.UNMAPPED, "looks like a staging scan"),
    (
        met("Condition", "http://local", "X1", "Carcinoma of lung"),
        Standing.UNMAPPED,
        "looks like a cancer; read by its words only, so never certain",
    ),
    (met("Procedure", "http://local", "X2", "Chemotherapy"), Standing.UNMAPPED, "looks like systemic therapy; read by"),
    (met("Condition", SCT, "38341003", "Hypertension"), Standing.OTHER, ""),
    (met("Observation", LOINC, "8302-2", "Body height"), Standing.OTHER, ""),
    (met("Observation", LOINC, "20505-4", "Bilirubin in urine"), Standing.OTHER, "known not to be it"),
    (met("MedicationRequest", "http://local", "M1", "Capecitabine 500 mg"), Standing.USED, "agent: capecitabine"),
    (met("MedicationRequest", "http://local", "M2", "Zanidatamab"), Standing.UNMAPPED, "looks like an anticancer drug"),
]


@pytest.mark.parametrize(("item", "standing", "meaning"), CODES, ids=[item.coding.code for item, _, _ in CODES])
def test_what_is_known_of_a_code(catalog: Catalog, item: Met, standing: Standing, meaning: str) -> None:
    (row,) = coverage([item], catalog, RELEVANCE)
    assert row.standing is standing
    assert row.meaning.startswith(meaning) or meaning in row.meaning
    assert (row.count, row.example) == (1, "x/1")


def test_codes_are_counted_once_each_unmapped_first(catalog: Catalog) -> None:
    stream = [
        met("Observation", LOINC, "777-3", "Platelets", "Observation/1"),
        met("Observation", "urn:oid:2.16.840.1.113883.6.1", "777-3", "Plt", "Observation/2"),
        met("Observation", "http://local", "NEU", "Neutrophils", "Observation/3"),
        met("Observation", LOINC, "8302-2", "Body height", "Observation/4"),
        met("Observation", LOINC, "777-3", "Platelets", "Observation/5"),
    ]
    rows = coverage(stream, catalog, RELEVANCE)
    assert [(row.code, row.count, row.example) for row in rows] == [
        ("NEU", 1, "Observation/3"),
        ("777-3", 3, "Observation/1"),
        ("8302-2", 1, "Observation/4"),
    ]
