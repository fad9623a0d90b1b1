"""The settings: environment variables with the prefix CDS_, and a `.env` file.

Read once by an entry point and handed inward. A first run needs none of them. Names and
defaults are part of the contract with whoever operates the service: add, do not rename.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cds_service.errors import ConfigurationError


def _listed(value: object) -> object:
    """The parts of a list written with commas or spaces; a JSON list is read as one."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return json.loads(text) if text.startswith("[") else text.replace(",", " ").split()


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """What an operator can set. Each description is what the README table says of it."""

    model_config = SettingsConfigDict(env_prefix="CDS_", env_file=".env", extra="ignore", frozen=True)

    mappings_dir: Path | None = Field(
        default=None, description="Folder of mapping files to use instead of those shipped with the service."
    )
    site: str | None = Field(
        default=None,
        description="Name of the site file (mappings/sites/NAME.yaml) laid over the mappings: local codes, contact.",
    )
    trial: str = Field(default="extend-op", description="Id of the trial that the hooks screen for.")
    public_url: str | None = Field(
        default=None,
        description="URL under which EHRs reach the service. Setting it demands signed calls (CDS_TRUSTED_CLIENTS).",
    )
    trusted_clients: Path | None = Field(
        default=None,
        description="File of the EHRs whose signed calls are accepted: issuer, audience, JWKS or jku.",
    )
    token_leeway_seconds: int = Field(
        default=60, ge=0, le=600, description="How far an EHR's clock may be off when its token is checked."
    )
    token_max_age_seconds: int = Field(
        default=300, ge=10, le=3600, description="How old a token may be, by its own time of issue."
    )
    calls_per_minute: int = Field(
        default=6000,
        ge=1,
        description="Signed calls a minute that each worker accepts from an EHR, where its entry names no number.",
    )
    allow_public_test_issuer: bool = Field(
        default=False,
        description=(
            "Development only: lets the public CDS Hooks sandbox, whose private key anyone has, be trusted on loopback."
        ),
    )
    database_url: str | None = Field(
        default=None,
        description=(
            "Database of cards, feedback, decisions and audit: sqlite:////path, postgresql://user@host/name, or memory:"
            " (forgotten at the end). A SQLite file under the user's data folder if not set."
        ),
    )
    allowed_fhir_servers: Listed = Field(
        default=(),
        description=(
            "Base URLs of FHIR servers an unsigned call may point to, separated by commas, beside those on loopback."
            " No other server is ever asked. A signed call may point to those in its EHR's entry."
        ),
    )
    cors_origins: Listed = Field(
        default=(),
        description=(
            "Origins of browser-based EHRs that may call, separated by commas, beside those of trusted clients."
            " Loopback may while calls are unsigned."
        ),
    )
    hook_deadline_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Time in which a hook call is answered, fetching from the FHIR server included.",
    )
    recent_minutes: float = Field(
        default=15,
        ge=0,
        le=24 * 60,
        description=(
            "For so many minutes each worker keeps in memory what a record sent whole came to, and reuses it where"
            " exactly the same is sent again. 0 keeps nothing."
        ),
    )
    max_body_bytes: int = Field(
        default=20_000_000,
        ge=1_000,
        description="Largest hook body accepted, and largest page accepted from a FHIR server, in bytes.",
    )
    card_max_unknowns: int = Field(
        default=8, ge=0, description="No card is shown when more criteria than this cannot be decided."
    )
    card_needs: Listed = Field(
        default=("alive", "age", "histology", "stage-iv", "progression"),
        description=(
            "Criteria that must pass for a card. Progression may be unknown while new systemic therapy or staging"
            " is being ordered."
        ),
    )
    card_same_hours: float = Field(
        default=12, ge=0, description="For so many hours a user who asks again gets the same card again."
    )
    card_again_days: float = Field(
        default=14, ge=0, description="For so many days a user is not shown a card that would say the same."
    )
    card_no_time_days: float = Field(
        default=7, ge=0, description="For so many days a user who had no time for a card is not shown it."
    )
    fhir_client_id: str | None = Field(
        default=None,
        description="Client id under which the nightly run is registered at the FHIR server (SMART Backend Services).",
    )
    fhir_private_key_file: Path | None = Field(
        default=None,
        description="File of the private key that goes with it: EC P-384 or RSA, as PEM or JWK.",
    )
    fhir_scopes: Listed = Field(
        default=(),
        description="Scopes to ask for instead of the smallest ones that serve (system/Condition.rs and so on).",
    )
    fhir_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authority of the FHIR server, where it is the hospital's own.",
    )
    fhir_parallel: int = Field(
        default=4, ge=1, le=32, description="Files or pages that the nightly run fetches at the same time."
    )
    fhir_export_hours: float = Field(
        default=12, gt=0, description="Hours that a FHIR server is given to finish a bulk export."
    )
    work_dir: Path | None = Field(
        default=None,
        description=(
            "Folder in which the nightly run puts down what it reads, patients' data, while it works. A folder under"
            " the user's data folder if not set."
        ),
    )
    screen_workers: int = Field(
        default=0, ge=0, le=256, description="Processes that the nightly run uses on this machine; 0: one a core."
    )
    screen_max_drop: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description=(
            "A nightly run that reads less of any resource type than last time by more than this part is incomplete:"
            " the last list is kept."
        ),
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR. No level logs patient data."
    )

    def check_address(self, host: str, workers: int = 1) -> None:
        """Refuse to listen where that would be unsafe.

        Raises ConfigurationError, naming the setting: for an address that is not loopback or
        a public URL while calls cannot be verified; for what would let others in or lead
        patient data out in the clear.
        """
        for objection in (
            self._who_may_call(host),
            self._public_url(),
            self._test_issuer(host),
            self._where_data_go(),
            self._shared_by(workers),
        ):
            if objection is not None:
                raise ConfigurationError(objection)

    def _who_may_call(self, host: str) -> str | None:
        if self.trusted_clients is not None:
            return None
        if self.public_url is not None:
            return (
                "CDS_PUBLIC_URL is set but CDS_TRUSTED_CLIENTS is not: the service would answer anyone."
                " Unset CDS_PUBLIC_URL, or name the EHRs to trust in CDS_TRUSTED_CLIENTS."
            )
        if not is_loopback(host):
            return (
                f"Listening on {host or 'every address'} without CDS_TRUSTED_CLIENTS would answer anyone."
                " Listen on 127.0.0.1, or name the EHRs to trust in CDS_TRUSTED_CLIENTS."
            )
        return None

    def _public_url(self) -> str | None:
        if self.public_url is None or _is_plain(self.public_url):
            return None
        return (
            "CDS_PUBLIC_URL must be an https URL without user, query or fragment (http on loopback only):"
            " tokens are issued for exactly the URL the EHR calls."
        )

    def _test_issuer(self, host: str) -> str | None:
        if not self.allow_public_test_issuer:
            return None
        public = self.public_url is not None and not is_loopback(urlsplit(self.public_url).hostname or "")
        if is_loopback(host) and not public:
            return None
        return (
            "CDS_ALLOW_PUBLIC_TEST_ISSUER trusts an issuer whose private key anyone has: it is for development on"
            " loopback. Unset it, or listen on 127.0.0.1 without a public URL."
        )

    def _where_data_go(self) -> str | None:
        for server in self.allowed_fhir_servers:
            if not _is_plain(server):
                return (
                    f"CDS_ALLOWED_FHIR_SERVERS: '{server}' must be an https URL without user, query or fragment"
                    " (http on loopback only): an access token is sent there."
                )
        if any("*" in origin for origin in self.cors_origins):
            return "CDS_CORS_ORIGINS must name each origin: '*' would let any web site call as if it were an EHR."
        return None

    def _shared_by(self, workers: int) -> str | None:
        if workers > 1 and self.database_url == "memory:":
            return (
                "CDS_DATABASE_URL is memory:, which workers do not share: a token could be used once with each."
                " Serve with one worker, or name a database."
            )
        return None

    def as_environment(self) -> dict[str, str]:
        """The settings that differ from the defaults, as environment variables for worker processes."""
        differing = self.model_dump(mode="json", exclude_defaults=True)
        return {
            f"CDS_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in differing.items()
            if value is not None
        }


def read_settings() -> Settings:
    """The settings of this process. Raises ConfigurationError, naming each setting that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None
    except ValueError as error:
        raise ConfigurationError(f"A setting of the environment or .env cannot be read: {error}") from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    bare = host.strip("[]").lower()
    if bare == "localhost":
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def _is_plain(url: str) -> bool:
    """Whether a URL is https (http on loopback) and nothing but scheme, host and path."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return secure and bool(host) and parts.username is None and not {"?", "#", "\\"} & set(url)


def _explain(error: ValidationError) -> str:
    parts = (f"CDS_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"])
    return "Settings that cannot be used: " + "; ".join(parts)
