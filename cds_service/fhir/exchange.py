"""Requests to one FHIR server by the nightly run: patient, careful with the token, silent about patients.

The token goes to the server's own origin, and to another only where an export's manifest
demands it; a redirect to another origin never takes it along. Plain http is spoken with
loopback alone. What is raised names host, purpose and status, never a URL's query, a header
or a body: these may hold tokens and patients.

Source: SMART Backend Services; FHIR Bulk Data Access; FHIR R4, RESTful API.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from cds_service.config import is_loopback
from cds_service.errors import ConfigurationError, RemoteError, UsageError
from cds_service.fhir.waiting import Patience, TryAgain, persist, retry_after_seconds

T = TypeVar("T")
J = TypeVar("J")

FHIR_JSON = {"Accept": "application/fhir+json"}
MOST_JSON_BYTES = 256 << 20
_MOST_OUTCOME_BYTES = 1 << 16
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})


class Refusal(RemoteError):
    """An answer that asking again would not change; `codes` are those of its OperationOutcome."""

    def __init__(self, words: str, status: int = 0, codes: frozenset[str] = frozenset()) -> None:
        super().__init__(words)
        self.status = status
        self.codes = codes


class Stopped(Exception):
    """The run was stopped from outside; what is on disk can be resumed."""


class Bearer(Protocol):
    """Access tokens for the server."""

    def current(self) -> str:
        """A token that will hold for a while yet."""
        ...

    def renew(self, stale: str) -> None:
        """Get another one, the server has refused this."""
        ...


class _Issue(msgspec.Struct):
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: tuple[_Issue, ...] = ()


class Exchange:
    """One server, asked by several threads; `bearer`, where set, gives the tokens it is asked with."""

    def __init__(
        self,
        base: str,
        patience: Patience | None = None,
        ca_file: Path | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.base = check_base(base)
        self.patience = patience or Patience()
        self.bearer: Bearer | None = None
        self._ca_file = ca_file
        self._stop = threading.Event()
        self._sleep: Callable[[float], object] = sleep or self._stop.wait
        self._local = threading.local()
        self._reached = False
        # Its messages hold whole URLs.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def is_home(self, url: str) -> bool:
        """Whether a URL leads to the server's own scheme, host and port."""
        return _origin(url) == _origin(self.base)

    def stop(self) -> None:
        """End waits and downloads in all threads, soon."""
        self._stop.set()

    def check_stopped(self) -> None:
        """Raises Stopped once the run was stopped."""
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Wait. Raises Stopped when the run is stopped meanwhile."""
        self._sleep(seconds)
        self.check_stopped()

    def persist(self, attempt: Callable[[], T], within: float | None = None) -> T:
        """What an attempt gives, asked again with growing waits while the failure may pass."""
        usual = self.patience.trouble_seconds if self._reached else self.patience.first_contact_seconds
        return persist(attempt, self.patience, usual if within is None else within, self.pause)

    @contextmanager
    def send(
        self,
        method: str,
        url: str,
        purpose: str,
        *,
        headers: Mapping[str, str] = FHIR_JSON,
        data: Mapping[str, str] | None = None,
        authorize: bool = True,
        ok: Iterable[int] = (200,),
    ) -> Iterator[requests.Response]:
        """The answer to one request, unread, its status among `ok`; once.

        Raises TryAgain for a failure that may pass and Refusal for one that will not, also for
        a connection that breaks while the block reads the body.
        """
        self.check_stopped()
        words = f"{purpose} at {place(url)}"
        with _translated(words):
            response = self._authorized(method, url, headers, data, authorize)
            self._reached = True
            with response:
                if response.status_code not in ok:
                    raise self._failure(response, words)
                yield response

    def get_json(self, url: str, purpose: str, kind: type[J], **options: object) -> tuple[J, Mapping[str, str]]:
        """A JSON answer read as `kind`, and its headers; asked again while the failure may pass."""
        return self.persist(lambda: self.get_json_once(url, purpose, kind, **options))

    def get_json_once(self, url: str, purpose: str, kind: type[J], **options: object) -> tuple[J, Mapping[str, str]]:
        """The same, asked once."""
        with self.send("GET", url, purpose, **options) as response:  # type: ignore[arg-type]  # send's own keywords
            return read_json(response, f"{purpose} at {place(url)}", kind), response.headers

    def cancel(self, url: str) -> bool:
        """Whether the server took a DELETE of its job; once, also after the run was stopped, whatever it says."""
        with contextlib.suppress(RemoteError), _translated("cancelling"):
            response = self._authorized("DELETE", url, FHIR_JSON, None, authorize=self.is_home(url))
            response.close()
            return response.status_code < 300
        return False

    def _authorized(
        self, method: str, url: str, headers: Mapping[str, str], data: Mapping[str, str] | None, authorize: bool
    ) -> requests.Response:
        """The answer; where the token is refused, the answer to the same with a new one."""
        token = self.bearer.current() if self.bearer is not None and authorize else None
        response = self._follow(method, url, headers, data, token)
        if response.status_code != 401 or token is None or self.bearer is None:
            return response
        response.close()
        self.bearer.renew(token)
        return self._follow(method, url, headers, data, self.bearer.current())

    def _follow(
        self, method: str, url: str, headers: Mapping[str, str], data: Mapping[str, str] | None, token: str | None
    ) -> requests.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            self._check_scheme(url)
            sent = {**headers, "Authorization": f"Bearer {token}"} if token else dict(headers)
            response = self._session().request(
                method,
                url,
                headers=sent,
                data=data,
                stream=True,
                allow_redirects=False,
                timeout=(self.patience.connect_seconds, self.patience.read_seconds),
            )
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or method != "GET" or not target:
                return response
            response.close()
            before, url = url, urljoin(url, target)
            token = token if _origin(url) == _origin(before) else None
        raise Refusal(f"the server at {place(url)} redirects in a circle")

    def _check_scheme(self, url: str) -> None:
        """Plain http only from loopback to loopback. Raises Refusal."""
        parts = urlsplit(url)
        own = is_loopback(urlsplit(self.base).hostname or "")
        fitting = parts.scheme == "https" or (parts.scheme == "http" and own and is_loopback(parts.hostname or ""))
        if not fitting or parts.username is not None or not parts.hostname:
            raise Refusal(f"the server leads to {place(url)}, which is not asked: only https is (http on loopback)")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # a .netrc would send its own credentials
            session.verify = str(self._ca_file) if self._ca_file is not None else True
            session.headers.update({"Accept-Encoding": "gzip", "User-Agent": "cds-service"})
            session.mount("https://", HTTPAdapter(max_retries=0))
            session.mount("http://", HTTPAdapter(max_retries=0))
            self._local.session = session
        return session

    def _failure(self, response: requests.Response, words: str) -> TryAgain | Refusal:
        status = response.status_code
        codes = _outcome_codes(response)
        said = f"{words}: HTTP {status}" + (f" ({', '.join(sorted(codes))})" if codes else "")
        if status in _PASSING:
            wait_for = retry_after_seconds(response.headers.get("Retry-After"), self.patience.now())
            return TryAgain(said, wait=wait_for, status=status, codes=codes)
        if status in (401, 403):
            said += "; check CDS_FHIR_CLIENT_ID, CDS_FHIR_PRIVATE_KEY_FILE and what this client is allowed"
        return Refusal(said, status, codes)


def side_by_side(
    exchange: Exchange, work: Callable[[J], T], jobs: Iterable[J], threads: int, done: Callable[[T], None]
) -> list[T]:
    """The results of the jobs, in their order, several at a time; `done` sees each as it comes.

    On any exception, Ctrl-C included, the threads are told to stop and it comes through.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fhir-download")
    try:
        futures = [pool.submit(work, job) for job in jobs]
        pending: set[Future[T]] = set(futures)
        while pending:
            ready, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in ready:
                done(future.result())
    except BaseException:
        exchange.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return [future.result() for future in futures]


