"""A patient's chart as the pages show it, read from whatever FHIR resources there are."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cds_service.sandbox.pages.records import Json, Records

KINDS = (
    "Condition",
    "Observation",
    "ImagingStudy",
    "BodyStructure",
    "Procedure",
    "MedicationAdministration",
    "MedicationRequest",
    "DiagnosticReport",
    "Task",
)
COLUMNS = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Who the chart is about; `age` counts full years on the day it is opened."""

    id: str
    name: str
    mrn: str
    sex: str
    born: str
    age: int | None
    died: str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a table; `flag` is high, low or empty."""

    text: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a row for each kind of measurement and a column for each day, latest first."""

    days: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[Cell, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a plain list: when, what, and a remark."""

    day: str
    text: str
    remark: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """All sections of the page."""

    person: Person
    problems: tuple[Line, ...]
    labs: Grid
    lesions: Grid
    findings: tuple[Line, ...]
    imaging: tuple[Line, ...]
    medications: tuple[Line, ...]
    procedures: tuple[Line, ...]
    reports: tuple[Line, ...]
    tasks: tuple[Line, ...]


async def open_chart(records: Records, patient: str, today: date) -> Chart | None:
    """The chart of a patient; None when the server has no such patient."""
    resource = await records.get(f"Patient/{patient}")
    if resource is None:
        return None
    queries = (records.search(f"{kind}?patient=Patient/{patient}&_count=500") for kind in KINDS)
    found = dict(zip(KINDS, await asyncio.gather(*queries), strict=True))
    own = {kind: [r for r in rows if _belongs(r, patient)] for kind, rows in found.items()}
    return read_chart(resource, own, today)


async def read_tasks(records: Records, patient: str) -> tuple[Line, ...]:
    """The tasks about a patient, the latest first."""
    found = await records.search(f"Task?patient=Patient/{patient}&_count=500")
    return _sorted(_task(task) for task in found if _belongs(task, patient))


def _belongs(resource: Mapping[str, Any], patient: str) -> bool:
    """Whether a resource is about this patient: a server may answer with other people's rows."""
    holder = resource.get("subject") or resource.get("patient") or resource.get("for") or {}
    return str(holder.get("reference", "")).endswith(f"Patient/{patient}")


def read_chart(patient: Json, found: Mapping[str, Sequence[Json]], today: date) -> Chart:
    """The chart of a patient from resources that are all theirs."""
    observations = found["Observation"]
    labs = [o for o in observations if "laboratory" in _categories(o)]
    sizes = [o for o in observations if o.get("component") and o.get("focus")]
    others = [o for o in observations if o not in labs and o not in sizes]
    return Chart(
        person=read_person(patient, today),
        problems=_sorted(_problem(c) for c in found["Condition"]),
        labs=_grid((text(o.get("code")), day(o), _result(o)) for o in labs),
        lesions=_lesion_grid(found["BodyStructure"], sizes),
        findings=_sorted(_finding(o) for o in others),
        imaging=_sorted(_study(s) for s in found["ImagingStudy"]),
        medications=_medications([*found["MedicationAdministration"], *found["MedicationRequest"]]),
        procedures=_sorted(_plain(p) for p in found["Procedure"]),
        reports=_sorted(_plain(r) for r in found["DiagnosticReport"]),
        tasks=_sorted(_task(t) for t in found["Task"]),
    )


def read_person(patient: Mapping[str, Any], today: date) -> Person:
    """Name, number, sex and age of a Patient."""
    name: Mapping[str, Any] = next(iter(patient.get("name", ())), {})
    given, family = " ".join(name.get("given", ())), name.get("family", "")
    identifier: Mapping[str, Any] = next(iter(patient.get("identifier", ())), {})
    born = patient.get("birthDate", "")
    died = patient.get("deceasedDateTime") or ("yes" if patient.get("deceasedBoolean") else None)
    return Person(
        id=patient["id"],
        name=", ".join(part for part in (family, given) if part) or name.get("text", "no name recorded"),
        mrn=identifier.get("value", "none"),
        sex=patient.get("gender", "not recorded"),
        born=born or "not recorded",
        age=_age(born, today),
        died=died[:10] if died else None,
    )


def _age(born: str, today: date) -> int | None:
    try:
        birth = date.fromisoformat(born)
    except ValueError:
        return None
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def text(concept: Mapping[str, Any] | None) -> str:
    """The words for a CodeableConcept: its text, else a display, else a code."""
    if not concept:
        return ""
    coding: Mapping[str, Any] = next(iter(concept.get("coding", ())), {})
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "")


def day(resource: Mapping[str, Any]) -> str:
    """The day a resource is about, as YYYY-MM-DD or shorter; empty when none is recorded."""
    for name in ("effectiveDateTime", "performedDateTime", "started", "onsetDateTime", "recordedDate", "authoredOn"):
        if name in resource:
            return str(resource[name])[:10]
    for name in ("effectivePeriod", "performedPeriod", "onsetPeriod"):
        if name in resource:
            return str(resource[name].get("start", ""))[:10]
    return str(resource.get("issued", ""))[:10]


