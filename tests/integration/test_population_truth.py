"""The service judges every patient of a synthetic population as that patient was built.

The truth comes from the hand-written reasons, not from the engine: `status`, and the criteria that decide it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from random import Random

import pytest

from cds_service.catalog.loading import load_catalog
from cds_service.domain.trials import assess
from cds_service.fhir.sources import read_source
from cds_service.sandbox.population import others
from cds_service.sandbox.population.built import built
from cds_service.sandbox.population.generating import generate
from cds_service.sandbox.population.reasons import metastatic

pytestmark = pytest.mark.integration

REASONS = {reason.name: reason for reason in (*metastatic(), *others.reasons())}
OUTCOME = {"candidate": "none", "possible": "unknown", "ineligible": "fail"}


def judged(folder, day):
    """Of every patient in a folder: the status, and the criteria by outcome."""
    catalog = load_catalog()
    source = read_source(str(folder))
    for record in source.patients:
        assessment = assess(catalog.trials["extend-op"], source.facts(record, catalog), day)
        by_outcome = defaultdict(set)
        for verdict in assessment.verdicts:
            by_outcome[verdict.outcome.value].add(verdict.id)
        yield record.name, assessment.status.value, by_outcome


def difference(truth, status, by_outcome):
    """What differs from the truth, "" where nothing does."""
    expected, found = set(truth["deciding"]), by_outcome[OUTCOME[truth["status"]]]
    fits = expected == found if truth["only"] else expected <= found
    if status == truth["status"] and fits:
        return ""
    return (
        f"{truth['base']}: built for {truth['status']} {sorted(expected)}, judged {status} {sorted(found)}"
        f" (fails {sorted(by_outcome['fail'])}, unknown {sorted(by_outcome['unknown'])}; odd: {truth['dirt']})"
    )


# Two days: windows and birthdays fall otherwise on a leap day.
@pytest.mark.parametrize("day", [date(2026, 11, 22), date(2028, 2, 29)], ids=str)
def test_every_reason_on_every_base_is_judged_as_built(tmp_path, day):
    truth = lay_out(tmp_path, day)
    differences = {}
    for name, status, by_outcome in judged(tmp_path, day):
        entry = truth.pop(name)
        if found := difference(entry, status, by_outcome):
            differences[entry["reason"], entry["base"]] = found
    assert differences == {}
    assert truth == {}, "not assessed"


def lay_out(folder, day):
    """Each reason laid over each of its bases once, as NDJSON; the truth by patient."""
    chance, lines, truth = Random(11), defaultdict(list), {}
    pairs = [(reason, base) for reason in REASONS.values() for base in reason.bases]
    for number, (reason, base) in enumerate(pairs):
        made = built(reason, base, f"p{number}", chance, day)
        truth[made.truth["patient"]] = made.truth
        for kind, line in made.lines:
            lines[kind].append(line)
    for kind, text in lines.items():
        (folder / f"{kind}.ndjson").write_bytes(b"\n".join(text) + b"\n")
    assert len(truth) > 700
    return truth


def test_a_population_has_no_lost_and_no_false_candidate(tmp_path):
    folder, day = tmp_path / "population", date(2026, 11, 22)
    generate(200, 8, folder)
    truth = {entry["patient"]: entry for entry in map(json.loads, (folder / "truth.ndjson").open("rb"))}
    assert len(truth) == 20
    everyday = 0
    for name, status, by_outcome in judged(folder, day):
        if name in truth:
            assert difference(truth.pop(name), status, by_outcome) == ""
        else:
            everyday += 1
            assert status != "candidate"
    assert truth == {}
    assert everyday == 180


@pytest.mark.parametrize(
    ("status", "outcomes", "same"),
    [
        ("possible", {"unknown": {"anc"}}, True),
        ("possible", {"unknown": {"anc", "ecog"}}, False),
        ("possible", {"unknown": {"ecog"}}, False),
        ("ineligible", {"unknown": {"anc"}, "fail": {"age"}}, False),
    ],
)
def test_the_comparison_notices(status, outcomes, same):
    truth = {"base": "b", "status": "possible", "deciding": ["anc"], "only": True, "dirt": []}
    assert (difference(truth, status, defaultdict(set, outcomes)) == "") is same
