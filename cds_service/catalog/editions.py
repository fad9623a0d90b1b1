"""Codes of other editions of a classification, read by the rows of the edition that is mapped.

WHO ICD-10 and its national editions share most categories with ICD-10-CM, the mapped one, but
not all, and subdivide them differently. What certainly agrees (`agrees` in `systems.yaml`)
means the same; anything else is a likeness (`MeaningBasis.RELATED`) that never decides: what
is listed for the code itself, for what it belongs to, and for what the mapped edition makes of
it (J91 there is J91.0 and J91.8 here).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cds_service.catalog.systems import CodeSystem
from cds_service.domain.codes import Meaning, MeaningBasis, Meanings

CHARACTERS = 4
"""So many characters of a code are the classification's own; what follows is national."""
_SHORTEST_PREFIX = 2


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a code may mean by another edition's rows; `system` is what the record names, for people."""

    meanings: Meanings = ()
    system: str = ""


class Editions:
    """The other editions among the code systems, and the rows they are read by."""

    def __init__(self, systems: Iterable[CodeSystem], rows: Mapping[tuple[str, str], Meanings]) -> None:
        self._rows = rows
        by_key = {system.key: system for system in systems}
        self._listed = {system.uri: system for system in by_key.values() if system.like}
        self._mapped = {uri: by_key[system.like] for uri, system in self._listed.items()}
        self._sorted: dict[str, list[str]] = {}

    def further(self, system: str) -> str | None:
        """The canonical URI of which a URI that nobody listed is a further edition ("…/icd-10-ch")."""
        return next((uri for uri, known in self._listed.items() if _finds(known.also, system)), None)

    def agreed(self, uri: str, code: str, own: Meanings) -> Meanings:
        """What a code certainly means: its own rows, and for other concepts those of the mapped edition."""
        known, cut = self._listed[uri], code[:CHARACTERS]
        if known.agrees is None or known.agrees.fullmatch(cut) is None:
            return own
        settled = {meaning.concept for meaning in own}
        agreed = self.above(self._mapped[uri].uri, cut)
        return own + tuple(meaning for meaning in agreed if meaning.concept not in settled)

    def likeness(self, uri: str, code: str, certain: Meanings, *, known_system: bool) -> Likeness:
        """What a code may mean besides what is certain; nothing where its system is mapped itself."""
        edition = self._listed.get(uri)
        if edition is not None:
            mapped, cut, title = self._mapped[uri], edition.normal(code)[:CHARACTERS], edition.title
        elif known_system or certain or (unknown := self._unknown(uri, code)) is None:
            return Likeness()
        else:
            mapped, cut, title = unknown, unknown.normal(code), "a code system that is not known here"
        settled = {meaning.concept for meaning in certain}
        found = (*self.above(mapped.uri, cut), *self._below(mapped.uri, cut))
        related = dict.fromkeys(_related(meaning) for meaning in found if meaning.concept not in settled)
        return Likeness(tuple(related), title)

    def _unknown(self, uri: str, code: str) -> CodeSystem | None:
        """The mapped edition that a code of an unknown system looks like, None where it is something else."""
        for known in self._listed.values():
            mapped = self._mapped[known.uri]
            if not _finds(known.unknown_unless, uri) and mapped.pattern.match(code.strip().upper()):
                return mapped
        return None

    def above(self, uri: str, code: str) -> Meanings:
        """The meanings of a code or of what it belongs to, the longest prefix of each concept."""
        found: Meanings = ()
        for length in range(len(code), _SHORTEST_PREFIX - 1, -1):
            listed = self._rows.get((uri, code[:length]), ())
            settled = {meaning.concept for meaning in found}
            found += tuple(meaning for meaning in listed if meaning.concept not in settled)
        return found

    def _below(self, uri: str, code: str) -> Iterable[Meaning]:
        """The meanings of every listed subdivision of a code."""
        codes = self._sorted.get(uri)
        if codes is None:
            codes = self._sorted[uri] = sorted(listed for system, listed in self._rows if system == uri)
        for listed in codes[bisect_left(codes, code) :]:
            if not listed.startswith(code):
                return
            yield from self._rows[uri, listed]


def _related(meaning: Meaning) -> Meaning:
    return replace(meaning, basis=MeaningBasis.RELATED)


def _finds(pattern: re.Pattern[str] | None, text: str) -> bool:
    return pattern is not None and pattern.search(text) is not None
