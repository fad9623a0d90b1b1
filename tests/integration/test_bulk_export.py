"""Bulk export against a server that goes wrong in every way real ones were seen to."""

from __future__ import annotations

import gzip
import json
import logging
import multiprocessing
import random
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from faulty_server import Answer, FaultyServer, as_json, faulty_server, outcome

from cds_service.clock import now
from cds_service.errors import RemoteError, SourceError, UsageError
from cds_service.fhir.bulk import download
from cds_service.fhir.download_record import read_report
from cds_service.fhir.waiting import Patience

pytestmark = pytest.mark.integration

TYPES = ("Patient", "Condition", "Observation")


def patients(*ids):
    return [{"resourceType": "Patient", "id": one} for one in ids]


def conditions(*ids):
    return [{"resourceType": "Condition", "id": one, "subject": {"reference": "Patient/p1"}} for one in ids]


@pytest.fixture
def server():
    with faulty_server() as running:
        yield running


@pytest.fixture
def populated(server):
    server.add_file("Patient", patients("p1", "p2"))
    server.add_file("Condition", conditions("c1", "c2", "c3"))
    server.add_file("Condition", conditions("c4"))
    return server


@pytest.fixture
def waits():
    return []


@pytest.fixture
def run(server, tmp_path, waits):
    def run(**changed):
        options = {"types": TYPES[:2], "sleep": waits.append, "patience": Patience(trouble_seconds=60)} | changed
        return download(server.base, tmp_path / "data", **options)

    return run


def rows(folder: Path, kind: str) -> list[str]:
    """The ids on disk, by the files' own order."""
    found = []
    for path in sorted(folder.glob(f"data/{kind}.*ndjson*")):
        text = path.read_bytes()
        text = gzip.decompress(text) if path.suffix == ".gz" else text
        found += [json.loads(line)["id"] for line in text.splitlines()]
    return found


def test_an_export_becomes_a_folder_of_ndjson(populated, run, tmp_path):
    populated.polls = 2
    report = run()
    assert report.incomplete is None
    assert report.counts == {"Condition": 4, "Patient": 2}
    assert report.promised == {"Condition": 4, "Patient": 2}
    assert report.transaction_time == "2026-11-22T01:00:00Z"
    assert rows(tmp_path, "Patient") == ["p1", "p2"]
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]
    assert read_report(tmp_path / "data") == report


def test_the_kick_off_asks_asynchronously_for_the_types(populated, run):
    run(since=datetime(2026, 11, 21, 2, 0, tzinfo=UTC), type_filter=("Condition?code=363406005",))
    (asked,) = populated.of("/fhir/$export")
    assert "respond-async" in asked.headers["prefer"]
    assert asked.headers["accept"] == "application/fhir+json"
    assert asked.query == {
        "_outputFormat": ["application/fhir+ndjson"],
        "_type": ["Patient,Condition"],
        "_since": ["2026-11-21T02:00:00.000Z"],
        "_typeFilter": ["Condition?code=363406005"],
    }


def test_a_group_is_exported_by_its_id(populated, run):
    run(group="extend-op.1")
    assert populated.times("/fhir/Group/extend-op.1/$export") == 1


def test_a_server_without_system_export_is_asked_for_its_patients(populated, run):
    populated.fail("/fhir/$export", Answer(404))
    assert run().counts["Patient"] == 2
    assert populated.times("/fhir/Patient/$export") == 1


def test_the_job_is_deleted_when_all_is_here(populated, run):
    run()
    assert populated.asked[-1].method == "DELETE"
    assert populated.asked[-1].path == "/status/1"
    assert populated.deleted_jobs == 1


def test_types_that_were_not_asked_for_stay_there(populated, run):
    extra = populated.add_file("Observation", [{"resourceType": "Observation", "id": "o"}])
    assert "Observation" not in run().counts
    assert populated.times(extra) == 0


# Waiting


def test_retry_after_is_heeded_in_every_form_and_capped(populated, run, waits):
    soon = format_datetime(now().replace(microsecond=0), usegmt=True)
    said = ["7", soon, str(int(time.monotonic()) + 4_000_000_000), "36000"]
    populated.fail("/status/1", *(Answer(202, headers={"Retry-After": words}) for words in said))
    run(patience=Patience(longest_wait_seconds=20))
    assert 7 <= waits[0] <= 8.4
    assert waits[1] <= 1
    assert waits[2:] == [20, 20]


