"""A stored assessment read back, so that a page and a terminal show it as on the day it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.facts import DataQuality, Evidence, Side
from cds_service.domain.verdicts import (
    Assessment,
    Basis,
    CountedLine,
    JudgedLesion,
    LesionState,
    LesionSummary,
    Missing,
    ScanSet,
    Status,
    TherapySummary,
    Verdict,
)

Json = Mapping[str, Any]


def read_stored(document: bytes) -> Assessment:
    """The assessment of a JSON document of the published schema, as `as_json` wrote it.

    What the document does not hold stays empty: the words of a lesion's evidence, and
    whether its node is regional.
    """
    plain: Json = json.loads(document)
    window, imaging = plain["window"], plain["imaging"]
    return Assessment(
        trial=plain["trial"],
        trial_version=plain["trial_version"],
        patient=plain["patient"],
        as_of=date.fromisoformat(plain["as_of"]),
        status=Status(plain["status"]),
        verdicts=tuple(_verdict(item) for item in plain["criteria"]),
        lesions=_lesions(plain["lesions"]),
        baseline=_scans(imaging.get("baseline")),
        pre_baseline=_scans(imaging.get("pre_baseline")),
        therapy=_therapy(plain.get("therapy")),
        closes=_day(window.get("closes")),
        next_change=_day(plain["next_change"]),
        data_quality=tuple(DataQuality(item["reference"], item["problem"]) for item in plain["data_quality"]),
        mappings_digest=plain["mappings_digest"],
        engine_version=plain["engine_version"],
    )


def _verdict(plain: Json) -> Verdict:
    return Verdict(
        id=plain["id"],
        kind=CriterionKind(plain["kind"]),
        outcome=Outcome(plain["verdict"]),
        basis=Basis(plain["basis"]),
        reason=plain["reason"],
        evidence=tuple(Evidence(item["reference"], item.get("date"), item["text"]) for item in plain["evidence"]),
        missing=tuple(_missing(item) for item in plain["missing"]),
        valid_until=_day(plain.get("valid_until")),
    )


def _missing(plain: Json) -> Missing:
    return Missing(plain["what"], plain["how"], _day(plain.get("from")), _day(plain.get("until")))


def _lesions(plain: Json) -> LesionSummary:
    items = tuple(_lesion(item) for item in plain["items"])
    return LesionSummary(plain["count_min"], plain["count_max"], plain["sensitivity_count"], items)


def _lesion(plain: Json) -> JudgedLesion:
    return JudgedLesion(
        key=plain["key"],
        state=LesionState(plain["state"]),
        why=plain["why"],
        explanation=plain.get("explanation", ""),
        site=plain["site"],
        chain=plain["chain"],
        side=Side(plain["side"]) if plain["side"] else None,
        pre_baseline_mm=_size(plain["pre_baseline_mm"]),
        baseline_mm=_size(plain["baseline_mm"]),
        evidence=tuple(Evidence(reference, None, "") for reference in plain["evidence"]),
        counts=plain.get("counts", True),
    )


def _scans(plain: Json | None) -> ScanSet | None:
    return None if plain is None else ScanSet(date.fromisoformat(plain["date"]), tuple(plain["references"]))


def _therapy(plain: Json | None) -> TherapySummary | None:
    if plain is None:
        return None
    lines = (
        CountedLine(item["number"], item.get("start"), item.get("end"), tuple(item["agents"]))
        for item in plain["lines"]
    )
    return TherapySummary(plain["lines_min"], plain["lines_max"], tuple(lines))


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _size(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:g}")
