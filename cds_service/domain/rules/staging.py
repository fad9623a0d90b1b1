"""The two staging scans a trial compares: a baseline in its window, an earlier set before it.

Timing never fails a patient: a scan that is too old can be made again. Where the verdict is
unknown, `missing` says between which days a new scan would pair with one that exists.

Source: CRITERIA `baseline-imaging`, `pre-baseline-imaging`, rulings 3 and 4, rows I10 to I12.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.case import Case
from cds_service.domain.criteria import Outcome, StagingRules
from cds_service.domain.dates import AsOf, days_after
from cds_service.domain.facts import Evidence, Kind, Modality, Region, Site
from cds_service.domain.imaging import (
    PairChoice,
    PairingWindow,
    ScanHistory,
    StagingSet,
    covers,
    incomplete_sets,
    pairing_windows,
    pairs_with,
)
from cds_service.domain.scans import SECTIONAL, TRUNK, Scan
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding, LesionState, Missing

_NEEDED = "PET/CT, or CT of the chest with CT or MR of abdomen and pelvis"
_MENTIONED = 3


def judge_baseline(case: Case, as_of: AsOf) -> Finding:
    """`baseline-imaging`: a full staging set in the window; review where only doubtful scans lie in it."""
    rules = case.rules.staging
    scans = case.scans
    choice = case.pair_on(as_of)
    unread = _not_retrieved(case, choice.baseline is not None)
    if unread is not None:
        return unread
    if choice.baseline is not None:
        return _baseline_found(choice.baseline, scans, rules, as_of)
    recent = _recent(scans, rules, as_of)
    doubtful = [scan for scan in recent if scan.study.doubtful and not scan.study.unfit]
    if doubtful:
        return _doubtful(doubtful)
    return Finding(
        Outcome.UNKNOWN,
        " ".join((_why_no_baseline(scans, rules, as_of), *_explained(recent))),
        evidence=_evidence(recent) or (scans.sets[0].evidence if scans.sets else ()),
        missing=(*_completing(recent, rules, as_of), *_new_scan(scans, rules, as_of)),
    )


def judge_pre_baseline(case: Case, as_of: AsOf) -> Finding:
    """`pre-baseline-imaging`: a full set in the window before the baseline; another modality is noted."""
    rules = case.rules.staging
    scans = case.scans
    choice = case.pair_on(as_of)
    unread = _not_retrieved(case, choice.pre_baseline is not None)
    if unread is not None:
        return unread
    if choice.baseline is not None and choice.pre_baseline is not None:
        return _pair_found(choice.baseline, choice.pre_baseline)
    partial = _showing_the_lesions(case, choice.baseline)
    if choice.baseline is not None and partial is not None:
        return _partial_pair_found(choice.baseline, partial)
    windows = pairing_windows(scans, rules, as_of.day)
    return Finding(
        Outcome.UNKNOWN,
        f"{_why_no_pair(choice, scans, rules)} {_when_to_scan(windows, rules)}",
        evidence=choice.baseline.evidence if choice.baseline else (),
        missing=_paired_scan(windows, rules) or (_two_scans(rules),),
    )


def _not_retrieved(case: Case, settled: bool) -> Finding | None:
    """Unknown where imaging could not be had; where only reports or procedures, if nothing else settles it."""
    facts = case.facts
    why = facts.missing_kind(Kind.IMAGING)
    if why is None and not settled:
        why = facts.missing_kind(Kind.REPORTS, Kind.PROCEDURES)
    if why is None:
        return None
    missing = Missing("imaging", "studies, radiology reports and procedures read from the record")
    return Finding(Outcome.UNKNOWN, f"Imaging not retrieved: {why}.", missing=(missing,))


def _baseline_found(baseline: StagingSet, scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> Finding:
    days = (as_of.day - baseline.day).days
    reason = f"{describe(baseline)}, {_days(days)} before (at most {rules.baseline_within_days})"
    doubts = (_read_from_text(baseline), _preliminary(baseline), _intracranial(scans, baseline, rules))
    return Finding(
        Outcome.PASS,
        " ".join((f"{reason}.", *filter(None, doubts))),
        basis=Basis.DERIVED if baseline.derived else Basis.RECORDED,
        evidence=baseline.evidence,
    )


def _pair_found(baseline: StagingSet, earlier: StagingSet) -> Finding:
    days = (baseline.day - earlier.day).days
    reason = f"{describe(earlier)}, {_days(days)} before the baseline of {baseline.when}."
    doubts = (_another_modality(baseline, earlier), _read_from_text(earlier), _preliminary(earlier))
    return Finding(
        Outcome.PASS,
        " ".join((reason, *filter(None, doubts))),
        basis=Basis.DERIVED if earlier.derived or baseline.derived else Basis.RECORDED,
        evidence=tuple(dict.fromkeys((*earlier.evidence, *baseline.evidence))),
    )


def _showing_the_lesions(case: Case, baseline: StagingSet | None) -> StagingSet | None:
    """An earlier scan of the window that is no full staging but shows every lesion that may count (row I12)."""
    if baseline is None:
        return None
    rules = case.rules.staging
    earlier = [found for found in incomplete_sets(case.scans) if pairs_with(baseline.when, found.when, rules)]
    if not earlier:
        return None
    places = [
        Site(organ=lesion.site, chain=lesion.chain)
        for lesion in case.lesions.summary.items
        if lesion.counts and lesion.state is not LesionState.NOT_PROGRESSIVE
    ]
    fitting = (found for found in earlier if all(covers(found, place) is Truth.TRUE for place in places))
    return next(fitting, None) if places else None


def _partial_pair_found(baseline: StagingSet, earlier: StagingSet) -> Finding:
    days = (baseline.day - earlier.day).days
    reason = (
        f"{describe(earlier)}, {_days(days)} before the baseline of {baseline.when}: no full staging, "
        "but it shows the region of every lesion that may count."
    )
    evidence = tuple(dict.fromkeys((*earlier.evidence, *baseline.evidence)))
    return Finding(Outcome.PASS, reason, basis=Basis.DERIVED, evidence=evidence)


def _doubtful(scans: list[Scan]) -> Finding:
    named = "; ".join(f"{scan.study.doubtful} on {scan.when}" for scan in scans[:_MENTIONED])
    reason = f"No full staging in the window, but {named}: a clinician has to say whether it serves."
    missing = Missing("clinician's word on the scan", f"or {_NEEDED}")
    return Finding(Outcome.REVIEW, reason, evidence=_evidence(scans), missing=(missing,))


def describe(staging: StagingSet) -> str:
    """A staging set in words: how each region was scanned, and when."""
    by_modality: dict[Modality, list[str]] = {}
    for region, modality in staging.methods.items():
        by_modality.setdefault(modality, []).append(region.value)
    whole = set(by_modality) == {Modality.PET}
    parts = ["PET of the whole body"] if whole else [_of(how, regions) for how, regions in by_modality.items()]
    days = sorted({scan.day for scan in staging.scans})
    until = f" to {days[-1]}" if len(days) > 1 else ""
    return f"{' with '.join(parts)} on {staging.when}{until}"


def _of(modality: Modality, regions: list[str]) -> str:
    return f"{modality.value} of {_listed(regions)}"


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _read_from_text(staging: StagingSet) -> str:
    return "What it covers is derived from its description or modality, not coded." if staging.derived else ""


def _preliminary(staging: StagingSet) -> str:
    return "Its report is preliminary." if any(study.preliminary for study in staging.studies) else ""


def _intracranial(scans: ScanHistory, baseline: StagingSet, rules: StagingRules) -> str:
    """Brain imaging near the baseline is recommended where it is routine, never required (row I11)."""
    near = [
        scan
        for scan in scans.scans
        if scan.shows(Region.HEAD) and abs((scan.day - baseline.day).days) <= rules.set_within_days
    ]
    return f"Brain imaging on {near[0].when}." if near else "No brain imaging with it (recommended where routine)."


def _another_modality(baseline: StagingSet, earlier: StagingSet) -> str:
    theirs = earlier.methods
    differing = [region.value for region, how in baseline.methods.items() if theirs.get(region) is not how]
    return f"Another modality than the baseline's for {_listed(differing)}." if differing else ""


def _recent(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> list[Scan]:
    """Scans that may lie in the window and are CT, MR or PET, or say why they do not count; undated too."""
    found: list[Scan] = []
    for scan in scans.scans:
        if scan.study.date is not None and as_of.within_days(scan.when, rules.baseline_within_days) is Truth.FALSE:
            continue
        if scan.study.modalities & SECTIONAL or scan.study.unfit or scan.study.doubtful:
            found.append(scan)
    return found


def _why_no_baseline(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> str:
    if not scans.sets:
        return f"No full staging is recorded ({_NEEDED})."
    latest = scans.sets[0]
    if not latest.when.is_exact and as_of.within_days(latest.when, rules.baseline_within_days) is Truth.UNKNOWN:
        return f"{describe(latest)}: without the day it may lie outside the last {rules.baseline_within_days} days."
    days = (as_of.day - latest.day).days
    return f"The latest full staging, {describe(latest)}, is {_days(days)} old (at most {rules.baseline_within_days})."


def _explained(scans: list[Scan]) -> list[str]:
    """Why each scan of the window is not enough, the latest few."""
    return [sentence for sentence in map(_shortcoming, scans) if sentence][:_MENTIONED]


def _shortcoming(scan: Scan) -> str:
    study = scan.study
    what = "/".join(sorted(modality.value for modality in study.modalities)) or "A scan"
    when = f"of {scan.when}" if study.date else "without a date"
    if study.unfit:
        return f"{what} {when} does not count: {study.unfit}."
    covered = [region.value for region in TRUNK if scan.shows(region)]
    if study.date is None and covered:
        return f"{what} {when} cannot be placed in time."
    if covered:
        return f"{what} {when} covers {_listed(covered)} only." if len(covered) < len(TRUNK) else ""
    return f"{what} {when}: {study.unstated}." if study.unstated else ""


def _completing(recent: list[Scan], rules: StagingRules, as_of: AsOf) -> tuple[Missing, ...]:
    """What would complete the latest CT or MR of the window, and until when."""
    for scan in recent:
        lacking = [region for region, part in zip(TRUNK, scan.serving, strict=True) if part is None]
        if scan.is_fit and scan.study.date is not None and 0 < len(lacking) < len(TRUNK):
            closes = min(
                days_after(scan.when.earliest, rules.set_within_days),
                days_after(scan.when.earliest, rules.baseline_within_days),
            )
            if closes >= as_of.day:
                how = f"would complete the scan of {scan.when}"
                return (Missing(_lacking(lacking), how, as_of.day, closes),)
    return ()


def _lacking(regions: list[Region]) -> str:
    rest = [region.value for region in regions if region is not Region.CHEST]
    parts = ["CT of the chest"] if Region.CHEST in regions else []
    return " and ".join([*parts, *([f"CT or MR of {_listed(rest)}"] if rest else [])])


def _new_scan(scans: ScanHistory, rules: StagingRules, as_of: AsOf) -> tuple[Missing, ...]:
    windows = pairing_windows(scans, rules, as_of.day)
    return _paired_scan(windows, rules) or (Missing("new staging scan", _NEEDED, as_of.day),)


def _paired_scan(windows: tuple[PairingWindow, ...], rules: StagingRules) -> tuple[Missing, ...]:
    span = f"{rules.pre_baseline_from_days} to {rules.pre_baseline_to_days} days"
    return tuple(
        Missing(
            "new staging scan", f"{_NEEDED}; pairs with that of {window.with_day} ({span})", window.opens, window.closes
        )
        for window in windows
    )


def _two_scans(rules: StagingRules) -> Missing:
    span = f"{rules.pre_baseline_from_days} to {rules.pre_baseline_to_days} days"
    return Missing("two staging scans", f"one now and a baseline {span} later, or an earlier scan from elsewhere")


def _when_to_scan(windows: tuple[PairingWindow, ...], rules: StagingRules) -> str:
    if not windows:
        span = f"{rules.pre_baseline_from_days} to {rules.pre_baseline_to_days} days"
        return f"No recorded scan can be paired: a scan made now would pair with a baseline {span} later."
    spans = _listed(f"from {w.opens} to {w.closes} would pair with that of {w.with_day}" for w in windows)
    return f"A new baseline {spans}."


def _why_no_pair(choice: PairChoice, scans: ScanHistory, rules: StagingRules) -> str:
    span = f"{rules.pre_baseline_from_days} to {rules.pre_baseline_to_days} days"
    if choice.baseline is None:
        return f"There is no baseline scan of the last {rules.baseline_within_days} days to count back from."
    baseline = choice.baseline
    earlier = [staging for staging in scans.sets if staging.day < baseline.day]
    if not earlier:
        return f"No full staging before the baseline of {baseline.when} is recorded ({span} before it)."
    gaps = _listed(f"{staging.when} ({_days((baseline.day - staging.day).days)})" for staging in earlier[:_MENTIONED])
    return f"None of the earlier stagings lies {span} before the baseline of {baseline.when}: {gaps}."


def _evidence(scans: Iterable[Scan]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(item for scan in scans for item in scan.evidence))
