"""What can be ordered in the pretend EHR, as the draft orders it sends along."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cds_service.sandbox.pages.records import Json

FILE = Path(__file__).with_name("orders.yaml")


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the order list: what the user picks, and the draft resources it stands for."""

    id: str
    text: str
    drafts: tuple[Json, ...]


@cache
def choices() -> tuple[Choice, ...]:
    """Everything that can be ordered, in the order of the list."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return tuple(Choice(row["id"], row["text"], tuple(_drafts(row, document["systems"]))) for row in document["orders"])


def find_choice(identity: str) -> Choice | None:
    """The entry of an id."""
    return next((choice for choice in choices() if choice.id == identity), None)


def context_of(choice: Choice, patient: str) -> Json:
    """`selections` and `draftOrders` of an order that is being chosen or signed."""
    drafts = [draft | {"subject": {"reference": f"Patient/{patient}"}} for draft in choice.drafts]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft} for draft in drafts]}
    return {"selections": [f"{draft['resourceType']}/{draft['id']}" for draft in drafts], "draftOrders": bundle}


def _drafts(row: Mapping[str, Any], systems: Mapping[str, str]) -> Iterator[Json]:
    for name, code in row.get("drugs", {}).items():
        concept = {"coding": [{"system": systems["rxnorm"], "code": code, "display": name}], "text": name}
        yield _draft("MedicationRequest", f"draft-{name}", medicationCodeableConcept=concept)
    if "loinc" in row:
        concept = {"coding": [{"system": systems["loinc"], "code": row["loinc"]}], "text": row["text"]}
        yield _draft("ServiceRequest", f"draft-{row['id']}", code=concept)


def _draft(kind: str, identity: str, **parts: Json) -> Json:
    return {"resourceType": kind, "id": identity, "status": "draft", "intent": "order", **parts}
