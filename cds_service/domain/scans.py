"""Scans, each once: one scan may be told of by its study, a procedure and a report.

Records that name each other or share an accession number are one scan; the study's date is
its date, else the procedure's, else the report's. What makes one record unfit for staging
makes the scan so.

Source: CRITERIA, "Baseline set" and row I10.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cds_service.domain.dates import PartialDate, on
from cds_service.domain.facts import Coverage, Evidence, ImagingStudy, Modality, Region, ScanRecord

TRUNK = (Region.CHEST, Region.ABDOMEN, Region.PELVIS)
"""The regions a staging set covers."""
SECTIONAL = frozenset({Modality.CT, Modality.MR, Modality.PET})
"""The modalities that can show a region to staging."""
_SERVES: Mapping[Region, tuple[Modality, ...]] = {
    Region.CHEST: (Modality.CT,),
    Region.ABDOMEN: (Modality.CT, Modality.MR),
    Region.PELVIS: (Modality.CT, Modality.MR),
}
_RECORDS = tuple(ScanRecord)
_NEVER = on(date.min)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan, whatever the number of records that tell of it; `evidence` names all of them."""

    study: ImagingStudy
    evidence: tuple[Evidence, ...]

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

    def serving(self, region: Region) -> Coverage | None:
        """What makes it a part of a CT or MR set for a region, coded before derived; None if nothing."""
        found = [c for c in self.study.coverage if c.region is region and c.modality in _SERVES[region]]
        return min(found, key=lambda c: (c.derived, c.modality.value), default=None)

    def whole_body_pet(self) -> tuple[Coverage, ...]:
        """The PET coverage of chest, abdomen and pelvis; empty where one of them is not certain."""
        pet = [c for c in self.study.coverage if c.modality is Modality.PET]
        found = [min((c for c in pet if c.region is region), key=lambda c: c.derived, default=None) for region in TRUNK]
        return tuple(c for c in found if c is not None) if None not in found else ()


def one_each(studies: Iterable[ImagingStudy]) -> list[Scan]:
    """Each scan once: records that name each other, or share an accession number, are one."""
    groups: dict[str, list[ImagingStudy]] = {}
    for study in studies:
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
        return Scan(first, evidence)
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
    return Scan(merged, evidence)


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
