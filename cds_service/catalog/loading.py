"""`load_catalog`: the mapping files, read, checked and compiled in one go."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from cds_service.catalog.agents import NamedAgents, read_agents
from cds_service.catalog.analytes import AnalyteFile, UnitRow, read_analytes, with_words
from cds_service.catalog.catalog import Catalog, LabTest
from cds_service.catalog.concepts import CodeRow, note_conflicts, read_concepts
from cds_service.catalog.descriptions import ScanDescriptions, read_descriptions
from cds_service.catalog.fields import Entry
from cds_service.catalog.lookups import AgentNames, CodeIndex
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.nodes import read_nodes
from cds_service.catalog.sites import Site, read_site
from cds_service.catalog.systems import CodeSystem, read_systems
from cds_service.catalog.trial_files import Vocabulary, read_trial
from cds_service.catalog.wordings import WordFile, read_words
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.domain.trials import Trial
from cds_service.errors import MappingError

_PACKAGED = Path(__file__).resolve().parent.parent / "_mappings"
_CHECKOUT = Path(__file__).resolve().parent.parent.parent / "mappings"


@dataclass(slots=True)
class Reading:
    """All files of a folder as read, with what is wrong in them."""

    mistakes: Mistakes
    catalog: Catalog | None
    units: tuple[UnitRow, ...] = ()
    sites: dict[str, Site] = field(default_factory=dict)


def mappings_directory(directory: Path | None = None) -> Path:
    """The folder of mappings: the one named, else the packaged one, else the checkout's."""
    if directory is not None:
        return directory
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def load_catalog(directory: Path | None = None, site: str | None = None) -> Catalog:
    """The catalog of a folder of mappings, with the overlay of one site where named.

    Raises MappingError with every mistake of every file. Reads some 7,000 rows in well
    under a second; units are compared with UCUM in `checking.check`, not here.
    """
    reading = read_all(mappings_directory(directory), site)
    if reading.catalog is None:
        raise MappingError(reading.mistakes.lines())
    return reading.catalog


def read_all(directory: Path, site: str | None = None) -> Reading:
    """Reads every file of a folder; the catalog is None when anything is wrong."""
    with _without_collector():
        return _Folder(directory, site).read()


