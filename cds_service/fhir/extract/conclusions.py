"""Excluding disease that only a report concludes (a CT that finds a malignant effusion).

It is not on the problem list, and a report is of its day: never more than a review, so it is
read as a diagnosis that is not confirmed. Coded conclusions only; free text says "no evidence
of ..." as often as its opposite.

Source: CRITERIA rows E1 to E3; FHIR R4 DiagnosticReport.conclusionCode.
"""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.domain.facts import Condition, Verification
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_when
from cds_service.fhir.extract.words import words_of
from cds_service.fhir.resources import DiagnosticReport

_CONCEPTS = frozenset({"effusion", "leptomeningeal", "peritoneal-carcinomatosis"})
_SAYS_NOTHING = frozenset({"support", "not_applicable"})


def read_conclusions(report: DiagnosticReport, context: ReadingContext) -> Iterable[Condition]:
    """Each coded conclusion of a report that names what would exclude."""
    for concluded in report.conclusion_code:
        meanings = tuple(
            meaning
            for meaning in context.meanings(concluded)
            if meaning.concept in _CONCEPTS and meaning.use not in _SAYS_NOTHING
        )
        if meanings:
            when = read_when(report.effective_date_time, report.effective_period, context, report.issued)
            words = f"{words_of(concluded) or meanings[0].display} (concluded by a report)"
            yield Condition(
                context.evidence(when.text, words),
                meanings=meanings,
                text=words,
                verification=Verification.PROVISIONAL,
                recorded=when.start or when.end,
            )


READERS: tuple[Reader, ...] = (Reader(DiagnosticReport, "conditions", read_conclusions),)
