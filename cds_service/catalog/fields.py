"""One entry of a mapping file: its keys taken as text, number or list, mistakes noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.yamlfiles import Block, Items, Tree


@dataclass(frozen=True, slots=True)
class Entry:
    """A mapping in a file; every reader notes what is wrong and returns something harmless."""

    file: str
    block: Block
    mistakes: Mistakes

    def wrong(self, what: str, key: str | None = None) -> None:
        """Notes a mistake at a key, or at the entry."""
        line = self.block.line if key is None else self.block.line_of(key)
        self.mistakes.add(self.file, line, what)

    def only(self, allowed: Iterable[str], what: str) -> None:
        """Notes every key that is not one of the allowed."""
        known = frozenset(allowed)
        for key in self.block:
            if key not in known:
                self.wrong(f"unknown key '{key}' in {what}; use one of: {', '.join(sorted(known))}", key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; a missing one is a mistake unless a default is given."""
        value = self.block.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is None and default is not None:
            return default
        self.wrong(f"'{key}' is missing or not a text; write {key}: ...", key)
        return default or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one; empty where the key is missing."""
        value = self.block.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if isinstance(value, Items) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.wrong(f"'{key}' must be a list of texts: {key}: [one, two]", key)
        return ()

    def number(self, key: str, default: Decimal | None = None) -> Decimal:
        """An exact number; anything else is a mistake, a missing one too without a default."""
        value = self.block.get(key)
        if value is None and default is not None:
            return default
        found = as_number(value)
        if found is None:
            self.wrong(f"'{key}' must be a number, as in {key}: 1.5", key)
            return default if default is not None else Decimal(0)
        return found

    def optional_number(self, key: str) -> Decimal | None:
        """An exact number, None where the key is missing."""
        return self.number(key) if key in self.block else None

    def flag(self, key: str) -> bool:
        """A yes or no, no where missing."""
        value = self.block.get(key, "false")
        if value not in ("true", "false"):
            self.wrong(f"'{key}' must be true or false", key)
        return bool(value == "true")

    def entries(self, key: str) -> list[Entry]:
        """The mappings of a list; anything else in it is a mistake."""
        value = self.block.get(key)
        if value is None:
            return []
        if not isinstance(value, Items):
            self.wrong(f"'{key}' must be a list of entries, each beginning with '- '", key)
            return []
        return [self._entry(item, line) for item, line in zip(value, value.lines, strict=True) if self._is(item, line)]

    def entry(self, key: str) -> Entry:
        """The mapping under a key, empty where it is missing."""
        value = self.block.get(key)
        if isinstance(value, Block):
            return Entry(self.file, value, self.mistakes)
        if value is not None:
            self.wrong(f"'{key}' must be a mapping (key: value)", key)
        return Entry(self.file, Block(self.block.line_of(key)), self.mistakes)

    def _is(self, item: Tree, line: int) -> bool:
        if isinstance(item, Block):
            return True
        self.mistakes.add(self.file, line, "an entry must be a mapping, as in - {key: value}")
        return False

    def _entry(self, item: Block, line: int) -> Entry:
        item.line = line
        return Entry(self.file, item, self.mistakes)


def as_number(value: Tree) -> Decimal | None:
    """The exact finite number a text writes, None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
