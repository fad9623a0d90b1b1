"""Everything this package raises on purpose.

    CdsServiceError                 the message says what, where and what to do
    ├── UsageError                  the call itself is wrong (trial unknown, no such date)       exit 2
    ├── SourceError                 the input cannot be read at all                              exit 3
    │   ├── NotFhir                 it is not JSON, or not FHIR                                  HTTP 400
    │   ├── TooLarge                over a limit                                                 HTTP 413
    │   └── NoPatient               no Patient, or not the one asked for                         HTTP 412
    ├── RemoteError                 a FHIR server refused or could not be reached                exit 4
    ├── NotTrusted                  a call whose sender is not known for certain                     HTTP 401
    ├── TooManyCalls                more calls than agreed; holds when to try again                  HTTP 429
    ├── IncompleteRun               a run that read suspiciously little; the last list is kept          exit 6
    ├── AnotherRun                  another run holds the lock                                          exit 7
    ├── MappingError                mapping files with mistakes; holds all of them               exit 3
    └── ConfigurationError          a setting is missing, contradictory or unsafe                exit 2

`web/errors.py` maps them to HTTP statuses, `cli.py` to exit codes. No message carries
patient data: references and line numbers, never names, values or the text of a record.
"""

from __future__ import annotations

from collections.abc import Sequence


class CdsServiceError(Exception):
    """The root: shown to the user as one line, without a traceback."""


class UsageError(CdsServiceError):
    """The call is wrong: an unknown trial, a date that is none, an impossible combination."""


class SourceError(CdsServiceError):
    """The input could not be read at all."""


class NotFhir(SourceError):
    """Not JSON, truncated JSON, or JSON that is not FHIR R4."""


class TooLarge(SourceError):
    """Larger than a limit that a setting names."""


class NoPatient(SourceError):
    """No Patient in the input, not the one asked for, or two where one is asked."""


class RemoteError(CdsServiceError):
    """A remote server could not be reached, refused, or answered what is not FHIR."""


class NotTrusted(CdsServiceError):
    """A call without a token that holds. Why is counted, not told."""


class TooManyCalls(CdsServiceError):
    """More calls than agreed: `retry_after` says in whole seconds when the next will be answered."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"too many calls: try again in {retry_after} s")


class MappingError(CdsServiceError):
    """Mapping files with mistakes: `mistakes` holds each with file and line."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        super().__init__(f"{count} mistake{'s' if count != 1 else ''} in the mappings:\n" + "\n".join(self.mistakes))


class ConfigurationError(CdsServiceError):
    """A setting is missing, contradictory or unsafe; the message names it."""


class IncompleteRun(CdsServiceError):
    """A nightly run that cannot be believed: it read too little, or not all there was. The last list is kept."""


class AnotherRun(CdsServiceError):
    """Another nightly run is at work on the same database."""
