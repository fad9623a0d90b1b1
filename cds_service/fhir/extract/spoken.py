"""What a code and its words say, worked out once for each concept a catalog ever meets.

The same diagnosis or test stands in record after record, spelled alike; what it means
depends on the catalog alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from cds_service.catalog.catalog import Catalog
from cds_service.domain.codes import Meanings
from cds_service.domain.facts import Side
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.extract.sites import read_side
from cds_service.fhir.extract.words import all_words, words_of
from cds_service.fhir.resources import CodeableConcept

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a concept says: meanings by code, by words only where no code of it is in a table.

    `unlisted` is true when it carries codes and none is in any table. `side` is the one its
    codes or words name. `problem` is what is wrong with its codes.
    """

    meanings: Meanings = ()
    unlisted: bool = False
    text: str = ""
    side: Side | None = None
    problem: str = ""


_NOTHING = Spoken()
_DIAGNOSIS = "diagnosis"
_memories: dict[int, tuple[Catalog, dict[Hashable, Spoken]]] = {}


def spoken(concept: CodeableConcept | None, context: ReadingContext) -> Spoken:
    """What a concept says; nothing where it is missing."""
    if concept is None:
        return _NOTHING
    memory, spelling = _memory_of(context.catalog), concept.spelling
    found = memory.get(spelling)
    if found is None:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        found = memory[spelling] = _worked_out(concept, context)
    return found


def spoken_diagnosis(concept: CodeableConcept | None, context: ReadingContext) -> Spoken:
    """What a diagnosis says: the same, and what its codes may mean where their system is not the mapped one.

    A coding whose system is mapped is the surer: beside it the others add nothing.
    """
    said = spoken(concept, context)
    if concept is None or not concept.coding:
        return said
    memory, key = _memory_of(context.catalog), (_DIAGNOSIS, concept.spelling)
    found = memory.get(key)
    if found is None:
        found = memory[key] = _with_likeness(concept, said, context)
    return found


def _with_likeness(concept: CodeableConcept, said: Spoken, context: ReadingContext) -> Spoken:
    likes = [(coding, context.catalog.likeness(coding.system, coding.code)) for coding in concept.coding]
    unsure = [like for _, like in likes if like.meanings]
    if not unsure or any(not like.system and context.meanings_of_codings(coding) for coding, like in likes):
        return said
    related = dict.fromkeys(meaning for like in unsure for meaning in like.meanings)
    problem = (
        f"its code is of {unsure[0].system}, not of the mapped ICD-10-CM: where the two may differ it decides nothing"
    )
    return replace(said, meanings=(*said.meanings, *related), problem=problem)


def _memory_of(catalog: Catalog) -> dict[Hashable, Spoken]:
    known = _memories.get(id(catalog))
    if known is None or known[0] is not catalog:
        known = _memories[id(catalog)] = (catalog, {})
    return known[1]


def _worked_out(concept: CodeableConcept, context: ReadingContext) -> Spoken:
    meanings = context.meanings(concept)
    unlisted = not meanings and any(coding.code for coding in concept.coding)
    if not meanings:
        texts = all_words(concept)
        meanings = tuple(dict.fromkeys(meaning for text in texts for meaning in context.catalog.words(text)))
    return Spoken(meanings, unlisted, words_of(concept), read_side((concept,), context))
