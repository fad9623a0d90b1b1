"""A card leads to the patient's worksheet where a nightly run made one and who asks can open it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fitting import FITTING, body, record
from hooks import AS_OF, ask, settings
from signing import ENDPOINT, ISSUER, NOW, PUBLIC, bearer, claims, clients_file, sign

from cds_service.nightly import ScreenRequest, screen
from cds_service.web.app import create_app

Json = dict[str, Any]
PATH = "/cds-services/extend-op-patient-view"
REGISTRY = "https://clinicaltrials.gov/study/NCT06367972"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database in which a nightly run has assessed the patient."""
    folder = tmp_path_factory.mktemp("screened")
    source = folder / "population"
    source.mkdir()
    (source / "all.ndjson").write_text("\n".join(json.dumps(resource) for resource in record()))
    url = f"sqlite:///{folder}/ledger.sqlite"
    ours = settings(work_dir=folder / "work", screen_workers=1)
    screen(ours, ScreenRequest(str(source), "extend-op", AS_OF, database=url), lambda *_: None, lambda _: None)
    return url


def app(database: str, **more: Any) -> FastAPI:
    return create_app(settings(database_url=database, **more), today=lambda: AS_OF, now=lambda: NOW)


def links(to: FastAPI, sent: Json | None = None, **headers: str) -> list[str]:
    answer = ask("POST", PATH, to=to, json=sent or body(), headers=headers)
    (card,) = answer.json()["cards"]
    return [link["url"] for link in card["links"]]


def test_the_card_links_to_a_page_that_opens_and_shows_the_patient(database: str) -> None:
    ours = app(database)
    worksheet, registry = links(ours)
    assert (worksheet, registry) == ("http://127.0.0.1:8000/worklist/1", REGISTRY)
    page = ask("GET", worksheet.removeprefix("http://127.0.0.1:8000"), to=ours)
    assert page.status_code == 200
    assert FITTING in page.text


def test_the_same_card_shown_again_links_there_too(database: str) -> None:
    ours = app(database)
    assert links(ours) == links(ours)


@pytest.mark.parametrize("host", ["localhost:9000", "[::1]:8000", "127.0.0.1"])
def test_the_address_is_the_one_the_caller_uses(database: str, host: str) -> None:
    assert links(app(database), Host=host)[0] == f"http://{host}/worklist/1"


@pytest.mark.parametrize("host", ["x@127.0.0.1", "127.0.0.1/x", "127.0.0.1:8000?x", "127.0.0.1:8000#x"])
def test_an_address_that_is_more_than_a_host_is_not_repeated(database: str, host: str) -> None:
    assert links(app(database), Host=host) == [REGISTRY]


def test_a_patient_whom_no_run_has_assessed_has_no_worksheet(database: str) -> None:
    assert links(app(database), body(fhirServer="https://ehr.example/fhir")) == [REGISTRY]
    assert links(app(database), body(patient="sbx-prostate-half-labs")) == [REGISTRY]
    assert links(create_app(settings(), today=lambda: AS_OF)) == [REGISTRY]


def test_an_ehr_elsewhere_cannot_open_it_and_gets_no_link(database: str, tmp_path: Path) -> None:
    ours = app(database, trusted_clients=clients_file(tmp_path), public_url=PUBLIC)
    # Also where the patient is one that a run has assessed: the base is the issuer's name, as for folders of its own.
    for sent in (body(), body(fhirServer=ISSUER)):
        headers = bearer(sign(claims(aud=ENDPOINT)))
        (card,) = ask("POST", PATH, to=ours, json=sent, headers=headers).json()["cards"]
        assert [link["url"] for link in card["links"]] == [REGISTRY]
