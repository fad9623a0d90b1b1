"""One synthetic patient's file turned into FHIR R4 resources, shaped as US Core and mCODE have them.

Days in a file count from the day of loading (`days: -10` is ten days earlier), so that a
patient built to have a scan in the window still has one next year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from cds_service.sandbox.codebook import Codebook, Json
from cds_service.sandbox.measures import (
    disease_status,
    disease_statuses,
    ecog_scores,
    lab_panels,
    overall_responses,
    pregnancy_tests,
    stages,
    tumor_size,
)
from cds_service.sandbox.record import PROFILE, Chart, category, condition_status, site_concept

ORDER = (
    "conditions",
    "stage",
    "ecog",
    "labs",
    "pregnancy_tests",
    "imaging",
    "lesions",
    "status",
    "responses",
    "therapy",
    "procedures",
)


def build(document: Mapping[str, Any], words: Codebook, today: date) -> list[Json]:
    """All resources of one patient file, the Patient first."""
    chart = Chart(words, today, document["id"])
    _patient(chart, document)
    if "cancer" in document:
        chart.primary = _cancer(chart, document["cancer"], "primary")
    for number, other in enumerate(document.get("other_cancers", ()), start=1):
        _cancer(chart, other, f"other-cancer-{number}")
    for number, spread in enumerate(document.get("metastases", ()), start=1):
        _metastasis(chart, spread, number)
    for section in ORDER:
        if section in document:
            _SECTIONS[section](chart, document[section])
    return chart.resources


def _patient(chart: Chart, document: Mapping[str, Any]) -> None:
    given, family = document["name"]
    patient: Json = {
        "resourceType": "Patient",
        "id": chart.patient,
        "identifier": [{"system": "urn:sandbox:mrn", "value": f"SBX-{document['mrn']}"}],
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": document["sex"],
    }
    born = document.get("born")
    if born:
        patient["birthDate"] = _years_ago(chart.today, born["years"], born.get("days", 0)).isoformat()
    if "died" in document:
        patient["deceasedDateTime"] = chart.day(document["died"])
    chart.resources.append(patient)


def _years_ago(today: date, years: int, days: int) -> date:
    """The birth date of somebody who turned `years` the given days ago (negative: will in as many days)."""
    day = today - timedelta(days=days)
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, month=3, day=1)


def _cancer(chart: Chart, cancer: Mapping[str, Any], name: str) -> Json:
    words, entry = chart.words, chart.words.entry("cancers", cancer["type"])
    extension = None
    if "morphology" in entry:
        morphology = {"coding": [words.coding("icdo3", entry["morphology"])]}
        extension = [{"url": PROFILE + "histology-morphology-behavior", "valueCodeableConcept": morphology}]
    evidence = None
    if cancer.get("confirmed_by") == "histology":
        evidence = [{"code": [{"coding": [words.coding("snomed", "714797009", "Histologic test")]}]}]
    return chart.add(
        "Condition",
        name,
        "primary-cancer-condition",
        extension=extension,
        **condition_status(cancer),
        category=[category("condition-category", "problem-list-item")],
        code=words.diagnosis("cancers", cancer["type"]),
        bodySite=[site_concept(words, entry["site"], entry.get("side"))] if "site" in entry else None,
        subject=chart.subject,
        onsetDateTime=chart.day(cancer["days"]),
        recordedDate=chart.day(cancer["days"]),
        evidence=evidence,
    )


def _metastasis(chart: Chart, spread: Mapping[str, Any], number: int) -> None:
    due_to = None
    if chart.primary:
        url = "http://hl7.org/fhir/StructureDefinition/condition-related"
        due_to = [{"url": url, "valueReference": chart.primary}]
    chart.add(
        "Condition",
        f"metastasis-{number}",
        "secondary-cancer-condition",
        extension=due_to,
        **condition_status(spread),
        category=[category("condition-category", "problem-list-item")],
        code=chart.words.diagnosis("secondaries", spread["site"]),
        subject=chart.subject,
        onsetDateTime=chart.day(spread["days"]),
        recordedDate=chart.day(spread["days"]),
    )


def _conditions(chart: Chart, conditions: Iterable[Mapping[str, Any]]) -> None:
    for condition in conditions:
        chart.add(
            "Condition",
            condition["problem"],
            **condition_status(condition),
            category=[category("condition-category", "problem-list-item")],
            code=chart.words.diagnosis("problems", condition["problem"]),
            subject=chart.subject,
            onsetDateTime=chart.day(condition["days"]),
            recordedDate=chart.day(condition["days"]),
        )


def _imaging(chart: Chart, studies: Iterable[Mapping[str, Any]]) -> None:
    words = chart.words
    for number, study in enumerate(studies, start=1):
        entry = words.entry("studies", study["study"])
        uid = f"2.25.{int.from_bytes(f'{chart.patient}-{number}'.encode(), 'big') % 10**30}"
        series = [_series(words, uid, at, *part) for at, part in enumerate(entry["series"], start=1)]
        modalities = list(dict.fromkeys(modality for modality, _ in entry["series"]))
        chart.add(
            "ImagingStudy",
            f"scan-{number}",
            status="available",
            identifier=[{"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"}],
            modality=[words.coding("dicom", modality) for modality in modalities],
            subject=chart.subject,
            started=f"{chart.day(study['days'])}T09:30:00Z",
            procedureCode=[words.loinc("studies", study["study"])],
            description=entry["text"],
            series=series,
        )


def _series(words: Codebook, study_uid: str, number: int, modality: str, region: str) -> Json:
    site = words.entry("sites", region)
    return {
        "uid": f"{study_uid}.{number}",
        "number": number,
        "modality": words.coding("dicom", modality),
        "bodySite": words.coding("snomed", site["code"], site["display"]),
    }


def _lesions(chart: Chart, lesions: Iterable[Mapping[str, Any]]) -> None:
    """A Tumor BodyStructure each, with a size Observation for every scan on which it was measured."""
    words = chart.words
    for lesion in lesions:
        kind = "primary" if lesion.get("primary") else "metastatic"
        code, display = {
            "primary": ("86049000", "Primary malignant neoplasm"),
            "metastatic": ("14799000", "Metastatic neoplasm"),
        }[kind]
        side = lesion.get("side")
        tumor = chart.add(
            "BodyStructure",
            f"lesion-{lesion['name']}",
            "tumor",
            identifier=[{"system": "urn:sandbox:lesion", "value": f"{chart.patient}/{lesion['name']}"}],
            morphology={"coding": [words.coding("snomed", code, display)]},
            location=words.concept("sites", lesion["site"]),
            locationQualifier=[words.concept("sides", side)] if side else None,
            description=lesion.get("text"),
            patient=chart.subject,
        )
        for number, (days, size) in enumerate(lesion.get("sizes", {}).items(), start=1):
            tumor_size(chart, f"size-{lesion['name']}-{number}", days, size, tumor)
        if "course" in lesion:
            disease_status(chart, f"course-{lesion['name']}", lesion["course"], tumor)


def _doses(line: Mapping[str, Any]) -> Iterator[int]:
    """The days on which a regimen was given: every so many days from the first to the last."""
    return iter(range(line["from"], min(line["to"], -1) + 1, line.get("every", 21)))


def _therapy(chart: Chart, lines: Iterable[Mapping[str, Any]]) -> None:
    words = chart.words
    intents = {"palliative": ("363676003", "Palliative"), "curative": ("373808002", "Curative")}
    for number, line in enumerate(lines, start=1):
        code, display = intents[line.get("intent", "palliative")]
        intent = [
            {
                "url": PROFILE + "procedure-intent",
                "valueCodeableConcept": {"coding": [words.coding("snomed", code, display)]},
            }
        ]
        for at, days in enumerate(_doses(line), start=1):
            for agent in line["agents"]:
                drug = {"coding": [words.coding("rxnorm", words.tables["agents"][agent], agent)], "text": agent}
                chart.add(
                    "MedicationAdministration",
                    f"line-{number}-{agent.replace(' ', '-')}-{at}",
                    "cancer-related-medication-administration",
                    extension=intent,
                    status="completed",
                    medicationCodeableConcept=drug,
                    subject=chart.subject,
                    effectiveDateTime=chart.day(days),
                    reasonReference=[chart.primary] if chart.primary else None,
                )


def _procedures(chart: Chart, procedures: Iterable[Mapping[str, Any]]) -> None:
    for number, procedure in enumerate(procedures, start=1):
        treats = procedure.get("lesion")
        lesion = f"BodyStructure/{chart.patient}-lesion-{treats}" if treats else None
        site = procedure.get("site")
        chart.add(
            "Procedure",
            f"procedure-{number}",
            extension=[
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/procedure-targetBodyStructure",
                    "valueReference": {"reference": lesion},
                }
            ]
            if lesion
            else None,
            status="completed",
            code=chart.words.concept("procedures", procedure["procedure"]),
            subject=chart.subject,
            performedDateTime=chart.day(procedure["days"]),
            bodySite=[site_concept(chart.words, site, procedure.get("side"))] if site else None,
        )


_SECTIONS = {
    "conditions": _conditions,
    "stage": stages,
    "ecog": ecog_scores,
    "labs": lab_panels,
    "pregnancy_tests": pregnancy_tests,
    "imaging": _imaging,
    "lesions": _lesions,
    "status": disease_statuses,
    "responses": overall_responses,
    "therapy": _therapy,
    "procedures": _procedures,
}
