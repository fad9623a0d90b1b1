"""What is being ordered, read from `draftOrders` and `selections` as clients really send them.

Drafts are not valid FHIR: a Bundle without a type, `category` as an object, a medication
order before any medication is chosen. So they are read as plain JSON, element by element,
and what has another shape than expected is passed over.

Source: CDS Hooks library, order-select and order-sign; FHIR R4 MedicationRequest, ServiceRequest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from cds_service.catalog.catalog import Catalog
from cds_service.cds.wire import UNREADABLE
from cds_service.domain.codes import Meanings, of_concept
from cds_service.domain.facts import Modality
from cds_service.domain.scans import TRUNK
from cds_service.fhir.extract.coverage import BODY_SITE, PROCEDURE, SeriesTold, Told, read_coverage, site_regions
from cds_service.fhir.extract.words import clean
from cds_service.screening.speaking import Ordering

_AGENT, _SUPPORTIVE = "agent", "supportive"
_THERAPY, _STAGING = "systemic-therapy", "staging"
_NOT_ORDERED = frozenset({"cancelled", "entered-in-error", "stopped", "completed", "revoked", "ended", "on-hold"})
_PICTURES = frozenset({Modality.CT, Modality.MR, Modality.PET})
_TRUNK = frozenset(TRUNK)
_REGIMENS = frozenset({"CarePlan", "RequestGroup", "PlanDefinition"})
_MOST_ORDERS = 200

Json = dict[str, Any]


def read_orders(draft_orders: Raw, selections: Raw, patient_id: str, catalog: Catalog) -> Ordering:
    """What of the orders bears on a trial: anticancer drugs that are not supportive, staging scans.

    Of several orders the selected ones count, where any of them is selected; an order for
    somebody else, withdrawn, or not to be carried out does not.
    """
    drafts = [(name, order) for name, order in _drafts(_decoded(draft_orders)) if _counts(order, patient_id)]
    wanted = _selected(_decoded(selections))
    chosen = [order for name, order in drafts if wanted & {name, name.rpartition("/")[2]} - {""}]
    reader = _Reader(catalog, {_local(order): order for _, order in drafts})
    return reader.read(chosen or [order for _, order in drafts])


def _decoded(raw: Raw) -> Any:  # noqa: ANN401  any JSON
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def _drafts(found: Any) -> Iterator[tuple[str, Json]]:  # noqa: ANN401  any JSON
    """The orders with their names ("ServiceRequest/1"): of a Bundle, of a list, or the one order itself."""
    if isinstance(found, dict) and found.get("resourceType", "Bundle") != "Bundle":
        found = [found]
    entries = found.get("entry") if isinstance(found, dict) else found
    for entry in _listed(entries)[:_MOST_ORDERS]:
        resource = entry.get("resource", entry) if isinstance(entry, dict) else None
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            yield f"{resource['resourceType']}/{_text(resource.get('id'))}", resource


def _selected(found: Any) -> frozenset[str]:  # noqa: ANN401  any JSON
    """The names selected: "Type/id", or the bare ids some clients send."""
    names = (item.get("reference") if isinstance(item, dict) else item for item in _listed(found))
    return frozenset(name for name in names if isinstance(name, str) and name)


def _counts(order: Json, patient_id: str) -> bool:
    if _text(order.get("status")).lower() in _NOT_ORDERED or order.get("doNotPerform") is True:
        return False
    subject = order.get("subject") or order.get("patient")
    reference = _text(subject.get("reference")) if isinstance(subject, dict) else ""
    kind, _, identity = reference.partition("/_history")[0].rpartition("/")
    return not kind.endswith("Patient") or identity == patient_id


@dataclass(frozen=True, slots=True)
class _Reader:
    catalog: Catalog
    orders: dict[str, Json]

    def read(self, chosen: Iterable[Json]) -> Ordering:
        agents: dict[str, None] = {}
        therapy = staging = False
        for order in chosen:
            agents.update(dict.fromkeys(self._agents(order)))
            said = self._said(order)
            therapy = therapy or _THERAPY in said
            staging = staging or _STAGING in said or self._is_staging(order)
        return Ordering(tuple(sorted(agents)), therapy, staging)

    def _agents(self, order: Json) -> Iterator[str]:
        """The anticancer drugs of an order by name, by code first, by the words where no code is known."""
        for concept in self._medications(order):
            meant = [m for c in _codings(concept) for m in self._meanings(c, _AGENT)]
            named = meant or [m for words in _words(concept) for m in self.catalog.agents_named(words)]
            yield from (meaning.group for meaning in named if meaning.use != _SUPPORTIVE)

    def _medications(self, order: Json) -> Iterator[Json]:
        """Every concept that says which drug it is: in place, contained, referenced, as an ingredient."""
        given = order.get("medication")
        newer = given if isinstance(given, dict) else {}
        for found in (order.get("medicationCodeableConcept"), newer.get("concept")):
            yield from (concept for concept in _listed(found) if isinstance(concept, dict))
        for reference in (order.get("medicationReference"), newer.get("reference")):
            if isinstance(reference, dict):
                yield {"text": reference.get("display")}
                yield from self._product(order, _text(reference.get("reference")))
        if order.get("resourceType") in _REGIMENS:
            yield {"text": order.get("title")}
            yield {"text": order.get("description")}
            yield from (concept for concept in _listed(order.get("code")) if isinstance(concept, dict))

    def _product(self, order: Json, reference: str) -> Iterator[Json]:
        contained = {f"#{_text(item.get('id'))}": item for item in _objects(order.get("contained"))}
        product = contained.get(reference) or self.orders.get(reference) or {}
        yield from _objects(product.get("code"))
        for ingredient in _objects(product.get("ingredient")):
            yield from _objects(ingredient.get("itemCodeableConcept"))

    def _is_staging(self, order: Json) -> bool:
        """Whether an order is for CT, MR or PET of the trunk that can stand for staging."""
        concepts = _objects(order.get("code"))
        procedures = tuple(m for concept in concepts for c in _codings(concept) for m in self._meanings(c, PROCEDURE))
        texts = tuple(words for concept in concepts for words in _words(concept))
        if not procedures and not any(self.catalog.descriptions.modalities(words) & _PICTURES for words in texts):
            return False
        coded = (c for place in _objects(order.get("bodySite")) for c in _codings(place))
        sites = frozenset(region for c in coded for region in site_regions(self._meanings(c, BODY_SITE)))
        told = Told(procedures=procedures, code_texts=texts, series=(SeriesTold(sites=sites),) if sites else ())
        reading = read_coverage(told, self.catalog.descriptions)
        return reading.unfit is None and any(
            part.region in _TRUNK and part.modality in _PICTURES for part in reading.coverage
        )

    def _meanings(self, coding: Json, concept: str) -> Meanings:
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(system, str) or not isinstance(code, str):
            return ()
        return of_concept(self.catalog.meanings(system, code), concept)

    def _said(self, order: Json) -> frozenset[str]:
        """What the site's own words for orders say this one is about."""
        site = self.catalog.site
        if site is None or not site.orders:
            return frozenset()
        concepts = (*_objects(order.get("code")), *self._medications(order))
        texts = [words for concept in concepts for words in _words(concept)]
        return frozenset(
            known.about for known in site.orders if any(known.pattern.search(words.casefold()) for words in texts)
        )


def _local(order: Json) -> str:
    return f"{_text(order.get('resourceType'))}/{_text(order.get('id'))}"


def _codings(concept: Json) -> list[Json]:
    return _objects(concept.get("coding"))


def _words(concept: Json) -> Iterator[str]:
    for words in (concept.get("text"), *(coding.get("display") for coding in _codings(concept))):
        if isinstance(words, str) and words.strip():
            yield clean(words)


def _objects(found: Any) -> list[Json]:  # noqa: ANN401  any JSON
    return [item for item in _listed(found) if isinstance(item, dict)]


def _listed(found: Any) -> list[Any]:  # noqa: ANN401  any JSON
    """A list as it is, one value as a list of one."""
    return found if isinstance(found, list) else [] if found is None else [found]


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""
