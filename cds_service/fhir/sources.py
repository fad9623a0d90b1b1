"""The patients of a source, each with the resources that are about them.

A source is a file, a folder or standard input (`files.py`). Resources are grouped by the
patient they name, whatever the spelling of the reference, in the order in which the Patient
resources appear; a patient whose record was replaced by another at hand joins that one.
Resources stay bytes; nothing is validated.

What a source may hold besides, and what becomes of it: a broken line whose subject is still
legible goes to that patient, whose kind is then not retrieved; one that names nobody is a
note on the run; so it is with a damaged file of a folder, unless its name says that it held
one type of everybody: that kind is then in doubt for all. A patient who is only referenced is
counted, not assessed (ruling 19).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import msgspec

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import DataQuality, PatientFacts
from cds_service.errors import NoPatient
from cds_service.fhir.belonging import place
from cds_service.fhir.bundles import Found
from cds_service.fhir.decoding import UNREADABLE, Json, decode, encoded, fragment
from cds_service.fhir.files import MOST_BYTES, Placed, kind_of, read_files
from cds_service.fhir.reading import read_patient
from cds_service.fhir.references import split
from cds_service.fhir.resources import READ_TYPES, Head, Patient
from cds_service.fhir.versions import newer

_SHARED = frozenset({"Medication", "ResearchStudy"})
_heads = msgspec.json.Decoder(Head)

Key = tuple[str, str]
"""A patient: the server's base ("" where not known) and the name."""


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """One patient of a source: name ("Patient/p1"), and every resource about them.

    `address` is the name with its server, where patients of several servers share the name.
    """

    name: str
    resources: tuple[Found, ...]
    address: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """The patients of a source in the order they first appear, and notes on the run.

    `absent` counts patients who are referenced and not present; they are not assessed.
    `left_out` counts what could not be read, or names no patient where there are several.
    """

    patients: tuple[PatientRecord, ...]
    notes: tuple[DataQuality, ...] = ()
    absent: int = 0
    left_out: int = 0
    _shared: dict[str, Json] = field(default_factory=dict)

    def shared(self, name: str) -> Json | None:
        """A resource that belongs to nobody (a Medication, a ResearchStudy), by its name."""
        return self._shared.get(name)

    def patient(self, asked: str) -> PatientRecord:
        """The patient of an id, of "Patient/id" or of a urn. Raises NoPatient."""
        plain = split(asked)[1]
        names = {asked, plain, f"Patient/{asked}"}
        found = [record for record in self.patients if record.address == asked] or [
            record for record in self.patients if record.name in names or _goes_by(record, names)
        ]
        if not found:
            raise NoPatient(f"the patient asked for is not among the {len(self.patients)} in the source")
        if len(found) > 1:
            raise NoPatient(f"{len(found)} patients of the source go by that id, on different servers: give the URL")
        return found[0]

    def facts(self, record: PatientRecord, catalog: Catalog) -> PatientFacts:
        """The facts of one of its patients."""
        facts = read_patient(record.resources, catalog, patient=record.name, shared=self.shared)
        return replace(facts, person=replace(facts.person, reference=record.address)) if record.address else facts


def _goes_by(record: PatientRecord, names: set[str]) -> bool:
    heads = ((found, read_head(found)) for found in record.resources if found.kind == "Patient")
    return any(found.full_url in names or (head is not None and f"Patient/{head.id}" in names) for found, head in heads)


def read_source(source: str, stdin: BinaryIO | None = None, most_bytes: int = MOST_BYTES) -> Source:
    """The patients of a file, folder or "-". Raises SourceError, NotFhir, TooLarge or NoPatient."""
    gathering = _Gathering()
    for placed in read_files(source, stdin, most_bytes):
        gathering.take(placed)
    return gathering.source("standard input" if source == "-" else source)


def group_by_patient(resources: Iterable[Found], called: str = "the input") -> Source:
    """The patients among resources already at hand."""
    gathering = _Gathering()
    for found in resources:
        gathering.take(Placed(found, called))
    return gathering.source(called)


