"""Lines of therapy as listed, doubted and told: typed by hand from CRITERIA ruling 16 and tables/08d."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from build import disease_rules, drug, evidence, facts, numbered_line, person, procedure, regimen, therapy_rules, when
from tables import each_row

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.case import Case
from cds_service.domain.criteria import PriorLinesAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DiseaseStatus, Intent, Kind, Medication, Response, TherapyLine
from cds_service.domain.rules.lines import judge_prior_lines
from cds_service.domain.therapy import TherapyHistory, read_therapy
from cds_service.domain.verdicts import Finding

RULES = therapy_rules(
    substitutions=(frozenset({"cisplatin", "carboplatin"}),),
    background_agents=frozenset({"leuprolide"}),
    background_for=frozenset({"PROSTATE"}),
    doubtful_agents=frozenset({"methotrexate"}),
)
ORDERED = "what is only ordered or planned, given for other reasons too, or not named may be a line"
EARLY = "treatment shortly before the metastasis may count as a line"
UNDATED = "treatment recorded without a date may be a line"
ENDOCRINE = "endocrine therapy alone may or may not count as a line"
UNSTATED = "a numbered line does not say whether it was palliative"
BEYOND = "drugs are recorded beyond the numbered lines"


def history(*found: object, index: str | None = "2025-01-01", types: str = "CRC") -> TherapyHistory:
    return read_therapy(facts(*found), CancerPicture(types=frozenset({types}), since=when(index)), RULES)


def counted(*found: object, **more: Any) -> tuple[int, int]:
    summary = history(*found, **more).summary
    assert summary is not None
    return summary.lines_min, summary.lines_max


def listed(told: TherapyHistory) -> list[tuple[int, str | None, str | None, tuple[str, ...]]]:
    assert told.summary is not None
    return [(line.number, line.start, line.end, line.agents) for line in told.summary.lines]


def references(told: TherapyHistory | Finding) -> list[str]:
    return [item.reference for item in told.evidence]


# --- numbered lines -----------------------------------------------------------------------------------


def test_numbered_lines_are_listed_in_order_with_the_drugs_begun_on_their_day() -> None:
    told = history(
        numbered_line(2, on="2025-06-01"),
        numbered_line(1, on="2025-01-10", until="2025-05-01"),
        numbered_line(None, on="2025-03-01", until="2025-04-01"),
        drug("oxaliplatin", on="2025-01-10", until="2025-05-01"),
    )
    assert listed(told) == [
        (1, "2025-03-01", "2025-04-01", ()),
        (1, "2025-01-10", "2025-05-01", ("oxaliplatin",)),
        (2, "2025-06-01", None, ()),
    ]
    assert (told.explicit, told.ongoing, told.covers.value, told.doubts) == (True, True, "true", ())
    assert str(told.index) == "2025-01-01"
    assert references(told) == [
        "EpisodeOfCare/line-2-2025-06-01",
        "EpisodeOfCare/line-None-2025-03-01",
        "EpisodeOfCare/line-1-2025-01-10",
        "Medication/oxaliplatin-2025-01-10",
    ]


def test_lines_without_numbers_are_numbered_by_their_start() -> None:
    told = history(numbered_line(None, on="2025-06-01"), numbered_line(None, on="2025-01-10"), numbered_line(None))
    assert [(number, start) for number, start, _, _ in listed(told)] == [
        (1, None),
        (2, "2025-01-10"),
        (3, "2025-06-01"),
    ]


@pytest.mark.parametrize(
    ("lines", "least", "most", "ongoing", "doubts"),
    [
        ([numbered_line(1, on="2025-01-10", until="2025-05-01")], 1, 1, False, ()),
        ([numbered_line(1, on="2025-01-10")], 1, 1, True, ()),
        ([numbered_line(1)], 1, 1, False, ()),
        ([numbered_line(1, until="2025-05-01")], 1, 1, False, ()),
        ([numbered_line(2, on="2025-01-10", intent=None)], 1, 2, True, (UNSTATED,)),
        ([numbered_line(3, on="2025-01-10"), numbered_line(1, on="2024-01-10", intent="curative")], 2, 2, True, ()),
        ([numbered_line(3, on="2025-01-10"), numbered_line(4, on="2024-01-10", intent="curative")], 3, 3, True, ()),
        ([numbered_line(3, on="2025-01-10"), numbered_line(None, on="2024-01-10", intent="curative")], 3, 3, True, ()),
    ],
)
def test_what_numbered_lines_tell_without_an_index(
    lines: list[TherapyLine], least: int, most: int, ongoing: bool, doubts: tuple[str, ...]
) -> None:
    told = history(*lines, index=None)
    if least == 1 and most == 2:
        assert told.summary is not None
        assert told.summary.lines_max == 2
    else:
        assert told.summary is not None
        assert (told.summary.lines_min, told.summary.lines_max) == (least, most)
    assert (told.ongoing, told.doubts) == (ongoing, doubts)


def test_none_given_is_no_line_shown_with_its_statement() -> None:
    none = TherapyLine(evidence("Observation/none"), none_given=True)
    told = history(none, index=None)
    assert told.summary is not None
    assert (told.summary.lines_min, told.summary.lines_max, told.explicit) == (0, 0, True)
    assert references(told) == ["Observation/none"]


@each_row("""
    drug_on    | least | most | doubt
    2025-05-01 | 4     | 4    |
    2025-05-02 | 4     | 5    | beyond
    2025-04-01 | 4     | 4    |
