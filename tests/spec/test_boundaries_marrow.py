"""Marrow taken here, bone disease there, and words that are no second cancer: CRITERIA E6, E10, rulings 15 and 17.

The malignant marrow biopsy is of 1 November 2026 with a report of the same day, unless said.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import condition, day, disease_rules, facts, lesion, measured, metastasis, pathology, primary, procedure
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import NoMarrowInvolvement, NoOtherMalignancy, Rule
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import Kind, Site
from cds_service.domain.judging import judge
from cds_service.domain.verdicts import Finding

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
MARROW, OTHERS = NoMarrowInvolvement("marrow-involvement", report_within_days=3), NoOtherMalignancy(SEVEN, free_years=5)
TODAY = "2026-11-22"
BONES = ("vertebra", "sternum", "rib", "sacrum", "skull", "ilium", "humerus", "femur")


def find(rule: Rule, *found: object, **more: Any) -> Finding:
    case = Case(facts(*found, **more).known_on(AsOf(day(TODAY))), disease_rules(), SEVEN)
    return judge(rule, case, AsOf(day(TODAY)))


def biopsy(organ: str | None = None, on: str | None = "2026-11-01") -> Any:
    return procedure("marrow-involvement/BIOPSY/support", on=on, ref="biopsy", text="Biopsy", organ=organ)


def report(organ: str | None = None, on: str | None = "2026-11-01", *, of_marrow: bool = True) -> Any:
    return pathology(malignant=True, on=on, of_marrow=of_marrow, organ=organ)


# --- where the marrow was taken and where bone disease is ------------------------------------------------------


@pytest.mark.parametrize("bone", BONES)
def test_a_biopsy_through_a_known_bone_lesion_is_for_review_and_one_elsewhere_fails(bone: str) -> None:
    other = "femur" if bone != "femur" else "ilium"
    for known in (lesion(bone), metastasis(bone), measured(lesion=None, site=Site(bone), on="2026-11-10", long=12)):
        assert find(MARROW, biopsy(bone), report(), known).outcome.value == "review"
        assert find(MARROW, biopsy("bone"), report(), known).outcome.value == "review"
        assert find(MARROW, biopsy("bone_marrow"), report(), known).outcome.value == "review"
        assert find(MARROW, biopsy(), report(), known).outcome.value == "review"
        assert find(MARROW, biopsy(other), report(), known).outcome.value == "fail"


@each_row("""
    taken at | bone disease                    | verdict
    ilium    | metastasis bone                 | review
    ilium    | metastasis bone_or_marrow       | review
    ilium    | metastasis liver                | fail
    ilium    | lesion bone                     | review
    ilium    | lesion liver                    | fail
    ilium    | reading ilium                   | review
    ilium    | reading ilium unseen            | fail
    ilium    | reading ilium specimen          | fail
    ilium    | ended ilium                     | review
    ilium    | unconfirmed ilium               | review
    ilium    |                                 | fail
    bone     |                                 | fail
             |                                 | fail
""")
def test_bone_disease_of_any_certainty_may_be_that_site(row: dict[str, str]) -> None:
    kind, _, rest = row["bone disease"].partition(" ")
    where, _, how = rest.partition(" ")
    known: dict[str, list[object]] = {
        "": [],
        "metastasis": [metastasis(where)],
        "ended": [metastasis(where, status="resolved")],
        "unconfirmed": [metastasis(where, verified="unconfirmed")],
        "lesion": [lesion(where)],
        "reading": [
            replace(
                measured(lesion=None, site=Site(where), on="2026-11-10", long=12, seen=how != "unseen"),
                specimen=how == "specimen",
            )
        ],
    }
    assert find(MARROW, biopsy(row["taken at"] or None), report(), *known[kind]).outcome.value == row["verdict"]


@pytest.mark.parametrize("bone", ["bone", "bone_marrow", *BONES])
def test_a_report_of_any_bone_may_be_of_the_biopsy(bone: str) -> None:
    assert find(MARROW, biopsy(), report(bone, of_marrow=False)).outcome.value == "fail"


@each_row("""
    biopsy     | report     | verdict | because
    2026-11-01 | 2026-11-04 | fail    | three days
    2026-11-01 | 2026-11-05 | review  | four
    2026-11-05 | 2026-11-01 | review  |
    2026-10-20 | 2026-10    | review  | some day of that month, perhaps that one
    2026-10    | 2026-10-20 | review  |
    2026-11-01 | 2026-10    | review  | perhaps the day before
    2026-11-04 | 2026-10    | review  | at least four days