def test_another_export_running_is_waited_out(populated, run, waits):
    populated.fail("/fhir/$export", *[Answer(429, headers={"Retry-After": "100"})] * 15)
    report = run()
    assert report.incomplete is None
    assert sum(waits) > 1400


def test_a_server_in_trouble_is_asked_again(populated, run):
    populated.fail("/fhir/$export", Answer(503), Answer(502, b"<html>bad gateway</html>"))
    populated.fail("/status/1", Answer(504), Answer(429), Answer(200, b"<html>log in</html>"))
    populated.fail("/files/1.ndjson", Answer(500), Answer(503))
    assert run().counts == {"Condition": 4, "Patient": 2}


def test_an_export_that_failed_says_so(populated, run):
    populated.fail("/status/1", *[outcome("exception")] * 10)
    with pytest.raises(RemoteError, match=r"export's status .*HTTP 500 \(exception\)"):
        run()
    assert populated.times("/status/1") == 3


def test_a_server_that_stays_down_is_given_up(populated, run, waits):
    populated.fail("/status/1", *[Answer(503)] * 100)
    with pytest.raises(RemoteError, match="HTTP 503"):
        run()
    assert 25 < sum(waits) <= 60


def test_an_export_that_never_ends_is_left_to_be_resumed(populated, run, tmp_path):
    populated.polls = 10_000
    with pytest.raises(RemoteError, match="--resume"):
        run(patience=Patience(export_seconds=1000))
    populated.polls = 0
    assert run(resume=True).counts["Patient"] == 2
    assert populated.exports == 1


def test_a_status_that_is_html_is_a_remote_error(populated, run):
    populated.fail("/status/1", *[Answer(200, b"<html>welcome</html>")] * 5)
    with pytest.raises(RemoteError, match="HTML"):
        run()


def test_a_kick_off_without_a_status_address_is_a_remote_error(populated, run):
    populated.fail("/fhir/$export", Answer(202))
    with pytest.raises(RemoteError, match="Content-Location"):
        run()


def test_nobody_there_is_told_soon(tmp_path, waits):
    with faulty_server() as gone:
        base = gone.base
    with pytest.raises(RemoteError, match=r"127\.0\.0\.1"):
        download(base, tmp_path / "data", types=TYPES, sleep=waits.append)
    assert sum(waits) < 30


# What the manifest says


def test_pages_of_a_manifest_are_followed(populated, run, server):
    more = {"output": [{"type": "Condition", "url": server.manifest["output"].pop()["url"], "count": 1}]}
    server.manifest["link"] = [{"relation": "next", "url": "/status/more"}]
    server.fail("/status/more", as_json(more | {"transactionTime": "2026-11-22T01:00:00Z"}))
    assert run().counts == {"Condition": 4, "Patient": 2}


def test_a_manifest_in_a_circle_is_refused(populated, run):
    populated.manifest["link"] = [{"relation": "next", "url": "/status/1"}]
    with pytest.raises(RemoteError, match="circle"):
        run()


def test_an_empty_manifest_is_not_nobody(server, run):
    report = run()
    assert report.incomplete == "the server gave no resources at all"


def test_an_export_without_patients_is_not_nobody(server, run):
    server.add_file("Condition", conditions("c1"))
    assert run().incomplete == "the server gave no Patient"


def test_no_changes_since_are_just_that(server, run):
    assert run(since=datetime(2026, 11, 21, tzinfo=UTC)).incomplete is None


def test_files_without_a_type_are_sorted_by_type(server, run, tmp_path):
    header = [{"resourceType": "Parameters", "parameter": [{"name": "subject"}]}]
    server.add_file(None, header + patients("p1") + conditions("c1"), count=2)
    name = server.add_file(None, header + patients("p2") + [{"resourceType": "Claim", "id": "x"}])
    server.files[name] += b'{"resourceType":"Condition","id":"c2"\n{"broken\n'
    report = run()
    assert report.counts == {"Patient": 2, "Condition": 2, "unreadable": 1}
    assert rows(tmp_path, "Patient") == ["p1", "p2"]
    assert (tmp_path / "data/Condition.m00002.ndjson").read_bytes() == b'{"resourceType":"Condition","id":"c2"\n'
    assert (tmp_path / "data/unreadable.m00002.ndjson").read_bytes() == b'{"broken\n'
    assert not list(tmp_path.glob("data/Claim*"))


