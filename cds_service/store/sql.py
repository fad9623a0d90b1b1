"""The ledger in a database, shared by all workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

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
)
from cds_service.screening.ports import Ledger
from cds_service.store import rows
from cds_service.store.asking import Asking
from cds_service.store.merging import merge_feedback
from cds_service.store.models import Table
from cds_service.store.writing import WriteBehind

_TABLES = Table.metadata.tables
CARDS, FEEDBACK, DECISIONS = _TABLES["cards"], _TABLES["feedback"], _TABLES["decisions"]
SUPPRESSIONS, REPLAYS, AUDIT = _TABLES["suppressions"], _TABLES["replays"], _TABLES["audit"]


def _insert(engine: Engine, table: Any) -> Any:  # noqa: ANN401  one of two dialects' own statements
    if engine.dialect.name != "postgresql":
        return sqlite_insert(table)
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415  slow to import, and seldom needed

    return insert(table)


_CARDS_OF_PATIENT = (
    select(CARDS)
    .where(
        CARDS.c.patient_id == bindparam("id"),
        CARDS.c.patient_base == bindparam("base"),
        CARDS.c.trial == bindparam("of_trial"),
    )
    .order_by(CARDS.c.shown_at.desc())
    .limit(1)
)
_CARDS_OF_USER = _CARDS_OF_PATIENT.where(CARDS.c.user_ref == bindparam("user"))
_CARD = select(CARDS).where(CARDS.c.uuid == bindparam("card_uuid"))
_SHOWN_AGAIN = update(CARDS).where(CARDS.c.uuid == bindparam("card_uuid")).values(last_shown_at=bindparam("again_at"))


class SqlCards:
    """The cards that were shown."""

    def __init__(self, engine: Engine, asking: Asking, writer: WriteBehind) -> None:
        self._asking = asking
        self._writer = writer
        self._new = _insert(engine, CARDS).on_conflict_do_nothing()

    async def shown(self, card: ShownCard) -> None:
        """Write down a card shown for the first time."""
        await self._asking.ask(lambda connection: _done(connection, self._new, rows.card_row(card)))

    def shown_again(self, uuid: str, at: datetime) -> None:
        """Note that the same card was shown again."""
        self._writer.add(_SHOWN_AGAIN, {"card_uuid": uuid, "again_at": at})

    async def latest(self, patient: PatientKey, trial: str, user: str | None = None) -> ShownCard | None:
        """The card shown last for a patient and trial, to this user or to anyone."""
        about = {"id": patient.id, "base": patient.base, "of_trial": trial}
        if user is None:
            return await self._one(_CARDS_OF_PATIENT, about)
        return await self._one(_CARDS_OF_USER, about | {"user": user})

    async def find(self, uuid: str) -> ShownCard | None:
        """The card of a uuid."""
        return await self._one(_CARD, {"card_uuid": uuid})

    async def _one(self, statement: Any, about: dict[str, str]) -> ShownCard | None:  # noqa: ANN401
        found = await self._asking.ask(lambda connection: connection.execute(statement, about).first())
        return None if found is None else rows.read_card(found)


_FEEDBACK_COLUMNS = (
    *(column for column in FEEDBACK.c if column.name not in ("service", "hook")),
    FEEDBACK.c.service.label("feedback_service"),
    FEEDBACK.c.hook.label("feedback_hook"),
)
_FEEDBACK_OF_CARD = select(*_FEEDBACK_COLUMNS).where(FEEDBACK.c.card == bindparam("of_card")).with_for_update()
_FEEDBACK_OF_PATIENT = (
    select(CARDS, *_FEEDBACK_COLUMNS)
    .join(FEEDBACK, FEEDBACK.c.card == CARDS.c.uuid)
    .where(
        CARDS.c.patient_id == bindparam("id"),
        CARDS.c.patient_base == bindparam("base"),
        CARDS.c.trial == bindparam("of_trial"),
    )
    .order_by(FEEDBACK.c.at.desc())
)
_ROLE = func.coalesce(CARDS.c.role, "")
_FEEDBACK_COUNTS = (
    select(FEEDBACK.c.hook, FEEDBACK.c.outcome, FEEDBACK.c.reason, _ROLE, func.count())
    .outerjoin(CARDS, FEEDBACK.c.card == CARDS.c.uuid)
    .group_by(FEEDBACK.c.hook, FEEDBACK.c.outcome, FEEDBACK.c.reason, _ROLE)
    .order_by(FEEDBACK.c.hook, FEEDBACK.c.outcome, FEEDBACK.c.reason, _ROLE)
)


class SqlFeedback:
    """What became of the cards."""

    def __init__(self, engine: Engine, asking: Asking) -> None:
        self._asking = asking
        self._new = _insert(engine, FEEDBACK).on_conflict_do_nothing().returning(FEEDBACK.c.card)

    async def record(self, feedback: Sequence[Feedback]) -> None:
        """Write down feedback, all or none; the latest outcome of a card holds."""
        # In one order, so that two workers with the same cards never wait for each other in a circle.
        ordered = sorted(feedback, key=lambda one: one.card)

        def write(connection: Connection) -> None:
            for one in ordered:
                self._merge(connection, one)

        await self._asking.transact(write)

    def _merge(self, connection: Connection, new: Feedback) -> None:
        if connection.execute(self._new, rows.feedback_row(new)).first() is not None:
            return
        known = connection.execute(_FEEDBACK_OF_CARD, {"of_card": new.card}).one()
        merged = rows.feedback_row(merge_feedback(rows.read_feedback(known), new))
        connection.execute(update(FEEDBACK).where(FEEDBACK.c.card == new.card).values(merged))

    async def of_patient(self, patient: PatientKey, trial: str) -> tuple[CardFeedback, ...]:
        """The feedback on a patient's cards for a trial, latest outcome first."""
        about = {"id": patient.id, "base": patient.base, "of_trial": trial}
        found = await self._asking.ask(lambda connection: connection.execute(_FEEDBACK_OF_PATIENT, about).all())
        return tuple(CardFeedback(rows.read_card(row), rows.read_feedback(row)) for row in found)

    async def counts(self) -> tuple[FeedbackCount, ...]:
        """How often which feedback was given."""
        found = await self._asking.transact(lambda connection: connection.execute(_FEEDBACK_COUNTS).all())
        return tuple(
            FeedbackCount(hook, FeedbackOutcome(outcome), reason, role, count)
            for hook, outcome, reason, role, count in found
        )


