"""One suite, both engines: the local one, and Spark on two workers. Same rows, same counts, same quarantine.

Spark takes some seconds to start, so that every population is screened once by each, and one session serves all tests.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir_json import as_bytes, catalog, patient
from mixed_folder import cancer, diabetes, lay_out, lines, platelets
from spark import small_session

from cds_service import nightly
from cds_service.config import Settings
from cds_service.domain.assessments import as_json
from cds_service.domain.facts import Kind
from cds_service.domain.trials import assess
from cds_service.errors import ConfigurationError, RemoteError, SourceError, UsageError
from cds_service.fhir.sources import read_source
from cds_service.nightly import ScreenRequest
from cds_service.population.assessing import Judging, document_of
from cds_service.population.files import find_files
from cds_service.population.local import LocalEngine, Options
from cds_service.sandbox.population.generating import generate
from cds_service.screening.overnight import Since
from cds_service.screening.ports import PopulationEngine
from cds_service.screening.screened import EngineOutcome, Screened

pytestmark = pytest.mark.spark

DAY = date(2026, 11, 22)
SMALL_PIECES = 1 << 20


@dataclass(frozen=True)
class Ran:
    """What an engine made of a folder; the time it took is left out."""

    outcome: EngineOutcome
    screened: dict[str, Screened]
    quarantined: list[tuple[str, int, str, str]]


@dataclass
class Population:
    """A folder, and how it is screened."""

    folder: Path
    options: Options = field(default_factory=Options)
    judging: Judging = field(
        default_factory=lambda: Judging(catalog(), catalog().trials["extend-op"], DAY, "1", "https://ehr.example/fhir")
    )


def ran(engine: PopulationEngine) -> Ran:
    outcome = engine.run()
    outcome.counts.seconds.clear()
    rows = list(engine.results())
    screened = {row.patient.id: row for row in rows}
    assert len(screened) == len(rows)
    quarantined = list(engine.quarantined())
    engine.close()
    return Ran(outcome, screened, quarantined)


def once(run: Callable[[Population], Ran]) -> Callable[[Population], Ran]:
    """The same, each population screened once."""
    known: list[tuple[Population, Ran]] = []

    def remembered(population: Population) -> Ran:
        for before, found in known:
            if before is population:
                return found
        known.append((population, run(population)))
        return known[-1][1]

    return remembered


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    with small_session() as session:
        yield session


@pytest.fixture(scope="session")
def local_runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Population], Ran]:
    def run(population: Population) -> Ran:
        files = find_files([population.folder])
        return ran(LocalEngine(files, population.judging, tmp_path_factory.mktemp("work"), population.options))

    return once(run)


@pytest.fixture(scope="session")
def spark_runs(spark: Any) -> Callable[[Population], Ran]:
    from cds_service.population.spark import SparkEngine
    from cds_service.population.spark_files import list_files

    def run(population: Population) -> Ran:
        spark.conf.set("spark.sql.files.maxPartitionBytes", population.options.piece_bytes)
        files = list_files(spark, [f"file://{population.folder}"])
        return ran(SparkEngine(spark, files, population.judging, population.options))

    return once(run)


@pytest.fixture(params=["local", "spark"], scope="session")
def screen(request: pytest.FixtureRequest) -> Callable[[Population], Ran]:
    """What screens a population, by each of the engines."""
    return request.getfixturevalue(f"{request.param}_runs")


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Population:
    """300 patients of the sandbox's generator, as dirty as it makes them, in two files a type."""
    folder = tmp_path_factory.mktemp("generated") / "population"
    generate(300, 5, folder, DAY, files=2)
    return Population(folder, Options(piece_bytes=SMALL_PIECES))


@pytest.fixture(scope="session")
def generated_ran(screen, generated) -> Ran:
    return screen(generated)


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Population:
    """The folder of `mixed_folder.py`."""
    folder = tmp_path_factory.mktemp("mixed") / "a folder (#2)"
    lay_out(folder)
    return Population(folder)


@pytest.fixture(scope="session")
def mixed_ran(screen, mixed) -> Ran:
    return screen(mixed)


def evaluated(folder: Path) -> dict[str, Any]:
    """The assessment of every patient of a folder, as `evaluate` makes it."""
    source = read_source(str(folder))
    return {
        record.name.removeprefix("Patient/"): as_json(
            assess(catalog().trials["extend-op"], source.facts(record, catalog()), DAY, "1")
        )
        for record in source.patients
    }


def documents(found: Ran) -> dict[str, Any]:
    return {identity: json.loads(document_of(row)) for identity, row in found.screened.items()}


# --- each engine -----------------------------------------------------------------------------------------


