"""The shapes of CDS Hooks on the wire: lenient in, strict out.

In: partial structs, so that what a client adds, or gets wrong elsewhere, does not matter;
prefetched values stay raw JSON until their key is looked at. Out: an absent value is left
out; there is never a null, an empty text, an empty list or an empty object (except `cards`).

Source: CDS Hooks 2.0.1, sections "Calling a CDS Service" and "CDS Service Response".
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw, Struct

from cds_service.errors import NotFhir

_ID = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9\-._]{1,128}")
_USER = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9\-._]{1,128}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


NOTHING = Raw(b"null")
REQUIRED_CONTEXT = {
    "order-select": ("draft_orders", "selections"),
    "order-sign": ("draft_orders",),
    "encounter-start": ("encounter_id",),
}
"""What the context of a hook must hold besides user and patient (CDS Hooks library)."""
CAMEL = {"draft_orders": "draftOrders", "selections": "selections", "encounter_id": "encounterId"}
USER_TYPES = frozenset({"Practitioner", "PractitionerRole", "Patient", "RelatedPerson"})
_LONGEST_INSTANCE = 128


class Authorization(Struct, rename="camel"):
    """`fhirAuthorization`, as far as it is used; its own names are snake_case."""

    access_token: str | None = msgspec.field(default=None, name="access_token")
    token_type: str | None = msgspec.field(default=None, name="token_type")


class Context(Struct, rename="camel"):
    """What is read of `context`; the orders stay raw JSON, for clients' own drafts are rarely valid FHIR."""

    user_id: str | None = None
    patient_id: str | None = None
    encounter_id: str | None = None
    draft_orders: Raw = NOTHING
    selections: Raw = NOTHING


class HookRequest(Struct, rename="camel"):
    """A hook call. `prefetch` maps each key to its JSON, undecoded."""

    hook: str | None = None
    hook_instance: str | None = None
    context: Context | None = None
    fhir_server: str | None = None
    fhir_authorization: Authorization | None = None
    prefetch: dict[str, Raw] | None = None


class User(Struct, frozen=True):
    """Who looks at the chart: "Practitioner/1". `reference` is None where the id has another form, `told`."""

    type: str = ""
    reference: str | None = None
    told: str = ""

    @property
    def key(self) -> str:
        """What tells this user from others."""
        return self.reference or self.told or self.type

    @property
    def role(self) -> str:
        """The type where it is one of FHIR's users, else "other"."""
        return self.type if self.type in USER_TYPES else "other"


class HookCall(Struct, frozen=True):
    """A hook call whose required parts are there and of the documented form."""

    hook: str
    patient_id: str
    user: User
    encounter_id: str | None
    fhir_server: str | None
    token: str | None
    prefetch: dict[str, Raw]
    instance: str = ""
    draft_orders: Raw = NOTHING
    selections: Raw = NOTHING


_requests = msgspec.json.Decoder(HookRequest)


def read_call(body: bytes, hook: str) -> HookCall:
    """The call in a request body addressed to a service of `hook`.

    Raises NotFhir, with words for an OperationOutcome that repeat nothing of the body.
    """
    try:
        request = _requests.decode(body)
    except UNREADABLE as error:
        raise NotFhir(f"the body is not a CDS Hooks request: {_reason(error)}") from None
    if request.hook != hook:
        raise NotFhir(f"'hook' must be '{hook}' for this service: call the service of the hook that fired")
    if not request.hook_instance:
        raise NotFhir("'hookInstance' is missing: send the UUID of this hook call")
    context = request.context or Context()
    _check_context(hook, context)
    return HookCall(
        hook=hook,
        patient_id=_patient_id(context),
        user=_user(context),
        encounter_id=_identity("context.encounterId", context.encounter_id, "Encounter/"),
        fhir_server=request.fhir_server or None,
        token=_token(request),
        prefetch=request.prefetch or {},
        instance=request.hook_instance[:_LONGEST_INSTANCE],
        draft_orders=context.draft_orders,
        selections=context.selections,
    )


def _check_context(hook: str, context: Context) -> None:
    """Refuse a call without what its hook requires; what it holds is read leniently."""
    for name in REQUIRED_CONTEXT.get(hook, ()):
        value = getattr(context, name)
        if value is None or value == "" or is_null(value):
            raise NotFhir(f"'context.{CAMEL[name]}' is missing: the hook {hook} requires it")


def is_null(raw: object) -> bool:
    """Whether raw JSON is null, or was not sent."""
    return isinstance(raw, Raw) and memoryview(raw).nbytes == 4 and bytes(raw) == b"null"


def _patient_id(context: Context) -> str:
    found = _identity("context.patientId", context.patient_id, "Patient/")
    if found is None:
        raise NotFhir("'context.patientId' is missing: send the bare id of the Patient")
    return found


