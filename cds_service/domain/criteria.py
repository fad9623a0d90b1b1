"""The closed set of criterion kinds, and the rules of the disease a trial lays down.

A trial is a list of `Criterion`; each carries one `Rule` of this set with its parameters.
Rules name concepts, groups and uses of `mappings/`, never codes. Adding a trial needs only
a file as long as its criteria are of these kinds; adding a kind means: a dataclass here, a
case in `judging.judge`, a reader in `catalog/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cds_service.domain.making import Term


class CriterionKind(Term):
    """Which way a criterion stands."""

    INCLUSION = "inclusion"
    EXCLUSION = "exclusion"


class Outcome(Term):
    """The verdict: pass does not stand in the way of enrolment, fail does."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    UNKNOWN = "unknown"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class NotKnownDead:
    """`alive`: fails when the record says the patient has died."""


@dataclass(frozen=True, slots=True)
class AgeAtLeast:
    """Full years of age on the day of assessment."""

    years: int


@dataclass(frozen=True, slots=True)
class MetastaticDisease:
    """Current stage IV, with tissue confirmation or a confirmed primary (CRITERIA `stage-iv`)."""


@dataclass(frozen=True, slots=True)
class PrimaryCancerOf:
    """An active primary cancer of one of these types (groups of the concept "cancer-type")."""

    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class PerformanceAtMost:
    """ECOG at most `ecog`, from a score at most `within_days` old; Karnofsky stands in."""

    ecog: int
    within_days: int
    karnofsky_passes_from: int
    karnofsky_fails_to: int


@dataclass(frozen=True, slots=True)
class ProgressiveDisease:
    """At least one progressive lesion between the latest comparable scans, or said so."""


@dataclass(frozen=True, slots=True)
class LesionCountBetween:
    """The number of progressive lesions, nodes counted by chain and side."""

    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class BaselineImaging:
    """A full staging set within the trial's window (`StagingRules`)."""


@dataclass(frozen=True, slots=True)
class PreBaselineImaging:
    """A comparable set within the trial's window before the baseline set (`StagingRules`)."""


class Exhibit(Term):
    """What a clinician's judgement is given to look at."""

    PROGRESSIVE_LESIONS = "progressive-lesions"
    LOCAL_THERAPY = "local-therapy"
    PROBLEM_LIST = "problem-list"
    CONTRACEPTION = "contraception"


@dataclass(frozen=True, slots=True)
class ClinicianJudges:
    """Never computed: `question` for the clinician, with evidence to look at.

    `moot_when_sterile` lets a recorded sterility answer it (contraception).
    """

    question: str
    exhibits: tuple[Exhibit, ...] = ()
    moot_when_sterile: bool = False


@dataclass(frozen=True, slots=True)
class NotPregnant:
    """Not pregnant, not breastfeeding, or not of childbearing potential (ruling 13)."""

    test_within_days: int
    breastfeeding_within_months: int
    menopause_from_years: int
    confirm_menopause_from_years: int


@dataclass(frozen=True, slots=True)
class LabLimit:
    """The latest result of an analyte within the window keeps the limits, bounds inclusive.

    `derived_from` are (whole, percent) analytes of one collection whose product stands in.
    """

    analyte: str
    within_days: int
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    derived_from: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class BilirubinLimit:
    """Total at most a limit; or below another with Gilbert; or direct within its own range."""

    total: str
    direct: str
    within_days: int
    at_most: Decimal
    gilbert_concept: str
    gilbert_below: Decimal
    direct_within_days: int


@dataclass(frozen=True, slots=True)
class LabTimesUpperLimit:
    """At most so many times the result's own upper limit; more with metastasis in an organ."""

    analyte: str
    within_days: int
    times: Decimal
    times_with_metastasis: Decimal | None = None
    metastasis_organ: str | None = None


@dataclass(frozen=True, slots=True)
class NoActiveCondition:
    """No active condition of a concept; `outcomes` maps the row's use to the verdict.

    A trial's file must give every use of the concept an outcome; `pass` makes it information.
    A meaning found by text only (an unlisted code whose words match the concept's patterns) is
    never more than a review. `likely` maps a use to the doubt or likelihood to write into the
    reason. `doubt_words` make a definite use a review where the condition's words or site
    hold one of them ("dural").
    """

    concept: str
    outcomes: Mapping[str, Outcome]
    likely: Mapping[str, str] = field(default_factory=dict)
    doubt_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoMarrowInvolvement:
    """No positive marrow biopsy away from a known bone metastasis (ruling 15)."""

    concept: str
    report_within_days: int


