"""A hook call answered: what was sent and fetched is assessed, and a card written where it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import httpx

from cds_service.cds.cards import Sender, write_card
from cds_service.cds.prefetch import read_prefetch
from cds_service.cds.wire import HookCall, HookResponse
from cds_service.domain.facts import Kind
from cds_service.domain.verdicts import Assessment
from cds_service.fhir.bundles import Found
from cds_service.fhir.client import ServerSession
from cds_service.fhir.searches import Searches
from cds_service.fhir.servers import AllowedServers
from cds_service.screening.at_hook import Call, assess_at_hook
from cds_service.screening.ports import Deliveries, ReadRecord
from cds_service.screening.speaking import Silence, SpeakingRules, why_silent

_NOT_ALLOWED = "not sent, and the call's FHIR server is not in CDS_ALLOWED_FHIR_SERVERS"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a hook call, with what may be logged of it: numbers, no patient data."""

    response: HookResponse
    silence: Silence | None
    sent: int


@dataclass(frozen=True, slots=True)
class TrialService:
    """One trial's side of the conversation; built once, holds nothing of any call."""

    sender: Sender
    searches: Searches
    servers: AllowedServers
    speaking: SpeakingRules
    read: ReadRecord[Found]
    deadline_seconds: float
    max_page_bytes: int
    engine_version: str

    async def answer(self, call: HookCall, http: Callable[[], httpx.AsyncClient], as_of: date) -> Answer:
        """The answer to a call. Raises NoPatient when the patient's record cannot be had.

        `http` is only asked for where something must be fetched.
        """
        delivered = read_prefetch(call.prefetch, call.patient_id)
        assessment = await self.assess(call, delivered, http, as_of)
        trial = self.sender.trial
        silence = why_silent(assessment, call.user.type, trial.open, self.speaking)
        cards = () if silence else (write_card(self.sender, assessment, call),)
        return Answer(HookResponse(cards), silence, len(delivered))

    async def assess(
        self, call: HookCall, delivered: Deliveries[Found], http: Callable[[], httpx.AsyncClient], as_of: date
    ) -> Assessment:
        """The assessment behind the answer."""
        asked = Call(call.patient_id, as_of, delivered)
        needs_server = any(delivered.get(kind) is None or delivered[kind].next_page for kind in Kind)
        if needs_server and call.fhir_server is not None:
            session = self._session(call, call.fhir_server, http)
            asked = Call(call.patient_id, as_of, delivered, session, _NOT_ALLOWED)
        return await assess_at_hook(asked, self.sender.trial, self.read, self.engine_version)

    def _session(self, call: HookCall, address: str, http: Callable[[], httpx.AsyncClient]) -> ServerSession | None:
        server = self.servers.find(address)
        if server is None:
            return None
        deadline = asyncio.get_running_loop().time() + self.deadline_seconds
        return ServerSession(http(), self.searches, server, call.token, deadline, self.max_page_bytes)
