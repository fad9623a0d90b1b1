"""Pathology and cytology reports from DiagnosticReport.

A report is one by its code or category (concept "pathology-report"). It is malignant when a
conclusion code, or a result it refers to, means a malignancy; not malignant when a
conclusion code says negative and nothing malignant. Free text decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.codes import Meaning, Meanings
from cds_service.domain.facts import PathologyReport, Site
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_when
from cds_service.fhir.extract.sites import read_site
from cds_service.fhir.extract.standing import is_preliminary
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import CodeableConcept, DiagnosticReport, Observation, Specimen

REPORT = "pathology-report"
_MALIGNANT = frozenset({"secondary-site", "tumor-morphology"})
_BY_USE = {
    "cancer-type": frozenset({"yes", "review", "no", "morphology", "secondary"}),
    "primary-cancer": frozenset({"primary", "unknown-primary", "ill-defined", "secondary"}),
    "stage": frozenset({"stage-iv", "m1"}),
}


def read_pathology(report: DiagnosticReport, context: ReadingContext) -> Iterable[PathologyReport]:
    """The report, where its code or a category says pathology, cytology or marrow."""
    kinds = context.meanings(report.code, *report.category)
    groups = {meaning.group for meaning in kinds if meaning.concept == REPORT}
    if not groups:
        return
    when = read_when(report.effective_date_time, report.effective_period, context, report.issued)
    conclusions = context.meanings(*report.conclusion_code)
    found = context.meanings(*(value for value in _values(report, context)))
    sites = tuple(_sites(report, context))
    said = ", ".join(filter(None, (words_of(code) for code in report.conclusion_code)))
    yield PathologyReport(
        context.evidence(when.text, f"{words_of(report.code)}: {said}" if said else words_of(report.code)),
        date=when.start or when.end,
        malignant=_malignant(conclusions, found),
        cytology="cytology" in groups,
        of_marrow="marrow" in groups or any(site.organ == "bone_marrow" for site in sites),
        sites=sites,
        results=context.names(report.result),
        meanings=tuple(dict.fromkeys((*kinds, *conclusions))),
        preliminary=is_preliminary(report.status),
    )


def _malignant(conclusions: Meanings, found: Meanings) -> bool | None:
    """True by any malignancy; false by a conclusion only: a negative receptor among the results is none."""
    if any(is_malignant(meaning.concept, meaning.group, meaning.use) for meaning in (*conclusions, *found)):
        return True
    negative = any(meaning.concept == "lab-answer" and "negative" in _folded(meaning) for meaning in conclusions)
    return False if negative else None


def _folded(meaning: Meaning) -> str:
    return f"{meaning.group} {meaning.use}".lower()


def is_malignant(concept: str, group: str, use: str) -> bool:
    """Whether a row of `mappings/` names a malignancy (not in situ, not a history)."""
    words = _BY_USE.get(concept)
    return concept in _MALIGNANT or (words is not None and (use in words or group in words))


def _values(report: DiagnosticReport, context: ReadingContext) -> Iterable[CodeableConcept]:
    """The coded values of the results the report refers to."""
    for reference in report.result:
        result = context.resolve(reference)
        if isinstance(result, Observation) and result.value_codeable_concept is not None:
            yield result.value_codeable_concept


def _sites(report: DiagnosticReport, context: ReadingContext) -> Iterable[Site]:
    """Where its specimens were taken, and what its results look at."""
    for reference in (*report.specimen, *report.result):
        found = context.resolve(reference)
        place = None
        if isinstance(found, Specimen) and found.collection is not None:
            place = found.collection.body_site
        elif isinstance(found, Observation):
            place = found.body_site
        site = read_site(place, context)
        if site is not None:
            yield site


READERS: tuple[Reader, ...] = (Reader(DiagnosticReport, "pathology", read_pathology),)
