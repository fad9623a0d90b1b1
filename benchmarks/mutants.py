"""The mutants of a module: one small mistake each, by mutmut's operators, and how one is put in force.

A mutant replaces the code of a living function (or a constant), so tests that are already
collected run against it in a forked process, at full speed and without a second source tree.

Not counted, because no rule of medicine hangs on them: words for people (a text literal with a
space in it, an f-string, docstrings), type annotations, the None defaults of data classes, and lists
of names for Python itself (`__all__`, `__slots__`).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import libcst as cst
from libcst import matchers
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import (
    mutation_operators,
    operator_assignment,
    operator_number,
    operator_string,
)

ROOT = Path(__file__).resolve().parent.parent
_MESSAGE = (cst.FormattedString, cst.ConcatenatedString)
_LISTS_OF_NAMES = ("__all__", "__slots__")
_STATEMENTS = (cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.Match, cst.With, cst.FunctionDef)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: the file, where in it, the function it is in (empty for a constant), the source with it.

    `statement` is the function, class or constant of the module with the mistake in it.
    """

    path: Path
    number: int
    within: str
    lines: range
    source: str
    statement: str
    operator: str

    @property
    def module(self) -> str:
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    @property
    def name(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.lines.start} #{self.number} ({self.within or 'constant'})"

    def diff(self) -> str:
        """The lines taken out and put in."""
        before, after = self.path.read_text(encoding="utf-8").splitlines(), self.source.splitlines()
        lines = list(unified_diff(before, after, n=0, lineterm=""))[3:]
        return "\n".join(line for line in lines if not line.startswith("@@"))


@dataclass(frozen=True, slots=True)
class MutantsOfFile:
    """The mutants of one file, and how many more were left out for being words for people."""

    mutants: tuple[Mutant, ...]
    left_out: int


def mutants_of(path: Path) -> MutantsOfFile:
    """Every mutant of a file, in the order of the source."""
    wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
    finder = _Finder()
    wrapper.visit(finder)
    module = wrapper.module
    parts = [module.code_for_node(part) for part in (*module.header, *module.body)]
    found = []
    for number, change in enumerate(finder.changes, start=1):
        top = len(module.header) + module.body.index(change.top)
        changed = change.top.visit(_Replacing(change.node, change.by))
        assert isinstance(changed, cst.CSTNode)
        statement = module.code_for_node(changed)
        source = "".join((*parts[:top], statement, *parts[top + 1 :]))
        found.append(Mutant(path, number, change.within, change.lines, source, statement, change.operator))
    return MutantsOfFile(tuple(found), finder.left_out)


