"""Patterns over free text: what words mean where no code is listed."""

from __future__ import annotations

import re

from cds_service.catalog.fields import Entry
from cds_service.catalog.lookups import Guards, Lexicon, Wording
from cds_service.domain.codes import Meaning, MeaningBasis

_FILE = ("about", "sources", "concepts", "guards", "patterns")
_ROW = ("concept", "group", "use", "note", "display", "pattern", "source")
_CLAUSE = r"[^.;:!?\n]*"


def read_words(entry: Entry, concepts: frozenset[str]) -> Lexicon:
    """The lexicon of the file of words; `concepts` are those that codes have."""
    entry.only(_FILE, "the file of words")
    sources = entry.entry("sources").block
    known = concepts | frozenset(entry.texts("concepts"))
    wordings = [_wording(item, frozenset(sources), known) for item in entry.entries("patterns")]
    return Lexicon(tuple(w for w in wordings if w is not None), _guards(entry.entry("guards")))


def _wording(entry: Entry, sources: frozenset[str], concepts: frozenset[str]) -> Wording | None:
    entry.only(_ROW, "a pattern of words")
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
        after=compiled(entry, "after", rf"\W*(?:{'|'.join(after)})\b") if after else None,
    )


def compiled(entry: Entry, key: str, pattern: str) -> re.Pattern[str] | None:
    """The regular expression, None (and a mistake) where it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        entry.wrong(f"'{key}' is not a regular expression ({error}); escape special characters with \\", key)
        return None
