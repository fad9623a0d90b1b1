"""Explicit statements on the disease, or on what they focus on, from Observations.

Source: mCODE 4.0.0 CancerDiseaseStatus; LOINC 88040-1 with LL4721-8; CRITERIA rulings 6, 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.domain.anatomy import AREAS
from cds_service.domain.codes import groups_of
from cds_service.domain.facts import DiseaseStatus, Response
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_observed
from cds_service.fhir.extract.responses import DISEASE_STATUS, read_response, states_response
from cds_service.fhir.extract.sites import read_site
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import Condition, Observation

_EVIDENCE_TYPE = "evidence-type"
_OTHER_EVIDENCE = "evidence of another type"


def read_status(observation: Observation, context: ReadingContext) -> Iterator[DiseaseStatus]:
    """The statement on the disease; of one metastasis or one body site only progression says anything of the whole."""
    if not states_response(observation, context):
        return
    stated = read_response(observation, context)
    if stated is None:
        return
    when = read_observed(observation, context)
    focus = context.names(observation.focus)
    response = stated.response
    if response is not Response.PROGRESSIVE and (_of_a_place(observation, context) or _of_a_metastasis(focus, context)):
        response = Response.UNDETERMINED
    answer = words_of(observation.value_codeable_concept) or response.value
    yield DiseaseStatus(
        evidence=context.evidence(when.text, f"{words_of(observation.code)}: {answer}"),
        response=response,
        recist=stated.recist,
        date=when.start or when.end,
        focus=focus,
        evidence_types=_evidence_types(observation, context),
        preliminary=is_preliminary(observation.status),
    )


def _of_a_place(observation: Observation, context: ReadingContext) -> bool:
    site = read_site(observation.body_site, context)
    return not observation.focus and site is not None and site.organ not in AREAS


def _of_a_metastasis(focus: Iterable[str], context: ReadingContext) -> bool:
    """Whether it speaks of one metastasis only: such a one may be stable while others grow."""
    named = [context.found(name) for name in focus]
    conditions = [found for found in named if isinstance(found, Condition)]
    return bool(conditions) and all(
        groups_of(context.meanings(condition.code), "secondary-site") for condition in conditions
    )


def _evidence_types(observation: Observation, context: ReadingContext) -> frozenset[str]:
    found: set[str] = set()
    for extension in observation.extension:
        concept = extension.value_codeable_concept
        if concept is not None and (extension.url or "").endswith(_EVIDENCE_TYPE):
            found |= groups_of(context.meanings(concept), _EVIDENCE_TYPE) or {_OTHER_EVIDENCE}
    return frozenset(found)


READERS: tuple[Reader, ...] = (Reader(Observation, "disease_statuses", read_status, wants=frozenset({DISEASE_STATUS})),)
