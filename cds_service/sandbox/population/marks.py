"""Changes of a patient's resources, from which the reasons are made: what a file cannot say."""

from __future__ import annotations

import copy
from datetime import date, timedelta

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population.making import Making, Mark
from cds_service.sandbox.population.words import words


def quantity(name: str, **elements: object) -> Mark:
    """The latest result of a test with these elements in its quantity."""

    def mark(making: Making) -> None:
        making.latest(name)["valueQuantity"] |= elements

    return mark


def in_unit(name: str, unit: str) -> Mark:
    """The latest result in a unit, in code and words."""
    return quantity(name, unit=unit, code=unit)


def as_text(name: str) -> Mark:
    """The latest result as a string of number and unit."""

    def mark(making: Making) -> None:
        value = making.latest(name).pop("valueQuantity")
        making.latest(name)["valueString"] = f"{value['value']} {value['unit']}"

    return mark


def without_value(name: str) -> Mark:
    """The latest result not done."""

    def mark(making: Making) -> None:
        result = making.latest(name)
        result.pop("valueQuantity")
        system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
        result["dataAbsentReason"] = {"coding": [{"system": system, "code": "error"}]}

    return mark


def wrongly_typed(name: str) -> Mark:
    """The latest result with words where its quantity belongs: no reader can tell what was measured."""

    def mark(making: Making) -> None:
        making.latest(name)["valueQuantity"] = "see report"

    return mark


def in_the_month_the_window_opens(name: str) -> Mark:
    """The latest result dated by a month, of which only the last days lie within four weeks."""

    def mark(making: Making) -> None:
        opens = making.today - timedelta(days=28)
        day = opens if opens.day > 1 else opens - timedelta(days=1)
        making.latest(name)["effectiveDateTime"] = day.isoformat()[:7]

    return mark


def corrected(name: str, wrong: float) -> Mark:
    """The latest result in two versions: the first wrong, the one last updated right."""

    def mark(making: Making) -> None:
        result = making.latest(name)
        first = copy.deepcopy(result)
        first["valueQuantity"]["value"] = wrong
        first["meta"] = first.get("meta", {}) | {"versionId": "1", "lastUpdated": _stamp(making.today, 3)}
        result["meta"] = result.get("meta", {}) | {"versionId": "2", "lastUpdated": _stamp(making.today, 1)}
        result["status"] = "corrected"
        making.resources.append(first)

    return mark


def _stamp(today: date, days: int) -> str:
    return f"{(today - timedelta(days=days)).isoformat()}T06:00:00Z"


def also(name: str, value: float, status: str, days_later: int = 0) -> Mark:
    """Beside the latest result another one, of a status, so many days later."""

    def mark(making: Making) -> None:
        result = making.latest(name)
        other = copy.deepcopy(result) | {"id": f"{result['id']}-other", "status": status}
        other["valueQuantity"]["value"] = value
        day = date.fromisoformat(result["effectiveDateTime"][:10]) + timedelta(days=days_later)
        other["effectiveDateTime"] = min(day, making.today).isoformat()
        making.resources.append(other)

    return mark


def cut_short(name: str) -> Mark:
    """The line of the latest result cut off before its value."""

    def mark(making: Making) -> None:
        result = making.latest(name)
        making.resources.remove(result)
        making.cut.append(("Observation", result))

    return mark


def problem_cut_short(making: Making) -> None:
    """A line of the problem list cut off after the patient: what it said is lost."""
    condition = {
        "resourceType": "Condition",
        "id": f"{making.patient['id']}-cut",
        "subject": {"reference": f"Patient/{making.patient['id']}"},
        "code": {"text": "Something that was not transmitted to its end"},
    }
    making.cut.append(("Condition", condition))


def born_in_the_year_of_eighteen(making: Making) -> None:
    """Only a year of birth, in which the eighteenth birthday may lie before or behind today."""
    today = making.today
    if (today.month, today.day) == (12, 31):
        making.patient.pop("birthDate")
    else:
        making.patient["birthDate"] = str(today.year - 18)


def eighteen_today(making: Making) -> None:
    """Born on the last day that makes eighteen full years today."""
    today = making.today
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    making.patient["birthDate"] = today.replace(year=today.year - 18, day=day).isoformat()


def dead_without_a_day(making: Making) -> None:
    """Known dead, the day not recorded."""
    making.patient["deceasedBoolean"] = True


def merged_record(making: Making) -> None:
    """The platelets stand in an earlier record of the patient, replaced by this one."""
    old = f"{making.patient['id']}-old"
    names = {"name": making.patient["name"], "gender": making.patient["gender"]}
    link = {"other": {"reference": f"Patient/{making.patient['id']}"}, "type": "replaced-by"}
    making.resources.append({"resourceType": "Patient", "id": old, "active": False, **names, "link": [link]})
    for result in making.results("platelets"):
        result["subject"] = {"reference": f"Patient/{old}"}


def karnofsky(score: int) -> Mark:
    """A Karnofsky score of last week in place of ECOG."""

    def mark(making: Making) -> None:
        entry = words().tables["karnofsky"]
        making.add(
            {
                "resourceType": "Observation",
                "id": f"{making.patient['id']}-karnofsky",
                "status": "final",
                "code": making.loinc(entry["loinc"], entry["text"]),
                "effectiveDateTime": (making.today - timedelta(days=7)).isoformat(),
                "valueInteger": score,
            }
        )

    return mark


def series_only(making: Making) -> None:
    """Studies as some generators write them: modality and body site in the series, no description, no code."""
    for study in making.of_type("ImagingStudy"):
        for element in ("modality", "description", "procedureCode"):
            study.pop(element, None)


def description_only(making: Making) -> None:
    """Studies that say what was scanned in free text alone."""
    for study in making.of_type("ImagingStudy"):
        if len(study["series"]) == 3:
            study["description"] = making.chance.choice(("CT CH/ABD/PEL W/ CONTRAST", "CT CAPW", "CT  C/A/P"))
            study.pop("procedureCode")
            study.pop("series")


def no_words_on_scans(making: Making) -> None:
    """Studies that say neither in words nor in codes what was scanned."""
    for study in making.of_type("ImagingStudy"):
        for element in ("description", "procedureCode", "series"):
            study.pop(element, None)


def marrow_report(making: Making) -> None:
    """The pathology report of the marrow biopsy, malignant, of the day after."""
    biopsy = next(p for p in making.of_type("Procedure") if p["code"]["text"] == "Bone marrow sampling")
    day = date.fromisoformat(biopsy["performedDateTime"]) + timedelta(days=1)
    report = words().tables["marrow-report"]
    making.add(
        {
            "resourceType": "DiagnosticReport",
            "id": f"{making.patient['id']}-marrow",
            "status": "final",
            "code": making.loinc(report["loinc"], report["text"]),
            "effectiveDateTime": day.isoformat(),
            "conclusionCode": [{"coding": [words().coding("snomed", report["malignant"])]}],
        }
    )


def urine_bilirubin(making: Making) -> None:
    """A positive bilirubin of the urine, which is none of the trial's tests."""
    entry = words().tables["urine-bilirubin"]
    observation: Json = {
        "resourceType": "Observation",
        "id": f"{making.patient['id']}-urine",
        "status": "final",
        "code": making.loinc(entry["loinc"], entry["text"]),
        "effectiveDateTime": making.today.isoformat(),
        "valueQuantity": {"value": 6, "unit": "mg/dL", "code": "mg/dL"},
    }
    making.add(observation)
