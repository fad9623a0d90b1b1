"""The disease: metastatic and confirmed, of a type the trial takes (CRITERIA I2, I14, rulings 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.case import Case
from cds_service.domain.codes import MeaningBasis, groups_of
from cds_service.domain.criteria import Outcome, PrimaryCancerOf
from cds_service.domain.dates import AsOf, PartialDate
from cds_service.domain.facts import Condition, Evidence, Kind, Verification
from cds_service.domain.making import quick_to_make
from cds_service.domain.primaries import Primary, type_words
from cds_service.domain.spread import Proof, SpreadStatement
from cds_service.domain.verdicts import Basis, Finding, Missing

# --- metastatic --------------------------------------------------------------------------------

_CANCERS = ("secondary-site", "primary-cancer", "cancer-type")
_STAGING_NEEDED = (Missing("current stage", "stage group or M category of the disease as it is now"),)
_SHORT_OF_PROOF = {
    Proof.PAST: "recorded as ended",
    Proof.DOUBTED: "recorded as unconfirmed",
    Proof.NODAL: "lymph nodes that may be regional",
    Proof.FOREIGN: "belongs to another cancer",
    Proof.WORDS: "known by its words only",
}


def judge_metastatic(case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (stage does not expire)
    """Whether the disease is metastatic now and proven by tissue, or its primary confirmed."""
    gap = case.facts.missing_kind(Kind.CONDITIONS)
    if gap is not None:
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=_STAGING_NEEDED)
    picture = case.cancer
    distant = [said for said in picture.spread if said.proof is Proof.DISTANT]
    if not distant:
        return _not_shown(case, picture)
    taken_back = _later_low(picture.spread, distant)
    if taken_back is not None:
        return _contradicted(distant, taken_back)
    return _confirmed(case, picture, distant)


def _confirmed(case: Case, picture: CancerPicture, distant: Sequence[SpreadStatement]) -> Finding:
    evidence = _of(distant)
    spread = _said(distant[0]) + (f" and {len(evidence) - 1} more" if len(evidence) > 1 else "")
    proof = _confirmation(case, picture)
    if proof is None:
        return _unproven(case, spread, evidence)
    return Finding(Outcome.PASS, f"Metastatic: {spread}; {proof.words}", proof.basis, (*evidence, proof.evidence))


def _said(said: SpreadStatement) -> str:
    when = f" ({said.date})" if said.date else ""
    doubt = f", {said.doubt}" if said.doubt else ""
    return f"{said.words or said.evidence.text}{when}{doubt}"


@quick_to_make
@dataclass(frozen=True, slots=True)
class _Confirmation:
    words: str
    evidence: Evidence
    basis: Basis = Basis.RECORDED


def _confirmation(case: Case, picture: CancerPicture) -> _Confirmation | None:
    """Tissue first (report, evidence code, morphology), then a confirmed primary."""
    ours = [condition for condition in case.facts.conditions if _is_ours(condition, picture)]
    for report in case.facts.pathology:
        if report.malignant:
            kind = "cytology" if report.cytology else "pathology"
            return _Confirmation(f"proven by a {kind} report{_on(report.date)}", report.evidence)
    for condition in ours:
        proofs = groups_of(condition.confirmation, "tissue-confirmation") & {"histology", "cytology"}
        if proofs:
            return _Confirmation(f"proven by {min(proofs, key=_histology_first)} (evidence code)", condition.evidence)
    for condition in ours:
        if _has_malignant_morphology(condition):
            return _Confirmation(f"proven by its morphology ({condition.morphology[0].display})", condition.evidence)
    return _confirmed_primary(picture)


def _histology_first(group: str) -> int:
    return 0 if group == "histology" else 1


def _on(when: PartialDate | None) -> str:
    return f" of {when}" if when else ""


def _has_malignant_morphology(condition: Condition) -> bool:
    benign = {"in-situ", "not-malignant"}
    return any(row.use not in benign for row in condition.morphology)


def _confirmed_primary(picture: CancerPicture) -> _Confirmation | None:
    ours = {"yes", "review", "unrecognised", "unknown-primary"}
    others = () if any(primary.use in ours for primary in picture.primaries) else ("other",)
    for primary in picture.primaries:
        if primary.condition.verification is Verification.CONFIRMED and primary.use in (*ours, *others):
            words = f"primary cancer recorded as confirmed ({primary.title})"
            return _Confirmation(words, primary.condition.evidence, Basis.DERIVED)
    return None


def _is_ours(condition: Condition, picture: CancerPicture) -> bool:
    """Whether a condition is a cancer, and not another type beside one of the trial's."""
    if condition.is_doubted or not (condition.confirmation or condition.morphology):
        return False
    mine = [primary for primary in picture.primaries if primary.condition is condition]
    if any(primary.use == "other" for primary in mine):
        return not picture.types
    return bool(mine) or any(row.concept in _CANCERS and row.basis is MeaningBasis.CODE for row in condition.meanings)


