"""Primary cancers as the problem list tells them: which type, how sure, still active.

Source: CRITERIA, rulings 1, 2 and 17, row I14.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cds_service.domain.codes import Meaning, MeaningBasis, of_concept
from cds_service.domain.facts import CancerProfile, Condition, Side
from cds_service.domain.making import quick_to_make

OTHER = "other"
"""The type of a primary cancer that is none of the trial's."""

_CANCER_CONCEPTS = ("cancer-type", "primary-cancer", "secondary-site", "malignant-text")
_NO_CANCER_NOW = frozenset({"history", "in-situ", "not-malignant", "support"})


@quick_to_make
@dataclass(frozen=True, slots=True)
class Primary:
    """One primary cancer: its type ("CRC", "other", None when unrecognised), use of the row, side.

    `use`: "yes" names a type of the trial; "review" names one with the histology undecided;
    "other" another type; "unknown-primary"; "unrecognised" says primary cancer with a code
    in no table; "words" only the words (or a code of a system not mapped) sound malignant;
    "history" is past. `note` is the doubt that belongs in a reason.
    """

    condition: Condition
    type: str | None
    use: str
    side: Side | None
    note: str = ""

    @property
    def title(self) -> str:
        """The diagnosis in the record's own words."""
        return self.condition.text or self.condition.evidence.text

    @property
    def is_current(self) -> bool:
        """Recorded as active and without doubt, not as history."""
        return self.condition.is_active and not self.condition.is_doubted and self.use not in ("history", "words")


def read_primaries(conditions: Iterable[Condition], types: frozenset[str]) -> tuple[Primary, ...]:
    """Every primary cancer on the problem list, whatever its standing, in the order recorded."""
    found = (_primary(condition, types) for condition in conditions)
    return tuple(primary for primary in found if primary is not None)


def type_words(name: str | None) -> str:
    """A tumour type for people: "CRC" stays, "ESOPHAGUS" becomes "esophagus"."""
    known = name or "type not known"
    return known if len(known) <= 3 else known.lower()


def _primary(condition: Condition, types: frozenset[str]) -> Primary | None:
    if not condition.meanings and condition.profile is not CancerProfile.PRIMARY:
        return None
    coded = tuple(meaning for meaning in condition.meanings if meaning.basis is MeaningBasis.CODE)
    named = _named(condition, coded, types)
    if named is not None:
        return _with_morphology(named, types)
    return _ranged(condition, coded)


def _named(condition: Condition, coded: tuple[Meaning, ...], types: frozenset[str]) -> Primary | None:
    """By the tumour types' own tables: what names a type of the trial first, a certain name before a doubtful one.

    A code may name types of several trials; that of another is another type here.
    """
    rows = of_concept(coded, "cancer-type")
    telling = [row for use in ("yes", "review", "history") for row in rows if row.use == use]
    for row in telling:
        if row.group in types or row.group == "ANY":
            return _made(condition, row.group, row.use, row.note)
    if telling:
        use = "history" if telling[0].use == "history" else OTHER
        return _made(condition, OTHER, use, telling[0].note)
    return _made(condition, OTHER, OTHER) if any(row.use == "no" for row in rows) else None


def _ranged(condition: Condition, coded: tuple[Meaning, ...]) -> Primary | None:
    """By the ranges of primary cancers, then by what the record says beside the code."""
    uses = {row.use for row in of_concept(coded, "primary-cancer")}
    if "primary" in uses:
        return _made(condition, OTHER, OTHER)
    if uses & {"unknown-primary", "ill-defined"}:
        return _made(condition, None, "unknown-primary")
    if "history" in uses:
        return _made(condition, OTHER, "history")
    if _is_spread_or_in_situ(coded, uses):
        return None
    if condition.profile is CancerProfile.PRIMARY:
        return _made(condition, None, "unrecognised")
    sounds_malignant = any(
        row.basis is not MeaningBasis.CODE and row.concept in _CANCER_CONCEPTS and row.use not in _NO_CANCER_NOW
        for row in condition.meanings
    )
    return _made(condition, None, "words") if sounds_malignant else None


def _is_spread_or_in_situ(coded: tuple[Meaning, ...], uses: set[str]) -> bool:
    typed = {row.use for row in of_concept(coded, "cancer-type")}
    return bool({"secondary", "in-situ"} & (uses | typed)) or bool(of_concept(coded, "secondary-site"))


def _made(condition: Condition, kind: str | None, use: str, note: str = "") -> Primary:
    return Primary(condition, None if kind == "ANY" else kind, use, side_of(condition), note)


def side_of(condition: Condition) -> Side | None:
    """The side recorded for a diagnosis: its own, else that of its site."""
    if condition.side is not None:
        return condition.side
    return next((site.side for site in condition.sites if site.side is not None), None)


def _with_morphology(primary: Primary, types: frozenset[str]) -> Primary:
    """The same primary after a look at its morphology code, which may contradict the site's type."""
    rows = of_concept(primary.condition.morphology, "cancer-type")
    if primary.use != "yes" or not rows or any(_fits(row, primary.type) for row in rows):
        return primary
    if any(row.use == "no" for row in rows):
        return replace(primary, type=OTHER, use=OTHER, note=_words(rows, "no"))
    if any(row.use == "review" for row in rows):
        return replace(primary, use="review", note=_words(rows, "review"))
    if any(row.use in ("morphology", "yes") and row.group in types for row in rows):
        return replace(primary, note=f"the morphology recorded ({rows[0].display}) is one of another type")
    return primary


def _fits(row: Meaning, kind: str | None) -> bool:
    return row.use in ("morphology", "yes") and row.group == kind


def _words(rows: tuple[Meaning, ...], use: str) -> str:
    row = next(row for row in rows if row.use == use)
    return f"morphology {row.display}" + (f" ({row.note})" if row.note else "")
