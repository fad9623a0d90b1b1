"""Pregnancy, breastfeeding and childbearing potential (CRITERIA I15a-d, I16, ruling 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from cds_service.domain.case import Case
from cds_service.domain.codes import Meaning, MeaningBasis, of_concept
from cds_service.domain.criteria import NotPregnant, Outcome
from cds_service.domain.dates import AsOf, PartialDate, days_after
from cds_service.domain.evidence import DataQuality, Evidence, Kind
from cds_service.domain.facts import Answer, Condition, LabResult, Person, Sex, StatusObservation
from cds_service.domain.limits import below
from cds_service.domain.making import quick_to_make
from cds_service.domain.results import Decision, decide, latest_within, shown, sort_results, upper_limits
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding, Missing

_CONCEPT = "childbearing"
_STERILE_USE = {Sex.FEMALE: "not_wocbp", Sex.MALE: "sterile_male"}
_TESTS = ("pregnancy-test", "hcg")


@quick_to_make
@dataclass(frozen=True, slots=True)
class Sterility:
    """Whether the patient is surgically sterile by record, where it stands, what is doubtful of it."""

    truth: Truth
    evidence: tuple[Evidence, ...] = ()
    doubt: str = ""


def sterility(case: Case) -> Sterility:
    """Surgical sterility by record, of the patient's own sex: TRUE, or UNKNOWN; never FALSE.

    A hysterectomy, removal of both ovaries or ligation of both tubes; a vasectomy or removal
    of both testes. Requests, education and one-sided operations are not. Where the sex is
    not recorded as female or male it stays UNKNOWN.
    """
    use = _STERILE_USE.get(case.facts.person.sex or Sex.OTHER)
    return Sterility(Truth.UNKNOWN) if use is None else _recorded(case, use)


def _recorded(case: Case, use: str) -> Sterility:
    marks = [mark for mark in _marks(case) if mark.meaning.use == use]
    sure = [mark for mark in marks if mark.sure]
    evidence = tuple(mark.evidence for mark in sure or marks)
    notes = dict.fromkeys(mark.meaning.note for mark in sure or marks if mark.meaning.note)
    return Sterility(Truth.TRUE if sure else Truth.UNKNOWN, evidence, "; ".join(notes))


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Mark:
    """One record that bears on childbearing: what it means, whether it is certain and still holds."""

    meaning: Meaning
    evidence: Evidence
    sure: bool
    active: bool = True


def _marks(case: Case) -> Iterator[_Mark]:
    for condition in case.conditions_of(_CONCEPT):
        for meaning in of_concept(condition.meanings, _CONCEPT):
            sure = meaning.basis is MeaningBasis.CODE and not condition.is_doubted
            yield _Mark(meaning, condition.evidence, sure, condition.is_active)
    for procedure in case.facts.procedures:
        for meaning in of_concept(procedure.meanings, _CONCEPT):
            if procedure.completed:
                yield _Mark(meaning, procedure.evidence, meaning.basis is MeaningBasis.CODE)
    for status in case.facts.statuses:
        for meaning in of_concept(status.meanings, _CONCEPT):
            yield _Mark(meaning, status.evidence, meaning.basis is MeaningBasis.CODE)


def judge_not_pregnant(rule: NotPregnant, case: Case, as_of: AsOf) -> Finding:
    """Whether the patient cannot be or is not pregnant, and does not breastfeed."""
    person = case.facts.person
    if person.sex is Sex.MALE:
        return Finding(Outcome.PASS, "Recorded as male", evidence=(_sex_evidence(person),))
    gap = case.facts.missing_kind(Kind.CONDITIONS, Kind.OBSERVATIONS)
    if gap is not None:
        missing = (Missing("pregnancy", "conditions and laboratory results of this patient"),)
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=missing)
    potential = _potential(rule, case, as_of)
    signs = _signs(rule, case, as_of)
    if potential.truth is Truth.FALSE:
        return _cannot_be(potential, signs)
    if signs.speaking:
        return Finding(Outcome.FAIL, signs.speaking, evidence=signs.evidence, notes=signs.notes)
    if person.sex is not Sex.FEMALE:
        return _sex_open(person)
    return _may_be(rule, potential, signs, as_of)


def _sex_evidence(person: Person) -> Evidence:
    words = (
        f"birth sex {person.birth_sex.value}" if person.birth_sex else f"gender {(person.gender or Sex.OTHER).value}"
    )
    return Evidence(person.reference, None, words.capitalize())


def _sex_open(person: Person) -> Finding:
    recorded = "recorded as neither female nor male" if person.sex is Sex.OTHER else "not recorded"
    missing = (Missing("birth sex", "record the birth sex, or confirm that pregnancy is not possible"),)
    return Finding(
        Outcome.UNKNOWN, f"Sex is {recorded}", evidence=(Evidence(person.reference, None, "Sex"),), missing=missing
    )


# --- could she bear a child? ----------------------------------------------------------------------


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Potential:
    """Whether she may bear a child, in words; `settles` is what would rule it out."""

    truth: Truth
    words: str
    evidence: tuple[Evidence, ...] = ()
    settles: tuple[Missing, ...] = ()
    test_helps: bool = True


def _potential(rule: NotPregnant, case: Case, as_of: AsOf) -> _Potential:
    surgical = _recorded(case, _STERILE_USE[Sex.FEMALE])
    if surgical.truth is Truth.TRUE:
        doubt = f" ({surgical.doubt})" if surgical.doubt else ""
        words = f"Not of childbearing potential: {surgical.evidence[0].text}{doubt}"
        return _Potential(Truth.FALSE, words, surgical.evidence)
    menopause = [mark for mark in _marks(case) if mark.meaning.use == "support_menopause" and mark.active and mark.sure]
    if menopause:
        return _after_menopause(rule, case, as_of, menopause)
    return _by_age(rule, case, as_of)


def _after_menopause(rule: NotPregnant, case: Case, as_of: AsOf, marks: list[_Mark]) -> _Potential:
    evidence = tuple(mark.evidence for mark in marks)
    years = rule.menopause_from_years
    if _has_reached(case.facts.person, years, as_of) is Truth.TRUE:
        hormones = [mark for mark in _marks(case) if mark.meaning.use == "confounder" and mark.active]
        doubt = " (hormones are recorded too: 12 months without bleeding after stopping them)" if hormones else ""
        words = f"Not of childbearing potential: {evidence[0].text}, aged {years} or more{doubt}"
        return _Potential(Truth.FALSE, words, (*evidence, *(mark.evidence for mark in hormones)))
    words = f"{evidence[0].text} is recorded, but not certain below {years} years of age"
    settles = (Missing("menopause", "FSH and LH in the post-menopausal range, or a clinician's confirmation"),)
    return _Potential(Truth.UNKNOWN, words, evidence, settles)


def _by_age(rule: NotPregnant, case: Case, as_of: AsOf) -> _Potential:
    confirm = (Missing("menopause", "confirm menopause"),)
    if _has_reached(case.facts.person, rule.confirm_menopause_from_years, as_of) is Truth.TRUE:
        years = rule.confirm_menopause_from_years
        return _Potential(
            Truth.UNKNOWN, f"Aged {years} or more, menopause is not recorded", (), confirm, test_helps=False
        )
    if _has_reached(case.facts.person, rule.menopause_from_years, as_of) is Truth.TRUE:
        years = rule.menopause_from_years
        return _Potential(
            Truth.UNKNOWN, f"Aged {years} or more, probably after menopause, which is not recorded", settles=confirm
        )
    return _Potential(Truth.TRUE, "Childbearing potential is possible")


def _has_reached(person: Person, years: int, as_of: AsOf) -> Truth:
    return Truth.UNKNOWN if person.birth_date is None else as_of.years_since(person.birth_date, years)


# --- what speaks for pregnancy or breastfeeding -------------------------------------------------------


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Signs:
    """What one record says of pregnancy or breastfeeding.

    `speaking` says that it stands in the way, `open` that it leaves the matter undecided,
    `negative_test` that a test excludes pregnancy. `doubt_of` is the day of a doubt that a
    later negative test takes away.
    """

    speaking: str = ""
    open: str = ""
    negative_test: str = ""
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[DataQuality, ...] = ()
    tested_on: PartialDate | None = None
    doubt_of: PartialDate | None = None


def _signs(rule: NotPregnant, case: Case, as_of: AsOf) -> _Signs:
    """The first of test, pregnancy and breastfeeding that stands in the way, else what is open."""
    found = [_test(rule, case, as_of), *_stated(rule, case, as_of)]
    speaking = next((sign for sign in found if sign.speaking), None)
    if speaking is not None:
        return speaking
    evidence = tuple(item for sign in found for item in sign.evidence)
    undecided = next((sign.open for sign in found if sign.open and not _taken_away(sign, found[0])), "")
    return replace(found[0], open=undecided, evidence=tuple(dict.fromkeys(evidence)))


def _taken_away(doubt: _Signs, test: _Signs) -> bool:
    if not test.negative_test or test.tested_on is None or doubt.doubt_of is None:
        return False
    return test.tested_on.earliest >= doubt.doubt_of.latest


def _test(rule: NotPregnant, case: Case, as_of: AsOf) -> _Signs:
    results = sort_results(result for analyte in _TESTS for result in case.labs.get(analyte, ()))
    latest = latest_within(results, as_of, rule.test_within_days, _has_answer)
    decision = decide(latest, lambda result: _is_negative(case, result), lambda _: Decimal(0))
    if decision is None:
        return _untested(latest.expired, rule.test_within_days)
    result = decision.result
    conflict = "results of one day disagree: the worse one decides"
    notes = tuple(DataQuality(item.evidence.reference, item.problem or "no value") for item in latest.unusable)
    if len({_is_negative(case, item) for item in latest.contenders}) > 1:
        notes = (*notes, DataQuality(result.evidence.reference, conflict))
    return replace(_told(case, decision), evidence=(result.evidence,), notes=notes, tested_on=result.date)


def _untested(expired: LabResult | None, days: int) -> _Signs:
    if expired is None:
        return _Signs()
    return _Signs(
        open=f"the latest pregnancy test ({expired.date}) is older than {days} days", evidence=(expired.evidence,)
    )


def _told(case: Case, decision: Decision) -> _Signs:
    result = decision.result
    when = f"{_answer_words(result)} on {result.date}{' (preliminary)' if result.preliminary else ''}"
    match decision.truth:
        case Truth.TRUE:
            return _Signs(negative_test=f"Pregnancy test {when}")
        case Truth.FALSE:
            return _Signs(speaking=f"Pregnancy test {when}")
        case Truth.UNKNOWN:
            return _Signs(open=f"pregnancy test {when} does not decide ({_why_open(case, result, decision)})")
        case _:
            assert_never(decision.truth)


def _answer_words(result: LabResult) -> str:
    if result.value is not None:
        return f"hCG {shown(replace(result, date=None, preliminary=False))}"
    return result.answer.value if result.answer else "without a result"


def _why_open(case: Case, result: LabResult, decision: Decision) -> str:
    if decision.inexact:
        return "its date is not exact enough"
    if result.answer is Answer.INDETERMINATE:
        return "repeat it"
    if result.value is not None and not upper_limits(result, case.facts.person):
        return "no cut-off is recorded with it"
    return "raised hCG may come from a tumour or from menopause: confirm"


def _has_answer(result: LabResult) -> bool:
    return result.value is not None or result.answer is not None


def _is_negative(case: Case, result: LabResult) -> Truth:
    """Whether a test excludes pregnancy; only a positive qualitative test says the opposite."""
    if result.answer is Answer.NEGATIVE:
        return Truth.TRUE
    if result.answer is Answer.POSITIVE and result.use.startswith("qual"):
        return Truth.FALSE
    if result.answer is not None or result.value is None:
        return Truth.UNKNOWN
    cutoffs = upper_limits(result, case.facts.person)
    value, sign = result.value, result.comparator
    sure = bool(cutoffs) and all(below(value, sign, cutoff) is Truth.TRUE for cutoff in cutoffs)
    return Truth.TRUE if sure else Truth.UNKNOWN


def _stated(rule: NotPregnant, case: Case, as_of: AsOf) -> Iterator[_Signs]:
    for condition in case.facts.conditions:
        yield from _of_condition(rule, condition, as_of)
    status = next((found for found in map(_pregnancy_status, case.facts.statuses) if found), None)
    if status is not None:
        yield _of_status(rule, status[0], status[1], status[2], as_of)
    fed = next((found for found in map(_breastfeeding_status, case.facts.statuses) if found), None)
    if fed is not None:
        yield _of_breastfeeding(rule, fed[0], fed[1], fed[2], as_of)


def _of_condition(rule: NotPregnant, condition: Condition, as_of: AsOf) -> Iterator[_Signs]:
    """An active pregnancy or breastfeeding on the problem list: current for 12 months, then open."""
    meanings = (*of_concept(condition.meanings, "pregnancy"), *of_concept(condition.meanings, "breastfeeding"))
    telling = [meaning for meaning in meanings if meaning.use in ("exclude_if_current", "unknown", "review")]
    if not telling or not condition.is_active:
        return
    definite = [m for m in telling if m.use == "exclude_if_current" and m.basis is MeaningBasis.CODE]
    since = condition.date
    recent = Truth.UNKNOWN if since is None else as_of.within_months(since, rule.breastfeeding_within_months)
    told = f"{condition.evidence.text}{f' recorded {since}' if since else ''}"
    if definite and recent is Truth.TRUE and not condition.is_doubted:
        yield _Signs(speaking=f"{told}, active", evidence=(condition.evidence,))
    elif definite or recent is not Truth.FALSE:
        doubt_of = since if all(meaning.use == "unknown" for meaning in telling) else None
        words = f"{told} is active, but not certain to be current"
        yield _Signs(open=words, evidence=(condition.evidence,), doubt_of=doubt_of)


_Status = tuple[str, PartialDate | None, Evidence]
_PREGNANCY_GROUPS = {"PREGNANT": "pregnant", "NOT_PREGNANT": "not_pregnant", "PREGNANT_POSSIBLE": "possible"}
_BREASTFEEDING_GROUPS = {"BREASTFEEDING": "breastfeeding", "BREASTFEEDING_NOT": "not breastfeeding"}


def _pregnancy_status(status: StatusObservation) -> _Status | None:
    for meaning in status.meanings:
        said = _PREGNANCY_GROUPS.get(meaning.group) if meaning.concept == "pregnancy" else None
        if meaning.concept == "lab-answer" and meaning.use in ("pregnant", "not_pregnant", "possible"):
            said = meaning.use
        if said is not None:
            return said, status.date, status.evidence
    return None


def _breastfeeding_status(status: StatusObservation) -> _Status | None:
    said = [_BREASTFEEDING_GROUPS.get(meaning.group) for meaning in of_concept(status.meanings, "breastfeeding")]
    told = next((word for word in said if word is not None), None)
    return None if told is None else (told, status.date, status.evidence)


def _of_status(rule: NotPregnant, said: str, when: PartialDate | None, evidence: Evidence, as_of: AsOf) -> _Signs:
    """A pregnancy status: a snapshot, so it stands in the way only as long as a test would."""
    if said == "not_pregnant":
        return _Signs(evidence=(evidence,))
    day = f" on {when}" if when else ""
    if said == "pregnant" and when is not None and as_of.within_days(when, rule.test_within_days) is Truth.TRUE:
        return _Signs(speaking=f"Pregnancy status: pregnant{day}", evidence=(evidence,))
    recent = Truth.UNKNOWN if when is None else as_of.within_months(when, rule.breastfeeding_within_months)
    words = "possible pregnancy" if said == "possible" else "pregnant"
    if recent is Truth.FALSE:
        return _Signs()
    return _Signs(open=f"{words} stated{day}", evidence=(evidence,), doubt_of=when)


def _of_breastfeeding(
    rule: NotPregnant, said: str, when: PartialDate | None, evidence: Evidence, as_of: AsOf
) -> _Signs:
    if said != "breastfeeding":
        return _Signs(evidence=(evidence,))
    recent = Truth.UNKNOWN if when is None else as_of.within_months(when, rule.breastfeeding_within_months)
    day = f" on {when}" if when else ""
    if recent is Truth.TRUE:
        return _Signs(speaking=f"Breastfeeding stated{day}", evidence=(evidence,))
    return _Signs(open=f"breastfeeding stated{day}, not certain to be current", evidence=(evidence,))


# --- the verdict ----------------------------------------------------------------------------------------


def _cannot_be(potential: _Potential, signs: _Signs) -> Finding:
    """Pass, unless a record contradicts what says that she cannot bear a child."""
    if not signs.speaking:
        return Finding(Outcome.PASS, potential.words, evidence=potential.evidence)
    reason = f"{potential.words}; but {signs.speaking[:1].lower()}{signs.speaking[1:]}"
    missing = (Missing("pregnancy", "a clinician's word on the contradiction"),)
    return Finding(Outcome.UNKNOWN, reason, evidence=(*potential.evidence, *signs.evidence), missing=missing)


def _may_be(rule: NotPregnant, potential: _Potential, signs: _Signs, as_of: AsOf) -> Finding:
    evidence = (*signs.evidence, *potential.evidence)
    if signs.negative_test and not signs.open:
        reason = f"{signs.negative_test}; no breastfeeding recorded"
        return Finding(Outcome.PASS, reason, evidence=evidence, notes=signs.notes)
    days = rule.test_within_days
    asked = potential.test_helps and not signs.negative_test and signs.tested_on is None
    untested = f"no pregnancy test in the last {days} days" if asked else ""
    reason = "; ".join(words for words in (potential.words, untested, signs.open) if words)
    basis = Basis.RECORDED if evidence else Basis.NO_RECORD
    return Finding(Outcome.UNKNOWN, reason, basis, evidence, _settles(rule, potential, signs, as_of), signs.notes)


def _settles(rule: NotPregnant, potential: _Potential, signs: _Signs, as_of: AsOf) -> tuple[Missing, ...]:
    if signs.negative_test:
        return (Missing("breastfeeding or pregnancy", "confirm that it has ended"),)
    if not potential.test_helps:
        return potential.settles
    days = rule.test_within_days
    test = Missing("pregnancy test", f"serum or urine test within {days} days", days_after(as_of.day, -days), as_of.day)
    return (test, *potential.settles)
