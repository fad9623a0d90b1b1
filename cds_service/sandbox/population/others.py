"""Patients with a cancer, but none of the seven in its metastatic stage: the greater part of an oncology department."""

from __future__ import annotations

from functools import cache

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population.bases import ELSEWHERE, OTHER_TYPES
from cds_service.sandbox.population.making import Reason
from cds_service.sandbox.population.reasons import as_built
from cds_service.sandbox.population.undecided import RESTAGED_LATE
from cds_service.sandbox.population.unfit import METASTATIC_OF_ANOTHER_TYPE

SEVEN = (
    "sigmoid-colon",
    "rectum",
    "kidney-left",
    "breast-right",
    "pancreas-head",
    "bladder",
    "prostate",
    "oesophagus",
)
HISTORIES = ("history-of-colon", "history-of-breast", "history-of-prostate", "history-of-bladder")


def _document(**sections: object) -> Json:
    return {"name": ["Various", "Otherwise"], "sex": "male", "born": {"years": 60, "days": 10}, **sections}


@cache
def sketches() -> dict[str, Json]:
    """Short files of patients nobody stages again: a cancer, or the memory of one."""
    found = {
        f"early-{kind}": _document(
            cancer={"type": kind, "days": -700, "confirmed_by": "histology"},
            stage=[{"group": "II", "m": "cM0", "days": -690}],
        )
        for kind in SEVEN
    }
    found |= {f"elsewhere-{kind}": _document(cancer={"type": kind, "days": -500}) for kind in OTHER_TYPES}
    found |= {kind: _document(conditions=[{"problem": kind, "days": -2500}]) for kind in HISTORIES}
    found["skin-alone"] = _document(cancer={"type": "skin-basal-cell", "days": -300})
    return found


@cache
def reasons() -> tuple[Reason, ...]:
    """What they are built for; none of them may be a candidate."""
    early = Reason(
        "early-stage",
        "possible",
        ("stage-iv",),
        "stage II at diagnosis, nothing since",
        tuple(f"early-{kind}" for kind in SEVEN),
        only=False,
    )
    elsewhere = Reason(
        "cancer-of-another-type",
        "ineligible",
        ("histology",),
        "a cancer of none of the seven types",
        tuple(f"elsewhere-{kind}" for kind in OTHER_TYPES),
    )
    history = Reason(
        "history-alone", "possible", ("histology",), "only the history of a cancer is recorded", HISTORIES, only=False
    )
    skin = Reason("skin-cancer-alone", "ineligible", ("histology",), "a basal cell carcinoma alone", ("skin-alone",))
    own = tuple(reason for reason in as_built() if reason.bases[0] in ELSEWHERE)
    return (early, elsewhere, METASTATIC_OF_ANOTHER_TYPE, history, early, elsewhere, skin, RESTAGED_LATE, *own)
