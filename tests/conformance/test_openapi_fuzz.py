"""Calls made up from `/openapi.json`, valid and not: answered as described there, and never with an error of ours."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fitting import HOOKS
from hooks import AS_OF
from hooks import settings as service_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service.web.app import create_app

KEPT = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described() -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(service_settings(), today=lambda: AS_OF))


HOOK_PATHS = [f"/cds-services/extend-op-{hook}" for hook in HOOKS]
OPERATIONS = [
    ("/cds-services", "GET"),
    *((path, "POST") for path in HOOK_PATHS),
    *((f"{path}/feedback", "POST") for path in HOOK_PATHS),
    ("/api/feedback", "GET"),
    ("/api/suppressions", "GET"),
    ("/api/audit", "GET"),
    ("/api/worklist", "GET"),
    ("/api/worklist/{assessment}", "GET"),
]
bounded = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_every_operation_of_ours_is_tried(described: Any) -> None:
    named = {(found.ok().path, found.ok().method.upper()) for found in described.get_all_operations()}
    assert set(OPERATIONS) <= named
    assert {path for path, _ in named if path.startswith(("/cds-services", "/api"))} == {path for path, _ in OPERATIONS}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_described_is_what_happens(described: Any, path: str, method: str, mode: GenerationMode) -> None:
    operation = described[path][method]
    answered: set[int] = set()

    @bounded
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        answered.add(case.call_and_validate(base_url="http://127.0.0.1:8000", checks=KEPT).status_code)

    try:
        call()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing can be wrong about a path without parameters"
    else:
        assert mode is GenerationMode.NEGATIVE or answered & {200, 404, 412}, answered
