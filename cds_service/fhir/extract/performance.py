"""ECOG and Karnofsky scores from Observations.

A score may stand as an integer, a quantity, a coded answer, a string ("1", "ECOG 1"), a
range ("1-2", of which the worse counts), in the interpretation, or in the code itself.

Source: CRITERIA row I3; LOINC 4721-style answer lists of `mappings/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cds_service.domain.codes import Meanings
from cds_service.domain.facts import PerformanceStatus, Scale
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_observed
from cds_service.fhir.extract.results import Result, results_of
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.resources import CodeableConcept, Observation, Quantity

PERFORMANCE = "performance-status"
_SCALES = {"ECOG": Scale.ECOG, "KARNOFSKY": Scale.KARNOFSKY}
_POSSIBLE = {Scale.ECOG: frozenset(range(6)), Scale.KARNOFSKY: frozenset(range(0, 101, 10))}
_NAMES = r"(?:ecog|who|zubrod|karnofsky|kps|ps|performance\s+status|score|grade)"
_SAID = re.compile(
    rf"\s*(?:{_NAMES}\s*[:=]?\s*)*(\d{{1,3}})\s*(?:(?:-|\u2013|to|/|or)\s*(\d{{1,3}}))?\s*%?\s*\Z", re.IGNORECASE
)


def read_performance(observation: Observation, context: ReadingContext) -> Iterable[PerformanceStatus]:
    """One fact for each score; with a problem and no score where the value cannot be read."""
    when = read_observed(observation, context)
    for result in results_of(observation):
        code = _performance(context.meanings(result.code))
        scale = next((_SCALES[meaning.group] for meaning in code if meaning.group in _SCALES), None)
        if scale is None or _is_panel(result):
            continue
        graded = _coded(context.meanings(*result.of.interpretation), scale)
        scores = _scores(result, scale, code, context)
        if scores and not set(scores).issuperset(graded):
            context.note(f"the {scale.value} score and its interpretation disagree; the worse one counts")
        score = _worse(scale, (*scores, *graded))
        problem = None if score is not None else f"the {scale.value} score cannot be read from its value"
        if problem:
            context.note(problem)
        yield PerformanceStatus(
            context.evidence(when.text, f"{scale.value} {'not readable' if score is None else score}"),
            scale,
            score,
            date=when.start or when.end,
            preliminary=is_preliminary(observation.status),
            problem=problem,
        )


def _performance(meanings: Meanings) -> Meanings:
    return tuple(meaning for meaning in meanings if meaning.concept == PERFORMANCE)


def _is_panel(result: Result) -> bool:
    """Whether it only holds its components or members, without a value of its own."""
    holds_others = bool(result.parent.component or result.parent.has_member) and not result.is_component
    return holds_others and not _has_value(result)


def _has_value(result: Result) -> bool:
    of = result.of
    values = (of.value_integer, of.value_quantity, of.value_codeable_concept, of.value_string, of.value_range)
    return any(value is not None for value in values) or bool(of.interpretation)


def _scores(result: Result, scale: Scale, code: Meanings, context: ReadingContext) -> Iterable[int]:
    """The scores of the first place that gives any: the value, its code, the interpretation, the code."""
    of = result.of
    for found in (
        [of.value_integer] if of.value_integer is not None else [],
        _whole(of.value_quantity),
        [*_whole(of.value_range.low), *_whole(of.value_range.high)] if of.value_range else [],
        _coded(context.meanings(of.value_codeable_concept), scale),
        _said(of.value_string),
        _in_words(of.value_codeable_concept),
        _coded(code, scale),
    ):
        if found:
            return found
    return []


def _whole(quantity: Quantity | None) -> list[int]:
    if quantity is None or quantity.value is None or quantity.comparator:
        return []
    value = quantity.value
    return [int(value)] if value.is_finite() and abs(value) < 1000 and value == value.to_integral_value() else []


def _coded(meanings: Meanings, scale: Scale) -> list[int]:
    return [
        int(meaning.use)
        for meaning in _performance(meanings)
        if _SCALES.get(meaning.group) is scale and meaning.use.isdecimal()
    ]


def _in_words(concept: CodeableConcept | None) -> list[int]:
    if concept is None:
        return []
    texts = (concept.text, *(text for coding in concept.coding for text in (coding.display, coding.code)))
    return next((found for text in texts if (found := _said(text))), [])


def _said(text: str | None) -> list[int]:
    found = _SAID.match(text) if text else None
    return [int(number) for number in found.groups() if number] if found else []


def _worse(scale: Scale, scores: Iterable[int]) -> int | None:
    """The worse score: the higher ECOG, the lower Karnofsky; None where one is no score of the scale."""
    listed = list(scores)
    if not listed or not _POSSIBLE[scale].issuperset(listed):
        return None
    return max(listed) if scale is Scale.ECOG else min(listed)


READERS: tuple[Reader, ...] = (Reader(Observation, "performance", read_performance, wants=frozenset({PERFORMANCE})),)
