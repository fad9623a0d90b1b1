"""The patient as a person: alive, of age, fit enough (CRITERIA `alive`, I1, I3, ruling 18)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from cds_service.domain.case import Case
from cds_service.domain.criteria import AgeAtLeast, Outcome, PerformanceAtMost
from cds_service.domain.dates import AsOf, PartialDate, days_after, years_after
from cds_service.domain.facts import DataQuality, Evidence, Kind, PerformanceStatus, Person, Scale
from cds_service.domain.making import quick_to_make
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding, Missing


def judge_alive(case: Case, as_of: AsOf) -> Finding:
    """Fails when the record says that the patient has died by the day of assessment."""
    person = case.facts.person
    died = person.deceased_on
    if died is not None and as_of.has_come(died.earliest):
        return Finding(
            Outcome.FAIL, f"Recorded as deceased ({died})", evidence=(_about(person, str(died), "Deceased"),)
        )
    if died is None and person.deceased:
        return Finding(Outcome.FAIL, "Recorded as deceased", evidence=(_about(person, None, "Deceased"),))
    if died is None and person.deceased is False:
        return Finding(Outcome.PASS, "Recorded as not deceased", evidence=(_about(person, None, "Not deceased"),))
    gap = case.facts.missing_kind(Kind.PATIENT)
    if gap is not None:
        missing = (Missing("vital status", "see whether the patient is alive"),)
        return Finding(Outcome.UNKNOWN, f"Not read in full: {gap}", Basis.NO_RECORD, missing=missing)
    return Finding(Outcome.PASS, "No death is recorded", Basis.DERIVED)


def _about(person: Person, when: str | None, text: str) -> Evidence:
    return Evidence(person.reference, when, text)


def judge_age(rule: AgeAtLeast, case: Case, as_of: AsOf) -> Finding:
    """Whether so many full years have passed since birth; born on 29 February, from 1 March."""
    born = case.facts.person.birth_date
    if born is None:
        missing = (Missing("birth date", "record the date of birth"),)
        return Finding(Outcome.UNKNOWN, "No birth date is recorded", Basis.NO_RECORD, missing=missing)
    of_age = as_of.years_since(born, rule.years)
    text = f"{_years(born, as_of)} (needs {rule.years} or more)"
    evidence = (_about(case.facts.person, str(born), f"Born {born}"),)
    match of_age:
        case Truth.TRUE:
            return Finding(Outcome.PASS, f"Aged {text}", evidence=evidence)
        case Truth.FALSE if not as_of.has_come(born.earliest):
            return Finding(Outcome.FAIL, f"Born {born}, after the day of assessment", evidence=evidence)
        case Truth.FALSE:
            return Finding(Outcome.FAIL, f"Aged {text}", evidence=evidence)
        case Truth.UNKNOWN:
            missing = (Missing("birth date", "record the exact date of birth"),)
            return Finding(Outcome.UNKNOWN, f"Born {born}: aged {text}", evidence=evidence, missing=missing)
        case _:
            assert_never(of_age)


def _years(born: PartialDate, as_of: AsOf) -> str:
    """The age for people to read: one number, or two where the birth date leaves both open."""
    least, most = (_full_years(day, as_of) for day in (born.latest, born.earliest))
    return str(most) if least == most else f"{least} or {most}"


def _full_years(day: date, as_of: AsOf) -> int:
    years = as_of.day.year - day.year
    return years if years_after(day, years) <= as_of.day else years - 1


_SCALES: tuple[Scale, ...] = (Scale.ECOG, Scale.KARNOFSKY)


def judge_performance(rule: PerformanceAtMost, case: Case, as_of: AsOf) -> Finding:
    """The latest ECOG score of the window, else the latest Karnofsky score.

    Two scores of one day: the worse decides, and it is noted. Scores whose partial dates
    leave open which is the latest decide only where they agree.
    """
    gap = case.facts.missing_kind(Kind.OBSERVATIONS)
    if gap is not None:
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=_score_now(rule, as_of))
    for scale in _SCALES:
        scores = _Scores.of(case.facts.performance, scale, rule.within_days, as_of)
        if scores.latest:
            return _judge_latest(rule, scores, as_of)
    return _none_recent(rule, case.facts.performance, as_of)


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Scores:
    """The scores of one scale that may be the latest of the window.

    `in_window` is false where partial dates leave open whether any lies in it. `unreadable`
    are newer records without a score.
    """

    scale: Scale
    latest: tuple[PerformanceStatus, ...] = ()
    in_window: bool = True
    unreadable: tuple[PerformanceStatus, ...] = ()

    @staticmethod
    def of(recorded: Iterable[PerformanceStatus], scale: Scale, days: int, as_of: AsOf) -> _Scores:
        """The scores that may be the latest, read with the days they may lie on."""
        dated = [(item, item.date) for item in recorded if item.scale is scale and item.date is not None]
        recent = [(item, when, as_of.within_days(when, days)) for item, when in dated]
        readable = [(item, when, inside) for item, when, inside in recent if item.score is not None]
        sure = [when.earliest for _, when, inside in readable if inside is Truth.TRUE]
        if not sure:
            maybe = tuple(item for item, _, inside in readable if inside is Truth.UNKNOWN)
            return _Scores(scale, maybe, in_window=False)
        latest = tuple(
            item for item, when, inside in readable if inside is not Truth.FALSE and when.latest >= max(sure)
        )
        newer = tuple(item for item, when, _ in recent if item.score is None and when.latest >= max(sure))
        return _Scores(scale, latest, unreadable=newer)

    @property
    def worst(self) -> PerformanceStatus:
        """The score of the poorest patient among them: highest ECOG, lowest Karnofsky."""
        sign = 1 if self.scale is Scale.ECOG else -1
        return max(self.latest, key=lambda item: (sign * (item.score or 0), item.evidence.reference))

    @property
    def are_of_one_day(self) -> bool:
        """Whether all of them are dated exactly, on the same day."""
        return len({item.date for item in self.latest}) == 1 and all(
            item.date is not None and item.date.is_exact for item in self.latest
        )


def _judge_latest(rule: PerformanceAtMost, scores: _Scores, as_of: AsOf) -> Finding:
    outcomes = {_outcome(rule, item) for item in scores.latest}
    worst = scores.worst
    evidence = tuple(item.evidence for item in scores.latest)
    settled = scores.in_window and (len(outcomes) == 1 or scores.are_of_one_day)
    if not settled:
        reason = f"{_shown(worst)}: its date leaves open whether it is the latest within {rule.within_days} days"
        return Finding(Outcome.UNKNOWN, reason, evidence=evidence, missing=_score_now(rule, as_of))
    outcome = _outcome(rule, worst)
    return Finding(
        outcome,
        f"{_shown(worst)} ({_needs(rule, scores.scale)})",
        Basis.RECORDED if scores.scale is Scale.ECOG else Basis.DERIVED,
        evidence,
        _score_now(rule, as_of) if outcome is Outcome.UNKNOWN else (),
        _noted(scores),
    )


def _outcome(rule: PerformanceAtMost, item: PerformanceStatus) -> Outcome:
    """Of a Karnofsky score between the two limits nothing can be said; every ECOG score decides."""
    score, by_ecog = item.score, item.scale is Scale.ECOG
    if score is None or (not by_ecog and rule.karnofsky_fails_to < score < rule.karnofsky_passes_from):
        return Outcome.UNKNOWN
    kept = score <= rule.ecog if by_ecog else score >= rule.karnofsky_passes_from
    return Outcome.PASS if kept else Outcome.FAIL


def _shown(item: PerformanceStatus) -> str:
    mark = " (preliminary)" if item.preliminary else ""
    return f"{item.scale.value} {item.score} on {item.date}{mark}"


def _needs(rule: PerformanceAtMost, scale: Scale) -> str:
    if scale is Scale.ECOG:
        return f"needs {rule.ecog} or less"
    return f"no ECOG score; {rule.karnofsky_passes_from} or more stands for ECOG {rule.ecog} or less"


def _noted(scores: _Scores) -> tuple[DataQuality, ...]:
    notes = [DataQuality(item.evidence.reference, item.problem or "no score recorded") for item in scores.unreadable]
    if len({item.score for item in scores.latest}) > 1:
        worst = scores.worst.evidence.reference
        notes.append(DataQuality(worst, f"{scores.scale.value} scores of one day disagree; the worse one decides"))
    return tuple(notes)


def _score_now(rule: PerformanceAtMost, as_of: AsOf) -> tuple[Missing, ...]:
    how = f"a score within {rule.within_days} days"
    return (Missing("ECOG performance status", how, days_after(as_of.day, -rule.within_days), as_of.day),)


def _none_recent(rule: PerformanceAtMost, recorded: tuple[PerformanceStatus, ...], as_of: AsOf) -> Finding:
    missing = _score_now(rule, as_of)
    readable = [item for item in recorded if item.score is not None and item.date is not None]
    if readable:
        last = max(readable, key=lambda item: (item.date.latest if item.date else as_of.day, item.evidence.reference))
        reason = f"{_shown(last)} is older than {rule.within_days} days"
        return Finding(Outcome.UNKNOWN, reason, evidence=(last.evidence,), missing=missing)
    evidence = tuple(item.evidence for item in recorded)
    notes = tuple(DataQuality(item.evidence.reference, item.problem or "no date recorded") for item in recorded)
    reason = "No performance status with a score and a date is recorded"
    return Finding(Outcome.UNKNOWN, reason, Basis.NO_RECORD, evidence, missing, notes)
