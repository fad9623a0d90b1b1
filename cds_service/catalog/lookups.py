"""The look-ups the catalog answers from: codes, words, names of agents. Built once, then read.

Answers are remembered by the text asked for. The memory is bounded by emptying it, so that
a stream of ever new texts cannot fill the process; two threads at worst work an answer out
twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cds_service.catalog.concepts import CodeRow
from cds_service.catalog.editions import Editions, Likeness
from cds_service.catalog.systems import CodeSystem, spellings
from cds_service.domain.codes import Meaning, Meanings

_REMEMBERED = 50_000
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """A text as compared: without case, invisible characters, and runs of white space."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    return " ".join(plain.casefold().split())


class CodeIndex:
    """Meanings by code: exact codes, the longest listed prefix per concept, patterns of codes."""

    def __init__(
        self, rows: Iterable[CodeRow], systems: Mapping[str, CodeSystem], local: Mapping[str, str] | None = None
    ) -> None:
        self._systems = {system.uri: system for system in systems.values()}
        self._spellings = {**spellings(systems), **(local or {})}
        self._editions = tuple(f"{system.uri}/" for system in systems.values() if system.editions)
        self._exact: dict[tuple[str, str], Meanings] = {}
        self._patterns: dict[str, list[CodeRow]] = {}
        self._same: dict[tuple[str, str], tuple[str, str]] = {}
        self._memory: dict[tuple[str | None, str | None], Meanings] = {}
        for row in rows:
            if not row.reference_only:
                self._add(row)
        self._other_editions = Editions(systems.values(), self._exact)

    def add_same(self, system: str, code: str, as_system: str, as_code: str) -> None:
        """Makes a local code stand for a listed one."""
        self._same[self.canonical(system), code] = (as_system, as_code)

    def _add(self, row: CodeRow) -> None:
        if row.pattern is not None:
            self._patterns.setdefault(row.system, []).append(row)
            return
        key = (row.system, row.code)
        self._exact[key] = self._exact.get(key, ()) + row.meanings

    def canonical(self, system: str) -> str:
        """The canonical URI of a code system, the text itself where it is none of ours."""
        known = self._spellings.get(system) or self._spellings.get(system.rstrip("/"))
        if known is not None:
            return known
        bare = system.partition("|")[0].rstrip("/")
        known = self._spellings.get(bare) or self._spellings.get(bare.replace("https://", "http://", 1))
        if known is not None:
            return known
        edition = next((edition[:-1] for edition in self._editions if bare.startswith(edition)), None)
        return edition or self._other_editions.further(bare) or system

    def title(self, system: str) -> str:
        """The name of a code system for people; its URI where it is none of ours."""
        known = self._systems.get(self.canonical(system))
        return known.title if known is not None else system

    def resolved(self, system: str, code: str) -> tuple[str, str]:
        """The canonical system and code a recorded one stands for."""
        uri = self.canonical(system)
        code = code.strip()
        return self._same.get((uri, code), (uri, code))

    def meanings(self, system: str | None, code: str | None) -> Meanings:
        """Every meaning of a code, empty where it is in no table."""
        key = (system, code)
        found = self._memory.get(key)
        if found is None:
            found = self._find(system, code) if system and code else ()
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            self._memory[key] = found
        return found

    def likeness(self, system: str | None, code: str | None) -> Likeness:
        """What a diagnosis code may mean by the rows of the mapped edition of its classification (basis RELATED)."""
        if not code:
            return Likeness()
        uri, resolved = self.resolved(system or "", code)
        certain = self.meanings(system, code)
        return self._other_editions.likeness(uri, resolved, certain, known_system=uri in self._systems)

    def _find(self, system: str, code: str) -> Meanings:
        uri, code = self.resolved(system, code)
        known = self._systems.get(uri)
        if known is None:
            return self._exact.get((uri, code), ())
        code = known.normal(code)
        if known.by_prefix:
            own = self._other_editions.above(uri, code)
            return self._other_editions.agreed(uri, code, own) if known.like else own
        return self._exact.get((uri, code)) or self._by_pattern(uri, code)

    def _by_pattern(self, uri: str, code: str) -> Meanings:
        rows = self._patterns.get(uri, ())
        return tuple(m for row in rows if row.pattern and row.pattern.fullmatch(code) for m in row.meanings)


@dataclass(frozen=True, slots=True)
class Wording:
    """Words that mean something: a pattern over folded text, and the meaning."""

    pattern: re.Pattern[str]
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Guards:
    """Words around a match that take its meaning away ("no evidence of", "ruled out")."""

    before: re.Pattern[str] | None = None
    after: re.Pattern[str] | None = None

    def deny(self, text: str, match: re.Match[str]) -> bool:
        """Whether the clause before the match, or the words after it, deny or distance it."""
        before = self.before is not None and self.before.search(text, 0, match.start()) is not None
        return before or (self.after is not None and self.after.match(text, match.end()) is not None)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Meanings by free text."""

    wordings: tuple[Wording, ...] = ()
    guards: Guards = field(default_factory=Guards)
    _memory: dict[str, Meanings] = field(default_factory=dict)

    def words(self, text: str) -> Meanings:
        """What a text means, each meaning once, in the order of the file."""
        found = self._memory.get(text)
        if found is None:
            folded = fold(text)
            found = tuple(dict.fromkeys(w.meaning for w in self.wordings if self._says(w, folded)))
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            self._memory[text] = found
        return found

    def _says(self, wording: Wording, folded: str) -> bool:
        return any(not self.guards.deny(folded, match) for match in wording.pattern.finditer(folded))


class AgentNames:
    """Agents by the names in a text; of overlapping names the longest wins."""

    def __init__(self, names: Mapping[str, Meanings], unlisted: re.Pattern[str] | None = None) -> None:
        self._unlisted = unlisted
        self._by_first: dict[str, list[tuple[tuple[str, ...], Meanings]]] = {}
        self._memory: dict[str, Meanings] = {}
        for name, meanings in names.items():
            words = tuple(_WORD.findall(fold(name)))
            self._by_first.setdefault(words[0], []).append((words, meanings))
        for listed in self._by_first.values():
            listed.sort(key=lambda item: -len(item[0]))

    def unlisted(self, text: str) -> str | None:
        """The name of a drug that no row lists, though it is built like an anticancer drug's ("zanidatamab")."""
        found = self._unlisted.search(fold(text)) if self._unlisted is not None else None
        return found[0] if found else None

    def named(self, text: str) -> Meanings:
        """The agents named, in the order of the text."""
        found = self._memory.get(text)
        if found is None:
            found = self._find(tuple(_WORD.findall(fold(text))))
            if len(self._memory) >= _REMEMBERED:
                self._memory.clear()
            self._memory[text] = found
        return found

    def _find(self, words: tuple[str, ...]) -> Meanings:
        found: dict[Meaning, None] = {}
        at = 0
        while at < len(words):
            length, meanings = self._at(words, at)
            found.update(dict.fromkeys(meanings))
            at += length
        return tuple(found)

    def _at(self, words: tuple[str, ...], at: int) -> tuple[int, Meanings]:
        for name, meanings in self._by_first.get(words[at], ()):
            if words[at : at + len(name)] == name:
                return len(name), meanings
        return 1, ()
