"""Lesions across two scans: RECIST 1.1 applied to each, and the trial's count.

The readings of the latest comparable pair of scans are put to each lesion that the record
knows; where no such pair is recorded the days of the readings themselves stand in, and then
no lesion can be called new. The count runs from the lesions that certainly progressed to
those that may have.

Source: RECIST 1.1; RECIST reading sections 3 and 4; CRITERIA rulings 6-11, rows I5-I9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cds_service.domain import nodes as nodal
from cds_service.domain.anatomy import AREAS, same_place, unmeasurable
from cds_service.domain.cancers import CancerPicture
from cds_service.domain.codes import of_concept
from cds_service.domain.criteria import DiseaseRules, NodeCategory
from cds_service.domain.facts import (
    DataQuality,
    DiseaseStatus,
    Evidence,
    LesionMeasurement,
    PatientFacts,
    Response,
    Site,
)
from cds_service.domain.imaging import ScanHistory, covers
from cds_service.domain.local_therapy import Effect, Treated, local_therapies, treated
from cds_service.domain.making import quick_to_make
from cds_service.domain.recist import Judgement, LesionCourse, Readings, judge_course, modalities_differ, size_of
from cds_service.domain.scan_pair import ScanPair, read_pair
from cds_service.domain.tracking import TrackedLesion, could_be_same, track
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import JudgedLesion, LesionState, LesionSummary

_CONFOUNDER_USES = frozenset({"flag_review", "exclude", "review"})


@quick_to_make
@dataclass(frozen=True, slots=True)
class LesionFindings:
    """Every lesion judged, with the count (`summary`), and the scans they were judged on.

    `lesion_statuses` are the explicit responses that belong to one lesion; all others speak of
    the disease as a whole. `notes` are contradictions found between readings.
    """

    pair: ScanPair
    summary: LesionSummary = field(default_factory=LesionSummary)
    lesion_statuses: frozenset[str] = frozenset()
    notes: tuple[DataQuality, ...] = ()


def read_lesions(facts: PatientFacts, cancer: CancerPicture, scans: ScanHistory, rules: DiseaseRules) -> LesionFindings:
    """Each lesion across the latest comparable pair of scans, and how many they count as."""
    if not (facts.lesions or facts.measurements):
        return LesionFindings(ScanPair(rules.lesions.measured_within_days, anchor=scans.baseline_day))
    pair = read_pair(scans, facts.measurements, rules)
    return _Reading(facts, cancer, scans, rules, pair).findings()


class _Reading:
    """What judging one patient's lesions needs at hand."""

    def __init__(
        self, facts: PatientFacts, cancer: CancerPicture, scans: ScanHistory, rules: DiseaseRules, pair: ScanPair
    ) -> None:
        self.cancer = cancer
        self.scans = scans
        self.rules = rules
        self.pair = pair
        self._scans = {id(reading): pair.scan_of(reading) for reading in facts.measurements}
        self.tracked = track(facts.lesions, facts.measurements, self.scan_of)
        self.known = frozenset(name for lesion in self.tracked for name in lesion.references)
        self.statuses = tuple(said for said in facts.disease_statuses if self.known & set(said.focus))
        self.therapies = local_therapies(facts.procedures)
        self.confounder = _confounder(facts)
        self.malignant = tuple(report for report in facts.pathology if report.malignant)
        self.notes: list[DataQuality] = []

    def scan_of(self, measurement: LesionMeasurement) -> str | None:
        """Which of the two scans a reading belongs to, looked up rather than worked out again."""
        return self._scans[id(measurement)]

    def findings(self) -> LesionFindings:
        """All lesions judged and counted."""
        items = tuple(self._judged(lesion) for lesion in self.tracked)
        sites = {lesion.key: lesion.site for lesion in self.tracked}
        return LesionFindings(
            summary=_summary(items, sites, self.cancer, self.rules),
            pair=self.pair,
            lesion_statuses=frozenset(said.evidence.reference for said in self.statuses),
            notes=tuple(self.notes),
        )

    def _judged(self, lesion: TrackedLesion) -> JudgedLesion:
        course = self._course(lesion)
        found = self._node_confirmed(lesion, course, judge_course(course, self.rules.lesions))
        therapy = self._treated(lesion)
        found, counts = _after_therapy(found, therapy)
        category = self._category(lesion)
        remarks = [found.explanation, category.remark, self._modality_remark(course), _place_in_words(lesion.site)]
        return JudgedLesion(
            key=lesion.key,
            state=found.state,
            why=found.why,
            explanation="; ".join(text for text in remarks if text),
            site=_site_name(lesion.site),
            chain=lesion.site.chain,
            side=lesion.site.side,
            pre_baseline_mm=course.earlier.largest,
            baseline_mm=course.baseline.largest,
            evidence=self._evidence(lesion, therapy),
            counts=counts,
            regional=_regional(category.category) if lesion.is_node else None,
        )

    def _course(self, lesion: TrackedLesion) -> LesionCourse:
        earlier = self._readings(lesion, "earlier")
        return LesionCourse(
            is_node=lesion.is_node,
            earlier=earlier,
            baseline=self._readings(lesion, "baseline"),
            said=self._said(lesion),
            doubt=unmeasurable(lesion.site, lesion.text),
            not_new="" if earlier.sizes else self._why_not_new(lesion),
        )

    def _readings(self, lesion: TrackedLesion, scan: str) -> Readings:
        found = [m for m in lesion.measurements if self.scan_of(m) == scan]
        last = max((m.date.latest for m in found if m.date is not None), default=None)
        found = [m for m in found if m.date is None or m.date.latest == last]
        sizes = [size_of(m, lesion.is_node) for m in found]
        numbers = tuple(sorted({size for size in sizes if isinstance(size, Decimal)}))
        if len(numbers) > 1:
            problem = "two readings of this lesion on one day disagree"
            self.notes.extend(DataQuality(m.evidence.reference, problem) for m in found)
        gap = next((size for size in sizes if isinstance(size, str)), "not measured")
        return Readings(numbers, gap, str(last or ""), frozenset(m.method for m in found if m.method))

    def _said(self, lesion: TrackedLesion) -> frozenset[Response]:
        """The explicit responses of the latest day, from the baseline scan on (ruling 11)."""
        stated = [(m.date.earliest, m.response) for m in lesion.measurements if m.response and m.date]
        stated += [
            (said.date.earliest, said.response)
            for said in self.statuses
            if said.date is not None and lesion.references & set(said.focus) and _by_imaging(said)
        ]
        told = {Response.UNDETERMINED}
        at_baseline = [(day, said) for day, said in stated if said not in told and self.pair.is_since_baseline(day)]
        last = max((day for day, _ in at_baseline), default=None)
        return frozenset(said for day, said in at_baseline if day == last)

    def _why_not_new(self, lesion: TrackedLesion) -> str:
        """Why absence from the earlier scan does not show the lesion to be new; empty if it does (ruling 8)."""
        if self.pair.earlier_set is None:
            return "no earlier scan is recorded that could show it to be new"
        if self._mentioned_before(lesion):
            return "an earlier record may mean this lesion, so it is not certainly new"
        if self._covered(lesion.site) is not Truth.TRUE:
            return "the earlier scan is not certain to cover its place"
        return "" if self._others_measured(lesion) else "no other lesion was measured on the earlier scan"

    def _mentioned_before(self, lesion: TrackedLesion) -> bool:
        if any(self._is_older(m) for m in lesion.measurements):
            return True
        return any(
            other.key != lesion.key
            and could_be_same(lesion.site, other.site)
            and not self._measured(other, "baseline")
            and (not other.measurements or any(self._is_older(m) for m in other.measurements))
            for other in self.tracked
        )

    def _is_older(self, measurement: LesionMeasurement) -> bool:
        return measurement.seen and not self._is_current(measurement)

    def _measured(self, lesion: TrackedLesion, scan: str) -> bool:
        return any(m.seen and self.scan_of(m) == scan for m in lesion.measurements)

    def _others_measured(self, lesion: TrackedLesion) -> bool:
        return any(other.key != lesion.key and self._measured(other, "earlier") for other in self.tracked)

    def _covered(self, site: Site) -> Truth:
        staging = self.pair.earlier_set
        return Truth.UNKNOWN if staging is None else covers(staging, site)

    def _node_confirmed(self, lesion: TrackedLesion, course: LesionCourse, found: Judgement) -> Judgement:
        """A progressive node that nothing but words, or size beside another cause, shows to be cancer is possible."""
        if not lesion.is_node or found.state is not LesionState.PROGRESSIVE:
            return found
        if self._pathology(lesion) or any(m.signal and self._is_current(m) for m in lesion.measurements):
            return found
        limit = self.rules.lesions.measurable_node_mm
        if not any(size >= limit for size in course.baseline.sizes):
            reason = f"no short axis of {limit} mm or more, no pathology and no imaging signal"
            return Judgement(LesionState.POSSIBLE, "node not confirmed", f"{found.explanation}; {reason}")
        if self.confounder is not None:
            reason = "another diagnosis can enlarge nodes, and size alone shows this one"
            return Judgement(LesionState.POSSIBLE, "confounder", f"{found.explanation}; {reason}")
        return found

    def _pathology(self, lesion: TrackedLesion) -> bool:
        if any(m.pathology_positive for m in lesion.measurements):
            return True
        midline = self.rules.nodes.midline
        places = [site for report in self.malignant for site in report.sites]
        return any(same_place(site, lesion.site, midline) is Truth.TRUE for site in places)

    def _is_current(self, measurement: LesionMeasurement) -> bool:
        if self.scan_of(measurement) == "baseline":
            return True
        return measurement.date is not None and self.pair.is_since_baseline(measurement.date.earliest)

    def _treated(self, lesion: TrackedLesion) -> Treated | None:
        days = self.pair.days
        if not self.therapies or days is None:
            return None
        return treated(lesion, self.therapies, self.known, days, self.rules.nodes.midline)

    def _category(self, lesion: TrackedLesion) -> nodal.Classified:
        if not lesion.is_node:
            return nodal.Classified(NodeCategory.DISTANT)
        side = nodal.one_side(lesion.site.side)
        return nodal.classify(lesion.site, side, self.cancer, self.rules.nodes)

    @staticmethod
    def _modality_remark(course: LesionCourse) -> str:
        differ = modalities_differ(course.earlier.methods, course.baseline.methods)
        return "measured by different techniques at the two scans" if differ else ""

    def _evidence(self, lesion: TrackedLesion, therapy: Treated | None) -> tuple[Evidence, ...]:
        read = [m.evidence for m in lesion.measurements if self.scan_of(m) is not None or m.response]
        read.sort(key=lambda item: (item.date or "", item.reference))
        said = [status.evidence for status in self.statuses if lesion.references & set(status.focus)]
        done = [therapy.evidence] if therapy is not None else []
        own = list(lesion.evidence) if not read else []
        return tuple(dict.fromkeys([*read, *said, *done, *own]))