def test_errors_beside_the_data_make_it_incomplete(populated, run):
    issue = {"severity": "error", "code": "exception", "diagnostics": "Jane Doe"}
    populated.add_file("OperationOutcome", [{"resourceType": "OperationOutcome", "issue": [issue]}] * 2, role="error")
    report = run()
    assert report.incomplete == "the server reported 2 errors beside the data"
    assert [(one.severity, one.code, one.count) for one in report.errors] == [("error", "exception", 2)]
    assert "Jane" not in repr(report)


def test_warnings_beside_the_data_do_not(populated, run):
    issue = {"severity": "warning", "code": "not-supported"}
    populated.add_file("OperationOutcome", [{"resourceType": "OperationOutcome", "issue": [issue]}], role="error")
    report = run()
    assert report.incomplete is None
    assert report.errors[0].severity == "warning"


def test_deletions_are_told_and_applied(populated, run, tmp_path):
    entries = [{"request": {"method": "DELETE", "url": url}} for url in ("Condition/c2", "Patient/gone")]
    populated.add_file("Bundle", [{"resourceType": "Bundle", "type": "transaction", "entry": entries}], role="deleted")
    report = run(since=datetime(2026, 11, 21, tzinfo=UTC))
    assert report.deleted == ("Condition/c2", "Patient/gone")
    assert rows(tmp_path, "Condition") == ["c1", "c3", "c4"]
    assert report.counts["Condition"] == 3


def test_a_filter_that_leaves_nothing_is_not_believed(populated, run):
    whole = dict(populated.manifest)
    populated.manifest["output"] = whole["output"][:1]

    def second_export(asked):
        populated.manifest = whole
        assert "_typeFilter" not in asked.query
        return Answer(202, headers={"Content-Location": "/status/2"})

    populated.fail("/fhir/$export", Answer(202, headers={"Content-Location": "/status/1"}), second_export)
    report = run(type_filter=("Condition?code=363406005",))
    assert report.counts == {"Condition": 4, "Patient": 2}
    assert report.incomplete is None
    assert "filter" in report.notes[0]


def test_a_filter_that_is_ignored_costs_nothing_but_time(populated, run, tmp_path):
    report = run(type_filter=("Condition?code=363406005",))
    assert populated.of("/fhir/$export")[0].query["_typeFilter"] == ["Condition?code=363406005"]
    assert report.incomplete is None
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]


def test_a_filter_that_is_not_understood_is_left_out(populated, run):
    populated.fail("/fhir/$export", outcome("not-supported", status=400))
    assert run(type_filter=("Condition?code=363406005",)).counts["Condition"] == 4
    assert "_typeFilter" not in populated.of("/fhir/$export")[1].query


def test_types_unknown_to_the_server_are_named_and_left_out(populated, run):
    populated.fail("/fhir/$export", outcome("not-supported", status=400))
    known = [{"type": "Patient"}, {"type": "Condition"}]
    populated.fail("/fhir/metadata", as_json({"resourceType": "CapabilityStatement", "rest": [{"resource": known}]}))
    report = run(types=("Patient", "Condition", "BodyStructure"))
    assert report.unavailable == {"BodyStructure": "the server does not know this resource type"}
    assert populated.of("/fhir/$export")[1].query["_type"] == ["Patient,Condition"]


# Files


def test_so_many_files_are_fetched_at_the_same_time(server, run):
    """Each of three files is sent only once all three were asked for."""
    together = threading.Barrier(3, timeout=20)

    def wait_for_the_others(asked):
        together.wait()
        return server._file(asked)

    for number in range(3):
        server.fail(server.add_file("Patient", patients(f"p{number}")), wait_for_the_others)
    assert run(parallel=3).counts == {"Patient": 3}


def test_gzip_is_kept_as_it_came(populated, run, tmp_path):
    populated.gzipped |= set(populated.files)
    assert run().counts == {"Condition": 4, "Patient": 2}
    assert (tmp_path / "data/Patient.00001.ndjson.gz").exists()
    assert rows(tmp_path, "Patient") == ["p1", "p2"]


