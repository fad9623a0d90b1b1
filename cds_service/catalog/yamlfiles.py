"""YAML as the mapping files use it: every scalar is text, every place has its line.

Read from the parser's events, which is four times as fast as building YAML nodes and keeps
`no`, `1e3` and `0123` the words they are: a code is never mistaken for a number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cds_service.catalog.mistakes import Mistakes

Tree = Any  # str | Block | Items


class Block(dict[str, Tree]):
    """A mapping; `line` where it begins, `lines` where each key stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """The line of a key, of the block where the key is missing."""
        return self.lines.get(key, self.line)


class Items(list[Tree]):
    """A list; `lines` where each item begins."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


def read_yaml(path: Path, name: str, mistakes: Mistakes) -> Block:
    """The mapping a file holds, empty after a mistake that leaves nothing to read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        mistakes.add(name, 1, f"there is no such file ({path})")
        return Block(1)
    except (OSError, UnicodeDecodeError) as error:
        mistakes.add(name, 1, f"cannot be read ({type(error).__name__}); it must be UTF-8 text")
        return Block(1)
    try:
        root = _build(text, name, mistakes)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        mistakes.add(
            name, line, f"is not YAML ({getattr(error, 'problem', None) or 'unreadable'}); quote the text there"
        )
        return Block(1)
    if not isinstance(root, Block):
        mistakes.add(name, 1, "must be a mapping (key: value) at the top")
        return Block(1)
    return root


def _build(text: str, name: str, mistakes: Mistakes) -> Tree:
    """Builds the tree in a loop: recursion over 120,000 events costs too much."""
    builder = _Builder(name, mistakes)
    event: Any
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        kind = type(event)
        if kind is yaml.ScalarEvent:
            builder.put(event.value, event.start_mark.line + 1)
        elif kind is yaml.MappingStartEvent:
            builder.open(Block(event.start_mark.line + 1), event.start_mark.line + 1)
        elif kind is yaml.SequenceStartEvent:
            builder.open(Items(), event.start_mark.line + 1)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            builder.close()
        elif kind is yaml.AliasEvent:
            mistakes.add(name, event.start_mark.line + 1, "uses an alias (*name); write the value out")
            builder.put("", event.start_mark.line + 1)
    return builder.root


class _Builder:
    """The tree so far: what is open, and in each open mapping the key that waits for its value."""

    def __init__(self, name: str, mistakes: Mistakes) -> None:
        self.root: Tree = None
        self._name = name
        self._mistakes = mistakes
        self._open: list[Block | Items] = []
        self._keys: list[str | None] = []

    def open(self, value: Block | Items, line: int) -> None:
        self.put(value, line)
        self._open.append(value)
        self._keys.append(None)

    def close(self) -> None:
        self._open.pop()
        self._keys.pop()

    def put(self, value: Tree, line: int) -> None:
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        if isinstance(top, Items):
            top.append(value)
            top.lines.append(line)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = self._key(top, value, line)
        else:
            top[key] = value
            self._keys[-1] = None

    def _key(self, block: Block, key: Tree, line: int) -> str:
        if not isinstance(key, str):
            self._mistakes.add(self._name, line, "has a list or mapping as a key; use a word")
            return ""
        if key in block.lines:
            self._mistakes.add(self._name, line, f"names '{key}' twice (first on line {block.lines[key]}); keep one")
        block.lines[key] = line
        return key
