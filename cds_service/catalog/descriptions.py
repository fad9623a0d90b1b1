"""What the words of a scan's description say: modality, regions, what does not count.

The patterns are data (`mappings/imaging-descriptions.yaml`). Reading is cautious: a text says
only what a pattern knows, and a guard ("without pelvis", "upper abdomen") takes a region
away again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from cds_service.catalog.fields import Entry
from cds_service.catalog.lookups import fold
from cds_service.catalog.wordings import compiled
from cds_service.domain.facts import Modality, Region

_K = TypeVar("_K")
_V = TypeVar("_V")
_E = TypeVar("_E", Modality, Region)
_REMEMBERED = 20_000
_LONGEST = 400
_WHOLE = 1000
"""What takes a scan away is looked for in more of a text than what it covers; patterns may take its square in time."""
_SECTIONS = (
    "about", "source", "guards", "modalities", "regions", "whole_body", "unfit", "angiography", "unfit_reasons",
    "organs", "no_scan",
)  # fmt: skip
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One pattern: what it stands for, and for which modalities (empty: all)."""

    pattern: re.Pattern[str]
    name: str = ""
    regions: frozenset[Region] = frozenset()
    only: frozenset[Modality] = frozenset()
    whole: bool = False
    unless_whole_body: bool = False

    def holds_for(self, modalities: frozenset[Modality]) -> bool:
        """Whether it may be said of a scan of these modalities."""
        return not self.only or not self.only.isdisjoint(modalities)


@dataclass(frozen=True, slots=True)
class SaidOfScan:
    """What a text says of a scan whose modality is known from elsewhere or from the text.

    `regions` are those certainly named; `whole_body` where the body as a whole is named;
    `unfit` why it cannot stand for staging; `angiography` a study of vessels; `organ` the one
    organ it is about where no region is named.
    """

    regions: frozenset[Region] = frozenset()
    whole_body: bool = False
    unfit: str | None = None
    angiography: bool = False
    organ: str | None = None


@dataclass(frozen=True, slots=True)
class ScanDescriptions:
    """The compiled patterns. Answers are remembered by text."""

    modality_words: tuple[tuple[Modality, re.Pattern[str], re.Pattern[str]], ...] = ()
    region_words: tuple[Phrase, ...] = ()
    whole_body_words: tuple[Phrase, ...] = ()
    unfit_words: tuple[Phrase, ...] = ()
    angiography_words: tuple[Phrase, ...] = ()
    reason_words: tuple[Phrase, ...] = ()
    organ_words: tuple[Phrase, ...] = ()
    no_scan_words: re.Pattern[str] = _NOTHING
    before: re.Pattern[str] = _NOTHING
    after: re.Pattern[str] = _NOTHING
    aside: re.Pattern[str] = _NOTHING
    _modalities: dict[str, frozenset[Modality]] = field(default_factory=dict)
    _no_scans: dict[str, bool] = field(default_factory=dict)
    _said: dict[tuple[str, frozenset[Modality]], SaidOfScan] = field(default_factory=dict)

    def modalities(self, text: str) -> frozenset[Modality]:
        """The modalities a text names; PET with CT are both."""
        found = self._modalities.get(text)
        if found is None:
            words = self._told(_plain(text))
            found = frozenset(how for how, yes, no in self.modality_words if yes.search(words) and not no.search(words))
            _remember(self._modalities, text, found)
        return found

    def read(self, text: str, modalities: frozenset[Modality]) -> SaidOfScan:
        """What a text says of a scan made with these modalities."""
        key = (text, modalities)
        found = self._said.get(key)
        if found is None:
            found = self._read(_plain(text), _plain(text, _WHOLE), modalities)
            _remember(self._said, key, found)
        return found

    def unfit_reason(self, text: str) -> str | None:
        """Why a scan made for this reason cannot stand for staging, None where it can."""
        return _first(self.reason_words, _plain(text, _WHOLE), frozenset())

    def is_no_scan(self, series: str) -> bool:
        """Whether a series is a scout, a localiser or the like, and shows nothing by itself."""
        found = self._no_scans.get(series)
        if found is None:
            found = self.no_scan_words.search(_plain(series)) is not None
            _remember(self._no_scans, series, found)
        return found

    def _read(self, words: str, everything: str, modalities: frozenset[Modality]) -> SaidOfScan:
        """What was scanned stands before any aside; what makes a scan unfit may stand anywhere."""
        told = self._told(words)
        whole_body = _first(self.whole_body_words, told, modalities) is not None
        unfit = (phrase for phrase in self.unfit_words if not (whole_body and phrase.unless_whole_body))
        regions = self._regions(told, words.rfind("^") + 1, modalities)
        return SaidOfScan(
            regions=regions,
            whole_body=whole_body,
            unfit=_first(unfit, everything, modalities),
            angiography=_first(self.angiography_words, everything, modalities) is not None,
            organ=None if regions else _first(self.organ_words, told, modalities),
        )

    def _told(self, words: str) -> str:
        """The words up to the first that turns to another scan or to why this one was made ("compared with")."""
        match = self.aside.search(words)
        return words[: match.start()] if match else words

    def _regions(self, words: str, behind_folder: int, modalities: frozenset[Modality]) -> frozenset[Region]:
        """The regions words name behind the folder of protocols; none where an aside cuts them short within it."""
        inner = words[behind_folder:]
        found: set[Region] = set()
        for phrase in self.region_words:
            if not phrase.holds_for(modalities) or phrase.regions <= found:
                continue
            text = words if phrase.whole else inner
            if any(not self._denied(text, match) for match in phrase.pattern.finditer(text)):
                found |= phrase.regions
        return frozenset(found)

    def _denied(self, text: str, match: re.Match[str]) -> bool:
        denied = self.before.search(text, 0, match.start()) is not None
        return denied or self.after.match(text, match.end()) is not None