def read_json(response: requests.Response, words: str, kind: type[J]) -> J:
    """The body of an answer as `kind`. Raises TryAgain where it is not (a proxy's HTML page, JSON cut short)."""
    body = read_bounded(response, MOST_JSON_BYTES)
    if body is None:
        raise Refusal(f"{words}: the answer is larger than {MOST_JSON_BYTES >> 20} MB")
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        shape = "an HTML page" if body.lstrip()[:1] == b"<" else "nothing" if not body.strip() else "something else"
        raise TryAgain(f"{words}: the server answered {shape} where FHIR JSON was due", at_most=3) from None


def read_bounded(response: requests.Response, most: int) -> bytes | None:
    """The body, None where it is larger than `most` bytes."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(1 << 18):
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def check_base(base: str) -> str:
    """A FHIR base URL without trailing slash. Raises UsageError for what is none, or would be asked unencrypted."""
    try:
        parts = urlsplit(base.strip())
        _ = parts.port
    except ValueError:
        raise UsageError("the FHIR base URL is not one: expected https://host/path") from None
    odd = parts.query or parts.fragment or parts.username is not None or "?" in base or "#" in base
    if parts.scheme not in ("https", "http") or not parts.hostname or odd:
        raise UsageError("the FHIR base URL is not one: expected https://host/path without user, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError("the FHIR base URL must start with https: patient data and tokens would travel in the open")
    return base.strip().rstrip("/")


def place(url: str) -> str:
    """Scheme, host and port of a URL: all of it that an error may show."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return "an address that is none"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None, None


@contextmanager
def _translated(words: str) -> Iterator[None]:
    """The exceptions of the HTTP library as ours, without its texts: they hold whole URLs."""
    try:
        yield
    except requests.exceptions.SSLError:
        raise Refusal(
            f"{words}: the server's certificate is not trusted; name its authority in CDS_FHIR_CA_FILE"
        ) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, HTTPError) as error:
        kind = "it did not answer in time" if "Timeout" in type(error).__name__ else "the connection failed"
        raise TryAgain(f"{words}: {kind}") from None
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        raise TryAgain(f"{words}: the answer was cut short or damaged") from None
    except requests.exceptions.RequestException as error:
        raise Refusal(f"{words}: the address or the answer cannot be used ({type(error).__name__})") from None
    except OSError as error:
        # requests raises a bare OSError for a missing CA file; ours (a full disk) must come through.
        if "certificate" in str(error):
            raise ConfigurationError("CDS_FHIR_CA_FILE: there is no such file, or it holds no certificate") from None
        raise


def _outcome_codes(response: requests.Response) -> frozenset[str]:
    """The issue codes of an OperationOutcome: its other words may be about patients."""
    try:
        body = read_bounded(response, _MOST_OUTCOME_BYTES)
        outcome = msgspec.json.decode(body or b"{}", type=_Outcome)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, requests.RequestException, HTTPError):
        return frozenset()
    return frozenset(
        issue.code for issue in outcome.issue if issue.code.isascii() and issue.code.replace("-", "").isalpha()
    )
