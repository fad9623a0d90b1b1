"""Whose a line is, told from its bytes before any parsing.

The bytes may only rule a line out, and only where it stands plainly written: one subject,
a relative reference, no escape, nothing contained, whole to its closing brace. Whatever is
odd is parsed. Which spelling of the marks is plain is taken from the first lines of the
piece, so that `": "` is as quick as `":"`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES
from cds_service.population.evidence import Evidence

_SUBJECT_OF = {"BodyStructure": b'"patient"', "EpisodeOfCare": b'"patient"', "ResearchSubject": b'"individual"'}
_SUBJECT = b'"subject"'
_CODE = b'"code"'
_CONTAINED = b'"contained"'
_BRACE, _RETURN = ord("}"), ord("\r")
_HEAD = re.compile(rb'\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,40})"')
_OPENING = re.compile(rb'\s*:\s*\{\s*"reference"\s*:\s*"')
_LOOK_AHEAD = 4096

Names = Mapping[bytes, int]
"""Patients by name ("Patient/p1") as bytes, each with its number."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the lines of a file are written: their beginning, and what leads to the subject's reference."""

    kind: str
    head: bytes
    subject: bytes
    opening: bytes
    colon: bytes


def spelling_of(block: bytes, usual: str = "") -> Spelling | None:
    """The spelling of the first line that shows one, None where the lines are not plain enough to look at.

    `usual` is the type the file's name tells: lines of another are not taken for its own.
    """
    for line in block[: 16 * _LOOK_AHEAD].split(b"\n", 8)[:8]:
        head = _HEAD.match(line)
        if head is None:
            continue
        kind = head[1].decode("ascii")
        if usual in READ_TYPES and kind != usual:
            continue
        subject = _SUBJECT_OF.get(kind, _SUBJECT)
        at = line.find(subject)
        opening = _OPENING.match(line, at + len(subject)) if at >= 0 else None
        if opening is not None:
            colon = b'": "' if b'": "' in head[0] else b'":"'
            return Spelling(kind, head[0], subject, opening[0], colon[1:])
    return None


@dataclass(frozen=True, slots=True)
class Sifted:
    """Lines to be parsed, each with its number; the number behind the last of the block; how many were ruled out."""

    lines: list[tuple[int, bytes]]
    behind: int
    ruled_out: int


class Prefilter:
    """Finds the lines that need a closer look: of patients sought, odd ones, and what may tell of cancer."""

    def __init__(self, names: Names, evidence: Evidence | None) -> None:
        self._names = names
        self._evidence = evidence
        self._spelled: dict[bytes, bool] = {}

    def lines(self, block: bytes, spelling: Spelling | None, first: int) -> Sifted:
        """The lines of a block that are not ruled out; they are numbered from `first`."""
        if spelling is None:
            return all_lines(block, first)
        kept: list[tuple[int, bytes]] = []
        find, starts = block.find, block.startswith
        head, subject, opening = spelling.head, spelling.subject, spelling.opening
        width = len(subject)
        watching = self._evidence is not None and spelling.kind == "Observation"
        escapes, contained = b"\\" in block, _CONTAINED in block
        names, at, number, size, blank = self._names, 0, first - 1, len(block), 0
        while at < size:
            end = find(b"\n", at)
            if end < 0:
                end = size
            start, at, number = at, end + 1, number + 1
            last = end - 1 if end > start and block[end - 1] == _RETURN else end
            if last > start and block[last - 1] == _BRACE and starts(head, start):
                marked = find(subject, start, last)
                if (
                    marked > 0
                    and starts(opening, marked + width)
                    and find(subject, marked + width, last) < 0
                    and not (escapes and find(b"\\", start, last) >= 0)
                    and not (contained and find(_CONTAINED, start, last) >= 0)
                ):
                    begin = marked + width + len(opening)
                    reference = block[begin : find(b'"', begin, last)]
                    if (
                        reference not in names
                        and not self._is_sought(reference)
                        and not (watching and self._may_tell(block, start, last, spelling.colon))
                    ):
                        continue
            elif last == start:
                blank += 1
                continue
            kept.append((number, block[start:last]))
        behind = number + 1
        return Sifted(kept, behind, behind - first - len(kept) - blank)

    def _is_sought(self, reference: bytes) -> bool:
        """Whether a reference that is not written as names are may name a patient sought."""
        if reference.startswith(b"Patient/") and reference.find(b"/", 8) < 0 and b"?" not in reference:
            return False
        known = self._spelled.get(reference)
        if known is None:
            if len(self._spelled) > 50_000:
                self._spelled.clear()
            name = plain_name(reference.decode("utf-8", "replace"))
            known = self._spelled[reference] = name.encode() in self._names
        return known

    def _may_tell(self, block: bytes, start: int, last: int, colon: bytes) -> bool:
        """Whether a code of an Observation may be evidence of cancer; also where a code is spelled oddly."""
        if self._evidence is None:
            return False
        find, starts, may_tell = block.find, block.startswith, self._evidence.may_tell
        width = len(_CODE)
        at = find(_CODE, start, last)
        while at >= 0:
            after = at + width
            if starts(colon, after):
                begin = after + len(colon)
                if may_tell(block[begin : find(b'"', begin, last)]):
                    return True
            elif not starts((b":{", b": {", b":[", b": ["), after):
                return True
            at = find(_CODE, after, last)
        return False


def all_lines(block: bytes, first: int) -> Sifted:
    """Every line of a block that is not blank."""
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    kept = [(first + index, line) for index, line in enumerate(lines) if line.strip()]
    return Sifted(kept, first + len(lines), 0)
