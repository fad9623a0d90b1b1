"""What a code, a text, a name, a laboratory code means."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.catalog.lookups import fold
from cds_service.domain.codes import MeaningBasis, of_concept
from cds_service.domain.quantities import Unusable, convert

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
CM = "http://hl7.org/fhir/sid/icd-10-cm"
SCT = "http://snomed.info/sct"
LOINC = "http://loinc.org"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(MAPPINGS)


@pytest.mark.parametrize(
    ("code", "concept", "group", "use"),
    [
        ("C25", "cancer-type", "PANCREAS", "yes"),
        ("C25.9", "cancer-type", "PANCREAS", "yes"),
        ("C25.4", "cancer-type", "PANCREAS", "review"),
        ("C254", "cancer-type", "PANCREAS", "review"),
        ("c25.4", "cancer-type", "PANCREAS", "review"),
        ("C18.1", "cancer-type", "CRC", "review"),
        ("C18.10", "cancer-type", "CRC", "review"),
        ("C34.11", "primary-cancer", "PRIMARY", "primary"),
        ("C7A.8", "primary-cancer", "PRIMARY", "primary"),
        ("C80.1", "primary-cancer", "UNKNOWN_PRIMARY", "unknown-primary"),
        ("C76.2", "primary-cancer", "ILL_DEFINED", "ill-defined"),
        ("C79.51", "primary-cancer", "SECONDARY", "secondary"),
        ("C7B.02", "primary-cancer", "SECONDARY", "secondary"),
        ("D05.1", "primary-cancer", "IN_SITU", "in-situ"),
        ("Z85.3", "primary-cancer", "HISTORY", "history"),
        ("M31.3", "rheumatologic", "RHEUM", "flag_review_if_active"),
        ("M31", "rheumatologic", "RHEUM", "flag_review_if_active"),
        ("M31.1", "rheumatologic", "RHEUM_NOT", "not_applicable"),
        ("F10.20", "psychiatric-substance", "SUBSTANCE", "flag_review"),
        ("F10.21", "psychiatric-substance", "SUBSTANCE_REMISSION", "flag_info"),
        ("F17.210", "psychiatric-substance", "SUBSTANCE_NOT", "not_applicable"),
        ("C77.5", "secondary-site", "lymph_node:iliac", "nodal"),
        ("C78.6", "peritoneal-carcinomatosis", "PERITONEAL_CARCINOMATOSIS", "exclude_review"),
        ("C79.32", "leptomeningeal", "LEPTOMENINGEAL", "exclude"),
    ],
)
def test_the_longest_prefix_wins_within_a_concept(
    catalog: Catalog, code: str, concept: str, group: str, use: str
) -> None:
    found = of_concept(catalog.meanings(CM, code), concept)
    assert [(meaning.group, meaning.use) for meaning in found] == [(group, use)]


@pytest.mark.parametrize("code", ["C97", "D08", "C27.1", "B18", "I10", ""])
def test_a_code_outside_every_range_means_nothing(catalog: Catalog, code: str) -> None:
    assert of_concept(catalog.meanings(CM, code), "primary-cancer") == ()


def test_an_unlisted_snomed_code_means_nothing(catalog: Catalog) -> None:
    assert catalog.meanings(SCT, "38341003") == ()


def test_a_prefix_of_a_snomed_code_means_nothing(catalog: Catalog) -> None:
    assert catalog.meanings(SCT, "94381002") != ()
    assert catalog.meanings(SCT, "9438100") == ()
    assert catalog.meanings(SCT, "943810021") == ()


@pytest.mark.parametrize(
    "system",
    [
        "http://snomed.info/sct",
        "http://snomed.info/sct/",
        "https://snomed.info/sct",
        "urn:oid:2.16.840.1.113883.6.96",
        "http://snomed.info/sct/731000124108",
        "http://snomed.info/sct/11000172109/version/20250315",
        "http://snomed.info/sct|http://snomed.info/sct/900000000000207008",
    ],
)
def test_every_spelling_of_a_system_is_the_system(catalog: Catalog, system: str) -> None:
    assert catalog.system(system) == SCT
    assert of_concept(catalog.meanings(system, "94381002"), "secondary-site")[0].group == "liver"


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("http://radlex.org/", "http://radlex.org"),
        ("http://radlex.org", "http://radlex.org"),
        ("urn:oid:2.16.840.1.113883.6.43.1", "http://terminology.hl7.org/CodeSystem/icd-o-3"),
        ("urn:oid:2.16.840.1.113883.6.1", LOINC),
        ("urn:oid:2.16.840.1.113883.6.90", CM),
        ("http://hospital.example/local", "http://hospital.example/local"),
        ("http://snomed.info/sctx", "http://snomed.info/sctx"),
    ],
)
def test_aliases(catalog: Catalog, spelling: str, canonical: str) -> None:
    assert catalog.system(spelling) == canonical


@pytest.mark.parametrize(
    ("code", "use"),
    [("4", "stage-iv"), ("IVA", "stage-iv"), ("pIVB", "stage-iv"), ("Stage 4", "stage-iv"), ("c3A", "stage-i-iii"),
     ("IIIC", "stage-i-iii"), ("cM1", "m1"), ("pM1a(1)", "m1"), ("cM0", "m0")],
)  # fmt: skip
def test_ajcc_codes_in_any_spelling(catalog: Catalog, code: str, use: str) -> None:
    assert [meaning.use for meaning in catalog.meanings("http://cancerstaging.org", code)] == [use]


@pytest.mark.parametrize("code", ["5", "X", "IVZZ", "TX", "V"])
def test_ajcc_codes_that_are_no_stage(catalog: Catalog, code: str) -> None:
    assert catalog.meanings("http://cancerstaging.org", code) == ()


def test_a_morphology_alone_names_no_type(catalog: Catalog) -> None:
    found = of_concept(catalog.meanings("http://terminology.hl7.org/CodeSystem/icd-o-3", "8140/3"), "cancer-type")
    assert {meaning.use for meaning in found} == {"morphology"}
    assert {meaning.group for meaning in found} == {"CRC", "RCC", "BREAST", "PANCREAS", "PROSTATE", "ESOPHAGUS"}


def test_no_row_of_a_secondary_cancer_speaks_of_another_type(catalog: Catalog) -> None:
    assert {m.use for m in of_concept(catalog.meanings(CM, "C79.81"), "cancer-type")} == {"secondary"}


def test_hierarchy_roots_are_shown_but_never_looked_up(catalog: Catalog) -> None:
    roots = [row for row in catalog.rows if row.concept == "hierarchy-root"]
    assert len(roots) == 36
    assert all(not of_concept(catalog.meanings(row.system, row.code), "hierarchy-root") for row in roots)


@pytest.mark.parametrize("code", [None, ""])
def test_nothing_in_nothing_out(catalog: Catalog, code: str | None) -> None:
    assert catalog.meanings(SCT, code) == ()
    assert catalog.meanings(None, "94381002") == ()
    assert catalog.lab_test(LOINC, code) is None
    assert catalog.words("") == ()
    assert catalog.agents_named("") == ()


WORDS = [
    ("Malignant pleural effusion", {"effusion", "malignant-text"}),
    ("Pleural effusion, no evidence of malignancy", {"effusion"}),
    ("No evidence of pleural effusion", set()),
    ("No ascites but pleural effusion", {"effusion"}),
    ("Family history of breast cancer", set()),
    ("History of alcohol abuse", set()),
    ("Screening for malignant neoplasm of colon", set()),
    ("Breast cancer screening", set()),
    ("Malignant tumor ruled out", set()),
    ("Non-Hodgkin lymphoma", {"malignant-text"}),
    ("Non-malignant lesion", set()),
    ("Benign neoplasm of colon", set()),
    ("Malig\u200bnant mel\u200banoma", {"malignant-text"}),
    ("LEPTOMENINGEAL disease", {"leptomeningeal"}),
    ("Peritoneal carcinomatosis", {"peritoneal-carcinomatosis", "malignant-text"}),
    ("Alzheimer's disease", {"cognitive-impairment"}),
    ("Systemic lupus erythematosus", {"rheumatologic"}),
    ("Paranoid schizophrenia", {"psychiatric-substance"}),
    ("Depression", set()),
    ("Tobacco use", set()),
    ("Chronic kidney disease stage 4", set()),
    ("Stage 3 pressure ulcer", set()),
    ("Stage IV", {"stage"}),
    ("Essential hypertension", set()),
    ("Sarcoidosis", {"nodal-confounder"}),
    ("SBRT to a lung metastasis", {"local-therapy", "malignant-text"}),
]


@pytest.mark.parametrize(("text", "concepts"), WORDS, ids=[text for text, _ in WORDS])
def test_words(catalog: Catalog, text: str, concepts: set[str]) -> None:
    found = catalog.words(text)
    assert {meaning.concept for meaning in found} == concepts
    assert all(meaning.basis is MeaningBasis.TEXT for meaning in found)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("Left axillary lymph node", {"axillary", "unspecified"}),
        ("Liver, segment 7", {"liver"}),
        ("gallbladder", set()),
        ("hepatic hilar node", {"liver", "mesenteric", "unspecified"}),
        ("left common iliac node", {"iliac", "unspecified"}),
        ("iliac bone", {"ilium", "bone"}),
    ],
)
def test_places(catalog: Catalog, text: str, groups: set[str]) -> None:
    assert {meaning.group for meaning in catalog.places(text)} == groups


def test_a_place_is_not_read_from_a_diagnosis(catalog: Catalog) -> None:
    assert catalog.words("Fatty liver") == ()


@pytest.mark.parametrize(
    ("text", "agents"),
    [
        ("PACLitaxel protein-bound 100 MG Injection", ["paclitaxel protein-bound"]),
        ("Paclitaxel 6 MG/ML", ["paclitaxel"]),
        ("fam-trastuzumab deruxtecan-nxki 100 MG", ["trastuzumab deruxtecan"]),
        ("trastuzumab-dkst", ["trastuzumab"]),
        ("Fruquintinib 5 mg capsule", ["fruquintinib"]),
        ("Xtandi 40 mg", ["enzalutamide"]),
        ("5-FU and oxaliplatin", ["fluorouracil", "oxaliplatin"]),
        ("metformin 500 mg", []),
        ("cisplatinum-like", []),
    ],
)
def test_agents_by_name(catalog: Catalog, text: str, agents: list[str]) -> None:
    assert [meaning.group for meaning in catalog.agents_named(text)] == agents


@pytest.mark.parametrize(
    ("code", "analyte", "use"),
    [
        ("777-3", "platelets", "direct"),
        ("13056-7", "platelets", "caution"),
        ("751-8", "anc", "direct"),
        ("770-8", "neutrophil-percent", "calc_percent"),
        ("26505-8", "neutrophil-percent", "segmented_percent"),
        ("764-1", "neutrophil-percent", "band_percent"),
        ("74398-9", "anc", "ignore"),
        ("59260-0", "hemoglobin", "direct_molar"),
        ("2118-8", "pregnancy-test", "qual_serum"),
        ("19080-1", "hcg", "quant_serum"),
    ],
)
def test_laboratory_codes(catalog: Catalog, code: str, analyte: str, use: str) -> None:
    test = catalog.lab_test(LOINC, code)
    assert test is not None
    assert (test.analyte, test.use) == (analyte, use)
    assert catalog.lab_test("urn:oid:2.16.840.1.113883.6.1", code) == test


AMOUNTS = [
    # analyte, value, unit, code, in the analyte's own unit (None: not usable)
    ("bilirubin-total", "25.65", "umol/L", None, "1.5"),
    ("bilirubin-total", "51.3", "umol/L", None, "3"),
    ("bilirubin-total", "25.66", "umol/L", None, "1.500584795"),
    ("bilirubin-direct", "17.1", "umol/L", None, "1"),
    ("bilirubin-total", "1.5", "mg/dL", None, "1.5"),
    ("bilirubin-total", "1.5", "g/dL", None, None),
    ("anc", "0.5", "10*9/L", None, "500"),
    ("anc", "0.5", "G/L", None, "500"),
    ("anc", "0.5", "K/uL", None, "500"),
    ("anc", "500", "{cells}/uL", None, "500"),
    ("anc", "500", "cells/mcL", None, "500"),
    ("anc", "3000", "10*3/uL", None, None),
    ("anc", "500", "g/dL", None, None),
    ("platelets", "26", "x10(9)/L", None, "26000"),
    ("platelets", "25", "Thou/uL", None, "25000"),
    ("platelets", "26", "/uL", None, None),
    ("wbc", "4.2", "k/cumm", None, "4200"),
    ("hemoglobin", "70", "g/L", None, "7"),
    ("hemoglobin", "7", "g/dL", None, "7"),
    ("hemoglobin", "5", "mmol/L", None, None),
    ("hemoglobin", "5", "mmol/L", f"{LOINC}|59260-0", "8.057"),
    ("hemoglobin", "2", "mmol/L", f"{LOINC}|59260-0", None),
    ("hemoglobin", "15", "mmol/L", f"{LOINC}|59260-0", None),
    ("hemoglobin", "5", "mmol/L", f"{LOINC}|718-7", None),
    ("neutrophil-percent", "0.4", "1", None, "40"),
    ("neutrophil-percent", "40", "1", None, None),
    ("neutrophil-percent", "40", "%", None, "40"),
    ("ast", "1", "ukat/L", None, "60"),
    ("ast", "40", "IU/L", None, "40"),
    ("hcg", "5", "m[IU]/mL", None, "5"),
    ("lesion-size", "1.5", "cm", None, "15"),
    ("lesion-size", "1.5", "g", None, None),
]


@pytest.mark.parametrize(("analyte", "value", "unit", "code", "expected"), AMOUNTS)
def test_amounts(catalog: Catalog, analyte: str, value: str, unit: str, code: str | None, expected: str | None) -> None:
    found = convert(catalog.analytes[analyte], Decimal(value), unit, code)
    if expected is None:
        assert isinstance(found, Unusable)
    else:
        assert isinstance(found, Decimal)
        assert round(found, 9) == Decimal(expected)


def test_1_5_mg_of_bilirubin_is_exact(catalog: Catalog) -> None:
    assert convert(catalog.analytes["bilirubin-total"], Decimal("25.65"), "umol/L") == Decimal("1.5")


def test_folding() -> None:
    assert fold("  Mal\u00adig\u200bNANT\u00a0 \n Tumor ") == "malignant tumor"
