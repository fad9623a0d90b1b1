"""How fast a patient-view is answered, against a floor in the same server and against HealthChain.

    .venv/bin/python -m benchmarks.hook [--rounds 5] [--seconds 4] [--healthchain PYTHON]

The floor is an endpoint in the same process that only runs `orjson.loads` on the same body. The body is a
realistic patient-view: one patient, 40 conditions, 300 observations, 10 imaging studies, prefetch whole. It is sent in
two forms: `same` repeats one body (a clinician switching tabs; what is remembered for that may help), `fresh` differs
in every call (nothing can be remembered). Rounds alternate between the endpoints, so that a busy machine slows all of
them; the figures are medians over the rounds, as ratios to the floor. `--healthchain` names the interpreter of an
environment that has `healthchain` installed; its CDS endpoint then runs with an empty handler.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count, repeat
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

from cds_service.config import read_settings
from cds_service.sandbox.roster import synthetic_patients
from cds_service.web.app import create_app

DAY = date(2026, 11, 22)
CONNECTIONS = (1, 8, 32)
HOOK = "/cds-services/extend-op-patient-view"
TYPES = {
    "conditions": "Condition",
    "observations": "Observation",
    "imaging": "ImagingStudy",
    "procedures": "Procedure",
    "medications": "MedicationRequest",
    "administrations": "MedicationAdministration",
    "reports": "DiagnosticReport",
    "lesions": "BodyStructure",
    "subjects": "ResearchSubject",
    "statements": "MedicationStatement",
    "episodes": "EpisodeOfCare",
    "careplans": "CarePlan",
}


def chart() -> tuple[str, dict[str, list[dict[str, Any]]]]:
    """A candidate's record among the everyday one: resources by type, and the patient's id."""
    patient = next(item for item in synthetic_patients() if item.id == "sbx-colon-liver")
    record: dict[str, list[dict[str, Any]]] = {}
    for resource in patient.resources(DAY):
        record.setdefault(resource["resourceType"], []).append(resource)
    draw = random.Random(1)
    conditions, observations, imaging = record["Condition"], record["Observation"], record["ImagingStudy"]
    while len(conditions) < 40:
        conditions.append(_condition(patient.id, len(conditions), draw))
    while len(observations) < 300:
        observations.append(_observation(patient.id, len(observations)))
    while len(imaging) < 10:
        imaging.append(_study(imaging[len(imaging) % 2], len(imaging)))
    record["MedicationAdministration"] = record.get("MedicationAdministration", [])[:12]
    return patient.id, record


def _meta(profile: str) -> dict[str, Any]:
    base = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
    return {"versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z", "profile": [base + profile]}


def _condition(patient: str, number: int, draw: random.Random) -> dict[str, Any]:
    code, words = draw.choice(
        [("38341003", "Hypertension"), ("44054006", "Diabetes type 2"), ("195967001", "Asthma"), ("13645005", "COPD")]
    )
    system = "http://terminology.hl7.org/CodeSystem/"
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "meta": _meta("condition-problems-health-concerns"),
        "clinicalStatus": {"coding": [{"system": system + "condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": system + "condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": system + "condition-category", "code": "problem-list-item"}]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": words}], "text": words},
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": "2019-01-01",
        "recordedDate": "2019-01-01",
    }


LABS = (
    ("751-8", "Neutrophils", "10*3/uL", 3.4),
    ("777-3", "Platelets", "10*3/uL", 200),
    ("718-7", "Hemoglobin", "g/dL", 11.5),
    ("1975-2", "Bilirubin", "mg/dL", 0.7),
    ("1920-8", "AST", "U/L", 30),
    ("1742-6", "ALT", "U/L", 30),
    ("2160-0", "Creatinine", "mg/dL", 0.9),
    ("2823-3", "Potassium", "mmol/L", 4.1),
    ("2951-2", "Sodium", "mmol/L", 140),
    ("8867-4", "Heart rate", "/min", 70),
    ("8310-5", "Body temperature", "Cel", 37),
    ("29463-7", "Weight", "kg", 70),
)


def _observation(patient: str, number: int) -> dict[str, Any]:
    code, words, unit, value = LABS[number % len(LABS)]
    day = (DAY - timedelta(days=7 * (number // len(LABS)) + 40)).isoformat()
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "meta": _meta("observation-lab"),
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": words}], "text": words},
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": f"{day}T08:30:00-06:00",
        "issued": f"{day}T10:00:00.000-06:00",
        "performer": [{"reference": "Organization/lab"}],
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        "referenceRange": [{"low": {"value": 0.1, "unit": unit}, "high": {"value": value * 1.3, "unit": unit}}],
    }


def _study(like: dict[str, Any], number: int) -> dict[str, Any]:
    study: dict[str, Any] = json.loads(json.dumps(like))
    study["id"] = f"i{number}"
    study["started"] = f"{(DAY - timedelta(days=150 + 30 * number)).isoformat()}T09:00:00Z"
    study["identifier"][0]["value"] += f".{number}"
    return study


_numbers = count()
_OPEN_VALUE = 60.123456789


def bodies() -> Iterator[bytes]:
    """Hook bodies without end, about 350 kB; each differs from all others in one value of a record else the same."""
    patient, record = chart()
    record["Observation"][-1]["valueQuantity"]["value"] = _OPEN_VALUE
    prefetch: dict[str, Any] = {"patient": record["Patient"][0]}
    for key, kind in TYPES.items():
        prefetch[key] = _bundle(kind, record.get(kind, []))
    call = {
        "hook": "patient-view",
        "hookInstance": "3b5e5a3a-51b9-4b1d-9c3c-000000000000",
        "context": {"userId": "Practitioner/p0", "patientId": patient},
        "prefetch": prefetch,
    }
    before, after = json.dumps(call, separators=(",", ":")).encode().split(str(_OPEN_VALUE).encode())
    return (b"%b60.1%08d%b" % (before, number, after) for number in _numbers)


def _bundle(kind: str, resources: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not resources:
        return None
    entries = [
        {"fullUrl": f"http://ehr.example/fhir/{kind}/{item['id']}", "resource": item, "search": {"mode": "match"}}
        for item in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def add_floor(app: FastAPI) -> None:
    """The endpoint that only parses the body."""

    async def floor(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(b'{"cards":[]}', media_type="application/json")

    app.add_api_route("/floor", floor, methods=["POST"])


def serve_ours(port: int, database: str) -> None:
    """The service with the floor beside it, as `cds-service serve` runs it."""
    os.environ["CDS_DATABASE_URL"] = database
    os.environ["CDS_LOG_LEVEL"] = "WARNING"
    app = create_app(read_settings(), today=lambda: DAY)
    add_floor(app)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


HEALTHCHAIN = """
import sys
from fastapi import FastAPI
import uvicorn
from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.models import CDSRequest, CDSResponse
app = HealthChainAPI()
service = CDSHooksService()
@service.hook("patient-view", id="empty")
def empty(request: CDSRequest) -> CDSResponse:
    return CDSResponse(cards=[])
