"""Whole resource types by search, against a server whose pages loop, leave, vanish and lie."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from datetime import UTC, datetime

import pytest
from faulty_server import Answer, as_json, faulty_server, outcome

from cds_service.errors import RemoteError
from cds_service.fhir.bulk import download
from cds_service.fhir.paged import PAGE_ROWS
from cds_service.fhir.waiting import Patience

pytestmark = pytest.mark.integration


def resources(kind, count):
    return [{"resourceType": kind, "id": f"{kind[0].lower()}{number}"} for number in range(count)]


@pytest.fixture
def server():
    with faulty_server() as running:
        running.resources["Patient"] = resources("Patient", 7)
        running.resources["Condition"] = resources("Condition", 25)
        running.page_rows = 10
        yield running


@pytest.fixture
def run(server, tmp_path):
    def run(**changed):
        options = {
            "types": ("Patient", "Condition"),
            "method": "search",
            "sleep": lambda _: None,
            "patience": Patience(trouble_seconds=30),
        }
        return download(server.base, tmp_path / "data", **(options | changed))

    return run


@pytest.fixture
def ids(tmp_path):
    def ids(kind):
        path = tmp_path / f"data/{kind}.00001.ndjson"
        return [json.loads(line)["id"] for line in path.read_text().splitlines()]

    return ids


def page(kind, start, end, *, following=None, total=25, more=()):
    entries = [{"resource": row} for row in resources(kind, end)[start:]] + [*more]
    link = [{"relation": "next", "url": following}] if following else []
    return as_json({"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries, "link": link})


def test_every_page_comes_to_disk(server, run, ids, tmp_path):
    report = run()
    assert report.incomplete is None
    assert report.counts == {"Patient": 7, "Condition": 25}
    assert report.promised == {"Patient": 7, "Condition": 25}
    assert ids("Condition") == [f"c{number}" for number in range(25)]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "Condition.00001.ndjson",
        "Patient.00001.ndjson",
        "download.json",
    ]


def test_the_search_is_strict_and_asks_for_large_pages(server, run):
    run(since=datetime(2026, 11, 21, 2, 0, tzinfo=UTC))
    first = server.of("/fhir/Patient")[0]
    assert first.headers["prefer"] == "handling=strict"
    assert first.query == {"_count": [str(PAGE_ROWS)], "_lastUpdated": ["ge2026-11-21T02:00:00.000Z"]}


def test_a_server_without_last_updated_is_read_whole(server, run):
    server.fail("/fhir/Condition", outcome("not-supported", status=400))
    report = run(since=datetime(2026, 11, 21, tzinfo=UTC))
    assert report.counts["Condition"] == 25
    assert report.notes == ("Condition: the server does not search by _lastUpdated, all of it was read",)
    assert "_lastUpdated" not in server.of("/fhir/Condition")[1].query


def test_what_comes_twice_is_written_once(server, run, ids):
    server.fail("/fhir/Condition", page("Condition", 0, 15, following="Condition?page=10"))
    assert run().counts["Condition"] == 25
    assert ids("Condition") == [f"c{number}" for number in range(25)]


def test_a_newer_version_on_a_later_page_is_kept_beside_the_older(server, run, ids):
    newer = {"resource": {"resourceType": "Condition", "id": "c0", "meta": {"versionId": "2"}}}
    server.fail("/fhir/Condition", page("Condition", 0, 25, more=[newer, newer]))
    report = run()
    assert report.counts["Condition"] == 26
    assert ids("Condition").count("c0") == 2


def test_rows_of_other_types_are_left_out(server, run, ids):
    """A server that ignores what it was asked may answer with anything; only what was asked for counts."""
    strange = [{"resource": row} for row in resources("Observation", 3)]
    server.fail("/fhir/Condition", page("Condition", 0, 25, more=strange))
    report = run()
    assert report.incomplete is None
    assert report.counts == {"Patient": 7, "Condition": 25}
    assert ids("Condition") == [f"c{number}" for number in range(25)]


def test_pages_in_a_circle_are_left(server, run):
    circle = [page("Condition", 0, 10, following="/fhir/Condition?page=0")] * 2
    server.fail("/fhir/Condition", *circle, *circle)
    report = run()
    assert report.incomplete == "Condition: the pages lead in a circle"
    assert server.times("/fhir/Condition") == 4


def test_pages_that_bring_nothing_new_under_ever_new_addresses_are_left(server, run):
    def again(_asked):
        server.fail("/fhir/Condition", again)
        return page("Condition", 0, 10, following=f"/fhir/Condition?n={server.times('/fhir/Condition')}")

    server.fail("/fhir/Condition", again)
    assert run().incomplete == "Condition: the pages lead in a circle"
    assert server.times("/fhir/Condition") < 100


def test_a_next_page_elsewhere_is_not_asked(server, run):
    with faulty_server() as other:
        elsewhere = page("Condition", 0, 10, following=f"{other.base}/Condition?page=10")
        server.fail("/fhir/Condition", elsewhere, elsewhere)
        report = run()
        assert other.asked == []
    assert report.incomplete == "Condition: the next page is on another server, which is not asked"


def test_fewer_rows_than_the_total_are_read_again(server, run):
    server.fail("/fhir/Condition", page("Condition", 0, 10))
    assert run().counts["Condition"] == 25


def test_rows_that_never_come_make_it_incomplete(server, run):
    server.fail("/fhir/Condition", page("Condition", 0, 10), page("Condition", 0, 10))
    assert run().incomplete == "Condition: 10 of 25 came by search"


def test_an_error_among_the_results_makes_it_incomplete(server, run):
    trouble = {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}}
    server.fail("/fhir/Condition", *[page("Condition", 0, 25, more=[trouble])] * 2)
    assert run().incomplete == "Condition: the server reported an error among the results"


def test_a_warning_among_the_results_is_no_resource(server, run, ids):
    hint = {
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
    }
    server.fail("/fhir/Condition", page("Condition", 0, 25, more=[hint]))
    assert run().incomplete is None
    assert len(ids("Condition")) == 25


def test_a_page_that_fails_for_a_while_is_not_dropped(server, run, ids):
    def fail_second(asked):
        if "page" in asked.query and server.times("/fhir/Condition") < 5:
            server.fail("/fhir/Condition", fail_second)
            return Answer(504, headers={"Retry-After": "1"})
        if "page" not in asked.query:
            server.fail("/fhir/Condition", fail_second)
        return server._usual(asked)

    server.fail("/fhir/Condition", fail_second)
    assert run().incomplete is None
    assert ids("Condition") == [f"c{number}" for number in range(25)]


def test_a_page_that_keeps_failing_is_resumed_where_it_was(server, run, ids):
    server.fail("/fhir/Condition", server._usual, *[Answer(503)] * 50)
    report = run()
    assert "HTTP 503" in report.incomplete
    server.faults.clear()
    before = len(server.asked)
    assert run(resume=True).incomplete is None
    assert [asked.query for asked in server.asked[before:]] == [{"page": ["10"]}, {"page": ["20"]}]
    assert ids("Condition") == [f"c{number}" for number in range(25)]


def test_a_next_page_that_is_forgotten_starts_the_type_again(server, run, ids):
    server.fail("/fhir/Condition", server._usual, Answer(410))
    assert run().incomplete is None
    assert ids("Condition") == [f"c{number}" for number in range(25)]


def test_a_type_that_cannot_be_searched_is_named(server, run):
    report = run(types=("Patient", "Condition", "BodyStructure"))
    assert report.unavailable == {"BodyStructure": "the server does not let BodyStructure be searched (HTTP 404)"}
    assert report.incomplete is None


def test_no_patients_are_not_nobody(server, run):
    server.resources["Patient"] = []
    assert run().incomplete == "the server gave no Patient"


def test_pretty_printed_resources_become_one_line_each(server, run, ids):
    body = json.dumps(
        {"resourceType": "Bundle", "entry": [{"resource": row} for row in resources("Condition", 2)]}, indent=2
    )
    server.fail("/fhir/Condition", Answer(200, body.replace("\n", "\r\n").encode()))
    run()
    assert ids("Condition") == ["c0", "c1"]


def test_html_in_place_of_a_page_makes_it_incomplete(server, run):
    server.fail("/fhir/Condition", *[Answer(200, b"<html>")] * 9)
    assert "HTML" in run().incomplete


def test_a_search_that_needs_a_login_is_a_remote_error(server, run):
    server.fail("/fhir/Condition", Answer(401))
    with pytest.raises(RemoteError, match="HTTP 401"):
        run()


def test_where_the_next_search_starts_lies_a_little_back(server, run):
    at = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    assert run(patience=Patience(now=lambda: at)).transaction_time == "2026-11-22T02:55:00.000Z"


@pytest.mark.parametrize("seed", range(10))
def test_killed_at_any_moment_it_ends_with_the_same_rows(server, tmp_path, ids, seed):
    server.resources["Condition"] = resources("Condition", 500)
    server.delay_seconds = 0.003
    child = multiprocessing.get_context("fork").Process(target=_search, args=(server.base, tmp_path / "data"))
    child.start()
    time.sleep(random.Random(seed).uniform(0.0, 0.4))
    child.kill()
    child.join()
    report = _search(server.base, tmp_path / "data")
    assert report.counts == {"Patient": 7, "Condition": 500}
    assert ids("Condition") == [f"c{number}" for number in range(500)]


def _search(base, folder):
    return download(base, folder, types=("Patient", "Condition"), method="search", resume=True)
