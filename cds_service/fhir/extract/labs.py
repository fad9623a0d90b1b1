"""Laboratory results from Observations: value in the analyte's unit, sign, answer, own ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from cds_service.catalog.catalog import Catalog
from cds_service.domain.codes import of_concept
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Answer, Comparator, Evidence, LabResult, ReferenceRange
from cds_service.domain.quantities import Analyte, Unusable, convert
from cds_service.fhir.context import LAB, PANEL, Reader, ReadingContext
from cds_service.fhir.extract.dates import When, read_observed
from cds_service.fhir.extract.ranges import read_ranges
from cds_service.fhir.extract.results import Result, results_of
from cds_service.fhir.extract.standing import holds, is_preliminary, status_word
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.remembering import Remembered
from cds_service.fhir.resources import CodeableConcept, Observation, Quantity, Spelling
from cds_service.fhir.resources import ReferenceRange as FhirRange

_NUMBER_AND_UNIT = re.compile(r"(<=|>=|<|>)?\s*(\d{1,12}(?:\.\d{1,12})?)(?![\d.,])\s*(\S.{0,39})", re.ASCII)
_SIGNS = {sign.value: sign for sign in Comparator}
_QUALITATIVE = ("qual_serum", "qual_urine", "interpretation")
_ANSWERS = {"positive": Answer.POSITIVE, "negative": Answer.NEGATIVE, "indeterminate": Answer.INDETERMINATE}
_GRADED = {"above ref": Answer.POSITIVE, "critical high": Answer.POSITIVE, "normal": Answer.NEGATIVE}
_ANSWERED = frozenset({"pregnancy-test", "hcg"})


def read_labs(observation: Observation, context: ReadingContext) -> Iterable[LabResult]:
    """Every result of an analyte that the observation and its components report."""
    found = [
        (result, test)
        for result in results_of(observation)
        if (test := _measured(result.code, context.catalog)) is not None
    ]
    if not found:
        return ()
    when = _days(read_observed(observation, context))
    return [_lab(result, measured, when, context, context.reference) for result, measured in found]


def read_members(panel: Observation, context: ReadingContext) -> Iterator[LabResult]:
    """Results of the members of a panel that have no date of their own, dated by the panel.

    Contained observations are not results (CRITERIA ruling 18).
    """
    if not panel.has_member or not (panel.effective_date_time or panel.effective_period or panel.effective_instant):
        return
    when = _days(read_observed(panel, context))
    for name in context.names(panel.has_member):
        member = None if "#" in name else context.found(name)
        if isinstance(member, Observation) and _is_undated(member) and holds(member):
            for result in results_of(member):
                test = _measured(result.code, context.catalog)
                if test is not None:
                    yield _lab(result, test, when, context, name)


def _is_undated(observation: Observation) -> bool:
    dated = (observation.effective_date_time, observation.effective_period, observation.effective_instant)
    return not any(dated) and not observation.issued


class _Measured(NamedTuple):
    """What a code measures: the analyte, the use of the code, "system|code", the words for people.

    `units` holds the unit that each spelling (unit, code) of a quantity is read as, or why none is;
    `ranges` the limits that each spelling of reference ranges beside values of a unit comes to.
    """

    analyte: Analyte
    use: str
    code: str
    words: str
    units: dict[tuple[str, str], str | Unusable]
    ranges: dict[tuple[str | None, tuple[FhirRange, ...]], tuple[ReferenceRange, ...]]


_tests: Remembered[Spelling, _Measured | None] = Remembered()


def _measured(code: CodeableConcept, catalog: Catalog) -> _Measured | None:
    """The test a code stands for; None where any coding says it is another thing."""
    known, spelling = _tests.of(catalog), (code.coding, code.text)
    found = known.get(spelling)
    if found is None and spelling not in known:
        return Remembered.keep(known, spelling, _test(code, catalog))
    return found


def _test(code: CodeableConcept, catalog: Catalog) -> _Measured | None:
    found = None
    for coding in code.coding:
        test = catalog.lab_test(coding.system, coding.code)
        if test is not None:
            if test.use == "ignore":
                return None
            named = f"{catalog.system(coding.system or '')}|{coding.code}"
            found = found or _Measured(catalog.analytes[test.analyte], test.use, named, words_of(code), {}, {})
    return found


def _days(when: When) -> When:
    """The day or days of a result: of a period all of them, as one start."""
    if when.start is when.end or when.start is None or when.end is None:
        return when
    return When(PartialDate(when.start.earliest, max(when.end.latest, when.start.latest)))


def _lab(result: Result, test: _Measured, when: When, context: ReadingContext, name: str) -> LabResult:
    """The result as a fact; its fields by position, which halves what making one of so many costs."""
    amount = _amount(result, test)
    answer = _answer(result, test, amount, context)
    problem = None if amount.value is not None or answer is not None else amount.problem
    return LabResult(
        Evidence(name, when.text, _shown(test, amount, answer)),
        test.analyte.name,
        amount.value,
        amount.comparator,
        answer,
        _ranges(result, test, amount.unit, context),
        when.start or when.end,
        test.use,
        is_preliminary(result.parent.status),
        amount.derived,
        _note(result, amount),
        problem,
        _collections(result, context),
        test.analyte.unit,
    )


def _ranges(result: Result, test: _Measured, unit: str | None, context: ReadingContext) -> tuple[ReferenceRange, ...]:
    """The laboratory's own limits: the same stand beside result after result."""
    listed = result.of.reference_range
    if not listed:
        return ()
    spelling = (unit, listed)
    found = test.ranges.get(spelling)
    if found is None:
        limits = read_ranges(result.of, test.analyte, unit, test.code, context)
        found = Remembered.keep(test.ranges, spelling, limits)
    return found


