"""An assessment as the plain data of the published schema (`assessment.schema.json`)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from cds_service.domain.facts import Evidence
from cds_service.domain.verdicts import (
    Assessment,
    CountedLine,
    JudgedLesion,
    Missing,
    ScanSet,
    TherapySummary,
    Verdict,
)

Json = dict[str, object]

_NO_SITE = "not stated"


def as_json(assessment: Assessment) -> Json:
    """The assessment as JSON values (dict, list, str, float, None); optional keys left out."""
    plain: Json = {
        "trial": assessment.trial,
        "trial_version": assessment.trial_version,
        "mappings_digest": assessment.mappings_digest,
        "engine_version": assessment.engine_version,
        "patient": assessment.patient,
        "as_of": assessment.as_of.isoformat(),
        "status": assessment.status.value,
        "criteria": [_verdict(verdict) for verdict in assessment.verdicts],
        "lesions": _lesions(assessment),
        "imaging": _imaging(assessment),
        "window": _window(assessment),
        "next_change": _day(assessment.next_change),
        "data_quality": [{"reference": note.reference, "problem": note.problem} for note in assessment.data_quality],
    }
    if assessment.therapy is not None:
        plain["therapy"] = _therapy(assessment.therapy)
    return plain


def _verdict(verdict: Verdict) -> Json:
    plain: Json = {
        "id": verdict.id,
        "kind": verdict.kind.value,
        "verdict": verdict.outcome.value,
        "basis": verdict.basis.value,
        "reason": verdict.reason,
        "evidence": [_evidence(item) for item in verdict.evidence],
        "missing": [_missing(item) for item in verdict.missing],
    }
    if verdict.valid_until is not None:
        plain["valid_until"] = verdict.valid_until.isoformat()
    return plain


def _evidence(evidence: Evidence) -> Json:
    plain: Json = {"reference": evidence.reference, "text": evidence.text}
    if evidence.date is not None:
        plain["date"] = evidence.date
    return plain


def _missing(missing: Missing) -> Json:
    plain: Json = {"what": missing.what, "how": missing.how}
    if missing.opens is not None:
        plain["from"] = missing.opens.isoformat()
    if missing.closes is not None:
        plain["until"] = missing.closes.isoformat()
    return plain


def _lesions(assessment: Assessment) -> Json:
    summary = assessment.lesions
    return {
        "count_min": summary.count_min,
        "count_max": summary.count_max,
        "sensitivity_count": summary.sensitivity_count,
        "items": [_lesion(item) for item in summary.items],
    }


def _lesion(lesion: JudgedLesion) -> Json:
    return {
        "key": lesion.key,
        "site": lesion.site or _NO_SITE,
        "chain": lesion.chain,
        "side": lesion.side.value if lesion.side else None,
        "state": lesion.state.value,
        "why": lesion.why,
        "explanation": lesion.explanation,
        "counts": lesion.counts,
        "pre_baseline_mm": _number(lesion.pre_baseline_mm),
        "baseline_mm": _number(lesion.baseline_mm),
        "evidence": list(dict.fromkeys(item.reference for item in lesion.evidence)),
    }


def _imaging(assessment: Assessment) -> Json:
    sets = {"baseline": assessment.baseline, "pre_baseline": assessment.pre_baseline}
    return {name: _scan_set(found) for name, found in sets.items() if found is not None}


def _scan_set(found: ScanSet) -> Json:
    return {"date": found.day.isoformat(), "references": list(found.references)}


def _therapy(therapy: TherapySummary) -> Json:
    return {
        "lines_min": therapy.lines_min,
        "lines_max": therapy.lines_max,
        "lines": [_line(line) for line in therapy.lines],
    }


def _line(line: CountedLine) -> Json:
    plain: Json = {"number": line.number, "agents": list(line.agents)}
    if line.start is not None:
        plain["start"] = line.start
    if line.end is not None:
        plain["end"] = line.end
    return plain


def _window(assessment: Assessment) -> Json:
    plain: Json = {"opens": assessment.as_of.isoformat()}
    if assessment.closes is not None:
        plain["closes"] = assessment.closes.isoformat()
    return plain


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
