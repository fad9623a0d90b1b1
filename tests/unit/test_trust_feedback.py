"""Feedback counts for the EHR that was shown the card, and for nobody else's patients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fitting import body
from hooks import AS_OF, ask, settings
from signing import ENDPOINT, NOW, PUBLIC, bearer, claims, ec_key, header, public, sign

from cds_service.web.app import create_app

Json = dict[str, Any]
PATH = "/cds-services/extend-op-patient-view"
NORTH, SOUTH, OTHER = "https://north.example", "https://south.example", "https://shared.example"
SERVER = "https://records.example/fhir"
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """A service that trusts three EHRs; all may point to one FHIR server, the third has tenants."""
    entries = [
        {"issuer": issuer, "jwks": public(ec_key(issuer)), "fhir_servers": [SERVER]} for issuer in (NORTH, SOUTH, OTHER)
    ]
    file = tmp_path / "clients.yaml"
    file.write_text(json.dumps({"clients": entries}, indent=1))
    ours = settings(trusted_clients=file, public_url=PUBLIC, database_url=f"sqlite:///{tmp_path}/ledger.sqlite")
    return create_app(ours, today=lambda: AS_OF, now=lambda: NOW)


class Ehr:
    """One EHR: an issuer, perhaps a tenant of it."""

    def __init__(self, app: FastAPI, issuer: str, tenant: str | None = None) -> None:
        self.app, self.issuer, self.tenant = app, issuer, tenant

    def post(self, url: str, sent: Json) -> httpx.Response:
        said = claims(iss=self.issuer, tenant=self.tenant, aud=url)
        headers = bearer(sign(said, header(kid=self.issuer), ec_key(self.issuer)))
        return ask("POST", url.removeprefix(PUBLIC), to=self.app, client=("192.0.2.9", 1), headers=headers, json=sent)

    def cards(self, **more: Any) -> list[Json]:
        answer = self.post(ENDPOINT, body(**more))
        assert answer.status_code == 200, answer.text
        return answer.json()["cards"]  # type: ignore[no-any-return]

    def refuse(self, card: str) -> None:
        """Says that the patient refuses, which silences the card for everyone."""
        reason = {"reason": {"code": "patient-refuses", "system": REASONS}}
        told = {"card": card, "outcome": "overridden", "overrideReason": reason}
        answer = self.post(f"{ENDPOINT}/feedback", {"feedback": [told, told]})
        assert (answer.status_code, answer.content) == (200, b"")


def roles(app: FastAPI) -> list[tuple[str, int]]:
    """Feedback counted, by role of the user the card was shown to; none where the card is not known."""
    found = ask("GET", "/api/feedback", to=app).json()["feedback"]
    return sorted((one["role"], one["count"]) for one in found)


def test_an_ehr_answers_for_its_own_cards(app: FastAPI) -> None:
    north = Ehr(app, NORTH)
    (card,) = north.cards()
    north.refuse(card["uuid"])
    assert north.cards() == []
    assert roles(app) == [("Practitioner", 1)]


STRANGERS = [(SOUTH, None), (NORTH, "north"), (OTHER, "east")]


@pytest.mark.parametrize(("issuer", "tenant"), STRANGERS)
def test_another_ehrs_card_is_not_known_to_it(app: FastAPI, issuer: str, tenant: str | None) -> None:
    north, stranger = Ehr(app, NORTH), Ehr(app, issuer, tenant)
    (card,) = north.cards()
    stranger.refuse(card["uuid"])
    stranger.refuse(card["uuid"])
    assert roles(app) == [("", 1)]
    assert north.cards() == [card]


def test_nor_can_it_answer_beforehand_for_a_card_that_another_will_be_shown(app: FastAPI) -> None:
    north, south = Ehr(app, NORTH), Ehr(app, SOUTH)
    first = Ehr(app, NORTH).cards()[0]["uuid"]
    south.refuse(first)
    (card,) = north.cards()
    assert card["uuid"] == first
    north.refuse(first)
    assert roles(app) == [("", 1), ("Practitioner", 1)]


def test_feedback_of_an_ehr_silences_what_it_says_of_the_same_record_elsewhere(app: FastAPI) -> None:
    """Two EHRs on one FHIR server speak of the same patient: a refusal told to one holds for the other."""
    north, south = Ehr(app, NORTH), Ehr(app, SOUTH)
    (mine,), (theirs,) = north.cards(fhirServer=SERVER), south.cards(fhirServer=SERVER)
    assert mine["uuid"] != theirs["uuid"]
    south.refuse(theirs["uuid"])
    assert north.cards(fhirServer=SERVER) == []


def test_tenants_of_one_issuer_are_two_hospitals(app: FastAPI) -> None:
    """Without a FHIR server in the call the same patient id is another person in another tenant."""
    east, west = Ehr(app, OTHER, "east"), Ehr(app, OTHER, "west")
    (mine,), (theirs,) = east.cards(), west.cards()
    assert mine["uuid"] != theirs["uuid"]
    west.refuse(mine["uuid"])
    assert east.cards() == [mine]
    east.refuse(mine["uuid"])
    assert east.cards() == []
    assert west.cards() == [theirs]
