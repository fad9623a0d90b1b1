"""Observations that a rule reads by meaning alone: pregnancy status, breastfeeding, menopause."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.domain.codes import Meanings
from cds_service.domain.facts import StatusObservation
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_observed
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import Observation

_CONCEPTS = frozenset({"pregnancy", "breastfeeding", "childbearing"})
_ANSWERS = frozenset({"lab-answer", *_CONCEPTS})
_QUESTION = "status"
"""The use of a code that asks; its value answers."""
_AFFIRMED = frozenset({"yes", "y", "true", "present", "positive", "confirmed"})


def read_statuses(observation: Observation, context: ReadingContext) -> Iterator[StatusObservation]:
    """What an observation states: the answer to a status question, or a finding that is not denied."""
    meanings = _stated(observation, context)
    if not meanings:
        return
    when = read_observed(observation, context)
    words = words_of(observation.code)
    answer = words_of(observation.value_codeable_concept)
    yield StatusObservation(
        context.evidence(when.text, f"{words}: {answer}" if answer else words),
        meanings,
        when.start or when.end,
        is_preliminary(observation.status),
    )


def _stated(observation: Observation, context: ReadingContext) -> Meanings:
    asked = [meaning for meaning in context.meanings(observation.code) if meaning.concept in _CONCEPTS]
    answered = tuple(m for m in context.meanings(observation.value_codeable_concept) if m.concept in _ANSWERS)
    if any(meaning.use == _QUESTION for meaning in asked):
        return answered
    if observation.value_codeable_concept is not None:
        affirmed = any(meaning.use == "positive" for meaning in answered)
        return tuple(asked) if affirmed else ()
    return () if _is_denied(observation) else tuple(asked)


def _is_denied(observation: Observation) -> bool:
    """Whether a finding is denied, not known, or given a text that does not plainly affirm it."""
    said = observation.value_string
    unclear = said is not None and said.strip().lower() not in _AFFIRMED
    return unclear or observation.value_boolean is False or observation.data_absent_reason is not None


READERS: tuple[Reader, ...] = (Reader(Observation, "statuses", read_statuses, _CONCEPTS),)
