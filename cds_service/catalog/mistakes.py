"""Mistakes in mapping files, gathered so that all of them are told at once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Mistakes:
    """What is wrong in the files read so far, each as `file:line: what, and what to do`."""

    found: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, file: str, line: int, what: str) -> None:
        """Notes one mistake; `line` counts from 1."""
        self.found.append((file, line, what))

    def lines(self) -> list[str]:
        """Every mistake once, by file and line."""
        return [f"{file}:{line}: {what}" for file, line, what in sorted(set(self.found))]
