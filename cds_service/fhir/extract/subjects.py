"""The patient as a subject of research studies, from ResearchSubject."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.facts import StudySubject
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_when
from cds_service.fhir.resources import ResearchStudy, ResearchSubject


def read_subject(subject: ResearchSubject, context: ReadingContext) -> Iterable[StudySubject]:
    """The participation, with every identifier and name of the study that is at hand."""
    when = read_when(None, subject.period, context)
    names = frozenset(_names(subject, context))
    yield StudySubject(
        context.evidence(when.text, f"Study subject: {subject.status or 'status not recorded'}"),
        study=names,
        status=subject.status or "",
        date=when.start or when.end,
    )


def _names(subject: ResearchSubject, context: ReadingContext) -> Iterable[str]:
    study = subject.study
    if study is None:
        return
    if study.reference:
        name = context.name(study)
        if name:
            yield name
        found = context.resolve(study)
        if isinstance(found, ResearchStudy):
            yield from (identifier.value for identifier in found.identifier if identifier.value)
    if study.identifier is not None and study.identifier.value:
        yield study.identifier.value
    if study.display:
        yield study.display


READERS: tuple[Reader, ...] = (Reader(ResearchSubject, "subjects", read_subject),)
