"""Facts for tests, keyword by keyword; what is left out is not recorded.

Dates are text as a record has them ("2026-11-10", "2026-11"). References are made from the
kind of fact and a running word (`ref`), so that a reason can be traced.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from cds_service.domain.codes import Meaning, MeaningBasis
from cds_service.domain.criteria import DiseaseRules, LesionRules, StagingRules, TherapyRules
from cds_service.domain.dates import PartialDate, parse_partial_date
from cds_service.domain.facts import (
    Answer,
    CancerProfile,
    ClinicalStatus,
    Comparator,
    Condition,
    Coverage,
    Evidence,
    ImagingStudy,
    Intent,
    LabResult,
    Lesion,
    LesionMeasurement,
    LesionRole,
    Medication,
    MedicationSource,
    Modality,
    PathologyReport,
    PatientFacts,
    PerformanceStatus,
    Person,
    Procedure,
    ReferenceRange,
    Regimen,
    Region,
    Response,
    Scale,
    ScanRecord,
    Sex,
    Side,
    Site,
    StageObservation,
    StatusObservation,
    TherapyLine,
    Verification,
    latest_first,
)

PATIENT = "Patient/p1"


def when(text: str | None) -> PartialDate | None:
    """A recorded date, None for none."""
    return parse_partial_date(text) if text else None


def lesion_rules(**more: Any) -> LesionRules:
    """RECIST 1.1, as the trial applies it: 20 % and 5 mm, 10 mm, nodes 15 and 10 mm, sizes within 3 days of a scan."""
    recist = {"grows_by_ratio": Decimal("0.20"), "grows_by_mm": Decimal(5), "measurable_mm": Decimal(10)}
    nodes = {"measurable_node_mm": Decimal(15), "normal_node_below_mm": Decimal(10)}
    return LesionRules(**{**recist, **nodes, "measured_within_days": 3, **more})


def staging_rules(**more: Any) -> StagingRules:
    """One staging within 14 days, at most 28 days old, the earlier one 42 to 112 days before, best 70."""
    window = {"pre_baseline_from_days": 42, "pre_baseline_to_days": 112, "paired_best_days": 70}
    return StagingRules(**{"set_within_days": 14, "baseline_within_days": 28, **window, **more})


def therapy_rules(**more: Any) -> TherapyRules:
    """30 days back, a regimen in 28 days, a gap of 120, covered within 120, adjuvant within 365."""
    days = {"lookback_days": 30, "regimen_days": 28, "gap_days": 120, "history_within_days": 120}
    return TherapyRules(**{**days, "adjuvant_within_days": 365, **more})


def disease_rules(**more: Any) -> DiseaseRules:
    """What EXTEND-OP's criteria share, without nodes unless given."""
    rules = {"lesions": lesion_rules(), "staging": staging_rules(), "therapy": therapy_rules()}
    return DiseaseRules(**{**rules, **more})


def day(text: str) -> date:
    """A complete day."""
    return date.fromisoformat(text)


def number(value: str | int | None) -> Decimal | None:
    """An exact number, None for none."""
    return None if value is None else Decimal(value)


def evidence(reference: str = "Observation/o1", date: str | None = None, text: str = "") -> Evidence:
    return Evidence(reference, date, text or reference)


def meaning(spec: str, *, display: str = "", note: str = "", text_only: bool = False) -> Meaning:
    """ "concept/group/use", e.g. "cancer-type/CRC/yes"."""
    concept, group, use = spec.split("/")
    basis = MeaningBasis.TEXT if text_only else MeaningBasis.CODE
    return Meaning(concept, group, use, display or group, note, basis)


def meanings(specs: Iterable[str], *, note: str = "", text_only: bool = False) -> tuple[Meaning, ...]:
    return tuple(meaning(spec, note=note, text_only=text_only) for spec in specs)


def person(
    *,
    born: str | None = "1960-05-17",
    sex: str | None = "female",
    gender: str | None = None,
    deceased: bool | None = None,
    died: str | None = None,
) -> Person:
    return Person(
        PATIENT,
        when(born),
        Sex(sex) if sex else None,
        Sex(gender) if gender else None,
        deceased,
        when(died),
    )


def condition(
    *means: str,
    ref: str = "c1",
    text: str = "",
    status: str | None = "active",
    verified: str | None = "confirmed",
    onset: str | None = None,
    recorded: str | None = None,
    abated: str | None = None,
    profile: str | None = None,
    site: Site | None = None,
    side: str | None = None,
    stage: str | None = None,
    confirmation: str | None = None,
    morphology: Iterable[str] = (),
    related: Iterable[str] = (),
    note: str = "",
    text_only: bool = False,
    unlisted: bool = False,
) -> Condition:
    """A diagnosis that means `means` ("cancer-type/CRC/yes"); active and confirmed unless said."""
    return Condition(
        evidence=evidence(f"Condition/{ref}", recorded or onset, text or ref),
        meanings=meanings(means, note=note, text_only=text_only),
        text=text,
        unlisted=unlisted or text_only,
        clinical_status=ClinicalStatus(status) if status else None,
        verification=Verification(verified) if verified else None,
        onset=when(onset),
        recorded=when(recorded),
        abated=when(abated),
        profile=CancerProfile(profile) if profile else None,
        sites=(site,) if site else (),
        side=Side(side) if side else None,
        stages=meanings([f"stage/{stage}/{stage}"] if stage else []),
        confirmation=meanings([f"tissue-confirmation/{confirmation}/confirms"] if confirmation else []),
        morphology=meanings(morphology),
        related=tuple(related),
    )


