"""Scans: which tell of one study, which make a staging set, and which two sets are compared.

A staging set is PET of the whole body, or CT of the chest with CT or MR of abdomen and
pelvis, its parts within 14 days of each other. Its day is that of its earliest part, the
parts chosen so that this day is the latest possible. Scans that staging does not need
never change a set.

Source: CRITERIA, "Baseline set", rulings 3, 4 and 6, rows I10 to I12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from cds_service.domain.anatomy import regions_of
from cds_service.domain.criteria import StagingRules
from cds_service.domain.dates import AsOf, PartialDate, days_after
from cds_service.domain.facts import (
    Coverage,
    Evidence,
    ImagingStudy,
    Modality,
    PatientFacts,
    Region,
    Site,
)
from cds_service.domain.making import quick_to_make
from cds_service.domain.scans import SECTIONAL, TRUNK, Scan, one_each
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import ScanSet


@quick_to_make
@dataclass(frozen=True, slots=True)
class StagingSet:
    """Scans that together cover what staging needs, and no others.

    `when` is the date of the earliest part. `parts` say which coverage each region rests
    on. A set that is not `complete` lacks a region: it can be compared, but is no baseline.
    """

    when: PartialDate
    scans: tuple[Scan, ...]
    parts: tuple[Coverage, ...]
    complete: bool = True

    @property
    def day(self) -> date:
        """The day of the earliest part; of a partial date the first day it may mean."""
        return self.when.earliest

    @property
    def studies(self) -> tuple[ImagingStudy, ...]:
        """The studies it is made of, earliest first."""
        return tuple(scan.study for scan in self.scans)

    @property
    def derived(self) -> bool:
        """Whether a region rests on free text alone."""
        return any(part.derived for part in self.parts)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Every record that tells of its scans."""
        return tuple(dict.fromkeys(item for scan in self.scans for item in scan.evidence))

    @property
    def methods(self) -> Mapping[Region, Modality]:
        """How each region was scanned."""
        return {part.region: part.modality for part in self.parts}


@quick_to_make
@dataclass(frozen=True, slots=True)
class ScanHistory:
    """All staging sets and all scans, each latest first; `within_days` of each other is one staging."""

    sets: tuple[StagingSet, ...]
    scans: tuple[Scan, ...]
    within_days: int

    @property
    def left_over(self) -> tuple[ImagingStudy, ...]:
        """The studies that are part of no staging set."""
        used = {scan.reference for staging in self.sets for scan in staging.scans}
        return tuple(scan.study for scan in self.scans if scan.reference not in used)

    @property
    def baseline_day(self) -> date | None:
        """The day explicit responses are anchored to: the latest staging set's, else the latest scan's.

        Without a set the latest CT, MR or PET that is not unfit; None without such a scan.
        """
        if self.sets:
            return self.sets[0].day
        dated = (s.study for s in self.scans if s.study.date is not None and s.study.unfit is None)
        return next((s.date.earliest for s in dated if s.date and s.modalities & SECTIONAL), None)


@quick_to_make
@dataclass(frozen=True, slots=True)
class Comparison:
    """Two stagings to compare lesions on, whatever the trial's windows say."""

    later: StagingSet
    earlier: StagingSet


@quick_to_make
@dataclass(frozen=True, slots=True)
class PairChoice:
    """The baseline and earlier set that settle most on a day, in the trial's windows."""

    baseline: StagingSet | None = None
    pre_baseline: StagingSet | None = None

    @property
    def baseline_set(self) -> ScanSet | None:
        """The baseline set as an assessment shows it."""
        return _shown(self.baseline)

    @property
    def pre_baseline_set(self) -> ScanSet | None:
        """The earlier set as an assessment shows it."""
        return _shown(self.pre_baseline)


def _shown(staging: StagingSet | None) -> ScanSet | None:
    if staging is None:
        return None
    return ScanSet(staging.day, tuple(sorted(scan.reference for scan in staging.scans)))


def read_scans(facts: PatientFacts, rules: StagingRules) -> ScanHistory:
    """The scans of a patient and the staging sets they make, latest first."""
    scans = sorted(one_each(facts.imaging), key=_latest_first)
    sets = sorted(
        _sets(scans, rules.set_within_days), key=lambda found: (-found.when.latest.toordinal(), _order(found))
    )
    return ScanHistory(tuple(sets), tuple(scans), rules.set_within_days)


def _latest_first(scan: Scan) -> tuple[int, str]:
    return (-scan.when.latest.toordinal(), scan.reference)


