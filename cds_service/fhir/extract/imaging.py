"""Scans, from ImagingStudy, from radiology DiagnosticReports, from Procedures coded as imaging.

Records of one scan are linked by references and accession numbers (`same_study`); the
domain makes one scan of them. A scan is dated by when it was made, never by when it was
reported (`issued`) or stored.

Source: FHIR R4 ImagingStudy, DiagnosticReport, Procedure; CRITERIA rows I10 to I12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cds_service.domain.codes import Meanings, of_concept
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import ImagingStudy as Scan
from cds_service.domain.facts import Modality, Region, ScanRecord
from cds_service.domain.scans import SECTIONAL
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.coverage import (
    PROCEDURE,
    ScanReading,
    SeriesTold,
    Told,
    coded_modalities,
    read_coverage,
    site_regions,
)
from cds_service.fhir.extract.dates import read_date, read_when
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.extract.words import all_words, clean, words_of
from cds_service.fhir.remembering import Remembered
from cds_service.fhir.resources import (
    CodeableConcept,
    Coding,
    DiagnosticReport,
    Identifier,
    ImagingSeries,
    ImagingStudy,
    Procedure,
    Spelling,
)

_REGISTERED = "registered only, no images or report yet"
_ACCESSION = "acsn"
_PATHOLOGY = "pathology-report"
_CT = frozenset({Modality.CT})


def read_study(study: ImagingStudy, context: ReadingContext) -> Iterable[Scan]:
    """The scan an ImagingStudy records: modality of the study or its series, regions from all it says."""
    reading = _read_study(study, context)
    if _status(study.status) == "registered":
        reading = replace(reading, unfit=reading.unfit or _REGISTERED)
    links = (*context.names((study.procedure_reference,) if study.procedure_reference else ()), *_accessions(study))
    text = clean(study.description or "") or next(iter(_words(study.procedure_code)), "")
    yield _scan(context, _started(study, context), reading, text, links, ScanRecord.STUDY, preliminary=False)


_Spelling = tuple[
    tuple[Coding, ...],
    tuple[Spelling, ...],
    tuple[Spelling, ...],
    str | None,
    tuple[tuple[Coding | None, Coding | None, str | None], ...],
]
_readings: Remembered[_Spelling, ScanReading] = Remembered()


def _read_study(study: ImagingStudy, context: ReadingContext) -> ScanReading:
    """What a study covered: worked out once for each spelling of all it tells."""
    series = tuple([(one.modality, one.body_site, one.description) for one in study.series])
    codes = tuple([code.spelling for code in study.procedure_code])
    reasons = tuple([reason.spelling for reason in study.reason_code])
    spelling = (study.modality, codes, reasons, study.description, series)
    known = _readings.of(context.catalog)
    found = known.get(spelling)
    if found is None:
        told = Told(
            modalities=_modalities((*study.modality, *(series.modality for series in study.series)), context),
            procedures=_procedures(study.procedure_code, context),
            texts=(study.description,) if study.description else (),
            code_texts=_words(study.procedure_code),
            series=_all_series(study.series, context),
            reasons=_words(study.reason_code),
        )
        found = Remembered.keep(known, spelling, read_coverage(told, context.catalog.descriptions))
    return found


def read_report(report: DiagnosticReport, context: ReadingContext) -> Iterable[Scan]:
    """The scan a radiology report is on; () for reports of a laboratory or of pathology."""
    procedures = _procedures((report.code,), context)
    words = all_words(report.code)
    if not procedures and not _is_radiology(report, words, context):
        return
    told = Told(procedures=procedures, code_texts=words)
    reading = read_coverage(told, context.catalog.descriptions)
    links = (*context.names(report.imaging_study), *_accessions(report))
    if not links and not _tells(reading):
        return
    if _status(report.status) == "registered":
        reading.unfit = reading.unfit or _REGISTERED
    when = read_when(report.effective_date_time, report.effective_period, context)
    preliminary = is_preliminary(report.status)
    yield _scan(
        context,
        when.start or when.end,
        reading,
        words_of(report.code),
        links,
        ScanRecord.REPORT,
        preliminary=preliminary,
    )


def read_imaging_procedure(procedure: Procedure, context: ReadingContext) -> Iterable[Scan]:
    """The scan a completed Procedure coded as imaging was; () for every other procedure."""
    if _status(procedure.status) not in ("completed", ""):
        return
    meanings = context.meanings(procedure.code)
    imaging = of_concept(meanings, PROCEDURE)
    if not imaging and (meanings or not _names_modality(all_words(procedure.code), context)):
        return
    sites = frozenset(region for place in procedure.body_site for region in site_regions(context.meanings(place)))
    told = Told(
        procedures=imaging,
        code_texts=all_words(procedure.code),
        series=(SeriesTold(sites=sites),) if sites else (),
        reasons=_words(procedure.reason_code),
    )
    reading = read_coverage(told, context.catalog.descriptions)
    if not _tells(reading):
        return
    when = read_when(procedure.performed_date_time, procedure.performed_period, context)
    links = context.names(procedure.report)
    text = words_of(procedure.code)
    yield _scan(context, when.start or when.end, reading, text, links, ScanRecord.PROCEDURE, preliminary=False)


def _scan(
    context: ReadingContext,
    when: PartialDate | None,
    reading: ScanReading,
    text: str,
    links: tuple[str, ...],
    record: ScanRecord,
    *,
    preliminary: bool,
) -> Scan:
    how = "/".join(sorted(modality.value for modality in reading.modalities))
    return Scan(
        context.evidence(str(when) if when else None, text or how or "scan"),
        date=when,
        modalities=reading.modalities,
        coverage=frozenset(reading.coverage),
        unfit=reading.unfit,
        doubtful=reading.doubtful,
        unstated=reading.unstated,
        description=text,
        same_study=tuple(dict.fromkeys(links)),
        preliminary=preliminary,
        areas=reading.areas,
        record=record,
    )


def _tells(reading: ScanReading) -> bool:
    """Whether a report or procedure is on a scan that matters here."""
    return bool(reading.coverage or reading.doubtful or reading.modalities & SECTIONAL)


def _is_radiology(report: DiagnosticReport, words: tuple[str, ...], context: ReadingContext) -> bool:
    """By its words or its link to a study, where no code of it is listed and pathology is not meant."""
    if not report.imaging_study and not _names_modality(words, context):
        return False
    return not of_concept(context.meanings(report.code, *report.category), _PATHOLOGY)


def _names_modality(words: tuple[str, ...], context: ReadingContext) -> bool:
    descriptions = context.catalog.descriptions
    return any(descriptions.modalities(text) & SECTIONAL for text in words)


def _procedures(codes: Iterable[CodeableConcept | None], context: ReadingContext) -> Meanings:
    return of_concept(context.meanings(*codes), PROCEDURE)


def _words(concepts: Iterable[CodeableConcept]) -> tuple[str, ...]:
    return tuple(words for concept in concepts for words in all_words(concept))


def _status(status: str | None) -> str:
    return (status or "").strip().lower()


def _modalities(codings: Iterable[Coding | None], context: ReadingContext) -> frozenset[Modality]:
    """By DICOM code; by the words of a coding that is in no table ("CT" without its system)."""
    distinct = {(c.system, c.code, c.display) for c in codings if c is not None}
    return frozenset(how for coding in distinct for how in _modality(*coding, context))


def _modality(
    system: str | None, code: str | None, display: str | None, context: ReadingContext
) -> frozenset[Modality]:
    meant = coded_modalities(context.catalog.meanings(system, code))
    if meant:
        return meant
    descriptions = context.catalog.descriptions
    return frozenset(how for text in (code, display) if text for how in descriptions.modalities(text))


def _all_series(listed: tuple[ImagingSeries, ...], context: ReadingContext) -> tuple[SeriesTold, ...]:
    """What each series tells; those that tell the same are told once."""
    codings = {_key(series.modality): series.modality for series in listed}
    modalities = {key: _one_modality(coding, context) for key, coding in codings.items()}
    places = {_key(series.body_site): series.body_site for series in listed}
    sites = {key: _site(coding, context) for key, coding in places.items()}
    told = {(_key(series.modality), _key(series.body_site), series.description or ""): None for series in listed}
    return tuple(SeriesTold(modalities[how], *sites[where], text) for how, where, text in told)


def _key(coding: Coding | None) -> tuple[str | None, str | None, str | None] | None:
    return None if coding is None else (coding.system, coding.code, coding.display)


def _one_modality(coding: Coding | None, context: ReadingContext) -> Modality | None:
    """The modality of a series; OTHER for a code of no table (a segmentation), None where none is given."""
    if coding is None:
        return None
    unlisted = Modality.OTHER if coding.code else None
    return next(iter(_modality(coding.system, coding.code, coding.display, context)), unlisted)


def _site(site: Coding | None, context: ReadingContext) -> tuple[frozenset[Region], frozenset[Region]]:
    """The regions a body site names by its code, and by its words where the code is in no table."""
    if site is None:
        return frozenset(), frozenset()
    meant = context.meanings_of_codings(site)
    if meant or not site.display:
        return site_regions(meant), frozenset()
    # Read as of CT, so that a bare organ ("Liver"), which MR alone makes a region, stays an organ.
    return frozenset(), context.catalog.descriptions.read(site.display, _CT).regions


def _started(study: ImagingStudy, context: ReadingContext) -> PartialDate | None:
    """When the study was started, else its earliest series."""
    if study.started:
        return read_date(study.started, context)
    days = [day for series in study.series if (day := read_date(series.started, context)) is not None]
    return min(days, key=lambda day: day.earliest, default=None)


def _accessions(resource: ImagingStudy | DiagnosticReport) -> tuple[str, ...]:
    """Accession numbers, as the keys that study and report of one scan share."""
    return tuple(
        f"accession:{identifier.system or ''}|{identifier.value}"
        for identifier in resource.identifier
        if identifier.value and _is_accession(identifier)
    )


def _is_accession(identifier: Identifier) -> bool:
    kinds = identifier.type.coding if identifier.type else ()
    return any((kind.code or "").lower() == _ACCESSION for kind in kinds)


READERS: tuple[Reader, ...] = (
    Reader(ImagingStudy, "imaging", read_study),
    Reader(DiagnosticReport, "imaging", read_report),
    Reader(Procedure, "imaging", read_imaging_procedure),
)
