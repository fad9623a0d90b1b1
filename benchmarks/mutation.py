"""How well the tests of `domain/` bite: every mutant of it, against the tests that reach its lines.

    python -m benchmarks.mutation                    all of domain/
    python -m benchmarks.mutation recist nodes       some modules
    python -m benchmarks.mutation --again            only what survived the last run

The tests are collected and run once, with coverage by test; then every mutant gets a forked process
in which the tests that reach its statement run until one fails: first those that killed others of the
module, then those that reach little else, at most CLOSEST of them, then BEYOND of the others, taken
evenly (so the figures are lower bounds). A constant, and a module of few lines, is tried on all; a
constant of a module whose lines run only at import, so that no test reaches one, on every test.
Results are kept in `.mutation/results.json`, so a run that is stopped goes on where it was; the
survivors are written to `.mutation/survivors.txt` with what was changed, and a table by module and
function into `benchmarks/mutation-survivors.md`, above the reasons written by hand there. A survivor
of a function that no reason names (`module.function`) is listed as not explained.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import coverage
import pytest

from benchmarks.mutants import ROOT, Mutant, mutants_of, put_in_force

DOMAIN = ROOT / "cds_service" / "domain"
TESTS = (
    *sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "spec").glob("*.py") if "speaking" not in path.name
    ),
    "tests/cases",
    "tests/unit/test_lesions_reading.py",
    "tests/unit/test_lesions_tracking.py",
    "tests/unit/test_assessment_schema.py",
    "tests/unit/test_domain_making.py",
)
RESULTS = ROOT / ".mutation" / "results.json"
PROCESSES = 2
CLOSEST = 300
BEYOND = 50
FEW_LINES = 30
KILLED, SURVIVED, TIMEOUT, UNREACHED = "killed", "survived", "timeout", "no test"


def main() -> int:
    options = _options()
    os.nice(15)
    os.chdir(ROOT)
    paths = _paths(options.modules)
    arguments = [*TESTS, "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-o", "addopts=", "--tb=no"]
    plugin = _Mutating(paths, options)
    code = pytest.main(arguments, plugins=[plugin])
    if plugin.results is None:
        print(f"the tests do not pass without a mutant (pytest: {code})", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="names of modules of domain/ (default: all)")
    parser.add_argument("--again", action="store_true", help="try anew what the last run did not kill")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    return parser.parse_args()


def _paths(names: list[str]) -> list[Path]:
    found = {path.stem: path for path in sorted(DOMAIN.rglob("*.py")) if path.name != "__init__.py"}
    return [found[name] for name in names] if names else list(found.values())


def by_key(mutants: Iterable[Mutant]) -> dict[str, Mutant]:
    """Mutants by what they are known by from one run to the next: the file, and the function with the mistake in it.

    So a change of a function makes its mutants, and no others, new.
    """
    found: dict[str, Mutant] = {}
    alike: Counter[str] = Counter()
    for mutant in mutants:
        text = f"{mutant.path.relative_to(ROOT)}\0{mutant.within}\0{mutant.statement}"
        alike[text] += 1
        found[hashlib.sha256(f"{text}\0{alike[text]}".encode()).hexdigest()[:16]] = mutant
    return found


@dataclass(slots=True)
class _Reach:
    """Which tests reach which line of which file, and which mutants each has killed so far."""

    tests_by_line: dict[str, dict[int, set[int]]]
    seconds: list[float]
    useless: set[int]
    lines: Counter[int] = field(default_factory=Counter)
    lines_of: dict[str, Counter[int]] = field(default_factory=dict)
    kills: dict[str, Counter[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, by_line in self.tests_by_line.items():
            self.lines_of[name] = Counter(index for tests in by_line.values() for index in tests)
            self.lines += self.lines_of[name]

    def tests(self, mutant: Mutant) -> list[int]:
        """The tests to try on a mutant, the likeliest to kill it first."""
        name = str(mutant.path)
        by_line = self.tests_by_line.get(name, {})
        found = {index for line in mutant.lines for index in by_line.get(line, ())}
        if not mutant.within and not found:
            found = {index for tests in by_line.values() for index in tests}
        if not mutant.within and not found:
            found = set(range(len(self.seconds))) - self.useless
        kills = self.kills.get(name, Counter())
        here = self.lines_of.get(name, Counter())
        likely = sorted(found, key=lambda index: (-kills[index], -here[index] / (self.lines[index] or 1), index))
        if not mutant.within or len(by_line) < FEW_LINES:
            return likely
        rest = likely[CLOSEST:]
        return likely[:CLOSEST] + rest[:: 1 + len(rest) // BEYOND]

    def killed(self, path: str, test: int) -> None:
        self.kills.setdefault(path, Counter())[test] += 1


class _Mutating:
    """The pytest plugin: runs the collected tests once with coverage, then every mutant against them."""

    def __init__(self, paths: list[Path], options: argparse.Namespace) -> None:
        self._paths, self._options = paths, options
        self._failing: set[str] = set()
        self._exit_on_failure = False
        self._trying, self._tell = 0, -1
        self.results: dict[str, str] | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._exit_on_failure:
            os.write(self._tell, self._trying.to_bytes(4, "big"))
            os._exit(1)
        if report.failed:
            self._failing.add(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = time.monotonic()
        reach = self._measure(session)
        for name in sorted(self._failing):
            print(f"\nleft out, for it fails without a mutant: {name}")
        session.config.pluginmanager.unregister(name="terminalreporter")
        print(f"\n{len(session.items)} tests in {time.monotonic() - started:.0f} s with coverage", flush=True)
        self.results = _Run(self, session, reach, self._options).of(self._paths)
        return True

    def _measure(self, session: pytest.Session) -> _Reach:
        _read_cases_once()
        measured = coverage.Coverage(data_file=None, source=[str(DOMAIN)], branch=False, config_file=False)
        seconds = []
        measured.start()
        for index, item in enumerate(session.items):
            measured.switch_context(str(index))
            before = time.process_time()
            _run(item, session.items[index + 1] if index + 1 < len(session.items) else None)
            seconds.append(time.process_time() - before)
        measured.stop()
        data = measured.get_data()
        useless = {index for index, item in enumerate(session.items) if item.nodeid in self._failing}
        return _Reach({name: _by_line(data, name, useless) for name in data.measured_files()}, seconds, useless)

    def try_tests(self, items: Sequence[pytest.Item], tests: list[int], tell: int) -> None:
        """Runs tests in this process, which ends with 1 at the first that fails, telling which, else with 0."""
        self._exit_on_failure, self._tell = True, tell
        for place, index in enumerate(tests):
            self._trying = index
            _run(items[index], items[tests[place + 1]] if place + 1 < len(tests) else None)
        os._exit(0)


def _by_line(data: coverage.CoverageData, name: str, useless: set[int]) -> dict[int, set[int]]:
    found = data.contexts_by_lineno(name)
    return {line: {int(context) for context in contexts if context} - useless for line, contexts in found.items()}


def _run(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


class _Run:
    """One pass over the mutants."""

    def __init__(self, plugin: _Mutating, session: pytest.Session, reach: _Reach, options: argparse.Namespace) -> None:
        self._plugin, self._items, self._reach, self._options = plugin, session.items, reach, options
        self._running: dict[int, tuple[str, str, int]] = {}
        self._results: dict[str, str] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        self._saved = time.monotonic()

    def of(self, paths: Iterable[Path]) -> dict[str, str]:
        started = time.monotonic()
        tally: dict[str, Counter[str]] = {}
        survivors: list[Mutant] = []
        left_out = 0
        for path in paths:
            found = mutants_of(path)
            left_out += found.left_out
            named = by_key(found.mutants)
            for key, mutant in named.items():
                if self._is_due(key):
                    self._submit(key, mutant)
            self._drain()
            said = Counter(self._results[key] for key in named)
            tally[path.relative_to(DOMAIN).as_posix()] = said
            survivors += [mutant for key, mutant in named.items() if self._results[key] in (SURVIVED, UNREACHED)]
            print(_line(path.stem, said), flush=True)
            self._save()
        print(_line("together", sum(tally.values(), Counter())), f"   {left_out} of words for people left out")
        print(f"{time.monotonic() - started:.0f} s with {self._options.processes} processes")
        _write(tally, left_out, survivors, whole=not self._options.modules)
        return self._results

    def _is_due(self, key: str) -> bool:
        before = self._results.get(key)
        return before is None or (self._options.again and before != KILLED)

    def _submit(self, key: str, mutant: Mutant) -> None:
        tests = self._reach.tests(mutant)
        if not tests:
            self._results[key] = UNREACHED
            return
        while len(self._running) >= self._options.processes:
            self._wait()
        limit = 10 + int(5 * sum(self._reach.seconds[index] for index in tests))
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            self._be(mutant, tests, limit, tell)
        os.close(tell)
        self._running[child] = (key, str(mutant.path), told)

    def _be(self, mutant: Mutant, tests: list[int], limit: int, tell: int) -> None:
        try:
            signal.setitimer(signal.ITIMER_PROF, limit)  # of the processor's time: the machine may be busy
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            _forget(mutant)
            put_in_force(mutant)
            self._plugin.try_tests(self._items, tests, tell)
        finally:
            os._exit(1)

    def _wait(self) -> None:
        child, status = os.wait()
        key, path, told = self._running.pop(child)
        killer = os.read(told, 4)
        os.close(told)
        if killer:
            self._reach.killed(path, int.from_bytes(killer, "big"))
        if os.WIFSIGNALED(status):
            self._results[key] = TIMEOUT if os.WTERMSIG(status) == signal.SIGPROF else KILLED
        else:
            self._results[key] = SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED
        if time.monotonic() - self._saved > 30:
            self._save()

    def _drain(self) -> None:
        while self._running:
            self._wait()

    def _save(self) -> None:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(self._results))
        self._saved = time.monotonic()


_OF_READING = ("facts", "evidence", "diagnoses", "observations", "dates", "quantities", "codes")
"""Modules of the domain that make a record into facts; mutants of all others leave what was read as it is."""


def _read_cases_once() -> None:
    """Keeps the facts read for a whole-patient case, so that a mutant only pays for assessing them."""
    cases: Any = sys.modules["test_cases"]
    read = cases.read_patient
    kept = cache(lambda resources: read(list(resources), cases.the_catalog()))
    cases.facts_read = kept
    cases.read_patient = lambda resources, _: kept(tuple(resources))


def _forget(mutant: Mutant) -> None:
    """Clears what tests and readers remember of the run without a mutant."""
    cases: Any = sys.modules["test_cases"]
    cases.assessed.cache_clear()
    if mutant.path.stem not in _OF_READING:
        return
    cases.facts_read.cache_clear()
    for name, module in list(sys.modules.items()):
        if name.startswith("cds_service.fhir"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _line(name: str, said: Counter[str]) -> str:
    figures = "  ".join(f"{word} {said[word]:5d}" for word in (KILLED, SURVIVED, TIMEOUT, UNREACHED))
    return f"{name:18s} mutants {sum(said.values()):5d}  {figures}  {_rate(said):5.1f} %"


FIGURES = ROOT / "benchmarks" / "mutation-survivors.md"
_BEGIN, _END = "<!-- written by make mutation -->", "<!-- written by hand -->"


def _write(tally: Mapping[str, Counter[str]], left_out: int, survivors: list[Mutant], *, whole: bool) -> None:
    """Every survivor with what it changes; of a run over all modules the figures into the document too."""
    listed = "\n\n".join(f"{mutant.name} [{mutant.operator}]\n{mutant.diff()}" for mutant in survivors)
    (RESULTS.parent / "survivors.txt").write_text(f"{listed}\n", encoding="utf-8")
    if not whole:
        return
    before, _, rest = FIGURES.read_text(encoding="utf-8").partition(_BEGIN)
    by_hand = rest.partition(_END)[2]
    figures = "\n".join([*_table(tally, left_out), "", *_list(survivors), *_unexplained(survivors, by_hand)])
    FIGURES.write_text(f"{before}{_BEGIN}\n{figures}\n{_END}{by_hand}", encoding="utf-8")


def _table(tally: Mapping[str, Counter[str]], left_out: int) -> Iterator[str]:
    yield f"| module | mutants | {KILLED} | {SURVIVED} | {TIMEOUT} | {UNREACHED} | found |"
    yield "|---|---|---|---|---|---|---|"
    for name, said in (*tally.items(), ("**together**", sum(tally.values(), Counter()))):
        cells = (sum(said.values()), said[KILLED], said[SURVIVED], said[TIMEOUT], said[UNREACHED])
        yield f"| {name} | {' | '.join(map(str, cells))} | {_rate(said):.1f} % |"
    yield f"\n{left_out} more changes of words for people were not tried."


def _list(survivors: list[Mutant]) -> Iterator[str]:
    """The survivors by file: line, function, the statement as changed."""
    path = None
    for mutant in survivors:
        if mutant.path != path:
            path = mutant.path
            yield f"\n### {path.relative_to(DOMAIN)}\n"
        changed = " ".join(line[1:].strip() for line in mutant.diff().splitlines() if line.startswith("+"))
        yield f"- {mutant.lines.start} `{mutant.within or 'constant'}`: `{(changed or '(taken out)')[:110]}`"


def _unexplained(survivors: list[Mutant], by_hand: str) -> Iterator[str]:
    """The functions with survivors that the reasons written by hand do not name."""
    named = set(re.findall(r"`([\w.]+)`", by_hand))
    places = dict.fromkeys(f"{mutant.path.stem}.{mutant.within or 'constant'}" for mutant in survivors)
    missing = [place for place in places if place not in named]
    if missing:
        yield f"\n### Not explained yet\n\n{', '.join(f'`{place}`' for place in missing)}"


def _rate(said: Counter[str]) -> float:
    total = sum(said.values())
    return 100 * (said[KILLED] + said[TIMEOUT]) / total if total else 100


if __name__ == "__main__":
    raise SystemExit(main())
