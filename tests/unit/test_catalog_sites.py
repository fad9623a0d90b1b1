"""A hospital's own codes and units, laid over the rest."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.quantities import Unusable, convert

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
LAB, PROBLEMS, RIS = (f"https://example.org/{name}" for name in ("lab", "problems", "ris"))


@pytest.fixture(scope="module")
def plain() -> Catalog:
    return load_catalog(MAPPINGS)


@pytest.fixture(scope="module")
def hospital() -> Catalog:
    return load_catalog(MAPPINGS, "example-hospital")


def test_a_local_code_stands_for_a_listed_one(plain: Catalog, hospital: Catalog) -> None:
    assert plain.lab_test(LAB, "PLT") is None
    assert hospital.lab_test(LAB, "PLT") == plain.lab_test("http://loinc.org", "777-3")


def test_a_local_code_has_a_meaning_of_its_own(plain: Catalog, hospital: Catalog) -> None:
    assert plain.meanings(PROBLEMS, "EFF-MAL") == ()
    found = hospital.meanings(PROBLEMS, "EFF-MAL")
    assert [(m.concept, m.group, m.use) for m in found] == [
        ("effusion", "MALIGNANT_EFFUSION", "exclude_unless_too_small")
    ]
    assert [m.use for m in hospital.meanings(RIS, "CTCAP")] == ["ct_chest+ct_abdomen+ct_pelvis"]


def test_a_local_spelling_of_a_system(plain: Catalog, hospital: Catalog) -> None:
    assert plain.meanings("urn:oid:1.2.3.4.5.6", "C18.9") == ()
    assert {m.group for m in hospital.meanings("urn:oid:1.2.3.4.5.6", "C18.9")} == {"CRC", "PRIMARY"}


def test_a_local_unit(plain: Catalog, hospital: Catalog) -> None:
    assert isinstance(convert(plain.analytes["platelets"], Decimal(26), "Tsd/\u00b5l"), Unusable)
    assert convert(hospital.analytes["platelets"], Decimal(26), "Tsd/\u00b5l") == 26000
    assert isinstance(convert(hospital.analytes["anc"], Decimal(26), "Tsd/\u00b5l"), Unusable)


def test_what_is_listed_stays(plain: Catalog, hospital: Catalog) -> None:
    assert hospital.meanings("http://snomed.info/sct", "94381002") == plain.meanings(
        "http://snomed.info/sct", "94381002"
    )


def test_the_site_says_whom_to_call(plain: Catalog, hospital: Catalog) -> None:
    assert plain.site is None
    assert hospital.site is not None
    assert hospital.site.contact.team == "EXTEND-OP study team"
    assert [order.about for order in hospital.site.orders if order.pattern.search("start folfox")] == [
        "systemic-therapy"
    ]
