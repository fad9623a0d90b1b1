"""What lies about in an export beside its patients' records: broken lines, strangers, things in the wrong file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from random import Random

from cds_service.sandbox.population.built import built
from cds_service.sandbox.population.fitting import CANDIDATES
from cds_service.sandbox.population.noise import Line

Named = tuple[str, Line]
"""A kind of debris and its line."""

_NO_RECORD = (
    ("not-json", ("Observation", b"-- 250 rows exported --")),
    ("no-object", ("Condition", b"[1, 2, 3]")),
    ("invalid-utf8", ("Procedure", b'{"resourceType":"Procedure","id":"\xff\xfe","status":"completed"}')),
)


def debris(lines: Sequence[Line], chance: Random, today: date, nobody: str) -> Iterator[Named]:
    """Some of it for one block; `lines` are those of everyday patients, `nobody` the id of no patient."""
    yield from _NO_RECORD
    for kind, line in chance.sample(lines, min(2, len(lines))):
        yield "cut-short", (kind, line[: chance.randrange(len(line) // 3, len(line) - 3)].replace(b"\n", b""))
    elsewhere = [line for kind, line in lines if kind == "Procedure"]
    for line in elsewhere[:1]:
        yield "wrong-file", ("MedicationRequest", line)
    patients = [line for line in lines if line[0] == "Patient"]
    for patient in patients[:1]:
        yield "patient-twice", patient
    yield from _absent(chance, today, nobody)


def _absent(chance: Random, today: date, nobody: str) -> Iterator[Named]:
    """Somebody who would fit, of whom there is no Patient resource: never assessed (ruling 19)."""
    reason = CANDIDATES[0]
    whole = built(reason, chance.choice(reason.bases), nobody, chance, today)
    yield from (("absent-patient", line) for line in whole.lines if line[0] not in ("Patient", "Medication"))