app.register_service(service, path="/cds")
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int, seconds: float = 60) -> None:
    """Until something listens; RuntimeError when nothing does in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} seconds")


@contextmanager
def running(python: str | None) -> Iterator[dict[str, tuple[int, str]]]:
    """The endpoints to measure: name to (port, path)."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        process = multiprocessing.get_context("spawn").Process(
            target=serve_ours, args=(port, f"sqlite:///{Path(folder) / 'ledger.sqlite'}"), daemon=True
        )
        process.start()
        wait_for(port)
        endpoints = {"floor": (port, "/floor"), "same": (port, HOOK), "fresh": (port, HOOK)}
        other = None
        if python is not None:
            other_port = free_port()
            other = subprocess.Popen([python, "-c", HEALTHCHAIN, str(other_port)])
            wait_for(other_port)
            endpoints["healthchain"] = (other_port, "/cds/cds-services/empty")
        try:
            yield endpoints
        finally:
            process.terminate()
            process.join()
            if other is not None:
                other.terminate()
                other.wait()


async def one(port: int, path: str, sent: Iterator[bytes], until: float, times: list[float], wrong: list[int]) -> None:
    """One connection, kept alive: call after call until the time is up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    while time.perf_counter() < until:
        body = next(sent)
        lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
        head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "", ""))
        started = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - started)
        if b" 200 " not in answer[:20]:
            wrong.append(int(answer[9:12]))
    writer.close()


async def measure(port: int, path: str, sent: Iterator[bytes], connections: int, seconds: float) -> dict[str, float]:
    """p50 and p99 in milliseconds, calls a second and errors of one round."""
    times: list[float] = []
    wrong: list[int] = []
    started = time.perf_counter()
    until = started + seconds
    await asyncio.gather(*(one(port, path, sent, until, times, wrong) for _ in range(connections)))
    took = time.perf_counter() - started
    times.sort()
    return {
        "p50": times[len(times) // 2] * 1000,
        "p99": times[min(len(times) - 1, int(len(times) * 0.99))] * 1000,
        "calls": len(times) / took,
        "errors": float(len(wrong)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--healthchain", metavar="PYTHON", default=None)
    asked = parser.parse_args()
    different = bodies()
    same = repeat(next(different))
    print(f"body {len(next(same)):,} bytes; {asked.rounds} rounds of {asked.seconds:g} s; medians; ratios to the floor")
    with running(asked.healthchain) as endpoints:
        for connections in CONNECTIONS:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in endpoints}
            for _ in range(asked.rounds):
                for name, (port, path) in endpoints.items():
                    sent = different if name == "fresh" else same
                    found[name].append(asyncio.run(measure(port, path, sent, connections, asked.seconds)))
            _report(connections, found)


def _report(connections: int, found: dict[str, list[dict[str, float]]]) -> None:
    middle = {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()
    }
    floor = middle["floor"]
    print(f"\n{connections} connection{'s' if connections > 1 else ''}")
    for name, row in middle.items():
        errors = sum(item["errors"] for item in found[name])
        print(
            f"  {name:12} p50 {row['p50']:8.2f} ms ({row['p50'] / floor['p50']:5.2f} x)"
            f"  p99 {row['p99']:8.2f} ms ({row['p99'] / floor['p99']:5.2f} x)"
            f"  {row['calls']:7.1f} calls/s  {errors:.0f} errors"
        )


if __name__ == "__main__":
    sys.exit(main())
