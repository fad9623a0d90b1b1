"""Laboratory results read from Observations as EHRs write them."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import Answer, Comparator, LabResult, PatientFacts, Sex
from cds_service.fhir.extract.ranges import parse_range
from cds_service.fhir.reading import read_patient

UCUM = "http://unitsofmeasure.org"
PLATELETS = "777-3"
AST = "1920-8"
SERUM_TEST = "2118-8"
HCG = "19080-1"
MOLAR_HCG = "2119-6"


@cache
def catalog() -> Catalog:
    return load_catalog()


def read(*resources: dict[str, Any]) -> PatientFacts:
    person = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-01-01"}
    return read_patient([person, *resources], catalog())


def observation(
    code: str = PLATELETS, *, ref: str = "o1", on: str | None = "2026-11-10", **more: Any
) -> dict[str, Any]:
    body = {
        "resourceType": "Observation",
        "id": ref,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": "a test"},
    }
    return body | ({"effectiveDateTime": on} if on else {}) | more


def quantity(value: float | str, unit: str | None = "10*3/uL", *, coded: bool = True, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"value": value}
    if unit:
        body |= {"system": UCUM, "code": unit} if coded else {"unit": unit}
    return body | more


def only(*resources: dict[str, Any]) -> LabResult:
    (found,) = read(*resources).labs
    return found


def test_a_quantity_is_read_in_the_analytes_unit() -> None:
    found = only(observation(valueQuantity=quantity(26)))
    assert (found.analyte, found.value, found.unit, str(found.date)) == (
        "platelets",
        Decimal(26000),
        "/uL",
        "2026-11-10",
    )
    assert found.evidence.reference == "Observation/o1"
    assert found.evidence.text == "a test 26 10*3/uL"
    assert not found.derived


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (quantity(26, "K/uL", coded=False), Decimal(26000)),
        (quantity(26, "foo"), None),
        (quantity(26, None), None),
        ({"value": 26, "code": "10*3/uL", "unit": "/uL"}, None),
        ({"value": 26, "code": "10*3/uL", "unit": "K/uL"}, Decimal(26000)),
        ({"value": 26, "code": "local", "unit": "K/uL"}, Decimal(26000)),
        ({"code": "10*3/uL"}, None),
        (quantity(26, comparator="~"), None),
        (quantity("NaN"), None),
    ],
)
def test_the_unit_is_never_guessed(amount: dict[str, Any], value: Decimal | None) -> None:
    found = only(observation(valueQuantity=amount))
    assert found.value == value
    assert (found.problem is None) == (value is not None)


def test_a_sign_is_kept() -> None:
    assert only(observation(valueQuantity=quantity(26, comparator="<"))).comparator is Comparator.LESS


@pytest.mark.parametrize(
    ("text", "value", "sign"),
    [
        ("26 10*3/uL", Decimal(26000), None),
        ("26K/uL", Decimal(26000), None),
        ("<26 10*3/uL", Decimal(26000), Comparator.LESS),
        (">= 26.5 10*3/uL", Decimal(26500), Comparator.AT_LEAST),
        ("26", None, None),
        ("26,5 10*3/uL", None, None),
        ("about 26 10*3/uL", None, None),
        ("26 10*3/uL (clumped)", None, None),
        ("clumped", None, None),
    ],
)
def test_a_string_is_read_only_when_it_is_a_number_and_a_unit(
    text: str, value: Decimal | None, sign: Comparator | None
) -> None:
    found = only(observation(valueString=text))
    assert (found.value, found.comparator if value else None) == (value, sign)
    assert found.derived or value is None


def test_the_last_digits_of_a_bare_number_are_no_unit() -> None:
    problem = "its value is text that is not exactly a number and a unit"
    assert [only(observation(valueString=text)).problem for text in ("26", "26.5")] == [problem, problem]


def test_a_bare_integer_has_no_unit() -> None:
    assert only(observation(valueInteger=26000)).value is None


def test_an_absent_value_says_why() -> None:
    found = only(observation(dataAbsentReason={"coding": [{"code": "error"}]}))
    assert (found.value, found.problem) == (None, "no value: error")


def test_the_day_of_issue_stands_in_and_is_said() -> None:
    found = only(observation(on=None, issued="2026-11-11T23:30:00-06:00", valueQuantity=quantity(26)))
    assert (str(found.date), found.note) == ("2026-11-11", "dated by its day of issue")


def test_a_result_without_any_date_is_kept_undated() -> None:
    assert only(observation(on=None, valueQuantity=quantity(26))).date is None


def test_a_period_stands_for_all_its_days() -> None:
    period = {"start": "2026-11-09", "end": "2026-11-11"}
    found = only(observation(on=None, effectivePeriod=period, valueQuantity=quantity(26)))
    assert found.date is not None
    assert (found.date.earliest.day, found.date.latest.day) == (9, 11)


def test_a_preliminary_result_is_marked() -> None:
    assert only(observation(status="preliminary", valueQuantity=quantity(26))).preliminary


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_what_does_not_hold_is_no_result(status: str) -> None:
    assert read(observation(status=status, valueQuantity=quantity(26))).labs == ()


def test_codes_that_look_alike_are_left_out() -> None:
    assert read(observation("20505-4", valueQuantity=quantity(2, "mg/dL"))).labs == ()
    assert read(observation("4548-4", valueQuantity=quantity(7, "%"))).labs == ()


def test_any_coding_may_carry_the_code() -> None:
    code = {"coding": [{"system": "urn:local", "code": "PLT"}, {"system": "http://loinc.org", "code": PLATELETS}]}
    assert only(observation(valueQuantity=quantity(26)) | {"code": code}).value == 26000


def test_components_of_a_panel_are_results_of_one_draw() -> None:
    def component(code: str, amount: dict[str, Any]) -> dict[str, Any]:
        return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": amount}

    panel = observation("58410-2", component=[component("6690-2", quantity(2)), component("770-8", quantity(40, "%"))])
    found = {result.analyte: result for result in read(panel).labs}
    assert found.keys() == {"wbc", "neutrophil-percent"}
    assert found["wbc"].collections & found["neutrophil-percent"].collections


def test_members_of_a_panel_take_its_date_where_they_have_none() -> None:
    panel = observation("58410-2", ref="panel", hasMember=[{"reference": "Observation/plt"}])
    member = observation(ref="plt", on=None, valueQuantity=quantity(26))
    dated = [result for result in read(panel, member).labs if result.date is not None]
    assert [(str(result.date), result.evidence.reference) for result in dated] == [("2026-11-10", "Observation/plt")]


def test_contained_observations_are_not_results() -> None:
    inside = observation(ref="inner", valueQuantity=quantity(26))
    panel = observation("58410-2", contained=[inside], hasMember=[{"reference": "#inner"}])
    assert read(panel).labs == ()


def test_draws_are_told_apart_by_time_and_specimen() -> None:
    tube = {"reference": "Specimen/s1"}
    one, two, three = read(
        observation(ref="a", on="2026-11-10T08:00:00Z", specimen=tube, valueQuantity=quantity(26)),
        observation(ref="b", on="2026-11-10T09:00:00Z", specimen=tube, valueQuantity=quantity(26)),
        observation(ref="c", on="2026-11-10T10:00:00Z", valueQuantity=quantity(26)),
    ).labs
    assert one.collections & two.collections
    assert not one.collections & three.collections


# --- reference ranges -------------------------------------------------------------------------------


def highs(*ranges: dict[str, Any], unit: str = "U/L") -> list[Decimal | None]:
    found = only(observation(AST, valueQuantity=quantity(30, unit), referenceRange=list(ranges)))
    return [item.high for item in found.ranges]


def test_a_range_is_read_in_the_analytes_unit() -> None:
    assert highs({"high": quantity(40, "U/L")}) == [40]
    assert highs({"high": {"value": 40}}) == [40]
    assert highs({"high": quantity("0.7", "ukat/L")}) == [42]
    assert highs({"high": quantity(40, "foo")}) == []
    assert highs({"high": {"value": 1}}, unit="ukat/L") == [60]
    assert highs({"high": quantity("1E999999", "ukat/L")}, {"high": quantity("1E-999999", "U/L")}) == []


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("0 - 40", "0", "40", None),
        ("0-40 U/L", "0", "40", "U/L"),
        ("(0-40U/L)", "0", "40", "U/L"),
        ("150 - 400 10*3/uL", "150", "400", "10*3/uL"),
        ("0.0 - 0.3", "0.0", "0.3", None),
        ("(10 - 40)", "10", "40", None),
        ("<= 40", None, "40", None),
        ("< 40", None, "40", None),
        ("\u2264 40", None, "40", None),
        ("up to 40", None, "40", None),
        ("10 to 40", "10", "40", None),
        ("10\u201340", "10", "40", None),
        ("40", None, None, None),
        ("> 40", None, None, None),
        ("40 - 10", None, None, None),
        ("M 0-50, F 0-40", None, None, None),
        ("normal", None, None, None),
        ("0 - 40 - 60", None, None, None),
    ],
)
def test_a_range_in_words(text: str, low: str | None, high: str | None, unit: str | None) -> None:
    expected = (Decimal(low) if low else None, Decimal(high) if high else None, unit)
    assert parse_range(text) == expected


def test_a_range_in_words_is_used_where_no_limits_are_given() -> None:
    assert highs({"text": "0 - 40"}) == [40]
    assert highs({"text": "0 - 40", "high": quantity(50, "U/L")}) == [50]


def test_for_whom_a_range_is() -> None:
    women = {"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": "female"}]}
    men = {"text": "Male"}
    pregnant = {"text": "Pregnant"}
    ranges = [
        {"high": quantity(30, "U/L"), "appliesTo": [women]},
        {"high": quantity(50, "U/L"), "appliesTo": [men]},
        {"high": quantity(20, "U/L"), "appliesTo": [pregnant]},
        {"high": quantity(500, "U/L"), "type": {"coding": [{"code": "critical"}]}},
        {"high": quantity(40, "U/L"), "type": {"coding": [{"code": "normal"}]}},
        {"high": quantity(80, "U/L"), "age": {"high": {"value": 216, "code": "mo"}}},
        {"high": quantity(90, "U/L"), "age": {"low": {"value": 3, "unit": "moons"}}},
    ]
    found = only(observation(AST, valueQuantity=quantity(30, "U/L"), referenceRange=ranges)).ranges
    assert [item.sexes for item in found[:2]] == [{Sex.FEMALE}, {Sex.MALE}]
    assert [item.applies_to_other for item in found] == [False, False, True, False, False, False, True]
    assert [item.normal for item in found] == [True, True, True, False, True, True, True]
    assert found[5].age_until == 18


# --- pregnancy tests ---------------------------------------------------------------------------------


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


POSITIVE = coded("http://snomed.info/sct", "10828004")
NEGATIVE = coded("http://loinc.org", "LA6577-6")
FLAG = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"valueCodeableConcept": POSITIVE}, Answer.POSITIVE),
        ({"valueCodeableConcept": NEGATIVE}, Answer.NEGATIVE),
        ({"valueCodeableConcept": {"text": "negative"}}, None),
        ({"valueString": "negative"}, None),
        ({"valueBoolean": True}, Answer.POSITIVE),
        ({"interpretation": [coded(FLAG, "NEG")]}, Answer.NEGATIVE),
        ({"interpretation": [coded(FLAG, "POS")], "valueCodeableConcept": NEGATIVE}, Answer.INDETERMINATE),
    ],
)
def test_a_qualitative_answer(more: dict[str, Any], answer: Answer | None) -> None:
    found = only(observation(SERUM_TEST, **more))
    assert found.answer is answer
    assert (found.problem is None) == (answer is not None)


def test_a_quantitative_hcg_keeps_its_number_and_cut_off() -> None:
    found = only(observation(HCG, valueQuantity=quantity(2, "m[IU]/mL"), referenceRange=[{"high": {"value": 5}}]))
    assert (found.value, found.answer, found.ranges[0].high) == (2, None, 5)


@pytest.mark.parametrize(("value", "answer"), [(2, Answer.NEGATIVE), (5, Answer.POSITIVE), (9, Answer.POSITIVE)])
def test_a_molar_hcg_is_read_against_its_own_limit_only(value: int, answer: Answer) -> None:
    amount = quantity(value, "pmol/L")
    found = only(observation(MOLAR_HCG, valueQuantity=amount, referenceRange=[{"high": quantity(5, "pmol/L")}]))
    assert (found.value, found.answer) == (None, answer)
    assert only(observation(MOLAR_HCG, valueQuantity=amount)).answer is None
