"""The orders a card offers for what is missing: draft ServiceRequests.

Each is written from a form that `fhir.resources` (R4B) validated when the service started;
a call only fills in whom it is for and the days between which the result counts.

Source: FHIR R4 ServiceRequest; the orders and their codes stand in `mappings/orders.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.catalog.orderables import Orderable, OrderGroup
from cds_service.cds.wire import HookCall
from cds_service.domain.codes import Coding
from cds_service.domain.criteria import Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment, Missing

Json = dict[str, Any]
REQUESTERS = ("Practitioner", "PractitionerRole")


@dataclass(frozen=True, slots=True)
class Draft:
    """One order: its words, and the resource to create."""

    text: str
    resource: Json


@dataclass(frozen=True, slots=True)
class Offer:
    """Orders to be taken together."""

    name: str
    label: str
    drafts: tuple[Draft, ...]


class OrderForms:
    """The forms of all orders that a trial's cards can offer, validated once."""

    def __init__(self, groups: Sequence[OrderGroup], trial: Trial) -> None:
        self._groups = tuple(groups)
        self._forms = {(group.name, order): _form(group, order, trial) for group in groups for order in group.orders}

    def offers(self, assessment: Assessment, call: HookCall) -> tuple[Offer, ...]:
        """What to order for this assessment, one offer for each group that something is missing of."""
        return tuple(offer for group in self._groups if (offer := self._offer(group, assessment, call)) is not None)

    def _offer(self, group: OrderGroup, assessment: Assessment, call: HookCall) -> Offer | None:
        wanted = list(_wanted(group, assessment))
        if group.one_only:
            wanted = [pair for pair in wanted if pair[1] == wanted[0][1]]
        drafts: dict[Coding, Draft] = {}
        for order, missing in wanted:
            if order.coding not in drafts:
                drafts[order.coding] = Draft(order.text, self._filled(group, order, missing, assessment, call))
        return Offer(group.name, group.label, tuple(drafts.values())) if drafts else None

    def _filled(
        self, group: OrderGroup, order: Orderable, missing: Missing, assessment: Assessment, call: HookCall
    ) -> Json:
        draft = self._forms[group.name, order] | {
            "subject": {"reference": f"Patient/{call.patient_id}"},
            "authoredOn": assessment.as_of.isoformat(),
        }
        if call.encounter_id:
            draft["encounter"] = {"reference": f"Encounter/{call.encounter_id}"}
        if call.user.type in REQUESTERS and call.user.reference:
            draft["requester"] = {"reference": call.user.reference}
        period = _period(missing, assessment)
        if period:
            draft["occurrencePeriod"] = period
        return draft


def _wanted(group: OrderGroup, assessment: Assessment) -> Iterator[tuple[Orderable, Missing]]:
    """The orders of a group that would settle something, each with what is missing.

    Only what has dates is a matter of time; what was not retrieved has none, and ordering
    it anew would not help.
    """
    open_ones = {v.id: v for v in assessment.verdicts if v.outcome is Outcome.UNKNOWN}
    for order in group.orders:
        verdict = open_ones.get(order.criterion)
        for missing in verdict.missing if verdict is not None else ():
            if missing.opens is not None and (not order.missing or missing.what in order.missing):
                yield order, missing
                break


def _period(missing: Missing, assessment: Assessment) -> Json:
    """The days between which the result counts, from today on.

    A laboratory result counts when it is of the last days: its next one is needed while the
    patient fits.
    """
    today, opens, closes = assessment.as_of, missing.opens or assessment.as_of, missing.closes
    if opens < today and (closes is None or closes <= today):
        closes = assessment.closes
    period = {"start": max(opens, today).isoformat()}
    if closes is not None and closes >= max(opens, today):
        period["end"] = closes.isoformat()
    return period


def _form(group: OrderGroup, order: Orderable, trial: Trial) -> Json:
    """The parts of an order that are the same in every call."""
    form: Json = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "priority": "routine",
        "category": [{"coding": [_coding(group.category)]}],
        "code": {"coding": [_coding(order.coding)], "text": order.text},
        "reasonCode": [{"text": f"Screening for the clinical trial {trial.short_title} ({trial.registry_id})"}],
    }
    ServiceRequest.model_validate(form | {"subject": {"reference": "Patient/p"}})
    return form


def _coding(coding: Coding) -> Json:
    return {"system": coding.system, "code": coding.code, "display": coding.display}
