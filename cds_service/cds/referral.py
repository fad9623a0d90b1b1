"""The Task that asks the trial team to look at a patient.

Built and validated by `fhir.resources` (R4B), as all that we write is.
"""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B.task import Task

from cds_service.cds.wire import HookCall
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment

_REQUESTERS = ("Practitioner", "PractitionerRole")


def write_task(trial: Trial, assessment: Assessment, call: HookCall, summary: str) -> dict[str, Any]:
    """The draft Task as FHIR JSON: a proposal, about the patient, to be done while the patient fits."""
    task: dict[str, Any] = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "proposal",
        "priority": "routine",
        "code": {"text": f"Screen for the clinical trial {trial.short_title} ({trial.registry_id})"},
        "description": summary,
        "for": {"reference": f"Patient/{call.patient_id}"},
        "authoredOn": assessment.as_of.isoformat(),
    }
    if call.user.type in _REQUESTERS and call.user.reference:
        task["requester"] = {"reference": call.user.reference}
    if call.encounter_id:
        task["encounter"] = {"reference": f"Encounter/{call.encounter_id}"}
    if assessment.closes is not None:
        task["restriction"] = {"period": {"end": assessment.closes.isoformat()}}
    plain: dict[str, Any] = Task.model_validate(task).model_dump(mode="json")
    return plain
