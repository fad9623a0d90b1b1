"""Whether a resource holds at all, by its own status.

Source: CRITERIA, conventions ("Ignore ..."); FHIR R4 status value sets. These are FHIR's
structural codes.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache

from cds_service.fhir.resources import AnyResource, CodeableConcept, Condition, ImagingStudy, Patient, Spelling

_NEVER = frozenset({"entered-in-error", "cancelled", "not-done", "unknown-to-have-happened", "unknown", "nullified"})
_PLAINLY_HOLDS = frozenset({"final", "completed", "available", "active", "amended", "corrected", "stopped", "finished"})
_NEVER_HELD = frozenset({"refuted", "entered-in-error"})
_PRELIMINARY = frozenset({"preliminary", "registered", "partial"})


def holds(resource: AnyResource) -> bool:
    """False for what says of itself that it is an error, was cancelled, not done, or refuted."""
    if isinstance(resource, Condition):
        verification = resource.verification_status
        return verification is None or not _is_refuted(verification.spelling)
    if getattr(resource, "status", None) in _PLAINLY_HOLDS:
        return True
    if isinstance(resource, ImagingStudy) and is_status_unknown(resource):
        return True
    return not isinstance(resource, Patient) and _status(resource) not in _NEVER


@lru_cache(maxsize=1024)
def _is_refuted(verification: Spelling) -> bool:
    return status_word(CodeableConcept(*verification), _NEVER_HELD) in _NEVER_HELD


def is_status_unknown(resource: AnyResource) -> bool:
    """Whether the status says that nobody knows; of a scan that is only whether its pictures are online."""
    return _status(resource) == "unknown"


def _status(resource: AnyResource) -> str:
    return (getattr(resource, "status", None) or "").strip().lower()


def is_preliminary(status: str | None) -> bool:
    """Whether a result or report is not final yet; such count and are marked (ruling 18)."""
    return status != "final" and (status or "").strip().lower() in _PRELIMINARY


def status_word(concept: CodeableConcept | None, known: Container[str] = ()) -> str | None:
    """The code of a status concept, else its words; lower case, None where neither.

    The first that is `known`, since a site's own code may stand before FHIR's; else the first.
    """
    if concept is None:
        return None
    if len(concept.coding) == 1 and not concept.text:
        code = concept.coding[0].code
        return code.strip().lower() if code else None
    words = [coding.code.strip().lower() for coding in concept.coding if coding.code]
    if concept.text:
        words.append(concept.text.strip().lower())
    return next((word for word in words if word in known), next(iter(words), None))
