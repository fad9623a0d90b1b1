"""Whose a line is, told from its bytes before any parsing.

The bytes may only rule a line out, and only where it stands plainly written: begun and spelled
as its file spells (`":"` or `": "`), one subject, a relative reference, no escape, whole to its
closing brace. Whatever is odd is handed on to be parsed.

An Observation of a patient not sought is ruled out only where each of its codes, by the bytes
of its codings, is known to be no evidence of cancer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES
from cds_service.population.evidence import Evidence

Names = Mapping[bytes, int]
"""Patients by name ("Patient/p1") as bytes, each with its number."""

_SUBJECT_OF = {"BodyStructure": b'"patient"', "EpisodeOfCare": b'"patient"', "ResearchSubject": b'"individual"'}
_SUBJECT = b'"subject"'
_HEAD = re.compile(rb'\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_OPENING = re.compile(rb'(\s*:\s*)\{\s*"reference"\s*:\s*"')
_CODE_VALUE = re.compile(rb'"code"\s*:\s*"([^"]*)"')
_REMEMBERED = 50_000
_BRACE, _RETURN = ord("}"), ord("\r")
_PLAIN = b"Patient/"


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the lines of a file are written: their beginning, what leads to the subject's reference, to a code."""

    kind: str
    head: bytes
    subject: bytes
    opening: bytes
    code: bytes
    codings: bytes


def spelling_of(block: bytes, usual: str = "") -> Spelling | None:
    """The spelling of the first lines that show one, None where they are not plain enough to look at.

    `usual` is the type the file's name tells: lines of another are not taken for its own.
    """
    for line in block[: 1 << 16].split(b"\n", 8)[:8]:
        head = _HEAD.match(line)
        if head is None:
            continue
        kind = head[1].decode("ascii")
        if usual in READ_TYPES and kind != usual:
            continue
        subject = _SUBJECT_OF.get(kind, _SUBJECT)
        at = line.find(subject)
        opening = _OPENING.match(line, at + len(subject)) if at >= 0 else None
        if opening is not None and opening[1] in (b":", b": "):
            return _spelling(kind, head[0], subject, subject + opening[0], spaced=opening[1] == b": ")
    return None


def _spelling(kind: str, head: bytes, subject: bytes, opening: bytes, *, spaced: bool) -> Spelling:
    after = b": " if spaced else b":"
    return Spelling(kind, head, subject, opening, b'"code"' + after + b"{", b'"coding"' + after + b"[")


@dataclass(slots=True)
class Sifted:
    """What is left of a block: lines of patients sought, with the patient's number; odd lines, to be parsed.

    Each with its number in the piece. `behind` is the number behind the last line of the block.
    """

    sought: list[tuple[int, bytes, int]] = field(default_factory=list)
    odd: list[tuple[int, bytes]] = field(default_factory=list)
    ruled_out: int = 0
    behind: int = 0


def all_lines(block: bytes, first: int) -> Sifted:
    """Every line of a block that is not blank, to be parsed."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    odd = [(first + index, line) for index, line in enumerate(lines) if line.strip()]
    return Sifted(odd=odd, behind=first + len(lines))


class Prefilter:
    """Sifts the lines of a piece: of patients sought, odd ones, and what may tell of cancer."""

    def __init__(self, names: Names, evidence: Evidence | None) -> None:
        self._names = names
        self._evidence = evidence
        self._silent: set[bytes] = set()

    def sift(self, block: bytes, spelling: Spelling | None, first: int) -> Sifted:  # noqa: C901  see below
        """The lines of a block that are not ruled out; they are numbered from `first`."""
        if spelling is None:
            return all_lines(block, first)
        # One loop, its look-ups in local names: it sees every line of a hospital.
        found = Sifted()
        find, starts, names, silent = block.find, block.startswith, self._names, self._silent
        head, subject, opening, code = spelling.head, spelling.subject, spelling.opening, spelling.code
        width, after_code = len(opening), len(code)
        watching = self._evidence is not None and spelling.kind == "Observation"
        escape, end, number, size, blank = find(b"\\"), -1, first - 1, len(block), 0
        while (start := end + 1) < size:
            number += 1
            end = find(b"\n", start)
            if end < 0:
                end = size
            last = end - 1 if block[end - 1] == _RETURN else end
            if 0 <= escape < start:
                escape = find(b"\\", start)
            if block[last - 1] == _BRACE and starts(head, start) and not start < escape < end:
                at = find(subject, start, last)
                begin = at + width
                if at > 0 and starts(opening, at) and find(subject, begin, last) < 0:
                    reference = block[begin : find(b'"', begin, last)]
                    owner = names.get(reference)
                    if owner is None and (reference.find(b"/", 8) >= 0 or not reference.startswith(_PLAIN)):
                        owner = self._sought_otherwise(reference)
                    if owner is not None:
                        found.sought.append((number, block[start:last], owner))
                        continue
                    if not watching:
                        continue
                    at = find(code, start, last)
                    key = block[at + after_code : find(b"}]", at, last)]
                    if at > 0 and (key in silent or self._says_nothing(key, spelling)):
                        at = find(code, at + after_code, last)
                        if at < 0 or self._is_silent(block[at:last], spelling):
                            continue
            elif last <= start:
                blank += 1
                continue
            found.odd.append((number, block[start:last]))
        found.behind = number + 1
        found.ruled_out = found.behind - first - len(found.sought) - len(found.odd) - blank
        return found

    def _sought_otherwise(self, reference: bytes) -> int | None:
        """The number of a patient sought whom a reference names that is not written as names are."""
        return self._names.get(plain_name(reference.decode("utf-8", "replace")).encode("utf-8", "replace"))

    def _is_silent(self, line: bytes, spelling: Spelling) -> bool:
        """Whether none of the further codes in a line can be evidence."""
        keys = {part[: part.find(b"}]")] for part in line.split(spelling.code)[1:]}
        return all(key in self._silent or self._says_nothing(key, spelling) for key in keys)

    def _says_nothing(self, codings: bytes, spelling: Spelling) -> bool:
        """Whether codings, as they stand behind `"code":{`, hold no code that may be evidence; else odd."""
        if self._evidence is None or not codings.startswith(spelling.codings) or codings.count(b'"') % 2:
            return False
        if any(map(self._evidence.may_tell, _CODE_VALUE.findall(codings))):
            return False
        if len(self._silent) >= _REMEMBERED:
            self._silent.clear()
        self._silent.add(codings)
        return True