def _plain(text: str, longest: int = _LONGEST) -> str:
    return fold(text[:longest].replace("_", " "))


def _first(phrases: Iterable[Phrase], words: str, modalities: frozenset[Modality]) -> str | None:
    held = (phrase for phrase in phrases if phrase.holds_for(modalities))
    return next((phrase.name for phrase in held if phrase.pattern.search(words)), None)


def _remember(memory: dict[_K, _V], key: _K, value: _V) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value


def read_descriptions(entry: Entry) -> ScanDescriptions:
    """The patterns of the file; every mistake is noted, and every example that does not match."""
    entry.only(_SECTIONS, "the file of scan descriptions")
    guards = entry.entry("guards")
    guards.only(("before", "after", "aside"), "guards")
    return ScanDescriptions(
        modality_words=tuple(_modality(item) for item in entry.entries("modalities")),
        region_words=tuple(_phrase(item, "covers") for item in entry.entries("regions")),
        whole_body_words=tuple(_phrase(item) for item in entry.entries("whole_body")),
        unfit_words=tuple(_phrase(item, "reason") for item in entry.entries("unfit")),
        angiography_words=tuple(_phrase(item) for item in entry.entries("angiography")),
        reason_words=tuple(_phrase(item, "reason") for item in entry.entries("unfit_reasons")),
        organ_words=tuple(_phrase(item, "names") for item in entry.entries("organs")),
        no_scan_words=_pattern(entry, "no_scan"),
        before=_pattern(guards, "before"),
        after=_pattern(guards, "after"),
        aside=_pattern(guards, "aside"),
    )


def _modality(entry: Entry) -> tuple[Modality, re.Pattern[str], re.Pattern[str]]:
    entry.only(("means", "pattern", "examples", "unless"), "a modality")
    unless = _pattern(entry, "unless") if "unless" in entry.block else _NOTHING
    pattern = _pattern(entry, "pattern")
    _check_examples(entry, pattern)
    return _one_of(Modality, entry, "means", entry.text("means")) or Modality.OTHER, pattern, unless


def _phrase(entry: Entry, what: str | None = None) -> Phrase:
    allowed = ("pattern", "examples", "only", "whole", "unless_whole_body", *((what,) if what else ()))
    entry.only(allowed, "a pattern")
    pattern = _pattern(entry, "pattern")
    _check_examples(entry, pattern)
    regions = [_one_of(Region, entry, "covers", name) for name in entry.texts("covers")]
    only = [_one_of(Modality, entry, "only", name) for name in entry.texts("only")]
    return Phrase(
        pattern,
        name=entry.text(what) if what in ("reason", "names") else "named",
        regions=frozenset(region for region in regions if region),
        only=frozenset(modality for modality in only if modality),
        whole=entry.flag("whole"),
        unless_whole_body=entry.flag("unless_whole_body"),
    )


def _check_examples(entry: Entry, pattern: re.Pattern[str]) -> None:
    examples = entry.texts("examples")
    if not examples:
        entry.wrong("a pattern needs examples it matches; write examples: ['...']", "pattern")
    for example in examples:
        if not pattern.search(_plain(example)):
            entry.wrong(f"the pattern does not match its own example '{example}'", "pattern")


def _pattern(entry: Entry, key: str) -> re.Pattern[str]:
    return compiled(entry, key, entry.text(key)) or _NOTHING


def _one_of(kind: type[_E], entry: Entry, key: str, name: str) -> _E | None:
    try:
        return kind(name)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        entry.wrong(f"'{name}' is not one of: {known}", key)
        return None