def test_a_file_cut_short_is_continued_from_its_last_byte(populated, run, tmp_path):
    big = [{"resourceType": "Condition", "id": f"big{number}", "note": "x" * 1000} for number in range(2000)]
    name = populated.add_file("Condition", big)
    body = populated.files[name]
    headers = {"ETag": f'"{name}"'}
    populated.fail(name, Answer(200, body, headers, cut=1_500_000))
    assert run().counts["Condition"] == 2004
    first, second = populated.of(name)
    assert "range" not in first.headers
    start = int(second.headers["range"].removeprefix("bytes=").rstrip("-"))
    assert 0 < start <= 1_500_000
    assert (tmp_path / "data/Condition.00004.ndjson").read_bytes() == body


def test_a_later_run_continues_a_file_from_its_last_byte(populated, run, tmp_path):
    big = [{"resourceType": "Condition", "id": f"big{number}", "note": "x" * 1000} for number in range(2000)]
    name = populated.add_file("Condition", big)
    body = populated.files[name]
    populated.fail(name, Answer(200, body, {"ETag": f'"{name}"'}, cut=1_500_000), *[Answer(503)] * 50)
    assert "HTTP 503" in run().incomplete
    populated.faults.clear()
    assert run(resume=True).incomplete is None
    assert int(populated.of(name)[-1].headers["range"].removeprefix("bytes=").rstrip("-")) > 0
    assert (tmp_path / "data/Condition.00004.ndjson").read_bytes() == body
    assert populated.times("/files/1.ndjson") == 1


def test_a_file_that_changed_meanwhile_is_fetched_anew(populated, run, tmp_path):
    name = populated.add_file("Condition", conditions(*(f"x{number:06}" for number in range(20_000))))
    populated.fail(name, Answer(200, b"{}\n" * 1_000_000, {"ETag": '"older"'}, cut=2_000_000))
    assert run().incomplete is None
    assert (tmp_path / "data/Condition.00004.ndjson").read_bytes() == populated.files[name]


@pytest.mark.parametrize("length_told", [True, False])
def test_a_small_file_cut_short_is_fetched_again(populated, run, tmp_path, length_told):
    body = populated.files["/files/2.ndjson"]
    fault = Answer(200, body, cut=len(body) - 20) if length_told else Answer(200, body[:-20], plain=True)
    populated.fail("/files/2.ndjson", fault)
    assert run().incomplete is None
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]


def test_gzip_cut_short_is_noticed_though_the_length_fits(populated, run, tmp_path):
    body = gzip.compress(populated.files["/files/2.ndjson"])[:-6]
    populated.fail("/files/2.ndjson", Answer(200, body, {"Content-Encoding": "gzip"}))
    assert run().incomplete is None
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]


def test_fewer_rows_than_promised_are_asked_for_again(populated, run):
    populated.fail("/files/2.ndjson", Answer(200, b'{"resourceType":"Condition","id":"c1"}\n'))
    assert run().counts["Condition"] == 4


def test_rows_that_stay_away_make_it_incomplete(server, run, tmp_path):
    server.add_file("Patient", patients("p1"), count=3)
    server.add_file("Condition", conditions("c1"))
    report = run()
    assert report.incomplete == "a file of Patient holds 1 rows where the manifest says 3"
    assert report.counts == {"Patient": 1, "Condition": 1}
    assert server.times("/files/1.ndjson") == 2
    assert server.deleted_jobs == 0
    server.manifest["output"][0]["count"] = 3
    server.files["/files/1.ndjson"] = b"".join(json.dumps(one).encode() + b"\n" for one in patients("p1", "p2", "p3"))
    resumed = run(resume=True)
    assert resumed.incomplete is None
    assert rows(tmp_path, "Patient") == ["p1", "p2", "p3"]
    assert server.times("/files/2.ndjson") == 1


def test_a_file_that_is_html_makes_it_incomplete(populated, run):
    populated.fail("/files/2.ndjson", *[Answer(200, b"<html>Sorry</html>")] * 10)
    report = run()
    assert report.incomplete == "a file of Condition is an HTML page"
    assert report.counts == {"Patient": 2, "Condition": 1}


def test_a_broken_line_is_left_to_the_reader(populated, run, tmp_path):
    populated.files["/files/3.ndjson"] = b'{"resourceType":"Condition","id":"c4'
    assert run().incomplete is None
    assert (tmp_path / "data/Condition.00003.ndjson").read_bytes() == b'{"resourceType":"Condition","id":"c4'


