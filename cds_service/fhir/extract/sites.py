"""Places in the body and their sides, from codes, qualifiers, extensions and words.

Source: mCODE 4.0.0 (mcode-laterality-qualifier, mcode-body-location-qualifier,
BodyStructure.locationQualifier); concepts "body-site", "node-chain" and "laterality".
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.codes import Meanings
from cds_service.domain.facts import Side, Site
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import CodeableConcept, Extension

BODY_SITE, NODE_CHAIN, LATERALITY = "body-site", "node-chain", "laterality"
_QUALIFIERS = ("laterality-qualifier", "location-qualifier")
_SIDES = {side.value: side for side in Side}
_WORDS = {"left": Side.LEFT, "right": Side.RIGHT, "bilateral": Side.BILATERAL, "midline": Side.MIDLINE}


def read_site(concept: CodeableConcept | None, context: ReadingContext, *qualifiers: CodeableConcept) -> Site | None:
    """The place a concept names, with the side that it, its extensions or the qualifiers give.

    None where the concept is missing. A place of no table keeps its words.
    """
    if concept is None:
        return None
    meant = context.meanings(concept)
    if not concept.coding and concept.text:
        meant = context.catalog.places(concept.text)
    extensions = tuple(qualifiers_of(concept.extension))
    return site_of(meant, words_of(concept), read_side((concept, *extensions, *qualifiers), context), codes_of(concept))


def site_of(meant: Meanings, text: str, side: Side | None, codes: frozenset[str] = frozenset()) -> Site:
    """A place from its meanings: organ (or region), chain, the row's own doubt or detail."""
    organ = next((m for m in meant if m.concept == BODY_SITE), None)
    chain = next((m for m in meant if m.concept == NODE_CHAIN), None)
    return Site(
        organ=organ.group if organ else None,
        chain=chain.group if chain else None,
        side=side,
        text=text,
        detail=chain.note if chain else "",
        codes=codes,
    )


def codes_of(concept: CodeableConcept | None) -> frozenset[str]:
    """Its codes as "system|code"."""
    return frozenset(f"{c.system or ''}|{c.code}" for c in (concept.coding if concept else ()) if c.code)


def qualifiers_of(extensions: Iterable[Extension]) -> Iterable[CodeableConcept]:
    """The concepts of laterality and location qualifier extensions."""
    for extension in extensions:
        if extension.value_codeable_concept and (extension.url or "").endswith(_QUALIFIERS):
            yield extension.value_codeable_concept


def read_side(concepts: Iterable[CodeableConcept], context: ReadingContext) -> Side | None:
    """The side these concepts give: by code, else by words ("Left (qualifier value)", "Right kidney").

    Left and right together are bilateral; words that say several sides otherwise say none.
    """
    listed = tuple(concepts)
    coded = {m.use for m in context.meanings(*listed) if m.concept == LATERALITY}
    found = {_SIDES[use] for use in coded if use in _SIDES}
    if not found:
        spoken = {word for concept in listed for word in _spoken(concept)}
        found = {side for word, side in _WORDS.items() if word in spoken}
    return one_side(found)


def one_side(sides: Iterable[Side]) -> Side | None:
    """The one side several mentions agree on; left and right together are bilateral."""
    found = set(sides)
    if {Side.LEFT, Side.RIGHT} <= found or Side.BILATERAL in found:
        return Side.BILATERAL
    if len(found) > 1:
        found.discard(Side.UNILATERAL)
    return found.pop() if len(found) == 1 else None


def _spoken(concept: CodeableConcept) -> set[str]:
    texts = (concept.text, *(coding.display for coding in concept.coding))
    folded = " ".join(text.lower() for text in texts if text)
    return set(folded.replace("(", " ").replace(")", " ").replace(",", " ").split())


def read_sites(concepts: Iterable[CodeableConcept], context: ReadingContext) -> tuple[Site, ...]:
    """The places several concepts name."""
    found = (read_site(concept, context) for concept in concepts)
    return tuple(site for site in found if site is not None)
