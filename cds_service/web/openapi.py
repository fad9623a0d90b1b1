"""What `/openapi.json` says of the hooks: requests are read leniently, so little is required."""

from __future__ import annotations

from typing import Any

from cds_service.cds.wire import CAMEL, REQUIRED_CONTEXT

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
_ID: Json = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
_CONTEXT: Json = {
    "userId": {"type": "string", "minLength": 1, "examples": ["Practitioner/1"]},
    "patientId": _ID,
    "encounterId": _ID,
    "draftOrders": {"type": "object", "description": "A Bundle of draft orders; read element by element"},
    "selections": {"type": "array", "items": _TEXT},
}
_ALWAYS = ["userId", "patientId"]
_OUTCOMES = _object(
    {
        "card": {"type": "string", "minLength": 1},
        "outcome": {"enum": ["accepted", "overridden"]},
        "outcomeTimestamp": _TEXT,
        "acceptedSuggestions": {"type": "array", "items": _object({"id": _TEXT})},
        "overrideReason": _object({"reason": _object({"code": _TEXT, "system": _TEXT}), "userComment": _TEXT}),
    },
    ["card", "outcome"],
)
_REFUSALS: Json = {
    "400": _problem("The body is not what this path takes"),
    "401": {"description": "A call whose signature cannot be trusted; without a reason"},
    "403": _problem("A call that may not be made from there"),
    "413": _problem("The body is over the limit"),
    "415": _problem("The body is not JSON"),
    "429": _problem("Too many calls"),
}


def _request(hook: str) -> Json:
    required = [*_ALWAYS, *(CAMEL[name] for name in REQUIRED_CONTEXT.get(hook, ()))]
    return _object(
        {
            "hook": {"const": hook},
            "hookInstance": {"type": "string", "minLength": 1},
            "fhirServer": _TEXT,
            "fhirAuthorization": _object({"access_token": _TEXT, "token_type": {"const": "Bearer"}}, ["access_token"]),
            "context": _object(_CONTEXT, required),
            "prefetch": {"type": "object"},
        },
        ["hook", "hookInstance", "context"],
    )


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def describe_discovery() -> Json:
    """Discovery."""
    services = _object({"services": {"type": "array", "items": {"type": "object"}}}, ["services"])
    refused = {code: _REFUSALS[code] for code in ("401", "403", "429")}
    return {"responses": {"200": _answers("The services offered", services), **refused}}


def describe_hook(hook: str) -> Json:
    """A call of a hook."""
    cards = _object({"cards": {"type": "array", "items": _CARD}}, ["cards"])
    unfound = _problem("The patient's own record was neither sent nor could it be fetched")
    return {
        "requestBody": _body(_request(hook)),
        "responses": {"200": _answers("The cards, which may be none", cards), "412": unfound, **_REFUSALS},
    }


def describe_feedback() -> Json:
    """A report of what became of cards."""
    return {
        "requestBody": _body(_object({"feedback": {"type": "array", "items": _OUTCOMES}}, ["feedback"])),
        "responses": {"200": {"description": "Taken, also for cards that are not known"}, **_REFUSALS},
    }


def describe_counts() -> Json:
    """Counts, for the operator of this machine."""
    return {
        "responses": {
            "200": _answers("The counts", {"type": "object"}),
            "403": _problem("Asked from another machine"),
        }
    }


def describe_audit() -> Json:
    """The audit trail, for the operator of this machine."""
    bundle = _object({"resourceType": {"const": "Bundle"}}, ["resourceType"])
    return {
        "responses": {
            "200": {
                "description": "AuditEvents",
                "content": {"application/fhir+json": {"schema": bundle}},
            },
            "400": _problem("A parameter that cannot be read"),
            "403": _problem("Asked from another machine"),
        }
    }


def describe_list() -> Json:
    """The coordinator's list, or one assessment of it, for the operator of this machine."""
    return {
        "responses": {
            "200": _answers("What the store holds", {"type": "object"}),
            "400": _problem("A parameter that cannot be read"),
            "403": _problem("Asked from another machine"),
            "404": _problem("There is no such assessment"),
            "502": _problem("The database cannot be asked"),
        }
    }
