"""A hook call answered: what was sent and fetched is assessed, and a card written where it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

import httpx

from cds_service.catalog.catalog import Catalog
from cds_service.cds.cards import Sender, write_card
from cds_service.cds.detail import write_detail
from cds_service.cds.discovery import OF_ORDERS
from cds_service.cds.orders import read_orders
from cds_service.cds.prefetch import read_prefetch
from cds_service.cds.recent import Came, RecentCalls
from cds_service.cds.wire import HookCall, HookResponse
from cds_service.domain.facts import Kind
from cds_service.domain.verdicts import Assessment
from cds_service.fhir.bundles import Found
from cds_service.fhir.client import ServerSession
from cds_service.fhir.searches import Searches
from cds_service.fhir.servers import AllowedServers
from cds_service.screening.at_hook import Call, Screened, screen_at_hook
from cds_service.screening.entries import UNSIGNED, PatientKey, ShownCard, Suppression, System
from cds_service.screening.ports import Deliveries, Ledger, ReadRecord
from cds_service.screening.silence import History, SilenceRules, card_uuid, weigh, what_is_said
from cds_service.screening.speaking import (
    Ordering,
    Silence,
    SpeakingRules,
    is_subject,
    only_new,
    why_not_even_read,
    why_silent,
)

_DETAILS_KEPT = 8
_NOT_ALLOWED = "not sent, and the call's FHIR server is not in CDS_ALLOWED_FHIR_SERVERS"


@dataclass(frozen=True, slots=True)
class Asker:
    """Which system asks, and where its calls may point to.

    `servers` are the FHIR servers it may point to; None: those of the settings. `worksheets` is
    the address under which its users can open the patients' worksheets, empty where they cannot.
    `waited` are the seconds it took to find out who asks: they come off the time to answer.
    """

    system: System = UNSIGNED
    servers: AllowedServers | None = None
    worksheets: str = ""
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """When it asks: the day in the hospital's calendar, and the instant."""

    day: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a hook call, with what may be logged of it: numbers, no patient data."""

    response: HookResponse
    silence: Silence | None
    sent: int

    @property
    def card(self) -> str:
        """The uuid of the card shown, "" where there is none."""
        return (self.response.cards[0].uuid or "") if self.response.cards else ""


@dataclass(frozen=True, slots=True)
class TrialService:
    """One trial's side of the conversation; built once, holds of a call what `ledger` and `recent` keep."""

    sender: Sender
    catalog: Catalog
    searches: Searches
    servers: AllowedServers
    speaking: SpeakingRules
    silence: SilenceRules
    read: ReadRecord[Found]
    ledger: Ledger
    deadline_seconds: float
    max_page_bytes: int
    engine_version: str
    recent: RecentCalls = field(default_factory=RecentCalls)

    async def answer(
        self,
        call: HookCall,
        http: Callable[[], httpx.AsyncClient],
        moment: Moment,
        service_id: str = "",
        asker: Asker = Asker(),
    ) -> Answer:
        """The answer to a call. Raises NoPatient when the patient's record cannot be had.

        `http` is only asked for where something must be fetched. A card that is not shown is
        counted with its reason, one that is shown is written down.
        """
        sent = self._sent(call, moment.day)
        found = await self._decide(call, sent, http, moment, service_id, asker)
        if isinstance(found, Silence):
            self.ledger.suppressions.note(Suppression(found.name, service_id, call.user.role, moment.day))
            return Answer(HookResponse(), found, sent.kinds)
        detail = self._detail(found, sent.details)
        card = write_card(self.sender, found.assessment, call, found.uuid, found.ordering, found.worksheet, detail)
        return Answer(HookResponse((card,)), None, sent.kinds)

    def _detail(self, due: _Due, written: dict[Ordering | None, str]) -> str:
        """The card's detail: that of the same call before, or written now."""
        if due.ordering not in written:
            if len(written) >= _DETAILS_KEPT:
                written.clear()
            written[due.ordering] = write_detail(self.sender.trial, due.assessment, self.sender.contact, due.ordering)
        return written[due.ordering]

    def _sent(self, call: HookCall, day: date) -> _Sent:
        key = self.recent.key(call, day)
        came = self.recent.find(key, self.sender.trial)
        if came is not None:
            return _Sent({}, came.sent, key, came.screened, came.details)
        delivered = read_prefetch(call.prefetch, call.patient_id)
        return _Sent(delivered, len(delivered), key)

    async def _decide(
        self,
        call: HookCall,
        sent: _Sent,
        http: Callable[[], httpx.AsyncClient],
        moment: Moment,
        service_id: str,
        asker: Asker,
    ) -> Silence | _Due:
        trial, rules = self.sender.trial, self.speaking
        early = why_not_even_read(call.user.type, trial.open, rules)
        ordering = self._ordering(call)
        if early is None and ordering is not None and not ordering:
            early = Silence.NOTHING_ORDERED
        if early is not None:
            return early
        screened = sent.screened or await self.screen(call, sent.delivered, http, moment.day, asker, sent.key)
        if ordering is not None:
            ordering = only_new(ordering, screened.facts, moment.day, trial.rules.therapy.gap_days)
        silence = self._why_silent(screened, ordering)
        if silence is not None:
            return silence
        shown = await self._shown(call, screened.assessment, moment, service_id, asker)
        if isinstance(shown, Silence):
            return shown
        return _Due(screened.assessment, shown, ordering, await self._worksheet(call, asker))

    async def _worksheet(self, call: HookCall, asker: Asker) -> str:
        """Where the patient's worksheet can be opened; empty where there is none, or not by who asks."""
        if not asker.worksheets:
            return ""
        number = await self.ledger.worksheets.number(patient_key(call, asker), self.sender.trial.id)
        return f"{asker.worksheets}/{number}" if number else ""

    def _ordering(self, call: HookCall) -> Ordering | None:
        """What is being ordered; None at hooks that are not about orders."""
        if call.hook not in OF_ORDERS:
            return None
        return read_orders(call.draft_orders, call.selections, call.patient_id, self.catalog)

    def _why_silent(self, screened: Screened, ordering: Ordering | None) -> Silence | None:
        if ordering is not None and not ordering:
            return Silence.NOTHING_ORDERED
        if screened.facts.subjects and is_subject(self.sender.trial, screened.facts.subjects, self.speaking):
            return Silence.ALREADY_SUBJECT
        return why_silent(screened.assessment, ordering, self.speaking)

    async def _shown(
        self, call: HookCall, assessment: Assessment, moment: Moment, service_id: str, asker: Asker
    ) -> Silence | str:
        """The uuid of the card to show, written down, or why not, from what was said before."""
        patient, trial = patient_key(call, asker), self.sender.trial.id
        said = what_is_said(assessment, call.user.key)
        # One after the other: tasks of their own would cost more than the answers.
        decision = await self.ledger.decisions.latest(patient, trial)
        before = await self.ledger.cards.latest(patient, trial, said.user, asker.system)
        feedback = await self.ledger.feedback.of_patient(patient, trial)
        weighed = weigh(History(decision, before, feedback), said, moment.at, self.silence)
        if isinstance(weighed, Silence):
            return weighed
        if weighed is not None:
            self.ledger.cards.shown_again(weighed.uuid, moment.at)
            return weighed.uuid
        uuid = card_uuid(patient, trial, said, before, asker.system)
        await self.ledger.cards.shown(
            ShownCard(
                uuid=uuid,
                patient=patient,
                trial=trial,
                user=said.user,
                role=call.user.role,
                service=service_id,
                hook=call.hook,
                fingerprint=said.fingerprint,
                shown_at=moment.at,
                outcomes=said.outcomes,
                system=asker.system,
            )
        )
        return uuid

    async def screen(
        self,
        call: HookCall,
        delivered: Deliveries[Found],
        http: Callable[[], httpx.AsyncClient],
        as_of: date,
        asker: Asker = Asker(),
        key: bytes = b"",
    ) -> Screened:
        """The facts and the assessment behind the answer; remembered under `key` where nothing had to be fetched."""
        asked = Call(call.patient_id, as_of, delivered)
        needs_server = any(delivered.get(kind) is None or delivered[kind].next_page for kind in Kind)
        if needs_server and call.fhir_server is not None:
            session = self._session(call, call.fhir_server, http, asker)
            asked = Call(call.patient_id, as_of, delivered, session, _NOT_ALLOWED)
        screened = await screen_at_hook(asked, self.sender.trial, self.read, self.engine_version)
        if not needs_server:
            self.recent.keep(key, Came(self.sender.trial, screened, len(delivered)))
        return screened

    def _session(
        self, call: HookCall, address: str, http: Callable[[], httpx.AsyncClient], asker: Asker
    ) -> ServerSession | None:
        server = (self.servers if asker.servers is None else asker.servers).find(address)
        if server is None:
            return None
        deadline = asyncio.get_running_loop().time() + self.deadline_seconds - asker.waited
        return ServerSession(http(), self.searches, server, call.token, deadline, self.max_page_bytes)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a call sent of how many kinds, what it came to where the same call came before, and the words for that."""

    delivered: Deliveries[Found]
    kinds: int
    key: bytes
    screened: Screened | None = None
    details: dict[Ordering | None, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Due:
    """A card that is due: its assessment, its uuid, what is being ordered, where the worksheet is."""

    assessment: Assessment
    uuid: str
    ordering: Ordering | None
    worksheet: str = ""


def patient_key(call: HookCall, asker: Asker) -> PatientKey:
    """Which patient of which record system: its FHIR base, or who asks where the call names none.

    A server that a signed call may not point to is not taken for its patient's either: it
    would let one hospital write into the history of another's patients.
    """
    base = (call.fhir_server or "").rstrip("/")
    if asker.servers is not None:
        server = asker.servers.find(base) if base else None
        return PatientKey(_name(asker.system) if server is None else server.base, call.patient_id)
    return PatientKey(base or _name(asker.system), call.patient_id)


def _name(system: System) -> str:
    """A record system as the base of patients' ids: tenants of one issuer may number theirs alike."""
    return f"{system.issuer}#{system.tenant}" if system.tenant else system.issuer
