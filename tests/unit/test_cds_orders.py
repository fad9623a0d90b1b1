"""What is being ordered, from drafts as real clients send them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from fitting import LOINC, RXNORM, drafts, drug, scan
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.cds.orders import read_orders
from cds_service.screening.speaking import Ordering

Json = dict[str, Any]
NONE = Ordering()
IRINOTECAN, STAGING = Ordering(("irinotecan",)), Ordering(staging=True)


@cache
def catalog(site: str | None = None) -> Catalog:
    return load_catalog(site=site)


def read(draft_orders: Any, selections: Any = None, site: str | None = None) -> Ordering:
    raw = [Raw(json.dumps(value).encode()) for value in (draft_orders, selections)]
    return read_orders(raw[0], raw[1], "p", catalog(site))


def order(**parts: Any) -> Json:
    return {"resourceType": "ServiceRequest", "id": "o", "status": "draft", **parts}


def text(words: str) -> Json:
    return {"text": words}


ORDERS = [
    ("a drug by its ingredient's code", drug(), IRINOTECAN),
    ("a drug by its words", drug("x", "Irinotecan 20 mg/mL concentrate"), IRINOTECAN),
    ("a drug by its brand", drug(None, medicationCodeableConcept=text("Camptosar 180 mg/m2")), IRINOTECAN),
    (
        "a regimen by its name",
        drug(None, medicationCodeableConcept=text("FOLFIRI")),
        Ordering(("fluorouracil", "irinotecan")),
    ),
    ("no drug chosen yet", drug(None), NONE),
    ("no drug chosen yet, an empty concept", drug(None, medicationCodeableConcept={}), NONE),
    ("a supportive drug", drug("26225", "Ondansetron"), NONE),
    ("a drug of no cancer", drug("6809", "Metformin"), NONE),
    ("a category that is no list", drug(category={"text": "Community"}), IRINOTECAN),
    ("a drug in a list", drug(None, medicationCodeableConcept=[text("irinotecan")]), IRINOTECAN),
    ("a drug withdrawn", drug(status="cancelled"), NONE),
    ("a drug not to be given", drug(doNotPerform=True), NONE),
    ("a drug signed again", drug(status="active"), IRINOTECAN),
    ("a drug without a status", {k: v for k, v in drug().items() if k != "status"}, IRINOTECAN),
    ("a drug for somebody else", drug(subject={"reference": "Patient/other"}), NONE),
    ("a drug for the patient", drug(subject={"reference": "https://ehr.example/fhir/Patient/p"}), IRINOTECAN),
    ("a drug named by reference", drug(None, medicationReference={"display": "irinotecan"}), IRINOTECAN),
    (
        "a contained drug",
        drug(
            None,
            medicationReference={"reference": "#m"},
            contained=[
                {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RXNORM, "code": "51499"}]}}
            ],
        ),
        IRINOTECAN,
    ),
    ("a drug as R5 writes it", drug(None, medication={"concept": text("irinotecan")}), IRINOTECAN),
    ("an older kind of order", drug() | {"resourceType": "MedicationOrder"}, IRINOTECAN),
    (
        "a plan of treatment",
        {"resourceType": "CarePlan", "id": "c", "title": "FOLFIRI, cycle 1"},
        Ordering(("fluorouracil", "irinotecan")),
    ),
    ("a staging CT by code", scan(), STAGING),
    ("a staging CT by words", order(code=text("CT Chest/Abdomen/Pelvis with contrast")), STAGING),
    ("PET/CT by words", order(code=text("PET/CT whole body FDG")), STAGING),
    ("MR of the abdomen", order(code=text("MRI abdomen and pelvis")), STAGING),
    ("CT of the head", order(code=text("CT head without contrast")), NONE),
    ("a screening CT of the chest", order(code=text("CT chest low dose lung cancer screening")), NONE),
    ("a CT-guided biopsy", order(code=text("CT guided biopsy of liver")), NONE),
    ("a chest X-ray", order(code=text("XR chest 2 views")), NONE),
    ("a laboratory test", order(code={"coding": [{"system": LOINC, "code": "718-7"}]}), NONE),
    ("a drug level is no drug", order(code=text("Methotrexate level")), NONE),
    ("a code that is a number", order(code={"coding": [{"system": LOINC, "code": 5}]}), NONE),
]


@pytest.mark.parametrize(("sent", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_an_order(sent: Json, expected: Ordering) -> None:
    assert read(drafts(sent)) == expected
    assert read({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": sent}]}) == expected


def test_orders_without_their_bundle_are_read_too() -> None:
    assert read(drug()) == IRINOTECAN
    assert read([drug(), {"resource": scan()}]) == Ordering(("irinotecan",), staging=True)
    assert read({"entry": {"resource": drug()}}) == IRINOTECAN


SELECTIONS = [
    (["MedicationRequest/draft-drug"], IRINOTECAN),
    (["ServiceRequest/draft-scan"], STAGING),
    (["draft-scan"], STAGING),
    ([{"reference": "ServiceRequest/draft-scan"}], STAGING),
    ("ServiceRequest/draft-scan", STAGING),
    (["MedicationRequest/draft-drug", "ServiceRequest/draft-scan"], Ordering(("irinotecan",), staging=True)),
    ([], Ordering(("irinotecan",), staging=True)),
    (["NutritionOrder/elsewhere"], Ordering(("irinotecan",), staging=True)),
    ([None, 5, {"reference": 5}], Ordering(("irinotecan",), staging=True)),
    (None, Ordering(("irinotecan",), staging=True)),
]


@pytest.mark.parametrize(("selections", "expected"), SELECTIONS)
def test_the_selected_orders_count_where_any_is(selections: Any, expected: Ordering) -> None:
    assert read(drafts(drug(), scan()), selections) == expected


def test_a_site_has_words_of_its_own() -> None:
    sent = drafts(order(code=text("Start palliative Chemotherapy")), order(code=text("PET CT staging")))
    assert read(sent, site="example-hospital") == Ordering(therapy=True, staging=True)
    assert not read(drafts(order(code=text("Start palliative Chemotherapy")))).therapy


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda children: st.lists(children, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["resourceType", "entry", "resource", "id", "code", "coding", "text", "status", "subject", "reference",
             "medicationCodeableConcept", "medicationReference", "medication", "contained", "bodySite", "category"]
        ),
        children,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(json_values, json_values)
def test_nothing_a_client_sends_breaks_the_reading(draft_orders: Any, selections: Any) -> None:
    assert isinstance(read(draft_orders, selections), Ordering)


@pytest.mark.parametrize("raw", [b"[" * 5000, b'{"entry": [', b"\xff\xfe", b""])
def test_no_json_is_nothing(raw: bytes) -> None:
    assert read_orders(Raw(raw), Raw(b"null"), "p", catalog()) == NONE
