"""An Observation's own value and those of its components, as one list of results."""

from __future__ import annotations

from typing import NamedTuple

from cds_service.fhir.resources import CodeableConcept, Observation, ObservationComponent


class Result(NamedTuple):
    """One coded value: of the observation itself, or of one of its components.

    `of` carries the value elements (value_quantity, ..., reference_range, interpretation,
    data_absent_reason); status, dates, specimen and method are the parent's.
    """

    code: CodeableConcept
    of: Observation | ObservationComponent
    parent: Observation

    @property
    def is_component(self) -> bool:
        """Whether it is a component of a panel."""
        return isinstance(self.of, ObservationComponent)


def results_of(observation: Observation) -> list[Result]:
    """The observation itself and each of its components that has a code, in that order."""
    own = observation.code
    found = [Result(own, observation, observation)] if own is not None else []
    if observation.component:
        found += [Result(part.code, part, observation) for part in observation.component if part.code is not None]
    return found
