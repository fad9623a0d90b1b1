"""The command line, run in this process."""

from __future__ import annotations

import sys

from cds_service import cli


def call(*words: object) -> int:
    """The exit code of `cds-service` with these words."""
    before, sys.argv = sys.argv, ["cds-service", *map(str, words)]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        sys.argv = before
    return 0
