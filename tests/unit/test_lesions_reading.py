"""Lesions, sizes and responses as records write them, read into facts."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from lesion_tables import TODAY, case_of

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import LesionRole, PatientFacts, Response, Side
from cds_service.fhir.reading import read_patient

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"
LOINC, SCT, DCM = "http://loinc.org", "http://snomed.info/sct", "http://dicom.nema.org/resources/ontology/DCM"
LIVER = (SCT, "10200004")
LUNG = (SCT, "39607008")
MEDIASTINAL = (SCT, "62683002")
LEFT = (SCT, "7771000")
SIZE, LONGEST, OTHER = (LOINC, "21889-1"), (LOINC, "33728-7"), (LOINC, "33729-5")
LONG_AXIS, SHORT_AXIS, DIAMETER = (SCT, "103339001"), (SCT, "103340004"), (SCT, "81827009")
STATUS, OVERALL = (LOINC, "97509-4"), (LOINC, "88040-1")
WORSENED, STABLE, PD = (SCT, "271299001"), (SCT, "359746009"), (LOINC, "LA28370-7")


@cache
def catalog() -> Catalog:
    return load_catalog()


def concept(code: tuple[str, str] | None, text: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {} if code is None else {"coding": [{"system": code[0], "code": code[1]}]}
    return found | ({"text": text} if text else {})


def quantity(value: float | str, unit: str | None = "mm", **more: Any) -> dict[str, Any]:
    return {"value": value, **({"unit": unit, "code": unit} if unit else {}), **more}


def tumor(ref: str = "l1", place: tuple[str, str] | None = LIVER, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "BodyStructure",
        "id": ref,
        "meta": {"profile": [MCODE + "mcode-tumor"]},
        "patient": {"reference": "Patient/p1"},
        **({"location": concept(place)} if place else {}),
    } | more


def observation(
    code: tuple[str, str] | None, *, ref: str = "o1", on: str = "2026-11-10", **more: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": ref,
        "status": "final",
        "code": concept(code, None if code else "finding"),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": on,
    } | more


def part(code: tuple[str, str], value: float | str, unit: str | None = "mm", **more: Any) -> dict[str, Any]:
    return {"code": concept(code), "valueQuantity": quantity(value, unit, **more)}


def focus(ref: str = "l1") -> list[dict[str, str]]:
    return [{"reference": f"BodyStructure/{ref}"}]


def read(*resources: dict[str, Any]) -> PatientFacts:
    patient = {"resourceType": "Patient", "id": "p1"}
    return read_patient([patient, *resources], catalog())


def axes(facts: PatientFacts) -> tuple[str, str, str]:
    (found,) = facts.measurements
    return str(found.long_axis_mm), str(found.short_axis_mm), " ".join(map(str, found.diameters_mm))


@pytest.mark.parametrize(
    ("code", "more", "expected"),
    [
        (SIZE, {"component": [part(LONGEST, 21), part(OTHER, 14)]}, ("21", "None", "14")),
        (SIZE, {"component": [part(OTHER, 14), part(LONGEST, 21), part(OTHER, 9)]}, ("21", "None", "14 9")),
        (SIZE, {"component": [part(LONGEST, 2.1, "cm")]}, ("21.0", "None", "")),
        (SIZE, {"valueQuantity": quantity(2.5, "centimeters", code="cm")}, ("None", "None", "25.0")),
        (SIZE, {"valueString": "2.1 x 1.4 cm"}, ("None", "None", "21.0 14.0")),
        (LONGEST, {"valueQuantity": quantity(21)}, ("21", "None", "")),
        (LONG_AXIS, {"valueQuantity": quantity(21)}, ("21", "None", "")),
        (SHORT_AXIS, {"valueQuantity": quantity(14)}, ("None", "14", "")),
        ((SCT, "131187009"), {"valueQuantity": quantity(21)}, ("21", "None", "")),
        ((SCT, "131188004"), {"valueQuantity": quantity(14)}, ("None", "14", "")),
        (DIAMETER, {"valueQuantity": quantity(14)}, ("None", "None", "14")),
        (None, {"component": [part(LONG_AXIS, 21), part(SHORT_AXIS, 14)]}, ("21", "14", "")),
    ],
)
def test_sizes_are_read_however_they_are_coded(
    code: tuple[str, str] | None, more: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert axes(read(tumor(), observation(code, focus=focus(), **more))) == expected


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (quantity(21, None), "no unit is recorded for lesion size"),
        (quantity(21, "kg"), "unit 'kg' is not one lesion size can have"),
        (quantity(900, "mm"), "the value is not plausible for lesion size in 'mm'"),
        (quantity(5, "mm", comparator="<"), "a size with a sign (<, >) is no exact size"),
    ],
)
def test_a_size_that_cannot_be_used_is_kept_with_its_problem(value: dict[str, Any], problem: str) -> None:
    facts = read(tumor(), observation(LONG_AXIS, focus=focus(), valueQuantity=value))
    assert facts.measurements[0].problem == problem
    assert axes(facts) == ("None", "None", "")
    assert problem in [note.problem for note in facts.data_quality]


def test_a_lesion_has_place_side_role_and_names() -> None:
    described = tumor(
        place=LUNG,
        locationQualifier=[concept(LEFT), concept(None, "lower lobe")],
        morphology=concept((SCT, "14799000")),
        identifier=[{"system": "urn:ris", "value": "T1"}, {"system": "urn:ris"}],
        description="nodule",
    )
    (found,) = read(described).lesions
    assert (found.site.organ, found.site.side, found.site.text) == ("lung", Side.LEFT, "39607008, lower lobe, nodule")
    assert (found.role, found.identifiers) == (LesionRole.METASTATIC, {"urn:ris|T1"})


@pytest.mark.parametrize(
    ("more", "is_lesion"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"meta": {"profile": [MCODE + "mcode-tumor|4.0.0"]}}, True),
        ({"meta": {"profile": [MCODE + "mcode-radiotherapy-volume"]}}, False),
        ({"meta": {}}, False),
        ({"meta": {}, "morphology": concept((SCT, "86049000"))}, True),
        ({"meta": {}, "morphology": concept(None, "Metastatic carcinoma")}, True),
        ({"meta": {}, "morphology": concept(None, "Scar")}, False),
    ],
)
def test_which_body_structures_are_lesions(more: dict[str, Any], is_lesion: bool) -> None:
    assert bool(read(tumor(**more)).lesions) is is_lesion


def test_a_node_is_known_by_its_chain_or_by_the_qualifier_of_its_level() -> None:
    assert read(tumor(place=MEDIASTINAL)).lesions[0].site.chain == "mediastinal"
    level = tumor(place=(SCT, "59441001"), locationQualifier=[concept((SCT, "258401000"))])
    assert read(level).lesions[0].site.chain == "cervical_occipital"


def test_a_body_site_alone_tells_the_place() -> None:
    (found,) = read(observation(SIZE, bodySite=concept(LIVER), valueQuantity=quantity(20))).measurements
    assert (found.lesion, found.site.organ) == (None, "liver")


@pytest.mark.parametrize(
    "nothing",
    [
        observation((LOINC, "33756-8"), valueQuantity=quantity(12)),  # polyp size
        observation(DIAMETER, valueQuantity=quantity(30)),  # of what?
        observation((LOINC, "8480-6"), bodySite=concept((SCT, "368208006")), valueQuantity=quantity(120, "mm[Hg]")),
        observation(SIZE),
        observation((DCM, "112022"), focus=focus()),
    ],
)
def test_what_is_no_reading_of_a_lesion(nothing: dict[str, Any]) -> None:
    assert read(nothing).measurements == ()


@pytest.mark.parametrize("how", [{"specimen": {"reference": "Specimen/s"}}, {"method": concept((SCT, "787377000"))}])
def test_a_removed_tumour_is_a_specimen(how: dict[str, Any]) -> None:
    (found,) = read(tumor(), observation(SIZE, focus=focus(), component=[part(LONGEST, 12)], **how)).measurements
    assert found.specimen


def test_the_method_the_study_and_the_mark_of_a_preliminary_reading() -> None:
    made = {
        "method": concept((SCT, "77477000")),
        "derivedFrom": [{"reference": "ImagingStudy/ct2"}],
        "status": "preliminary",
    }
    (found,) = read(tumor(), observation(LONG_AXIS, focus=focus(), valueQuantity=quantity(12), **made)).measurements
    assert (found.method, found.studies, found.preliminary) == ("ct", ("ImagingStudy/ct2",), True)


def test_members_of_a_measurement_group_belong_to_its_lesion() -> None:
    group = observation(
        (DCM, "125007"),
        ref="group",
        focus=focus(),
        hasMember=[{"reference": "Observation/a"}, {"reference": "Observation/b"}],
    )
    bare = {"effectiveDateTime": None}
    one = observation(LONG_AXIS, ref="a", valueQuantity=quantity(21)) | bare
    two = observation(SHORT_AXIS, ref="b", valueQuantity=quantity(14)) | bare
    found = read(tumor(place=MEDIASTINAL), group, one, two).measurements
    assert [(m.evidence.reference, m.lesion, str(m.date)) for m in found] == [
        ("Observation/a", "BodyStructure/l1", "2026-11-10"),
        ("Observation/b", "BodyStructure/l1", "2026-11-10"),
    ]


def test_a_tracking_name_tells_the_lesion() -> None:
    name = {"code": concept((DCM, "121151")), "valueString": "Lesion 3"}
    (found,) = read(observation(LONG_AXIS, component=[name], valueQuantity=quantity(21))).measurements
    assert found.identifiers == {"|Lesion 3"}


@pytest.mark.parametrize(
    ("code", "response"),
    [
        ("112041", "complete response"),
        ("112042", "partial response"),
        ("112043", "progressive"),
        ("112044", "stable"),
        ("112045", "complete response"),
        ("112046", "not progressive"),
        ("112047", "progressive"),
    ],
)
@pytest.mark.parametrize("where", ["value", "interpretation"])
def test_the_response_of_a_lesion_in_value_or_interpretation(code: str, response: str, where: str) -> None:
    said = concept((DCM, code))
    put = {"valueCodeableConcept": said} if where == "value" else {"interpretation": [said]}
    (found,) = read(tumor(), observation(None, focus=focus(), **put)).measurements
    assert (found.lesion, found.response) == ("BodyStructure/l1", Response(response))


def test_an_answer_on_the_course_beside_a_size_is_that_lesions() -> None:
    facts = read(
        tumor(), observation(SIZE, focus=focus(), valueQuantity=quantity(20), interpretation=[concept(WORSENED)])
    )
    assert facts.measurements[0].response is Response.PROGRESSIVE


def test_a_lesion_response_without_a_lesion_belongs_to_none() -> None:
    assert read(observation(None, valueCodeableConcept=concept((DCM, "112043")))).measurements == ()


@pytest.mark.parametrize(
    ("words", "signal"), [("FDG avid", True), ("intensely FDG-avid", True), ("non-avid", False), ("not avid", False)]
)
def test_an_explicit_signal(words: str, signal: bool) -> None:
    said = observation(None, focus=focus(), valueCodeableConcept=concept(None, words))
    assert any(found.signal for found in read(tumor(), said).measurements) is signal


@pytest.mark.parametrize(
    ("code", "answer", "text", "response", "recist"),
    [
        (STATUS, WORSENED, None, "progressive", False),
        (STATUS, STABLE, None, "stable", False),
        (STATUS, (SCT, "268910001"), None, "not progressive", False),
        (STATUS, (SCT, "709137006"), None, "undetermined", False),
        (STATUS, (SCT, "550991000124107"), None, "complete response", False),
        (OVERALL, PD, None, "progressive", True),
        (OVERALL, (LOINC, "LA28366-5"), None, "complete response", True),
        (OVERALL, (LOINC, "LA28369-9"), None, "partial response", True),
        (OVERALL, (LOINC, "LA28371-5"), None, "stable", True),
        (OVERALL, (LOINC, "LA9348-9"), None, "undetermined", True),
        (OVERALL, None, "Progressive disease", "progressive", True),
    ],
)
def test_statements_on_the_disease(
    code: tuple[str, str], answer: tuple[str, str] | None, text: str | None, response: str, recist: bool
) -> None:
    (found,) = read(observation(code, valueCodeableConcept=concept(answer, text))).disease_statuses
    assert (found.response, found.recist, str(found.date)) == (Response(response), recist, "2026-11-10")


def test_a_statement_without_a_readable_answer_is_none() -> None:
    assert read(observation(STATUS, valueCodeableConcept=concept(None, "see report"))).disease_statuses == ()


@pytest.mark.parametrize(
    ("code", "types"),
    [
        ((SCT, "363679005"), {"imaging"}),
        ((SCT, "250724005"), {"marker"}),
        ((SCT, "1"), {"evidence of another type"}),
        (None, set()),
    ],
)
def test_what_a_statement_rests_on(code: tuple[str, str] | None, types: set[str]) -> None:
    url = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-cancer-disease-status-evidence-type"
    extension = [{"url": url, "valueCodeableConcept": concept(code)}] if code else []
    (found,) = read(observation(STATUS, valueCodeableConcept=concept(WORSENED), extension=extension)).disease_statuses
    assert found.evidence_types == types


@pytest.mark.parametrize(("answer", "response"), [(WORSENED, "progressive"), (STABLE, "undetermined")])
@pytest.mark.parametrize("of", ["metastasis", "place"])
def test_of_one_place_only_progression_speaks_for_the_whole(answer: tuple[str, str], response: str, of: str) -> None:
    metastasis = {
        "resourceType": "Condition",
        "id": "m1",
        "subject": {"reference": "Patient/p1"},
        "code": concept(("http://hl7.org/fhir/sid/icd-10-cm", "C78.7")),
    }
    said = {"focus": [{"reference": "Condition/m1"}]} if of == "metastasis" else {"bodySite": concept(LIVER)}
    (found,) = read(metastasis, observation(STATUS, valueCodeableConcept=concept(answer), **said)).disease_statuses
    assert found.response is Response(response)


def test_contradicting_answers_are_undetermined_and_noted() -> None:
    both = {"coding": [{"system": s, "code": c} for s, c in (WORSENED, STABLE)]}
    facts = read(observation(STATUS, valueCodeableConcept=both))
    assert facts.disease_statuses[0].response is Response.UNDETERMINED
    assert any("contradict" in note.problem for note in facts.data_quality)


def ct(ref: str, on: str) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "id": ref,
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "started": on,
        "modality": [{"system": DCM, "code": "CT"}],
        "description": "CT CHEST ABDOMEN PELVIS",
    }


def test_from_resources_to_a_progressive_lesion() -> None:
    sizes = [
        observation(
            SIZE, ref="a", on="2026-08-20", focus=focus(), component=[part(OTHER, 1.8, "cm"), part(LONGEST, 2.6, "cm")]
        ),
        observation(SIZE, ref="b", focus=focus(), component=[part(LONGEST, 31.2), part(OTHER, 20)]),
    ]
    facts = read(tumor(), *sizes, ct("ct1", "2026-08-20"), ct("ct2", "2026-11-10"))
    (item,) = case_of(facts, TODAY).lesions.summary.items
    assert (item.state.value, item.why, str(item.pre_baseline_mm), str(item.baseline_mm)) == (
        "progressive",
        "recist",
        "26.0",
        "31.2",
    )


@pytest.mark.parametrize(
    "odd",
    [
        observation(SIZE, focus=focus("nowhere"), valueQuantity={}),
        observation(SIZE, focus=[{"display": "the lesion"}], valueQuantity=quantity("NaN")),
        observation(SIZE, focus=focus(), component=[{"valueQuantity": quantity(3)}]),
        observation(SIZE, focus=focus(), valueString="large"),
        observation(STATUS, hasMember=[{"reference": "Observation/o1"}], valueString=""),
        tumor(place=None, description=""),
        tumor(location={"text": ""}),
    ],
)
def test_odd_resources_never_crash(odd: dict[str, Any]) -> None:
    case_of(read(tumor(), odd | {"id": "odd"})).lesions.summary  # noqa: B018