@dataclass(frozen=True, slots=True)
class PriorLinesAtMost:
    """At most so many earlier lines of systemic therapy for metastatic disease."""

    lines: int


@dataclass(frozen=True, slots=True)
class NoOtherMalignancy:
    """No other active primary; `free_years` without activity end the concern."""

    types: frozenset[str]
    free_years: int


Rule = (
    NotKnownDead
    | AgeAtLeast
    | MetastaticDisease
    | PrimaryCancerOf
    | PerformanceAtMost
    | ProgressiveDisease
    | LesionCountBetween
    | BaselineImaging
    | PreBaselineImaging
    | ClinicianJudges
    | NotPregnant
    | LabLimit
    | BilirubinLimit
    | LabTimesUpperLimit
    | NoActiveCondition
    | NoMarrowInvolvement
    | PriorLinesAtMost
    | NoOtherMalignancy
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a trial: its id, which way it stands, its words, its source, its rule."""

    id: str
    kind: CriterionKind
    title: str
    paraphrase: str
    record: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class LesionRules:
    """RECIST 1.1 applied to one lesion between two scans (RECIST.md section 3), millimetres.

    `measured_within_days` of a scan, a size is that scan's.
    """

    grows_by_ratio: Decimal
    grows_by_mm: Decimal
    measurable_mm: Decimal
    measurable_node_mm: Decimal
    normal_node_below_mm: Decimal
    measured_within_days: int


@dataclass(frozen=True, slots=True)
class StagingRules:
    """How scans make a staging set, and the windows of the two sets (CRITERIA, "Baseline set").

    Studies within `set_within_days` of each other are one staging. The baseline set lies at
    most `baseline_within_days` back, the earlier set `pre_baseline_from_days` to
    `pre_baseline_to_days` before it, best `paired_best_days`; all bounds inclusive.
    """

    set_within_days: int
    baseline_within_days: int
    pre_baseline_from_days: int
    pre_baseline_to_days: int
    paired_best_days: int


class NodeCategory(Term):
    """Whether a chain is regional (N) or distant (M1) for a primary."""

    REGIONAL = "N"
    DISTANT = "M1"
    SPLIT = "split"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NodalRow:
    """Regional or distant, for one primary and chain.

    Of a split chain: `regional_side` "ipsilateral" makes the primary's own side regional;
    `regional_words`/`distant_words` decide by the words of the site. `proposal` marks rows
    that are general AJCC 8 knowledge, shown as such. `unless_codes` are primary codes
    (upper tract) for which the row does not hold.
    """

    category: NodeCategory
    regional_side: str | None = None
    regional_words: tuple[str, ...] = ()
    distant_words: tuple[str, ...] = ()
    proposal: bool = False
    not_for_groups: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class NodalRules:
    """Chains and how they count.

    `midline` chains count once whatever the side. `rows` by (primary, chain); `other` by
    primary for every chain not named.
    """

    midline: frozenset[str]
    rows: Mapping[tuple[str, str], NodalRow]
    other: Mapping[str, NodalRow]
    titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TherapyRules:
    """How drugs make lines of therapy (tables/08d), days.

    `adjuvant_within_days`: treatment that ended so long before the metastasis, or less, may count.
    `doubtful_agents` are also given for other reasons (methotrexate, megestrol): a line of
    one of them alone is only possible.
    """

    lookback_days: int
    regimen_days: int
    gap_days: int
    history_within_days: int
    adjuvant_within_days: int
    substitutions: tuple[frozenset[str], ...] = ()
    endocrine_class: str = "hormone"
    background_agents: frozenset[str] = frozenset()
    background_for: frozenset[str] = frozenset()
    intolerance_groups: frozenset[str] = frozenset()
    doubtful_agents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DiseaseRules:
    """What the trial's criteria share: lesions, scans, nodes, lines. Every threshold comes from its file."""

    lesions: LesionRules
    staging: StagingRules
    therapy: TherapyRules
    nodes: NodalRules = field(default_factory=lambda: NodalRules(frozenset(), {}, {}))
