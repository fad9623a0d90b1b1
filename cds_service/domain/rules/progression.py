"""Progression between two scans, and how many lesions it is.

Source: CRITERIA `progression`, `lesion-count`, rulings 6-11, rows I5-I9; RECIST reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from cds_service.domain.case import Case
from cds_service.domain.criteria import LesionCountBetween, Outcome
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DataQuality, DiseaseStatus, Evidence, Kind, Response
from cds_service.domain.making import Term, quick_to_make
from cds_service.domain.verdicts import Basis, Finding, JudgedLesion, LesionState, LesionSummary, Missing

_RESTS_ON = (Kind.OBSERVATIONS, Kind.LESIONS, Kind.IMAGING, Kind.REPORTS, Kind.PROCEDURES, Kind.CONDITIONS)
_LESION_TABLE = Missing("lesion sizes at both scans", "the radiologist's lesion table, each lesion at both scans")
_RESPONSE = Missing("response at the baseline scan", "an explicit RECIST response recorded for the baseline scan")


class Overall(Term):
    """What is explicitly said of the disease as a whole at the baseline scan."""

    PROGRESSION = "progression"
    OTHER = "a response other than progression"
    COMPLETE = "complete response"
    UNCLEAR = "unclear"
    NONE = "none"


@quick_to_make
@dataclass(frozen=True, slots=True)
class OverallResponse:
    """The explicit overall response at the baseline scan, with the statements it rests on."""

    said: Overall
    statements: tuple[DiseaseStatus, ...] = ()
    why: str = ""

    @property
    def basis(self) -> Basis:
        """RECORDED for a RECIST response, DERIVED for a trend of the disease."""
        return Basis.RECORDED if any(said.recist for said in self.statements) else Basis.DERIVED

    @property
    def words(self) -> str:
        """The statement for people; there is one wherever something is said."""
        said = self.statements[0]
        marked = ", preliminary" if said.preliminary else ""
        return f"{said.response.value} on {said.date}{marked}"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Where the statements stand."""
        return tuple(said.evidence for said in self.statements)

    @property
    def notes(self) -> tuple[DataQuality, ...]:
        """Statements of one day that contradict each other."""
        if self.said is not Overall.UNCLEAR or len({said.response for said in self.statements}) < 2:
            return ()
        problem = "statements on the disease of one day disagree"
        return tuple(DataQuality(said.evidence.reference, problem) for said in self.statements)


def overall_response(case: Case) -> OverallResponse:
    """What is explicitly said of the disease at the baseline scan: dated from its day to the day of assessment.

    The latest day decides; statements of one day that disagree, partial dates around the scan, and
    evidence other than imaging are UNCLEAR.
    """
    anchor = case.lesions.pair.anchor
    whole = [said for said in case.facts.disease_statuses if _of_whole_disease(said, case)]
    if not whole:
        return OverallResponse(Overall.NONE)
    if anchor is None:
        return OverallResponse(Overall.UNCLEAR, (whole[0],), "no scan is recorded to which it could belong")
    since = [said for said in whole if said.date is not None and said.date.latest >= anchor]
    if not since:
        return OverallResponse(Overall.NONE)
    return _read(_latest(since), anchor)


def _of_whole_disease(said: DiseaseStatus, case: Case) -> bool:
    of_a_lesion = said.evidence.reference in case.lesions.lesion_statuses
    return not of_a_lesion and said.response is not Response.UNDETERMINED


def _latest(statements: Sequence[DiseaseStatus]) -> tuple[DiseaseStatus, ...]:
    latest = max(said.date.latest for said in statements if said.date is not None)
    return tuple(said for said in statements if said.date is not None and said.date.latest == latest)


def _read(statements: tuple[DiseaseStatus, ...], anchor: date) -> OverallResponse:
    if any(said.date is not None and said.date.earliest < anchor for said in statements):
        return OverallResponse(
            Overall.UNCLEAR, statements, "its date does not tell whether it follows the baseline scan"
        )
    by_imaging = tuple(said for said in statements if said.recist or _by_imaging(said))
    if not by_imaging:
        types = ", ".join(sorted(statements[0].evidence_types))
        return OverallResponse(Overall.UNCLEAR, statements, f"it rests on {types}, not on imaging")
    found = {_OVERALL[said.response] for said in by_imaging}
    if len(found) > 1:
        return OverallResponse(Overall.UNCLEAR, by_imaging, "statements of that day disagree")
    return OverallResponse(found.pop(), by_imaging)


def _by_imaging(said: DiseaseStatus) -> bool:
    return not said.evidence_types or "imaging" in said.evidence_types


_OVERALL = {
    Response.PROGRESSIVE: Overall.PROGRESSION,
    Response.STABLE: Overall.OTHER,
    Response.PARTIAL: Overall.OTHER,
    Response.NOT_PROGRESSIVE: Overall.OTHER,
    Response.COMPLETE: Overall.COMPLETE,
}


