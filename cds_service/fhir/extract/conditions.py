"""Diagnoses from Condition resources.

Source: FHIR R4 Condition; mCODE 4.0.0 primary and secondary cancer condition; US Core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import Enum
from functools import lru_cache

from cds_service.domain.codes import Meanings
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import CancerProfile, ClinicalStatus, Evidence, Side, Site, Verification
from cds_service.domain.facts import Condition as ConditionFact
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_date
from cds_service.fhir.extract.sites import one_side, qualifiers_of, read_side, read_sites
from cds_service.fhir.extract.spoken import spoken_diagnosis
from cds_service.fhir.extract.standing import status_word
from cds_service.fhir.resources import CodeableConcept, Condition, Extension, Spelling

_CLINICAL = {status.value: status for status in ClinicalStatus}
_VERIFICATION = {status.value: status for status in Verification}
_MORPHOLOGY = "histology-morphology-behavior"
_RELATED = ("related-primary-cancer-condition", "condition-related", "mcode-related-condition")
_ASSERTED = ("condition-assertedDate", "condition-asserted-date")
_PROFILES = (
    ("primary-cancer-condition", CancerProfile.PRIMARY),
    ("secondary-cancer-condition", CancerProfile.SECONDARY),
)


class _Certainty(Enum):
    """The letters of German ICD-10-GM coding (fhir.de: icd-10-gm-diagnosesicherheit)."""

    CERTAIN = "G"
    SUSPECTED = "V"
    STATE_AFTER = "Z"
    EXCLUDED = "A"


_CERTAINTY_URL = "diagnosesicherheit"


def read_condition(condition: Condition, context: ReadingContext) -> Iterable[ConditionFact]:
    """The diagnosis; meanings by code, by words only where none of its codes is in a table."""
    certainty = _certainty(condition)
    if certainty is _Certainty.EXCLUDED:
        return ()
    said = spoken_diagnosis(condition.code, context)
    if said.problem:
        context.note(said.problem)
    extensions = condition.extension
    onset = read_date(condition.onset_date_time, context)
    if onset is None and condition.onset_period is not None:
        onset = read_date(condition.onset_period.start, context)
    recorded = read_date(condition.recorded_date, context)
    if recorded is None and extensions:
        recorded = _asserted(extensions, context)
    since = onset or recorded
    sites = read_sites(condition.body_site, context) if condition.body_site else ()
    fact = ConditionFact(
        Evidence(context.reference, str(since) if since else None, said.text),
        meanings=said.meanings,
        text=said.text,
        unlisted=said.unlisted,
        clinical_status=_clinical(condition, context),
        verification=_verification(_spelling(condition.verification_status)),
        onset=onset,
        recorded=recorded,
        abated=_abated(condition, context),
        profile=_profile(condition),
        sites=sites,
        side=_side(sites, extensions, said.side, context),
        stages=_stages(condition, context) if condition.stage else (),
        confirmation=_confirmation(condition, context) if condition.evidence else (),
        morphology=context.meanings(*_morphologies(extensions)) if extensions else (),
        related=_related(extensions, context) if extensions else (),
    )
    return (_weighed(fact, certainty),)


def _certainty(condition: Condition) -> _Certainty:
    """How certain a diagnosis is by its German certainty letters; where they disagree, only suspected."""
    codings = condition.code.coding if condition.code else ()
    extensions = (*condition.extension, *(extension for coding in codings for extension in coding.extension))
    letters = {_letter(extension) for extension in extensions if (extension.url or "").endswith(_CERTAINTY_URL)}
    known = {certainty for certainty in _Certainty if certainty.value in letters}
    if len(known) > 1:
        return _Certainty.SUSPECTED
    return next(iter(known), _Certainty.CERTAIN)


def _letter(extension: Extension) -> str:
    coded = extension.value_coding.code if extension.value_coding else extension.value_code
    return (coded or "").strip().upper()


def _weighed(fact: ConditionFact, certainty: _Certainty) -> ConditionFact:
    """The diagnosis as its certainty lets it stand: suspected is unconfirmed, "state after" is over."""
    if certainty is _Certainty.CERTAIN or fact.is_doubted:
        return fact
    if certainty is _Certainty.STATE_AFTER and (fact.clinical_status is None or not fact.is_active):
        return replace(fact, clinical_status=fact.clinical_status or ClinicalStatus.RESOLVED)
    return replace(fact, verification=Verification.PROVISIONAL)


def _stages(condition: Condition, context: ReadingContext) -> Meanings:
    return _of(context.meanings(*(stage.summary for stage in condition.stage)), "stage")


def _of(meanings: Meanings, concept: str) -> Meanings:
    return tuple(meaning for meaning in meanings if meaning.concept == concept)


def _clinical(condition: Condition, context: ReadingContext) -> ClinicalStatus | None:
    """The clinical status; a recorded end without one makes it resolved."""
    status, told = _clinical_status(_spelling(condition.clinical_status))
    if told and status is None:
        context.note("its clinicalStatus is none that FHIR knows; read as not recorded")
    if status is None and _says_ended(condition):
        return ClinicalStatus.RESOLVED
    return status


def _spelling(concept: CodeableConcept | None) -> Spelling:
    return ((), None) if concept is None else concept.spelling


@lru_cache(maxsize=1024)
def _clinical_status(spelling: Spelling) -> tuple[ClinicalStatus | None, bool]:
    """The status a concept names, and whether it says anything."""
    word = status_word(CodeableConcept(*spelling), _CLINICAL)
    return _CLINICAL.get(word or ""), bool(word)


@lru_cache(maxsize=1024)
def _verification(spelling: Spelling) -> Verification | None:
    return _VERIFICATION.get(status_word(CodeableConcept(*spelling), _VERIFICATION) or "")


def _says_ended(condition: Condition) -> bool:
    ends = (condition.abatement_age, condition.abatement_range)
    said = condition.abatement_boolean or condition.abatement_date_time or condition.abatement_string
    return bool(said) or any(end is not None for end in ends)


def _abated(condition: Condition, context: ReadingContext) -> PartialDate | None:
    day = read_date(condition.abatement_date_time, context)
    if day is None and condition.abatement_period is not None:
        day = read_date(condition.abatement_period.end, context)
    return day


def _asserted(extensions: Iterable[Extension], context: ReadingContext) -> PartialDate | None:
    for extension in extensions:
        if (extension.url or "").endswith(_ASSERTED):
            return read_date(extension.value_date_time or extension.value_date, context)
    return None


def _profile(condition: Condition) -> CancerProfile | None:
    """Primary or secondary cancer, by its mCODE profile, else by the words of its category."""
    return _profile_of(condition.profiles(), tuple([category.spelling for category in condition.category]))


@lru_cache(maxsize=4096)
def _profile_of(urls: tuple[str, ...], categories: tuple[Spelling, ...]) -> CancerProfile | None:
    for url in urls:
        for ending, profile in _PROFILES:
            if url.partition("|")[0].endswith(ending):
                return profile
    for codings, words in categories:
        for text in (words, *(word for coding in codings for word in (coding.display, coding.code))):
            found = _profile_in_words(text) if text else None
            if found is not None:
                return found
    return None


def _profile_in_words(text: str) -> CancerProfile | None:
    words = text.lower().replace("-", " ")
    for profile in CancerProfile:
        if f"{profile.value} cancer" in words or f"{profile.value} malignan" in words:
            return profile
    return None


def _side(
    sites: tuple[Site, ...], extensions: tuple[Extension, ...], spoken_side: Side | None, context: ReadingContext
) -> Side | None:
    """The side of its sites, of its own qualifier, else of its code's words ("left breast")."""
    if not sites and not extensions:
        return spoken_side
    qualified = read_side(qualifiers_of(extensions), context)
    return one_side(side for side in (*(site.side for site in sites), qualified) if side) or spoken_side


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
