"""What `/openapi.json` says of the hooks: requests are read leniently, so little is required."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _object(properties: Json, required: list[str] | None = None) -> Json:
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _answers(described: str, schema: Json) -> Json:
    return {"description": described, "content": {"application/json": {"schema": schema}}}


def _problem(described: str) -> Json:
    return {"description": described, "content": {"application/fhir+json": {"schema": _OUTCOME}}}


_TEXT: Json = {"type": "string"}
_OUTCOME = _object(
    {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array"}}, ["resourceType", "issue"]
)
_CODING = _object({"code": _TEXT, "system": _TEXT, "display": _TEXT}, ["code", "system"])
_CARD = _object(
    {
        "uuid": _TEXT,
        "summary": {"type": "string", "maxLength": 139},
        "detail": _TEXT,
        "indicator": {"enum": ["info", "warning", "critical"]},
        "source": _object({"label": _TEXT, "url": _TEXT, "topic": _CODING}, ["label"]),
        "suggestions": {"type": "array", "items": {"type": "object"}},
        "selectionBehavior": {"enum": ["at-most-one", "any"]},
        "overrideReasons": {"type": "array", "items": _CODING},
        "links": {"type": "array", "items": {"type": "object"}},
    },
    ["summary", "indicator", "source"],
)
_REQUEST = _object(
    {
        "hook": _TEXT,
        "hookInstance": {"type": "string", "minLength": 1},
        "fhirServer": _TEXT,
        "fhirAuthorization": _object({"access_token": _TEXT, "token_type": {"const": "Bearer"}}, ["access_token"]),
        "context": _object(
            {
                "userId": {"type": "string", "minLength": 1, "examples": ["Practitioner/1"]},
                "patientId": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
                "encounterId": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
            },
            ["userId", "patientId"],
        ),
        "prefetch": {"type": "object"},
    },
    ["hook", "hookInstance", "context"],
)

DISCOVERY: Json = {
    "responses": {
        "200": _answers(
            "The services offered", _object({"services": {"type": "array", "items": {"type": "object"}}}, ["services"])
        )
    }
}
HOOK: Json = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}},
    "responses": {
        "200": _answers(
            "The cards, which may be none", _object({"cards": {"type": "array", "items": _CARD}}, ["cards"])
        ),
        "400": _problem("The body is not a call of this hook"),
        "403": _problem("An unsigned call that did not come from this machine"),
        "404": _problem("No such service"),
        "412": _problem("The patient's own record was neither sent nor could it be fetched"),
        "413": _problem("The body is over the limit"),
        "415": _problem("The body is not JSON"),
    },
}
