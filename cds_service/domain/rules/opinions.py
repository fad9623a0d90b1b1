"""What only a clinician can judge, with what there is to look at (CRITERIA I4, I7, I15d, I16, E5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cds_service.domain.case import Case
from cds_service.domain.codes import of_concept
from cds_service.domain.criteria import ClinicianJudges, Exhibit, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Condition, Evidence, Kind, Procedure, StatusObservation
from cds_service.domain.making import quick_to_make
from cds_service.domain.rules.childbearing import sterility
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Finding, JudgedLesion, LesionState

_SHOWN = 12
"""How many items an exhibit names in its reason; the evidence holds all of them."""


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Shown:
    """One exhibit: a sentence, and where it stands in the record."""

    words: str
    evidence: tuple[Evidence, ...] = ()


def judge_opinion(rule: ClinicianJudges, case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (no window)
    """Always for the clinician, unless a recorded sterility makes the question moot."""
    if rule.moot_when_sterile:
        sterile = sterility(case)
        if sterile.truth is Truth.TRUE:
            doubt = f" ({sterile.doubt})" if sterile.doubt else ""
            return Finding(Outcome.PASS, f"Not applicable: sterile by record{doubt}", evidence=sterile.evidence)
    shown = [_EXHIBITS[exhibit](case) for exhibit in rule.exhibits]
    reason = " ".join((rule.question, *(f"{item.words}." for item in shown if item.words)))
    evidence = tuple(dict.fromkeys(piece for item in shown for piece in item.evidence))
    return Finding(Outcome.REVIEW, reason, evidence=evidence)


def _listed(title: str, items: Iterable[str]) -> str:
    names = list(dict.fromkeys(items))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{title}: {', '.join(names[:_SHOWN])}{more}"


def _not_retrieved(case: Case, *kinds: Kind) -> str | None:
    gap = case.facts.missing_kind(*kinds)
    return None if gap is None else f"not retrieved ({gap})"


def _progressive_lesions(case: Case) -> _Shown:
    lesions = [
        item for item in case.lesions.summary.items if item.state in (LesionState.PROGRESSIVE, LesionState.POSSIBLE)
    ]
    if not lesions:
        return _Shown(_not_retrieved(case, Kind.LESIONS, Kind.OBSERVATIONS) or "No progressive lesion is recorded")
    evidence = tuple(piece for lesion in lesions for piece in lesion.evidence)
    return _Shown(_listed("Lesions that progress or may", map(_lesion_words, lesions)), evidence)


def _lesion_words(lesion: JudgedLesion) -> str:
    side = lesion.side.value if lesion.side else None
    place = " ".join(word for word in (side, lesion.chain, lesion.site) if word)
    size = f" {lesion.baseline_mm:f} mm" if lesion.baseline_mm is not None else ""
    mark = "" if lesion.state is LesionState.PROGRESSIVE else " (possibly)"
    return f"{place or lesion.key}{size}{mark}"


def _local_therapy(case: Case) -> _Shown:
    treated = [item for item in case.facts.procedures if item.completed and of_concept(item.meanings, "local-therapy")]
    if not treated:
        gap = _not_retrieved(case, Kind.PROCEDURES)
        return _Shown(f"Procedures {gap}" if gap else "No earlier local therapy is recorded")
    evidence = tuple(item.evidence for item in treated)
    courses: dict[str, list[Procedure]] = {}
    for item in treated:
        courses.setdefault(_treatment(item), []).append(item)
    return _Shown(_listed("Earlier local therapy", (words + _dated(of) for words, of in courses.items())), evidence)


def _treatment(procedure: Procedure) -> str:
    sites = dict.fromkeys(site.text or site.organ or "" for site in procedure.sites)
    where = ", ".join(filter(None, sites))
    return f"{procedure.text or procedure.evidence.text}" + (f" of {where}" if where else "")


def _dated(course: list[Procedure]) -> str:
    """When one treatment was given: its day, or how often and the last day."""
    latest = next((item.date for item in course if item.date is not None), None)
    if len(course) == 1:
        return f" ({latest})" if latest else ""
    return f" ({len(course)} times" + (f", last {latest})" if latest else ")")


def _problem_list(case: Case) -> _Shown:
    active = [item for item in case.facts.conditions if item.is_active]
    if not active:
        gap = _not_retrieved(case, Kind.CONDITIONS)
        return _Shown(f"Problem list {gap}" if gap else "The problem list is empty")
    evidence = tuple(item.evidence for item in active)
    return _Shown(_listed("Problem list", (item.text or item.evidence.text for item in active)), evidence)


def _contraception(case: Case) -> _Shown:
    records: tuple[Condition | Procedure | StatusObservation, ...] = (
        *case.facts.conditions,
        *case.facts.procedures,
        *case.facts.statuses,
    )
    recorded = [
        item.evidence
        for item in records
        if item.meanings and any(row.use == "contraception" for row in of_concept(item.meanings, "childbearing"))
    ]
    if not recorded:
        return _Shown("No contraception is recorded")
    return _Shown(_listed("Recorded", (item.text for item in recorded)), tuple(recorded))


_EXHIBITS: Mapping[Exhibit, Callable[[Case], _Shown]] = {
    Exhibit.PROGRESSIVE_LESIONS: _progressive_lesions,
    Exhibit.LOCAL_THERAPY: _local_therapy,
    Exhibit.PROBLEM_LIST: _problem_list,
    Exhibit.CONTRACEPTION: _contraception,
}
