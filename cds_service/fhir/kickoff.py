"""Starting an export, and asking more simply where the server does not understand.

Source: FHIR Bulk Data Access, "Bulk Data Kick-off Request".
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from urllib.parse import urlencode, urljoin

import msgspec

from cds_service.errors import RemoteError
from cds_service.fhir.download_record import Record, save
from cds_service.fhir.exchange import Exchange, Refusal
from cds_service.fhir.smart import Tokens
from cds_service.fhir.waiting import TryAgain

_NOT_UNDERSTOOD = frozenset({400, 404, 405, 422, 501})
_KICK_OFF = {"Accept": "application/fhir+json", "Prefer": "respond-async, handling=lenient"}


class _Known(msgspec.Struct):
    type: str = ""


class _Rest(msgspec.Struct):
    resource: tuple[_Known, ...] = ()


class _Statement(msgspec.Struct):
    rest: tuple[_Rest, ...]


def unavailable_types(record: Record, tokens: Tokens | None) -> dict[str, str]:
    """Why the server does not give some of the types, or not all of them, as far as it has said."""
    lacking, partial = (tokens.lacking, tokens.partial) if tokens is not None else ((), ())
    return (
        record.unavailable
        | dict.fromkeys(sorted(lacking), "the server does not grant this client its scope")
        | dict.fromkeys(sorted(partial), "the server grants this client only a part of it")
    )


def asked_types(record: Record, tokens: Tokens | None) -> tuple[str, ...]:
    """The types to ask for: those that the server knows and grants. Raises RemoteError where none is left."""
    if tokens is not None:
        tokens.current()
    refused = record.unavailable.keys() | (tokens.lacking if tokens is not None else ())
    left = tuple(kind for kind in record.request.types if kind not in refused)
    if record.request.types and not left:
        raise RemoteError("the server gives this client none of the resource types asked for")
    return left


class KickOff:
    """Asks a server to start the export that a record describes."""

    def __init__(self, exchange: Exchange, tokens: Tokens | None, folder: Path, record: Record) -> None:
        self._exchange = exchange
        self._tokens = tokens
        self._folder = folder
        self._record = record
        # A patient-level export leaves out what is no patient's (Medication); a system-level one is often not offered.
        group = record.request.group
        self._levels = [f"Group/{group}/$export"] if group is not None else ["$export", "Patient/$export"]

    def start(self) -> str:
        """Where the started export tells its status; what the server does not understand is asked more simply."""
        while True:
            url = self._export_url()
            try:
                return self._exchange.persist(partial(self._ask, url), self._exchange.patience.export_seconds)
            except Refusal as refusal:
                if not self._relent(refusal.status):
                    raise

    def _export_url(self) -> str:
        request = self._record.request
        asked = [("_outputFormat", "application/fhir+ndjson")]
        kinds = asked_types(self._record, self._tokens)
        if kinds:
            asked.append(("_type", ",".join(kinds)))
        if request.since is not None:
            asked.append(("_since", request.since))
        if self._record.filtered:
            asked += [("_typeFilter", one) for one in request.type_filter]
        return f"{request.base}/{self._levels[0]}?{urlencode(asked)}"

    def _ask(self, url: str) -> str:
        try:
            with self._exchange.send("GET", url, "starting the export", headers=_KICK_OFF, ok=(202,)) as answer:
                status_url = answer.headers.get("Content-Location") or answer.headers.get("Location")
        except TryAgain as error:
            # 429 may mean that another export is running, for hours; anything else is over sooner or not at all.
            error.at_most = None if error.status == 429 else 8 if error.status else 4
            raise
        if not status_url:
            raise Refusal("starting the export: the server does not say where its status is (Content-Location)")
        return urljoin(url, status_url)

    def _relent(self, status: int) -> bool:
        """Whether something can be left out of, or added to, a kick-off that was refused."""
        if status == 403 and self._tokens is not None and self._tokens.widen():
            return True
        if status in _NOT_UNDERSTOOD and self._record.filtered and self._record.request.type_filter:
            self.distrust_filter("the server does not understand the filter")
            return True
        if status in _NOT_UNDERSTOOD and self._drop_unknown_types():
            return True
        if status in _NOT_UNDERSTOOD | {403} and len(self._levels) > 1:
            self._levels.pop(0)
            return True
        return False

    def distrust_filter(self, why: str) -> None:
        """Leave `_typeFilter` out from now on."""
        self._record.filtered = False
        self._record.note(f"exported without the filter by codes: {why}")
        save(self._folder, self._record)

    def _drop_unknown_types(self) -> bool:
        """Whether some of the types are unknown to the server by its own statement; they are unavailable."""
        try:
            statement, _ = self._exchange.get_json(
                f"{self._record.request.base}/metadata", "the capability statement", _Statement
            )
        except RemoteError:
            return False
        known = {resource.type for rest in statement.rest for resource in rest.resource}
        kinds = asked_types(self._record, self._tokens)
        unknown = [kind for kind in kinds if kind not in known]
        if not unknown or len(unknown) == len(kinds):
            return False
        self._record.unavailable |= dict.fromkeys(unknown, "the server does not know this resource type")
        return True
