"""The ledger in memory: forgotten when the process ends, not shared by workers.

For trying the service out, and for tests; the contract tests hold it to what the SQL store does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from cds_service import clock
from cds_service.screening.entries import (
    AuditEntry,
    CardFeedback,
    Decision,
    Feedback,
    FeedbackCount,
    FeedbackOutcome,
    PatientKey,
    ShownCard,
    Suppression,
    SuppressionCount,
    System,
)
from cds_service.screening.ports import Ledger
from cds_service.store.memory_runs import MemoryRuns
from cds_service.store.merging import merge_feedback


class MemoryCards:
    """The cards that were shown."""

    def __init__(self) -> None:
        self._cards: dict[str, ShownCard] = {}

    async def shown(self, card: ShownCard) -> None:
        """Write down a card shown for the first time."""
        self._cards.setdefault(card.uuid, card)

    def shown_again(self, uuid: str, at: datetime) -> None:
        """Note that the same card was shown again."""
        card = self._cards.get(uuid)
        if card is not None:
            self._cards[uuid] = replace(card, last_shown_at=at)

    async def latest(self, patient: PatientKey, trial: str, user: str, system: System) -> ShownCard | None:
        """The card shown last for a patient and trial to this user of this record system."""
        wanted = (patient, trial, user, system)
        found = (card for card in self._cards.values() if (card.patient, card.trial, card.user, card.system) == wanted)
        return max(found, key=lambda card: card.shown_at, default=None)

    async def find(self, uuid: str) -> ShownCard | None:
        """The card of a uuid."""
        return self._cards.get(uuid)

    async def shown_to(self, system: System, uuids: Collection[str]) -> frozenset[str]:
        """Which of these cards were shown to users of this record system."""
        return frozenset(uuid for uuid in uuids if uuid in self._cards and self._cards[uuid].system == system)


class MemoryFeedback:
    """What became of the cards."""

    def __init__(self, cards: MemoryCards) -> None:
        self._cards = cards
        self._feedback: dict[str, Feedback] = {}

    async def record(self, feedback: Sequence[Feedback]) -> None:
        """Write down feedback; the latest outcome of a card holds."""
        for new in feedback:
            self._feedback[new.card] = merge_feedback(self._feedback.get(new.card), new)

    async def of_patient(self, patient: PatientKey, trial: str) -> tuple[CardFeedback, ...]:
        """The feedback on a patient's cards for a trial, latest outcome first."""
        known = [(await self._cards.find(uuid), feedback) for uuid, feedback in self._feedback.items()]
        found = [
            CardFeedback(card, feedback)
            for card, feedback in known
            if card is not None and card.patient == patient and card.trial == trial
        ]
        return tuple(sorted(found, key=lambda item: item.feedback.at, reverse=True))

    async def counts(self) -> tuple[FeedbackCount, ...]:
        """How often which feedback was given."""
        counted = Counter([await self._fate(feedback) for feedback in self._feedback.values()])
        return tuple(FeedbackCount(*fate, count) for fate, count in counted.items())

    async def _fate(self, feedback: Feedback) -> tuple[str, FeedbackOutcome, str, str]:
        card = await self._cards.find(feedback.card)
        return feedback.hook, feedback.outcome, feedback.reason, card.role if card else ""


class MemoryDecisions:
    """What coordinators decided."""

    def __init__(self) -> None:
        self._decisions: list[Decision] = []

    async def record(self, decision: Decision) -> None:
        """Add a decision."""
        self._decisions.append(decision)

    async def latest(self, patient: PatientKey, trial: str) -> Decision | None:
        """The decision that holds."""
        history = await self.history(patient, trial)
        return history[-1] if history else None

    async def history(self, patient: PatientKey, trial: str) -> tuple[Decision, ...]:
        """Every decision, the first one first."""
        return tuple(d for d in self._decisions if d.patient == patient and d.trial == trial)

    async def record_later(self, decision: Decision) -> bool:
        """Add a decision that was made later than the one that holds."""
        known = await self.latest(decision.patient, decision.trial)
        if known is not None and known.at >= decision.at:
            return False
        self._decisions.append(decision)
        return True

    async def holding(self, trial: str) -> Mapping[PatientKey, Decision]:
        """Of every patient anything was decided about, the decision that holds."""
        return {decision.patient: decision for decision in self._decisions if decision.trial == trial}


class MemorySuppressions:
    """Cards that were not shown, counted."""

    def __init__(self) -> None:
        self._counts: Counter[Suppression] = Counter()

    def note(self, suppression: Suppression) -> None:
        """Count one."""
        self._counts[suppression] += 1

    async def counts(self, since: date | None = None) -> tuple[SuppressionCount, ...]:
        """How many there were for each reason, service and role."""
        summed: Counter[tuple[str, str, str]] = Counter()
        for noted, count in self._counts.items():
            if since is None or noted.day >= since:
                summed[noted.reason, noted.service, noted.role] += count
        return tuple(SuppressionCount(*key, count) for key, count in summed.items())


class MemoryReplays:
    """The ids of tokens used. Swept when it has doubled, so that a claim stays a look-up."""

    def __init__(self, now: Callable[[], datetime] = clock.now) -> None:
        self._now = now
        self._until: dict[tuple[str, str], datetime] = {}
        self._sweep_at = 1000

    async def claim(self, issuer: str, token_id: str, until: datetime) -> bool:
        """True where nobody used this id of this issuer before."""
        if (issuer, token_id) in self._until:
            return False
        self._until[issuer, token_id] = until
        if len(self._until) >= self._sweep_at:
            now = self._now()
            self._until = {key: end for key, end in self._until.items() if end >= now}
            self._sweep_at = max(1000, 2 * len(self._until))
        return True


class MemoryAudit:
    """Who asked about whom: the last entries, for memory has an end."""

    def __init__(self, at_most: int = 100_000) -> None:
        self._entries: list[AuditEntry] = []
        self._at_most = at_most

    def note(self, entry: AuditEntry) -> None:
        """Add an entry."""
        self._entries.append(entry)
        if len(self._entries) > 2 * self._at_most:
            del self._entries[: self._at_most]

    async def entries(
        self, patient: PatientKey | None = None, since: datetime | None = None, at_most: int = 1000
    ) -> tuple[AuditEntry, ...]:
        """The entries, of one patient or all, in the order written."""
        found = (
            entry
            for entry in self._entries
            if (patient is None or entry.patient == patient) and (since is None or entry.at >= since)
        )
        return tuple(entry for entry, _ in zip(found, range(at_most), strict=False))


class MemoryWorksheets:
    """Which patients have a worksheet."""

    def __init__(self, book: MemoryRuns) -> None:
        self._book = book

    async def number(self, patient: PatientKey, trial: str) -> int | None:
        """The number of the assessment that holds of a patient."""
        return next(
            (stored.number for stored in self._book.current(trial, patient.base) if stored.patient == patient), None
        )


def memory_ledger(now: Callable[[], datetime] = clock.now, book: MemoryRuns | None = None) -> Ledger:
    """A ledger that holds nothing yet and is gone with the process; `book` holds the nightly runs."""
    cards = MemoryCards()
    return Ledger(
        cards,
        MemoryFeedback(cards),
        MemoryDecisions(),
        MemorySuppressions(),
        MemoryReplays(now),
        MemoryAudit(),
        MemoryWorksheets(book or MemoryRuns()),
    )
