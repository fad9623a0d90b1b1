"""The questions put to a record system, one for each kind of record.

The same question is advertised as a prefetch template (its patient a token) and asked of
the FHIR server (its patient an id), so both bring the same records. No date bounds: a
literal date would go stale in a client that caches discovery. Observations are narrowed by
code, which also finds those without a category; the other kinds are not narrowed, because
an exclusion that passes for want of a record must have seen the whole record.
"""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.domain.facts import Kind
from cds_service.fhir.pages import RESOURCE_TYPES

_PAGE_SIZE = 500
_PATIENT_PARAMETER = {Kind.SUBJECTS: "individual"}
MOST_CODES_IN_A_URL = 400
"""Beyond this many codes a search URL gets too long for common servers: not narrowed then."""


class Searches:
    """The question of each kind, for a patient's id or for the token that stands for it."""

    def __init__(self, observation_codes: Sequence[str] = ()) -> None:
        codes = tuple(dict.fromkeys(observation_codes))
        self._codes = ",".join(codes) if len(codes) <= MOST_CODES_IN_A_URL else ""

    def question(self, kind: Kind, patient: str) -> str:
        """The read or search below a FHIR base: "Condition?patient=Patient/123&_count=500"."""
        resource = RESOURCE_TYPES[kind]
        if kind is Kind.PATIENT:
            return f"{resource}/{patient}"
        parameter = _PATIENT_PARAMETER.get(kind, "patient")
        narrowing = f"&code={self._codes}" if kind is Kind.OBSERVATIONS and self._codes else ""
        return f"{resource}?{parameter}=Patient/{patient}{narrowing}&_count={_PAGE_SIZE}"
