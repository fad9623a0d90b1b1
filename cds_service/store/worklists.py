"""What the coordinator's list is made from, in a database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select

from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Run, Stored
from cds_service.store import run_rows as rows
from cds_service.store.runs import ASSESSMENTS, RUNS, SUMMARY, SqlAssessments, document_of

RUNS_KEPT_IN_SIGHT = 400
_AT_ONCE = 500

_BEFORE = ASSESSMENTS.alias("earlier")
_RUNS = select(RUNS).where(RUNS.c.trial == bindparam("of_trial")).order_by(RUNS.c.started_at.desc())
_ONE = select(ASSESSMENTS).where(ASSESSMENTS.c.id == bindparam("number"))
_DOCUMENTS = select(ASSESSMENTS.c.id, ASSESSMENTS.c.document).where(
    ASSESSMENTS.c.id.in_(bindparam("numbers", expanding=True))
)
_CURRENT = select(*SUMMARY).where(ASSESSMENTS.c.trial == bindparam("of_trial"), ASSESSMENTS.c.superseded.is_(False))
_LISTED = _CURRENT.where(ASSESSMENTS.c.listed.is_(True)).order_by(ASSESSMENTS.c.id)
_NAMED = _CURRENT.where(
    ASSESSMENTS.c.listed.is_(False),
    ASSESSMENTS.c.patient_base == bindparam("base"),
    ASSESSMENTS.c.patient_id.in_(bindparam("ids", expanding=True)),
).order_by(ASSESSMENTS.c.id)
_TURNED = _CURRENT.where(ASSESSMENTS.c.turned_in.in_(bindparam("runs", expanding=True))).order_by(ASSESSMENTS.c.id)
_SAME_PATIENT = and_(
    _BEFORE.c.trial == ASSESSMENTS.c.trial,
    _BEFORE.c.patient_base == ASSESSMENTS.c.patient_base,
    _BEFORE.c.patient_id == ASSESSMENTS.c.patient_id,
    _BEFORE.c.id < ASSESSMENTS.c.id,
)
_ID_BEFORE = select(func.max(_BEFORE.c.id)).where(_SAME_PATIENT).correlate(ASSESSMENTS).scalar_subquery()


def _before(columns: Collection[Any]) -> Select[Any]:
    """The assessments directly before those that runs turned, with the number of those that follow them."""
    return (
        select(ASSESSMENTS.c.id.label("now"), *columns)
        .join(_BEFORE, _BEFORE.c.id == _ID_BEFORE)
        .where(
            ASSESSMENTS.c.trial == bindparam("of_trial"),
            ASSESSMENTS.c.superseded.is_(False),
            ASSESSMENTS.c.turned_in.in_(bindparam("runs", expanding=True)),
            or_(ASSESSMENTS.c.listed.is_(True), _BEFORE.c.listed.is_(True)),
        )
    )


_REPLACED = _before([column for column in _BEFORE.c if column.name != "document"])
_HAD_A_PLACE = exists().where(_BEFORE.c.id == _ID_BEFORE, _BEFORE.c.listed.is_(True)).correlate(ASSESSMENTS)
_TURNED_IN_SIGHT = _TURNED.where(or_(ASSESSMENTS.c.listed.is_(True), _HAD_A_PLACE))


class SqlWorklist(SqlAssessments):
    """See `screening.ports.WorklistBook`."""

    def runs(self, trial: str) -> tuple[Run, ...]:
        """The latest runs of a trial, the last one first."""
        found = self._all(_RUNS.limit(RUNS_KEPT_IN_SIGHT), {"of_trial": trial})
        return tuple(rows.read_run(row) for row in found)

    def listed(self, trial: str, also: Collection[PatientKey] = ()) -> Iterator[Stored]:
        """The current assessments with a place on the list, and those of the patients named."""
        yield from self._stored(_LISTED, {"of_trial": trial})
        for base in {patient.base for patient in also}:
            ids = sorted(patient.id for patient in also if patient.base == base)
            for start in range(0, len(ids), _AT_ONCE):
                about = {"of_trial": trial, "base": base, "ids": ids[start : start + _AT_ONCE]}
                yield from self._stored(_NAMED, about)

    def turned(self, trial: str, runs: Collection[str]) -> Iterator[tuple[Stored, Stored | None]]:
        """What these runs turned of patients who have or had a place, and what was said before."""
        if not runs:
            return
        about = {"of_trial": trial, "runs": sorted(runs)}
        before = {row.now: rows.read_assessment(row, b"") for row in self._all(_REPLACED, about)}
        for stored in self._stored(_TURNED_IN_SIGHT, about):
            yield stored, before.get(stored.number)

    def numbered(self, number: int) -> Stored | None:
        """The assessment of a number, with its document."""
        found = self._all(_ONE, {"number": number})
        return rows.read_assessment(found[0], document_of(found[0])) if found else None

    def documents(self, numbers: Collection[int]) -> Mapping[int, bytes]:
        """The assessments of these numbers, as JSON."""
        wanted, found = sorted(numbers), dict[int, bytes]()
        for start in range(0, len(wanted), _AT_ONCE):
            some = self._all(_DOCUMENTS, {"numbers": wanted[start : start + _AT_ONCE]})
            found |= {row.id: document_of(row) for row in some}
        return found

    def _stored(self, statement: Select[Any], about: dict[str, Any]) -> Iterator[Stored]:
        return (rows.read_assessment(row, b"") for row in self._all(statement, about))

    def _all(self, statement: Select[Any], about: dict[str, Any]) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(statement, about))
