"""Each patient's lines become an assessment, by the same call as everywhere else."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from cds_service.catalog.catalog import Catalog
from cds_service.domain.assessments import Json as AssessmentJson
from cds_service.domain.assessments import as_json
from cds_service.domain.facts import Kind
from cds_service.domain.trials import Trial, assess
from cds_service.errors import NoPatient
from cds_service.fhir.bundles import Found
from cds_service.fhir.decoding import Json
from cds_service.fhir.reading import read_patient
from cds_service.fhir.versions import newer
from cds_service.population.spill import BROKEN, CHANGED, Kept, writing
from cds_service.screening.entries import PatientKey
from cds_service.screening.screened import Screened, summary_of

_SAID = ("trial_version", "mappings_digest", "status", "lesions", "imaging", "therapy", "next_change", "data_quality")
_SAID_OF_ONE = ("id", "verdict", "basis", "evidence", "valid_until")
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Judging:
    """What every patient of a run is judged with; `not_retrieved`: kinds the source does not give at all."""

    catalog: Catalog
    trial: Trial
    as_of: date
    engine_version: str = ""
    base: str = ""
    not_retrieved: tuple[tuple[Kind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Assessed:
    """How some patients were dealt with: how many of which status, how many read in part, who was left as known.

    `unchanged` are bare ids. The assessments themselves are elsewhere.
    """

    statuses: dict[str, int]
    partly_read: int = 0
    unchanged: tuple[str, ...] = ()


def assess_patient(
    name: str, lines: Sequence[Kept], judging: Judging, shared: Callable[[str], Json | None] | None = None
) -> Screened | None:
    """One patient's assessment from the lines about them; None where there is no Patient among them."""
    plain = not any(kept.flags & BROKEN for kept in lines)
    resources = [kept.raw if plain else Found(kept.kind, kept.raw) for kept in lines]
    try:
        facts = read_patient(
            resources, judging.catalog, patient=name, not_retrieved=judging.not_retrieved, shared=shared
        )
    except NoPatient:
        return None
    assessment = assess(judging.trial, facts, judging.as_of, judging.engine_version)
    document = as_json(assessment)
    return Screened(
        PatientKey(judging.base, assessment.patient.removeprefix("Patient/")),
        summary_of(assessment),
        zlib.compress(_encoder.encode(document), 1),
        fingerprint(document),
        partly_read=bool(facts.not_retrieved),
    )


def document_of(screened: Screened) -> bytes:
    """The assessment as JSON."""
    return zlib.decompress(screened.document)


def fingerprint(document: AssessmentJson) -> str:
    """Equal for two assessments that say the same.

    The day does not matter, nor what counts from it: words such as "3 days before", the dates
    between which a new lab would count.
    """
    criteria: Any = document["criteria"]
    said = [document.get(key) for key in _SAID]
    said += [[one.get(key) for key in _SAID_OF_ONE] for one in criteria]
    said += [item["what"] for one in criteria for item in one["missing"]]
    return blake2b(_encoder.encode(said), digest_size=16).hexdigest()


def record_digest(lines: Iterable[Kept], shared: str = "") -> str:
    """Equal for the same lines in any order; `shared` stands for what belongs to nobody."""
    total = 0
    for kept in lines:
        total += int.from_bytes(blake2b(kept.raw, digest_size=16).digest(), "little")
    return f"{total % (1 << 128):032x}{shared}"


def is_unchanged(
    name: str, record: str, lines: Iterable[Kept], held: Mapping[str, str], since: datetime | None
) -> bool:
    """Whether a patient need not be assessed anew: held, and of the same record digest.

    Where `since` is given: held, and nothing of it updated since then.
    """
    before = held.get(name.removeprefix("Patient/"))
    if since is None:
        return record == before
    return before is not None and not any(kept.flags & (CHANGED | BROKEN) for kept in lines)


class SharedStore:
    """Resources that belong to nobody (Medication, ResearchStudy), on disk, by name.

    `digest` is equal for the same resources, whoever wrote them down; it is worked out where it is not given.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self.digest = self._worked_out() if digest is None else digest

    def find(self, name: str) -> bytes | None:
        """The resource of that name ("Medication/m1")."""
        if self._connection is None:
            self._connection = self._connect()
        row = self._connection.execute("SELECT raw FROM shared WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _worked_out(self) -> str:
        """The digest of what is in it; by a connection of its own, which no forked process may inherit."""
        digest = blake2b(digest_size=16)
        with closing(self._connect()) as connection:
            for name, raw in connection.execute("SELECT name, raw FROM shared ORDER BY name"):
                digest.update(f"{name}\n{len(raw)}\n".encode("utf-8", "surrogatepass"))
                digest.update(raw)
        return digest.hexdigest()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)


def write_shared(path: Path, resources: Iterable[tuple[str, bytes]]) -> None:
    """Put shared resources on disk; of one name the version last updated holds."""
    new = path.with_name(f"{path.name}.new")
    with writing(new):
        new.unlink(missing_ok=True)
        connection = sqlite3.connect(new)
        try:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("CREATE TABLE shared (name TEXT PRIMARY KEY, raw BLOB) WITHOUT ROWID")
            for name, raw in resources:
                known = connection.execute("SELECT raw FROM shared WHERE name = ?", (name,)).fetchone()
                held = newer(name.partition("/")[0], known[0] if known else None, raw)
                connection.execute("INSERT OR REPLACE INTO shared VALUES (?, ?)", (name, held))
            connection.commit()
        except sqlite3.OperationalError as error:
            raise OSError(28, str(error)) from None
        finally:
            connection.close()
        new.replace(path)


def by_patient(lines: Iterable[Kept]) -> Iterator[tuple[int, list[Kept]]]:
    """The lines of a slot by patient, in the order in which the patients first appear."""
    found: dict[int, list[Kept]] = {}
    for kept in lines:
        found.setdefault(kept.number, []).append(kept)
    yield from found.items()
