"""Stage groups, M categories and recorded histories of metastasis, from Observations.

Source: mCODE 4.0.0 TNM profiles and HistoryOfMetastaticCancer ("if absent, value is true").
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.codes import Meanings
from cds_service.domain.facts import StageObservation
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_observed
from cds_service.fhir.extract.results import Result, results_of
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import Observation

STAGE = "stage"
_NO_VALUE = frozenset({"observation-code", "method", "root"})


def read_stages(observation: Observation, context: ReadingContext) -> Iterable[StageObservation]:
    """One fact for each stage, M category or history of metastasis that the observation states."""
    when = read_observed(observation, context)
    for result in results_of(observation):
        code = _stage(context.meanings(result.code))
        if not code:
            continue
        said = _values(result, context) if _is_question(code) else code
        if said or _is_question(code):
            yield StageObservation(
                context.evidence(when.text, _text(result)),
                meanings=said,
                date=when.start or when.end,
                focus=context.names(observation.focus),
                negated=result.of.value_boolean is False,
                preliminary=is_preliminary(observation.status),
            )


def _stage(meanings: Meanings) -> Meanings:
    return tuple(meaning for meaning in meanings if meaning.concept == STAGE)


def _is_question(code: Meanings) -> bool:
    """Whether the code asks for a value, rather than being the statement itself."""
    return all(meaning.use in _NO_VALUE for meaning in code)


def _values(result: Result, context: ReadingContext) -> Meanings:
    """The stage its value names: by code, else by the words of the value ("Stage IV", "M1")."""
    value = result.of.value_codeable_concept
    coded = tuple(meaning for meaning in _stage(context.meanings(value)) if meaning.use not in _NO_VALUE)
    if coded:
        return coded
    texts = (words_of(value), result.of.value_string or "")
    return _stage(tuple(meaning for text in texts for meaning in context.catalog.words(text)))


def _text(result: Result) -> str:
    value = words_of(result.of.value_codeable_concept) or result.of.value_string or ""
    answer = {True: "yes", False: "no", None: value}[result.of.value_boolean]
    return f"{words_of(result.code)}: {answer}" if answer else words_of(result.code)


READERS: tuple[Reader, ...] = (Reader(Observation, "stages", read_stages, wants=frozenset({STAGE})),)
