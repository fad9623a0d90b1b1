"""`judge`: one criterion's rule on one patient's case, as of a day.

One module of `rules/` per part of the medicine; this one only says which rule goes where. A new kind
of rule that is not given a case here does not type-check.
"""

from __future__ import annotations

from typing import assert_never

from cds_service.domain import criteria as kinds
from cds_service.domain.case import Case
from cds_service.domain.dates import AsOf
from cds_service.domain.rules import (
    childbearing,
    conditions,
    disease,
    labs,
    lines,
    malignancies,
    marrow,
    opinions,
    person,
    progression,
    staging,
)
from cds_service.domain.verdicts import Finding


def judge(rule: kinds.Rule, case: Case, as_of: AsOf) -> Finding:  # noqa: C901, PLR0912  (one case per kind of rule)
    """What a rule finds in a case on a day; never raises on what a record may hold."""
    match rule:  # the kinds a trial has most of first
        case kinds.NoActiveCondition():
            return conditions.judge_no_condition(rule, case, as_of)
        case kinds.ClinicianJudges():
            return opinions.judge_opinion(rule, case, as_of)
        case kinds.LabLimit():
            return labs.judge_limit(rule, case, as_of)
        case kinds.LabTimesUpperLimit():
            return labs.judge_times_upper_limit(rule, case, as_of)
        case kinds.NotKnownDead():
            return person.judge_alive(case, as_of)
        case kinds.AgeAtLeast():
            return person.judge_age(rule, case, as_of)
        case kinds.PerformanceAtMost():
            return person.judge_performance(rule, case, as_of)
        case kinds.MetastaticDisease():
            return disease.judge_metastatic(case, as_of)
        case kinds.PrimaryCancerOf():
            return disease.judge_primary(rule, case, as_of)
        case kinds.NoOtherMalignancy():
            return malignancies.judge_other_malignancy(rule, case, as_of)
        case kinds.ProgressiveDisease():
            return progression.judge_progression(case, as_of)
        case kinds.LesionCountBetween():
            return progression.judge_lesion_count(rule, case, as_of)
        case kinds.BaselineImaging():
            return staging.judge_baseline(case, as_of)
        case kinds.PreBaselineImaging():
            return staging.judge_pre_baseline(case, as_of)
        case kinds.NotPregnant():
            return childbearing.judge_not_pregnant(rule, case, as_of)
        case kinds.BilirubinLimit():
            return labs.judge_bilirubin(rule, case, as_of)
        case kinds.NoMarrowInvolvement():
            return marrow.judge_no_marrow(rule, case, as_of)
        case kinds.PriorLinesAtMost():
            return lines.judge_prior_lines(rule, case, as_of)
        case _:
            assert_never(rule)