def judge_progression(case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (time enters through the facts known on the day)
    """Whether the cancer progressed between the latest comparable scans (ruling 6)."""
    lacking = case.facts.missing_kind(*_RESTS_ON)
    if lacking is not None:
        return _not_retrieved(lacking, "progression")
    overall = overall_response(case)
    lesions = case.lesions.summary.items
    progressive = [item for item in lesions if item.counts and item.state is LesionState.PROGRESSIVE]
    if progressive:
        return _progressed(case, progressive, overall)
    treated = [item for item in lesions if not item.counts and item.state is LesionState.PROGRESSIVE]
    if overall.said is Overall.PROGRESSION and not treated:
        reason = f"Progression is stated for the baseline scan ({overall.words}){_no_lesion_named(case)}"
        return Finding(Outcome.PASS, reason, overall.basis, overall.evidence, notes=_notes(case, overall))
    return _not_progressed(case, overall, treated)


def _progressed(case: Case, progressive: Sequence[JudgedLesion], overall: OverallResponse) -> Finding:
    pair = case.lesions.pair
    count = len(progressive)
    reason = f"{count} progressive lesion{'s' if count != 1 else ''} between {pair}: {_listed(progressive)}"
    if pair.by_readings:
        reason += "; two comparable scans are not recorded, the days of the readings were compared"
    if overall.said is Overall.COMPLETE:
        reason += f"; but the disease as a whole is stated as {overall.words}: the records contradict each other"
        settles = (_LESION_TABLE, _RESPONSE)
        evidence = _evidence(progressive) + overall.evidence
        return Finding(Outcome.UNKNOWN, reason, evidence=evidence, missing=settles, notes=_notes(case, overall))
    if overall.said is Overall.OTHER:
        reason += f"; mixed response: the disease as a whole is stated as {overall.words}"
    reason += _treated_flag(case)
    basis = Basis.DERIVED if pair.by_readings else Basis.RECORDED
    evidence = _evidence(progressive) + overall.evidence
    return Finding(Outcome.PASS, reason, basis, evidence, notes=_notes(case, overall))


def _not_progressed(case: Case, overall: OverallResponse, treated: Sequence[JudgedLesion]) -> Finding:
    others = [item for item in case.lesions.summary.items if item.counts]
    undecided = [item for item in others if item.state in (LesionState.POSSIBLE, LesionState.UNKNOWN)]
    if overall.said is Overall.COMPLETE and not [item for item in undecided if _speaks_against_complete(item)]:
        reason = f"Complete response is stated for the baseline scan ({overall.words})"
        return Finding(Outcome.FAIL, reason, overall.basis, overall.evidence, notes=_notes(case, overall))
    if overall.said is Overall.OTHER and others and not undecided:
        reason = (
            f"None of {len(others)} lesion{'s' if len(others) != 1 else ''} progressed between {case.lesions.pair}, "
            f"and the baseline scan is stated as {overall.words}{_treated_flag(case)}"
        )
        evidence = _evidence(others) + overall.evidence
        return Finding(Outcome.FAIL, reason, Basis.RECORDED, evidence, notes=_notes(case, overall))
    return _undecided(case, overall, others, undecided, treated)


def _speaks_against_complete(item: JudgedLesion) -> bool:
    return item.state is LesionState.POSSIBLE or bool(item.baseline_mm)


def _undecided(
    case: Case,
    overall: OverallResponse,
    others: Sequence[JudgedLesion],
    undecided: Sequence[JudgedLesion],
    treated: Sequence[JudgedLesion],
) -> Finding:
    parts = []
    if undecided:
        parts.append(f"not decided for {_listed(undecided)}")
    elif others:
        parts.append(f"none of {len(others)} recorded lesions progressed between {case.lesions.pair}")
    elif not treated:
        parts.append("no lesion is recorded at two scans")
    parts.append(_overall_in_words(overall))
    missing = ((_LESION_TABLE,) if undecided or not others else ()) + (
        (_RESPONSE,) if overall.said in (Overall.NONE, Overall.UNCLEAR) else ()
    )
    text = "; ".join(parts)
    return Finding(
        Outcome.UNKNOWN,
        f"Progression is open: {text}{_treated_flag(case)}",
        evidence=_evidence((*undecided, *treated)) + overall.evidence,
        missing=missing or (_LESION_TABLE,),
        notes=_notes(case, overall),
    )


def _overall_in_words(overall: OverallResponse) -> str:
    match overall.said:
        case Overall.NONE:
            return "no response is stated for the baseline scan"
        case Overall.UNCLEAR:
            return f"stated as {overall.words}, but {overall.why}"
        case _:
            return f"the baseline scan is stated as {overall.words}"


def judge_lesion_count(rule: LesionCountBetween, case: Case, as_of: AsOf) -> Finding:
    """Whether the number of progressive lesions lies within the trial's bounds, however it is read."""
    lacking = case.facts.missing_kind(*_RESTS_ON)
    if lacking is not None:
        return _not_retrieved(lacking, "the number of lesions")
    summary = case.lesions.summary
    progression = judge_progression(case, as_of)
    if rule.at_least <= summary.count_min and summary.count_max <= rule.at_most:
        return _count(Outcome.PASS, f"{_number(summary)} (needs {_bounds(rule)})", case)
    if summary.count_min > rule.at_most and summary.sensitivity_count > rule.at_most:
        return _count(Outcome.FAIL, f"{_number(summary)}, more than {rule.at_most}", case)
    if summary.count_max == 0 and progression.outcome is Outcome.FAIL:
        return _count(Outcome.FAIL, f"No progressive lesion: {_lower(progression.reason)}", case, progression.evidence)
    return _count_open(rule, case, summary)


def _count(outcome: Outcome, reason: str, case: Case, also: tuple[Evidence, ...] = ()) -> Finding:
    counted = [item for item in case.lesions.summary.items if item.counts and item.state is not _NOT]
    listed = f": {_listed(counted)}" if counted else ""
    basis = Basis.DERIVED if case.lesions.pair.by_readings else Basis.RECORDED
    evidence = tuple(dict.fromkeys(_evidence(counted) + also))
    return Finding(outcome, f"{reason}{listed}{_treated_flag(case)}", basis, evidence, notes=case.lesions.notes)


_NOT = LesionState.NOT_PROGRESSIVE


def _count_open(rule: LesionCountBetween, case: Case, summary: LesionSummary) -> Finding:
    undecided = [i for i in summary.items if i.counts and i.state in (LesionState.POSSIBLE, LesionState.UNKNOWN)]
    missing = tuple(Missing(f"state of {item.key}", item.explanation) for item in undecided)
    if not summary.items:
        reason = "No lesion is recorded, so progressive lesions cannot be counted"
        missing = (_LESION_TABLE,)
    elif summary.count_min > rule.at_most:
        reason = (
            f"{_number(summary)} with nodes counted chain by chain, {summary.sensitivity_count} with all distant "
            f"nodes as one (needs {_bounds(rule)}): the investigator decides how to count"
        )
        missing = (Missing("how nodal stations count", "the investigator's reading of the nodal count"),)
    elif summary.count_max == 0:
        reason = "No recorded lesion is progressive, and that there is none is not certain"
        missing = (_LESION_TABLE,)
    else:
        reason = f"{_number(summary)} (needs {_bounds(rule)})"
        if undecided:
            reason += f"; it depends on {_listed(undecided)}"
        reason += _open_nodes(summary)
    missing = missing or (Missing("side and chain of each node", "the radiologist's lesion table"),)
    reason += _treated_flag(case)
    counted = [item for item in summary.items if item.counts and item.state is not _NOT]
    return Finding(Outcome.UNKNOWN, reason, evidence=_evidence(counted), missing=missing, notes=case.lesions.notes)


def _open_nodes(summary: LesionSummary) -> str:
    loose = [
        item
        for item in summary.items
        if item.counts
        and item.state is LesionState.PROGRESSIVE
        and item.chain
        and (item.regional is None or not item.side)
    ]
    return f"; side, chain or category open for {_listed(loose)}" if loose else ""


def _number(summary: LesionSummary) -> str:
    if summary.count_min == summary.count_max:
        count = summary.count_min
        return f"{count} progressive lesion{'s' if count != 1 else ''}"
    return f"{summary.count_min} to {summary.count_max} progressive lesions"


def _bounds(rule: LesionCountBetween) -> str:
    return f"{rule.at_least} to {rule.at_most}"


def _listed(items: Iterable[JudgedLesion]) -> str:
    return ", ".join(f"{_title(item)} ({item.explanation})" for item in items)


def _title(item: JudgedLesion) -> str:
    name = (item.chain or item.site or "").replace("_", " ").rstrip("*")
    side = f"{item.side.value} " if item.side else ""
    node = " node" if item.chain and item.chain != "unspecified" else ""
    if item.chain == "unspecified":
        name = "lymph node, chain not recorded"
    return f"{side}{name}{node}" if name else item.key


def _no_lesion_named(case: Case) -> str:
    if not case.lesions.summary.items:
        return "; no lesion sizes are recorded"
    return "; of the recorded lesions none is certainly progressive"


def _treated_flag(case: Case) -> str:
    out = [item for item in case.lesions.summary.items if not item.counts]
    return f"; not counted after earlier local therapy: {_listed(out)}" if out else ""


def _evidence(items: Iterable[JudgedLesion]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(evidence for item in items for evidence in item.evidence))


def _notes(case: Case, overall: OverallResponse) -> tuple[DataQuality, ...]:
    return case.lesions.notes + overall.notes


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _not_retrieved(why: str, what: str) -> Finding:
    missing = Missing("records that could not be retrieved", "assess again when the record can be read in full")
    return Finding(Outcome.UNKNOWN, f"Not retrieved: {why}; {what} rests on it", missing=(missing,))