def test_every_patient_considered_is_assessed_as_evaluate_does(generated, generated_ran):
    expected = evaluated(generated.folder)
    found = documents(generated_ran)
    assert len(found) > 20
    assert found == {identity: json.loads(as_bytes(expected[identity])) for identity in found}


def test_nobody_who_was_built_with_cancer_is_lost(generated, generated_ran):
    built = [json.loads(entry) for entry in (generated.folder / "truth.ndjson").read_text().splitlines()]
    assert {entry["patient"].removeprefix("Patient/") for entry in built} <= generated_ran.screened.keys()


def test_each_line_of_a_generated_population_is_counted_once(generated, generated_ran):
    readable: Counter[str] = Counter()
    for path in generated.folder.glob("[A-Z]*.ndjson"):
        for entry in path.read_bytes().split(b"\n"):
            with suppress(ValueError, TypeError, KeyError):
                readable[json.loads(entry)["resourceType"]] += 1
    broken = Counter(kind for _, _, kind, _ in generated_ran.quarantined if kind)
    assert sum(broken.values()) > 5
    assert generated_ran.outcome.counts.rows == readable + broken
    assert generated_ran.outcome.counts.patients == 300


def test_who_is_considered_in_a_mixed_folder(mixed_ran):
    assert mixed_ran.screened.keys() == {
        *("plain", "zipped", "bundled", "drugged", "twice"),
        *("staged", "misplaced", "renamed"),  # evidence that the survey does not see
        "new",  # whose record replaced the old one, which the evidence names
        "cut",  # a Condition that cannot be read to its end
        "broken",
    }


def test_the_counts_of_a_mixed_folder(mixed_ran):
    counts = mixed_ran.outcome.counts
    assert counts.rows == {"Condition": 13, "Medication": 2, "MedicationRequest": 2, "Observation": 1510, "Patient": 13}
    assert (counts.patients, counts.considered, counts.evaluated, counts.absent) == (12, 11, 11, 1)
    assert (counts.quarantined, counts.dropped, counts.unchanged) == (5, 1, 0)
    assert counts.statuses == {"possible": 11}
    assert mixed_ran.outcome.problems == []


def test_lines_that_cannot_be_read_are_told_by_file_and_line(mixed_ran):
    assert mixed_ran.quarantined == [
        ("Condition-3.ndjson.gz", 1, "Condition", "it is not readable JSON"),
        ("Observation.ndjson", 1507, "Observation", "it is not readable JSON"),
        ("Observation.ndjson", 1509, "Observation", "it is not readable JSON"),
        ("Procedure.ndjson", 2, "", "it has no resourceType"),
        ("Procedure.ndjson", 3, "", "it is not readable JSON"),
    ]


def test_what_was_cut_off_is_unknown_where_it_names_its_patient(mixed_ran):
    assert {identity for identity, row in mixed_ran.screened.items() if row.partly_read} == {"cut", "broken"}


def test_every_patient_of_a_mixed_folder_is_assessed_as_evaluate_does(mixed, mixed_ran):
    expected, found = evaluated(mixed.folder), documents(mixed_ran)
    assert found.keys() == expected.keys() - {"healthy"}
    for identity in found:
        assert found[identity] == json.loads(as_bytes(expected[identity])), identity


def test_one_patient_alone_gets_what_names_nobody(screen, tmp_path):
    nameless = {**platelets("alone", "p1"), "subject": {"display": "she"}}
    (tmp_path / "all.ndjson").write_bytes(lines(patient("alone"), cancer("alone"), nameless))
    found = screen(Population(tmp_path))
    assert found.outcome.counts.rows == {"Condition": 1, "Observation": 1, "Patient": 1}
    assert documents(found)["alone"] == json.loads(as_bytes(evaluated(tmp_path)["alone"]))
    assert found.screened["alone"].partly_read


def test_a_population_without_cancer_is_an_empty_list(screen, tmp_path):
    (tmp_path / "all.ndjson").write_bytes(lines(patient("healthy"), diabetes("healthy")))
    found = screen(Population(tmp_path))
    assert found.screened == {}
    assert (found.outcome.counts.patients, found.outcome.counts.considered) == (1, 0)


def test_a_line_too_long_to_be_read_leaves_its_kind_unknown(screen, tmp_path):
    (tmp_path / "all.ndjson").write_bytes(lines(patient("long"), patient("other"), cancer("long")))
    long = as_bytes({**platelets("long", "l2"), "note": "x" * (64 << 20)})
    (tmp_path / "Observation.ndjson").write_bytes(lines(platelets("long", "l1"), long, platelets("long", "l3")))
    found = screen(Population(tmp_path))
    assert found.quarantined == [("Observation.ndjson", 2, "Observation", "the line is longer than 64 MB")]
    assert found.screened["long"].partly_read
    assert found.outcome.counts.rows == {"Condition": 1, "Observation": 2, "Patient": 2}


