"""Why a treatment was given, from extensions (mCODE procedure intent, line intent) and codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.domain.facts import Intent
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.remembering import Remembered
from cds_service.fhir.resources import CodeableConcept, Coding, Extension, Spelling

_ENDINGS = ("procedure-intent", "treatment-intent", "therapy-line-intent", "therapy-intent")
_CURATIVE = frozenset({"curative", "adjuvant", "neoadjuvant", "neo-adjuvant"})
_SAID = _CURATIVE | {"palliative", "supportive"}
_CONCEPTS = frozenset({"treatment-intent", "therapy-setting"})


def read_intent(
    extensions: Sequence[Extension], concepts: Iterable[CodeableConcept | None], context: ReadingContext
) -> Intent | str | None:
    """Curative (neo-adjuvant and adjuvant too), palliative, "supportive", or None where not stated.

    An explicit intent extension decides over category and reason. Statements that contradict
    each other leave it None.
    """
    if not extensions:
        return _intent(_meant(concepts, context))
    stated = [extension for extension in extensions if extension.url and extension.url.endswith(_ENDINGS)]
    told = {word for extension in stated for word in _words(extension, context)}
    return _intent(told) if told else _intent(_meant(concepts, context))


_Spelling = tuple[str | None, str | None, Coding | None, Spelling | None]
_read: Remembered[_Spelling, frozenset[str]] = Remembered()


def _words(extension: Extension, context: ReadingContext) -> frozenset[str]:
    """The intents an extension states; the same stands on drug after drug of a line."""
    concept = extension.value_codeable_concept
    told = None if concept is None else concept.spelling
    spelling = (extension.value_code, extension.value_string, extension.value_coding, told)
    known = _read.of(context.catalog)
    found = known.get(spelling)
    return found if found is not None else Remembered.keep(known, spelling, _worked_out(extension, context))


def _worked_out(extension: Extension, context: ReadingContext) -> frozenset[str]:
    coding = (extension.value_coding,) if extension.value_coding is not None else ()
    concept = extension.value_codeable_concept or CodeableConcept(coding=coding)
    plain = (extension.value_code, extension.value_string, *(part.code for part in concept.coding))
    said = {word.strip().lower() for word in plain if word}
    return frozenset(_meant((concept,), context) | (said & _SAID))


def _meant(concepts: Iterable[CodeableConcept | None], context: ReadingContext) -> set[str]:
    return {meaning.use for meaning in context.meanings(*concepts) if meaning.concept in _CONCEPTS}


def _intent(words: set[str]) -> Intent | str | None:
    curative, palliative = bool(words & _CURATIVE), "palliative" in words
    if curative != palliative:
        return Intent.CURATIVE if curative else Intent.PALLIATIVE
    return "supportive" if "supportive" in words and not curative else None
