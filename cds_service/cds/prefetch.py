"""What the caller sent along, each key on its own.

| what arrives | what it means here |
|---|---|
| the key is absent | not had: fetch it |
| null | the client looked and found nothing |
| a Bundle, also an empty one | what was found |
| a Bundle with a next link | its first page: fetch the rest, else incomplete |
| an OperationOutcome, or a Bundle with one | tried and failed: not retrieved, not asked again |
| anything else (wrong type, HTML, the wrong patient) | not had: fetch it |
| a Bundle of somebody else's records only | not retrieved (`fhir/answers.py`) |

Source: CDS Hooks 2.0.1, "Prefetch".
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from cds_service.cds.wire import is_null
from cds_service.domain.facts import Kind
from cds_service.fhir.decoding import UNREADABLE, Json
from cds_service.fhir.pages import Page, read_page, read_whole
from cds_service.fhir.resources import Head
from cds_service.screening.ports import Delivery

_KINDS = {kind.value: kind for kind in Kind}
_heads = msgspec.json.Decoder(Head)


def read_prefetch(prefetch: Mapping[str, Raw], patient_id: str) -> dict[Kind, Page]:
    """What was delivered of each kind; kinds that were not are absent. Unknown keys are passed over."""
    delivered: dict[Kind, Page] = {}
    for key, raw in prefetch.items():
        kind = _KINDS.get(key)
        page = None if kind is None else _read_key(kind, raw, patient_id)
        if kind is not None and page is not None:
            delivered[kind] = page
    return delivered


def _read_key(kind: Kind, raw: Raw, patient_id: str) -> Page | None:
    if is_null(raw):
        return Delivery()
    if kind is not Kind.PATIENT:
        return read_whole(kind, raw) or read_page(kind, raw)
    page = read_page(kind, raw)
    return None if page is None else _of_this_patient(page, patient_id)


def _of_this_patient(page: Page, patient_id: str) -> Page | None:
    """The page with the one Patient the call is about; None where it brings only others."""
    own = tuple(found for found in page.resources if _id_of(found.raw) == patient_id)
    return None if page.resources and not own else Delivery(own, page.problem, page.next_page)


def _id_of(raw: Json) -> str | None:
    try:
        return _heads.decode(raw).id
    except UNREADABLE:
        return None
