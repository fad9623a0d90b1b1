"""Laws of reading: no JSON whatever raises anything but the documented errors; order and
duplicates do not matter; a broken resource never makes a patient look better.

The chart that is mutated is hand-made and holds every type that is read.
"""

import copy
import json
import random

from fhir_json import (
    ICD,
    LOINC,
    SNOMED,
    about,
    as_bytes,
    catalog,
    concept,
    condition,
    ecog,
    observation,
    patient,
    platelets,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.errors import SourceError
from cds_service.fhir.bundles import open_all
from cds_service.fhir.files import MOST_BYTES
from cds_service.fhir.reading import read_patient
from cds_service.fhir.sources import group_by_patient


def resource(kind, identity, **more):
    return {"resourceType": kind, "id": identity, "status": "completed", **about(), **more}


LEFT = concept(SNOMED, "7771000", "Left (qualifier value)")
EXTENSION = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
PERIOD = {"start": "2026-01-01", "end": "2026-03"}
LIVER = {
    **concept(SNOMED, "10200004", "Liver structure"),
    "extension": [{"url": EXTENSION + "laterality-qualifier", "valueCodeableConcept": LEFT}],
}
WHOSE = {"patient": {"reference": "Patient/p1"}}
NEOPLASM = concept(SNOMED, "14799000")
CHART = [
    patient(deceasedBoolean=False, link=[{"other": {"reference": "Patient/p0"}, "type": "replaces"}]),
    condition(
        clinicalStatus=concept("x", "active"),
        verificationStatus=concept("x", "confirmed"),
        bodySite=[LIVER],
        onsetPeriod=PERIOD,
        recordedDate="2026-01-02T10:00:00Z",
        stage=[{"summary": concept(SNOMED, "1222837003")}],
        evidence=[{"code": [concept(SNOMED, "714797009")]}],
        extension=[{"url": EXTENSION + "histology-morphology-behavior", "valueCodeableConcept": LEFT}],
    ),
    platelets(referenceRange=[{"low": {"value": 150}, "high": {"value": 400}, "text": "150 - 400"}]),
    ecog(valueInteger=1, interpretation=[concept(LOINC, "LA9623-5")]),
    observation(concept(LOINC, "21908-9"), "st", valueCodeableConcept=concept(SNOMED, "1222837003")),
    observation(
        concept(LOINC, "21889-1"),
        "size",
        focus=[{"reference": "BodyStructure/les"}],
        component=[{"code": concept(LOINC, "33728-7"), "valueQuantity": {"value": 12.5, "unit": "mm", "code": "mm"}}],
    ),
    resource(
        "ImagingStudy",
        "img",
        started="2026-10-30T08:00:00+01:00",
        modality=[{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
        series=[{"uid": "1", "modality": {"code": "CT"}, "bodySite": {"system": SNOMED, "code": "51185008"}}],
        description="CT CHEST ABD PELVIS",
    ),
    resource("Procedure", "rt", code=concept(SNOMED, "108290001"), performedPeriod=PERIOD, bodySite=[LIVER]),
    resource(
        "MedicationAdministration",
        "ma",
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": {"text": "capecitabine"}}],
        effectivePeriod=PERIOD,
    ),
    resource("MedicationStatement", "ms", medicationCodeableConcept={"text": "letrozole"}, effectiveDateTime="2026"),
    resource(
        "MedicationRequest", "mr", intent="order", medicationCodeableConcept={"text": "FOLFOX"}, authoredOn="2026-05"
    ),
    resource(
        "DiagnosticReport",
        "dr",
        code=concept(LOINC, "22637-3"),
        conclusionCode=[concept(ICD, "C78.7")],
        issued="2026-02-02",
    ),
    {"resourceType": "BodyStructure", "id": "les", **WHOSE, "morphology": NEOPLASM, "location": LIVER},
    {
        "resourceType": "EpisodeOfCare",
        "id": "ep",
        "status": "active",
        "patient": {"reference": "Patient/p1"},
        "period": PERIOD,
    },
    resource("CarePlan", "cp", intent="plan", title="FOLFIRI", period=PERIOD),
    {"resourceType": "ResearchSubject", "id": "rs", "status": "on-study", "individual": {"reference": "Patient/p1"}},
]

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "\u0000", "\ud83d\ude00", "NaN", "1e999", "Patient/p1", "#m", "0000-00-00", "2026-13-45"]),
    st.text(max_size=8),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just([None, 1, "a", {}]),
    st.just({"coding": [{"code": 5}]}),
    st.just({"reference": "#"}),
    st.just({"value": "1e400", "code": "mm"}),
)


def places(value, path=()):
    """Every place in a JSON value that can be reached."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = list(places(CHART))


def put(chart, path, value):
    holder = chart
    for step in path[:-1]:
        try:
            holder = holder[step]
        except (KeyError, IndexError, TypeError):
            return
    try:
        holder[path[-1]] = copy.deepcopy(value)
    except (IndexError, TypeError):
        return


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), odd_values), min_size=1, max_size=4))
def test_no_mutation_of_a_chart_raises(mutations):
    chart = copy.deepcopy(CHART)
    for path, value in mutations:
        put(chart, path, value)
    texts = [as_bytes(item) for item in chart]
    for carriers in (texts, [b"[" + b",".join(texts) + b"]"]):
        try:
            read_patient(carriers, catalog())
        except SourceError:
            continue


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_the_bytes_raises(data):
    text = bytearray(as_bytes(data.draw(st.sampled_from(CHART))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=3))
    found = list(open_all([as_bytes(patient())])) + list(_opened(bytes(text)))
    for source in (lambda: read_patient(found, catalog(), patient="p1"), lambda: group_by_patient(found)):
        try:
            source()
        except SourceError:
            continue


def _opened(text):
    try:
        yield from open_all([text])
    except SourceError:
        return


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(CHART), max_size=3))
def test_order_and_duplicates_do_not_matter(shuffled, again):
    chart = [*CHART, *again]
    shuffled.shuffle(chart)
    assert read_patient(chart, catalog()) == read_patient(CHART, catalog())


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_elements_does_not_matter(shuffled: random.Random):
    def mixed(value):
        if isinstance(value, dict):
            keys = list(value)
            shuffled.shuffle(keys)
            return {key: mixed(value[key]) for key in keys}
        return [mixed(item) for item in value] if isinstance(value, list) else value

    assert read_patient([mixed(item) for item in CHART], catalog()) == read_patient(CHART, catalog())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, len(CHART) - 1), st.integers(2, 40))
def test_a_truncated_resource_is_noticed_or_nobodys(index, cut):
    whole = [as_bytes(item) for item in CHART]
    broken = whole[index][:-cut]
    facts = read_patient([*whole[:index], broken, *whole[index + 1 :]], catalog())
    assert facts.not_retrieved
    assert facts.data_quality


def test_the_chart_itself_is_read_whole():
    facts = read_patient(CHART, catalog())
    read = ("conditions", "stages", "performance", "labs", "lesions", "measurements", "imaging", "procedures")
    read += ("medications", "pathology", "subjects")
    assert [name for name in read if not getattr(facts, name)] == []
    assert facts.not_retrieved == ()
    assert json.loads(as_bytes(CHART[0]))["id"] == "p1"
    assert MOST_BYTES > 200_000_000
