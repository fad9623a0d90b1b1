"""Laws of the nightly run's short ways: what reading every line in full would have kept or found, they keep and find.

Reading in full is `read_line`; what becomes of its lines is worked out here anew, the slow and obvious way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fhir_json import ICD, LOINC, SNOMED, catalog
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cds_service.fhir.resources import READ_TYPES
from cds_service.population.evidence import Evidence
from cds_service.population.files import Block, Piece, SourceFile
from cds_service.population.gathering import name_digest, survey
from cds_service.population.prefilter import Prefilter
from cds_service.population.reading import Line, read_line

SOUGHT = {"Patient/p1": 0, "Patient/p2": 1, "Patient/p2-old": 1, "Patient": 2}
"""p2-old was replaced by p2; one patient has no id."""

EVIDENCE = Evidence(catalog())
KINDS = ("Observation", "Condition", "Procedure", "BodyStructure", "EpisodeOfCare", "ResearchSubject")
OWN = {"BodyStructure": "patient", "EpisodeOfCare": "patient", "ResearchSubject": "individual"}

REFERENCES = st.sampled_from(
    (
        *(
            "Patient/p1",
            "Patient/p2",
            "Patient/p2-old",
            "Patient/p3",
            "Patient/p11",
            "Patient/p",
            "Patient/",
            "Patient",
        ),
        *("https://ehr.example/fhir/Patient/p1", "https://ehr.example/fhir/Patient/p3", "Patient/p1/_history/4"),
        *(
            "Patient/p2?x=1",
            "Patient/p1/",
            "urn:uuid:0c0d",
            "Group/p1",
            "#p1",
            "patient/p1",
            " Patient/p1",
            "Patient/ü",
        ),
    )
)
NEUTROPHILS = {"system": LOINC, "code": "751-8"}
STAGE = {"system": LOINC, "code": "21908-9"}
CODES = st.sampled_from(
    (
        {"coding": [NEUTROPHILS]},
        {"coding": [STAGE]},
        {"coding": [NEUTROPHILS, STAGE]},
        {"coding": [{"system": SNOMED, "code": "385356007"}]},
        {"coding": [{"system": ICD, "code": "C18.7"}], "text": "Cancer of the sigmoid colon"},
        {"text": "Stage IV"},
        {"coding": STAGE},
        {"coding": [{"system": LOINC, "code": ["21908-9"]}]},
        *({"coding": []}, {"coding": None}, [], None, "21908-9"),
    )
)
ODD = st.sampled_from(
    (None, [], {}, "Patient/p1", 7, [{"reference": "Patient/p1"}], {"reference": 7}, {"display": "p1"})
)
SUBJECTS = st.one_of(REFERENCES.map(lambda named: {"reference": named}), ODD)


@st.composite
def resources(draw: Any, usual: str, depth: int = 1) -> dict[str, Any]:
    """A resource, mostly of the usual type and in order."""
    others = (*KINDS, "Medication", "Patient", "Encounter", "")
    kind = draw(st.sampled_from((usual,) * (2 * len(others)) + others))
    made: dict[str, Any] = {"resourceType": kind, "id": draw(st.sampled_from(("x", "p1", "", 5, None, {})))}
    subject = OWN.get(kind, "subject")
    made[subject] = draw(REFERENCES.map(lambda named: {"reference": named}))
    made["code"] = draw(CODES)
    optional: dict[str, Any] = {
        **dict.fromkeys(("subject", "patient", "individual"), SUBJECTS),
        "resourceType": st.sampled_from((None, "Observation", 7)),
        "component": st.one_of(st.lists(CODES.map(lambda code: {"code": code}), max_size=2), ODD),
        "note": st.just([{"text": 'she said "subject":{"reference":"Patient/p1"} \\ }'}]),
        "status": st.sampled_from(("final", "entered-in-error", 3)),
    }
    for name in draw(
        st.sampled_from(((), (), (), *((one,) for one in optional), ("component", "note"), (subject, "code")))
    ):
        made[name] = draw(optional[name]) if name != "code" else None
    if depth and draw(st.sampled_from((False, False, True))):
        made["contained"] = [draw(resources(usual, 0))]
    keys = draw(st.permutations(list(made))) if draw(st.booleans()) else list(made)
    return {key: made[key] for key in keys}


def _whole(text: str) -> bytes:
    return text.encode("utf-8")


def _cut(text: str, at: float) -> bytes:
    return text[: int(len(text) * at)].encode("utf-8")


@st.composite
def lines(draw: Any, usual: str) -> bytes:
    """A line, as servers write lines and as they should not."""
    resource = draw(resources(usual))
    separators = draw(st.sampled_from(((",", ":"), (", ", ": "), (" ,", " :  "))))
    text = json.dumps(resource, separators=separators, ensure_ascii=draw(st.booleans()))
    match draw(st.sampled_from(("plain",) * 6 + ("slash", "key", "twice", "carrier", "cut", "junk", "latin", "blank"))):
        case "slash":
            text = text.replace("/", "\\/")
        case "key":
            text = text.replace("subject", "\\u0073ubject").replace("Patient", "Pati\\u0065nt")
        case "twice":
            again = json.dumps(draw(resources(usual)), separators=separators)
            text = text[:-1] + "," + again[1:]
        case "carrier":
            text = draw(st.sampled_from(("[%s]", '{"resourceType":"Bundle","entry":[{"resource":%s}]}', " %s "))) % text
        case "cut":
            return _cut(text, draw(st.floats(0.02, 0.99)))
        case "junk":
            text += draw(st.sampled_from(("}", "{}", text, " x", "\0")))
        case "latin":
            return text.encode("utf-8").replace(b"Patient", b"Pati\xebnt", draw(st.integers(0, 2)))
        case "blank":
            text = draw(st.sampled_from(("", " ", "\t")))
    return _whole(text + draw(st.sampled_from(("", "", "\r"))))


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(("Observation", *KINDS)), st.booleans())
def test_the_prefilter_rules_out_no_line_that_reading_in_full_would_have_kept(
    data: Any, kind: str, watching: bool
) -> None:
    texts = data.draw(st.lists(lines(kind), min_size=1, max_size=6))
    prefilter = Prefilter(kind, SOUGHT, EVIDENCE if watching else None)
    block = b"\n".join(texts) + b"\n"
    sifted = prefilter.sift(block, 100)
    kept = list(sifted.sought)
    handed_on = dict(sifted.odd)
    ruled_out = 0
    for number, text in enumerate(texts, 100):
        if number in handed_on:
            assert handed_on[number] == text
            event("handed on")
        elif not text.strip():
            event("blank")
        elif kept and kept[0][0] == text:
            assert owners_of(text) == {kept.pop(0)[1]}
            assert [line.kind for line in read_line(text)] == [kind]
            assert told_by(text, watching=False) == "nothing"
            event("kept")
        else:
            assert told_by(text, watching=watching) == "nothing"
            assert owners_of(text) == set()
            ruled_out += 1
            event("ruled out")
    assert kept == []
    assert sifted.ruled_out == ruled_out
    assert sifted.behind == 100 + len(texts)


def owners_of(text: bytes) -> set[int]:
    """The patients sought whom a line read in full is about."""
    return {SOUGHT[name] for line in read_line(text) for name in line.about if name in SOUGHT}


def told_by(text: bytes, *, watching: bool) -> str:
    """What else reading a line in full gives that a run must not lose."""
    for line in read_line(text):
        if line.problem is not None:
            return f"it cannot be read: {line.problem}"
        if line.kind in ("Medication", "ResearchStudy", "Patient"):
            return "it is kept whoever it is of"
        if not line.about:
            return "it names nobody, and is counted"
        if watching and line.kind == "Observation" and EVIDENCE.tells(line.kind, line.raw):
            return "it tells of a cancer"
        assert line.kind in READ_TYPES
    return "nothing"


class Given:
    """Lines at hand, read as a piece is."""

    problem: str | None = None

    def __init__(self, *texts: bytes) -> None:
        self._texts = texts

    def blocks(self) -> Iterator[Block]:
        yield Block(b"".join(text + b"\n" for text in self._texts))


SURVEYED = SourceFile(Path("x"), "x", "", 0, zipped=False)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(("Condition", "Patient", "BodyStructure")), st.booleans())
def test_the_survey_finds_whom_reading_every_line_in_full_finds(data: Any, kind: str, named: bool) -> None:
    texts = data.draw(st.lists(lines(kind), min_size=1, max_size=6))
    piece = Piece(0, replace(SURVEYED, kind=kind if named else ""), 0, 1)
    found = survey(piece, Evidence(catalog()), Given(*texts))
    there: list[int] = []
    evidence: set[str] = set()
    for line in (line for text in texts if text.strip() for line in read_line(text)):
        if line.kind == "Patient" and line.problem is None:
            there.append(name_digest(line.about[0]))
        elif is_evidence(line):
            evidence.update(line.about)
    assert found.patients == there
    assert found.evidence == evidence
    event(f"evidence: {bool(evidence)}")


def is_evidence(line: Line) -> bool:
    """Whether a line read in full tells of a cancer, as somebody says who remembers nothing.

    One that cannot be read may; a diagnosis is known by its code where that can be read, whatever else cannot.
    """
    fresh = Evidence(catalog())
    if line.problem is not None:
        return line.kind in ("Condition", "BodyStructure") and not fresh.is_silent_condition(line.raw)
    return fresh.tells(line.kind, line.raw)
