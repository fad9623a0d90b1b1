"""Assessments for tests, verdict by verdict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from cds_service.domain.criteria import CriterionKind, Outcome
from cds_service.domain.facts import Evidence
from cds_service.domain.trials import status_of
from cds_service.domain.verdicts import Assessment, Basis, LesionSummary, Missing, Verdict

PASSING = ("alive", "age", "histology", "stage-iv", "progression")


def verdict(
    criterion: str,
    outcome: Outcome | str,
    reason: str = "As recorded",
    *,
    text: str = "",
    missing: tuple[Missing, ...] = (),
    basis: Basis = Basis.RECORDED,
    kind: CriterionKind = CriterionKind.INCLUSION,
) -> Verdict:
    """One verdict; `text` is the words of its one piece of evidence."""
    evidence = (Evidence("Observation/o", "2026-11-10", text),) if text else ()
    return Verdict(criterion, kind, Outcome(outcome), basis, reason, evidence, missing)


def assessment(
    outcomes: Mapping[str, str] | None = None,
    *,
    verdicts: tuple[Verdict, ...] = (),
    lesions: tuple[int, int] = (2, 2),
    closes: date | None = date(2026, 12, 8),
    **more: Any,
) -> Assessment:
    """An assessment in which what the trial turns on passes; `outcomes` adds to that or changes it."""
    said = {verdict.id for verdict in verdicts}
    listed = dict.fromkeys(PASSING, "pass") | dict(outcomes or {})
    judged = (*(verdict(name, outcome) for name, outcome in listed.items() if name not in said), *verdicts)
    return Assessment(
        trial="extend-op",
        trial_version="2025-11-21",
        patient="Patient/p",
        as_of=date(2026, 11, 22),
        status=status_of(judged),
        verdicts=judged,
        lesions=LesionSummary(*lesions, lesions[1]),
        closes=closes,
        **more,
    )
