"""A trial, and the assessment of a patient against it.

`assess` is the one pure call in which hook, command line and nightly run end: the same
facts, trial and day always give the same assessment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cds_service.domain.case import Case
from cds_service.domain.criteria import Criterion, DiseaseRules, Outcome
from cds_service.domain.dates import AsOf, days_after
from cds_service.domain.facts import DataQuality, PatientFacts
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Assessment, Finding, Status, Verdict


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as its file states it: where it is registered, who runs it, what it asks.

    `types` are the tumour types it takes (groups of "cancer-type"). `digest` identifies the
    mappings it was read with. `alternative` is what it offers instead of what may be being
    ordered, in a few words.
    """

    id: str
    version: str
    title: str
    short_title: str
    registry_id: str
    registry_url: str
    criteria: tuple[Criterion, ...]
    rules: DiseaseRules
    types: frozenset[str] = frozenset()
    open: bool = True
    digest: str = ""
    alternative: str = ""


def assess(trial: Trial, facts: PatientFacts, as_of: date, engine_version: str = "") -> Assessment:
    """The assessment of one patient on one day.

    Pure: reads nothing but its arguments. A rule that meets a record it cannot judge says
    `unknown`; it does not raise. `next_change` is the first later day on which a verdict
    differs though no record changes; `closes` the last day before a pass ends. Facts dated
    after the day do not exist for it, so they move neither.
    """
    case = Case(facts.known_on(AsOf(as_of)), trial.rules, trial.types)
    judged = [_judge_in_time(criterion, case, as_of) for criterion in trial.criteria]
    verdicts = tuple(verdict for verdict, _, _ in judged)
    notes = case.facts.data_quality + tuple(note for _, _, found in judged for note in found)
    choice = case.pair_on(AsOf(as_of))
    return Assessment(
        trial=trial.id,
        trial_version=trial.version,
        patient=facts.person.reference,
        as_of=as_of,
        status=status_of(verdicts),
        verdicts=verdicts,
        lesions=case.lesions.summary,
        baseline=choice.baseline_set,
        pre_baseline=choice.pre_baseline_set,
        therapy=case.therapy.summary,
        closes=min((v.valid_until for v in verdicts if v.valid_until is not None), default=None),
        next_change=min((turn for _, turn, _ in judged if turn is not None), default=None),
        data_quality=tuple(dict.fromkeys(notes + _counts(case.facts))),
        mappings_digest=trial.digest,
        engine_version=engine_version,
    )


def status_of(verdicts: tuple[Verdict, ...]) -> Status:
    """Any fail makes the patient ineligible, else any unknown only possible, else a candidate."""
    outcomes = {verdict.outcome for verdict in verdicts}
    if Outcome.FAIL in outcomes:
        return Status.INELIGIBLE
    return Status.POSSIBLE if Outcome.UNKNOWN in outcomes else Status.CANDIDATE


def _judge_in_time(
    criterion: Criterion, case: Case, as_of: date
) -> tuple[Verdict, date | None, tuple[DataQuality, ...]]:
    """One verdict, the first later day on which its outcome is another, and what was noticed.

    From one day on which an answer about time turns to the next: between two of them no
    answer differs, so no verdict can.
    """
    finding, turn = _judge_on(criterion, case, as_of)
    while turn is not None:
        later, next_turn = _judge_on(criterion, case, turn)
        if later.outcome is not finding.outcome:
            break
        turn = next_turn
    valid_until = days_after(turn, -1) if turn and finding.outcome is Outcome.PASS else None
    return _verdict(criterion, finding, valid_until), turn, finding.notes


def _judge_on(criterion: Criterion, case: Case, day: date) -> tuple[Finding, date | None]:
    clock = AsOf(day)
    finding = judge(criterion.rule, case, clock)
    return finding, clock.turns_on


def _verdict(criterion: Criterion, finding: Finding, valid_until: date | None) -> Verdict:
    return Verdict(
        criterion.id,
        criterion.kind,
        finding.outcome,
        finding.basis,
        finding.reason,
        finding.evidence,
        finding.missing,
        valid_until,
    )


def _counts(facts: PatientFacts) -> tuple[DataQuality, ...]:
    reference = facts.person.reference
    notes = []
    if facts.dropped:
        notes.append(DataQuality(reference, f"{facts.dropped} resources about somebody else were left out"))
    if facts.hidden:
        notes.append(DataQuality(reference, f"{facts.hidden} facts dated after the day of assessment were left out"))
    return tuple(notes)
