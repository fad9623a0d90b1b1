"""The everyday record of a patient: vitals, laboratory, problems, drugs, of which a hospital is full.

Every kind of resource is rendered once to bytes with gaps for id, patient, day and value, clean and
with every oddity of `dirt.py`; a patient costs one substitution a line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population import dirt
from cds_service.sandbox.population.people import Person
from cds_service.sandbox.population.words import everyday, words

Line = tuple[str, bytes]
"""A resource type and one line of its file."""

_ID, _SUBJECT, _DAY, _VALUE = "@id@", "Patient/@subject@", "2001-01-01", 424242
_GAPS = (b"@id@", b"@subject@", b"2001-01-01", b"424242")
_NAMED = (b"%(i)b", b"%(p)b", b"%(d)b", b"%(v)b")
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_VALUES = 64
_DIRTY_IN_256 = 8


@dataclass(frozen=True, slots=True)
class Template:
    """One kind of resource as bytes with gaps; `dirty` holds it with each oddity that can befall it."""

    kind: str
    clean: bytes
    dirty: tuple[tuple[str, bytes], ...] = ()
    values: tuple[bytes, ...] = (b"",)
    of_trial: bool = False


@dataclass(frozen=True, slots=True)
class Templates:
    """All of them, by the part they play in a record."""

    vitals: tuple[Template, ...]
    laboratory: tuple[Template, ...]
    conditions: tuple[Template, ...]
    drugs: tuple[Template, ...]
    administrations: tuple[Template, ...]
    procedures: tuple[Template, ...]
    reports: tuple[Template, ...]
    studies: tuple[Template, ...]
    lookalikes: tuple[Template, ...]

    def without_trial_values(self) -> tuple[Template, ...]:
        """The laboratory tests no criterion of the trial looks at."""
        return tuple(template for template in self.laboratory if not template.of_trial)


@cache
def templates() -> Templates:
    """Everything rendered, once a process."""
    record = everyday()
    return Templates(
        vitals=tuple(_measured(entry, "vital-signs") for entry in record["vitals"]),
        laboratory=tuple(_measured(entry, "laboratory") for entry in record["laboratory"]),
        conditions=tuple(_template(_condition(entry)) for entry in record["conditions"]),
        drugs=tuple(_template(_request(entry)) for entry in record["drugs"]),
        administrations=tuple(_template(_administration(entry)) for entry in record["drugs"]),
        procedures=tuple(_template(_procedure(entry)) for entry in record["procedures"]),
        reports=tuple(_template(_report(entry)) for entry in record["reports"]),
        studies=tuple(_template(_study(entry)) for entry in record["studies"]),
        lookalikes=tuple(_template(_condition(entry)) for entry in record["lookalikes"]),
    )


def _template(resource: Json, values: tuple[bytes, ...] = (b"",), *, of_trial: bool = False) -> Template:
    odd = ((kind.name, kind.laid_over(resource)) for kind in dirt.ALL)
    dirty = [(name, _gapped(found)) for name, found in odd if found is not None]
    clean = _gapped(resource)
    lines = [(name, edit(clean)) for name, edit in dirt.LINES.items()]
    return Template(resource["resourceType"], clean, (*dirty, *lines), values, of_trial)


def _gapped(resource: Json) -> bytes:
    line = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode().replace(b"%", b"%%")
    for gap, name in zip(_GAPS, _NAMED, strict=True):
        line = line.replace(gap, name)
    return line


# --- one resource each ------------------------------------------------------------------------------


def _head(kind: str, **elements: object) -> Json:
    meta = {"versionId": "1", "lastUpdated": f"{_DAY}T22:10:04.031+00:00"}
    return {"resourceType": kind, "id": _ID, "meta": meta, **elements}


def _concept(entry: Mapping[str, Any]) -> Json:
    systems = words().tables["systems"]
    codings = [
        {"system": systems[system], "code": str(entry[system]), "display": entry["text"]}
        for system in ("snomed", "icd10", "loinc", "rxnorm")
        if system in entry
    ]
    return {"coding": codings, "text": entry["text"]} if codings else {"text": entry["text"]}


def _category(system: str, code: str) -> list[Json]:
    return [{"coding": [{"system": _TERMINOLOGY + system, "code": code, "display": code}]}]


def _subject() -> Json:
    return {"reference": _SUBJECT}


def _measured(entry: Mapping[str, Any], category: str) -> Template:
    unit = entry["unit"]
    own = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    limits = {bound: {"value": entry[bound], **own} for bound in ("low", "high") if bound in entry}
    observation = _head(
        "Observation",
        status="final",
        category=_category("observation-category", category),
        code=_concept(entry),
        subject=_subject(),
        encounter={"reference": "Encounter/@id@-e"},
        effectiveDateTime=f"{_DAY}T16:54:01+00:00",
        issued=f"{_DAY}T16:54:01.035+00:00",
        valueQuantity={"value": _VALUE, **own},
    )
    if limits:
        observation["referenceRange"] = [limits]
    return _template(observation, _spread(entry), of_trial=entry.get("trial", False))


def _spread(entry: Mapping[str, Any]) -> tuple[bytes, ...]:
    low, width = entry["from"], entry["to"] - entry["from"]
    return tuple(f"{low + width * at / (_VALUES - 1):.{entry['decimals']}f}".encode() for at in range(_VALUES))


def _condition(entry: Mapping[str, Any]) -> Json:
    ended = entry.get("ended", False)
    clinical = "resolved" if ended else "active"
    condition = _head(
        "Condition",
        clinicalStatus=_category("condition-clinical", clinical)[0],
        verificationStatus=_category("condition-ver-status", "confirmed")[0],
        category=_category("condition-category", "problem-list-item"),
        code=_concept(entry),
        subject=_subject(),
        encounter={"reference": "Encounter/@id@-e"},
        onsetDateTime=f"{_DAY}T16:54:01+00:00",
        recordedDate=f"{_DAY}T16:54:01+00:00",
    )
    return condition | {"abatementDateTime": f"{_DAY}T20:00:00+00:00"} if ended else condition


def _request(entry: Mapping[str, Any]) -> Json:
    return _head(
        "MedicationRequest",
        status="active",
        intent="order",
        medicationCodeableConcept=_concept(entry),
        subject=_subject(),
        encounter={"reference": "Encounter/@id@-e"},
        authoredOn=f"{_DAY}T16:54:01+00:00",
        requester={"reference": "Practitioner/p-11", "display": "Dr. Sandbox Physician"},
        dosageInstruction=[{"sequence": 1, "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
    )


def _administration(entry: Mapping[str, Any]) -> Json:
    return _head(
        "MedicationAdministration",
        status="completed",
        medicationCodeableConcept=_concept(entry),
        subject=_subject(),
        effectiveDateTime=f"{_DAY}T09:12:00+00:00",
    )


def _procedure(entry: Mapping[str, Any]) -> Json:
    return _head(
        "Procedure",
        status="completed",
        code=_concept(entry),
        subject=_subject(),
        encounter={"reference": "Encounter/@id@-e"},
        performedPeriod={"start": f"{_DAY}T16:54:01+00:00", "end": f"{_DAY}T17:24:01+00:00"},
    )


def _report(entry: Mapping[str, Any]) -> Json:
    return _head(
        "DiagnosticReport",
        status="final",
        category=_category("v2-0074", "LAB"),
        code=_concept(entry),
        subject=_subject(),
        effectiveDateTime=f"{_DAY}T16:54:01+00:00",
        result=[{"reference": f"Observation/@id@-{at}", "display": "Result"} for at in range(4)],
    )


def _study(entry: Mapping[str, Any]) -> Json:
    series = {
        "uid": "1.2.840.99999999.1.@id@",
        "number": 1,
        "modality": {"system": words().tables["systems"]["dicom"], "code": entry["modality"]},
        "bodySite": {"system": "http://snomed.info/sct", "code": entry["site"], "display": entry["region"]},
    }
    study = _head(
        "ImagingStudy",
        status="available",
        subject=_subject(),
        started=f"{_DAY}T02:11:05+00:00",
        numberOfSeries=1,
        series=[series],
    )
    return study | {"description": entry["text"]} if "text" in entry else study


# --- one record -------------------------------------------------------------------------------------


def patient_line(person: Person, chance: Random, dirts: Counter[str]) -> Line:
    """The Patient resource of an everyday person, now and then odd."""
    name: Json = {"use": "official", "family": person.family, "given": [person.given]}
    patient: Json = {
        "resourceType": "Patient",
        "id": person.id,
        "meta": {"versionId": "2"},
        "identifier": [{"system": "urn:sandbox:mrn", "value": f"SBX-{person.id}"}],
        "active": True,
        "name": [name],
        "gender": person.sex,
        "birthDate": person.born.isoformat(),
        "address": [{"line": ["1 Sandbox Road"], "city": "Testville", "country": "US"}],
    }
    if chance.random() < 0.03:
        odd, changed = chance.choice(_ODD_PATIENTS)
        dirts[odd] += 1
        patient |= changed(person, name)
    return "Patient", json.dumps(patient, separators=(",", ":")).encode()


_ODD_PATIENTS: tuple[tuple[str, Callable[[Person, Json], Json]], ...] = (
    ("patient-born-in-a-year", lambda person, _name: {"birthDate": str(person.born.year)}),
    ("patient-with-lone-name", lambda _person, name: {"name": name}),
    ("patient-of-unknown-gender", lambda _person, _name: {"gender": "unknown"}),
    ("patient-with-null", lambda _person, _name: {"birthDate": None}),
)


def record(person: Person, chance: Random, as_of: date, dirts: Counter[str]) -> Iterator[Line]:
    """The everyday record: about sixty resources over three visits; `dirts` counts what was made odd."""
    kinds = templates()
    writing = _Writing(person.id, chance, dirts)
    for at in range(3):
        day = _days_before(as_of, chance.randrange(1, 25) if at == 0 else chance.randrange(25, 3000))
        yield from writing.some(kinds.vitals, 6, day)
        yield from writing.some(kinds.laboratory, chance.randrange(5, 9), day)
        yield from writing.some(kinds.reports, 1, day)
    yield from _history(writing, chance, as_of)


def beside(identity: str, chance: Random, as_of: date, dirts: Counter[str]) -> Iterator[Line]:
    """Everyday resources of a patient whose file says everything a trial asks for."""
    kinds, writing = templates(), _Writing(identity, chance, dirts, spoiling=False)
    for _ in range(2):
        day = _days_before(as_of, chance.randrange(1, 600))
        yield from writing.some(kinds.vitals, 5, day)
        yield from writing.some(kinds.without_trial_values(), 5, day)
    yield from _history(writing, chance, as_of)


def _history(writing: _Writing, chance: Random, as_of: date) -> Iterator[Line]:
    kinds = templates()
    parts = (
        (kinds.conditions, 2, 8),
        (kinds.drugs, 2, 7),
        (kinds.administrations, 0, 4),
        (kinds.procedures, 1, 5),
        (kinds.studies, 0, 2),
    )
    for choice, fewest, most in parts:
        yield from writing.some(
            choice, chance.randrange(fewest, most), _days_before(as_of, chance.randrange(200, 4000))
        )
    if writing.spoiling and chance.random() < 0.01:
        yield from writing.some(kinds.lookalikes, 1, _days_before(as_of, 400))


def _days_before(as_of: date, days: int) -> bytes:
    return (as_of - timedelta(days=days)).isoformat().encode()


class _Writing:
    """Lines of one patient, numbered."""

    def __init__(self, identity: str, chance: Random, dirts: Counter[str], *, spoiling: bool = True) -> None:
        self.spoiling = spoiling
        self._identity = identity.encode()
        self._chance = chance
        self._dirts = dirts
        self._number = 0

    def some(self, choice: tuple[Template, ...], count: int, day: bytes) -> Iterator[Line]:
        """So many different kinds of a choice, on one day."""
        start = self._chance.randrange(len(choice))
        dice = self._chance.randbytes(2 * count)
        for at in range(count):
            template = choice[(start + at) % len(choice)]
            self._number += 1
            gaps = {
                b"i": b"%b-n%d" % (self._identity, self._number),
                b"p": self._identity,
                b"d": day,
                b"v": template.values[dice[2 * at] % len(template.values)],
            }
            yield template.kind, self._bytes(template, dice[2 * at + 1]) % gaps

    def _bytes(self, template: Template, die: int) -> bytes:
        if die >= _DIRTY_IN_256:
            return template.clean
        name, odd = template.dirty[self._chance.randrange(len(template.dirty))]
        if not self.spoiling and name in _SPOILS:
            return template.clean
        self._dirts[name] += 1
        return odd


_SPOILS = frozenset(kind.name for kind in dirt.SPOILING)