def primary(kind: str = "CRC", *, ref: str = "primary", text: str = "Colon cancer", **more: Any) -> Condition:
    """A certain, active, confirmed primary cancer of one type."""
    return condition(f"cancer-type/{kind}/yes", "primary-cancer/PRIMARY/primary", ref=ref, text=text, **more)


def metastasis(organ: str = "liver", *, ref: str = "met", text: str = "", **more: Any) -> Condition:
    """An active secondary cancer of one organ ("lymph_node:iliac" for nodes)."""
    use = "nodal" if organ.startswith("lymph_node") else "metastatic"
    means = (f"secondary-site/{organ}/{use}", "primary-cancer/SECONDARY/secondary")
    return condition(*means, ref=ref, text=text or f"Metastasis in {organ}", **more)


def stage(
    use: str, *, ref: str = "stage", on: str | None = None, focus: Iterable[str] = (), negated: bool = False
) -> StageObservation:
    """A stage or M category: stage-iv, stage-i-iii, m1 or m0."""
    return StageObservation(
        evidence(f"Observation/{ref}", on, use), meanings([f"stage/{use}/{use}"]), when(on), tuple(focus), negated
    )


def ecog(
    score: int | None, *, on: str | None, ref: str = "ecog", problem: str | None = None, preliminary: bool = False
) -> PerformanceStatus:
    text = f"ECOG {score}"
    return PerformanceStatus(
        evidence(f"Observation/{ref}", on, text), Scale.ECOG, score, when(on), preliminary, problem
    )


def karnofsky(score: int | None, *, on: str | None, ref: str = "kps") -> PerformanceStatus:
    return PerformanceStatus(evidence(f"Observation/{ref}", on, f"Karnofsky {score}"), Scale.KARNOFSKY, score, when(on))


def lab(
    analyte: str,
    value: str | int | None = None,
    *,
    on: str | None = "2026-11-10",
    ref: str | None = None,
    sign: str | None = None,
    answer: str | None = None,
    high: str | None = None,
    low: str | None = None,
    use: str = "direct",
    draw: str | None = None,
    preliminary: bool = False,
    problem: str | None = None,
) -> LabResult:
    """A result in the analyte's own unit; `high` and `low` make its reference range."""
    ranges = (ReferenceRange(low=number(low), high=number(high)),) if high or low else ()
    return LabResult(
        evidence=evidence(f"Observation/{ref or analyte}", on, f"{analyte} {sign or ''}{value or answer or ''}"),
        analyte=analyte,
        value=number(value),
        comparator=Comparator(sign) if sign else None,
        answer=Answer(answer) if answer else None,
        ranges=ranges,
        date=when(on),
        use=use,
        preliminary=preliminary,
        problem=problem,
        collections=frozenset([draw]) if draw else frozenset(),
    )


def scan(
    covered: str = "CT chest, CT abdomen, CT pelvis",
    *,
    on: str | None,
    ref: str = "scan",
    description: str = "",
    unfit: str | None = None,
    doubtful: str | None = None,
    unstated: str | None = None,
    modalities: str = "",
    areas: str = "",
    links: Iterable[str] = (),
    record: str = "study",
    preliminary: bool = False,
) -> ImagingStudy:
    """A scan that covered "CT chest, MR abdomen~" (~ for derived from text).

    `record` "report" or "procedure" makes it another record of a scan, `links` say of which.
    """
    coverage = frozenset(_covered(part) for part in covered.split(", ") if part)
    named = frozenset(Modality(word) for word in modalities.split())
    kinds = {"study": "ImagingStudy", "report": "DiagnosticReport", "procedure": "Procedure"}
    return ImagingStudy(
        evidence=evidence(f"{kinds[record]}/{ref}", on, description or covered),
        date=when(on),
        modalities=named or frozenset(item.modality for item in coverage),
        coverage=coverage,
        unfit=unfit,
        doubtful=doubtful,
        unstated=unstated,
        description=description,
        same_study=tuple(links),
        preliminary=preliminary,
        areas=frozenset(Region(word) for word in areas.split()),
        record=ScanRecord(record),
    )


def _covered(part: str) -> Coverage:
    modality, region = part.rstrip("~").split(" ", 1)
    return Coverage(Modality(modality), Region(region), derived=part.endswith("~"))


