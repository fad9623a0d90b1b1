"""Whose a line is, told without reading it in full.

A line is decoded only as far as it says its type, whose it is and, of an Observation, what was
observed; the decoder passes over the rest and still finds out whether the line is whole JSON.
That is enough to keep a line of a patient sought, or to rule one out. Whatever is odd (another
type than its file's, nobody's, an element of the wrong type, broken) is handed on to be read in
full, so that nothing is ruled out which reading every line would have kept.

An Observation of a patient not sought is ruled out only where none of its codes can be evidence
of cancer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Raw

from cds_service.fhir.decoding import UNREADABLE, type_of
from cds_service.fhir.references import plain_name
from cds_service.fhir.resources import READ_TYPES, Identifier
from cds_service.population.evidence import Evidence
from cds_service.population.reading import SHARED

Names = Mapping[str, int]
"""Patients by name ("Patient/p1"), each with its number."""

_SUBJECT_OF = {"BodyStructure": "patient", "EpisodeOfCare": "patient", "ResearchSubject": "individual"}
_SUBJECTS = ("subject", "patient", "individual")
_REMEMBERED = 50_000
_STRANGERS = 1 << 14
_STRANGER, _ODD = -1, -2
_NOTHING = Raw(b"null")


Nothing = Literal["(no element is this)"]
"""The type of an element that makes a line odd by being there."""


class _Subject(msgspec.Struct, frozen=True, gc=False):
    """A Reference, odd where one is that is read in full."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None
    type: str | None = None


class _Part(msgspec.Struct, gc=False):
    code: Raw = _NOTHING


_NOBODY = _Subject()


@lru_cache(maxsize=64)
def _glance_of(kind: str) -> msgspec.json.Decoder[Any]:
    """A decoder of one type's subject, and of an Observation's codes; lines of another type fail in it."""
    own = _SUBJECT_OF.get(kind, "subject")
    fields: list[Any] = [("resource_type", Literal[kind]), ("id", str | None, None), ("subject", _Subject, _NOBODY)]
    if kind == "Observation":
        fields += [("code", Raw, _NOTHING), ("component", tuple[_Part, ...], ())]
    # What may be taken for the subject, and no such resource has: whatever it is, the line is odd.
    fields += [(f"no_{name}", Nothing, "") for name in _SUBJECTS if name != own]
    renamed = {"resource_type": "resourceType", "subject": own, **{f"no_{name}": name for name in _SUBJECTS}}
    return msgspec.json.Decoder(
        msgspec.defstruct("Glance", fields, gc=False, rename=lambda name: renamed.get(name, name))
    )


def kind_of_lines(block: bytes, usual: str = "") -> str:
    """The type most lines of a file are of: that of its name, else of its first line; "" where none is read."""
    kind = usual if usual in READ_TYPES else type_of(block.partition(b"\n")[0])
    return kind if kind in READ_TYPES and kind not in SHARED and kind != "Patient" else ""


@dataclass(slots=True)
class Sifted:
    """What is left of a block: lines of patients sought, with the patient's number; odd lines, to be read.

    Each with its number in the piece. `behind` is the number behind the last line of the block.
    """

    sought: list[tuple[bytes, int]] = field(default_factory=list)
    odd: list[tuple[int, bytes]] = field(default_factory=list)
    ruled_out: int = 0
    behind: int = 0


def all_lines(block: bytes, first: int) -> Sifted:
    """Every line of a block that is not blank, to be read."""
    lines = _lines_of(block)
    odd = [(first + index, line) for index, line in enumerate(lines) if line.strip()]
    return Sifted(odd=odd, behind=first + len(lines))


def _lines_of(block: bytes) -> list[bytes]:
    lines = block.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _is_plain(reference: str) -> bool:
    """Whether a reference is a name already: "Patient/1" and no more."""
    return (
        reference.startswith("Patient/") and reference.count("/") == 1 and "?" not in reference and reference[-1] != "/"
    )


class Prefilter:
    """Sifts the lines of a file whose lines are of one type: of patients sought, odd ones, and what may tell of cancer.

    `evidence` None: only patients sought matter.
    """

    def __init__(self, kind: str, names: Names, evidence: Evidence | None) -> None:
        self.kind = kind
        self._glance: Callable[[bytes], Any] = _glance_of(kind).decode
        self._names = names
        self._evidence = evidence if kind == "Observation" else None
        self._owners: dict[str | None, int] = {None: _ODD}
        self._silent: set[bytes] = set()

    def sift(self, block: bytes, first: int) -> Sifted:
        """The lines of a block that are not ruled out; they are numbered from `first`."""
        # One loop, its look-ups in local names: it sees every line of a hospital.
        lines = _lines_of(block)
        found, blank = Sifted(behind=first + len(lines)), 0
        sought, odd, owner_of, silent, glance = found.sought, found.odd, self._owners.get, self._silent, self._glance
        coded = self._evidence is not None
        for number, line in enumerate(lines, first):
            try:
                seen = glance(line)
            except UNREADABLE:
                if line.strip():
                    odd.append((number, line))
                else:
                    blank += 1
                continue
            reference = seen.subject.reference
            owner = owner_of(reference)
            if owner is None:
                owner = self._resolve(reference)
            if owner >= 0:
                sought.append((line, owner))
            elif owner == _ODD or (
                coded and (seen.component or bytes(seen.code) not in silent) and self._may_tell(seen)
            ):
                odd.append((number, line))
        found.ruled_out = len(lines) - len(sought) - len(odd) - blank
        return found

    def _resolve(self, reference: str) -> int:
        """The number of the patient a reference names, however it is spelled; remembered for some thousands."""
        if len(self._owners) >= _STRANGERS:
            self._owners = {None: _ODD}
        owner = self._names.get(reference)
        if owner is None:
            owner = _STRANGER if _is_plain(reference) else self._names.get(plain_name(reference), _STRANGER)
        self._owners[reference] = owner
        return owner

    def _may_tell(self, seen: Any) -> bool:  # noqa: ANN401  a struct made at run time
        """Whether an Observation's code, or that of a part of it, can be evidence of cancer."""
        return not all(self._is_silent(bytes(code)) for code in (seen.code, *(part.code for part in seen.component)))

    def _is_silent(self, code: bytes) -> bool:
        if code in self._silent:
            return True
        if self._evidence is None or self._evidence.may_tell(code):
            return False
        if len(self._silent) >= _REMEMBERED:
            self._silent.clear()
        self._silent.add(code)
        return True
