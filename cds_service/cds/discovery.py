"""What the service tells an EHR about itself, and what it asks to be sent along.

Prefetch templates use root tokens only and hold no date: CDS Hooks 2.0.1 knows neither paths
in tokens nor `today()`, and clients cache discovery. Only `patient` is required; a key not
sent is fetched, and what cannot be fetched is unknown.

Source: CDS Hooks 2.0.1, sections "Discovery" and "Prefetch Template".
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.cds.wire import Discovery, Service
from cds_service.domain.facts import Kind
from cds_service.domain.trials import Trial
from cds_service.fhir.searches import Searches

SPECIFICATION = "2.0.1"
_PATIENT_TOKEN = "{{context.patientId}}"  # noqa: S105  (a template token, not a password)


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook the service listens to."""

    name: str
    when: str


PATIENT_VIEW = Hook("patient-view", "when the chart is opened")
ORDER_SELECT = Hook("order-select", "when new systemic therapy or a staging scan is chosen")
ORDER_SIGN = Hook("order-sign", "when new systemic therapy or a staging scan is about to be signed")
ENCOUNTER_START = Hook("encounter-start", "when a visit begins")
HOOKS = (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN, ENCOUNTER_START)
OF_ORDERS = frozenset({ORDER_SELECT.name, ORDER_SIGN.name})
"""The hooks at which only what is ordered can be a reason to speak."""


def service_id(trial: Trial, hook: Hook) -> str:
    """The id of a trial's service for a hook, also its path: "extend-op-patient-view"."""
    return f"{trial.id}-{hook.name}"


def discovery(trial: Trial, searches: Searches) -> Discovery:
    """The services of a trial, one for each hook."""
    return Discovery(tuple(_service(trial, hook, searches) for hook in HOOKS))


def _service(trial: Trial, hook: Hook, searches: Searches) -> Service:
    return Service(
        hook=hook.name,
        id=service_id(trial, hook),
        title=f"{trial.short_title}: does this patient fit?",
        description=(
            f"Says {hook.when} that the patient may fit the trial {trial.short_title} ({trial.registry_id}),"
            " why, until when, and what is missing. Silent otherwise."
        ),
        version=SPECIFICATION,
        prefetch=templates(searches),
    )


def templates(searches: Searches) -> dict[str, str]:
    """The prefetch template of each key; the keys are the kinds of record."""
    return {kind.value: searches.question(kind, _PATIENT_TOKEN) for kind in Kind}
