"""What screening needs of the world outside, as it sees it.

Adapters in `fhir/` and `cds/` satisfy these; fakes satisfy them in tests. A resource is
opaque here: screening counts and hands over, it does not look inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cds_service.domain.facts import Kind, PatientFacts

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Delivery(Generic[R]):
    """What was had of one kind of record.

    `problem` says in a few words why it is not all of it; None: all that there is.
    `next_page` is where more of it waits, None when this was the last page.
    """

    resources: tuple[R, ...] = ()
    problem: str | None = None
    next_page: str | None = None


Deliveries = Mapping[Kind, Delivery[R]]


class RecordServer(Protocol[R]):
    """The record system, asked for one patient within the time that is left.

    Neither call raises for what the server does: a refusal, an error, a page that never
    comes are a `problem` of the delivery.
    """

    async def fetch(self, kind: Kind, patient_id: str) -> Delivery[R]:
        """All records of one kind."""
        ...

    async def follow(self, kind: Kind, first: Delivery[R]) -> Delivery[R]:
        """The same delivery with the pages that follow its first."""
        ...


class ReadRecord(Protocol[R]):
    """Resources become facts: those of the patient asked for, others dropped and counted."""

    def __call__(self, patient_id: str, deliveries: Deliveries[R]) -> PatientFacts:
        """The patient's facts. Raises NoPatient when no Patient of that id is among them."""
        ...
