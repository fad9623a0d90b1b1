"""A trial written in Python that holds every kind of rule, for tests of the domain alone."""

from __future__ import annotations

from decimal import Decimal

from build import disease_rules

from cds_service.domain import criteria as kinds
from cds_service.domain.criteria import Criterion, CriterionKind, Exhibit, Outcome
from cds_service.domain.trials import Trial

TYPES = frozenset({"CRC", "PROSTATE", "BREAST"})

_INCLUSION: dict[str, kinds.Rule] = {
    "alive": kinds.NotKnownDead(),
    "age": kinds.AgeAtLeast(18),
    "stage-iv": kinds.MetastaticDisease(),
    "histology": kinds.PrimaryCancerOf(TYPES),
    "ecog": kinds.PerformanceAtMost(2, 90, 70, 40),
    "progression": kinds.ProgressiveDisease(),
    "lesion-count": kinds.LesionCountBetween(1, 5),
    "baseline-imaging": kinds.BaselineImaging(),
    "pre-baseline-imaging": kinds.PreBaselineImaging(),
    "lct-candidate": kinds.ClinicianJudges("Treatable?", (Exhibit.PROGRESSIVE_LESIONS, Exhibit.LOCAL_THERAPY)),
    "pregnancy": kinds.NotPregnant(28, 12, 50, 55),
    "anc": kinds.LabLimit("anc", 28, at_least=Decimal(500)),
    "platelets": kinds.LabLimit("platelets", 28, at_least=Decimal(25000)),
    "bilirubin": kinds.BilirubinLimit(
        "bilirubin-total", "bilirubin-direct", 28, Decimal("1.5"), "gilbert", Decimal("3.0"), 1
    ),
    "ast": kinds.LabTimesUpperLimit("ast", 28, Decimal(3), Decimal(5), "liver"),
}
_EXCLUSION: dict[str, kinds.Rule] = {
    "effusion": kinds.NoActiveCondition(
        "effusion", {"exclude_unless_too_small": Outcome.FAIL, "review": Outcome.REVIEW}
    ),
    "marrow-involvement": kinds.NoMarrowInvolvement("marrow-involvement", 3),
    "prior-lines": kinds.PriorLinesAtMost(4),
    "other-malignancy": kinds.NoOtherMalignancy(TYPES, 5),
}


def trial() -> Trial:
    """The trial, with the disease rules of EXTEND-OP but for nodes."""
    return Trial(
        id="made-up",
        version="1",
        title="A made-up trial",
        short_title="MADE-UP",
        registry_id="NCT00000000",
        registry_url="https://example.org",
        criteria=(
            *(_criterion(name, CriterionKind.INCLUSION, rule) for name, rule in _INCLUSION.items()),
            *(_criterion(name, CriterionKind.EXCLUSION, rule) for name, rule in _EXCLUSION.items()),
        ),
        rules=disease_rules(),
        types=TYPES,
        digest="sha256:0",
    )


def _criterion(name: str, kind: CriterionKind, rule: kinds.Rule) -> Criterion:
    return Criterion(name, kind, name.capitalize(), name, "eligibility", rule)