def _identity(name: str, value: str | None, prefix: str) -> str | None:
    """A bare FHIR id; some clients send "Patient/1", which can only mean "1"."""
    if not value:
        return None
    bare = value.removeprefix(prefix)
    if not _ID.fullmatch(bare):
        raise NotFhir(f"'{name}' is not a FHIR id: send the bare id (letters, digits, '-', '.')")
    return bare


def _user(context: Context) -> User:
    value = context.user_id
    if not value:
        raise NotFhir("'context.userId' is missing: send the user as Type/id, for example Practitioner/1")
    found = _USER.fullmatch(value)
    return User(found[1], value) if found else User(_user_type(value), told=_told(value))


def _told(value: str) -> str:
    """An odd user id as it may be kept: itself, or its digest where it is long or not printable."""
    if len(value) <= _LONGEST_INSTANCE and value.isprintable():
        return value
    return f"sha256:{sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _user_type(value: str) -> str:
    """The type in a user id of another form ("https://ehr.example/fhir/Patient/1"), as far as it can be told.

    Of several types named, that of a patient or relative counts: they must not get a clinician's card.
    """
    parts = [part.strip().casefold() for part in value.split("/")]
    named = [kind for kind in ("Patient", "RelatedPerson", *sorted(USER_TYPES)) if kind.casefold() in parts]
    return named[0] if named else value.partition("/")[0]


def _token(request: HookRequest) -> str | None:
    authorization = request.fhir_authorization
    if authorization is None:
        return None
    if not request.fhir_server:
        raise NotFhir("'fhirAuthorization' comes without 'fhirServer': send both, or neither")
    token = authorization.access_token
    if not token or not _TOKEN.fullmatch(token) or (authorization.token_type or "Bearer").lower() != "bearer":
        raise NotFhir("'fhirAuthorization' holds no usable bearer token: send access_token, and token_type 'Bearer'")
    return token


def _reason(error: Exception) -> str:
    match error:
        case RecursionError():
            return "it is nested too deep"
        case UnicodeDecodeError():
            return "it is not UTF-8 text"
        case _:
            return str(error)


class Coding(Struct, omit_defaults=True):
    """A code with its words."""

    code: str
    system: str
    display: str | None = None


class Source(Struct, omit_defaults=True):
    """Who speaks."""

    label: str
    url: str | None = None
    topic: Coding | None = None


class Action(Struct, omit_defaults=True):
    """One action of a suggestion."""

    type: str
    description: str
    resource: dict[str, Any] | None = None


class Suggestion(Struct, rename="camel", omit_defaults=True):
    """Something the clinician may accept; its actions belong together."""

    label: str
    uuid: str | None = None
    is_recommended: bool | None = None
    actions: tuple[Action, ...] | None = None


class Link(Struct, omit_defaults=True):
    """A link of a card."""

    label: str
    url: str
    type: str


class Card(Struct, rename="camel", omit_defaults=True):
    """A card."""

    summary: str
    indicator: str
    source: Source
    uuid: str | None = None
    detail: str | None = None
    suggestions: tuple[Suggestion, ...] | None = None
    selection_behavior: str | None = None
    override_reasons: tuple[Coding, ...] | None = None
    links: tuple[Link, ...] | None = None


class HookResponse(Struct):
    """The answer to a hook: its cards, which may be none."""

    cards: tuple[Card, ...] = ()


class Service(Struct, omit_defaults=True):
    """One entry of discovery."""

    hook: str
    id: str
    title: str
    description: str
    version: str
    prefetch: dict[str, str]


class Discovery(Struct):
    """What `GET /cds-services` answers."""

    services: tuple[Service, ...]


class AcceptedSuggestion(Struct):
    """A suggestion that was taken."""

    id: str | None = None


class Reason(Struct):
    """The code of an override reason; clients send it back without its display."""

    code: str | None = None
    system: str | None = None


class OverrideReason(Struct, rename="camel"):
    """Why a card was put away: a code, free text, or both."""

    reason: Reason | None = None
    user_comment: str | None = None


class CardOutcome(Struct, rename="camel"):
    """What became of one card."""

    card: str | None = None
    outcome: str | None = None
    accepted_suggestions: list[AcceptedSuggestion] | None = None
    override_reason: OverrideReason | None = None
    outcome_timestamp: str | None = None


class FeedbackRequest(Struct):
    """The body of a feedback call."""

    feedback: list[CardOutcome] | None = None


_feedback = msgspec.json.Decoder(FeedbackRequest)


def read_feedback(body: bytes) -> list[CardOutcome]:
    """The outcomes in a feedback body.

    Raises NotFhir, with words for an OperationOutcome that repeat nothing of the body.
    """
    try:
        request = _feedback.decode(body)
    except UNREADABLE as error:
        raise NotFhir(f"the body is not CDS Hooks feedback: {_reason(error)}") from None
    if request.feedback is None:
        raise NotFhir("'feedback' is missing: send an array with one entry for each card")
    return request.feedback


encode = msgspec.json.Encoder().encode
"""The JSON bytes of any shape above."""