def test_a_gzip_file_that_is_cut_short_is_a_problem_and_its_lines_are_read(screen, tmp_path):
    (tmp_path / "Patient.ndjson").write_bytes(lines(patient("one"), patient("two")))
    whole = gzip.compress(
        lines(cancer("one"), *(diabetes(f"nobody-{number}") for number in range(20_000)), cancer("two"))
    )
    (tmp_path / "Condition.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    found = screen(Population(tmp_path))
    assert found.outcome.problems == ["Condition.ndjson.gz: the gzip file is cut short"]
    assert found.screened.keys() == {"one"}


def test_a_gzip_file_that_is_damaged_is_a_problem(screen, tmp_path):
    (tmp_path / "Patient.ndjson").write_bytes(lines(patient("one")))
    (tmp_path / "Condition.ndjson.gz").write_bytes(b"\x1f\x8b" + bytes(200))
    found = screen(Population(tmp_path))
    assert found.outcome.problems == ["Condition.ndjson.gz: the gzip file is damaged"]


def test_a_kind_that_the_source_does_not_give_is_unknown(screen, tmp_path):
    (tmp_path / "all.ndjson").write_bytes(lines(patient("one"), cancer("one"), patient("two")))
    population = Population(tmp_path)
    population.judging = replace(population.judging, not_retrieved=((Kind.MEDICATIONS, "not exported"),))
    found = screen(population)
    assert found.screened["one"].partly_read
    assert "prior-lines" in found.screened["one"].summary.open


def test_who_is_held_is_assessed_anew_only_where_the_record_is_another(screen, mixed, mixed_ran, tmp_path):
    lay_out(tmp_path)
    held = {identity: row.record for identity, row in mixed_ran.screened.items()}
    held["drugged"] = "the digest of another record"
    (tmp_path / "Observation-2.ndjson").write_bytes(lines(platelets("twice", "new")))
    found = screen(Population(tmp_path, replace(mixed.options, held=held)))
    assert found.screened.keys() == {"twice", "drugged"}
    assert found.outcome.unchanged == mixed_ran.screened.keys() - {"twice", "drugged"}
    assert found.outcome.counts.unchanged == 9


def test_who_is_held_is_assessed_anew_where_a_shared_resource_is_another(screen, mixed, mixed_ran, tmp_path):
    lay_out(tmp_path)
    held = {identity: row.record for identity, row in mixed_ran.screened.items()}
    (tmp_path / "Medication-2.ndjson").write_bytes(lines({"resourceType": "Medication", "id": "another"}))
    found = screen(Population(tmp_path, replace(mixed.options, held=held)))
    assert found.screened.keys() == held.keys()


def test_since_an_instant_who_was_updated_or_is_broken_or_new_is_assessed(screen, tmp_path):
    def updated(at: str) -> dict[str, Any]:
        return {"meta": {"lastUpdated": at}}

    before, after = updated("2026-11-01T10:00:00Z"), updated("2026-11-21T23:00:00+00:00")
    everybody = ("same", "updated", "undated", "cut", "new")
    (tmp_path / "Patient.ndjson").write_bytes(lines(*(patient(identity, **before) for identity in everybody)))
    (tmp_path / "Condition.ndjson").write_bytes(
        lines(
            cancer("same", **before),
            cancer("updated", **after),
            cancer("undated"),
            cancer("cut", **before),
            as_bytes({**platelets("cut", "p1"), **before})[:150],
            cancer("new", **before),
        )
    )
    held = dict.fromkeys(("same", "updated", "undated", "cut"), "")
    options = Options(held=held, since=datetime(2026, 11, 20, tzinfo=UTC))
    found = screen(Population(tmp_path, options))
    assert found.screened.keys() == {"updated", "undated", "cut", "new"}
    assert found.outcome.unchanged == {"same"}


# --- both ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["generated", "mixed"])
def test_spark_and_the_local_engine_agree_row_for_row(name, request, local_runs, spark_runs):
    population = request.getfixturevalue(name)
    local, on_spark = local_runs(population), spark_runs(population)
    assert on_spark.outcome == local.outcome
    assert on_spark.quarantined == local.quarantined
    assert on_spark.screened.keys() == local.screened.keys()
    for identity, row in on_spark.screened.items():
        assert row == local.screened[identity], identity


def test_whatever_the_size_of_pieces(generated, local_runs):
    assert local_runs(replace(generated, options=Options())) == local_runs(generated)


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def asked(mixed, tmp_path):
    """Screens the mixed folder by the command's own function into one database."""
    settings = Settings(work_dir=tmp_path / "work", _env_file=None)

    def ask(engine: str, **how: Any) -> tuple[Any, str, str]:
        out = tmp_path / f"{engine}.csv"
        request = ScreenRequest(
            **{"source": str(mixed.folder), "trial": "extend-op", "as_of": DAY, "out": out, "every": True, **how},
            engine=engine,
            database=f"sqlite:///{tmp_path}/list.sqlite",
        )
        found = nightly.screen(settings, request, lambda *_: None, said.append)
        return found.done, out.read_text(), out.with_name(f"{engine}.quarantine.ndjson").read_text()

    said: list[str] = []
    ask.said = said
    return ask


def test_the_command_gives_the_same_list_and_quarantine_on_spark(spark, asked):
    _, by_local, quarantine = asked("local")
    done, by_spark, quarantine_of_spark = asked("spark")
    assert by_spark == by_local
    assert by_spark.count("\n") == 12
    assert quarantine_of_spark == quarantine
    assert quarantine.count("\n") == 5
    # What the other engine stored of the same folder is the same: nothing is new, nobody has vanished.
    assert (done.saved.same, done.saved.new, done.saved.changed, done.saved.vanished) == (11, 0, 0, 0)
    assert done.run.engine == "spark"


def test_what_the_local_engine_stored_is_unchanged_to_spark(spark, asked):
    asked("local")
    done, *_ = asked("spark", since=Since.LAST_RUN)
    assert (done.run.counts.unchanged, done.run.counts.evaluated) == (11, 0)


def test_resuming_on_spark_starts_anew_and_says_so(spark, asked, tmp_path):
    address = f"file://{tmp_path}"
    healthy = (patient(f"healthy-{number}") for number in range(8))
    (tmp_path / "all.ndjson").write_bytes(lines(patient("one"), *healthy, cancer("one"), b"no JSON"))
    done, *_ = asked("spark", source=address, resume=True)
    assert asked.said == ["nothing to resume: a run on Spark starts anew"]
    assert (done.run.source, done.saved.new) == (address, 1)


# --- what goes wrong on Spark ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("file:///no/such/folder", SourceError, "file:///no/such/folder: no such folder"),
        ("s3a://bucket/folder", ConfigurationError, "connector"),
        ("nothing://of/the/kind", ConfigurationError, "connector"),
        ("hdfs://127.0.0.1:1/folder", RemoteError, "could not be reached"),
        ("file:relative/folder", UsageError, "no address"),
    ],
)
def test_an_address_that_cannot_be_read_is_one_clear_error(spark, address, kind, words):
    from cds_service.population.spark_files import list_files

    with pytest.raises(kind, match=re.escape(words)):
        list_files(spark, [address])