""")
def test_a_drug_after_the_end_of_the_last_numbered_line_may_be_one_more(row: dict[str, str]) -> None:
    told = history(numbered_line(4, on="2025-01-01", until="2025-05-01"), drug("irinotecan", on=row["drug_on"]))
    assert told.summary is not None
    assert (told.summary.lines_min, told.summary.lines_max) == (int(row["least"]), int(row["most"]))
    assert told.doubts == ((BEYOND,) if row["doubt"] else ())


def test_a_drug_that_still_runs_keeps_the_history_open() -> None:
    ended = numbered_line(1, on="2025-01-01", until="2025-05-01")
    assert not history(ended).ongoing
    assert history(ended, drug("irinotecan", on="2025-02-01", ongoing=True)).ongoing


# --- drugs ------------------------------------------------------------------------------------------------


def test_the_last_line_still_running_has_no_end() -> None:
    told = history(drug("oxaliplatin", on="2025-01-10", ongoing=True))
    assert (listed(told), told.ongoing) == ([(1, "2025-01-10", None, ("oxaliplatin",))], True)
    ended = history(drug("oxaliplatin", on="2025-01-10", until="2025-02-01"))
    assert (listed(ended), ended.ongoing) == ([(1, "2025-01-10", "2025-02-01", ("oxaliplatin",))], False)
    assert references(ended) == ["Medication/oxaliplatin-2025-01-10"]


@pytest.mark.parametrize(
    ("drugs", "least", "most", "doubts"),
    [
        ([drug("oxaliplatin", on="2025-01-10")], 1, 1, ()),
        ([drug("letrozole", on="2025-01-10", of="hormone")], 0, 1, (ENDOCRINE,)),
        ([drug("oxaliplatin", on="2025-01-10", source="request")], 0, 1, (ORDERED,)),
        ([drug("methotrexate", on="2025-01-10")], 0, 1, (ORDERED,)),
        ([drug("methotrexate", on="2025-01-10", intent="palliative")], 1, 1, ()),
        ([drug("oxaliplatin", on="2024-06-01", until="2024-12-31")], 0, 1, (EARLY,)),
        ([drug("oxaliplatin", on="2023-06-01", until="2024-01-02")], 0, 1, (EARLY,)),
        ([drug("oxaliplatin", on="2023-06-01", until="2024-01-01")], 0, 0, ()),
        ([drug("oxaliplatin", on="2025-01-10", counts=False)], 0, 0, ()),
        ([drug("oxaliplatin", on=None)], 0, 1, (UNDATED,)),
        ([drug("oxaliplatin", on=None), drug("oxaliplatin", on=None, ref="again")], 0, 1, (UNDATED,)),
        ([drug("oxaliplatin", on=None), drug("irinotecan", on=None)], 0, 2, (UNDATED,)),
        ([drug("oxaliplatin", on="2025-01-10"), drug("oxaliplatin", on=None)], 1, 1, ()),
        ([drug("oxaliplatin", on="2025-01-10"), drug("oxaliplatin+irinotecan", on=None)], 1, 2, (UNDATED,)),
        ([drug("oxaliplatin", on=None, intent="curative")], 0, 0, ()),
        ([drug("oxaliplatin", on=None, counts=False)], 0, 0, ()),
        ([regimen("oxaliplatin", on="2025-01-10")], 0, 1, (ORDERED,)),
        ([regimen("oxaliplatin", on=None)], 0, 0, ()),
        ([procedure("local-therapy/RLT/radiopharmaceutical", on="2025-01-10")], 0, 1, (ORDERED,)),
        ([procedure("local-therapy/RT/prior_local_therapy", on="2025-01-10")], 0, 0, ()),
        ([procedure("local-therapy/RLT/radiopharmaceutical", on=None)], 0, 1, (UNDATED,)),
    ],
)
def test_what_keeps_fewest_and_most_apart(drugs: list[object], least: int, most: int, doubts: tuple[str, ...]) -> None:
    told = history(*drugs)
    assert told.summary is not None
    assert (told.summary.lines_min, told.summary.lines_max) == (least, most)
    assert told.doubts == doubts


@each_row("""
    start      | end        | intent   | least | most | why
    2024-12-02 |            |          | 1     | 1    | 30 days before the metastasis
    2024-12-01 |            |          | 0     | 1    | 31 days before: shortly before it
    2024-12-01 | 2025-01-01 |          | 0     | 1    | still given on the day
    2025-01-01 |            | curative | 0     | 1    | curative on the day
    2024-12-31 |            | curative | 0     | 1    | curative before it
    2025-01-10 |            | palliative | 1   | 1    | palliative
