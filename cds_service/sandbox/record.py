"""A synthetic patient's record while it is put together, and the FHIR datatypes all its parts use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from cds_service.sandbox.codebook import Codebook, Json

PROFILE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


@dataclass
class Chart:
    """A patient's resources while they are put together."""

    words: Codebook
    today: date
    patient: str
    resources: list[Json] = field(default_factory=list)
    primary: Json | None = None

    def day(self, days: int) -> str:
        """The date that lies `days` from the day of loading."""
        return (self.today + timedelta(days=days)).isoformat()

    def add(self, kind: str, identity: str, profile: str | None = None, **elements: object) -> Json:
        """A reference to the resource added; its id is the patient's with `identity` behind it.

        Elements given as None are left out.
        """
        resource: Json = {"resourceType": kind, "id": f"{self.patient}-{identity}"}
        if profile:
            resource["meta"] = {"profile": [PROFILE + profile]}
        resource |= {key: value for key, value in elements.items() if value is not None}
        self.resources.append(resource)
        return {"reference": f"{kind}/{resource['id']}"}

    @property
    def subject(self) -> Json:
        """A reference to the patient."""
        return {"reference": f"Patient/{self.patient}"}


def category(system: str, code: str) -> Json:
    """A category of the HL7 terminology."""
    return {"coding": [{"system": TERMINOLOGY + system, "code": code}]}


def site_concept(words: Codebook, site: str, side: str | None) -> Json:
    """A body site with its side as the mCODE extension."""
    concept = words.concept("sites", site)
    if side:
        url = PROFILE + "laterality-qualifier"
        concept["extension"] = [{"url": url, "valueCodeableConcept": words.concept("sides", side)}]
    return concept


def condition_status(condition: Mapping[str, Any]) -> Json:
    """The clinical and verification status of a Condition, active and confirmed unless it says otherwise."""
    return {
        "clinicalStatus": category("condition-clinical", condition.get("clinical", "active")),
        "verificationStatus": category("condition-ver-status", condition.get("verification", "confirmed")),
    }
