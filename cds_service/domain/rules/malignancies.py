"""No other primary cancer with a competing risk (CRITERIA `other-malignancy`, E10, rulings 1 and 17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.case import Case
from cds_service.domain.codes import MeaningBasis, Meanings, groups_of, of_concept
from cds_service.domain.criteria import NoOtherMalignancy, Outcome
from cds_service.domain.dates import AsOf, PartialDate, days_after, years_after
from cds_service.domain.facts import Condition, Evidence, Kind, Side
from cds_service.domain.making import quick_to_make
from cds_service.domain.primaries import OTHER, Primary, type_words
from cds_service.domain.verdicts import Basis, Finding, Missing

_LOW_RISK = "flag_info"
_SPREAD = frozenset({"effusion", "leptomeningeal", "peritoneal-carcinomatosis", "marrow-involvement"})
"""Concepts whose words tell how a known cancer spread, not of another one (E10: metastases are no second primaries)."""


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Concern:
    """Something said of one other cancer; `weighs` when a clinician has to look at it."""

    words: str
    evidence: tuple[Evidence, ...]
    weighs: bool


def judge_other_malignancy(rule: NoOtherMalignancy, case: Case, as_of: AsOf) -> Finding:
    """Review where another primary is active, or ended less than the years the trial asks ago."""
    gap = case.facts.missing_kind(Kind.CONDITIONS)
    if gap is not None:
        missing = (Missing("other cancers", "the problem list"),)
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=missing)
    concerns = [*_active(rule, case.cancer), *_uncertain(rule, case.cancer, as_of), *_in_situ(case)]
    weighing = [concern for concern in concerns if concern.weighs]
    if weighing:
        return _finding(Outcome.REVIEW, weighing)
    if concerns:
        return _finding(Outcome.PASS, concerns)
    return Finding(Outcome.PASS, "No other cancer is recorded", Basis.NO_RECORD)


def _finding(outcome: Outcome, concerns: Iterable[_Concern]) -> Finding:
    shown = list(concerns)
    evidence = tuple(dict.fromkeys(item for concern in shown for item in concern.evidence))
    return Finding(outcome, "; ".join(dict.fromkeys(concern.words for concern in shown)), evidence=evidence)


def _active(rule: NoOtherMalignancy, picture: CancerPicture) -> Iterable[_Concern]:
    mine = _of_the_trial(rule, picture)
    kinds = list(dict.fromkeys(primary.type for primary in mine))
    if len(kinds) > 1:
        listed = " and ".join(type_words(kind) for kind in kinds)
        evidence = tuple(primary.condition.evidence for primary in mine)
        yield _Concern(f"Active cancers of {listed}: which one progresses?", evidence, weighs=True)
    elif {Side.LEFT, Side.RIGHT} <= {primary.side for primary in mine}:
        evidence = tuple(primary.condition.evidence for primary in mine)
        yield _Concern(f"Cancer of both sides ({type_words(kinds[0])}): one tumour or two?", evidence, weighs=True)
    for primary in picture.primaries:
        if primary not in mine and primary.use != "unknown-primary":
            yield _another(primary)


def _of_the_trial(rule: NoOtherMalignancy, picture: CancerPicture) -> list[Primary]:
    return [primary for primary in picture.primaries if primary.use in ("yes", "review") and primary.type in rule.types]


def _another(primary: Primary) -> _Concern:
    evidence = (primary.condition.evidence,)
    if _is_low_risk(primary.condition):
        return _Concern(f"{primary.title}: little competing risk", evidence, weighs=False)
    if primary.use == "unrecognised":
        return _Concern(f"{primary.title}: a primary cancer whose code is in no table", evidence, weighs=True)
    return _Concern(f"Another active cancer: {primary.title}", evidence, weighs=True)


def _is_low_risk(condition: Condition) -> bool:
    rows = of_concept(condition.meanings, "other-primary")
    return any(row.use == _LOW_RISK and row.basis is MeaningBasis.CODE for row in rows)


def _uncertain(rule: NoOtherMalignancy, picture: CancerPicture, as_of: AsOf) -> Iterable[_Concern]:
    """Past and unconfirmed primaries of a type that no active one has."""
    active = {primary.type for primary in picture.primaries if primary.type in rule.types}
    for primary in picture.uncertain:
        if primary.use == "words":
            yield from _by_words(primary)
            continue
        if primary.type in active and primary.type != OTHER:
            continue
        if len(active) == 0 and primary.type in rule.types:
            continue  # it may be the qualifying cancer itself, which `histology` asks about
        yield _past(rule, primary, as_of)


def _by_words(primary: Primary) -> Iterable[_Concern]:
    """A primary cancer that only the words tell, unless they speak of spread or it has ended."""
    meanings = primary.condition.meanings
    evidence = (primary.condition.evidence,)
    groups = groups_of(meanings, "malignant-text")
    if primary.condition.is_active and _is_related_primary(meanings):
        yield _Concern(f"{primary.title}: a cancer by a code of a system that is not mapped", evidence, weighs=True)
        return
    spread = "SECONDARY" in groups or any(meaning.concept in _SPREAD for meaning in meanings)
    if primary.condition.is_active and "PRIMARY" in groups and not spread:
        yield _Concern(f"{primary.title}: sounds like a cancer, its code is in no table", evidence, weighs=True)


def _is_related_primary(meanings: Meanings) -> bool:
    return any(row.basis is MeaningBasis.RELATED and row.use == "primary" for row in meanings)


def _past(rule: NoOtherMalignancy, primary: Primary, as_of: AsOf) -> _Concern:
    condition, title = primary.condition, primary.title
    evidence = (condition.evidence,)
    if _is_low_risk(condition):
        return _Concern(f"{title}: little competing risk", evidence, weighs=False)
    if primary.use == "history":
        return _Concern(f"{title}: history only", evidence, weighs=False)
    if condition.is_active:
        return _Concern(f"{title}: recorded as unconfirmed", evidence, weighs=True)
    if condition.abated is None:
        return _Concern(f"{title}: ended, when is not recorded", evidence, weighs=True)
    if _longer_ago(condition.abated, rule.free_years, as_of):
        return _Concern(f"{title}: no activity since {condition.abated}", evidence, weighs=False)
    words = f"{title}: ended {condition.abated}, not more than {rule.free_years} years ago"
    return _Concern(words, evidence, weighs=True)


def _longer_ago(ended: PartialDate, years: int, as_of: AsOf) -> bool:
    """Whether certainly more than so many years have passed; not yet on the very day."""
    return as_of.has_come(days_after(years_after(ended.latest, years), 1))


def _in_situ(case: Case) -> Iterable[_Concern]:
    """Tumours of little risk that are no primary cancers by code: in situ."""
    named = {primary.condition.evidence for primary in (*case.cancer.primaries, *case.cancer.uncertain)}
    for condition in case.facts.conditions:
        if condition.is_active and _is_low_risk(condition) and condition.evidence not in named:
            yield _Concern(f"{condition.text or condition.evidence.text}: in situ", (condition.evidence,), weighs=False)