""")
def test_which_drugs_are_for_the_metastasis(row: dict[str, str]) -> None:
    given = drug("oxaliplatin", on=row["start"], until=row["end"] or None, intent=row["intent"] or None)
    assert counted(given) == (int(row["least"]), int(row["most"]))


@pytest.mark.parametrize(
    ("index", "drugs", "least", "most", "because"),
    [
        ("2025", [drug("oxaliplatin", on="2025-03-01")], 0, 1, "the metastasis may be of December"),
        ("2025", [drug("oxaliplatin", on="2025-12-01")], 1, 1, "30 days before the last day it may be of"),
        (
            "2025",
            [drug("oxaliplatin", on="2024-12-02"), drug("irinotecan", on="2024-12-31")],
            0,
            2,
            "both within 30 days before the first day it may be of",
        ),
        (
            "2025-01-01",
            [drug("oxaliplatin", on="2024-06-01"), drug("irinotecan", on="2025-01-01", intent="curative")],
            0,
            2,
            "one shortly before, and one to cure that begins on the very day",
        ),
        (
            "2025-01-01",
            [drug("oxaliplatin", on="2024-06-01"), drug("irinotecan", on="2024-07-10", until="2025-01-01")],
            0,
            2,
            "one shortly before, and one until the very day",
        ),
    ],
)
def test_what_a_partial_or_shared_day_of_the_metastasis_leaves_open(
    index: str, drugs: list[object], least: int, most: int, because: str
) -> None:
    assert counted(*drugs, index=index) == (least, most), because


def test_castration_recorded_together_with_a_drug_of_the_line_is_nothing_new() -> None:
    given = [
        drug("docetaxel", on="2025-01-10", until="2025-05-01"),
        drug("carboplatin", on="2025-01-10", until="2025-12-01"),
    ]
    soon = drug("docetaxel+leuprolide", on="2025-06-10")
    assert counted(*given, soon, types="PROSTATE") == (1, 1)
    assert counted(*given, soon, types="CRC") == (2, 2)
    paused = drug("docetaxel+leuprolide", on="2025-09-15")
    assert counted(*given, paused, types="PROSTATE") == (1, 2)


def test_castration_without_a_date_is_no_line_of_prostate_cancer() -> None:
    undated = drug("leuprolide", on=None, of="hormone")
    assert counted(undated, types="PROSTATE") == (0, 0)
    assert counted(undated, types="CRC") == (0, 1)


def test_castration_goes_on_behind_the_lines_of_prostate_cancer_only() -> None:
    """Castration begun first may be a line of its own (08d); taken up again behind another drug it is none."""
    given = [
        drug("leuprolide", on="2025-01-10", until="2025-12-01", of="hormone"),
        drug("docetaxel", on="2025-03-10", until="2025-05-10"),
        drug("leuprolide", on="2025-12-01", of="hormone"),
    ]
    assert counted(*given, types="PROSTATE") == (1, 2)
    assert counted(*given, types="CRC") == (1, 3)
    assert counted(*given[1:], types="PROSTATE") == (1, 1)
    assert counted(*given[1:], types="CRC") == (1, 2)


def test_a_progression_between_two_of_a_kind_makes_a_new_line() -> None:
    given = [drug("cisplatin", on="2025-01-10", until="2025-02-10"), drug("carboplatin", on="2025-03-10")]
    assert counted(*given) == (1, 1)
    cancer = CancerPicture(types=frozenset({"CRC"}), since=when("2025-01-01"))

    def with_status(response: Response, on: str | None) -> tuple[int, int]:
        said = DiseaseStatus(evidence("Observation/pd", on), response, date=when(on))
        summary = read_therapy(facts(*given, disease_statuses=(said,)), cancer, RULES).summary
        assert summary is not None
        return summary.lines_min, summary.lines_max

    assert with_status(Response.PROGRESSIVE, "2025-02-20") == (2, 2)
    assert with_status(Response.STABLE, "2025-02-20") == (1, 1)
    assert with_status(Response.PROGRESSIVE, None) == (1, 1)


PLANNED = regimen("oxaliplatin+fluorouracil", on="2025-04-01")


@pytest.mark.parametrize(
    ("drugs", "least", "most", "because"),
    [
        ([drug("oxaliplatin", on="2020-01-10", ongoing=True)], 0, 1, "begun long before and still given"),
        ([drug("oxaliplatin", on="2020-01-10")], 0, 0, "given once, long before"),
        ([drug("oxaliplatin", on="2020-01-10", until="2025-01-01")], 0, 1, "given until the very day"),
        (
            [drug("oxaliplatin+fluorouracil", on="2025-01-10", until="2025-03-01"), PLANNED],
            1,
            1,
            "planned, of the same",
        ),
        ([drug("irinotecan", on="2025-01-10", until="2025-03-01"), PLANNED], 1, 2, "planned, of others"),
        ([replace(PLANNED, agents=(), text="FOLFOX"), drug("irinotecan", on="2025-01-10")], 1, 2, "planned by name"),
        ([replace(PLANNED, intent=Intent.CURATIVE, start=when("2024-12-31"))], 0, 0, "planned to cure, before it"),
        ([replace(PLANNED, start=when("2024-12-31"))], 0, 1, "planned days before it"),
        ([replace(PLANNED, intent=Intent.CURATIVE)], 0, 1, "planned to cure, after it"),
        ([drug("cisplatin", on="2025-01-10"), drug("carboplatin", on="2025-03-10")], 1, 1, "one for its like"),
        ([drug("oxaliplatin", on="2025-01-10"), drug("carboplatin", on="2025-03-10")], 2, 2, "like no drug given"),
        (
            [drug("cisplatin", on="2025-01-10", until="2025-01-20"), drug("irinotecan", on="2025-02")],
            1,
            2,
            "within 28 days of the first or not",
        ),
        (
            [
                drug("oxaliplatin", on="2025-01-10", until="2025-06-01"),
                drug("oxaliplatin", on="2025-02-01", until="2025-03-01"),
                drug("fluorouracil", on="2025-01-10", until="2025-12-01"),
                drug("oxaliplatin", on="2025-09-15"),
            ],
            1,
            1,
            "paused 106 days after its last day",
        ),
        (
            [
                drug("oxaliplatin", on="2025-01-10", until="2025-05-01"),
                drug("fluorouracil", on="2025-01-10", until="2025-12-01"),
                drug("oxaliplatin", on="2025-09-15"),
            ],
            1,
            2,
            "paused 137 days",
        ),
    ],
)
def test_planned_long_running_and_returning_drugs(drugs: list[object], least: int, most: int, because: str) -> None:
    assert counted(*drugs) == (least, most), because


@pytest.mark.parametrize(("stopped", "lines"), [("not_tolerated", 1), ("progression", 2), (None, 2)])
def test_a_drug_of_a_class_not_tolerated_is_replaced_without_a_new_line(stopped: str | None, lines: int) -> None:
    """Also where it was added to a line that another drug had opened."""
    given = [
        drug("cisplatin", on="2025-01-10", until="2025-03-01", of="platinum"),
        drug("paclitaxel", on="2025-01-15", until="2025-02-01", of="taxane", stopped=stopped),
        drug("docetaxel", on="2025-03-01", of="taxane"),
    ]
    rules = replace(RULES, intolerance_groups=frozenset({"not_tolerated"}))
    cancer = CancerPicture(types=frozenset({"CRC"}), since=when("2025-01-01"))
    for drugs in (given, given[1:]):
        summary = read_therapy(facts(*drugs), cancer, rules).summary
        assert summary is not None
        assert (summary.lines_min, summary.lines_max) == (lines, lines)


def test_numbered_lines_without_an_index_name_no_drugs() -> None:
    told = history(numbered_line(1, on="2025-01-10"), drug("oxaliplatin", on="2025-01-10"), index=None)
    assert listed(told) == [(1, "2025-01-10", None, ())]


# --- what is said --------------------------------------------------------------------------------------------


def judged(*found: object, index: str | None = "2025-01-01", **more: Any) -> Finding:
    case = Case(facts(*found, of=person(), **more), disease_rules(therapy=RULES), frozenset({"CRC"}))
    case.__dict__["cancer"] = CancerPicture(types=frozenset({"CRC"}), since=when(index))
    return judge_prior_lines(PriorLinesAtMost(4), case, AsOf(date(2026, 11, 22)))


def lines_of(number: int) -> list[Medication]:
    return [drug(f"agent-{n}", on=f"2025-{1 + 2 * n:02}-10") for n in range(number)]


ASKED = [("lines of therapy", "confirm the lines for metastatic disease (at most 4)")]
LINES = "of systemic therapy for metastatic disease"


@pytest.mark.parametrize(
    ("found", "verdict", "basis", "reason"),
    [
        (lines_of(1), "pass", "derived", f"1 line {LINES} (at most 4 allowed)"),
        (lines_of(4), "pass", "derived", f"4 lines {LINES} (at most 4 allowed)"),
        (lines_of(5), "fail", "derived", f"5 lines {LINES} (at most 4 allowed)"),
        (
            [numbered_line(4, on="2025-01-10")],
            "pass",
            "recorded",
            f"4 lines {LINES} including the current one (at most 4 allowed)",
        ),
        ([numbered_line(5, until="2025-01-10")], "fail", "recorded", f"5 lines {LINES} (at most 4 allowed)"),
        (
            [*lines_of(4), drug("x", on="2025-12-10", source="request")],
            "unknown",
            "derived",
            f"4 to 5 lines {LINES}; {ORDERED}",
        ),
        (
            [],
            "unknown",
            "no_record",
            f"0 lines {LINES}; no treatment is recorded since metastasis (2025-01-01), which is not the same as none given",
        ),
        (
            [drug("x", on="2025-06-10")],
            "unknown",
            "derived",
            f"1 line {LINES}; no treatment is recorded close to metastasis (2025-01-01): earlier lines may have been given elsewhere",
        ),
    ],
)
def test_the_count_in_words(found: list[object], verdict: str, basis: str, reason: str) -> None:
    told = judged(*found)
    assert (told.outcome.value, told.basis.value, told.reason) == (verdict, basis, reason)
    assert [(item.what, item.how) for item in told.missing] == (ASKED if verdict == "unknown" else [])
    assert len(told.evidence) == len(found)


def test_what_could_not_be_read_is_told() -> None:
    gap = judged(*lines_of(1), not_retrieved=((Kind.MEDICATIONS, "timed out"),))
    assert (gap.outcome.value, gap.basis.value) == ("unknown", "no_record")
    assert gap.reason == "Therapy history was not retrieved: timed out"
    noted = judged(*lines_of(1), not_retrieved=((Kind.STATEMENTS, "no"), (Kind.CAREPLANS, "no")))
    assert noted.reason.endswith("(at most 4 allowed) (medication statements, care plans not retrieved)")
    episodes = judged(not_retrieved=((Kind.EPISODES, "no"),))
    assert episodes.reason.endswith("none given (episodes of care not retrieved)")
    undated = judged(*lines_of(1), index=None)
    assert undated.reason == "No dated evidence of metastasis from which to count lines of therapy"
