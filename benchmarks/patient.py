"""What one patient costs, step by step, against parsing the same bytes.

    python -m benchmarks.patient [--bodies 20] [--rounds 15] [--patients 2000] [--seed 1]

First the body of `benchmarks.hook` (40 conditions, 300 observations, 10 imaging studies), fresh each time:
`orjson.loads` of it, the call with its prefetch, the facts, the assessment, its JSON. Then the patients of a small
generated population, as the nightly run reads them, and the assessment alone of those of them whose record is rich:
lesion sizes, drugs, scans and laboratory results. Times are of the process, not of the clock on the wall; the steps
take turns in each round, so that a busy machine slows all of them. Only ratios of one run mean anything.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson

from benchmarks.hook import DAY, bodies
from cds_service.catalog.loading import load_catalog
from cds_service.cds.prefetch import read_prefetch
from cds_service.cds.wire import read_call
from cds_service.domain.assessments import as_json
from cds_service.domain.facts import PatientFacts
from cds_service.domain.trials import assess
from cds_service.errors import NoPatient
from cds_service.fhir.reading import read_patient
from cds_service.fhir.sources import PatientRecord, read_source
from cds_service.sandbox.population.generating import AS_OF, generate

CATALOG = load_catalog()
TRIAL = CATALOG.trials["extend-op"]
FLOOR = "orjson.loads"
Made = TypeVar("Made")


class Times:
    """Milliseconds of each step, in the order of the steps."""

    def __init__(self) -> None:
        self.of: dict[str, list[float]] = defaultdict(list)

    def take(self, step: str, work: Callable[[], Made]) -> Made:
        """What the work makes, its time noted under the step."""
        started = time.process_time()
        made = work()
        self.of[step].append((time.process_time() - started) * 1000)
        return made

    def print(self, title: str) -> None:
        """The steps, each with its median, its p99 and its median as a ratio to the floor."""
        print(f"\n{title}")
        floor = statistics.median(self.of[FLOOR])
        for step, times in self.of.items():
            middle = statistics.median(times)
            print(f"  {step:26} {middle:7.3f} ms  p99 {_p99(times):7.3f} ms  {middle / floor:5.2f} x {FLOOR}")


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


def hook(count: int, rounds: int) -> Times:
    """The steps of a hook call, up to the card."""
    times, sent = Times(), list(islice(bodies(), count))
    for _ in range(rounds):
        for body in sent:
            times.take(FLOOR, lambda: orjson.loads(body))  # noqa: B023  taken at once
            patient, resources = times.take("read_call + read_prefetch", lambda: _delivered(body))  # noqa: B023
            facts = times.take("read_patient", lambda: read_patient(resources, CATALOG, patient=patient))  # noqa: B023
            assessment = times.take("assess", lambda: assess(TRIAL, facts, DAY))  # noqa: B023
            times.take("as_json", lambda: as_json(assessment))  # noqa: B023
    return times


def _delivered(body: bytes) -> tuple[str, list[Any]]:
    call = read_call(body, "patient-view")
    delivered = read_prefetch(call.prefetch, call.patient_id)
    return call.patient_id, [found for delivery in delivered.values() for found in delivery.resources]


def population(patients: int, seed: int, rounds: int) -> tuple[Times, int]:
    """The steps of the nightly run for those built for the trial, and how many of them have a rich record."""
    times = Times()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "population"
        generate(patients, seed, folder)
        built = {orjson.loads(line)["patient"] for line in (folder / "truth.ndjson").read_bytes().splitlines()}
        source = read_source(str(folder))
        records = [record for record in source.patients if record.name in built]
        rich = 0
        for turn in range(rounds):
            for record in records:
                rich += _screened(record, times) and not turn
    return times, rich


def _screened(record: PatientRecord, times: Times) -> bool:
    raw = [bytes(found.raw) for found in record.resources]
    times.take(FLOOR, lambda: [_parsed(line) for line in raw])
    try:
        facts = times.take("read_patient", lambda: read_patient(raw, CATALOG, patient=record.name))
    except NoPatient:
        return False
    rich = _is_rich(facts)
    assessment = times.take("assess", lambda: assess(TRIAL, facts, AS_OF))
    if rich:
        times.of["assess, rich records"].append(times.of["assess"][-1])
    times.take("as_json", lambda: as_json(assessment))
    return rich


def _parsed(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _is_rich(facts: PatientFacts) -> bool:
    return bool(facts.measurements and facts.medications and facts.imaging and len(facts.labs) >= 6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--bodies", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    # As the service and the workers of the nightly run do (cds_service/web/app.py, population/crew.py).
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    hook(2, 1)
    hook(asked.bodies, asked.rounds).print("a hook call, patient-view, fresh bodies")
    times, rich = population(asked.patients, asked.seed, max(1, asked.rounds // 3))
    times.print(f"patients of the nightly run, {rich} of them with a rich record")


if __name__ == "__main__":
    sys.exit(main())
