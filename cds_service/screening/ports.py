"""What screening needs of the world outside, as it sees it.

Adapters in `fhir/` and `cds/` satisfy these; fakes satisfy them in tests. A resource is
opaque here: screening counts and hands over, it does not look inside.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar

from cds_service.domain.facts import Kind, PatientFacts
from cds_service.screening.entries import (
    AuditEntry,
    CardFeedback,
    Decision,
    Feedback,
    FeedbackCount,
    PatientKey,
    ShownCard,
    Suppression,
    SuppressionCount,
    System,
)
from cds_service.screening.runs import Held, Run, Saved, Stored
from cds_service.screening.screened import EngineOutcome, Screened

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


class CardLog(Protocol):
    """The cards that were shown, shared by all workers."""

    async def shown(self, card: ShownCard) -> None:
        """Write down a card shown for the first time. On return other workers see it. Idempotent by uuid."""
        ...

    def shown_again(self, uuid: str, at: datetime) -> None:
        """Note that the same card was shown again; written soon, does not wait."""
        ...

    async def latest(self, patient: PatientKey, trial: str, user: str, system: System) -> ShownCard | None:
        """The card shown last for a patient and trial to this user of this record system."""
        ...

    async def find(self, uuid: str) -> ShownCard | None:
        """The card of a uuid."""
        ...

    async def shown_to(self, system: System, uuids: Collection[str]) -> frozenset[str]:
        """Which of these cards were shown to users of this record system."""
        ...


class FeedbackBook(Protocol):
    """What became of the cards: one entry a card, its latest outcome."""

    async def record(self, feedback: Sequence[Feedback]) -> None:
        """Write down feedback, for unknown cards too.

        Of several for one card the one with the latest `at` holds, whatever the order of
        arrival (of equal ones the last to arrive); suggestions once accepted stay listed.
        On return other workers see it.
        """
        ...

    async def of_patient(self, patient: PatientKey, trial: str) -> tuple[CardFeedback, ...]:
        """The feedback on a patient's cards for a trial, from all users, latest outcome first."""
        ...

    async def counts(self) -> tuple[FeedbackCount, ...]:
        """How often which feedback was given, by hook, outcome, reason and role."""
        ...


class Decisions(Protocol):
    """What coordinators decided; each decision is kept."""

    async def record(self, decision: Decision) -> None:
        """Add a decision. On return other workers see it."""
        ...

    async def latest(self, patient: PatientKey, trial: str) -> Decision | None:
        """The decision that holds: the last one made."""
        ...

    async def history(self, patient: PatientKey, trial: str) -> tuple[Decision, ...]:
        """Every decision, the first one first."""
        ...

    async def record_later(self, decision: Decision) -> bool:
        """Add a decision that was made later than the one that holds; False where it was not, nothing is added then."""
        ...

    async def holding(self, trial: str) -> Mapping[PatientKey, Decision]:
        """Of every patient anything was decided about, the decision that holds."""
        ...


class Suppressions(Protocol):
    """Cards that were not shown, counted by reason."""

    def note(self, suppression: Suppression) -> None:
        """Count one; written soon, does not wait."""
        ...

    async def counts(self, since: date | None = None) -> tuple[SuppressionCount, ...]:
        """How many there were for each reason, service and role, since a day."""
        ...


class ReplayGuard(Protocol):
    """The ids of tokens used, shared by all workers."""

    async def claim(self, issuer: str, token_id: str, until: datetime) -> bool:
        """True where nobody used this id of this issuer before; remembered until that instant at least."""
        ...


class AuditTrail(Protocol):
    """Who asked about whom and what came of it: added to, never changed."""

    def note(self, entry: AuditEntry) -> None:
        """Add an entry; written soon, does not wait."""
        ...

    async def entries(
        self, patient: PatientKey | None = None, since: datetime | None = None, at_most: int = 1000
    ) -> tuple[AuditEntry, ...]:
        """The entries, of one patient or all, from an instant on, in the order written."""
        ...


class Worksheets(Protocol):
    """Which patients have a worksheet: those whom a nightly run assessed."""

    async def number(self, patient: PatientKey, trial: str) -> int | None:
        """The number of the assessment that holds of a patient; None where no run has assessed them."""
        ...


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that outlasts a call, in one place."""

    cards: CardLog
    feedback: FeedbackBook
    decisions: Decisions
    suppressions: Suppressions
    replays: ReplayGuard
    audit: AuditTrail
    worksheets: Worksheets


class Runs(Protocol):
    """The nightly runs, and the assessments they made. Asked from a command, not from the event loop.

    Each call raises RemoteError where the database cannot be reached.
    """

    def lock(self) -> AbstractContextManager[None]:
        """While it is held no other run of this database can take it; free again when the process ends.

        Raises AnotherRun where another run holds it.
        """
        ...

    def begin(self, run: Run) -> None:
        """Write down that a run began; one of the same id is begun anew. Earlier ones still running were killed."""
        ...

    def complete(self, run: Run, screened: Iterable[Screened], unchanged: Iterable[PatientKey] = ()) -> Saved:
        """Store a run and all its assessments in one step: all of it or nothing.

        Patients of this source whose current assessment is neither among them nor `unchanged` are
        marked as vanished; that of the unchanged is said again by this run. An assessment that says
        what the last one said replaces it; another makes it history. A run that is complete already is left as it is.
        """
        ...

    def end(self, run: Run) -> None:
        """Write down a run that is incomplete; assessments stay as they were."""
        ...

    def last(self, source: str, trial: str) -> Run | None:
        """The last complete run of a source for a trial."""
        ...

    def find(self, run_id: str) -> Run | None:
        """The run of an id."""
        ...


class AssessmentBook(Protocol):
    """The assessments that nightly runs stored."""

    def current(self, trial: str, base: str | None = None, *, documents: bool = False) -> Iterator[Stored]:
        """The assessment that holds of every patient, vanished ones included; of one server where `base` is given."""
        ...

    def document(self, patient: PatientKey, trial: str) -> bytes:
        """The assessment that holds of a patient, as JSON; empty where there is none."""
        ...

    def held(self, trial: str, base: str) -> Mapping[str, Held]:
        """What the current assessments of a server's patients rest on, by bare id; vanished ones left out."""
        ...

    def history(self, patient: PatientKey, trial: str) -> tuple[Stored, ...]:
        """All assessments of a patient, the first one first, with their documents."""
        ...


class PopulationEngine(Protocol):
    """A population's records, assessed patient by patient, on one machine or many."""

    def run(self) -> EngineOutcome:
        """Assess everybody who is to be considered."""
        ...

    def results(self) -> Iterator[Screened]:
        """Every assessment made, in any order."""
        ...


class WorklistBook(AssessmentBook, Protocol):
    """What the coordinator's list is made from: assessments, and what the runs made of them."""

    def runs(self, trial: str) -> tuple[Run, ...]:
        """The latest runs of a trial, whatever became of them, the last one first."""
        ...

    def listed(self, trial: str, also: Collection[PatientKey] = ()) -> Iterator[Stored]:
        """The current assessments that have a place on the list, and those of the patients named; no documents."""
        ...

    def turned(self, trial: str, runs: Collection[str]) -> Iterator[tuple[Stored, Stored | None]]:
        """What one of these runs turned, of patients who have or had a place: the assessment now, and before it.

        Turned: said for the first time, the patient missed, or met again. No documents.
        """
        ...

    def numbered(self, number: int) -> Stored | None:
        """The assessment of a number, with its document."""
        ...

    def documents(self, numbers: Collection[int]) -> Mapping[int, bytes]:
        """The assessments of these numbers, as JSON."""
        ...
