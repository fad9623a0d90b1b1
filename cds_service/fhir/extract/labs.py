"""Laboratory results from Observations: value in the analyte's unit, sign, answer, own ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from cds_service.catalog.catalog import LabTest
from cds_service.domain.codes import of_concept
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Answer, Comparator, LabResult
from cds_service.domain.quantities import Analyte, Unusable, convert
from cds_service.fhir.context import LAB, PANEL, Reader, ReadingContext
from cds_service.fhir.extract.dates import When, read_observed
from cds_service.fhir.extract.ranges import read_ranges
from cds_service.fhir.extract.results import Result, results_of
from cds_service.fhir.extract.standing import holds, is_preliminary, status_word
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import Observation, Quantity

_NUMBER_AND_UNIT = re.compile(r"(<=|>=|<|>)?\s*(\d{1,12}(?:\.\d{1,12})?)(?![\d.,])\s*(\S.{0,39})", re.ASCII)
_SIGNS = {sign.value: sign for sign in Comparator}
_QUALITATIVE = ("qual_serum", "qual_urine", "interpretation")
_ANSWERS = {"positive": Answer.POSITIVE, "negative": Answer.NEGATIVE, "indeterminate": Answer.INDETERMINATE}
_GRADED = {"above ref": Answer.POSITIVE, "critical high": Answer.POSITIVE, "normal": Answer.NEGATIVE}
_ANSWERED = frozenset({"pregnancy-test", "hcg"})


def read_labs(observation: Observation, context: ReadingContext) -> Iterator[LabResult]:
    """Every result of an analyte that the observation and its components report."""
    found = [
        (result, test[0], test[1]) for result in results_of(observation) if (test := _test(result, context)) is not None
    ]
    if not found:
        return
    day = _day(read_observed(observation, context))
    for result, measured, code in found:
        yield _lab(result, measured, code, day, context)


def read_members(panel: Observation, context: ReadingContext) -> Iterator[LabResult]:
    """Results of the members of a panel that have no date of their own, dated by the panel.

    Contained observations are not results (CRITERIA ruling 18).
    """
    if not panel.has_member or not (panel.effective_date_time or panel.effective_period or panel.effective_instant):
        return
    day = _day(read_observed(panel, context))
    for name in context.names(panel.has_member):
        member = None if "#" in name else context.found(name)
        if isinstance(member, Observation) and _is_undated(member) and holds(member):
            for result in results_of(member):
                test = _test(result, context)
                if test is not None:
                    yield _lab(result, test[0], test[1], day, context, name)


def _is_undated(observation: Observation) -> bool:
    dated = (observation.effective_date_time, observation.effective_period, observation.effective_instant)
    return not any(dated) and not observation.issued


def _test(result: Result, context: ReadingContext) -> tuple[LabTest, str] | None:
    """The test a code stands for, with "system|code"; None where any coding says it is another thing."""
    found = None
    for coding in result.code.coding:
        test = context.catalog.lab_test(coding.system, coding.code)
        if test is not None:
            if test.use == "ignore":
                return None
            found = found or (test, f"{context.catalog.system(coding.system or '')}|{coding.code}")
    return found


def _day(when: When) -> PartialDate | None:
    """The day or days of a result: of a period all of them."""
    if when.start is None or when.end is None:
        return when.start or when.end
    return PartialDate(when.start.earliest, max(when.end.latest, when.start.latest))


def _lab(
    result: Result, test: LabTest, code: str, day: PartialDate | None, context: ReadingContext, name: str | None = None
) -> LabResult:
    analyte = context.catalog.analytes[test.analyte]
    amount = _amount(result, analyte, test, code)
    answer = _answer(result, test, amount, context)
    evidence = context.evidence(str(day) if day else None, _shown(result, amount, answer))
    if name is not None:
        evidence = type(evidence)(name, evidence.date, evidence.text)
    return LabResult(
        evidence=evidence,
        analyte=test.analyte,
        value=amount.value,
        comparator=amount.comparator,
        answer=answer,
        ranges=read_ranges(result.of, analyte, amount.unit, code, context),
        date=day,
        use=test.use,
        preliminary=is_preliminary(result.parent.status),
        derived=amount.derived,
        note=_note(result, amount),
        problem=None if amount.value is not None or answer is not None else amount.problem,
        collections=_collections(result, context),
        unit=analyte.unit,
    )


def _note(result: Result, amount: _Amount) -> str:
    parent = result.parent
    issued = not (parent.effective_date_time or parent.effective_period or parent.effective_instant) and parent.issued
    words = ["dated by its day of issue"] if issued else []
    if amount.derived:
        words.append("read from text")
    return "; ".join(words)


def _collections(result: Result, context: ReadingContext) -> frozenset[str]:
    """Keys of the draw: its recorded time, its specimen, the panel it is a component of, its report."""
    parent = result.parent
    keys = [f"time:{time}" for time in (parent.effective_date_time, parent.effective_instant) if time]
    if parent.effective_period is not None:
        keys.append(f"period:{parent.effective_period.start}/{parent.effective_period.end}")
    specimen = context.name(parent.specimen) if parent.specimen is not None else None
    if specimen:
        keys.append(f"specimen:{specimen}")
    if result.is_component:
        keys.append(f"panel:{context.reference}")
    return frozenset(keys)


# --- the value ----------------------------------------------------------------------------------


class _Amount(NamedTuple):
    """A value in the analyte's unit, or the problem; `raw` and `unit` as recorded."""

    value: Decimal | None = None
    comparator: Comparator | None = None
    problem: str | None = None
    derived: bool = False
    raw: Decimal | None = None
    unit: str | None = None


