"""For every test: nothing is written to the user's own database; the service is watched.

Every response that a test gets from the service is held to CDS Hooks, and every log record
is searched for the synthetic patients (`watching.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

os.environ["CDS_DATABASE_URL"] = "memory:"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on Spark come first: they are then given to one worker, which starts Spark once, and last longest."""
    items.sort(key=lambda item: item.get_closest_marker("spark") is None)


@pytest.fixture(autouse=True, scope="session")
def watch() -> Iterator[Any]:
    """The watch over the service; None where no test that was collected knows it."""
    if "cds_service.web.app" not in sys.modules:
        yield None
        return
    from watching import watched_log, watched_service

    with watched_service(), watched_log() as log:
        yield log


@pytest.fixture(autouse=True)
def _watched(watch: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test in which a response breaks the specification, or a log record tells of a patient."""
    yield
    if watch is None:
        return
    from watching import wrong_responses

    wrong = wrong_responses()
    told, watch.told[:] = list(watch.told), []
    if request.node.get_closest_marker("breaks_the_service") is None:
        assert not wrong, "\n".join(wrong)
    assert not told, told
