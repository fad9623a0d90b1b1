"""The public mCODE example patients (CC0, see the README beside the data), read and checked by hand."""

from pathlib import Path

import pytest
from fhir_json import catalog

import cds_service.sandbox
from cds_service.domain.facts import CancerProfile, Scale, Sex, Side
from cds_service.fhir.sources import read_source

EXAMPLES = Path(cds_service.sandbox.__file__).parent / "data" / "mcode"


@pytest.fixture(scope="module")
def source():
    return read_source(str(EXAMPLES))


def facts_of(source, name):
    return source.facts(source.patient(f"cancer-patient-{name}"), catalog())


def test_five_patients_and_nothing_odd(source):
    assert len(source.patients) == 5
    assert source.notes == ()
    for record in source.patients:
        facts = source.facts(record, catalog())
        assert facts.not_retrieved == ()
        assert facts.dropped == 0


def test_jenny_m(source):
    facts = facts_of(source, "jenny-m")
    primary = next(item for item in facts.conditions if item.profile is CancerProfile.PRIMARY)
    assert primary.evidence.reference == "Condition/primary-cancer-condition-jenny-m"
    assert {m.group for m in primary.meanings if m.concept == "cancer-type"} == {"BREAST"}
    assert primary.side is Side.LEFT
    assert {m.use for m in primary.stages} == {"stage-i-iii"}
    assert [(item.scale, item.score, str(item.date)) for item in facts.performance] == [(Scale.ECOG, 0, "2018-04-12")]
    assert facts.person.sex is Sex.FEMALE
    report = facts.pathology[0]
    assert report.malignant is None  # no conclusion code; HER2 negative is not one
    assert [(site.organ, site.side) for site in report.sites] == [("breast", Side.LEFT)]
    course = facts.procedures[0]
    assert len(course.focus) == 2


def test_john_anyperson(source):
    facts = facts_of(source, "john-anyperson")
    spread = next(item for item in facts.conditions if item.profile is CancerProfile.SECONDARY)
    assert {(m.concept, m.group) for m in spread.meanings} == {("secondary-site", "brain")}
    assert spread.related == ("Condition/primary-cancer-condition-nsclc",)
    denied = next(item for item in facts.stages if item.negated)
    assert denied.evidence.reference == "Observation/no-history-of-metastatic-cancer"
    assert {(item.scale, item.score) for item in facts.performance} == {(Scale.ECOG, 0), (Scale.KARNOFSKY, 90)}
    lobectomy = next(item for item in facts.procedures if "lobectomy" in item.evidence.reference)
    assert [(site.organ, site.side) for site in lobectomy.sites] == [("lung", Side.LEFT)]