@dataclass(frozen=True, slots=True)
class _Change:
    node: cst.CSTNode
    by: cst.CSTNode
    top: Any
    within: str
    lines: range
    operator: str


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[_Change] = []
        self.left_out = 0
        self._names: list[str] = []
        self._functions = 0
        self._statements: list[cst.CSTNode] = []
        self._in_text = 0
        self._top: set[cst.CSTNode] = set()
        self._within_top: cst.CSTNode | None = None

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Module):
            self._top = set(node.body)
            return True
        if node in self._top:
            self._within_top = node
        if isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)):
            return False
        if _is_type_alias(node) or _lists_names(node):
            return False
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "assert_never":
            return False
        if isinstance(node, cst.ClassDef) and any(
            b.value.value in ("Enum", "Term") for b in node.bases if isinstance(b.value, cst.Name)
        ):
            return False
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self._names.append(node.name.value)
            self._functions += isinstance(node, cst.FunctionDef)
        if isinstance(node, _STATEMENTS):
            self._statements.append(node)
        self._in_text += isinstance(node, cst.FormattedString)
        self._change(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, (cst.FunctionDef, cst.ClassDef)) and self._names:
            self._names.pop()
            self._functions -= isinstance(original_node, cst.FunctionDef)
        self._in_text -= isinstance(original_node, cst.FormattedString)
        if self._statements and self._statements[-1] is original_node:
            self._statements.pop()

    def _change(self, node: cst.CSTNode) -> None:
        for kind, operator in mutation_operators:
            if not isinstance(node, kind) or not self._may_change(operator):
                continue
            for by in operator(node):
                if isinstance(by, cst.Match) and _is_never(_dropped(node, by)):
                    continue
                if self._in_text or _is_wording(node, by):
                    self.left_out += 1
                else:
                    where = ".".join(self._names) if self._functions else ""
                    lines = self._lines_of_dropped_case(node, by) or self._lines(node)
                    self.changes.append(_Change(node, by, self._within_top, where, lines, operator.__name__))

    def _may_change(self, operator: object) -> bool:
        if self._functions:
            return True
        if self._names:  # the defaults of a data class
            return operator in (operator_number, operator_string)
        return operator is not operator_assignment

    def _lines_of_dropped_case(self, node: cst.CSTNode, by: cst.CSTNode) -> range | None:
        """The lines of the case that a `match` was robbed of: only tests that reach it can tell."""
        if not isinstance(by, cst.Match):
            return None
        place = self.get_metadata(PositionProvider, _dropped(node, by).body)
        return range(place.start.line, place.end.line + 1)

    def _lines(self, node: cst.CSTNode) -> range:
        """The lines of the statement a node is in: of a compound one only its head.

        Of a function's head all its lines: the head runs at import, what it says shows in each call.
        """
        statement = self._statements[-1] if self._statements else node
        place = self.get_metadata(PositionProvider, statement)
        last = place.end.line
        body = getattr(statement, "body", None)
        if isinstance(body, cst.IndentedBlock) and not isinstance(statement, cst.FunctionDef):
            last = self.get_metadata(PositionProvider, body.body[0]).start.line - 1
        elif isinstance(statement, cst.Match):
            last = self.get_metadata(PositionProvider, statement.cases[0]).start.line - 1
        return range(place.start.line, max(last, place.start.line) + 1)


def _is_type_alias(node: cst.CSTNode) -> bool:
    """`Rule = A | B`, `T = TypeVar("T")`: types changed by an operator are no mistake of the medicine."""
    if matchers.matches(node, matchers.Assign(value=matchers.Call(func=matchers.Name("TypeVar")))):
        return True
    return (
        isinstance(node, cst.Assign)
        and isinstance(node.targets[0].target, cst.Name)
        and node.targets[0].target.value in ("Rule", "Meanings", "Json")
    )


def _dropped(node: cst.CSTNode, by: cst.Match) -> cst.MatchCase:
    assert isinstance(node, cst.Match)
    (gone,) = (case for case in node.cases if case not in by.cases)
    return gone


def _is_never(case: cst.MatchCase) -> bool:
    """`case _: assert_never(…)`, which is there for the type checker alone."""
    return matchers.findall(case.body, matchers.Call(func=matchers.Name("assert_never"))) != []


def _lists_names(node: cst.CSTNode) -> bool:
    """`__all__` and `__slots__`: names for the interpreter, where a wrong one fails at once or is never used."""
    return (
        isinstance(node, cst.Assign)
        and isinstance(node.targets[0].target, cst.Name)
        and node.targets[0].target.value in _LISTS_OF_NAMES
    )


def _is_wording(node: cst.CSTNode, by: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleString):
        return _speaks(node)
    if isinstance(node, cst.Call) and isinstance(by, cst.Call):
        gone = [arg.value for arg in node.args if arg not in by.args]
        return bool(gone) and all(_speaks(value) for value in gone)
    if isinstance(node, (cst.Assign, cst.AnnAssign)) and isinstance(by, (cst.Assign, cst.AnnAssign)):
        return node.value is not None and _speaks(node.value)
    return False


def _speaks(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.SimpleString):
        return " " in node.value or node.value.startswith(('"""', 'r"""'))
    return isinstance(node, _MESSAGE)