@contextmanager
def _without_collector() -> Iterator[None]:
    """Holds the garbage collector off: it would walk 100,000 new, living objects many times."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class _Folder:
    """One pass over a folder, in the order in which files refer to each other."""

    def __init__(self, directory: Path, site: str | None) -> None:
        self._directory = directory
        self._site = site
        self._mistakes = Mistakes()

    def read(self) -> Reading:
        if not self._directory.is_dir():
            self._mistakes.add(str(self._directory), 1, "is not a folder; name one that holds mapping files")
            return Reading(self._mistakes, None)
        systems = read_systems(self._entry("systems.yaml"))
        rows = self._concepts(systems)
        agents = read_agents(self._entry("agents.yaml"))
        analytes = read_analytes(self._entry("analytes.yaml"), systems)
        words = read_words(self._entry("words.yaml"), frozenset(row.concept for row in rows))
        descriptions = self._descriptions()
        vocabulary = self._vocabulary(rows, words, analytes, agents)
        trials = self._trials(vocabulary)
        sites = self._sites(systems, vocabulary)
        if self._site is not None and self._site not in sites:
            known = ", ".join(sorted(sites)) or "none"
            self._mistakes.add(f"sites/{self._site}.yaml", 1, f"is missing; write it, or use one of: {known}")
        if self._mistakes.found:
            return Reading(self._mistakes, None, analytes.units, sites)
        site = sites.get(self._site) if self._site is not None else None
        parts = _Parts(systems, rows, agents, analytes, words, trials, site, self._digest(), descriptions)
        return Reading(self._mistakes, _compile(parts), analytes.units, sites)

    def _entry(self, name: str) -> Entry:
        block = read_yaml(self._directory / name, name, self._mistakes)
        return Entry(name, block, self._mistakes)

    def _descriptions(self) -> ScanDescriptions:
        name = "imaging-descriptions.yaml"
        return read_descriptions(self._entry(name)) if (self._directory / name).exists() else ScanDescriptions()

    def _names(self, folder: str) -> list[str]:
        return sorted(f"{folder}/{path.name}" for path in (self._directory / folder).glob("*.yaml"))

    def _concepts(self, systems: Mapping[str, CodeSystem]) -> tuple[CodeRow, ...]:
        rows: list[CodeRow] = []
        names = self._names("concepts")
        if not names:
            self._mistakes.add("concepts", 1, "holds no file; the value sets belong there")
            return ()
        for name in names:
            entry = self._entry(name)
            rows += read_concepts(entry, systems)
        note_conflicts(rows, entry)
        return tuple(rows)

    def _trials(self, vocabulary: Vocabulary) -> dict[str, Trial]:
        trials: dict[str, Trial] = {}
        for name in self._names("trials"):
            entry = self._entry(name)
            trial = read_trial(entry, vocabulary)
            if trial is None:
                continue
            if trial.id in trials:
                entry.wrong(f"trial '{trial.id}' stands in two files; rename one", "id")
            trials[trial.id] = trial
        return trials

    def _sites(self, systems: Mapping[str, CodeSystem], vocabulary: Vocabulary) -> dict[str, Site]:
        sites = {}
        for name in self._names("sites"):
            entry = self._entry(name)
            site = read_site(entry, systems, vocabulary.analytes, vocabulary.uses)
            if site.name != Path(name).stem:
                entry.wrong(f"'site' must be the name of the file, {Path(name).stem}", "site")
            sites[site.name] = site
        return sites

    def _vocabulary(
        self, rows: Iterable[CodeRow], words: WordFile, analytes: AnalyteFile, agents: NamedAgents
    ) -> Vocabulary:
        uses: dict[str, set[str]] = {}
        groups: dict[str, set[str]] = {}
        meanings = [meaning for row in rows for meaning in row.meanings]
        named = [meaning for found in agents.names.values() for meaning in found]
        for meaning in (*meanings, *named, *(wording.meaning for wording in words.diseases.wordings)):
            uses.setdefault(meaning.concept, set()).add(meaning.use)
            groups.setdefault(meaning.concept, set()).add(meaning.group)
        return Vocabulary(
            uses={concept: frozenset(found) for concept, found in uses.items()},
            groups={concept: frozenset(found) for concept, found in groups.items()},
            analytes=frozenset(analytes.analytes),
            nodes=read_nodes(self._entry("nodes.yaml")),
            backbone=agents.backbone,
        )

    def _digest(self) -> str:
        total = hashlib.sha256()
        for path in sorted(self._directory.rglob("*.yaml"), key=lambda p: p.relative_to(self._directory).as_posix()):
            content = path.read_bytes()
            total.update(f"{path.relative_to(self._directory).as_posix()}\0{len(content)}\0".encode())
            total.update(content)
        if self._site is not None:
            total.update(f"site\0{self._site}".encode())
        return f"sha256:{total.hexdigest()}"


@dataclass(frozen=True, slots=True)
class _Parts:
    systems: Mapping[str, CodeSystem]
    rows: tuple[CodeRow, ...]
    agents: NamedAgents
    analytes: AnalyteFile
    words: WordFile
    trials: Mapping[str, Trial]
    site: Site | None
    digest: str
    descriptions: ScanDescriptions


def _compile(parts: _Parts) -> Catalog:
    site = parts.site or Site("")
    rows = parts.rows + site.rows
    index = CodeIndex(rows, parts.systems, site.systems)
    for (system, code), (as_system, as_code) in site.same.items():
        index.add_same(system, code, as_system, as_code)
    analytes = {
        name: with_words(analyte, site.units[name]) if name in site.units else analyte
        for name, analyte in parts.analytes.analytes.items()
    }
    return Catalog(
        trials={name: replace(trial, digest=parts.digest) for name, trial in parts.trials.items()},
        analytes=analytes,
        digest=parts.digest,
        codes=index,
        lexicon=parts.words.diseases,
        place_words=parts.words.places,
        agents=AgentNames(parts.agents.names, parts.agents.unlisted),
        tests={
            (row.system, row.code): LabTest(row.meanings[0].group, row.meanings[0].use) for row in parts.analytes.tests
        },
        rows=rows,
        test_rows=parts.analytes.tests,
        site=parts.site,
        backbone=parts.agents.backbone,
        descriptions=parts.descriptions,
    )
