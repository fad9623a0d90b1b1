"""A patient built for an outcome, while the record is put together, and the closed form of a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population.words import words


@dataclass
class Making:
    """The resources of one patient as they are laid out, and lines that were cut short."""

    resources: list[Json]
    today: date
    chance: Random
    cut: list[tuple[str, Json]] = field(default_factory=list)

    @property
    def patient(self) -> Json:
        """The Patient."""
        return self.resources[0]

    def results(self, name: str) -> Iterator[Json]:
        """The results of a test, by the codebook's name, the latest panel first."""
        end = f"-{name}"
        for resource in self.resources:
            identity = resource["id"].partition("-lab-")[2]
            if identity and identity.partition("-")[2] == name:
                assert resource["id"].endswith(end)  # noqa: S101  ids are made by building.py
                yield resource

    def latest(self, name: str) -> Json:
        """The latest result of a test."""
        return next(self.results(name))

    def of_type(self, kind: str) -> list[Json]:
        """All resources of a type."""
        return [resource for resource in self.resources if resource["resourceType"] == kind]

    def add(self, resource: Json) -> None:
        """Add a resource of the patient; its subject is filled in."""
        self.resources.append(resource | {"subject": {"reference": f"Patient/{self.patient['id']}"}})

    def loinc(self, code: str, text: str) -> Json:
        """A concept of one LOINC code."""
        return {"coding": [words().coding("loinc", code, text)], "text": text}


Edit = Callable[[Json, Random], None]
"""A change of the patient's file, before it becomes FHIR."""

Mark = Callable[[Making], None]
"""A change of the resources, after that."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What a patient is built for: the status, the criteria that decide it, and how the file becomes so.

    `bases` are the hand-made patients it starts from. `deciding` are all criteria that fail (or stay
    unknown) where `only`, else some of them. `plain`: laboratory values keep the units of the file.
    """

    name: str
    status: str
    deciding: tuple[str, ...]
    built_for: str
    bases: tuple[str, ...]
    edit: Edit | None = None
    mark: Mark | None = None
    only: bool = True
    plain: bool = False
