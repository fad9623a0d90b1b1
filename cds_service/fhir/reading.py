"""A patient's FHIR resources become `PatientFacts`.

`read_patient` opens what carries the resources, decodes each once, keeps the newest version,
finds the patient, drops what is somebody else's, and gives each resource to its extractors.

Conventions of the extractors (`extract/*.py`, one module per kind of fact):

1. An extractor is a function `read_xxx(resource, context) -> Iterable[fact]`, pure, from a
   decoded struct of `resources.py`. It returns () where the resource is not its business and
   raises nothing, whatever the resource holds: every element may be missing.
2. The module lists its extractors in `READERS`: `Reader(Observation, "labs", read_labs,
   wants=frozenset({LAB}))`. `field` is the field of PatientFacts. With `wants`, only
   resources whose `context.concepts` share one are given (concepts of the code and of the
   components' codes, and the pseudo-concepts LAB, FOCUS, PANEL); that keeps the hot path to
   dictionary look-ups.
3. Before an extractor sees a resource, what does not hold is gone: status entered-in-error,
   cancelled, not-done, unknown (of events); Condition refuted; somebody else's; older
   versions; modifier extensions. `extract/standing.py` says so, and `is_preliminary` is there
   for the mark. What else a status means ("registered", "stopped") is the extractor's.
4. Meanings come from the catalog through `context.meanings(concept, ...)`: every coding, any
   order. Words only where a rule says so, with basis TEXT. No code literal in Python.
5. References become names through `context.name(reference)` ("Type/id"), and are followed by
   `context.resolve(reference)` (contained, the patient's own, a shared Medication). Contained
   Observations are not results: nothing reads them unless it follows a reference to them.
6. Dates through `extract/dates.py`; sides and sites through `extract/sites.py`; components
   and the observation itself as one list through `extract/results.py` (`results_of`).
7. What is odd goes to `context.note(problem)`: clinical words, no names, no free text of the
   record longer than a unit. Evidence is made by `context.evidence(date, text)`.
8. Sorting is done here (latest first, then reference); extractors keep the order they find.
9. A decimal may be NaN or infinite where a sender wrote such a string: `is_finite()` first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import DataQuality, Kind, PatientFacts, Person, latest_first
from cds_service.errors import NoPatient
from cds_service.fhir.batches import Batch
from cds_service.fhir.belonging import SUBJECT_OF, Belonging
from cds_service.fhir.bundles import Found
from cds_service.fhir.context import FOCUS, PANEL, Reader, ReadingContext, reference_of
from cds_service.fhir.decoding import Json
from cds_service.fhir.extract import (
    conclusions,
    conditions,
    disease_status,
    imaging,
    labs,
    lesions,
    medications,
    pathology,
    performance,
    procedures,
    stages,
    statuses,
    subjects,
    therapy_lines,
)
from cds_service.fhir.extract.patients import read_person
from cds_service.fhir.extract.standing import holds, is_status_unknown
from cds_service.fhir.record import Broken, Held, Record, contained_in, open_record
from cds_service.fhir.remembering import Remembered
from cds_service.fhir.resources import AnyResource, CodeableConcept, Coding, Observation, Patient, Resource

KIND_OF: Mapping[str, Kind] = {
    "Patient": Kind.PATIENT,
    "Condition": Kind.CONDITIONS,
    "Observation": Kind.OBSERVATIONS,
    "ImagingStudy": Kind.IMAGING,
    "Procedure": Kind.PROCEDURES,
    "MedicationRequest": Kind.MEDICATIONS,
    "MedicationAdministration": Kind.ADMINISTRATIONS,
    "MedicationStatement": Kind.STATEMENTS,
    "DiagnosticReport": Kind.REPORTS,
    "BodyStructure": Kind.LESIONS,
    "ResearchSubject": Kind.SUBJECTS,
    "EpisodeOfCare": Kind.EPISODES,
    "CarePlan": Kind.CAREPLANS,
}
"""The kind of record each resource type is read for."""

_SUPPORTS: Mapping[str, tuple[Kind, ...]] = {
    "Specimen": (Kind.REPORTS,),
    "Medication": (Kind.MEDICATIONS, Kind.ADMINISTRATIONS, Kind.STATEMENTS),
    "ResearchStudy": (Kind.SUBJECTS,),
}

READERS: tuple[Reader, ...] = (
    *conditions.READERS,
    *stages.READERS,
    *performance.READERS,
    *labs.READERS,
    *statuses.READERS,
    *disease_status.READERS,
    *lesions.READERS,
    *imaging.READERS,
    *procedures.READERS,
    *medications.READERS,
    *therapy_lines.READERS,
    *pathology.READERS,
    *conclusions.READERS,
    *subjects.READERS,
)


def _by_type(readers: Iterable[Reader]) -> dict[type[Resource], tuple[Reader, ...]]:
    found: dict[type[Resource], tuple[Reader, ...]] = {}
    for reader in readers:
        found[reader.resource] = (*found.get(reader.resource, ()), reader)
    return found


_READERS = _by_type(READERS)
_NO_CONCEPTS: frozenset[str] = frozenset()
_FOCUS = frozenset((FOCUS,))
_PANEL = frozenset((PANEL,))


@lru_cache(maxsize=4096)
def _wanting(kind: type[Resource], concepts: frozenset[str]) -> tuple[Reader, ...]:
    """The readers of a type that want a resource of these concepts; of such sets there are few."""
    return tuple(reader for reader in _READERS[kind] if reader.wants is None or not reader.wants.isdisjoint(concepts))


def read_patient(
    resources: Iterable[Json | Mapping[str, Any] | Found],
    catalog: Catalog,
    *,
    patient: str | None = None,
    not_retrieved: Iterable[tuple[Kind, str]] = (),
    shared: Callable[[str], Json | None] | None = None,
) -> PatientFacts:
    """The facts of one patient from resources in any carrier: bytes, decoded JSON, Bundles.

    `patient` is the id (or "Patient/id", or its urn) asked for; without it there must be
    exactly one. `not_retrieved` names kinds that could not be had, with the reason. `shared`
    finds resources that belong to nobody (a Medication by "Medication/id"). Raises NoPatient,
    or NotFhir where a carrier is no JSON; nothing else, whatever the JSON.
    """
    record = open_record(resources, shared)
    who = _the_patient(record, patient)
    belonging = Belonging(record, who)
    reading = _Reading(catalog, record, list(not_retrieved))
    person = read_person(*who, context=reading.context(who[0].name, who[0].resource))
    for batch in record.clean:
        reading.take_batch(batch, belonging)
    for held in record.all():
        if isinstance(held.resource, Patient):
            reading.take_person(held, held in who)
        else:
            reading.take(held, belonging)
    for broken in record.broken:
        reading.take_broken(broken, belonging)
    return reading.facts(person, belonging.dropped)


def _the_patient(record: Record, asked: str | None) -> tuple[Held, ...]:
    """The Patient asked for, as the record that stands now and those it replaced."""
    patients = record.patients()
    if not patients:
        raise NoPatient("there is no Patient resource in the input")
    groups = _persons(record, patients)
    if asked is None:
        if len(groups) > 1:
            raise NoPatient(f"there are {len(groups)} patients in the input where one is asked: name one")
        return groups[0]
    names = {asked, record.named(asked), f"Patient/{asked}"}
    for group in groups:
        if any(held.name in names or held.full_url in names for held in group):
            return group
    raise NoPatient("the patient asked for is not in the input")


def _persons(record: Record, patients: list[Held]) -> list[tuple[Held, ...]]:
    """Patients grouped by replaced-by and replaces links, the one that stands first."""
    stands = {held.name: _standing(record, held) for held in patients}
    groups: dict[str, list[Held]] = defaultdict(list)
    for held in patients:
        groups[stands[held.name]].append(held)
    return [tuple(sorted(group, key=lambda held: (held.name != name, held.name))) for name, group in groups.items()]


def _standing(record: Record, held: Held) -> str:
    """The name of the Patient that stands for this one, following replaced-by where at hand."""
    seen: list[str] = []
    name = held.name
    while name not in seen:
        seen.append(name)
        name = next((after for after in _replacements(record, name) if after in record.held), name)
    return name if seen[-1] == name else min(seen[seen.index(name) :])


def _replacements(record: Record, name: str) -> Iterable[str]:
    current = record.held.get(name)
    if current is None or not isinstance(current.resource, Patient):
        return
    for link in current.resource.link:
        if link.type == "replaced-by" and link.other and link.other.reference:
            yield record.named(link.other.reference)


class _Reading:
    """The facts as they gather."""

    def __init__(self, catalog: Catalog, record: Record, not_retrieved: list[tuple[Kind, str]]) -> None:
        self.catalog = catalog
        self.record = record
        self.notes = record.notes
        self.gathered: dict[str, list[Any]] = defaultdict(list)
        self.not_retrieved = not_retrieved
        self.unread: dict[str, int] = defaultdict(int)

    def context(self, name: str, resource: AnyResource, concepts: frozenset[str] = frozenset()) -> ReadingContext:
        """The surroundings of one resource."""
        inside = contained_in(resource) if resource.contained else None
        return ReadingContext(self.catalog, name, self.record, self.notes, inside, concepts)

    def take_batch(self, batch: Batch, belonging: Belonging) -> None:
        """Read clean resources of one type; those whose codes mean nothing are passed over early."""
        if batch.kind not in _READERS or batch.kind is Patient:
            return
        observations = batch.kind is Observation
        subject_of = SUBJECT_OF[batch.kind]
        own = belonging.known
        for resource, _ in batch.entries:
            subject = subject_of(resource)
            if (subject is None or not own.get(subject.reference)) and not self._is_own(resource, belonging):
                continue
            concepts = _NO_CONCEPTS
            if observations:
                concepts = concepts_of(resource, self.catalog)  # type: ignore[arg-type]  # the batch is of Observations
                if not concepts:
                    continue
            self._extract(f"{resource.resource_type}/{resource.id}", resource, concepts)

    def _is_own(self, resource: AnyResource, belonging: Belonging) -> bool:
        if belonging.is_own(resource):
            return True
        if belonging.is_nobodys(resource):
            self.note(reference_of(resource), "it does not say whose it is; left out")
            self.unread[resource.resource_type] += 1
        return False

    def take_person(self, held: Held, is_own: bool) -> None:
        """Note what is odd in the patient's own Patient resources; what was lost leaves its kind unknown."""
        for problem in held.problems if is_own else ():
            self.note(held.name, problem)
        if is_own and held.meaning_lost:
            self.unread["Patient"] += 1

    def take(self, held: Held, belonging: Belonging) -> None:
        """Read one resource, where it is the patient's and holds."""
        if type(held.resource) not in _READERS:
            return
        if not self._is_own(held.resource, belonging):
            return
        if held.problems:
            self._take_odd(held)
        if held.meaning_lost:
            return
        if not isinstance(held.resource, Observation):
            self._extract(held.name, held.resource, _NO_CONCEPTS)
        elif concepts := concepts_of(held.resource, self.catalog):
            self._extract(held.name, held.resource, concepts)

    def _take_odd(self, held: Held) -> None:
        for problem in held.problems:
            self.note(held.name, problem)
        if held.meaning_lost and holds(held.resource) and self._matters(held.resource):
            self.unread[held.resource.resource_type] += 1

    def _matters(self, resource: AnyResource) -> bool:
        """Whether a resource that lost its meaning could have meant something to a trial."""
        code = getattr(resource, "code", None)
        if not isinstance(resource, Observation) or code is None or not code.coding:
            return True
        return bool(concepts_of(resource, self.catalog))

    def _extract(self, name: str, resource: AnyResource, concepts: frozenset[str]) -> None:
        if not holds(resource):
            if is_status_unknown(resource):
                self.note(name, "its status is 'unknown', so that it may not have happened; left out")
            return
        wanting = _wanting(type(resource), concepts)
        if wanting:
            inside = contained_in(resource) if resource.contained else None
            context = ReadingContext(self.catalog, name, self.record, self.notes, inside, concepts)
            for reader in wanting:
                self.gathered[reader.field].extend(reader.read(resource, context))

    def take_broken(self, broken: Broken, belonging: Belonging) -> None:
        """Note a resource beyond reading, unless it is certainly somebody else's."""
        if broken.subjects and not any(belonging.names_patient(subject) for subject in broken.subjects):
            belonging.dropped += 1
            return
        for problem in broken.problems:
            self.note(broken.name, problem)
        self.unread[broken.kind] += 1

    def note(self, name: str, problem: str) -> None:
        """Put a problem on the data-quality list."""
        self.notes.append(DataQuality(name, problem))

    def facts(self, person: Person, dropped: int) -> PatientFacts:
        """What was gathered, each kind latest first."""
        kinds: dict[str, Any] = {name: _sorted(items) for name, items in self.gathered.items() if items}
        notes = tuple(sorted(dict.fromkeys(self.notes), key=lambda note: (note.reference, note.problem)))
        return PatientFacts(
            person,
            not_retrieved=tuple(self.not_retrieved) + self._unread(),
            data_quality=notes,
            dropped=dropped,
            **kinds,
        )

    def _unread(self) -> tuple[tuple[Kind, str], ...]:
        found: list[tuple[Kind, str]] = []
        for name in sorted(self.unread):
            count = self.unread[name]
            words = (
                f"{'one' if count == 1 else count} {name or 'resource'}{'' if count == 1 else 's'} could not be read"
            )
            found += [(kind, words) for kind in _resting_on(name)]
        return tuple(found)