_DECISIONS_OF_PATIENT = select(DECISIONS).where(
    DECISIONS.c.patient_id == bindparam("id"),
    DECISIONS.c.patient_base == bindparam("base"),
    DECISIONS.c.trial == bindparam("of_trial"),
)
_LATEST_DECISION = _DECISIONS_OF_PATIENT.order_by(DECISIONS.c.id.desc()).limit(1)
_ALL_DECISIONS = _DECISIONS_OF_PATIENT.order_by(DECISIONS.c.id)
_NEW_DECISION = DECISIONS.insert()
_HOLDING = select(DECISIONS).where(
    DECISIONS.c.id.in_(
        select(func.max(DECISIONS.c.id))
        .where(DECISIONS.c.trial == bindparam("of_trial"))
        .group_by(DECISIONS.c.patient_base, DECISIONS.c.patient_id)
    )
)


class SqlDecisions:
    """What coordinators decided; nothing is overwritten."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def record(self, decision: Decision) -> None:
        """Add a decision."""

        def write(connection: Connection) -> None:
            _one_at_a_time(connection, decision)
            connection.execute(_NEW_DECISION, rows.decision_row(decision))

        await self._asking.transact(write)

    async def latest(self, patient: PatientKey, trial: str) -> Decision | None:
        """The decision that holds."""
        about = {"id": patient.id, "base": patient.base, "of_trial": trial}
        found = await self._asking.ask(lambda connection: connection.execute(_LATEST_DECISION, about).first())
        return None if found is None else rows.read_decision(found)

    async def history(self, patient: PatientKey, trial: str) -> tuple[Decision, ...]:
        """Every decision, the first one first."""
        about = {"id": patient.id, "base": patient.base, "of_trial": trial}
        found = await self._asking.ask(lambda connection: connection.execute(_ALL_DECISIONS, about).all())
        return tuple(rows.read_decision(row) for row in found)

    async def record_later(self, decision: Decision) -> bool:
        """Add a decision that was made later than the one that holds."""
        about = {"id": decision.patient.id, "base": decision.patient.base, "of_trial": decision.trial}

        def write(connection: Connection) -> bool:
            _one_at_a_time(connection, decision)
            held = connection.execute(_LATEST_DECISION, about).first()
            if held is not None and rows.read_decision(held).at >= decision.at:
                return False
            connection.execute(_NEW_DECISION, rows.decision_row(decision))
            return True

        return await self._asking.transact(write)

    async def holding(self, trial: str) -> Mapping[PatientKey, Decision]:
        """Of every patient anything was decided about, the decision that holds."""
        found = await self._asking.ask(lambda connection: connection.execute(_HOLDING, {"of_trial": trial}).all())
        return {decision.patient: decision for decision in map(rows.read_decision, found)}


def _one_at_a_time(connection: Connection, decision: Decision) -> None:
    """Wait for other decisions about the same patient: what holds must not change between asking and adding.

    The lock ends with the transaction. SQLite has one writer at a time as it is.
    """
    if connection.dialect.name == "postgresql":
        about = "\n".join((decision.trial, decision.patient.base, decision.patient.id))
        number = int.from_bytes(sha256(about.encode("utf-8", "surrogatepass")).digest()[:8], signed=True)
        connection.execute(_LOCK, {"number": number})


_LOCK = select(func.pg_advisory_xact_lock(bindparam("number", type_=BigInteger)))

_SUM = func.sum(SUPPRESSIONS.c.count)
_BY = (SUPPRESSIONS.c.reason, SUPPRESSIONS.c.service, SUPPRESSIONS.c.role)


class SqlSuppressions:
    """Cards that were not shown, counted by day."""

    def __init__(self, engine: Engine, asking: Asking, writer: WriteBehind) -> None:
        self._asking = asking
        self._writer = writer
        new = _insert(engine, SUPPRESSIONS)
        self._count = new.on_conflict_do_update(
            index_elements=["day", "reason", "service", "role"],
            set_={"count": SUPPRESSIONS.c.count + new.excluded["count"]},
        )

    def note(self, suppression: Suppression) -> None:
        """Count one."""
        self._writer.add(self._count, rows.suppression_row(suppression))

    async def counts(self, since: date | None = None) -> tuple[SuppressionCount, ...]:
        """How many there were for each reason, service and role."""
        statement = select(*_BY, _SUM).group_by(*_BY).order_by(*_BY)
        if since is not None:
            statement = statement.where(SUPPRESSIONS.c.day >= since)
        await asyncio.to_thread(self._writer.flush)
        found = await self._asking.transact(lambda connection: connection.execute(statement).all())
        return tuple(SuppressionCount(reason, service, role, int(count)) for reason, service, role, count in found)


class SqlReplays:
    """The ids of tokens used, by every worker."""

    def __init__(self, engine: Engine, asking: Asking) -> None:
        self._asking = asking
        self._new = _insert(engine, REPLAYS).on_conflict_do_nothing().returning(REPLAYS.c.token_id)

    async def claim(self, issuer: str, token_id: str, until: datetime) -> bool:
        """True where nobody used this id of this issuer before."""
        row = {"token_id": _digest(issuer, token_id), "until": until}
        # What comes back tells a new row in every database; a count of rows does not.
        return await self._asking.ask(lambda connection: connection.execute(self._new, row).first() is not None)


def _digest(issuer: str, token_id: str) -> str:
    # The length keeps "ab" + "c" apart from "a" + "bc".
    return sha256(f"{len(issuer)}:{issuer}{token_id}".encode("utf-8", "surrogatepass")).hexdigest()


_NEW_ENTRY = AUDIT.insert()


class SqlAudit:
    """Who asked about whom; the database refuses to change an entry."""

    def __init__(self, asking: Asking, writer: WriteBehind) -> None:
        self._asking = asking
        self._writer = writer

    def note(self, entry: AuditEntry) -> None:
        """Add an entry."""
        self._writer.add(_NEW_ENTRY, rows.audit_row(entry))

    async def entries(
        self, patient: PatientKey | None = None, since: datetime | None = None, at_most: int = 1000
    ) -> tuple[AuditEntry, ...]:
        """The entries, of one patient or all, in the order written."""
        statement = select(AUDIT).order_by(AUDIT.c.id).limit(at_most)
        if patient is not None:
            statement = statement.where(AUDIT.c.patient_id == patient.id, AUDIT.c.patient_base == patient.base)
        if since is not None:
            statement = statement.where(AUDIT.c.at >= since)
        await asyncio.to_thread(self._writer.flush)
        found = await self._asking.transact(lambda connection: connection.execute(statement).all())
        return tuple(rows.read_audit(row) for row in found)


def sql_ledger(engine: Engine, asking: Asking, writer: WriteBehind) -> Ledger:
    """The ledger in a database whose tables are ready."""
    return Ledger(
        SqlCards(engine, asking, writer),
        SqlFeedback(engine, asking),
        SqlDecisions(asking),
        SqlSuppressions(engine, asking, writer),
        SqlReplays(engine, asking),
        SqlAudit(asking, writer),
    )


def forget_replays(connection: Connection, before: datetime) -> None:
    """Forget the tokens that ended before an instant: they are refused for their age."""
    connection.execute(delete(REPLAYS).where(REPLAYS.c.until < before))


def _done(connection: Connection, statement: Any, row: dict[str, Any]) -> None:  # noqa: ANN401
    connection.execute(statement, row)