def _by_imaging(said: DiseaseStatus) -> bool:
    return not said.evidence_types or "imaging" in said.evidence_types


def _confounder(facts: PatientFacts) -> Evidence | None:
    for condition in facts.conditions:
        if condition.meanings and any(
            m.use in _CONFOUNDER_USES for m in of_concept(condition.meanings, "nodal-confounder")
        ):
            return condition.evidence
    return None


def _after_therapy(found: Judgement, therapy: Treated | None) -> tuple[Judgement, bool]:
    if therapy is None:
        return found, True
    if therapy.effect is Effect.TAKES_OUT:
        text = f"{found.explanation}; {therapy.explanation}, so it does not count: for the investigator to judge"
        return Judgement(found.state, "local therapy", text), False
    if found.state is LesionState.NOT_PROGRESSIVE and not therapy.between:
        return found, True
    return Judgement(LesionState.POSSIBLE, "local therapy", f"{found.explanation}; {therapy.explanation}"), True


def _regional(category: NodeCategory) -> bool | None:
    if category is NodeCategory.REGIONAL:
        return True
    return False if category is NodeCategory.DISTANT else None


def _site_name(site: Site) -> str | None:
    """The organ; None where only a region or words are recorded, so that nobody takes them for an organ."""
    if _is_node(site):
        return "lymph node"
    return None if site.organ in AREAS else site.organ


def _place_in_words(site: Site) -> str:
    return "" if _site_name(site) or not site.text else f"recorded at: {site.text}"


def _summary(
    items: Sequence[JudgedLesion], sites: Mapping[str, Site], cancer: CancerPicture, rules: DiseaseRules
) -> LesionSummary:
    counting = [item for item in items if item.counts]
    definite = [item for item in counting if item.state is LesionState.PROGRESSIVE]
    open_ones = [item for item in counting if item.state in (LesionState.POSSIBLE, LesionState.UNKNOWN)]
    midline = rules.nodes.midline
    nodes = {key: nodal.nodes_of(site, cancer, rules.nodes) for key, site in sites.items() if _is_node(site)}
    sure = [node for item in definite for node in nodes.get(item.key, ())]
    every = sure + [node for item in open_ones for node in nodes.get(item.key, ())]
    solid = sum(item.key not in nodes for item in definite)
    return LesionSummary(
        count_min=solid + nodal.fewest(sure, midline),
        count_max=solid + sum(item.key not in nodes for item in open_ones) + nodal.most(every, midline),
        sensitivity_count=solid + nodal.as_one(sure),
        items=tuple(items),
    )


def _is_node(site: Site) -> bool:
    return site.is_node or site.organ == "lymph_node"