def _categories(resource: Mapping[str, Any]) -> set[str]:
    concepts = resource.get("category", ())
    return {coding.get("code", "") for concept in concepts for coding in concept.get("coding", ())}


def _sorted(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: (line.day, line.text), reverse=True))


def _grid(entries: Iterable[tuple[str, str, Cell]]) -> Grid:
    """Rows by name, columns by day: the latest few days."""
    table: dict[str, dict[str, Cell]] = defaultdict(dict)
    for name, when, cell in entries:
        table[name][when] = cell
    days = sorted({when for row in table.values() for when in row}, reverse=True)[:COLUMNS]
    rows = ((name, tuple(row.get(when, Cell()) for when in days)) for name, row in sorted(table.items()))
    return Grid(tuple(days), tuple(rows))


def _result(observation: Mapping[str, Any]) -> Cell:
    quantity = observation.get("valueQuantity")
    if not quantity:
        return Cell(value(observation))
    shown = f"{quantity.get('comparator', '')}{quantity.get('value', '')} {quantity.get('unit', '')}".strip()
    limits: Mapping[str, Any] = next(iter(observation.get("referenceRange", ())), {})
    return Cell(shown, _flag(quantity.get("value"), limits))


def _flag(measured: float | None, limits: Mapping[str, Any]) -> str:
    low, high = limits.get("low", {}).get("value"), limits.get("high", {}).get("value")
    if measured is None:
        return ""
    if low is not None and measured < low:
        return "low"
    return "high" if high is not None and measured > high else ""


def value(observation: Mapping[str, Any]) -> str:
    """The words for an Observation's value, whatever its type."""
    if "valueCodeableConcept" in observation:
        return text(observation["valueCodeableConcept"])
    if "valueQuantity" in observation:
        return _result(observation).text
    found = (str(observation[name]) for name in ("valueInteger", "valueString", "valueBoolean") if name in observation)
    return next(found, "")


def _lesion_grid(lesions: Sequence[Json], sizes: Sequence[Json]) -> Grid:
    names = {f"BodyStructure/{lesion['id']}": _lesion_name(lesion) for lesion in lesions}
    entries = [(_focus_name(o, names), day(o), Cell(_dimensions(o))) for o in sizes]
    measured = {name for name, _, _ in entries}
    entries += [(name, "", Cell()) for name in names.values() if name not in measured]
    return _grid(entries)


def _lesion_name(lesion: Mapping[str, Any]) -> str:
    side = " ".join(text(q).lower() for q in lesion.get("locationQualifier", ()))
    place = " ".join(part for part in (text(lesion.get("location")), side) if part)
    return str(lesion.get("description") or place or lesion["id"])


def _focus_name(observation: Mapping[str, Any], names: Mapping[str, str]) -> str:
    reference = next((f.get("reference", "") for f in observation["focus"]), "")
    return names.get(reference, reference or "Tumour")


def _dimensions(observation: Mapping[str, Any]) -> str:
    quantities = [part["valueQuantity"] for part in observation["component"] if "valueQuantity" in part]
    unit = quantities[0].get("unit", "") if quantities else ""
    return " × ".join(str(q.get("value", "?")) for q in quantities) + (f" {unit}" if unit else "")


def _problem(condition: Mapping[str, Any]) -> Line:
    words = [text(condition.get("clinicalStatus")), text(condition.get("verificationStatus"))]
    return Line(day(condition), text(condition.get("code")), ", ".join(word for word in words if word))


def _finding(observation: Mapping[str, Any]) -> Line:
    focus = next((f.get("display", "") for f in observation.get("focus", ())), "")
    return Line(day(observation), text(observation.get("code")), value(observation) or focus)


def _study(study: Mapping[str, Any]) -> Line:
    codings = [*study.get("modality", ()), *(s.get("modality", {}) for s in study.get("series", ()))]
    modalities = dict.fromkeys(str(coding.get("code", "?")) for coding in codings)
    named = study.get("description") or text(next(iter(study.get("procedureCode", ())), None))
    return Line(day(study), named or "Imaging study without a description", " + ".join(modalities))


def _medications(resources: Sequence[Json]) -> tuple[Line, ...]:
    """One line for each drug: from when to when, and how often it was given or ordered."""
    days: dict[str, list[str]] = defaultdict(list)
    for resource in resources:
        days[text(resource.get("medicationCodeableConcept")) or "Medication by reference"].append(day(resource))
    return _sorted(
        Line(max(given), drug, f"{len(given)} × since {min(given)}" if len(given) > 1 else "once")
        for drug, given in days.items()
    )


def _plain(resource: Mapping[str, Any]) -> Line:
    sites = ", ".join(text(site) for site in resource.get("bodySite", ()))
    return Line(day(resource), text(resource.get("code")), resource.get("conclusion") or sites)


def _task(task: Mapping[str, Any]) -> Line:
    reference = f"Task/{task['id']}"
    words = task.get("description") or text(task.get("code")) or reference
    return Line(str(task.get("authoredOn", ""))[:10], words, task.get("status", ""), reference)
