"""No marrow involvement away from a known bone metastasis (CRITERIA E6, ruling 15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_service.domain.case import Case
from cds_service.domain.codes import of_concept
from cds_service.domain.criteria import NoMarrowInvolvement, Outcome
from cds_service.domain.dates import AsOf, PartialDate
from cds_service.domain.facts import Condition, Evidence, Kind, PathologyReport, Procedure, Site
from cds_service.domain.making import quick_to_make
from cds_service.domain.verdicts import Basis, Finding, Missing

_MARROW_SITE = "bone_marrow"
_BONES = frozenset({"bone", "vertebra", "sternum", "rib", "sacrum", "skull", "ilium", "humerus", "femur"})
"""Organs of the concept "body-site" (and groups of "secondary-site") that are bones."""
_ANY_BONE = frozenset({"bone", "bone_or_marrow"})


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Biopsy:
    """A marrow biopsy with the malignant report that belongs to it.

    `sure` is false where a partial date leaves open whether the report is of that biopsy.
    """

    procedure: Procedure
    report: PathologyReport
    sure: bool

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.procedure.evidence, self.report.evidence


def judge_no_marrow(rule: NoMarrowInvolvement, case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (no window)
    """Fails by a malignant marrow biopsy where no bone metastasis is known; any other sign is for review."""
    gap = case.facts.missing_kind(Kind.CONDITIONS, Kind.PROCEDURES, Kind.REPORTS)
    if gap is not None:
        missing = (Missing("marrow involvement", "the problem list, procedures and pathology reports"),)
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=missing)
    taken = [item for item in case.facts.procedures if item.completed and _is_sampling(rule, item)]
    positive = [biopsy for procedure in taken for biopsy in _positive(rule, case, procedure)]
    for biopsy in positive:
        if biopsy.sure and not _has_bone_disease(case, biopsy.procedure):
            return _away_from_bone_disease(case, biopsy)
    return _signs(rule, case, taken, positive)


def _away_from_bone_disease(case: Case, biopsy: _Biopsy) -> Finding:
    reason = f"Malignant marrow biopsy{_on(biopsy.procedure.date)}; no bone metastasis is recorded at that site"
    gap = case.facts.missing_kind(Kind.LESIONS, Kind.OBSERVATIONS)
    if gap is None:
        return Finding(Outcome.FAIL, reason, evidence=biopsy.evidence)
    missing = (Missing("bone metastasis at the site of the biopsy", "the lesions recorded"),)
    return Finding(
        Outcome.UNKNOWN, f"{reason}, but lesions were not retrieved: {gap}", Basis.RECORDED, biopsy.evidence, missing
    )


def _on(when: PartialDate | None) -> str:
    return f" of {when}" if when else ""


def _is_sampling(rule: NoMarrowInvolvement, procedure: Procedure) -> bool:
    return any(row.use == "support" for row in of_concept(procedure.meanings, rule.concept))


def _positive(rule: NoMarrowInvolvement, case: Case, procedure: Procedure) -> Iterator[_Biopsy]:
    for report in case.facts.pathology:
        if report.malignant and not _is_of_elsewhere(report):
            near = _days_between(procedure.date, report.date)
            if near is not None and near[0] <= rule.report_within_days:
                yield _Biopsy(procedure, report, near[1] <= rule.report_within_days)


def _is_of_elsewhere(report: PathologyReport) -> bool:
    """Whether a report names a site, and that is neither marrow nor bone."""
    organs = {site.organ for site in report.sites if site.organ}
    return bool(organs) and not report.of_marrow and not organs & (_BONES | {_MARROW_SITE})


def _days_between(one: PartialDate | None, other: PartialDate | None) -> tuple[int, int] | None:
    """The fewest and the most days that two recorded dates may lie apart."""
    if one is None or other is None:
        return None
    most = max(abs((other.latest - one.earliest).days), abs((one.latest - other.earliest).days))
    fewest = max((other.earliest - one.latest).days, (one.earliest - other.latest).days, 0)
    return fewest, most


def _has_bone_disease(case: Case, procedure: Procedure) -> bool:
    """Whether bone metastasis or a bone lesion may lie where the marrow was taken.

    A bone not named, on either side, may be that site; so may bone disease known by doubtful words.
    """
    taken = {site.organ for site in procedure.sites if site.organ and site.organ != _MARROW_SITE}
    return any(not taken or bone in _ANY_BONE or bone in taken or "bone" in taken for bone in _bone_disease(case))


def _bone_disease(case: Case) -> Iterator[str]:
    for said in case.cancer.spread:
        if said.site in _BONES | _ANY_BONE:
            yield said.site or ""
    for site in _lesion_sites(case):
        if site.organ in _BONES:
            yield site.organ or ""


def _lesion_sites(case: Case) -> Iterable[Site]:
    yield from (lesion.site for lesion in case.facts.lesions)
    yield from (reading.site for reading in case.facts.measurements if reading.seen and not reading.specimen)


def _signs(rule: NoMarrowInvolvement, case: Case, taken: list[Procedure], positive: list[_Biopsy]) -> Finding:
    """Whatever else points to the marrow; nothing at all is a pass."""
    if positive:
        words = f"Malignant marrow biopsy{_on(positive[0].procedure.date)}; whether bone metastasis lies there is open"
        if positive[0].sure:
            words = f"Malignant marrow biopsy{_on(positive[0].procedure.date)}, with bone metastasis recorded"
        return Finding(Outcome.REVIEW, words, evidence=positive[0].evidence)
    named = [item for item in case.facts.conditions if item.is_active and _points_to_marrow(rule, item)]
    if named:
        doubt = of_concept(named[0].meanings, rule.concept)[0].note
        words = f"{named[0].text or named[0].evidence.text}" + (f" ({doubt})" if doubt else "")
        return Finding(Outcome.REVIEW, words, evidence=tuple(item.evidence for item in named))
    return _samples(case, taken)


def _points_to_marrow(rule: NoMarrowInvolvement, condition: Condition) -> bool:
    return any(row.use != "support" for row in of_concept(condition.meanings, rule.concept))


def _samples(case: Case, taken: list[Procedure]) -> Finding:
    reports = [report for report in case.facts.pathology if report.of_marrow]
    positive = [report for report in reports if report.malignant]
    if positive:
        words = f"Malignant marrow report{_on(positive[0].date)} without the biopsy it belongs to"
        return Finding(Outcome.REVIEW, words, evidence=(positive[0].evidence,))
    evidence = (*(item.evidence for item in taken), *(report.evidence for report in reports))
    if reports and all(report.malignant is False for report in reports):
        return Finding(Outcome.PASS, f"Marrow report{_on(reports[0].date)} without malignancy", evidence=evidence)
    if evidence:
        return Finding(Outcome.REVIEW, "Marrow was sampled; the result is not recorded as a code", evidence=evidence)
    return Finding(Outcome.PASS, "Nothing of the kind is recorded", Basis.NO_RECORD)
