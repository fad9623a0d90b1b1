"""One patient, now: what the caller sent and what the record system adds become an assessment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from cds_service.domain.facts import Kind, PatientFacts
from cds_service.domain.trials import Trial, assess
from cds_service.domain.verdicts import Assessment
from cds_service.errors import NoPatient
from cds_service.screening.ports import Deliveries, Delivery, ReadRecord, RecordServer

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """What one hook call asks: which patient, on which day, with what already delivered.

    `server` is None where the call names none, or none that may be asked; `no_server` then
    says why.
    """

    patient_id: str
    as_of: date
    delivered: Deliveries[R]
    server: RecordServer[R] | None = None
    no_server: str = "not sent, and the call names no FHIR server to ask"


@dataclass(frozen=True, slots=True)
class Screened:
    """What the record says, and what that comes to."""

    facts: PatientFacts
    assessment: Assessment


async def screen_at_hook(call: Call[R], trial: Trial, read: ReadRecord[R], engine_version: str = "") -> Screened:
    """The patient's facts and assessment from all that could be had in time.

    Only what is missing is fetched, all kinds at once. What could not be had makes unknown
    what rests on it. Raises NoPatient when the patient's own record is neither sent nor to
    be fetched.
    """
    deliveries = await _complete(call)
    patient = deliveries[Kind.PATIENT]
    if not patient.resources:
        raise NoPatient(f"prefetch key 'patient': {patient.problem or 'the record system has no such patient'}")
    facts = read(call.patient_id, deliveries)
    return Screened(facts, assess(trial, facts, call.as_of, engine_version))


async def _complete(call: Call[R]) -> dict[Kind, Delivery[R]]:
    """Every kind of record: as delivered where that is all, else fetched or with its problem."""
    complete = {kind: found for kind, found in call.delivered.items() if found.next_page is None}
    wanting = [kind for kind in Kind if kind not in complete]
    if wanting:
        had = await asyncio.gather(*(_have(kind, call) for kind in wanting))
        complete.update(zip(wanting, had, strict=True))
    return complete


async def _have(kind: Kind, call: Call[R]) -> Delivery[R]:
    first = call.delivered.get(kind)
    if call.server is None:
        if first is None:
            return Delivery(problem=call.no_server)
        return Delivery(first.resources, first.problem or "only the first page was sent, and no server to ask for more")
    return await (call.server.fetch(kind, call.patient_id) if first is None else call.server.follow(kind, first))
