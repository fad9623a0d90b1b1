"""A whole assessment, part by part, and the days on which it turns: typed by hand from the contract."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from build import (
    condition,
    day,
    disease_rules,
    drug,
    ecog,
    facts,
    lab,
    lesion,
    measured,
    metastasis,
    person,
    primary,
    scan,
)
from tables import each_row

from cds_service.domain import criteria as kinds
from cds_service.domain.assessments import as_json
from cds_service.domain.criteria import Criterion, CriterionKind, Rule
from cds_service.domain.facts import DataQuality, PatientFacts
from cds_service.domain.trials import Trial, assess
from cds_service.domain.verdicts import Assessment

TODAY = "2026-11-22"
RULES: dict[str, Rule] = {
    "age": kinds.AgeAtLeast(18),
    "ecog": kinds.PerformanceAtMost(2, 90, 70, 40),
    "platelets": kinds.LabLimit("platelets", 28, at_least=Decimal(25000)),
    "baseline": kinds.BaselineImaging(),
}


def trial(*names: str) -> Trial:
    inclusion = CriterionKind.INCLUSION
    chosen = {name: RULES[name] for name in names or RULES}
    listed = tuple(Criterion(name, inclusion, name, name, "made up", rule) for name, rule in chosen.items())
    return Trial(
        "small", "7", "Small", "SMALL", "NCT", "https://example.org", listed, disease_rules(), digest="sha256:1"
    )


RECORD = (
    primary(),
    metastasis(recorded="2026-01-10"),
    ecog(1, on="2026-10-01"),
    lab("platelets", 26000, on="2026-11-10"),
    scan(on="2026-11-12", ref="now"),
    scan(on="2026-09-01", ref="then"),
    lesion("liver"),
    measured(on="2026-09-01", long="20"),
    measured(on="2026-11-12", long="30.5"),
    drug("oxaliplatin", on="2026-02-01", until="2026-06-01"),
)


def assessed(patient: PatientFacts | None = None, *names: str, on: str = TODAY) -> Assessment:
    return assess(trial(*names), patient or facts(*RECORD), day(on), "1.2.3")


def test_everything_an_assessment_holds() -> None:
    found = as_json(assessed())
    evidence = found["criteria"][2]["evidence"]  # type: ignore[index]
    missing = [item["missing"] for item in found["criteria"]]  # type: ignore[attr-defined]
    criteria = [
        (item["id"], item["kind"], item["verdict"], item["basis"], item.get("valid_until"))
        for item in found["criteria"]  # type: ignore[attr-defined]
    ]
    assert criteria == [
        ("age", "inclusion", "pass", "recorded", None),
        ("ecog", "inclusion", "pass", "recorded", "2026-12-30"),
        ("platelets", "inclusion", "pass", "recorded", "2026-12-08"),
        ("baseline", "inclusion", "pass", "recorded", "2026-12-10"),
    ]
    assert evidence == [{"reference": "Observation/platelets", "text": "platelets 26000", "date": "2026-11-10"}]
    assert missing == [[], [], [], []]
    del found["criteria"]
    lesions = found.pop("lesions")
    assert found == {
        "trial": "small",
        "trial_version": "7",
        "mappings_digest": "sha256:1",
        "engine_version": "1.2.3",
        "patient": "Patient/p1",
        "as_of": "2026-11-22",
        "status": "candidate",
        "imaging": {
            "baseline": {"date": "2026-11-12", "references": ["ImagingStudy/now"]},
            "pre_baseline": {"date": "2026-09-01", "references": ["ImagingStudy/then"]},
        },
        "window": {"opens": "2026-11-22", "closes": "2026-12-08"},
        "next_change": "2026-12-09",
        "data_quality": [],
        "therapy": {
            "lines_min": 1,
            "lines_max": 1,
            "lines": [{"number": 1, "start": "2026-02-01", "end": "2026-06-01", "agents": ["oxaliplatin"]}],
        },
    }
    item = lesions.pop("items")[0]  # type: ignore[attr-defined]
    assert lesions == {"count_min": 1, "count_max": 1, "sensitivity_count": 1}
    assert (item["site"], item["chain"], item["side"], item["state"], item["why"], item["counts"]) == (
        "liver",
        None,
        None,
        "progressive",
        "recist",
        True,
    )
    assert (item["pre_baseline_mm"], item["baseline_mm"]) == (20.0, 30.5)


def test_what_there_is_not_is_left_out_or_empty() -> None:
    found = as_json(assessed(facts(of=person()), "age"))
    assert (found["imaging"], found["window"], found["next_change"]) == ({}, {"opens": "2026-11-22"}, None)
    assert "therapy" not in found
    assert found["lesions"] == {"count_min": 0, "count_max": 0, "sensitivity_count": 0, "items": []}


def test_an_engine_without_a_version_says_none() -> None:
    assert assess(trial("age"), facts(), day(TODAY)).engine_version == ""
    assert replace(trial("age"), digest="").digest == Trial("a", "b", "c", "d", "e", "f", (), disease_rules()).digest


@each_row("""
    on         | verdict | until      | change
    2026-11-09 | unknown |            |
    2026-11-11 | unknown |            |
    2026-11-12 | pass    | 2026-12-10 | 2026-12-11
    2026-12-10 | pass    | 2026-12-10 | 2026-12-11
    2026-12-11 | unknown |            |