def test_a_file_refused_for_good_makes_it_incomplete(populated, run):
    populated.fail("/files/2.ndjson", Answer(403))
    assert "HTTP 403" in run().incomplete


def test_files_that_expired_are_exported_anew(populated, run, tmp_path):
    populated.fail("/files/2.ndjson", Answer(410))
    report = run()
    assert report.incomplete is None
    assert populated.exports == 2
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]
    assert "expired" in report.notes[0]


def test_exports_that_always_expire_are_given_up(populated, run):
    populated.fail("/files/2.ndjson", *[Answer(410)] * 20)
    with pytest.raises(RemoteError, match="3 times"):
        run()


def test_signed_addresses_that_expired_are_asked_for_anew(populated, run):
    fresh = [dict(entry, url=entry["url"] + "?signed=2") for entry in populated.manifest["output"]]

    def expired(asked):
        populated.manifest["output"] = fresh
        return Answer(410)

    populated.fail("/files/2.ndjson", expired)
    assert run().incomplete is None
    assert populated.exports == 1
    assert populated.of("/files/2.ndjson")[-1].query == {"signed": ["2"]}
    assert populated.times("/files/1.ndjson") == 1


def test_a_redirect_elsewhere_is_followed_without_the_token(populated, run, tmp_path):
    with faulty_server() as store:
        store.files["/files/1.ndjson"] = populated.files["/files/1.ndjson"]
        target = store.base.removesuffix("/fhir") + "/files/1.ndjson"
        populated.fail("/files/1.ndjson", Answer(307, headers={"Location": target}))
        _with_key(populated, tmp_path)
        assert run(credentials=_credentials(tmp_path)).counts["Patient"] == 2
        (asked,) = store.asked
        assert asked.token is None
    assert populated.of("/files/1.ndjson")[0].token is not None


@pytest.mark.parametrize("needed", [True, False])
def test_files_are_asked_with_a_token_where_the_manifest_says_so(populated, run, tmp_path, needed):
    populated.manifest["requiresAccessToken"] = needed
    if not needed:
        for name, body in populated.files.items():
            populated.fail(name, Answer(200, body))
    _with_key(populated, tmp_path)
    run(credentials=_credentials(tmp_path))
    assert (populated.of("/files/1.ndjson")[0].token is not None) is needed


@pytest.mark.parametrize("target", ["http://192.0.2.1/files/1", "ftp://127.0.0.1/x", "http://u:p@127.0.0.1/x"])
def test_a_redirect_into_the_open_is_not_followed(populated, run, target):
    populated.fail("/files/1.ndjson", *[Answer(307, headers={"Location": target})] * 3)
    assert "not asked" in run().incomplete


def test_a_full_disk_is_told(populated, run, tmp_path, monkeypatch):
    run()
    monkeypatch.setattr(Path, "open", _full)
    with pytest.raises(SourceError, match="No space left"):
        run()


def _full(self, *_args, **_options):
    raise OSError(28, "No space left on device")


# Going on


def test_a_finished_download_is_not_done_again(populated, run):
    first = run()
    asked = len(populated.asked)
    assert run(resume=True) == first
    assert len(populated.asked) == asked


def test_without_resume_it_is_done_again_from_nothing(populated, run, tmp_path):
    populated.add_file("Condition", conditions("c5"))
    run()
    populated.manifest["output"].pop()
    assert run().counts["Condition"] == 4
    assert rows(tmp_path, "Condition") == ["c1", "c2", "c3", "c4"]


def test_resuming_something_else_is_refused(populated, run):
    run()
    with pytest.raises(UsageError, match="another download"):
        run(resume=True, group="g")


