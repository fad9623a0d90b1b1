"""Code systems: their short keys in the files, canonical URIs, and every other spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_service.catalog.checkdigits import CHECKS
from cds_service.catalog.fields import Entry

_KEYS = (
    "key", "uri", "title", "aliases", "editions", "match", "fold_case", "check", "pattern", "source",
    "like", "agrees", "also", "unknown_unless",
)  # fmt: skip
_NO_PATTERN = re.compile(r".+\Z")
_BESIDE = re.compile(r"[.+*!†#\-\s]+")
"""What stands beside the characters of a classification's code: its dot, dagger and asterisk, the rest of "C50.-"."""


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """One code system. `by_prefix`: rows are prefixes and dots do not count (ICD-10-CM).

    An edition of a classification whose rows are another's: `like` is the key of that one, `agrees` the codes
    (without dots, four characters) that mean the same in both, `also` the URIs of further editions of it,
    `unknown_unless` the URIs of unknown systems that are none.
    """

    key: str
    uri: str
    title: str
    aliases: tuple[str, ...]
    editions: bool
    by_prefix: bool
    fold_case: bool
    check: str
    pattern: re.Pattern[str]
    like: str = ""
    agrees: re.Pattern[str] | None = None
    also: re.Pattern[str] | None = None
    unknown_unless: re.Pattern[str] | None = None

    def objection(self, code: str) -> str | None:
        """Why a code cannot be one of this system, None when nothing speaks against it."""
        if self.pattern.match(code) is None:
            return f"'{code}' does not look like a code of {self.title}"
        test: Callable[[str], bool] | None = CHECKS.get(self.check)
        if test is not None and not test(code):
            return f"'{code}' fails the check digit of {self.title}; look the code up again"
        return None

    def normal(self, code: str) -> str:
        """The code as compared: without dots in a prefix system, without case where that is free."""
        bare = code.strip()
        if self.by_prefix:
            bare = _BESIDE.sub("", bare)
        return bare.upper() if self.by_prefix or self.fold_case else bare


def read_systems(entry: Entry) -> dict[str, CodeSystem]:
    """The code systems by key."""
    entry.only(("about", "systems"), "the file of systems")
    systems = [_system(item) for item in entry.entries("systems")]
    known = {system.key: system for system in systems if system.key}
    for item in entry.entries("systems"):
        if (like := item.text("like", "")) and (like not in known or not known[like].by_prefix):
            item.wrong(f"'like' names '{like}', which is no system here with match: prefix", "like")
    return known


def spellings(systems: Mapping[str, CodeSystem]) -> dict[str, str]:
    """Every URI, alias and OID, without a slash at the end, to the canonical URI."""
    table: dict[str, str] = {}
    for system in systems.values():
        for name in (system.uri, *system.aliases):
            table[name.rstrip("/")] = system.uri
    return table


def _system(entry: Entry) -> CodeSystem:
    entry.only(_KEYS, "a system")
    entry.text("source")
    check = entry.text("check", "none")
    if check != "none" and check not in CHECKS:
        entry.wrong(f"unknown check digit '{check}'; use one of: {', '.join(CHECKS)}", "check")
    return CodeSystem(
        key=entry.text("key"),
        uri=entry.text("uri"),
        title=entry.text("title"),
        aliases=entry.texts("aliases"),
        editions=entry.flag("editions"),
        by_prefix=entry.text("match", "exact") == "prefix",
        fold_case=entry.flag("fold_case"),
        check=check,
        pattern=_pattern(entry),
        like=entry.text("like", ""),
        agrees=_words(entry, "agrees"),
        also=_words(entry, "also"),
        unknown_unless=_words(entry, "unknown_unless"),
    )


def _words(entry: Entry, key: str) -> re.Pattern[str] | None:
    if key not in entry.block:
        return None
    try:
        return re.compile(entry.text(key), re.IGNORECASE)
    except re.error as error:
        entry.wrong(f"'{key}' is not a regular expression ({error})", key)
        return None


def _pattern(entry: Entry) -> re.Pattern[str]:
    if "pattern" not in entry.block:
        return _NO_PATTERN
    try:
        return re.compile(entry.text("pattern") + r"\Z")
    except re.error as error:
        entry.wrong(f"'pattern' is not a regular expression ({error})", "pattern")
        return _NO_PATTERN
