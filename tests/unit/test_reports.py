"""What a tumour board and a terminal are shown."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal

from build import disease_rules
from rich.console import Console

from cds_service.domain.criteria import AgeAtLeast, Criterion, CriterionKind, Outcome
from cds_service.domain.facts import DataQuality, Evidence, Side
from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import (
    Assessment,
    Basis,
    CountedLine,
    JudgedLesion,
    LesionState,
    LesionSummary,
    Missing,
    ScanSet,
    Status,
    TherapySummary,
    Verdict,
)
from cds_service.reports.markdown import as_markdown
from cds_service.reports.table import print_table

DAY = date(2026, 11, 22)


def criterion(name: str, title: str) -> Criterion:
    return Criterion(name, CriterionKind.INCLUSION, title, "words", "record", AgeAtLeast(18))


TRIAL = Trial(
    id="t",
    version="1",
    title="A trial",
    short_title="TRIAL",
    registry_id="NCT0",
    registry_url="https://example.org",
    criteria=(criterion("age", "Adult"), criterion("anc", "Neutrophils"), criterion("effusion", "Effusion")),
    rules=disease_rules(),
)


def verdict(name: str, outcome: Outcome, **more: object) -> Verdict:
    values: dict[str, object] = {"basis": Basis.RECORDED, "reason": "Because", **more}
    return Verdict(name, CriterionKind.INCLUSION, outcome, **values)  # type: ignore[arg-type]


def assessment(*verdicts: Verdict, **more: object) -> Assessment:
    values: dict[str, object] = {"status": Status.POSSIBLE, **more}
    return Assessment(  # type: ignore[arg-type]
        trial="t", trial_version="1", patient="Patient/p", as_of=DAY, verdicts=verdicts, **values
    )


def in_terminal(shown: Assessment, width: int = 120) -> str:
    out = io.StringIO()
    print_table(shown, TRIAL, Console(file=out, width=width))
    return out.getvalue()


def test_what_stands_in_the_way_comes_first_and_what_is_needed_says_between_which_days() -> None:
    needed = Missing("neutrophils", "lab within 28 days", date(2026, 10, 25), DAY)
    shown = as_markdown(
        assessment(verdict("age", Outcome.PASS), verdict("anc", Outcome.UNKNOWN, missing=(needed,))), TRIAL
    )
    assert shown.index("Not known, and what would settle it") < shown.index("## Fits")
    assert "Needed: neutrophils (lab within 28 days), between 25 Oct 2026 and 22 Nov 2026" in shown


def test_exclusions_without_a_record_share_one_line() -> None:
    silent = verdict("effusion", Outcome.PASS, basis=Basis.NO_RECORD)
    assert "- Nothing is recorded of: Effusion." in as_markdown(assessment(silent), TRIAL)


def test_what_is_not_known_for_want_of_a_record_keeps_its_reason() -> None:
    settles = Missing("malignant effusion", "the problem list")
    unread = verdict(
        "effusion", Outcome.UNKNOWN, basis=Basis.NO_RECORD, reason="Not retrieved: timed out", missing=(settles,)
    )
    shown = as_markdown(assessment(unread), TRIAL)
    assert "- **Effusion**: Not retrieved: timed out." in shown
    assert "  - Needed: malignant effusion (the problem list)" in shown
    assert "Nothing is recorded of" not in shown


def test_an_exclusion_is_called_one() -> None:
    lines = Verdict("effusion", CriterionKind.EXCLUSION, Outcome.PASS, Basis.RECORDED, "Resolved")
    assert "- **Exclusion: Effusion**: Resolved." in as_markdown(assessment(lines), TRIAL)


def test_long_evidence_is_cut_short_and_says_so() -> None:
    evidence = tuple(Evidence(f"Observation/{number}", "2026-11-01", f"size {number}") for number in range(9))
    shown = as_markdown(assessment(verdict("age", Outcome.PASS, evidence=evidence)), TRIAL)
    assert "size 5" in shown
    assert "size 6" not in shown
    assert "and 3 more" in shown


def test_the_words_of_a_record_are_escaped() -> None:
    evil = Evidence("Observation/1", None, "<script>alert(1)</script> **bold** [x](javascript:y)")
    shown = as_markdown(assessment(verdict("age", Outcome.PASS, evidence=(evil,))), TRIAL)
    assert "<script>" not in shown
    assert "**bold**" not in shown
    assert "[x](" not in shown


def test_lesions_scans_and_lines_are_told() -> None:
    lesions = LesionSummary(
        1,
        2,
        1,
        (
            JudgedLesion(
                "k1", LesionState.PROGRESSIVE, "recist", "12 to 19", "liver", None, Side.LEFT, Decimal(12), Decimal(19)
            ),
            JudgedLesion("k2", LesionState.POSSIBLE, "small", "too small", "lymph node", "iliac", counts=False),
        ),
    )
    shown = assessment(
        verdict("age", Outcome.PASS),
        lesions=lesions,
        baseline=ScanSet(DAY, ("ImagingStudy/1",)),
        therapy=TherapySummary(1, 1, (CountedLine(1, "2026-01-02", None, ("oxaliplatin",)),)),
        data_quality=(DataQuality("Observation/9", "unit 'foo' is not one this lab can have"),),
        closes=date(2026, 12, 8),
        next_change=date(2026, 12, 9),
    )
    text = as_markdown(shown, TRIAL)
    assert "**1 to 2**" in text
    assert "| left liver | progressive | 12 | 19 | 12 to 19 |" in text
    assert "| iliac node | possibly progressive, not counted |" in text
    assert "- Baseline: 22 Nov 2026 (ImagingStudy/1)" in text
    assert "- Earlier: none" in text
    assert "1. oxaliplatin: 2026-01-02" in text
    assert "holds until 8 Dec 2026" in text
    assert "9 Dec 2026" in text
    assert "Observation/9" in text
    terminal = in_terminal(shown)
    assert "Lesions: 1 to 2 progressive" in terminal
    assert "iliac node" in terminal


def test_a_terminal_shows_fails_first_and_takes_nothing_for_markup() -> None:
    shown = in_terminal(
        assessment(
            verdict("age", Outcome.PASS),
            verdict("anc", Outcome.FAIL, reason="[red]low[/red]"),
            status=Status.INELIGIBLE,
        )
    )
    assert shown.index("Neutrophils") < shown.index("Adult")
    assert "[red]low[/red]" in shown
    assert "Not eligible as recorded" in shown


def test_json_keeps_all_evidence() -> None:
    from cds_service.domain.assessments import as_json

    evidence = tuple(Evidence(f"Observation/{number}", None, "x") for number in range(9))
    plain = json.loads(json.dumps(as_json(assessment(verdict("age", Outcome.PASS, evidence=evidence)))))
    assert len(plain["criteria"][0]["evidence"]) == 9
