"""What was done to the patient, from Procedure resources whose codes mean something to a trial.

Source: FHIR R4 Procedure; mCODE 4.0.0 cancer-related procedures and radiotherapy summary.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.codes import MeaningBasis, Meanings, of_concept
from cds_service.domain.facts import Procedure as ProcedureFact
from cds_service.domain.facts import Site
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_when
from cds_service.fhir.extract.medications import SUPPORTIVE, acts_locally
from cds_service.fhir.extract.sites import qualifiers_of, read_site, read_sites
from cds_service.fhir.extract.spoken import spoken
from cds_service.fhir.resources import (
    BodyStructure,
    CodeableConcept,
    Condition,
    Extension,
    Procedure,
    Reference,
)

_DONE = frozenset({"completed"})
_STRUCTURES = (
    "procedure-targetBodyStructure",
    "radiotherapy-volume",
    "bodyStructure",
    "body-structure",
    "treated-volume",
)
_NESTED = ("radiotherapy-dose-delivered-to-volume", "dose-delivered-to-volume")


def read_procedure(procedure: Procedure, context: ReadingContext) -> Iterable[ProcedureFact]:
    """The procedure, where its codes (its words, if it has no listed code) mean something."""
    said = spoken(procedure.code, context)
    meanings = said.meanings
    if all(meaning.basis is MeaningBasis.TEXT for meaning in meanings):
        meanings += _drugs_named(said.text, context)
    if not meanings:
        return
    when = read_when(procedure.performed_date_time, procedure.performed_period, context)
    focus = context.names(_structures(procedure.extension))
    yield ProcedureFact(
        context.evidence(when.text, said.text),
        meanings=meanings,
        text=said.text,
        start=when.start,
        end=when.end,
        completed=(procedure.status or "").strip().lower() in _DONE,
        sites=(*_sites(procedure, context), *_sites_of(focus, context)),
        focus=focus,
        reasons=_reasons(procedure, context),
    )


def _drugs_named(text: str, context: ReadingContext) -> Meanings:
    """The anticancer drugs that a procedure of no listed code names, where it is given to the whole body."""
    if acts_locally(text):
        return ()
    named = of_concept(context.catalog.agents_named(text), "agent")
    return tuple(agent for agent in named if agent.use != SUPPORTIVE)


def _sites(procedure: Procedure, context: ReadingContext) -> tuple[Site, ...]:
    """Its body sites, with a side stated on the procedure itself where a site has none."""
    qualifiers = tuple(qualifiers_of(procedure.extension))
    if not qualifiers:
        return read_sites(procedure.body_site, context)
    own = (read_site(concept, context, *qualifiers) for concept in procedure.body_site)
    return tuple(site for site in own if site is not None)


def _structures(extensions: Iterable[Extension]) -> Iterable[Reference]:
    """The body structures it was directed at: target structures and radiotherapy volumes."""
    for extension in extensions:
        url = extension.url or ""
        if extension.value_reference is not None and url.endswith((*_STRUCTURES, "volume")):
            yield extension.value_reference
        elif url.endswith(_NESTED):
            yield from _structures(extension.extension)


def _sites_of(names: Iterable[str], context: ReadingContext) -> Iterable[Site]:
    """The places of the body structures it names."""
    for name in names:
        structure = context.found(name)
        if isinstance(structure, BodyStructure) and structure.location is not None:
            site = read_site(structure.location, context, *structure.location_qualifier)
            if site is not None:
                yield site


def _reasons(procedure: Procedure, context: ReadingContext) -> Meanings:
    """What its reasons mean: coded, or the codes of the Conditions it names."""
    named = (context.resolve(reference) for reference in procedure.reason_reference)
    codes: list[CodeableConcept | None] = [*procedure.reason_code]
    codes += [condition.code for condition in named if isinstance(condition, Condition)]
    return context.meanings(*codes)


READERS: tuple[Reader, ...] = (Reader(Procedure, "procedures", read_procedure),)
