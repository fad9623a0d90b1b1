"""The use case with a hand-made record server: what is asked, what is not, what is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pytest
from build import disease_rules

from cds_service.domain.facts import Kind, PatientFacts, Person
from cds_service.domain.trials import Trial
from cds_service.errors import NoPatient
from cds_service.screening.at_hook import Call, screen_at_hook
from cds_service.screening.ports import Deliveries, Delivery

Text = Delivery[str]
EVERYTHING: dict[Kind, Text] = {kind: Delivery((kind.value,)) for kind in Kind}


@dataclass
class Server:
    """A record server that has one record of each kind, and notes what it is asked."""

    answers: Mapping[Kind, Text] = field(default_factory=lambda: EVERYTHING)
    fetched: list[Kind] = field(default_factory=list)
    followed: list[Kind] = field(default_factory=list)

    async def fetch(self, kind: Kind, patient_id: str) -> Text:
        self.fetched.append(kind)
        assert patient_id == "p"
        return self.answers[kind]

    async def follow(self, kind: Kind, first: Text) -> Text:
        self.followed.append(kind)
        return Delivery((*first.resources, "page 2"), first.problem)


@dataclass
class Reader:
    """Notes what it is given to read."""

    given: Deliveries[str] = field(default_factory=dict)

    def __call__(self, patient_id: str, deliveries: Deliveries[str]) -> PatientFacts:
        self.given = deliveries
        lacking = tuple((kind, found.problem) for kind, found in deliveries.items() if found.problem)
        return PatientFacts(Person(f"Patient/{patient_id}"), not_retrieved=lacking)


TRIAL = Trial("t", "1", "T", "T", "N", "https://registry.example/N", (), disease_rules())


def assess(delivered: Mapping[Kind, Text], server: Server | None = None, no_server: str = "no server") -> Reader:
    reader = Reader()
    call = Call("p", date(2026, 11, 22), delivered, server, no_server)
    assessment = asyncio.run(screen_at_hook(call, TRIAL, reader, "9")).assessment
    assert assessment.as_of == date(2026, 11, 22)
    assert assessment.engine_version == "9"
    return reader


def test_what_was_sent_is_not_fetched() -> None:
    server = Server()
    reader = assess(EVERYTHING, server)
    assert not server.fetched
    assert reader.given == EVERYTHING


def test_null_and_failed_keys_are_not_asked_again() -> None:
    server = Server()
    sent = EVERYTHING | {Kind.CONDITIONS: Delivery(), Kind.LESIONS: Delivery(problem="failed")}
    reader = assess(sent, server)
    assert not server.fetched
    assert reader.given[Kind.LESIONS].problem == "failed"


def test_only_what_is_missing_is_fetched() -> None:
    server = Server()
    sent = {kind: found for kind, found in EVERYTHING.items() if kind not in (Kind.IMAGING, Kind.REPORTS)}
    reader = assess(sent, server)
    assert sorted(kind.value for kind in server.fetched) == ["imaging", "reports"]
    assert reader.given == EVERYTHING


def test_nothing_sent_everything_is_fetched_at_once() -> None:
    server = Server()
    assess({}, server)
    assert set(server.fetched) == set(Kind)


def test_a_first_page_is_completed() -> None:
    server = Server()
    sent = EVERYTHING | {Kind.OBSERVATIONS: Delivery(("page 1",), next_page="x")}
    reader = assess(sent, server)
    assert server.followed == [Kind.OBSERVATIONS]
    assert reader.given[Kind.OBSERVATIONS].resources == ("page 1", "page 2")


def test_a_first_page_without_a_server_is_incomplete() -> None:
    sent = EVERYTHING | {Kind.OBSERVATIONS: Delivery(("page 1",), next_page="x")}
    found = assess(sent).given[Kind.OBSERVATIONS]
    assert found.resources == ("page 1",)
    assert "first page" in (found.problem or "")


def test_without_a_server_what_is_missing_is_said_to_be() -> None:
    sent = {kind: found for kind, found in EVERYTHING.items() if kind is not Kind.PROCEDURES}
    reader = assess(sent, no_server="nobody to ask")
    assert reader.given[Kind.PROCEDURES] == Delivery(problem="nobody to ask")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Delivery(), "no such patient"),
        (Delivery(problem="it refused"), "it refused"),
    ],
)
def test_no_patient_no_assessment(answer: Text, says: str) -> None:
    with pytest.raises(NoPatient, match=says):
        assess({}, Server(EVERYTHING | {Kind.PATIENT: answer}))
