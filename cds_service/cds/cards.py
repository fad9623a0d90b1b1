"""The card: what an assessment says to the clinician who has the chart open.

Every string that may come from a record (reasons, evidence) is escaped, so that no client
can format it or run it; the card itself holds no HTML.

Source: CDS Hooks 2.0.1, "Card Attributes".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cds_service.catalog.orderables import OrderGroup
from cds_service.catalog.overrides import OverrideReason
from cds_service.catalog.sites import Contact
from cds_service.cds import wire
from cds_service.cds.detail import write_detail
from cds_service.cds.drafts import Draft, Offer, OrderForms
from cds_service.cds.referral import ReferralForm
from cds_service.domain.criteria import Outcome
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Assessment
from cds_service.reports.markdown import in_words
from cds_service.screening.silence import REFERRAL, suggestion_uuid
from cds_service.screening.speaking import Ordering

SUMMARY_AT_MOST = 139
_REGISTRY = "http://clinicaltrials.gov"
_WORKSHEET = "Worksheet of the last nightly screening"
_ONE, _ANY = "at-most-one", "any"


@dataclass(frozen=True)
class Sender:
    """What every card of the service has in common; what can be written beforehand is.

    The trial, whom to contact, the override reasons, the orders that may be offered.
    """

    trial: Trial
    contact: Contact
    override_reasons: Sequence[OverrideReason]
    order_groups: Sequence[OrderGroup] = ()

    @cached_property
    def orders(self) -> OrderForms:
        """The forms of the orders."""
        return OrderForms(self.order_groups, self.trial)

    @cached_property
    def referral(self) -> ReferralForm:
        """The form of the referral."""
        return ReferralForm(self.trial, self.contact)

    @cached_property
    def source(self) -> wire.Source:
        """Who speaks."""
        return wire.Source(
            label=f"{self.trial.short_title} trial screening",
            url=self.trial.registry_url,
            topic=wire.Coding(self.trial.registry_id, _REGISTRY, self.trial.short_title),
        )

    @cached_property
    def reasons(self) -> tuple[wire.Coding, ...] | None:
        """The override reasons on the wire."""
        codings = (reason.coding for reason in self.override_reasons)
        return tuple(wire.Coding(c.code, c.system, c.display) for c in codings) or None

    @cached_property
    def links(self) -> tuple[wire.Link, ...]:
        """Where to read on."""
        return (wire.Link(f"{self.trial.registry_id} in the trial registry", self.trial.registry_url, "absolute"),)

    def prepare(self) -> None:
        """Write beforehand what all cards share. Raises ValueError where a form is not valid FHIR."""
        _ = self.orders, self.referral, self.source, self.reasons, self.links


def write_card(
    sender: Sender,
    assessment: Assessment,
    call: wire.HookCall,
    uuid: str,
    ordering: Ordering | None = None,
    worksheet: str = "",
    detail: str = "",
) -> wire.Card:
    """The card of an assessment that is worth showing.

    `ordering` is what is being ordered at the moment, `worksheet` the address of the patient's
    worksheet, where who asks can open it, `detail` the words below the summary, where they are written already.
    """
    summary = summarise(sender.trial, assessment, ordering)
    offers = sender.orders.offers(assessment, call)
    suggestions = (_referral(sender, assessment, call, summary, uuid), *(_offer(offer, uuid) for offer in offers))
    return wire.Card(
        uuid=uuid,
        summary=summary,
        indicator="info",
        detail=detail or write_detail(sender.trial, assessment, sender.contact, ordering),
        source=sender.source,
        suggestions=suggestions,
        selection_behavior=_ONE if len(suggestions) == 1 else _ANY,
        override_reasons=sender.reasons,
        links=(wire.Link(_WORKSHEET, worksheet, "absolute"), *sender.links) if worksheet else sender.links,
    )


def summarise(trial: Trial, assessment: Assessment, ordering: Ordering | None = None) -> str:
    """One line below 140 characters: the trial, the moment, the reason, the deadline, what is missing."""
    moment = f", as {_ordered(ordering)} is ordered" if ordering else ""
    line = f"{trial.short_title} trial{moment}: {_reason(assessment)}, may fit{_deadline(assessment)}"
    line += _open(assessment)
    return line if len(line) <= SUMMARY_AT_MOST else f"{line[: SUMMARY_AT_MOST - 1]}…"


def _ordered(ordering: Ordering) -> str:
    return "new systemic therapy" if ordering.agents or ordering.therapy else "staging"


def _reason(assessment: Assessment) -> str:
    fewest, most = assessment.lesions.count_min, assessment.lesions.count_max
    if not most:
        progressed = any(v.id == "progression" and v.outcome is Outcome.UNKNOWN for v in assessment.verdicts)
        return "progression not established" if progressed else "progression recorded"
    count = str(most) if fewest == most else f"{fewest} to {most}" if fewest else f"up to {most}"
    return f"{count} progressing lesion{'s' if most > 1 else ''}"


def _deadline(assessment: Assessment) -> str:
    closes = assessment.closes
    if closes is None:
        return ""
    same_year = closes.year == assessment.as_of.year
    return f" until {closes.day} {closes:%b}" if same_year else f" until {in_words(closes)}"


def _open(assessment: Assessment) -> str:
    """How much is missing, so that nobody takes "may fit" for "fits"."""
    count = sum(verdict.outcome is Outcome.UNKNOWN for verdict in assessment.verdicts)
    return f"; {count} item{'s' if count > 1 else ''} missing" if count else ""


def _referral(sender: Sender, assessment: Assessment, call: wire.HookCall, summary: str, card: str) -> wire.Suggestion:
    task = sender.referral.write(assessment, call, summary)
    description = f"Ask the {sender.trial.short_title} trial team to look at this patient"
    return wire.Suggestion(
        label=f"Refer to the {sender.trial.short_title} trial team",
        uuid=suggestion_uuid(card, REFERRAL),
        is_recommended=True,
        actions=(wire.Action("create", description, task),),
    )


def _offer(offer: Offer, card: str) -> wire.Suggestion:
    return wire.Suggestion(
        label=offer.label,
        uuid=suggestion_uuid(card, offer.name),
        actions=tuple(wire.Action("create", _described(draft), draft.resource) for draft in offer.drafts),
    )


def _described(draft: Draft) -> str:
    period = draft.resource.get("occurrencePeriod", {})
    days = [f"{word} {period[end]}" for word, end in (("from", "start"), ("until", "end")) if end in period]
    return " ".join([f"Draft an order: {draft.text}", *days])