def _order(found: StagingSet) -> tuple[bool, tuple[str, ...]]:
    is_pet = any(part.modality is Modality.PET for part in found.parts)
    return (is_pet, tuple(scan.reference for scan in found.scans))


def _sets(scans: Sequence[Scan], within_days: int) -> list[StagingSet]:
    usable = [scan for scan in scans if scan.is_fit and scan.study.coverage and scan.study.date is not None]
    found = [StagingSet(scan.when, (scan,), parts) for scan in usable if (parts := scan.whole_body_pet())]
    serving = [scan for scan in usable if scan.parts()]
    found += _sectional_sets([scan for scan in serving if scan.when.is_exact], within_days)
    found += [
        StagingSet(scan.when, (scan,), scan.parts())
        for scan in serving
        if not scan.when.is_exact and len(scan.parts()) == len(TRUNK)
    ]
    return found


def _sectional_sets(scans: Sequence[Scan], within_days: int) -> list[StagingSet]:
    """CT and MR sets: for every day the latest part of each region so far, if close enough.

    Taking the latest part of each region makes the day of the set the latest possible. Of
    sets with one day the first, whose parts lie closest together, stands.
    """
    found: dict[date, StagingSet] = {}
    latest: list[Scan | None] = [None] * len(TRUNK)
    for day, todays in groupby(sorted(scans, key=_by_day_broadest_last), key=lambda scan: scan.day):
        for scan in todays:
            latest = [scan if part else known for part, known in zip(scan.serving, latest, strict=True)]
        chosen = [scan for scan in latest if scan is not None]
        if len(chosen) < len(TRUNK):
            continue
        first = min(scan.day for scan in chosen)
        if (day - first).days <= within_days and first not in found:
            found[first] = _made_of(chosen)
    return list(found.values())


def _by_day_broadest_last(scan: Scan) -> tuple[date, int, int, str]:
    """Of one day the scan that serves most regions, by codes rather than words, has the last word."""
    parts = scan.parts()
    return (scan.day, len(parts), -sum(part.derived for part in parts), scan.reference)


def _made_of(chosen: Sequence[Scan]) -> StagingSet:
    """The set of the scans chosen for chest, abdomen and pelvis."""
    parts = [scan.serving[index] for index, scan in enumerate(chosen)]
    scans = sorted({scan.reference: scan for scan in chosen}.values(), key=lambda scan: (scan.day, scan.reference))
    return StagingSet(scans[0].when, tuple(scans), tuple(part for part in parts if part is not None))


def covers(staging: StagingSet, site: Site) -> Truth:
    """Whether a staging shows a place: TRUE where all regions it lies in were scanned.

    UNKNOWN where the place is in no known region ("a rib" is, "a vertebra" is not), or only
    some of its regions were scanned.
    """
    regions = regions_of(site)
    if not regions:
        return Truth.UNKNOWN
    shown = {region for region in regions if any(scan.shows(region) for scan in staging.scans)}
    if not shown:
        return Truth.FALSE
    return Truth.TRUE if shown == regions else Truth.UNKNOWN


def comparison(history: ScanHistory) -> Comparison | None:
    """The latest comparable pair of stagings, regardless of the trial's windows (ruling 6).

    Complete sets first; where no two of them are comparable, stagings that lack a region
    but share one. None where nothing can be compared.
    """
    return _latest_pair(history.sets, history.within_days) or _latest_pair(_groups(history), history.within_days)


def _latest_pair(stagings: Sequence[StagingSet], within_days: int) -> Comparison | None:
    for later in stagings:
        earlier = [other for other in stagings if _comparable(later, other, within_days)]
        if earlier:
            nearest = max(other.day for other in earlier)
            of_one_staging = [other for other in earlier if (nearest - other.day).days <= within_days]
            best = min(
                of_one_staging, key=lambda other: (not other.complete, _mismatch(later, other), -other.day.toordinal())
            )
            return Comparison(later, best)
    return None


def _comparable(later: StagingSet, earlier: StagingSet, within_days: int) -> bool:
    """Whether two stagings are different ones, share no scan, and show a common region."""
    if (later.when.earliest - earlier.when.latest).days <= within_days:
        return False
    shared = {scan.reference for scan in later.scans} & {scan.reference for scan in earlier.scans}
    return not shared and any(region in earlier.methods for region in later.methods)


def _mismatch(one: StagingSet, other: StagingSet) -> int:
    """In how many regions the two were scanned by different means."""
    theirs = other.methods
    return sum(theirs.get(region) is not modality for region, modality in one.methods.items())