def _unproven(case: Case, spread: str, evidence: tuple[Evidence, ...]) -> Finding:
    gap = case.facts.missing_kind(Kind.REPORTS)
    uncoded = [report for report in case.facts.pathology if report.malignant is None]
    reason = f"Metastatic: {spread}; but no tissue proof and no confirmed primary is recorded"
    if gap is not None:
        reason += f" (reports not retrieved: {gap})"
    elif uncoded:
        reason += "; a pathology report is there, its conclusion is not coded"
        evidence = (*evidence, *(report.evidence for report in uncoded))
    missing = (Missing("tissue confirmation", "pathology or cytology report with its date"),)
    return Finding(Outcome.UNKNOWN, reason, Basis.RECORDED, evidence, missing)


def _later_low(spread: Iterable[SpreadStatement], distant: Sequence[SpreadStatement]) -> SpreadStatement | None:
    """A stage I-III or M0 certainly later than all proofs, where these are only stages themselves."""
    if not all(said.is_stage and said.date is not None for said in distant):
        return None
    last = max(said.date.latest for said in distant if said.date is not None)
    low = [said for said in spread if said.proof is Proof.LOW and said.date is not None and said.date.earliest > last]
    return low[0] if low else None


def _contradicted(distant: Sequence[SpreadStatement], low: SpreadStatement) -> Finding:
    reason = f"{_said(distant[0])}, but later {_said(low)}: whether the disease is metastatic now is open"
    evidence = (distant[0].evidence, low.evidence)
    return Finding(Outcome.UNKNOWN, reason, Basis.RECORDED, evidence, _STAGING_NEEDED)


def _not_shown(case: Case, picture: CancerPicture) -> Finding:
    """No proof of distant disease: fails only by a stage from the baseline scan on and nothing else."""
    gap = case.facts.missing_kind(Kind.OBSERVATIONS)
    if gap is not None:
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=_STAGING_NEEDED)
    short = [said for said in picture.spread if said.proof in _SHORT_OF_PROOF]
    if short:
        reason = f"Not proven metastatic: {_said(short[0])} ({_SHORT_OF_PROOF[short[0].proof]})"
        return Finding(Outcome.UNKNOWN, reason, evidence=_of(short), missing=_STAGING_NEEDED)
    words = [primary for primary in picture.uncertain if primary.use == "words"]
    if words:
        reason = f"Not proven metastatic: {words[0].title} (known by its words only)"
        evidence = tuple(primary.condition.evidence for primary in words)
        return Finding(Outcome.UNKNOWN, reason, evidence=evidence, missing=_STAGING_NEEDED)
    return _low_or_nothing(case, picture)


def _low_or_nothing(case: Case, picture: CancerPicture) -> Finding:
    low = [said for said in picture.spread if said.proof in (Proof.LOW, Proof.DENIED)]
    if not low:
        reason = "No stage and no metastasis is recorded"
        return Finding(Outcome.UNKNOWN, reason, Basis.NO_RECORD, missing=_STAGING_NEEDED)
    baseline = case.scans.sets[0].day if case.scans.sets else None
    now = [
        said
        for said in low
        if said.proof is Proof.LOW and baseline and said.date is not None and said.date.earliest >= baseline
    ]
    if now and len(picture.types) <= 1:
        reason = f"{_said(now[0])}, recorded on or after the baseline scan ({baseline}), and no metastasis is recorded"
        return Finding(Outcome.FAIL, reason, evidence=_of(now))
    reason = f"{_said(low[0])} is not a restaging from the baseline scan on; no metastasis is recorded"
    return Finding(Outcome.UNKNOWN, reason, evidence=_of(low), missing=_STAGING_NEEDED)


