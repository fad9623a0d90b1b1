"""The audit trail as FHIR: who asked about which patient, and what came of it.

Source: FHIR R4 AuditEvent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from fhir.resources.R4B.bundle import Bundle

from cds_service.screening.entries import Asked, AuditEntry

Json = dict[str, Any]
_TYPE = {
    "system": "http://terminology.hl7.org/CodeSystem/audit-event-type",
    "code": "rest",
    "display": "RESTful Operation",
}
_ROLE = {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1", "display": "Patient"}
_HOOKS = "https://cds-hooks.hl7.org/hooks"
_OUTCOMES = {Asked.CARD: "0", Asked.SILENT: "0", Asked.REFUSED: "4", Asked.FAILED: "8"}
_WORDS = {
    Asked.CARD: "A card was shown",
    Asked.SILENT: "No card was shown",
    Asked.REFUSED: "The call was refused",
    Asked.FAILED: "The call failed",
}


def audit_bundle(entries: Sequence[AuditEntry]) -> bytes:
    """The entries as a searchset of AuditEvents, validated, as JSON."""
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    if entries:
        bundle["entry"] = [{"resource": audit_event(entry), "search": {"mode": "match"}} for entry in entries]
    return Bundle.model_validate(bundle).model_dump_json().encode()


def audit_event(entry: AuditEntry) -> Json:
    """One entry as an AuditEvent in FHIR JSON."""
    reason = f": {entry.reason}" if entry.reason else ""
    return {
        "resourceType": "AuditEvent",
        "type": _TYPE,
        "subtype": [{"system": _HOOKS, "code": entry.hook}],
        "action": "E",
        "recorded": entry.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "outcome": _OUTCOMES[entry.asked],
        "outcomeDesc": f"{_WORDS[entry.asked]}{reason}",
        "agent": _agents(entry),
        "source": {"observer": {"display": entry.service}},
        "entity": _entities(entry),
    }


def _readable(text: str) -> str:
    """What a caller sent, as FHIR takes a string: one line that can be printed, never empty."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return " ".join(kept.split()) or "not readable"


def _agents(entry: AuditEntry) -> list[Json]:
    user: Json = {"requestor": True}
    if "/" in entry.user:
        user["who"] = {"reference": _readable(entry.user)}
    else:
        user["name"] = _readable(entry.user) if entry.user else "not known"
    system = " ".join(part for part in (entry.issuer, entry.tenant) if part)
    return [user, {"requestor": False, "name": _readable(system)}] if system else [user]


def _entities(entry: AuditEntry) -> list[Json]:
    found: list[Json] = []
    if entry.patient.id:
        reference = "/".join(part for part in (entry.patient.base, "Patient", entry.patient.id) if part)
        found.append({"what": {"reference": _readable(reference)}, "role": _ROLE})
    details = {"hookInstance": entry.hook_instance, "trial": entry.trial, "card": entry.card}
    shown = [{"type": name, "valueString": _readable(value)} for name, value in details.items() if value]
    return [*found, {"name": "CDS Hooks call", **({"detail": shown} if shown else {})}]
