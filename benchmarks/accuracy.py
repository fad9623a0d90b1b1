"""Accuracy against a population whose truth is known: what each patient was built for, and what the service says.

    python -m benchmarks.accuracy --patients 2000 --seed 1

Generates the population into a temporary folder, reads it as `evaluate` does, assesses every patient, and
prints the confusion table; a difference is listed with what was expected and found. Ends with 1 where there is one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from cds_service.catalog.loading import load_catalog
from cds_service.domain.trials import assess
from cds_service.fhir.sources import read_source
from cds_service.sandbox.population.generating import AS_OF, generate

STATUSES = ("candidate", "possible", "ineligible")
OUTCOME = {"possible": "unknown", "ineligible": "fail"}
EVERYDAY = "(everyday)"
LOST = "(not assessed)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A patient judged otherwise than built."""

    truth: dict[str, Any]
    status: str
    deciding: tuple[str, ...]


def main() -> int:
    """The exit code: 0 where every patient is judged as built and no everyday patient is a candidate."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "population"
        generate(asked.patients, asked.seed, folder, workers=asked.workers)
        confusion, differences = compared(folder, _assessed(folder))
    report(confusion, differences)
    return 1 if differences else 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What the service says of a patient: the status, and the criteria by outcome."""

    name: str
    status: str
    criteria: Mapping[str, frozenset[str]]


def judged(name: str, status: str, outcomes: Iterable[tuple[str, str]]) -> Judged:
    """A patient judged, from each criterion with its outcome."""
    criteria: dict[str, set[str]] = defaultdict(set)
    for criterion, outcome in outcomes:
        criteria[outcome].add(criterion)
    return Judged(name, status, {outcome: frozenset(ids) for outcome, ids in criteria.items()})


def compared(folder: Path, found: Iterable[Judged]) -> tuple[Counter[tuple[str, str]], list[Difference]]:
    """How many patients were built for one status and judged another, and the differences one by one."""
    truths = {str(entry["patient"]): entry for entry in _truths(folder)}
    confusion: Counter[tuple[str, str]] = Counter()
    differences: list[Difference] = []
    for one in found:
        truth = truths.pop(one.name, None)
        confusion[EVERYDAY if truth is None else truth["status"], one.status] += 1
        other = _difference(truth or {"patient": one.name, "status": EVERYDAY, "reason": EVERYDAY}, one)
        differences += [other] if other else []
    confusion.update((truth["status"], LOST) for truth in truths.values())
    return confusion, differences + [Difference(truth, LOST, ()) for truth in truths.values()]


def _truths(folder: Path) -> Iterator[dict[str, Any]]:
    for line in (folder / "truth.ndjson").read_bytes().splitlines():
        yield msgspec.json.decode(line)


def _assessed(folder: Path) -> Iterator[Judged]:
    catalog = load_catalog()
    source = read_source(str(folder))
    for record in source.patients:
        assessment = assess(catalog.trials["extend-op"], source.facts(record, catalog), AS_OF)
        outcomes = ((verdict.id, verdict.outcome.value) for verdict in assessment.verdicts)
        yield judged(record.name, assessment.status.value, outcomes)


def _difference(truth: dict[str, Any], one: Judged) -> Difference | None:
    expected = truth["status"]
    deciding = one.criteria.get(OUTCOME.get(expected, ""), frozenset())
    if expected == EVERYDAY:
        fits = one.status != "candidate"
    else:
        named = set(truth["deciding"])
        fits = one.status == expected and (named == deciding if truth["only"] else named <= deciding)
    return None if fits else Difference(truth, one.status, tuple(sorted(deciding)))


def report(confusion: Counter[tuple[str, str]], differences: list[Difference]) -> None:
    """Print the table of what was built and judged, and each difference."""
    console = Console(width=140)
    table = Table("built for \\ judged", *STATUSES, LOST)
    for expected in (*STATUSES, EVERYDAY):
        table.add_row(expected, *(str(confusion[expected, found]) for found in (*STATUSES, LOST)))
    console.print(table)
    for difference in differences:
        truth = difference.truth
        console.print(
            f"{truth['patient']} {truth['reason']} (from {truth.get('base')}): built for {truth['status']}"
            f" {truth.get('deciding', [])}, judged {difference.status} {list(difference.deciding)};"
            f" odd: {truth.get('dirt')}",
            markup=False,
        )
    console.print(f"{len(differences)} differences")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
