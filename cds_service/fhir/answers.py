"""What a record system answered about one patient, as facts.

A search narrowed to a patient brings nothing of anybody else. Where it brings nothing but
that, the server did not understand the question (clients have been seen to send one with its
tokens left in it), and the answer does not say that there is nothing of the patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.catalog.catalog import Catalog
from cds_service.domain.facts import Kind, PatientFacts
from cds_service.fhir.bundles import Found, open_all
from cds_service.fhir.reading import read_patient
from cds_service.fhir.sources import read_head
from cds_service.screening.ports import Deliveries

STRANGERS = "the answer holds somebody else's records only"


def read_answers(patient_id: str, deliveries: Deliveries[Found], catalog: Catalog) -> PatientFacts:
    """The patient's facts. Raises NoPatient when no Patient of that id is among what was delivered."""
    resources = [found for delivery in deliveries.values() for found in delivery.resources]
    lacking = [(kind, delivery.problem) for kind, delivery in deliveries.items() if delivery.problem]
    facts = read_patient(resources, catalog, patient=patient_id, not_retrieved=lacking)
    if not facts.dropped:
        return facts
    strange = [(kind, STRANGERS) for kind in _of_strangers(patient_id, deliveries, catalog)]
    if not strange:
        return facts
    return read_patient(resources, catalog, patient=patient_id, not_retrieved=lacking + strange)


def _of_strangers(patient_id: str, deliveries: Deliveries[Found], catalog: Catalog) -> Iterator[Kind]:
    """The kinds of which nothing but records of somebody else came."""
    person = deliveries[Kind.PATIENT].resources
    for kind, delivery in deliveries.items():
        if kind is not Kind.PATIENT and delivery.resources:
            alone = read_patient([*person, *delivery.resources], catalog, patient=patient_id)
            if alone.dropped >= _count(delivery.resources):
                yield kind


def _count(resources: Iterable[Found]) -> int:
    """How many records there are: versions of one are one, as they are to the reading."""
    named: set[str] = set()
    nameless = 0
    for found in open_all(resources):
        head = read_head(found)
        name = head.id or found.full_url if head is not None else found.full_url
        if name:
            named.add(name)
        else:
            nameless += 1
    return len(named) + nameless
