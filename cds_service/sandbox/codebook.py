"""The words of the patient files turned into FHIR codes (patients/codebook.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATIENTS = Path(__file__).parent / "patients"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Codebook:
    """What each word stands for; `tables` holds them by section, as the file has them."""

    tables: Mapping[str, Any]

    def entry(self, section: str, word: str) -> Json:
        """What a word of one section stands for; KeyError names both when it is unknown."""
        try:
            return dict(self.tables[section][word])
        except KeyError:
            raise KeyError(f"{word!r} is not in the section {section!r} of codebook.yaml") from None

    def coding(self, system: str, code: str, display: str | None = None) -> Json:
        """A Coding of a system named in the codebook."""
        coding = {"system": self.tables["systems"][system], "code": code}
        return coding | {"display": display} if display else coding

    def concept(self, section: str, word: str, system: str = "snomed") -> Json:
        """A CodeableConcept of one coding, from an entry that holds `code` and `display`."""
        entry = self.entry(section, word)
        display = entry.get("display", entry.get("text"))
        return {"coding": [self.coding(system, entry["code"], display)], "text": display}

    def diagnosis(self, section: str, word: str) -> Json:
        """A CodeableConcept with the SNOMED CT and ICD-10-CM codes an entry holds, and its text."""
        entry = self.entry(section, word)
        codings = [
            self.coding(system, entry[system], entry["text"]) for system in ("snomed", "icd10") if system in entry
        ]
        return {"coding": codings, "text": entry["text"]}

    def loinc(self, section: str, word: str) -> Json:
        """A CodeableConcept with the LOINC code of an entry, or its text alone where it has none."""
        entry = self.entry(section, word)
        if "loinc" not in entry:
            return {"text": entry["text"]}
        return {"coding": [self.coding("loinc", entry["loinc"], entry["text"])], "text": entry["text"]}


@cache
def codebook() -> Codebook:
    """The codebook that comes with the package."""
    return Codebook(yaml.safe_load((PATIENTS / "codebook.yaml").read_text(encoding="utf-8")))
