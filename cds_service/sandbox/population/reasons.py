"""The closed list of what patients are built for."""

from __future__ import annotations

from functools import cache

from cds_service.sandbox.population.bases import ELSEWHERE
from cds_service.sandbox.population.fitting import CANDIDATES
from cds_service.sandbox.population.making import Reason
from cds_service.sandbox.population.undecided import POSSIBLES
from cds_service.sandbox.population.unfit import INELIGIBLES
from cds_service.sandbox.roster import SyntheticPatient, synthetic_patients


@cache
def as_built() -> tuple[Reason, ...]:
    """Every hand-made patient as it is, with what its own file expects."""
    return tuple(_as_built(patient) for patient in synthetic_patients())


def _as_built(patient: SyntheticPatient) -> Reason:
    expected = patient.expected
    return Reason(
        f"as-{patient.id}",
        expected.status,
        expected.deciding,
        patient.built_for,
        (patient.id,),
        plain=expected.status != "candidate",
    )


@cache
def metastatic() -> tuple[Reason, ...]:
    """What patients with one of the seven cancers in its metastatic stage are built for; candidates are the fewer."""
    own = tuple(reason for reason in as_built() if reason.bases[0] not in ELSEWHERE)
    often = (*POSSIBLES, *INELIGIBLES, *(reason for reason in own if reason.status != "candidate"))
    return (*own, *CANDIDATES, *POSSIBLES, *INELIGIBLES, *often)