def _of(spread: Iterable[SpreadStatement]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(said.evidence for said in spread))


# --- of the trial's types ----------------------------------------------------------------------

_HISTOLOGY_NEEDED = (Missing("histology of the primary", "pathology report, or the coded primary cancer"),)
_OPEN = (
    ("review", "its histology is undecided"),
    ("unrecognised", "a primary cancer whose code is in no table"),
    ("unknown-primary", "the primary is not known"),
)


def judge_primary(rule: PrimaryCancerOf, case: Case, as_of: AsOf) -> Finding:  # noqa: ARG001  (a type does not expire)
    """Whether an active primary cancer is certainly of one of the types."""
    gap = case.facts.missing_kind(Kind.CONDITIONS)
    if gap is not None:
        return Finding(Outcome.UNKNOWN, f"Not retrieved: {gap}", Basis.NO_RECORD, missing=_HISTOLOGY_NEEDED)
    picture = case.cancer
    fitting = [primary for primary in picture.primaries if primary.use == "yes" and primary.type in rule.types]
    if fitting:
        return Finding(Outcome.PASS, _fits(fitting), evidence=_conditions(fitting))
    return _open_type(picture) or _other_type(rule, picture)


def _fits(fitting: Sequence[Primary]) -> str:
    first = fitting[0]
    reason = f"{first.title} ({type_words(first.type)})"
    if first.note:
        reason += f"; to keep in mind: {first.note}"
    kinds = list(dict.fromkeys(primary.type for primary in fitting))
    if len(kinds) > 1:
        reason += f"; also {', '.join(type_words(kind) for kind in kinds[1:])}: which one progresses?"
    return reason


def _open_type(picture: CancerPicture) -> Finding | None:
    """Unknown where any record leaves open that the cancer is one of the types."""
    for use, words in _OPEN:
        found = [primary for primary in picture.primaries if primary.use == use]
        if found:
            return _unknown_type(found, found[0].note or words)
    for primary in picture.uncertain:
        why = _why_uncertain(primary)
        if why is not None:
            return _unknown_type([primary], why)
    return None


def _why_uncertain(primary: Primary) -> str | None:
    if primary.use == "words":
        return "known by its words only"
    if primary.condition.is_doubted:
        return "recorded as unconfirmed"
    if primary.type == "other":
        return None
    if primary.use == "history":
        return "history only, no active primary is recorded"
    return f"recorded as {_status(primary.condition)}, no active primary is recorded"


def _status(condition: Condition) -> str:
    return condition.clinical_status.value if condition.clinical_status else "ended"


def _unknown_type(found: Sequence[Primary], why: str) -> Finding:
    reason = f"{found[0].title}: {why}"
    return Finding(Outcome.UNKNOWN, reason, evidence=_conditions(found), missing=_HISTOLOGY_NEEDED)


def _other_type(rule: PrimaryCancerOf, picture: CancerPicture) -> Finding:
    others = [item for item in picture.primaries if item.use in ("other", "yes") and item.type not in rule.types]
    if others:
        note = f" ({others[0].note})" if others[0].note else ""
        reason = f"Every primary cancer recorded is of another type: {others[0].title}{note}"
        return Finding(Outcome.FAIL, reason, evidence=_conditions(others))
    past = [primary for primary in picture.uncertain if primary.type == "other"]
    if past:
        return _unknown_type(past, "of another type and past; no active primary is recorded")
    reason = "No primary cancer is recorded"
    return Finding(Outcome.UNKNOWN, reason, Basis.NO_RECORD, missing=_HISTOLOGY_NEEDED)


def _conditions(found: Iterable[Primary]) -> tuple[Evidence, ...]:
    return tuple(primary.condition.evidence for primary in found)