def read_head(found: Found) -> Head | None:
    """What tells whose a resource is, made out of odd elements as far as can be; None for broken JSON."""
    try:
        return _heads.decode(found.raw)
    except UNREADABLE:
        decoded = decode(found.kind, found.raw).resource if found.kind in READ_TYPES else None
    if decoded is None:
        return None
    parts = {name: getattr(decoded, name, None) for name in ("subject", "patient", "individual")}
    return Head(resource_type=found.kind, id=decoded.id, **parts)


class _Gathering:
    """Patients, what is about whom, and what could not be placed, as they come."""

    def __init__(self) -> None:
        self.patients: dict[Key, list[Found]] = {}
        self.links: dict[Key, tuple[str, ...]] = {}
        self.by_name: dict[str, list[Key]] = defaultdict(list)
        self.aliases: dict[str, Key] = {}
        self.about: list[tuple[Found, tuple[str, ...]]] = []
        self.nobodys: list[Found] = []
        self.shared: dict[str, Json] = {}
        self.notes: list[DataQuality] = []
        self.left_out = 0
        self.cut_short: set[str] = set()

    def take(self, placed: Placed) -> None:
        """Put one resource where it belongs."""
        found = placed.found
        if placed.whole_file:
            self._take_damaged(placed)
        elif placed.broken is not None:
            self._take_broken(placed, placed.broken)
        elif found.kind in READ_TYPES:
            head = read_head(found)
            if head is None:
                self._take_broken(placed, "it is not readable JSON")
            elif found.kind == "Patient":
                self._take_patient(found, head)
            elif found.kind in _SHARED:
                self._take_shared(found, head)
            else:
                self._take_record(found, head)

    def _take_broken(self, placed: Placed, why: str) -> None:
        found = placed.found
        if not found.raw:
            self.notes.append(DataQuality(placed.where, why))
            return
        legible = fragment(bytes(found.raw))
        kind = found.kind or legible.kind
        self.left_out += 1
        self.notes.append(DataQuality(placed.where, f"this {kind or 'line'} could not be read: {why}"))
        if legible.subjects and (not kind or kind in READ_TYPES):
            self.about.append((Found(kind, found.raw), legible.subjects))

    def _take_damaged(self, placed: Placed) -> None:
        """A file that cannot be read: those whom its bytes still name are in doubt, of the kind it began with.

        A file named for a type is a part of everybody's record (CRITERIA, "cut short"): all are in doubt.
        """
        self.left_out += 1
        why = f"this file could not be read and is left out: {placed.broken}; export or fetch it again"
        self.notes.append(DataQuality(placed.where, why))
        named = kind_of(placed.where.rpartition("/")[2])
        if named in READ_TYPES:
            self.cut_short.add(named)
            return
        raw = bytes(placed.found.raw)
        legible = fragment(raw)
        kind = legible.kind if raw.lstrip()[:1] == b"{" and legible.kind in READ_TYPES else ""
        for subject in legible.subjects:
            self.about.append((_trace(kind, subject), (subject,)))

    def _take_patient(self, found: Found, head: Head) -> None:
        base, url_name = split(found.full_url) if found.full_url else ("", "")
        name = f"Patient/{head.id}" if head.id else url_name or "Patient"
        key = (place(base), name)
        if key not in self.patients:
            self.patients[key] = []
            self.by_name[name].append(key)
        self.patients[key].append(found)
        if found.full_url:
            self.aliases[found.full_url] = key
            if found.full_url.startswith("urn:"):
                self.aliases.setdefault(f"Patient/{found.full_url.rpartition(':')[2]}", key)
        if b"replaced-by" in bytes(found.raw):
            self.links[key] = (*self.links.get(key, ()), *_replacements(found))

    def _take_shared(self, found: Found, head: Head) -> None:
        names = [f"{found.kind}/{head.id}"] if head.id else []
        names += [found.full_url, split(found.full_url)[1]] if found.full_url else []
        for name in names:
            self.shared[name] = newer(found.kind, self.shared.get(name), found.raw)

    def _take_record(self, found: Found, head: Head) -> None:
        subject = head.subject or head.patient or head.individual
        if subject is not None and subject.reference:
            self.about.append((found, (subject.reference,)))
        else:
            self.nobodys.append(found)

    def source(self, called: str) -> Source:
        """What was gathered, grouped."""
        if not self.patients:
            damaged = f", {_count(self.left_out, 'part')} of it could not be read" if self.left_out else ""
            raise NoPatient(f"{called}: there is no Patient resource in it{damaged}")
        stands = {key: self._standing(key) for key in self.patients}
        records: dict[Key, list[Found]] = {stands[key]: [] for key in self.patients}
        for key, own in self.patients.items():
            records[stands[key]] += own
        absent: set[str] = set()
        # What names nobody at hand goes to a lone patient all the same: the reading drops and counts it.
        for found, subjects in self.about:
            named = (self._key(subject, found.full_url) for subject in subjects)
            keys = {key for key in named if key is not None}
            owners = {stands[key] for key in keys}
            if not owners:
                absent.update(split(subject)[1] for subject in subjects)
                owners = set(records) if len(records) == 1 else owners
            for owner in owners:
                records[owner].append(found)
        for kind in sorted(self.cut_short):
            for key, own in records.items():
                own.append(_trace(kind, key[1]))
        self._place_nobodys(records, called)
        self._note_absent(absent, called)
        patients = tuple(PatientRecord(key[1], tuple(own), self._address(key, records)) for key, own in records.items())
        return Source(patients, tuple(self.notes), len(absent), self.left_out, self.shared)

    def _address(self, key: Key, records: Iterable[Key]) -> str:
        """The patient's URL where another server's patient has the same name."""
        if sum(name == key[1] for _, name in records) == 1:
            return ""
        return next((found.full_url for found in self.patients[key] if found.full_url), "")

    def _place_nobodys(self, records: dict[Key, list[Found]], called: str) -> None:
        """Where there is one patient, what names nobody is left to the reading; else it is a note."""
        if not self.nobodys:
            return
        if len(records) == 1:
            next(iter(records.values())).extend(self.nobodys)
            return
        self.left_out += len(self.nobodys)
        self.notes.append(
            DataQuality(called, f"{_count(len(self.nobodys), 'resource')} that name no patient were left out")
        )

    def _note_absent(self, absent: set[str], called: str) -> None:
        if absent:
            words = f"{_count(len(absent), 'patient')} referenced without a Patient resource: not assessed"
            self.notes.append(DataQuality(called, words))

    def _standing(self, key: Key) -> Key:
        """The patient that stands for this one, following replaced-by; a circle stands for its first."""
        seen: list[Key] = []
        while key not in seen:
            seen.append(key)
            key = self._replacement(key) or key
        return key if key == seen[-1] else min(seen[seen.index(key) :])

    def _replacement(self, key: Key) -> Key | None:
        after = (self._key(reference, None) for reference in self.links.get(key, ()))
        return next((found for found in after if found is not None), None)

    def _key(self, reference: str, full_url: str | None) -> Key | None:
        """The patient a reference names; a relative one is the server's of the entry it stands in."""
        if reference in self.aliases:
            return self.aliases[reference]
        base, name = split(reference)
        keys = self.by_name.get(name) or ([self.aliases[name]] if name in self.aliases else [])
        server = place(base) or (place(split(full_url)[0]) if full_url else "")
        exact = [key for key in keys if key[0] == server]
        if exact:
            return exact[0]
        fitting = [key for key in keys if not server or not key[0] or not base]
        return fitting[0] if len(fitting) == 1 else None


def _trace(kind: str, subject: str) -> Found:
    """What stands for a resource of a patient that was there and is beyond reading."""
    return Found(kind, encoded({"resourceType": kind, "subject": {"reference": subject}})[:-1])


def _replacements(found: Found) -> Iterator[str]:
    patient = decode("Patient", found.raw).resource
    for link in patient.link if isinstance(patient, Patient) else ():
        if link.type == "replaced-by" and link.other is not None and link.other.reference:
            yield link.other.reference


def _count(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{number} {noun}s"
