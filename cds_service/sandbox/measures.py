"""What was measured or judged of a synthetic patient: stage, performance, laboratory, lesions, response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.record import PROFILE, Chart, category


def observe(chart: Chart, name: str, days: int, code: Json, profile: str | None = None, **elements: object) -> Json:
    """A reference to the final Observation added, made on the given day."""
    elements.setdefault("status", "final")
    return chart.add(
        "Observation", name, profile, code=code, subject=chart.subject, effectiveDateTime=chart.day(days), **elements
    )


def stages(chart: Chart, stages: Iterable[Mapping[str, Any]]) -> None:
    """Adds the stage groups and M categories (mCODE)."""
    words = chart.words
    focus = [chart.primary] if chart.primary else None
    method = {"coding": [words.coding("snomed", "897275008", "AJCC Cancer Staging Manual, 8th edition")]}
    for number, stage in enumerate(stages, start=1):
        if "group" in stage:
            code = {"coding": [words.coding("loinc", "21908-9", "Stage group.clinical Cancer")]}
            value = words.concept("stages", stage["group"])
            profile = "tnm-stage-group"
            observe(
                chart,
                f"stage-{number}",
                stage["days"],
                code,
                profile,
                focus=focus,
                method=method,
                valueCodeableConcept=value,
            )
        if "m" in stage:
            code = {"coding": [words.coding("snomed", "399387003", "cM category")]}
            value = words.concept("m-categories", stage["m"])
            profile = "tnm-distant-metastases-category"
            observe(
                chart,
                f"m-{number}",
                stage["days"],
                code,
                profile,
                focus=focus,
                method=method,
                valueCodeableConcept=value,
            )


def ecog_scores(chart: Chart, scores: Iterable[Mapping[str, Any]]) -> None:
    """Adds the ECOG performance scores."""
    code = {"coding": [chart.words.coding("loinc", "89247-1", "ECOG Performance Status score")]}
    for number, entry in enumerate(scores, start=1):
        observe(chart, f"ecog-{number}", entry["days"], code, "ecog-performance-status", valueInteger=entry["score"])


def lab_panels(chart: Chart, panels: Iterable[Mapping[str, Any]]) -> None:
    """Results of one day each: the usual ones with `usual: true`, and whatever is named beside them."""
    for number, panel in enumerate(panels, start=1):
        values = (
            {n: e["usual"] for n, e in chart.words.tables["labs"].items() if "usual" in e} if panel.get("usual") else {}
        )
        values |= panel.get("values", {})
        for name, value in values.items():
            if value is not None:
                _lab(chart, f"lab-{number}-{name}", panel["days"], name, value)


def _lab(chart: Chart, identity: str, days: int, name: str, value: float | Mapping[str, Any]) -> None:
    """One result; `value` is a number, or a mapping with `value` and what is to be left out of it."""
    given: Mapping[str, Any] = value if isinstance(value, Mapping) else {"value": value}
    entry = chart.words.entry("labs", name)
    quantity: Json = {"value": given["value"]}
    if "unit" not in given.get("without", ()):
        quantity |= {"unit": entry["unit"], "system": chart.words.tables["systems"]["ucum"], "code": entry["unit"]}
    limits = [{bound: {"value": entry[bound], "unit": entry["unit"]} for bound in ("low", "high")}]
    observe(
        chart,
        identity,
        days,
        chart.words.loinc("labs", name),
        category=[category("observation-category", "laboratory")],
        valueQuantity=quantity,
        referenceRange=None if "range" in given.get("without", ()) else limits,
    )


def pregnancy_tests(chart: Chart, tests: Iterable[Mapping[str, Any]]) -> None:
    """Adds qualitative pregnancy tests."""
    entry = chart.words.tables["pregnancy-test"]
    code = {"coding": [chart.words.coding("loinc", entry["loinc"], entry["text"])], "text": entry["text"]}
    for number, test in enumerate(tests, start=1):
        value = {"coding": [chart.words.coding("snomed", entry[test["result"]])], "text": test["result"].capitalize()}
        laboratory = [category("observation-category", "laboratory")]
        observe(chart, f"pregnancy-test-{number}", test["days"], code, category=laboratory, valueCodeableConcept=value)


def tumor_size(chart: Chart, name: str, days: int, size: Iterable[float], tumor: Json) -> None:
    """Adds the size of one lesion on one scan, in mm: longest and other dimension (mCODE TumorSize)."""
    words = chart.words
    parts = zip(("33728-7", "33729-5"), ("Longest dimension", "Additional dimension"), size, strict=False)
    millimetres = {"unit": "mm", "system": words.tables["systems"]["ucum"], "code": "mm"}
    component = [
        {"code": {"coding": [words.coding("loinc", code, text)]}, "valueQuantity": {"value": value, **millimetres}}
        for code, text, value in parts
    ]
    code = {"coding": [words.coding("loinc", "21889-1", "Size Tumor")]}
    observe(chart, name, days, code, "tumor-size", focus=[tumor], component=component)


def disease_status(chart: Chart, name: str, status: Mapping[str, Any], focus: Json | None) -> None:
    """Adds how the disease, or the lesion in `focus`, went on imaging (mCODE CancerDiseaseStatus)."""
    words = chart.words
    evidence = {"coding": [words.coding("snomed", "363679005", "Imaging")]}
    observe(
        chart,
        name,
        status["days"],
        {"coding": [words.coding("loinc", "97509-4", "Cancer Disease Progression")]},
        "cancer-disease-status",
        extension=[{"url": PROFILE + "cancer-disease-status-evidence-type", "valueCodeableConcept": evidence}],
        focus=[focus] if focus else None,
        valueCodeableConcept=words.concept("statuses", status["value"]),
    )


def disease_statuses(chart: Chart, statuses: Iterable[Mapping[str, Any]]) -> None:
    """Adds what was said of the disease as a whole."""
    for number, status in enumerate(statuses, start=1):
        disease_status(chart, f"status-{number}", status, chart.primary)


def overall_responses(chart: Chart, responses: Iterable[Mapping[str, Any]]) -> None:
    """Adds the overall response by RECIST."""
    code = {"coding": [chart.words.coding("loinc", "88040-1", "Response to cancer treatment")]}
    for number, entry in enumerate(responses, start=1):
        value = chart.words.concept("responses", entry["value"], "loinc")
        observe(chart, f"response-{number}", entry["days"], code, valueCodeableConcept=value)
