"""The card: what an assessment says to the clinician who has the chart open.

Every string that may come from a record (reasons, evidence) is escaped, so that no client
can format it or run it; the card itself holds no HTML.

Source: CDS Hooks 2.0.1, "Card Attributes".
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cds_service.catalog.sites import Contact
from cds_service.cds import referral, wire
from cds_service.cds.detail import write_detail
from cds_service.domain.codes import Coding
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment
from cds_service.reports.markdown import in_words

SUMMARY_AT_MOST = 139
_NAMESPACE = uuid.UUID("6f1d7f0c-5c0b-4a53-9a3e-0e2d4c0a9b11")
_REGISTRY = "http://clinicaltrials.gov"


@dataclass(frozen=True, slots=True)
class Sender:
    """What every card of the service has in common: the trial, whom to contact, the override reasons."""

    trial: Trial
    contact: Contact
    override_reasons: tuple[Coding, ...]


def write_card(sender: Sender, assessment: Assessment, call: wire.HookCall) -> wire.Card:
    """The card of an assessment that is worth showing."""
    summary = summarise(sender.trial, assessment)
    identity = f"{assessment.trial}|{call.fhir_server}|{assessment.patient}|{call.user.reference}|{assessment.as_of}"
    return wire.Card(
        uuid=str(uuid.uuid5(_NAMESPACE, identity)),
        summary=summary,
        indicator="info",
        detail=write_detail(sender.trial, assessment, sender.contact),
        source=_source(sender.trial),
        suggestions=(_referral(sender, assessment, call, summary, identity),),
        selection_behavior="at-most-one",
        override_reasons=tuple(wire.Coding(r.code, r.system, r.display) for r in sender.override_reasons) or None,
        links=(wire.Link(f"{sender.trial.registry_id} in the trial registry", sender.trial.registry_url, "absolute"),),
    )


def summarise(trial: Trial, assessment: Assessment) -> str:
    """One line below 140 characters: the trial, the reason, the deadline."""
    reason = _reason(assessment)
    line = f"{trial.short_title} trial: {reason}, may fit{_deadline(assessment)}"
    return line if len(line) <= SUMMARY_AT_MOST else f"{line[: SUMMARY_AT_MOST - 1]}…"


def _reason(assessment: Assessment) -> str:
    fewest, most = assessment.lesions.count_min, assessment.lesions.count_max
    if not most:
        return "progression recorded"
    count = str(most) if fewest == most else f"{fewest} to {most}" if fewest else f"up to {most}"
    return f"{count} progressing lesion{'s' if most > 1 else ''}"


def _deadline(assessment: Assessment) -> str:
    closes = assessment.closes
    if closes is None:
        return ""
    same_year = closes.year == assessment.as_of.year
    return f" until {closes.day} {closes:%b}" if same_year else f" until {in_words(closes)}"


def _source(trial: Trial) -> wire.Source:
    return wire.Source(
        label=f"{trial.short_title} trial screening",
        url=trial.registry_url,
        topic=wire.Coding(trial.registry_id, _REGISTRY, trial.short_title),
    )


def _referral(
    sender: Sender, assessment: Assessment, call: wire.HookCall, summary: str, identity: str
) -> wire.Suggestion:
    task = referral.write_task(sender.trial, assessment, call, summary)
    description = f"Ask the {sender.trial.short_title} trial team to look at this patient"
    return wire.Suggestion(
        label=f"Refer to the {sender.trial.short_title} trial team",
        uuid=str(uuid.uuid5(_NAMESPACE, f"{identity}|refer")),
        is_recommended=True,
        actions=(wire.Action("create", description, task),),
    )