""")
def test_a_pass_ends_and_nothing_else_does(row: dict[str, str]) -> None:
    """A scan of 12 November does not exist before: what is not known yet announces no change."""
    found = assessed(facts(scan(on="2026-11-12")), "baseline", on=row["on"])
    assert found.verdicts[0].outcome.value == row["verdict"]
    assert str(found.verdicts[0].valid_until or "") == row["until"]
    assert str(found.next_change or "") == row["change"]
    assert found.closes == (date(2026, 12, 10) if row["until"] else None)


def test_an_unknown_that_time_alone_settles_is_announced_without_an_end() -> None:
    found = assessed(facts(of=person(born="2008")), "age", on="2026-06-01")
    assert (found.verdicts[0].outcome.value, found.verdicts[0].valid_until) == ("unknown", None)
    assert (found.closes, str(found.next_change)) == (None, "2026-12-31")
    child = assessed(facts(of=person(born="2008-12-01")), "age", on="2026-06-01")
    assert (child.verdicts[0].outcome.value, str(child.next_change)) == ("fail", "2026-12-01")


def test_answers_that_turn_without_turning_the_verdict_are_passed_over() -> None:
    """Two results: when the newer expires the older has long expired; the verdict turns once."""
    found = assessed(
        facts(lab("platelets", 1, on="2026-11-01", ref="a"), lab("platelets", 2, on="2026-11-10", ref="b")), "platelets"
    )
    assert (found.verdicts[0].outcome.value, str(found.next_change)) == ("fail", "2026-12-09")
    partial = assessed(facts(lab("platelets", 26000, on="2026-11")), "platelets")
    assert (partial.verdicts[0].outcome.value, str(partial.verdicts[0].valid_until)) == ("pass", "2026-11-29")


@each_row("""
    birth      | ecog | platelets | status
    1960-05-17 | 1    | 26000     | candidate
    1960-05-17 | 1    |           | possible
    1960-05-17 | 3    |           | ineligible
    2020-05-17 | 1    | 26000     | ineligible
""")
def test_the_status(row: dict[str, str]) -> None:
    recorded: list[object] = [ecog(int(row["ecog"]), on="2026-11-10")]
    recorded += [lab("platelets", row["platelets"])] if row["platelets"] else []
    found = assessed(facts(*recorded, of=person(born=row["birth"])), "age", "ecog", "platelets")
    assert found.status.value == row["status"]


def test_what_was_noticed_is_told_once() -> None:
    noted = DataQuality("Observation/x", "unit 'foo' is not one this lab can have")
    later = [lab("platelets", 5, on="2026-12-01", ref="later"), condition("effusion/X/review", recorded="2027-01-01")]
    patient = replace(facts(lab("platelets", on="2026-11-20", ref="b", problem="no unit"), *later), dropped=2)
    patient = replace(patient, data_quality=(noted, noted))
    found = assessed(patient, "platelets")
    assert [(note.reference, note.problem) for note in found.data_quality] == [
        ("Observation/x", "unit 'foo' is not one this lab can have"),
        ("Observation/b", "no unit"),
        ("Patient/p1", "2 resources about somebody else were left out"),
        ("Patient/p1", "2 facts dated after the day of assessment were left out"),
    ]
