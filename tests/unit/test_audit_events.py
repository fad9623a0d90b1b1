"""An audit entry is told as FHIR whatever a caller sent: one hostile call must not hide the trail."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cds_service.cds.auditing import audit_bundle
from cds_service.screening.entries import Asked, AuditEntry, PatientKey

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def told(user: str, patient: str, instance: str) -> dict[str, object]:
    key = PatientKey("https://ehr.example/fhir", patient)
    entry = AuditEntry(AT, "", user, key, "extend-op-patient-view", "patient-view", instance, Asked.SILENT)
    return json.loads(audit_bundle([entry]))["entry"][0]["resource"]


def test_a_call_names_who_asked_about_whom() -> None:
    event = told("Practitioner/1", "p1", "i1")
    assert event["agent"] == [{"requestor": True, "who": {"reference": "Practitioner/1"}}]
    assert event["entity"][0]["what"] == {"reference": "https://ehr.example/fhir/Patient/p1"}


@pytest.mark.parametrize("odd", ["\x10", " ", "\u200b", "a\x00b", "\t\n", "\U0010fc98", "Practitioner/\x07", "x" * 900])
def test_odd_words_of_a_caller_do_not_break_the_trail(odd: str) -> None:
    event = told(odd, odd, odd)
    assert event["resourceType"] == "AuditEvent"
    assert event["entity"][1]["detail"][0]["valueString"]