def lesion(
    organ: str | None = "liver",
    *,
    ref: str = "l1",
    chain: str | None = None,
    side: str | None = None,
    role: str | None = "metastatic",
    detail: str = "",
) -> Lesion:
    """A tumour as a body structure, to be measured with `measured(lesion=...)`."""
    reference = f"BodyStructure/{ref}"
    site = Site(organ, chain, Side(side) if side else None, chain or organ or "", detail)
    return Lesion(
        evidence(reference, None, f"lesion {ref}"), reference, site=site, role=LesionRole(role) if role else None
    )


def measured(
    *,
    lesion: str | None = "l1",
    on: str | None,
    long: str | int | None = None,
    short: str | int | None = None,
    site: Site | None = None,
    response: str | None = None,
    seen: bool = True,
    ref: str | None = None,
) -> LesionMeasurement:
    """One reading of a lesion (`lesion` is its `ref`), millimetres."""
    return LesionMeasurement(
        evidence=evidence(f"Observation/{ref or f'size-{lesion}-{on}'}", on, f"{lesion} {long or short} mm"),
        lesion=f"BodyStructure/{lesion}" if lesion else None,
        site=site or Site(),
        date=when(on),
        long_axis_mm=number(long),
        short_axis_mm=number(short),
        response=Response(response) if response else None,
        seen=seen,
    )


def procedure(
    *means: str, on: str | None, ref: str = "proc", text: str = "", organ: str | None = None, side: str | None = None
) -> Procedure:
    site = (Site(organ, None, Side(side) if side else None, organ),) if organ else ()
    return Procedure(evidence(f"Procedure/{ref}", on, text or ref), meanings(means), text, when(on), sites=site)


def pathology(
    *,
    malignant: bool | None,
    on: str | None,
    ref: str = "path",
    of_marrow: bool = False,
    cytology: bool = False,
    organ: str | None = None,
) -> PathologyReport:
    return PathologyReport(
        evidence(f"DiagnosticReport/{ref}", on, f"pathology {ref}"),
        when(on),
        malignant,
        cytology,
        of_marrow,
        sites=(Site(organ, text=organ),) if organ else (),
    )


def status(*means: str, on: str | None, ref: str = "status", text: str = "") -> StatusObservation:
    """An observation read by meaning alone: "lab-answer/pregnancy_value/pregnant"."""
    return StatusObservation(evidence(f"Observation/{ref}", on, text or ref), meanings(means), when(on))


def drug(
    agents: str,
    *,
    on: str | None,
    until: str | None = None,
    of: str = "chemo",
    source: str = "administration",
    given: bool = True,
    ongoing: bool = False,
    counts: bool = True,
    intent: str | None = None,
    stopped: str | None = None,
    ref: str | None = None,
) -> Medication:
    """A record of a drug: `agents` "oxaliplatin+fluorouracil", `of` their classes in the same way."""
    return Medication(
        evidence=evidence(f"Medication/{ref or f'{agents}-{on}'}", on, agents),
        agents=tuple(agents.split("+")),
        classes=frozenset(of.split("+")),
        source=MedicationSource(source),
        start=when(on),
        end=when(until),
        given=given,
        ongoing=ongoing,
        counts=counts,
        intent=Intent(intent) if intent else None,
        stop_reasons=meanings([f"stop-reason/termination_reason/{stopped}"] if stopped else []),
    )


def numbered_line(
    number: int | None, *, on: str | None = None, until: str | None = None, intent: str | None = "palliative"
) -> TherapyLine:
    """A line of therapy that the record numbers."""
    reference = evidence(f"EpisodeOfCare/line-{number}-{on}", on, f"Line of therapy {number}")
    return TherapyLine(reference, number, when(on), when(until), Intent(intent) if intent else None)


def regimen(agents: str, *, on: str | None, until: str | None = None) -> Regimen:
    """A planned regimen of a care plan."""
    return Regimen(evidence(f"CarePlan/{agents}", on, agents), agents, tuple(agents.split("+")), when(on), when(until))


def facts(*found: object, of: Person | None = None, **more: Any) -> PatientFacts:
    """A patient's facts, each put to its kind and order; other fields by keyword."""
    kinds = {
        Condition: "conditions",
        StageObservation: "stages",
        PerformanceStatus: "performance",
        LabResult: "labs",
        ImagingStudy: "imaging",
        Lesion: "lesions",
        LesionMeasurement: "measurements",
        Procedure: "procedures",
        PathologyReport: "pathology",
        StatusObservation: "statuses",
        Medication: "medications",
        TherapyLine: "therapy_lines",
        Regimen: "regimens",
    }
    sorted_in: dict[str, list[Any]] = {}
    for item in found:
        sorted_in.setdefault(kinds[type(item)], []).append(item)
    kept: dict[str, Any] = {name: _in_order(items) for name, items in sorted_in.items()} | more
    return PatientFacts(of or person(), **kept)


def _in_order(items: list[Any]) -> tuple[Any, ...]:
    order = latest_first((getattr(item, "date", None), item.evidence.reference) for item in items)
    return tuple(items[index] for index in order)
