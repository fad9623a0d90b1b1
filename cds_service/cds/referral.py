"""The Task that asks the trial team to look at a patient.

Written from a form that `fhir.resources` (R4B) validated when the service started; a call
only fills in whom it is about.
"""

from __future__ import annotations

from typing import Any

from fhir.resources.R4B.task import Task

from cds_service.catalog.sites import Contact
from cds_service.cds.drafts import REQUESTERS
from cds_service.cds.wire import HookCall
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment

Json = dict[str, Any]


class ReferralForm:
    """The Task's form for a trial and the team that answers for it."""

    def __init__(self, trial: Trial, contact: Contact) -> None:
        form: Json = {
            "resourceType": "Task",
            "status": "requested",
            "intent": "proposal",
            "priority": "routine",
            "code": {"text": f"Screen for the clinical trial {trial.short_title} ({trial.registry_id})"},
        }
        if contact.reference:
            owner = {"reference": contact.reference}
            form["owner"] = owner | ({"display": contact.team} if contact.team else {})
        Task.model_validate(form)
        self._form = form

    def write(self, assessment: Assessment, call: HookCall, summary: str) -> Json:
        """The draft Task as FHIR JSON: a proposal, about the patient, to be done while the patient fits."""
        task = self._form | {
            "description": summary,
            "for": {"reference": f"Patient/{call.patient_id}"},
            "authoredOn": assessment.as_of.isoformat(),
        }
        if call.user.type in REQUESTERS and call.user.reference:
            task["requester"] = {"reference": call.user.reference}
        if call.encounter_id:
            task["encounter"] = {"reference": f"Encounter/{call.encounter_id}"}
        if assessment.closes is not None:
            task["restriction"] = {"period": {"end": assessment.closes.isoformat()}}
        return task