def _resting_on(name: str) -> tuple[Kind, ...]:
    """The kinds of record that an unread resource of a type leaves unknown; all where the type is not legible."""
    if name in KIND_OF:
        return (KIND_OF[name],)
    if not name:
        return tuple(kind for kind in Kind if kind is not Kind.PATIENT)
    return _SUPPORTS.get(name, ())


def _sorted(items: list[Any]) -> tuple[Any, ...]:
    if len(items) == 1:
        return tuple(items)
    order = latest_first([(getattr(item, "date", None), item.evidence.reference) for item in items])
    return tuple([items[index] for index in order])


_concepts: Remembered[tuple[Coding, ...], frozenset[str]] = Remembered()


def _of_codings(code: CodeableConcept | None, catalog: Catalog) -> frozenset[str]:
    """The concepts the codings of a code belong to, remembered by the codings."""
    if code is None:
        return _NO_CONCEPTS
    memory = _concepts.of(catalog)
    found = memory.get(code.coding)
    if found is None:
        every = [catalog.concepts(coding.system, coding.code) for coding in code.coding]
        found = Remembered.keep(memory, code.coding, _NO_CONCEPTS.union(*every))
    return found


def concepts_of(observation: Observation, catalog: Catalog) -> frozenset[str]:
    """The concepts an Observation's code and its components' codes belong to, with LAB, FOCUS, PANEL."""
    component = observation.component
    found = _of_codings(observation.code, catalog)
    for part in component:
        found |= _of_codings(part.code, catalog)
    if observation.focus or observation.body_site is not None:
        found |= _FOCUS
    if component or observation.has_member:
        found |= _PANEL
    return found
