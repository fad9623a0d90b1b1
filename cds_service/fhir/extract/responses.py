"""How disease or a lesion answered, from coded answers of several vocabularies or exact words.

Source: LOINC LL4721-8 (RECIST), mCODE ConditionStatusTrendVS, DICOM CID 6144 (concepts
"disease-status" and "lesion-response").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds_service.domain.facts import Response
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.extract.words import all_words
from cds_service.fhir.resources import CodeableConcept, Observation

DISEASE_STATUS, LESION_RESPONSE = "disease-status", "lesion-response"
STATUS_CODES = frozenset({"disease_status_observation", "overall_response"})
"""Uses of the codes of Observations that state a response."""
_ANSWERS = {
    "CR": Response.COMPLETE,
    "PR": Response.PARTIAL,
    "SD": Response.STABLE,
    "PD": Response.PROGRESSIVE,
    "NE": Response.UNDETERMINED,
    "improved": Response.NOT_PROGRESSIVE,
    "stable": Response.STABLE,
    "worsened": Response.PROGRESSIVE,
    "undetermined": Response.UNDETERMINED,
    "full_remission": Response.COMPLETE,
    "partial_remission": Response.PARTIAL,
    "target_CR": Response.COMPLETE,
    "target_PR": Response.PARTIAL,
    "target_PD": Response.PROGRESSIVE,
    "target_SD": Response.STABLE,
    "nontarget_CR": Response.COMPLETE,
    "nontarget_IR_SD": Response.NOT_PROGRESSIVE,
    "nontarget_PD": Response.PROGRESSIVE,
}
_RECIST_GROUPS = frozenset({"recist_answer", "recist_lesion_response"})
_WORDS = {
    "complete response": Response.COMPLETE,
    "no evidence of disease": Response.COMPLETE,
    "partial response": Response.PARTIAL,
    "stable disease": Response.STABLE,
    "progressive disease": Response.PROGRESSIVE,
    "progression": Response.PROGRESSIVE,
}


@dataclass(frozen=True, slots=True)
class Stated:
    """A response, whether it is one of RECIST's own categories, and whether its code is for one lesion."""

    response: Response
    recist: bool = False
    of_lesion: bool = False


def read_response(observation: Observation, context: ReadingContext) -> Stated | None:
    """The response in an Observation's value, else in its interpretation; None where neither states one.

    Answers that contradict each other are UNDETERMINED (noted).
    """
    value = [observation.value_codeable_concept] if observation.value_codeable_concept else []
    return (
        _coded(value, context)
        or _coded(observation.interpretation, context)
        or _worded([*value, *observation.interpretation], observation.value_string)
    )


def _coded(concepts: Iterable[CodeableConcept], context: ReadingContext) -> Stated | None:
    found = [
        (meaning, _ANSWERS[meaning.use])
        for meaning in context.meanings(*concepts)
        if meaning.concept in (DISEASE_STATUS, LESION_RESPONSE) and meaning.use in _ANSWERS
    ]
    if not found:
        return None
    if len({response for _, response in found}) > 1:
        context.note("its answers contradict each other")
        return Stated(Response.UNDETERMINED)
    return Stated(
        response=found[0][1],
        recist=any(meaning.group in _RECIST_GROUPS for meaning, _ in found),
        of_lesion=any(meaning.concept == LESION_RESPONSE for meaning, _ in found),
    )


def _worded(concepts: Iterable[CodeableConcept], text: str | None) -> Stated | None:
    said = [*(words for concept in concepts for words in all_words(concept)), text or ""]
    found = {_WORDS[words] for words in map(_folded, said) if words in _WORDS}
    return Stated(found.pop(), recist=True) if len(found) == 1 else None


def _folded(text: str) -> str:
    return " ".join(text.lower().replace(".", " ").split())


def states_response(observation: Observation, context: ReadingContext) -> bool:
    """Whether the code itself asks for a response (disease status, overall response)."""
    if observation.code is None:
        return False
    return any(m.concept == DISEASE_STATUS and m.use in STATUS_CODES for m in context.meanings(observation.code))
