"""Drugs in order of time, gathered into lines: when the next one opens a new line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from cds_service.domain.codes import Meanings
from cds_service.domain.criteria import TherapyRules
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Evidence, Intent
from cds_service.domain.making import quick_to_make


@quick_to_make
@dataclass(frozen=True, slots=True)
class Treatment:
    """One record of a drug or regimen with a known start; `last` is its end, else its start.

    `certain` whether it was given, not only ordered or planned.
    """

    start: PartialDate
    last: PartialDate
    agents: frozenset[str]
    classes: frozenset[str]
    evidence: Evidence
    certain: bool = True
    ongoing: bool = False
    intent: Intent | None = None
    stop_reasons: Meanings = ()


@dataclass(slots=True)
class Course:
    """One line while it is gathered: its drugs, its first and last day."""

    start: PartialDate
    last: date
    agents: set[str]
    classes: set[str]
    ongoing: bool = False
    not_tolerated: set[str] = field(default_factory=set)
    last_of: dict[str, date] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)

    @classmethod
    def opened_by(cls, drug: Treatment) -> Course:
        """A line that begins with a drug."""
        course = cls(drug.start, drug.start.latest, set(), set())
        course.take(drug)
        return course

    def take(self, drug: Treatment) -> None:
        """Add a drug to the line."""
        end = drug.last.latest
        self.last = max(self.last, end)
        self.agents.update(drug.agents)
        self.classes.update(drug.classes)
        self.ongoing = self.ongoing or drug.ongoing
        self.evidence.append(drug.evidence)
        for agent in drug.agents:
            if end >= self.last_of.get(agent, end):
                self.last_of[agent] = end


def courses_of(
    drugs: Iterable[Treatment],
    rules: TherapyRules,
    background: frozenset[str],
    progressions: Sequence[date],
    *,
    strict: bool,
) -> list[Course]:
    """The lines that drugs make, first to last.

    `background` agents (androgen deprivation in prostate cancer) open a line only where none
    is open and never keep one going. `strict` reads partial dates so that fewer lines result.
    """
    rule = _Opening(rules, tuple(sorted(progressions)), strict)
    courses: list[Course] = []
    for drug in sorted(drugs, key=_in_order):
        if courses and background.issuperset(drug.agents):
            courses[-1].agents.update(drug.agents)
            courses[-1].evidence.append(drug.evidence)
        elif courses and not rule.opens(courses[-1], drug, background):
            courses[-1].take(drug)
            _note_intolerance(courses[-1], drug, rules)
        else:
            courses.append(Course.opened_by(drug))
            _note_intolerance(courses[-1], drug, rules)
    return courses


def _in_order(drug: Treatment) -> tuple[date, date, str]:
    return drug.start.earliest, drug.start.latest, drug.evidence.reference


def _note_intolerance(course: Course, drug: Treatment, rules: TherapyRules) -> None:
    if drug.stop_reasons and any(reason.use in rules.intolerance_groups for reason in drug.stop_reasons):
        course.not_tolerated.update(drug.classes)


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Opening:
    """When a drug opens a new line after another."""

    rules: TherapyRules
    progressions: tuple[date, ...]
    strict: bool

    def opens(self, course: Course, drug: Treatment, background: frozenset[str]) -> bool:
        """Whether a drug begins a new line: after a gap, or new to the running one."""
        if not course.ongoing and self._later(drug.start, course.last, self.rules.gap_days):
            return True
        if drug.agents <= course.agents:
            return self._comes_back(course, drug)
        new = drug.agents - course.agents - background
        if not new:
            return self._comes_back(course, drug)
        if not self._later(drug.start, self._begun(course), self.rules.regimen_days):
            return False
        return self._progressed(course, drug) or not self._replaces(course, drug, new)

    def _begun(self, course: Course) -> date:
        return course.start.latest if self.strict else course.start.earliest

    def _later(self, start: PartialDate, than: date, days: int) -> bool:
        """Whether a start lies more than `days` days after a day."""
        day = start.earliest if self.strict else start.latest
        return (day - than).days > days

    def _comes_back(self, course: Course, drug: Treatment) -> bool:
        """A drug of the running line, given again after a pause of its own: new after progression.

        Without a recorded progression it may be a new line, so it is one in the larger count only.
        """
        if course.ongoing:
            return False
        given = [course.last_of[agent] for agent in drug.agents if agent in course.last_of]
        paused = bool(given) and self._later(drug.start, max(given), self.rules.gap_days)
        return paused and (not self.strict or self._progressed(course, drug))

    def _progressed(self, course: Course, drug: Treatment) -> bool:
        """Whether a progression is recorded after the line began and up to the day of the drug."""
        begun, until = course.start.latest, drug.start.latest
        return any(begun < day <= until for day in self.progressions)

    def _replaces(self, course: Course, drug: Treatment, new: frozenset[str]) -> bool:
        """Whether each new agent stands for one of the line: its like, or its class after intolerance."""
        if drug.classes and drug.classes <= course.not_tolerated:
            return True
        return all(self._has_its_like(agent, course) for agent in new)

    def _has_its_like(self, agent: str, course: Course) -> bool:
        return any(agent in like and like & course.agents for like in self.rules.substitutions)
