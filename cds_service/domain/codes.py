"""Codes and what they mean to a trial.

A `Coding` is what a record holds; a `Meaning` is what the mappings say of it: the concept
it belongs to, the group inside that concept (a tumour type, a body site, an agent), and
the use a trial may make of it. The code literals themselves live in `mappings/`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.domain.making import Term, quick_to_make


@quick_to_make
@dataclass(frozen=True, slots=True)
class Coding:
    """One code of a record: the system's canonical URI, the code, the words beside it."""

    system: str
    code: str
    display: str = ""


class MeaningBasis(Term):
    """How a meaning was found: a listed code, words, or a code of another edition that may say something else.

    Only a code is certain; the others never decide.
    """

    CODE = "code"
    TEXT = "text"
    RELATED = "related"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Meaning:
    """What one row of `mappings/` says of a code (or of words, with basis TEXT).

    `concept`  the value set, e.g. "cancer-type", "secondary-site", "effusion"
    `group`    the member inside it, e.g. "CRC", "liver", "MALIGNANT_EFFUSION"
    `use`      what a rule may do with it, e.g. "yes", "review", "exclude"
    `display`  the words for people;  `note` a doubt that belongs in a reason
    """

    concept: str
    group: str
    use: str
    display: str = ""
    note: str = ""
    basis: MeaningBasis = MeaningBasis.CODE


Meanings = tuple[Meaning, ...]


def of_concept(meanings: Meanings, concept: str) -> Meanings:
    """Those meanings that belong to one concept, in the order recorded."""
    if not meanings:
        return ()
    return tuple([meaning for meaning in meanings if meaning.concept == concept])


def groups_of(meanings: Meanings, concept: str) -> frozenset[str]:
    """The groups of one concept that the meanings name."""
    return frozenset(meaning.group for meaning in meanings if meaning.concept == concept)