def _amount(result: Result, analyte: Analyte, test: LabTest, code: str) -> _Amount:
    of = result.of
    if of.value_quantity is not None:
        return _of_quantity(of.value_quantity, analyte, code)
    if of.value_integer is not None:
        return _converted(analyte, Decimal(of.value_integer), None, None, code)
    if of.value_string is not None and test.use not in _QUALITATIVE:
        return _of_text(of.value_string, analyte, code)
    if of.data_absent_reason is not None:
        return _Amount(problem=f"no value: {status_word(of.data_absent_reason) or 'no reason given'}"[:60])
    return _Amount(problem="no value that can be read")


def _of_quantity(quantity: Quantity, analyte: Analyte, code: str) -> _Amount:
    if quantity.value is None:
        return _Amount(problem="no value")
    sign = quantity.comparator.strip() if quantity.comparator else None
    if sign is not None and sign not in _SIGNS:
        return _Amount(problem="the sign before the value is not one that is known")
    unit = _unit(quantity, analyte, code)
    if isinstance(unit, Unusable):
        return _Amount(problem=unit.problem)
    return _converted(analyte, quantity.value, unit, _SIGNS.get(sign or ""), code)


def _unit(quantity: Quantity, analyte: Analyte, code: str) -> str | Unusable | None:
    """The unit: its code, else its words; where both mean something else, neither is trusted."""
    if quantity.unit == quantity.code or not (quantity.unit and quantity.code):
        return quantity.code or quantity.unit
    coded, told = analyte.conversion(quantity.code, code), analyte.conversion(quantity.unit, code)
    if coded is not None and told is not None and coded != told:
        return Unusable("the code of the unit and its words are not the same unit")
    return quantity.unit if coded is None and told is not None else quantity.code


def _of_text(text: str, analyte: Analyte, code: str) -> _Amount:
    """A string that is exactly a number and a unit (CRITERIA ruling 18)."""
    found = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if found is None:
        return _Amount(problem="its value is text that is not exactly a number and a unit")
    sign, number, unit = found.groups()
    read = _converted(analyte, Decimal(number), unit.strip(), _SIGNS.get(sign or ""), code)
    return _Amount(read.value, read.comparator, read.problem, derived=True, raw=read.raw, unit=read.unit)


def _converted(analyte: Analyte, value: Decimal, unit: str | None, sign: Comparator | None, code: str) -> _Amount:
    found = convert(analyte, value, unit, code)
    raw = value if value.is_finite() else None
    if isinstance(found, Unusable):
        return _Amount(problem=found.problem, comparator=sign, raw=raw, unit=unit)
    return _Amount(found, sign, raw=raw, unit=unit)


# --- the answer -----------------------------------------------------------------------------------


def _answer(result: Result, test: LabTest, amount: _Amount, context: ReadingContext) -> Answer | None:
    """A qualitative result; of a number in a unit of its own (molar hCG) what its own limit says."""
    if test.analyte not in _ANSWERED or amount.value is not None:
        return None
    said = {answer for answer in (_coded(result, context), _flagged(result, context)) if answer is not None}
    if len(said) == 1:
        return said.pop()
    if said:
        return Answer.INDETERMINATE
    return _against_own_limit(result, amount)


def _coded(result: Result, context: ReadingContext) -> Answer | None:
    if result.of.value_boolean is not None:
        return Answer.POSITIVE if result.of.value_boolean else Answer.NEGATIVE
    if result.of.value_codeable_concept is None:
        return None
    meanings = of_concept(context.meanings(result.of.value_codeable_concept), "lab-answer")
    answers = {_ANSWERS[meaning.use] for meaning in meanings if meaning.use in _ANSWERS}
    return answers.pop() if len(answers) == 1 else Answer.INDETERMINATE if answers else None


def _flagged(result: Result, context: ReadingContext) -> Answer | None:
    flags = of_concept(context.meanings(*result.of.interpretation), "lab-answer")
    answers = {_ANSWERS.get(flag.use) or _GRADED.get(flag.use) for flag in flags} - {None}
    return answers.pop() if len(answers) == 1 else None


def _against_own_limit(result: Result, amount: _Amount) -> Answer | None:
    quantity, ranges = result.of.value_quantity, result.of.reference_range
    if quantity is None or amount.raw is None or amount.comparator not in (None, Comparator.LESS) or len(ranges) != 1:
        return None
    high = ranges[0].high
    if high is None or high.value is None or not high.value.is_finite():
        return None
    same = (high.code or high.unit) in (None, quantity.code or quantity.unit)
    if not same:
        return None
    under = amount.raw <= high.value if amount.comparator else amount.raw < high.value
    return Answer.NEGATIVE if under else Answer.POSITIVE


# --- words ------------------------------------------------------------------------------------------


def _shown(result: Result, amount: _Amount, answer: Answer | None) -> str:
    name = words_of(result.code)
    if amount.raw is not None:
        sign = f"{amount.comparator.value} " if amount.comparator else ""
        return f"{name} {sign}{amount.raw:f} {amount.unit or ''}".strip() if abs(amount.raw.adjusted()) < 20 else name
    return f"{name} {answer.value}" if answer is not None else f"{name} without a usable value"


READERS: tuple[Reader, ...] = (
    Reader(Observation, "labs", read_labs, frozenset({LAB})),
    Reader(Observation, "labs", read_members, frozenset({PANEL})),
)