def test_a_folder_without_ndjson_and_a_name_that_spark_passes_over_are_errors(spark, tmp_path):
    from cds_service.population.spark_files import list_files

    with pytest.raises(SourceError, match=r"no \.ndjson file in this folder"):
        list_files(spark, [f"file://{tmp_path}"])
    (tmp_path / "_Patient.ndjson").write_bytes(lines(patient("unseen")))
    with pytest.raises(SourceError, match=r"_Patient\.ndjson: Spark reads no file whose name begins with _"):
        list_files(spark, [f"file://{tmp_path}"])


def test_a_file_that_is_gone_when_it_is_read_fails_the_run(spark, tmp_path):
    from cds_service.population.spark import SparkEngine
    from cds_service.population.spark_files import list_files

    (tmp_path / "Patient.ndjson").write_bytes(lines(patient("one")))
    population = Population(tmp_path)
    files = list_files(spark, [f"file://{tmp_path}"])
    (tmp_path / "Patient.ndjson").unlink()
    engine = SparkEngine(spark, files, population.judging)
    with pytest.raises(SourceError, match="no such folder, or a file in it is gone"):
        engine.run()
    engine.close()


def test_an_error_in_a_worker_tells_its_kind_and_place_and_no_word_of_a_record(spark):
    from cds_service.population.spark_session import spark_failures
    from cds_service.population.spark_work import Desk, at_desk

    def stumble(desk: Desk, batches: Iterator[Any]) -> Iterator[Any]:
        yield from batches
        raise KeyError("Anna Example, born 1960-02-03")

    desk = spark.sparkContext.broadcast(Desk(Population(Path()).judging))
    with pytest.raises(RuntimeError) as told, spark_failures("file:///somewhere"):
        spark.range(1).mapInArrow(at_desk(stumble, desk), "id BIGINT").collect()
    assert re.fullmatch(r"cds-service failed in a worker: KeyError stumble:\d+", str(told.value))
    assert told.value.__suppress_context__