""")
def test_a_report_within_three_days(row: dict[str, str]) -> None:
    assert find(MARROW, biopsy(on=row["biopsy"]), report(on=row["report"])).outcome.value == row["verdict"]


@each_row("""
    biopsy     | report     | words
    2026-10-20 | 2026-10    | Malignant marrow biopsy of 2026-10-20; whether bone metastasis lies there is open
    2026-11-03 | 2026-10    | Malignant marrow biopsy of 2026-11-03; whether bone metastasis lies there is open
    2026-11-04 | 2026-10    | Malignant marrow report of 2026-10 without the biopsy it belongs to
    2026-10    | 2026-11-03 | Malignant marrow biopsy of 2026-10; whether bone metastasis lies there is open
    2026-10    | 2026-11-04 | Malignant marrow report of 2026-11-04 without the biopsy it belongs to
    2026-11-01 | 2026-11-05 | Malignant marrow report of 2026-11-05 without the biopsy it belongs to
""")
def test_a_partial_date_may_be_within_three_days_or_not(row: dict[str, str]) -> None:
    assert find(MARROW, biopsy(on=row["biopsy"]), report(on=row["report"])).reason == row["words"]


@pytest.mark.parametrize("kind", [Kind.CONDITIONS, Kind.PROCEDURES, Kind.REPORTS])
def test_marrow_rests_on_problem_list_procedures_and_reports(kind: Kind) -> None:
    found = find(MARROW, primary(), not_retrieved=((kind, "timed out"),))
    assert (found.outcome.value, found.basis.value) == ("unknown", "no_record")
    assert found.reason == "Not retrieved: timed out"


# --- what is no second cancer ------------------------------------------------------------------------------------


WORDS = "malignant-text/PRIMARY/words"


@each_row("""
    also speaks of             | verdict
                               | review
    effusion                   | pass
    leptomeningeal             | pass
    peritoneal-carcinomatosis  | pass
    marrow-involvement         | pass
    rheumatologic              | review
""")
def test_words_of_spread_are_no_second_primary(row: dict[str, str]) -> None:
    means = [WORDS, *([f"{row['also speaks of']}/X/exclude"] if row["also speaks of"] else [])]
    spread = condition(*means, ref="w", text="Malignant disease", text_only=True)
    assert find(OTHERS, primary(), spread).outcome.value == row["verdict"]


def test_every_other_cancer_is_told() -> None:
    """One known by words, one of the trial's own type in the past, one of another type, in any order."""
    words = condition(WORDS, ref="w", text="Some sarcoma", text_only=True)
    ours = primary(ref="old", text="Old colon cancer", status="resolved")
    kidney = primary("RCC", ref="rcc", text="Kidney", status="resolved")
    lymphoma = condition("primary-cancer/HISTORY/history", ref="z", text="History of lymphoma")
    found = find(OTHERS, primary(), words, ours, kidney, lymphoma)
    assert found.outcome.value == "review"
    assert sorted(found.reason.split("; ")) == [
        "Kidney: ended, when is not recorded",
        "Some sarcoma: sounds like a cancer, its code is in no table",
    ]
    alone = find(OTHERS, ours, kidney, lymphoma)
    assert (alone.outcome.value, alone.reason) == ("pass", "History of lymphoma: history only")


@each_row("""
    active                     | verdict | reason
    CRC yes                    | pass    | No other cancer is recorded
    CRC yes, UROTHELIAL review | review  | Active cancers of CRC and urothelial: which one progresses?
    CRC yes, CRC review        | pass    | No other cancer is recorded
    CRC yes, THYROID yes       | review  | Another active cancer: THYROID
    THYROID yes                | review  | Another active cancer: THYROID
    UROTHELIAL review          | pass    | No other cancer is recorded
""")
def test_which_active_cancers_are_the_trials_own(row: dict[str, str]) -> None:
    found = []
    for part in row["active"].split(", "):
        kind, use = part.split()
        found.append(condition(f"cancer-type/{kind}/{use}", ref=f"{kind}-{use}", text=kind))
    judged = find(OTHERS, *found)
    assert (judged.outcome.value, judged.reason) == (row["verdict"], row["reason"])


def test_words_before_another_cancer_hide_nothing_of_it() -> None:
    words = condition(WORDS, ref="a", text="Some sarcoma", text_only=True)
    lung = condition("primary-cancer/PRIMARY/primary", ref="b", text="Lung cancer", status="resolved")
    found = find(OTHERS, primary(), words, lung)
    assert found.reason == (
        "Some sarcoma: sounds like a cancer, its code is in no table; Lung cancer: ended, when is not recorded"
    )


def test_a_type_that_the_criterion_does_not_take_is_another_cancer() -> None:
    only = NoOtherMalignancy(frozenset({"CRC"}), free_years=5)
    found = find(only, primary(), primary("PROSTATE", ref="p", text="Prostate cancer"))
    assert (found.outcome.value, found.reason) == ("review", "Another active cancer: Prostate cancer")