def _note(result: Result, amount: _Amount) -> str:
    parent = result.parent
    dated = parent.effective_date_time or parent.effective_period or parent.effective_instant
    if dated and not amount.derived:
        return ""
    words = ["dated by its day of issue"] if parent.issued and not dated else []
    if amount.derived:
        words.append("read from text")
    return "; ".join(words)


def _collections(result: Result, context: ReadingContext) -> frozenset[str]:
    """Keys of the draw: its recorded time, its specimen, the panel it is a component of, its report."""
    parent = result.parent
    keys = [f"time:{parent.effective_date_time}"] if parent.effective_date_time else []
    if parent.effective_instant:
        keys.append(f"time:{parent.effective_instant}")
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


def _amount(result: Result, test: _Measured) -> _Amount:
    of = result.of
    if of.value_quantity is not None:
        return _of_quantity(of.value_quantity, test)
    if of.value_integer is not None:
        return _converted(test, Decimal(of.value_integer), None, None)
    if of.value_string is not None and test.use not in _QUALITATIVE:
        return _of_text(of.value_string, test)
    if of.data_absent_reason is not None:
        return _Amount(problem=f"no value: {status_word(of.data_absent_reason) or 'no reason given'}"[:60])
    return _Amount(problem="no value that can be read")


def _of_quantity(quantity: Quantity, test: _Measured) -> _Amount:
    if quantity.value is None:
        return _Amount(problem="no value")
    sign = quantity.comparator.strip() if quantity.comparator else None
    if sign is not None and sign not in _SIGNS:
        return _Amount(problem="the sign before the value is not one that is known")
    unit = _unit(quantity.unit, quantity.code, test)
    if isinstance(unit, Unusable):
        return _Amount(problem=unit.problem)
    return _converted(test, quantity.value, unit, _SIGNS[sign] if sign else None)


def _unit(unit: str | None, code: str | None, test: _Measured) -> str | Unusable | None:
    """The unit: its code, else its words; where both mean something else, neither is trusted."""
    if unit == code or not (unit and code):
        return code or unit
    spelled = (unit, code)
    known = test.units.get(spelled)
    if known is not None:
        return known
    coded, told = test.analyte.conversion(code, test.code), test.analyte.conversion(unit, test.code)
    if coded is not None and told is not None and coded != told:
        meant: str | Unusable = Unusable("the code of the unit and its words are not the same unit")
    else:
        meant = unit if coded is None and told is not None else code
    return Remembered.keep(test.units, spelled, meant)


def _of_text(text: str, test: _Measured) -> _Amount:
    """A string that is exactly a number and a unit (CRITERIA ruling 18)."""
    found = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if found is None:
        return _Amount(problem="its value is text that is not exactly a number and a unit")
    sign, number, unit = found.groups()
    read = _converted(test, Decimal(number), unit.strip(), _SIGNS.get(sign or ""))
    return _Amount(read.value, read.comparator, read.problem, derived=True, raw=read.raw, unit=read.unit)


def _converted(test: _Measured, value: Decimal, unit: str | None, sign: Comparator | None) -> _Amount:
    found = convert(test.analyte, value, unit, test.code)
    raw = value if value.is_finite() else None
    if isinstance(found, Unusable):
        return _Amount(None, sign, found.problem, derived=False, raw=raw, unit=unit)
    return _Amount(found, sign, None, derived=False, raw=raw, unit=unit)


# --- the answer -----------------------------------------------------------------------------------


def _answer(result: Result, test: _Measured, amount: _Amount, context: ReadingContext) -> Answer | None:
    """A qualitative result; of a number in a unit of its own (molar hCG) what its own limit says."""
    if amount.value is not None or test.analyte.name not in _ANSWERED:
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


def _shown(test: _Measured, amount: _Amount, answer: Answer | None) -> str:
    name = test.words
    if amount.raw is not None:
        sign = f"{amount.comparator.value} " if amount.comparator else ""
        return f"{name} {sign}{amount.raw:f} {amount.unit or ''}".strip() if abs(amount.raw.adjusted()) < 20 else name
    return f"{name} {answer.value}" if answer is not None else f"{name} without a usable value"


READERS: tuple[Reader, ...] = (
    Reader(Observation, "labs", read_labs, frozenset({LAB})),
    Reader(Observation, "labs", read_members, frozenset({PANEL})),
)
