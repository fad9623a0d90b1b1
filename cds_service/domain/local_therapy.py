"""Earlier local therapy and what it does to a lesion: out of the count, in doubt, or nothing.

A progressive lesion of the trial is one without local therapy before the baseline scan.
Radiotherapy, surgery, ablation and embolisation are local; a radionuclide is systemic.
Therapy after the baseline scan leaves a lesion in. Where the place or the time of a therapy
is not certain, the lesion is only possibly progressive.

Source: CRITERIA rulings 9 and 5 of the contradictions, rows I5 and I13.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cds_service.domain.anatomy import places_named, same_place
from cds_service.domain.codes import of_concept
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Evidence, Procedure, Site
from cds_service.domain.making import Term, quick_to_make
from cds_service.domain.tracking import TrackedLesion
from cds_service.domain.truth import Truth, any_of


class Effect(Term):
    """What local therapy does to a lesion of the trial."""

    TAKES_OUT = "out"
    DOUBT = "doubt"


@quick_to_make
@dataclass(frozen=True, slots=True)
class LocalTherapy:
    """One local treatment: where, which lesions it names, when it began."""

    evidence: Evidence
    title: str
    sites: tuple[Site, ...]
    focus: frozenset[str]
    began: PartialDate | None
    completed: bool


@quick_to_make
@dataclass(frozen=True, slots=True)
class Treated:
    """That a lesion was, or may have been, treated before the baseline scan.

    `between`: certainly this lesion, and not before the earlier scan.
    """

    effect: Effect
    explanation: str
    evidence: Evidence
    between: bool = False


@quick_to_make
@dataclass(frozen=True, slots=True)
class ScanDays:
    """First and last day of the baseline scan and of the earlier one (None where there is none)."""

    baseline: tuple[date, date]
    earlier: tuple[date, date] | None = None


def local_therapies(procedures: Iterable[Procedure]) -> tuple[LocalTherapy, ...]:
    """The local treatments among a patient's procedures; support and radionuclides are none."""
    return tuple(_therapy(procedure) for procedure in procedures if is_local_therapy(procedure))


def is_local_therapy(procedure: Procedure) -> bool:
    """Whether a procedure treats a place rather than the whole body."""
    return any(meaning.use == "prior_local_therapy" for meaning in of_concept(procedure.meanings, "local-therapy"))


def _therapy(procedure: Procedure) -> LocalTherapy:
    rows = of_concept(procedure.meanings, "local-therapy")
    title = procedure.text or next((row.display for row in rows if row.display), "local therapy")
    sites = tuple(site for site in procedure.sites if site.organ or site.chain)
    if not sites:
        sites = places_named(" ".join([procedure.text, *(row.display for row in rows)]))
    return LocalTherapy(
        evidence=procedure.evidence,
        title=title,
        sites=sites,
        focus=frozenset(procedure.focus),
        began=procedure.date,
        completed=procedure.completed,
    )


def treated(
    lesion: TrackedLesion,
    therapies: Iterable[LocalTherapy],
    known: frozenset[str],
    days: ScanDays,
    midline: frozenset[str],
) -> Treated | None:
    """The therapy that weighs most on a lesion; None where none can have been given to it before.

    `known` holds the references of all lesions: a therapy that names another lesion is not for this one.
    """
    found = [_weigh(lesion, therapy, known, days, midline) for therapy in therapies]
    certain = [item for item in found if item is not None and item.effect is Effect.TAKES_OUT]
    return next(iter(certain), None) or next((item for item in found if item is not None), None)


def _weigh(
    lesion: TrackedLesion, therapy: LocalTherapy, known: frozenset[str], days: ScanDays, midline: frozenset[str]
) -> Treated | None:
    here = _given_to(lesion, therapy, known, midline)
    before, between = _timing(therapy.began, days)
    if here is Truth.FALSE or before is Truth.FALSE:
        return None
    when = f" ({therapy.began})" if therapy.began else " (no date)"
    if here is Truth.UNKNOWN:
        text = f"may have had local therapy before: {therapy.title}{when}, the place does not certainly match"
    elif before is Truth.UNKNOWN or not therapy.completed:
        text = f"had local therapy, not certainly before the baseline scan: {therapy.title}{when}"
    elif between is not Truth.FALSE:
        text = f"had local therapy between the two scans: {therapy.title}{when}"
    else:
        return Treated(Effect.TAKES_OUT, f"had local therapy before: {therapy.title}{when}", therapy.evidence)
    return Treated(Effect.DOUBT, text, therapy.evidence, here is Truth.TRUE and between is not Truth.FALSE)


def _given_to(lesion: TrackedLesion, therapy: LocalTherapy, known: frozenset[str], midline: frozenset[str]) -> Truth:
    if therapy.focus & lesion.references:
        return Truth.TRUE
    if therapy.focus & known:
        return Truth.FALSE
    if not therapy.sites:
        return Truth.UNKNOWN
    return any_of(same_place(site, lesion.site, midline) for site in therapy.sites)


def _timing(began: PartialDate | None, days: ScanDays) -> tuple[Truth, Truth]:
    """Whether it began before the baseline scan, and whether not before the earlier scan."""
    if began is None:
        return Truth.UNKNOWN, Truth.UNKNOWN
    before = _is_before(began, *days.baseline)
    if days.earlier is None:
        return before, Truth.FALSE
    return before, ~_is_before(began, *days.earlier)


def _is_before(when: PartialDate, first: date, last: date) -> Truth:
    """Whether a date lies before a scan; the scan's own days are neither."""
    if when.latest < first:
        return Truth.TRUE
    return Truth.FALSE if when.earliest > last else Truth.UNKNOWN
