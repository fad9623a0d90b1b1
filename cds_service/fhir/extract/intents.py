"""Why a treatment was given, from extensions (mCODE procedure intent, line intent) and codes."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.facts import Intent
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.resources import CodeableConcept, Extension

_ENDINGS = ("procedure-intent", "treatment-intent", "therapy-line-intent", "therapy-intent")
_CURATIVE = frozenset({"curative", "adjuvant", "neoadjuvant", "neo-adjuvant"})
_CONCEPTS = frozenset({"treatment-intent", "therapy-setting"})


def read_intent(
    extensions: Iterable[Extension], concepts: Iterable[CodeableConcept | None], context: ReadingContext
) -> Intent | str | None:
    """Curative (neo-adjuvant and adjuvant too), palliative, "supportive", or None where not stated.

    An explicit intent extension decides over category and reason. Statements that contradict
    each other leave it None.
    """
    stated = [extension for extension in extensions if extension.url and extension.url.endswith(_ENDINGS)]
    told = {word for extension in stated for word in _words(extension, context)}
    return _intent(told) if told else _intent(_meant(concepts, context))


def _words(extension: Extension, context: ReadingContext) -> set[str]:
    coding = (extension.value_coding,) if extension.value_coding is not None else ()
    concept = extension.value_codeable_concept or CodeableConcept(coding=coding)
    plain = {(word or "").strip().lower() for word in (extension.value_code, extension.value_string)}
    displays = {(part.code or "").strip().lower() for part in concept.coding}
    return _meant((concept,), context) | ((plain | displays) & (_CURATIVE | {"palliative", "supportive"}))


def _meant(concepts: Iterable[CodeableConcept | None], context: ReadingContext) -> set[str]:
    return {meaning.use for meaning in context.meanings(*concepts) if meaning.concept in _CONCEPTS}


def _intent(words: set[str]) -> Intent | str | None:
    curative, palliative = bool(words & _CURATIVE), "palliative" in words
    if curative != palliative:
        return Intent.CURATIVE if curative else Intent.PALLIATIVE
    return "supportive" if "supportive" in words and not curative else None
