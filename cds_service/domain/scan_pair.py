"""The two scans that lesions are compared on, and which reading belongs to which.

The latest comparable pair of stagings, whatever the trial's windows say. A scan of the same
staging that is not required for it (a brain MR) shows lesions too. Without two comparable
scans on record the days on which lesions were measured stand in; such a pair proves no
absence, so nothing on it is new.

Source: CRITERIA ruling 6, RECIST reading section 3 (a reading within 3 days of the scan).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cds_service.domain.criteria import DiseaseRules
from cds_service.domain.dates import days_after
from cds_service.domain.facts import LesionMeasurement, Region
from cds_service.domain.imaging import ScanHistory, StagingSet, comparison
from cds_service.domain.local_therapy import ScanDays
from cds_service.domain.making import quick_to_make
from cds_service.domain.scans import Scan

BASELINE = "baseline"
EARLIER = "earlier"


@quick_to_make
@dataclass(frozen=True, slots=True)
class Timepoint:
    """The days of one scan and the studies it is made of."""

    days: frozenset[date]
    studies: frozenset[str] = frozenset()

    @property
    def first(self) -> date:
        """Its first day."""
        return min(self.days)

    @property
    def last(self) -> date:
        """Its last day."""
        return max(self.days)

    def distance(self, measurement: LesionMeasurement) -> int | None:
        """Days between a reading and the nearest day of the scan, 0 where the reading names one of its studies."""
        if self.studies.intersection(measurement.studies):
            return 0
        when = measurement.date
        if when is None or not when.is_exact:
            return None
        return min(abs((when.earliest - day).days) for day in self.days)


@quick_to_make
@dataclass(frozen=True, slots=True)
class ScanPair:
    """The two scans: their days, the earlier staging for what it covers, and what is not recorded.

    `anchor` is the day from which an explicit response speaks of the baseline scan. `by_readings`
    is true where the days of readings stand in for scans that are not recorded.
    """

    within_days: int
    baseline: Timepoint | None = None
    earlier: Timepoint | None = None
    earlier_set: StagingSet | None = None
    anchor: date | None = None
    by_readings: bool = False

    def scan_of(self, measurement: LesionMeasurement) -> str | None:
        """Which of the two scans a reading belongs to, None for any other day."""
        nearest, found = self.within_days + 1, None
        for name, scan in ((BASELINE, self.baseline), (EARLIER, self.earlier)):
            distance = None if scan is None else scan.distance(measurement)
            if distance is not None and distance < nearest:
                nearest, found = distance, name
        return found

    def is_since_baseline(self, day: date) -> bool:
        """Whether a day is that of the baseline scan (as far as readings go) or later."""
        return self.baseline is not None and day >= days_after(self.baseline.first, -self.within_days)

    @property
    def days(self) -> ScanDays | None:
        """First and last days, for the timing of therapy; None without a baseline scan."""
        if self.baseline is None:
            return None
        earlier = (self.earlier.first, self.earlier.last) if self.earlier is not None else None
        return ScanDays((self.baseline.first, self.baseline.last), earlier)

    def __str__(self) -> str:
        """The days compared, for people."""
        days = [scan.first.isoformat() for scan in (self.earlier, self.baseline) if scan is not None]
        return " and ".join(days)


def read_pair(scans: ScanHistory, measurements: Iterable[LesionMeasurement], rules: DiseaseRules) -> ScanPair:
    """The latest pair to compare lesions on; days of readings where scans are not recorded."""
    within = rules.lesions.measured_within_days
    pair = comparison(scans)
    if pair is not None:
        earlier = _with_same_staging(pair.earlier, pair.later, scans)
        baseline = _with_same_staging(pair.later, pair.earlier, scans)
        later_point, earlier_point = _timepoint(baseline), _timepoint(earlier)
        if later_point is not None and earlier_point is not None:
            return ScanPair(within, later_point, earlier_point, earlier, scans.baseline_day)
    days = sorted({m.date.earliest for m in measurements if _is_reading(m) and m.date and m.date.is_exact})
    alone = _latest_scan(scans)
    later = _timepoint(alone) if alone is not None else _staging_of(days, scans.within_days)
    if later is None:
        return ScanPair(within, anchor=scans.baseline_day)
    before = [day for day in days if day < days_after(later.first, -scans.within_days)]
    return ScanPair(
        within,
        later,
        _staging_of(before, scans.within_days),
        anchor=scans.baseline_day or later.first,
        by_readings=True,
    )


def _is_reading(measurement: LesionMeasurement) -> bool:
    return not measurement.specimen


def _staging_of(days: Sequence[date], within_days: int) -> Timepoint | None:
    """The last of these days with those up to two weeks before it."""
    if not days:
        return None
    return Timepoint(frozenset(day for day in days if (days[-1] - day).days <= within_days))


def _latest_scan(scans: ScanHistory) -> StagingSet | None:
    return scans.sets[0] if scans.sets else None


def _with_same_staging(staging: StagingSet, other: StagingSet, scans: ScanHistory) -> StagingSet:
    """A staging with the scans of the same weeks that it does not require."""
    taken = {scan.reference for scan in (*staging.scans, *other.scans)}
    extra = [scan for scan in scans.scans if scan.reference not in taken and _is_near(scan, staging, scans.within_days)]
    return replace(staging, scans=(*staging.scans, *extra)) if extra else staging


def _is_near(scan: Scan, staging: StagingSet, within_days: int) -> bool:
    when = scan.study.date
    if when is None or not when.is_exact or not scan.is_fit:
        return False
    near = abs((when.earliest - staging.day).days) <= within_days
    return near and any(scan.shows(region) for region in Region)


def _timepoint(staging: StagingSet) -> Timepoint | None:
    days = frozenset(s.date.earliest for s in staging.studies if s.date is not None and s.date.is_exact)
    references = frozenset(item.reference for scan in staging.scans for item in scan.evidence)
    return Timepoint(days, references) if days else None
