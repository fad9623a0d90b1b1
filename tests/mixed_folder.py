"""A folder of NDJSON as no single server writes it: every kind of file and of line that an engine must cope with.

Each patient is named after what is odd about their record; see `lay_out`.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from fhir_json import LOINC, concept, condition, observation, patient

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
_BREAST_CANCER = "http://snomed.info/sct", "254837009"


def cancer(of: str, identity: str | None = None, **more: Any) -> dict[str, Any]:
    """A Condition of breast cancer."""
    return condition(concept(*_BREAST_CANCER), identity or f"c-{of}", **subject(of), **more)


def diabetes(of: str) -> dict[str, Any]:
    """A Condition that is no evidence of cancer."""
    return condition(concept("http://hl7.org/fhir/sid/icd-10-cm", "E11.9"), f"d-{of}", **subject(of))


def platelets(of: str, identity: str) -> dict[str, Any]:
    """A platelet count, which is no evidence of cancer either."""
    value = {"value": 212, "unit": "10*3/uL", "system": "http://unitsofmeasure.org", "code": "10*3/uL"}
    return observation(concept(LOINC, "777-3"), identity, **subject(of), valueQuantity=value)


def stage_iv(of: str) -> dict[str, Any]:
    """A stage as an Observation, which is."""
    value = concept("http://cancerstaging.org", "IV") | {"text": "Stage IV"}
    return observation(concept(LOINC, "21908-9"), f"stage-{of}", **subject(of), valueCodeableConcept=value)


def order(of: str, medication: str) -> dict[str, Any]:
    """An order of a medication that is a resource of its own."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"m-{of}",
        "status": "active",
        "intent": "order",
        **subject(of),
        "medicationReference": {"reference": f"Medication/{medication}"},
        "authoredOn": "2026-10-01",
    }


def subject(of: str) -> dict[str, Any]:
    """Whose a resource is."""
    return {"subject": {"reference": f"Patient/{of}"}}


def line(resource: Any) -> bytes:
    """A resource as a line, without its end."""
    return json.dumps(resource, separators=(",", ":")).encode()


def lines(*resources: Any, end: bytes = b"\n") -> bytes:
    """Resources, or lines as they are, each with its end."""
    return b"".join((one if isinstance(one, bytes) else line(one)) + end for one in resources)


def lay_out(folder: Path) -> None:
    """Write the folder. What is to be found in it stands in `test_contract_engines.py`."""
    there = {
        "Patient [1]#%20ü.ndjson": b"\xef\xbb\xbf" + lines(patient("plain"), patient("healthy"), patient("broken")),
        # Two members in one file, the last line without its end.
        "Patient-2.ndjson.gz": gzip.compress(lines(patient("zipped"), patient("staged")))
        + gzip.compress(lines(patient("misplaced"), patient("twice"), patient("drugged"))[:-1]),
        "Patient-3.jsonl": lines(
            patient("old", link=[{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]),
            b"",
            patient("new"),
            b"   ",
            patient("cut"),
            patient("renamed"),
            b"",
        ),
        "Condition-1.ndjson": lines(
            cancer("plain"), diabetes("healthy"), b"", cancer("gone"), cancer("old"), cancer("drugged"), end=b"\r\n"
        ),
        # Zipped, though its name does not say so; and named so, though it is not.
        "Condition-2.ndjson": gzip.compress(lines(cancer("broken"))),
        "Condition-3.ndjson.gz": lines(line(cancer("cut"))[:150], cancer("twice", meta={"versionId": "1"})),
        "type=x/Condition {4}.NDJSON.GZ": gzip.compress(
            lines(
                cancer(
                    "twice",
                    meta={"versionId": "2"},
                    verificationStatus=concept(
                        "http://terminology.hl7.org/CodeSystem/condition-ver-status", "entered-in-error"
                    ),
                )
            )
        ),
        "Observation.ndjson": lines(
            *(platelets("healthy", f"p{number}") for number in range(1500)),
            stage_iv("staged"),
            *(platelets("plain", f"q{number}") for number in range(5)),
            line(platelets("broken", "b1"))[:180],
            platelets("broken", "b2"),
            b'{"resourceType":"Observation","id":"\xff"}',
            observation(concept(LOINC, "777-3"), "nobodys", subject=None),
        ),
        "Procedure.ndjson": lines(cancer("misplaced"), b'{"id":"typeless"}', b"no JSON"),
        "MedicationRequest.ndjson": lines(order("drugged", "shared"), order("plain", "missing")),
        "Medication.ndjson": lines(
            {"resourceType": "Medication", "id": "shared", "code": concept(RXNORM, "40048", "carboplatin")},
            {"resourceType": "Medication", "id": "shared", "code": concept(RXNORM, "56946", "paclitaxel")},
        ),
        "everything.ndjson": lines(
            {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient("bundled")}]},
            [cancer("bundled"), cancer("zipped"), {"resourceType": "Encounter", "id": "e1"}],
        ),
        # Nothing is read from a file of another type, unless it holds what its name does not say.
        "Encounter.ndjson": lines({"resourceType": "Encounter", "id": "e2"}, b"no JSON"),
        "Slot.ndjson": lines(cancer("renamed")),
        "empty.ndjson": b"",
        "empty.ndjson.gz": b"",
        "truth.ndjson": b'{"patient":"plain"}\n',
        ".hidden.ndjson": b"no JSON\n",
        "notes.txt": b"not read\n",
    }
    for name, content in there.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)
