"""Patterns over free text: what words mean where no code is listed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cds_service.catalog.fields import Entry
from cds_service.catalog.lookups import Guards, Lexicon, Wording
from cds_service.domain.codes import Meaning, MeaningBasis

_FILE = ("about", "sources", "concepts", "guards", "patterns")
_ROW = ("concept", "group", "use", "note", "display", "pattern", "scope", "source")
_PLACE = "place"
_CLAUSE = r"(?:(?!\b(?:but|however|although)\b)[^.;:!?\n])*"
_FEW_WORDS = r"\W*(?:\w+\W+){0,3}?"


@dataclass(frozen=True, slots=True)
class WordFile:
    """The lexicon of diseases and treatments, and the one of places in the body."""

    diseases: Lexicon
    places: Lexicon


def read_words(entry: Entry, concepts: frozenset[str]) -> WordFile:
    """What the file of words says; `concepts` are those that codes have."""
    entry.only(_FILE, "the file of words")
    sources = entry.entry("sources").block
    known = concepts | frozenset(entry.texts("concepts"))
    read = [(item.text("scope", ""), _wording(item, frozenset(sources), known)) for item in entry.entries("patterns")]
    return WordFile(
        diseases=Lexicon(tuple(w for scope, w in read if w and scope != _PLACE), _guards(entry.entry("guards"))),
        places=Lexicon(tuple(w for scope, w in read if w and scope == _PLACE)),
    )


def _wording(entry: Entry, sources: frozenset[str], concepts: frozenset[str]) -> Wording | None:
    entry.only(_ROW, "a pattern of words")
    if entry.text("scope", _PLACE) != _PLACE:
        entry.wrong("'scope' must be place, or be left out", "scope")
    if entry.text("concept") not in concepts:
        entry.wrong("concept is in no file of concepts/; add it to 'concepts' here if only words have it", "concept")
    for source in entry.texts("source") or ("",):
        if source not in sources:
            entry.wrong(f"source '{source}' is not in 'sources' of this file; add it there", "source")
    pattern = compiled(entry, "pattern", entry.text("pattern"))
    meaning = Meaning(
        concept=entry.text("concept"),
        group=entry.text("group"),
        use=entry.text("use"),
        display=entry.text("display", ""),
        note=entry.text("note", ""),
        basis=MeaningBasis.TEXT,
    )
    return Wording(pattern, meaning) if pattern is not None else None


def _guards(entry: Entry) -> Guards:
    entry.only(("before", "after"), "guards")
    before, after = entry.texts("before"), entry.texts("after")
    return Guards(
        before=compiled(entry, "before", rf"\b(?:{'|'.join(before)})\b{_CLAUSE}\Z") if before else None,
        after=compiled(entry, "after", rf"{_FEW_WORDS}(?:{'|'.join(after)})\b") if after else None,
    )


def compiled(entry: Entry, key: str, pattern: str) -> re.Pattern[str] | None:
    """The regular expression, None (and a mistake) where it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        entry.wrong(f"'{key}' is not a regular expression ({error}); escape special characters with \\", key)
        return None
