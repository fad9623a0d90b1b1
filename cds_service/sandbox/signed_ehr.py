"""An EHR in small, to try signed calls with before the real one is connected.

    python -m cds_service.sandbox.signed_ehr keys build/ehr
    python -m cds_service.sandbox.signed_ehr call http://127.0.0.1:8001 build/ehr tests/data/example-bundle.json

`keys` makes a key pair, its public half as a JWK Set, and the file of trusted clients to serve with. `call` asks for
discovery, opens a chart with a record sent whole, and reports that the card was put away: each with a token of its own.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import typer
from joserfc import jwt
from joserfc.jwk import ECKey

from cds_service import clock
from cds_service.errors import UsageError

Json = dict[str, Any]
ISSUER = "https://ehr.example"
CLIENTS = f"""\
clients:
  - issuer: {ISSUER}
    jwks_file: jwks.json
    algorithms: [ES384]
"""


def make_keys(folder: Path) -> None:
    """A new key pair and what a service needs to trust it."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    private = folder / "private.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps(key.as_dict(private=True)))
    (folder / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}, indent=1))
    (folder / "clients.yaml").write_text(CLIENTS)
    typer.echo(f"private.json, jwks.json and clients.yaml are in {folder}")


def token(key: ECKey, url: str) -> str:
    """A token for one call of one URL; it may be used once."""
    now = int(clock.now().timestamp())
    claims: Json = {"iss": ISSUER, "aud": url, "iat": now, "exp": now + 300, "jti": str(uuid4())}
    header = {"alg": "ES384", "typ": "JWT", "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=["ES384"])


def prefetch(discovery: Json, record: list[Json]) -> Json:
    """A record under the keys that discovery asks for: null where nothing was found."""
    found: Json = {}
    for name, template in discovery["prefetch"].items():
        kind = template.partition("?")[0].partition("/")[0]
        of_kind = [resource for resource in record if resource["resourceType"] == kind]
        if name == "patient":
            found[name] = of_kind[0]
        else:
            entries = [{"resource": resource} for resource in of_kind]
            found[name] = {"resourceType": "Bundle", "type": "searchset", "entry": entries} if entries else None
    return found


def call(base: str, folder: Path, bundle: Path) -> None:
    """Discovery, a chart opened, feedback: what each of them is answered."""
    try:
        key = ECKey.import_key(json.loads((folder / "private.json").read_text()))
    except FileNotFoundError:
        raise UsageError(f"{folder}: there is no private.json in it; make it with 'keys {folder}'") from None
    with httpx.Client(trust_env=False, timeout=30) as http:

        def send(method: str, url: str, body: Json | None = None, signed: str | None = None) -> httpx.Response:
            headers = {"Authorization": f"Bearer {signed or token(key, url)}"}
            answer = http.request(method, url, headers=headers, json=body)
            typer.echo(f"{method} {url}: {answer.status_code}")
            return answer

        listed = send("GET", f"{base}/cds-services").json()["services"]
        service = next(one for one in listed if one["hook"] == "patient-view")
        url = f"{base}/cds-services/{service['id']}"
        record = [entry["resource"] for entry in json.loads(bundle.read_text())["entry"]]
        sent = prefetch(service, record)
        asked: Json = {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"userId": "Practitioner/example", "patientId": sent["patient"]["id"]},
            "prefetch": sent,
        }
        once = token(key, url)
        cards = send("POST", url, asked, once).json()["cards"]
        typer.echo(f"  {cards[0]['summary']}" if cards else "  no card: nothing to say, or said lately")
        send("POST", url, asked, once)
        typer.echo("  the same token a second time, so it is refused")
        outcome = {"card": cards[0]["uuid"] if cards else str(uuid4()), "outcome": "overridden"}
        send("POST", f"{url}/feedback", {"feedback": [outcome]})


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("keys").add_argument("folder", type=Path)
    calling = commands.add_parser("call")
    calling.add_argument("base", help="the service's CDS_PUBLIC_URL")
    calling.add_argument("folder", type=Path)
    calling.add_argument("bundle", type=Path, help="a Bundle of one patient's record")
    asked = parser.parse_args()
    try:
        if asked.command == "keys":
            make_keys(asked.folder)
        else:
            call(asked.base.rstrip("/"), asked.folder, asked.bundle)
    except UsageError as error:
        parser.error(str(error))
    except httpx.TransportError as error:
        parser.exit(4, f"{asked.base} cannot be reached ({type(error).__name__}): is 'cds-service serve' running?\n")
    except OSError as error:
        parser.error(f"{error.filename}: it cannot be read or written ({error.strerror})")


if __name__ == "__main__":
    main()