def test_a_folder_with_other_files_is_left_alone(populated, run, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/Patient.ndjson").write_text("mine")
    with pytest.raises(UsageError, match="other files"):
        run()
    assert (tmp_path / "data/Patient.ndjson").read_text() == "mine"


def test_an_export_forgotten_meanwhile_is_started_anew(populated, run):
    populated.polls = 10_000
    with pytest.raises(RemoteError):
        run(patience=Patience(export_seconds=100))
    populated.polls = 0
    populated.fail("/status/1", Answer(404))
    assert run(resume=True).counts["Patient"] == 2
    assert populated.exports == 2


def test_a_new_download_ends_the_export_of_the_one_it_replaces(populated, run):
    populated.polls = 10_000
    with pytest.raises(RemoteError):
        run(patience=Patience(export_seconds=100))
    populated.polls = 0
    run()
    assert [asked.path for asked in populated.asked if asked.method == "DELETE"] == ["/status/1", "/status/2"]


def test_ctrl_c_cancels_the_export(populated, run):
    populated.polls = 10_000

    def interrupt(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(sleep=interrupt)
    assert populated.deleted_jobs == 1
    populated.polls = 0
    assert run(resume=True).counts["Patient"] == 2
    assert populated.exports == 2


def test_ctrl_c_among_the_files_cancels_too(populated, run):
    def interrupt(progress):
        if progress.phase == "fetching":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=interrupt)
    assert populated.deleted_jobs == 1


def test_progress_is_told(populated, run):
    told = []
    populated.polls = 1
    run(progress=told.append)
    assert [(one.phase, one.done, one.total) for one in told] == [
        ("exporting", 50, 100),
        ("fetching", 1, 3),
        ("fetching", 2, 3),
        ("fetching", 3, 3),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_any_moment_it_ends_with_the_same_files(server, tmp_path, seed):
    draw = random.Random(seed)
    for number in range(6):
        big = conditions(*(f"{number}-{row}" for row in range(6000)))
        name = server.add_file("Condition", big)
        server.gzipped |= {name} if number % 3 == 0 else set()
    server.add_file("Patient", patients("p1"))
    server.add_file(None, conditions("mixed") + patients("p2"), count=None)
    server.polls, server.delay_seconds = 1, 0.005
    undisturbed = download(server.base, tmp_path / "once", types=TYPES, patience=Patience(first_wait_seconds=0.01))
    server.polls = 1
    child = multiprocessing.get_context("fork").Process(target=_download_quickly, args=(server.base, tmp_path / "data"))
    child.start()
    time.sleep(draw.uniform(0.0, 0.25))
    child.kill()
    child.join()
    report = download(
        server.base, tmp_path / "data", types=TYPES, resume=True, patience=Patience(first_wait_seconds=0.01)
    )
    assert report.counts == undisturbed.counts == {"Patient": 2, "Condition": 36001}
    assert _contents(tmp_path / "data") == _contents(tmp_path / "once")


def _download_quickly(base: str, folder: Path) -> None:
    download(base, folder, types=TYPES, patience=Patience(first_wait_seconds=0.01))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "download.json"}


# Nothing of a patient or a token is said


def test_no_message_or_log_holds_a_token_or_a_patient(populated, run, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    _with_key(populated, tmp_path)
    populated.fail("/files/2.ndjson", outcome("processing"), outcome("processing", status=403))
    populated.fail("/fhir/$export", outcome("throttled", status=503))
    report = run(credentials=_credentials(tmp_path))
    for level in ("", "Patient/"):
        populated.fail(f"/fhir/{level}$export", *[outcome("forbidden", status=403)] * 3)
    with pytest.raises(RemoteError) as raised:
        run(credentials=_credentials(tmp_path))
    said = caplog.text + repr(report) + str(raised.value) + (tmp_path / "data/download.json").read_text()
    assert "HTTP 403 (forbidden)" in str(raised.value)
    for secret in ("secret-token", "Jane", "12345", "client_assertion"):
        assert secret not in said


def _with_key(server: FaultyServer, folder: Path) -> None:
    from joserfc.jwk import ECKey

    server.public_key = ECKey.generate_key("P-384")
    (folder / "key.pem").write_bytes(server.public_key.as_pem(private=True))


def _credentials(folder: Path):
    from cds_service.fhir.smart import Credentials

    return Credentials("nightly", folder / "key.pem")


@pytest.mark.parametrize(
    "base",
    ["http://ehr.example/fhir", "https://u:p@ehr.example/fhir", "ehr.example", "https://e.example/?x=1", "ftp://e"],
)
def test_an_address_that_must_not_be_asked_is_refused(base, tmp_path):
    with pytest.raises(UsageError, match="FHIR base URL"):
        download(base, tmp_path / "data", types=TYPES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"group": "a/../b"},
        {"types": ("Patient", "../x")},
        {"method": "magic"},
        {"method": "search", "group": "g"},
        {"since": datetime(2026, 11, 21)},  # noqa: DTZ001  that is the mistake
    ],
)
def test_what_cannot_be_asked_is_refused(server, run, wrong):
    with pytest.raises(UsageError):
        run(**wrong)
    assert server.asked == []
