"""Diagnoses from Condition resources.

Source: FHIR R4 Condition; mCODE 4.0.0 primary and secondary cancer condition; US Core.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import CancerProfile, ClinicalStatus, Side, Verification
from cds_service.domain.facts import Condition as ConditionFact
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import NEVER, When, read_date, read_when
from cds_service.fhir.extract.sites import one_side, qualifiers_of, read_side, read_sites
from cds_service.fhir.extract.standing import status_word
from cds_service.fhir.extract.words import all_words, words_of
from cds_service.fhir.resources import CodeableConcept, Condition, Extension

_CLINICAL = {status.value: status for status in ClinicalStatus}
_VERIFICATION = {status.value: status for status in Verification}
_MORPHOLOGY = "histology-morphology-behavior"
_RELATED = ("related-primary-cancer-condition", "condition-related", "mcode-related-condition")
_ASSERTED = ("condition-assertedDate", "condition-asserted-date")
_PROFILES = (
    ("primary-cancer-condition", CancerProfile.PRIMARY),
    ("secondary-cancer-condition", CancerProfile.SECONDARY),
)


def read_condition(condition: Condition, context: ReadingContext) -> Iterable[ConditionFact]:
    """The diagnosis; meanings by code, by words only where none of its codes is in a table."""
    code = condition.code
    meanings = context.meanings(code)
    unlisted = not meanings and _has_code(code)
    if not meanings:
        meanings = _by_words(all_words(code), context)
    onset = _onset(condition, context)
    asserted = _dated(condition.extension, context)
    recorded = read_date(condition.recorded_date, context) or asserted
    text = words_of(code)
    extensions = condition.extension
    yield ConditionFact(
        context.evidence(str(onset.start or recorded or "") or None, text),
        meanings=meanings,
        text=text,
        unlisted=unlisted,
        clinical_status=_clinical(condition, context),
        verification=_VERIFICATION.get(status_word(condition.verification_status) or ""),
        onset=onset.start,
        recorded=recorded,
        abated=_abated(condition, context),
        profile=_profile(condition),
        sites=read_sites(condition.body_site, context),
        side=_side(condition, context),
        stages=_of(context.meanings(*(stage.summary for stage in condition.stage)), "stage"),
        confirmation=_confirmation(condition, context),
        morphology=context.meanings(*_morphologies(extensions)),
        related=_related(extensions, context),
    )


def _has_code(code: CodeableConcept | None) -> bool:
    return code is not None and any(coding.code for coding in code.coding)


def _by_words(texts: Iterable[str], context: ReadingContext) -> Meanings:
    return tuple(dict.fromkeys(meaning for text in texts for meaning in context.catalog.words(text)))


def _of(meanings: Meanings, concept: str) -> Meanings:
    return tuple(meaning for meaning in meanings if meaning.concept == concept)


def _clinical(condition: Condition, context: ReadingContext) -> ClinicalStatus | None:
    """The clinical status; a recorded end without one makes it resolved."""
    word = status_word(condition.clinical_status)
    status = _CLINICAL.get(word or "")
    if word and status is None:
        context.note("its clinicalStatus is none that FHIR knows; read as not recorded")
    if status is None and _says_ended(condition):
        return ClinicalStatus.RESOLVED
    return status


def _says_ended(condition: Condition) -> bool:
    return bool(condition.abatement_boolean or condition.abatement_date_time or condition.abatement_string)


def _onset(condition: Condition, context: ReadingContext) -> When:
    if not (condition.onset_date_time or condition.onset_period):
        return NEVER
    return read_when(condition.onset_date_time, condition.onset_period, context)


def _abated(condition: Condition, context: ReadingContext) -> PartialDate | None:
    day = read_date(condition.abatement_date_time, context)
    if day is None and condition.abatement_period is not None:
        day = read_date(condition.abatement_period.end, context)
    return day


def _dated(extensions: Iterable[Extension], context: ReadingContext) -> PartialDate | None:
    for extension in extensions:
        if (extension.url or "").endswith(_ASSERTED):
            return read_date(extension.value_date_time or extension.value_date, context)
    return None


def _profile(condition: Condition) -> CancerProfile | None:
    """Primary or secondary cancer, by its mCODE profile, else by the words of its category."""
    for url in condition.profiles():
        for ending, profile in _PROFILES:
            if url.partition("|")[0].endswith(ending):
                return profile
    words = " ".join(word for category in condition.category for word in _category_words(category))
    for profile in CancerProfile:
        if f"{profile.value} cancer" in words or f"{profile.value} malignan" in words:
            return profile
    return None


def _category_words(category: CodeableConcept) -> Iterable[str]:
    for text in (category.text, *(word for coding in category.coding for word in (coding.display, coding.code))):
        if text:
            yield text.lower().replace("-", " ")


def _side(condition: Condition, context: ReadingContext) -> Side | None:
    """The side of its sites, of its own qualifier, else of its code's words ("left breast")."""
    qualifiers = tuple(qualifiers_of(condition.extension))
    sites = read_sites(condition.body_site, context)
    stated = one_side(side for side in (*(site.side for site in sites), read_side(qualifiers, context)) if side)
    return stated or (read_side((condition.code,), context) if condition.code else None)


def _confirmation(condition: Condition, context: ReadingContext) -> Meanings:
    codes = (code for evidence in condition.evidence for code in evidence.code)
    return _of(context.meanings(*codes), "tissue-confirmation")


def _morphologies(extensions: Iterable[Extension]) -> Iterable[CodeableConcept]:
    for extension in extensions:
        if extension.value_codeable_concept and (extension.url or "").endswith(_MORPHOLOGY):
            yield extension.value_codeable_concept


def _related(extensions: Iterable[Extension], context: ReadingContext) -> tuple[str, ...]:
    found = (
        extension.value_reference
        for extension in extensions
        if extension.value_reference and (extension.url or "").endswith(_RELATED)
    )
    return context.names(found)


READERS: tuple[Reader, ...] = (Reader(Condition, "conditions", read_condition),)