class _Replacing(cst.CSTTransformer):
    def __init__(self, old: cst.CSTNode, new: cst.CSTNode) -> None:
        super().__init__()
        self._old, self._new = old, new

    def on_visit(self, node: cst.CSTNode) -> bool:
        return node is not self._old

    def on_leave(  # type: ignore[override]  # one node for another of its kind, of whatever kind
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        return self._new if original_node is self._old else updated_node


# --- putting one in force -------------------------------------------------------------------------


def put_in_force(mutant: Mutant) -> None:
    """Makes the running process behave as the mutant's source says. Raises what importing it would raise."""
    module = importlib.import_module(mutant.module)
    code = compile(mutant.source, str(mutant.path), "exec")
    if mutant.within:
        _exchange(_function(module, mutant.within), mutant, code)
    else:
        _exchange_constants(module, _executed(mutant, _without_enumerations(mutant), _enumerations(module)))


def _exchange(function: FunctionType, mutant: Mutant, code: CodeType) -> None:
    found = next(item for item in _codes(code) if item.co_qualname == mutant.within)
    function.__code__ = found
    if function.__defaults__ or function.__kwdefaults__:
        twin = _function(_Namespace(_executed(mutant, code)), mutant.within)
        function.__defaults__, function.__kwdefaults__ = twin.__defaults__, twin.__kwdefaults__


def _codes(code: CodeType) -> Iterator[CodeType]:
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield item
            yield from _codes(item)


class _Namespace:
    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__.update(names)


def _executed(mutant: Mutant, code: CodeType, living: Mapping[str, Any] | None = None) -> dict[str, Any]:
    names = dict.fromkeys(("__builtins__",), __builtins__) | {"__name__": mutant.module, "__file__": str(mutant.path)}
    names.update(living or {})
    exec(code, names)
    return names


def _enumerations(module: ModuleType) -> dict[str, Any]:
    """The living enumerations of a module: a table made of members of new ones would match nothing at all."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module.__name__
    }


def _without_enumerations(mutant: Mutant) -> CodeType:
    tree = ast.parse(mutant.source)
    living = _enumerations(importlib.import_module(mutant.module))
    tree.body = [item for item in tree.body if not (isinstance(item, ast.ClassDef) and item.name in living)]
    return compile(tree, str(mutant.path), "exec")


def _function(owner: object, dotted: str) -> FunctionType:
    found: Any = owner
    for name in dotted.split("."):
        found = found.__dict__[name]
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, cached_property):
            found = found.func
        found = getattr(found, "__func__", None) or getattr(found, "__wrapped__", None) or found
    assert isinstance(found, FunctionType), dotted
    return found


def _exchange_constants(module: ModuleType, changed: dict[str, Any]) -> None:
    """Puts changed constants wherever they were imported to, and changed defaults into data classes."""
    for name, new in changed.items():
        old = module.__dict__.get(name)
        if isinstance(old, type) and isinstance(new, type) and new.__module__ == module.__name__:
            _exchange_defaults(old, new)
        elif not isinstance(old, (type, FunctionType)) and not name.startswith("__") and old is not new:
            for holder in _ours():
                for theirs in [key for key, value in vars(holder).items() if value is old]:
                    setattr(holder, theirs, new)
            _exchange_arguments(module, old, new)


def _exchange_arguments(module: ModuleType, old: object, new: object) -> None:
    """Puts a changed constant where functions of its module have it as the default of an argument."""
    for function in [value for value in vars(module).values() if isinstance(value, FunctionType)]:
        if any(value is old for value in function.__defaults__ or ()):
            function.__defaults__ = tuple(new if value is old else value for value in function.__defaults__ or ())


def _exchange_defaults(old: type, new: type) -> None:
    was, now = old.__dict__.get("__init__"), new.__dict__.get("__init__")
    if isinstance(was, FunctionType) and isinstance(now, FunctionType):
        was.__defaults__ = now.__defaults__


def _ours() -> Iterable[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith("cds_service")]