def _groups(history: ScanHistory) -> list[StagingSet]:
    """Complete sets and the others, latest first."""
    stagings = [*history.sets, *incomplete_sets(history)]
    return sorted(stagings, key=lambda staging: (-staging.when.latest.toordinal(), _order(staging)))


def incomplete_sets(history: ScanHistory) -> list[StagingSet]:
    """What is in no complete set, gathered from the latest scan back; latest first."""
    used = {scan.reference for staging in history.sets for scan in staging.scans}
    groups: list[list[Scan]] = []
    for scan in history.scans:
        if scan.reference in used or not _comparable_alone(scan):
            continue
        if groups and (groups[-1][0].day - scan.day).days <= history.within_days:
            groups[-1].append(scan)
        else:
            groups.append([scan])
    return [_incomplete(group) for group in groups]


def _comparable_alone(scan: Scan) -> bool:
    dated = scan.study.date is not None and scan.when.is_exact
    return dated and scan.is_fit and any(scan.shows(region) for region in Region)


def _incomplete(latest_first: Sequence[Scan]) -> StagingSet:
    scans = tuple(reversed(latest_first))
    parts: dict[Region, Coverage] = {}
    for scan in scans:
        for item in sorted(scan.study.coverage, key=lambda c: (c.derived, c.modality.value)):
            if item.modality in SECTIONAL:
                parts.setdefault(item.region, item)
    in_order = tuple(parts[region] for region in Region if region in parts)
    return StagingSet(scans[0].when, scans, in_order, complete=False)


def choose_pair(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> PairChoice:
    """The pair that settles most on a day: the latest baseline that has an earlier set to compare.

    Without such a pair the latest baseline alone; empty where no set lies in the window.
    """
    baselines = _in_window(scans, rules, as_of)
    pairs = [(baseline, earlier) for baseline in baselines if (earlier := _best_earlier(baseline, scans, rules))]
    if pairs:
        latest = pairs[0][0].day
        of_one_day = [pair for pair in pairs if pair[0].day == latest]
        return PairChoice(*min(of_one_day, key=lambda pair: _mismatch(*pair)))
    return PairChoice(baselines[0]) if baselines else PairChoice()


def _in_window(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> list[StagingSet]:
    found: list[StagingSet] = []
    for staging in scans.sets:
        within = as_of.within_days(staging.when, rules.baseline_within_days)
        if within is Truth.TRUE:
            found.append(staging)
        elif within is Truth.FALSE:
            # Sets are sorted latest first: all that follow have expired too.
            break
    return found


def _best_earlier(baseline: StagingSet, scans: ScanHistory, rules: StagingRules) -> StagingSet | None:
    """The set in the window before a baseline: of the same modality, then closest to the best distance."""
    fitting = [staging for staging in scans.sets if pairs_with(baseline.when, staging.when, rules)]

    def preference(staging: StagingSet) -> tuple[int, int, int]:
        distance = abs((baseline.day - staging.day).days - rules.paired_best_days)
        return (_mismatch(baseline, staging), distance, -staging.day.toordinal())

    return min(fitting, key=preference, default=None)


def pairs_with(baseline: PartialDate, earlier: PartialDate, rules: StagingRules) -> bool:
    """Whether the earlier date certainly lies in the window before the baseline's, bounds inclusive."""
    nearest = (baseline.earliest - earlier.latest).days
    farthest = (baseline.latest - earlier.earliest).days
    return rules.pre_baseline_from_days <= nearest and farthest <= rules.pre_baseline_to_days


@quick_to_make
@dataclass(frozen=True, slots=True)
class PairingWindow:
    """Days on which a new baseline would pair with an existing set; `with_day` is the latest such set's."""

    opens: date
    closes: date
    with_day: date


def pairing_windows(scans: ScanHistory, rules: StagingRules, today: date) -> tuple[PairingWindow, ...]:
    """When, from today on, a new baseline would pair with an existing set; overlapping days joined."""
    found: list[PairingWindow] = []
    for staging in reversed(scans.sets):
        opens = max(today, days_after(staging.when.latest, rules.pre_baseline_from_days))
        closes = days_after(staging.when.earliest, rules.pre_baseline_to_days)
        if opens > closes:
            continue
        last = found[-1] if found else None
        if last is not None and opens <= days_after(last.closes, 1):
            found[-1] = PairingWindow(last.opens, max(last.closes, closes), staging.day)
        else:
            found.append(PairingWindow(opens, closes, staging.day))
    return tuple(found)
