"""Scans, each once: one scan may be told of by its study, a procedure and a report.

Records that name each other or share an accession number are one scan; the study's date is
its date, else the procedure's, else the report's. What makes one record unfit for staging
makes the scan so.

Source: CRITERIA, "Baseline set" and row I10.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cds_service.domain.dates import PartialDate, on
from cds_service.domain.facts import Coverage, Evidence, ImagingStudy, Modality, Region, ScanRecord
from cds_service.domain.making import quick_to_make

TRUNK = (Region.CHEST, Region.ABDOMEN, Region.PELVIS)
"""The regions a staging set covers."""
SECTIONAL = frozenset({Modality.CT, Modality.MR, Modality.PET})
"""The modalities that can show a region to staging."""
Serving = tuple[Coverage | None, Coverage | None, Coverage | None]
"""What stands for each region of TRUNK, None where nothing does."""
_RECORDS = tuple(ScanRecord)
_NEVER = on(date.min)


@quick_to_make
@dataclass(frozen=True, slots=True)
class Scan:
    """One scan, whatever the number of records that tell of it; `evidence` names all of them.

    `serving` is what makes it a part of a CT or MR set (see `scan_of`).
    """

    study: ImagingStudy
    evidence: tuple[Evidence, ...]
    serving: Serving

    @property
    def reference(self) -> str:
        """The record that stands for the scan: the study where there is one."""
        return self.study.evidence.reference

    @property
    def when(self) -> PartialDate:
        """The date of the scan; the first day of the calendar where none is recorded."""
        return self.study.date or _NEVER

    @property
    def day(self) -> date:
        """The first day the date may mean."""
        return self.when.earliest

    @property
    def is_fit(self) -> bool:
        """Whether it may stand for staging without a clinician's word."""
        return self.study.unfit is None and self.study.doubtful is None

    def shows(self, region: Region) -> bool:
        """Whether CT, MR or PET of the region is certain."""
        return any(item.region is region and item.modality in SECTIONAL for item in self.study.coverage)

    def parts(self) -> tuple[Coverage, ...]:
        """All that makes it a part of a CT or MR set; of all three regions it is a set by itself."""
        return tuple(part for part in self.serving if part is not None)

    def whole_body_pet(self) -> tuple[Coverage, ...]:
        """The PET coverage of chest, abdomen and pelvis; empty where one of them is not certain."""
        pet: Serving = (None, None, None)
        for item in self.study.coverage:
            if item.modality is Modality.PET:
                pet = _with_part(pet, item)
        return () if None in pet else tuple(part for part in pet if part is not None)


def scan_of(study: ImagingStudy, evidence: tuple[Evidence, ...]) -> Scan:
    """A scan, with what it is to a CT or MR set: CT of the chest, CT or MR of abdomen and pelvis."""
    serving: Serving = (None, None, None)
    for item in study.coverage:
        if item.modality is Modality.CT or (item.modality is Modality.MR and item.region is not Region.CHEST):
            serving = _with_part(serving, item)
    return Scan(study, evidence, serving)


def _with_part(parts: Serving, item: Coverage) -> Serving:
    """The parts with one more: coded before derived, then CT before MR."""
    chest, abdomen, pelvis = parts
    match item.region:
        case Region.CHEST:
            return (_surer(chest, item), abdomen, pelvis)
        case Region.ABDOMEN:
            return (chest, _surer(abdomen, item), pelvis)
        case Region.PELVIS:
            return (chest, abdomen, _surer(pelvis, item))
        case _:
            return parts


def _surer(one: Coverage | None, other: Coverage) -> Coverage:
    if one is None or (other.derived, other.modality.value) < (one.derived, one.modality.value):
        return other
    return one


def one_each(studies: Iterable[ImagingStudy]) -> list[Scan]:
    """Each scan once: records that name each other, or share an accession number, are one."""
    listed = list(studies)
    alone = {study.evidence.reference: study for study in listed}
    if len(alone) == len(listed) and not any(study.same_study for study in listed):
        return [scan_of(study, (study.evidence,)) for study in listed]
    groups: dict[str, list[ImagingStudy]] = {}
    for study in listed:
        keys = (study.evidence.reference, *study.same_study)
        group = [study]
        for other in {id(groups[key]): groups[key] for key in keys if key in groups}.values():
            group += other
        for member in group:
            groups.update(dict.fromkeys((member.evidence.reference, *member.same_study), group))
    return [scan for group in {id(group): group for group in groups.values()}.values() for scan in _told_of(group)]


def _told_of(group: Sequence[ImagingStudy]) -> list[Scan]:
    """The scans a group of linked records tells of: one, but for a report on studies of several days.

    Which of those studies such a report's regions belong to is not known: it is left out.
    """
    studies: dict[PartialDate | None, list[ImagingStudy]] = {}
    for study in group:
        if study.record is ScanRecord.STUDY:
            studies.setdefault(study.date, []).append(study)
    return [_as_one(group)] if len(studies) <= 1 else [_as_one(of_one_day) for of_one_day in studies.values()]


def _as_one(group: Sequence[ImagingStudy]) -> Scan:
    records = sorted(group, key=lambda study: (_RECORDS.index(study.record), study.evidence.reference))
    evidence = tuple(dict.fromkeys(study.evidence for study in records))
    first = records[0]
    if len(records) == 1:
        return scan_of(first, evidence)
    modalities = frozenset().union(*(study.modalities for study in records))
    areas = frozenset().union(*(study.areas for study in records))
    coverage = frozenset().union(*(study.coverage for study in records))
    coverage |= _stated_apart(modalities, areas, coverage)
    merged = replace(
        first,
        date=next((study.date for study in records if study.date is not None), None),
        modalities=modalities,
        areas=areas,
        coverage=coverage,
        unfit=next((study.unfit for study in records if study.unfit), None),
        doubtful=next((study.doubtful for study in records if study.doubtful), None),
        unstated=None if coverage else next((study.unstated for study in records if study.unstated), None),
        preliminary=all(study.preliminary for study in records),
    )
    return scan_of(merged, evidence)


def _stated_apart(
    modalities: frozenset[Modality], areas: frozenset[Region], known: frozenset[Coverage]
) -> frozenset[Coverage]:
    """Coverage of a scan whose one record gives the modality and another the region.

    Only where there is one modality to choose: of PET with CT the region says nothing certain.
    """
    sectional = modalities & SECTIONAL
    if len(sectional) != 1:
        return frozenset()
    (modality,) = sectional
    regions = areas - {item.region for item in known}
    return frozenset(Coverage(modality, region, derived=True) for region in regions)
