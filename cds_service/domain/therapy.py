"""Lines of systemic therapy for metastatic disease, as few and as many as the record allows.

Two counts are made. The fewest rests on drugs certainly given, without endocrine therapy
alone; the most adds what is only ordered or planned, endocrine lines, uncertain and missing dates, and
treatment before the metastasis that some trials count. Where an explicit line number is
recorded it comes first.

A regimen is every drug begun within 28 days of its first; a new drug later opens a new
line; so does a restart after more than 120 days without any. Dropping a drug does not, nor
swapping one for its like, unless the disease progressed in between.

Source: CRITERIA ruling 16; PMC8548977 table 5; Saini & Twelves 2021 (PMC8292475).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.courses import Course, Treatment, courses_of
from cds_service.domain.criteria import TherapyRules
from cds_service.domain.dates import PartialDate, days_after
from cds_service.domain.facts import (
    Evidence,
    Intent,
    Medication,
    MedicationSource,
    PatientFacts,
    Regimen,
    Response,
    TherapyLine,
)
from cds_service.domain.making import quick_to_make
from cds_service.domain.procedural_therapy import read_procedural_therapy
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import CountedLine, TherapySummary


@quick_to_make
@dataclass(frozen=True, slots=True)
class TherapyHistory:
    """The lines counted, None where the record gives no ground to count from.

    `covers` whether the record covers the time since metastasis; `index` the first day of
    metastatic disease; `doubts` what keeps fewest and most apart, in words; `explicit`
    whether recorded line numbers decide; `ongoing` whether the last line still runs; `unnamed`
    the procedures that were systemic therapy of a drug no record names.
    """

    summary: TherapySummary | None = None
    covers: Truth = Truth.UNKNOWN
    index: PartialDate | None = None
    doubts: tuple[str, ...] = ()
    explicit: bool = False
    ongoing: bool = False
    evidence: tuple[Evidence, ...] = ()
    unnamed: tuple[Evidence, ...] = ()


def read_therapy(facts: PatientFacts, cancer: CancerPicture, rules: TherapyRules) -> TherapyHistory:
    """The lines of therapy of a patient."""
    explicit = _explicit(facts.therapy_lines)
    if cancer.since is None:
        return explicit or TherapyHistory()
    counted = _derived(facts, cancer, cancer.since, rules)
    return counted if explicit is None else _with_explicit(explicit, counted)


# --- lines that the record numbers ------------------------------------------------------------------


def _explicit(lines: Sequence[TherapyLine]) -> TherapyHistory | None:
    """The count by recorded line numbers, None where no line is recorded.

    Curative lines do not count, nor do their numbers; a line whose intent is not stated counts
    in the most only.
    """
    if any(line.none_given for line in lines) and all(line.none_given for line in lines):
        evidence = tuple(line.evidence for line in lines)
        return TherapyHistory(TherapySummary(0, 0), Truth.TRUE, explicit=True, evidence=evidence)
    listed = [line for line in lines if not line.none_given and line.intent is not Intent.CURATIVE]
    if not listed:
        return None
    sure = [line for line in listed if line.intent is Intent.PALLIATIVE]
    curative = {line.number for line in lines if line.intent is Intent.CURATIVE and line.number is not None}
    fewest = _highest(sure, curative)
    most = max(fewest, _highest(listed, curative))
    unstated = ("a numbered line does not say whether it was palliative",) if fewest != most else ()
    return TherapyHistory(
        TherapySummary(
            fewest, most, tuple(_shown_line(line, number) for number, line in enumerate(_by_start(listed), 1))
        ),
        Truth.TRUE,
        doubts=unstated,
        explicit=True,
        ongoing=any(line.end is None and line.start is not None for line in listed),
        evidence=tuple(line.evidence for line in listed),
    )


def _highest(lines: Sequence[TherapyLine], curative: Set[int]) -> int:
    """How many lines the numbers tell: the highest, less the curative ones numbered before it."""
    told = (line.number - sum(1 for number in curative if number < line.number) for line in lines if line.number)
    return max([len({_identity(line) for line in lines}), *told])


def _identity(line: TherapyLine) -> tuple[str, str]:
    return ("number", str(line.number)) if line.number is not None else ("record", line.evidence.reference)


def _by_start(lines: Iterable[TherapyLine]) -> list[TherapyLine]:
    return sorted(lines, key=lambda line: (line.number or 0, line.start.earliest if line.start else date.min))


def _shown_line(line: TherapyLine, number: int) -> CountedLine:
    start, end = (str(day) if day is not None else None for day in (line.start, line.end))
    return CountedLine(line.number or number, start, end, ())


def _with_explicit(explicit: TherapyHistory, counted: TherapyHistory) -> TherapyHistory:
    """Recorded numbers first; what drugs alone say beyond them may still be more."""
    told, made = explicit.summary or TherapySummary(0, 0), counted.summary or TherapySummary(0, 0)
    most = told.lines_max
    beyond = max(made.lines_min, most + _later(told, made))
    fewest = max(told.lines_min, min(made.lines_min, most))
    doubts = explicit.doubts
    if beyond > most:
        doubts = (*doubts, "drugs are recorded beyond the numbered lines")
    agents = {line.start: line.agents for line in made.lines}
    lines = tuple(replace(line, agents=agents.get(line.start, ())) for line in told.lines)
    return replace(
        explicit,
        summary=TherapySummary(fewest, beyond, lines),
        index=counted.index,
        doubts=doubts,
        ongoing=explicit.ongoing or counted.ongoing,
        evidence=tuple(dict.fromkeys((*explicit.evidence, *counted.evidence))),
    )


def _later(explicit: TherapySummary, counted: TherapySummary) -> int:
    """How many lines the drugs make after the last numbered line ended."""
    ends = [line.end for line in explicit.lines]
    if not ends or None in ends:
        return 0
    last = max(end for end in ends if end is not None)
    return sum(1 for line in counted.lines if line.start is not None and line.start > last)


# --- lines that follow from the drugs -----------------------------------------------------------------


def _derived(facts: PatientFacts, cancer: CancerPicture, index: PartialDate, rules: TherapyRules) -> TherapyHistory:
    drugs = [found for drug in facts.medications if (found := _treatment(drug, rules)) is not None]
    given = [drug for drug in drugs if drug.certain]
    strict = _Counting(facts, cancer, index, rules, strict=True)
    wide = _Counting(facts, cancer, index, rules, strict=False)
    sure = strict.lines(given)
    known = {agent for line in sure for agent in line.agents}
    bridging = [drug for drug in drugs if drug.certain or drug.agents <= known]
    bridged = sure if len(bridging) == len(given) else strict.lines(bridging)
    told = wide.lines(given)
    done = read_procedural_therapy(facts.procedures, facts.medications, rules.regimen_days)
    listed = [*drugs, *_planned(facts.regimens), *done.dated]
    everything = told if len(listed) == len(given) else wide.lines(listed)
    early = int(any(wide.just_before(drug) for drug in (*drugs, *done.dated)))
    undated = len(wide.undated(agent for drug in listed for agent in drug.agents)) + done.undated
    unnamed = tuple(found.evidence for found, drug in done.unnamed if drug is None or wide.for_metastasis(drug))
    widest = max((told, everything), key=len)
    return TherapyHistory(
        TherapySummary(
            min(len(sure), len(bridged)),
            max(len(sure), len(widest)) + early + undated,
            tuple(_counted(line, number) for number, line in enumerate(widest, 1)),
        ),
        Truth.UNKNOWN if unnamed else _covers(given, index, rules),
        index,
        _why_apart(len(sure), len(told), len(everything), early, undated),
        ongoing=bool(widest) and widest[-1].ongoing,
        evidence=tuple(dict.fromkeys((*(item for line in widest for item in line.evidence), *unnamed))),
        unnamed=unnamed,
    )


def _treatment(drug: Medication, rules: TherapyRules) -> Treatment | None:
    """The drug as a treatment, None where it never makes a line or its start is not recorded."""
    if not drug.counts or not drug.agents or drug.start is None:
        return None
    doubtful = rules.doubtful_agents.issuperset(drug.agents) and drug.intent is not Intent.PALLIATIVE
    return Treatment(
        drug.start,
        drug.end or drug.start,
        frozenset(drug.agents),
        drug.classes,
        drug.evidence,
        drug.given and not doubtful and drug.source is not MedicationSource.REQUEST,
        drug.ongoing,
        drug.intent,
        drug.stop_reasons,
    )


def _planned(regimens: Sequence[Regimen]) -> list[Treatment]:
    """Regimens of care plans: they say what was planned, not what was given."""
    return [
        Treatment(
            regimen.start,
            regimen.end or regimen.start,
            frozenset(regimen.agents or (regimen.text.casefold(),)),
            frozenset({"planned"}),
            regimen.evidence,
            certain=False,
            intent=regimen.intent,
        )
        for regimen in regimens
        if regimen.start is not None
    ]


class _Counting:
    """One way to count: `strict` for the fewest lines, else for the most."""

    def __init__(
        self, facts: PatientFacts, cancer: CancerPicture, index: PartialDate, rules: TherapyRules, *, strict: bool
    ) -> None:
        self.facts = facts
        self.cancer = cancer
        self.index = index
        self.rules = rules
        self.strict = strict
        metastasis = index.latest if strict else index.earliest
        self._not_before = days_after(metastasis, -rules.lookback_days)
        self._just_before = days_after(index.earliest, -rules.adjuvant_within_days)

    def lines(self, drugs: Iterable[Treatment]) -> list[Course]:
        """The lines that these drugs make, first to last."""
        counting = [drug for drug in drugs if self.for_metastasis(drug) and not self._left_out(drug)]
        return courses_of(counting, self.rules, self._background(), self._progressions(), strict=self.strict)

    def undated(self, dated: Iterable[str]) -> set[frozenset[str]]:
        """The drugs recorded without any date, beside those of `dated` agents: each may have been a line."""
        known = self._background().union(dated)
        without = (
            frozenset(drug.agents) - known
            for drug in self.facts.medications
            if drug.counts and drug.start is None and drug.intent is not Intent.CURATIVE
        )
        return {agents for agents in without if agents}

    def _background(self) -> frozenset[str]:
        fits = bool(self.cancer.types & self.rules.background_for)
        return self.rules.background_agents if fits else frozenset()

    def just_before(self, drug: Treatment) -> bool:
        """Given before the metastasis, and not long: some trials count such a line."""
        return drug.last.latest >= self._just_before and not self.for_metastasis(drug)

    def for_metastasis(self, drug: Treatment) -> bool:
        """Given for metastatic disease: not curative, begun at the earliest 30 days before it."""
        if self.strict:
            return drug.intent is not Intent.CURATIVE and drug.start.earliest >= self._not_before
        if drug.intent is Intent.CURATIVE:
            return drug.start.latest >= self.index.latest
        begun = drug.start.latest >= self._not_before
        return begun or drug.ongoing or drug.last.latest >= self.index.earliest

    def _left_out(self, drug: Treatment) -> bool:
        """Endocrine therapy alone makes no line in the strict count."""
        return self.strict and drug.classes <= {self.rules.endocrine_class}

    def _progressions(self) -> tuple[date, ...]:
        return tuple(
            status.date.earliest
            for status in self.facts.disease_statuses
            if status.response is Response.PROGRESSIVE and status.date is not None
        )


def _covers(given: Sequence[Treatment], index: PartialDate, rules: TherapyRules) -> Truth:
    """Whether a drug certainly given begins within 120 days of the index: nothing earlier is missing."""
    opens = days_after(index.latest, -rules.lookback_days)
    closes = days_after(index.earliest, rules.history_within_days)
    starts = [drug.start for drug in given if drug.intent is not Intent.CURATIVE]
    begun = any(opens <= start.earliest and start.latest <= closes for start in starts)
    return Truth.TRUE if begun else Truth.UNKNOWN


def _why_apart(sure: int, told: int, everything: int, early: int, undated: int) -> tuple[str, ...]:
    doubts = []
    if told > sure:
        doubts.append("endocrine therapy alone may or may not count as a line")
    if everything > told:
        doubts.append("what is only ordered or planned, given for other reasons too, or not named may be a line")
    if early:
        doubts.append("treatment shortly before the metastasis may count as a line")
    if undated:
        doubts.append("treatment recorded without a date may be a line")
    return tuple(doubts)


def _counted(line: Course, number: int) -> CountedLine:
    end = None if line.ongoing else line.last.isoformat()
    return CountedLine(number, str(line.start), end, tuple(sorted(line.agents)))
