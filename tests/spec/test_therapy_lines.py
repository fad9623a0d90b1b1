"""Lines of systemic therapy for metastatic disease (CRITERIA ruling 16), fewest and most."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from build import (
    disease_rules,
    drug,
    evidence,
    facts,
    meanings,
    numbered_line,
    person,
    procedure,
    regimen,
    therapy_rules,
    when,
)
from tables import each_row

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.case import Case
from cds_service.domain.criteria import Outcome, PriorLinesAtMost
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DiseaseStatus, Kind, Medication, Response, TherapyLine
from cds_service.domain.rules.lines import judge_prior_lines
from cds_service.domain.therapy import TherapyHistory, read_therapy
from cds_service.domain.truth import Truth
from cds_service.domain.verdicts import Basis, Finding

RULES = therapy_rules(
    substitutions=(
        frozenset({"cisplatin", "carboplatin"}),
        frozenset({"fluorouracil", "capecitabine"}),
        frozenset({"letrozole", "exemestane"}),
    ),
    background_agents=frozenset({"leuprolide", "degarelix"}),
    background_for=frozenset({"PROSTATE"}),
    intolerance_groups=frozenset({"not_tolerated"}),
    doubtful_agents=frozenset({"methotrexate"}),
)
INDEX = "2025-01-01"


def history(*found: object, index: str | None = INDEX, types: str = "CRC", **more: object) -> TherapyHistory:
    cancer = CancerPicture(types=frozenset({types}), since=when(index))
    return read_therapy(facts(*found, **more), cancer, RULES)


def counted(*found: object, **more: object) -> tuple[int, int]:
    summary = history(*found, **more).summary
    assert summary is not None
    return summary.lines_min, summary.lines_max


def progression(on: str) -> DiseaseStatus:
    return DiseaseStatus(evidence("Observation/pd", on), Response.PROGRESSIVE, date=when(on))


@each_row(
    """
    first                 | then                  | fewest | most | why
    oxaliplatin 01-10     |                       | 1      | 1    |
    oxaliplatin 01-10     | oxaliplatin 02-10     | 1      | 1    | the next cycle
    oxaliplatin 01-10     | bevacizumab 02-07     | 1      | 1    | day 28: one regimen
    oxaliplatin 01-10     | bevacizumab 02-08     | 2      | 2    | day 29: a new drug
    oxaliplatin 01-10     | oxaliplatin 05-10     | 1      | 1    | 120 days apart
    oxaliplatin 01-10     | oxaliplatin 05-11     | 2      | 2    | 121 days apart: a restart
    cisplatin 01-10       | carboplatin 03-10     | 1      | 1    | a swap of its like
    fluorouracil 01-10    | capecitabine 03-10    | 1      | 1    | a swap of its like
    oxaliplatin 01-10     | irinotecan 03-10      | 2      | 2    | no swap
    """
)
def test_when_a_new_line_begins(row: dict[str, str]) -> None:
    given = [cell.split() for cell in (row["first"], row["then"]) if cell]
    drugs = [drug(agents, on=f"2025-{on}") for agents, on in given]
    assert counted(*drugs) == (int(row["fewest"]), int(row["most"]))


def test_dropping_a_drug_is_no_new_line() -> None:
    cycles = [drug("oxaliplatin+fluorouracil", on="2025-01-10"), drug("oxaliplatin+fluorouracil", on="2025-03-10")]
    maintenance = [drug("fluorouracil", on="2025-05-10"), drug("fluorouracil", on="2025-07-10")]
    assert counted(*cycles, *maintenance) == (1, 1)


def test_a_swap_after_progression_is_a_new_line() -> None:
    swapped = (drug("cisplatin", on="2025-01-10"), drug("carboplatin", on="2025-03-10"))
    assert counted(*swapped) == (1, 1)
    assert counted(*swapped, disease_statuses=(progression("2025-03-01"),)) == (2, 2)
    assert counted(*swapped, disease_statuses=(progression("2025-03-10"),)) == (2, 2)
    assert counted(*swapped, disease_statuses=(progression("2025-03-11"),)) == (1, 1)
    assert counted(*swapped, disease_statuses=(progression("2025-01-10"),)) == (1, 1)


def test_the_same_class_after_intolerance_stays_the_same_line() -> None:
    stopped = drug("oxaliplatin", on="2025-01-10", stopped="not_tolerated")
    assert counted(stopped, drug("irinotecan", on="2025-03-10")) == (1, 1)
    assert counted(stopped, drug("pembrolizumab", on="2025-03-10", of="immuno")) == (2, 2)
    refused = drug("oxaliplatin", on="2025-01-10", stopped="refusal")
    assert counted(refused, drug("irinotecan", on="2025-03-10")) == (2, 2)


def test_a_drug_taken_up_again_while_another_went_on() -> None:
    chemotherapy = drug("oxaliplatin+fluorouracil", on="2025-01-10")
    maintenance = [drug("fluorouracil", on=f"2025-{month:02}-10") for month in range(3, 10, 2)]
    again = drug("oxaliplatin", on="2025-10-10")
    assert counted(chemotherapy, *maintenance, again) == (1, 2)
    assert counted(chemotherapy, *maintenance, again, disease_statuses=(progression("2025-10-01"),)) == (2, 2)


def test_an_ongoing_drug_has_no_gap() -> None:
    assert counted(drug("pembrolizumab", on="2025-01-10", source="statement", ongoing=True)) == (1, 1)
    running = drug("pembrolizumab", on="2025-01-10", source="statement", ongoing=True)
    assert counted(running, drug("pembrolizumab", on="2025-12-10")) == (1, 1)
    ended = drug("pembrolizumab", on="2025-01-10", until="2025-06-30", source="statement")
    assert counted(ended, drug("pembrolizumab", on="2025-10-28")) == (1, 1)
    assert counted(ended, drug("pembrolizumab", on="2025-10-29")) == (2, 2)


@each_row(
    """
    start      | last       | intent     | fewest | most | why
    2024-12-02 |            |            | 1      | 1    | 30 days before the index
    2024-12-01 |            |            | 0      | 1    | 31 days before: some trials count it
    2024-01-02 |            |            | 0      | 1    | at most a year before
    2023-12-31 |            |            | 0      | 0    | long before
    2023-06-01 | 2024-06-01 |            | 0      | 1    | it ended within the year
    2023-06-01 | 2025-06-01 |            | 0      | 1    | it went on after the index
    2025-01-10 |            | palliative | 1      | 1    |
    2024-06-01 |            | curative   | 0      | 1    | adjuvant, relapse within a year
    2023-06-01 |            | curative   | 0      | 0    | adjuvant, long before
    2025-02-01 |            | curative   | 0      | 1    | called curative, yet after metastasis
    """
)
def test_what_counts_for_metastatic_disease(row: dict[str, str]) -> None:
    given = drug("oxaliplatin", on=row["start"], until=row["last"] or None, intent=row["intent"] or None)
    assert counted(given) == (int(row["fewest"]), int(row["most"]))


@each_row(
    """
    source         | given | counts | fewest | most
    administration | yes   | yes    | 1      | 1
    statement      | yes   | yes    | 1      | 1
    statement      | no    | yes    | 0      | 1
    request        | yes   | yes    | 0      | 1
    administration | yes   | no     | 0      | 0
    """
)
def test_how_sure_a_drug_was_given(row: dict[str, str]) -> None:
    given = drug(
        "oxaliplatin", on="2025-01-10", source=row["source"], given=row["given"] == "yes", counts=row["counts"] == "yes"
    )
    assert counted(given) == (int(row["fewest"]), int(row["most"]))


def test_an_order_beside_its_administrations_adds_nothing() -> None:
    order = drug("oxaliplatin", on="2025-01-05", source="request")
    assert counted(order, drug("oxaliplatin", on="2025-01-10")) == (1, 1)


def test_an_order_may_bridge_a_gap() -> None:
    cycles = (drug("oxaliplatin", on="2025-01-10"), drug("oxaliplatin", on="2025-08-10"))
    assert counted(*cycles) == (2, 2)
    assert counted(*cycles, drug("oxaliplatin", on="2025-04-30", source="request")) == (1, 2)


def test_a_planned_regimen_is_possible_only() -> None:
    assert counted(regimen("oxaliplatin+fluorouracil", on="2025-01-10")) == (0, 1)
    assert counted(regimen("oxaliplatin", on="2025-01-10"), drug("oxaliplatin", on="2025-01-12")) == (1, 1)


def test_a_radiopharmaceutical_that_is_not_named_is_possible_only() -> None:
    systemic = "local-therapy/radiopharmaceutical/radiopharmaceutical"
    assert counted(procedure(systemic, on="2025-03-10")) == (0, 1)
    assert counted(procedure("local-therapy/radiotherapy/prior_local_therapy", on="2025-03-10")) == (0, 0)


def test_an_undated_radiopharmaceutical_may_be_a_line() -> None:
    assert counted(procedure("local-therapy/radiopharmaceutical/radiopharmaceutical", on=None)) == (0, 1)


CHEMOTHERAPY = "systemic-therapy/SYSTEMIC/not-named"


# A drug is given on 2025-03-10, or from then to the end; a procedure says "chemotherapy", and no more.
@each_row(
    """
    drug        | until      | running | procedure  | fewest | most | covered | why
    oxaliplatin |            |         | 2025-03-10 | 1      | 1    | yes     | the same day: how it was given
    oxaliplatin |            |         | 2025-02-10 | 1      | 1    | yes     | 28 days before
    oxaliplatin |            |         | 2025-02-09 | 1      | 2    | no      | 29 days before
    oxaliplatin |            |         | 2025-04-07 | 1      | 1    | yes     | 28 days after
    oxaliplatin |            |         | 2025-04-08 | 1      | 2    | no      | 29 days after
    oxaliplatin | 2025-08-01 |         | 2025-06-10 | 1      | 1    | yes     | while it was given
    oxaliplatin | 2025-08-01 |         | 2025-12-10 | 1      | 2    | no      | long after it ended
    oxaliplatin |            | yes     | 2026-06-10 | 1      | 1    | yes     | it still runs
    oxaliplatin |            |         | 2025-03    | 1      | 1    | yes     | any day of March is near
    oxaliplatin |            |         | 2025       | 1      | 2    | no      | perhaps not
    oxaliplatin |            |         |            | 1      | 2    | no      | no date
    oxaliplatin |            |         | 2024-01-02 | 1      | 2    | yes     | within a year before
    oxaliplatin |            |         | 2023-01-02 | 1      | 1    | yes     | long before the metastasis
                |            |         | 2025-03-10 | 0      | 1    | no      | nothing else on record
    """
)
def test_chemotherapy_recorded_as_a_procedure_never_makes_a_line_certain(row: dict[str, str]) -> None:
    running = {"ongoing": True, "source": "statement"} if row["running"] else {}
    given = [drug(row["drug"], on="2025-03-10", until=row["until"] or None, **running)] if row["drug"] else []
    found = history(*given, procedure(CHEMOTHERAPY, on=row["procedure"] or None))
    assert found.summary is not None
    assert (found.summary.lines_min, found.summary.lines_max) == (int(row["fewest"]), int(row["most"]))
    assert (found.covers is Truth.TRUE) == (row["covered"] == "yes")


def test_a_supportive_drug_does_not_explain_a_chemotherapy() -> None:
    antiemetic = drug("ondansetron", on="2025-03-10", of="supportive", counts=False)
    instilled = drug("mitomycin", on="2025-03-10", counts=False)
    assert counted(antiemetic, procedure(CHEMOTHERAPY, on="2025-03-10")) == (0, 1)
    assert counted(instilled, procedure(CHEMOTHERAPY, on="2025-03-10")) == (0, 0)


@pytest.mark.parametrize("of", ["hormone", "androgen-pathway", "hormone+androgen-pathway"])
def test_a_hormonal_drug_explains_endocrine_therapy_and_no_chemotherapy(of: str) -> None:
    sure = drug("oxaliplatin", on="2025-01-10")
    tablets = drug("letrozole", on="2025-01-10", of=of, ongoing=True, source="statement")
    unnamed = history(sure, tablets, procedure(CHEMOTHERAPY, on="2026-03-10"))
    assert (unnamed.covers, len(unnamed.unnamed)) == (Truth.UNKNOWN, 1)
    endocrine = history(sure, tablets, procedure("systemic-therapy/ENDOCRINE/not-named", on="2026-03-10"))
    assert (endocrine.covers, endocrine.unnamed) == (Truth.TRUE, ())


def test_a_drug_for_a_rheumatologic_disease_explains_no_chemotherapy() -> None:
    arthritis = meanings(("rheumatologic/RHEUM/flag_review_if_active",))
    tablets = replace(drug("methotrexate", on="2025-01-10", counts=False, ongoing=True), reasons=arthritis)
    found = history(drug("oxaliplatin", on="2025-01-10"), tablets, procedure(CHEMOTHERAPY, on="2026-03-10"))
    assert (found.covers, len(found.unnamed)) == (Truth.UNKNOWN, 1)


def test_an_undated_drug_does_not_explain_a_chemotherapy() -> None:
    assert counted(drug("oxaliplatin", on=None), procedure(CHEMOTHERAPY, on="2025-03-10")) == (0, 2)


def test_a_procedure_that_names_its_drug_is_a_possible_line_of_that_drug() -> None:
    given = drug("pembrolizumab", on="2025-01-10", of="immuno")
    assert counted(given, procedure("agent/pembrolizumab/immuno", on="2025-03-10")) == (1, 1)
    assert counted(given, procedure("agent/irinotecan/chemo", on="2025-03-10")) == (1, 2)
    assert counted(procedure("agent/irinotecan/chemo", CHEMOTHERAPY, on="2025-03-10")) == (0, 1)


def test_the_procedures_of_one_course_are_one_possible_line() -> None:
    cycles = [procedure(CHEMOTHERAPY, on=f"2025-{month:02}-10", ref=f"cycle-{month}") for month in (3, 4, 5, 6)]
    assert counted(*cycles) == (0, 1)


def test_a_drug_also_given_for_other_reasons_is_possible_only() -> None:
    assert counted(drug("methotrexate", on="2025-01-10")) == (0, 1)
    assert counted(drug("methotrexate", on="2025-01-10", intent="palliative")) == (1, 1)


def test_endocrine_lines_count_in_the_most_only() -> None:
    tablets = (
        drug("letrozole", on="2025-01-10", of="hormone"),
        drug("fulvestrant", on="2025-06-10", of="hormone"),
    )
    assert counted(*tablets, types="BREAST") == (0, 2)
    assert counted(drug("letrozole+palbociclib", on="2025-01-10", of="hormone+targeted"), types="BREAST") == (1, 1)


def test_androgen_deprivation_is_background_in_prostate_cancer() -> None:
    backbone = [drug("leuprolide", on=f"2025-{month:02}-10", of="hormone") for month in (1, 4, 7, 10)]
    docetaxel = drug("docetaxel", on="2025-03-01")
    enzalutamide = drug("enzalutamide", on="2025-08-01", of="androgen-pathway")
    assert counted(*backbone, types="PROSTATE") == (0, 1)
    assert counted(*backbone, docetaxel, enzalutamide, types="PROSTATE") == (2, 3)
    assert counted(drug("docetaxel", on="2025-01-20"), *backbone, types="PROSTATE") == (1, 1)


def test_background_does_not_keep_a_line_going() -> None:
    cycles = (drug("docetaxel", on="2025-01-10"), drug("docetaxel", on="2025-08-10"))
    backbone = [drug("leuprolide", on=f"2025-{month:02}-10", of="hormone") for month in (2, 4, 6)]
    assert counted(*cycles, *backbone, types="PROSTATE") == (2, 2)


@each_row(
    """
    first   | second  | fewest | most | why
    2025-01 | 2025-02 | 1      | 2    | perhaps 28 days apart
    2025-01 | 2025-04 | 2      | 2    | certainly more
    2025    | 2025-04 | 1      | 2    | nobody knows
    """
)
def test_partial_dates_leave_a_range(row: dict[str, str]) -> None:
    pair = (drug("oxaliplatin", on=row["first"]), drug("irinotecan", on=row["second"]))
    assert counted(*pair, index="2024-12-15") == (int(row["fewest"]), int(row["most"]))


def test_the_order_and_duplicates_of_records_do_not_matter() -> None:
    drugs = [drug("oxaliplatin", on="2025-01-10"), drug("irinotecan", on="2025-04-10"), drug("x", on="2025-09-10")]
    assert counted(*drugs) == counted(*reversed(drugs)) == counted(*drugs, *drugs) == (3, 3)


def test_the_lines_are_listed_with_their_drugs_and_days() -> None:
    summary = history(
        drug("oxaliplatin+fluorouracil", on="2025-01-10"),
        drug("bevacizumab", on="2025-01-24", of="targeted"),
        drug("fluorouracil", on="2025-03-10"),
        drug("irinotecan", on="2025-06-01", until="2025-08-01"),
    ).summary
    assert summary is not None
    assert [(line.number, line.start, line.end, line.agents) for line in summary.lines] == [
        (1, "2025-01-10", "2025-03-10", ("bevacizumab", "fluorouracil", "oxaliplatin")),
        (2, "2025-06-01", "2025-08-01", ("irinotecan",)),
    ]


# --- numbered lines ------------------------------------------------------------------------------


@each_row(
    """
    numbers | intent     | fewest | most
    1,2,3   | palliative | 3      | 3
    3       | palliative | 3      | 3
    1,1     | palliative | 1      | 1
    1,2     | curative   | 1      | 1
    2       |            | 1      | 2
    """
)
def test_recorded_line_numbers_come_first(row: dict[str, str]) -> None:
    lines = [
        numbered_line(int(number), on=f"2025-0{month}-01", intent=row["intent"] or None)
        for month, number in enumerate(row["numbers"].split(","), 1)
    ]
    found = history(*lines, drug("oxaliplatin", on="2025-01-10"), index=INDEX)
    assert found.summary is not None
    assert (found.summary.lines_min, found.summary.lines_max) == (int(row["fewest"]), int(row["most"]))


def test_curative_numbered_lines_are_not_lines_of_metastatic_disease() -> None:
    found = history(numbered_line(1, on="2024-01-01", intent="curative"), numbered_line(1, on="2025-01-01"))
    assert found.summary is not None
    assert (found.summary.lines_min, found.summary.lines_max) == (1, 1)


def test_a_line_without_a_number_counts_as_one() -> None:
    assert counted(numbered_line(None, on="2025-01-01"), numbered_line(None, on="2025-06-01")) == (2, 2)


def test_numbered_lines_need_no_index() -> None:
    found = history(numbered_line(2, on="2025-01-01"), index=None)
    assert found.summary is not None
    assert (found.summary.lines_max, found.covers, found.explicit) == (2, Truth.TRUE, True)


def test_drugs_after_the_last_numbered_line_may_be_more_lines() -> None:
    numbered = numbered_line(4, on="2025-01-01", until="2025-05-01")
    assert counted(numbered, drug("irinotecan", on="2025-06-01")) == (4, 5)
    assert counted(numbered, drug("irinotecan", on="2025-04-01")) == (4, 4)


def test_more_lines_by_drugs_than_by_number_widen_the_range() -> None:
    drugs = [drug(agent, on=f"2025-{month:02}-01") for month, agent in enumerate("abcd", 3)]
    assert counted(numbered_line(2, on="2025-01-01"), *drugs) == (2, 4)


def test_an_explicit_none_is_zero_lines() -> None:
    none = TherapyLine(evidence("Observation/none"), none_given=True)
    found = history(none, index=None)
    assert found.summary is not None
    assert (found.summary.lines_max, found.covers) == (0, Truth.TRUE)


# --- the criterion ------------------------------------------------------------------------------------


def judged(*found: object, index: str | None = INDEX, **more: object) -> Finding:
    case = Case(facts(*found, of=person(), **more), disease_rules(therapy=RULES), frozenset({"CRC"}))
    case.__dict__["cancer"] = CancerPicture(types=frozenset({"CRC"}), since=when(index))
    return judge_prior_lines(PriorLinesAtMost(4), case, AsOf(date(2026, 11, 22)))


def lines_of(number: int, *, start: int = 1) -> list[Medication]:
    """So many lines, one every two months from January 2025."""
    return [drug(f"agent-{n}", on=f"2025-{start + 2 * n:02}-10") for n in range(number)]


@each_row(
    """
    lines | verdict
    0     | unknown
    1     | pass
    4     | pass
    5     | fail
    """
)
def test_four_lines_are_allowed_and_five_are_not(row: dict[str, str]) -> None:
    found = judged(*lines_of(int(row["lines"])))
    assert found.outcome.value == row["verdict"]


def test_a_possible_fifth_line_leaves_it_open_and_is_named() -> None:
    found = judged(*lines_of(4), drug("irinotecan", on="2025-12-10", source="request"))
    assert found.outcome is Outcome.UNKNOWN
    assert "4 to 5 lines" in found.reason
    assert "ordered or planned" in found.reason
    assert found.missing[0].what == "lines of therapy"


def test_a_chemotherapy_of_no_name_leaves_the_history_open_and_is_named() -> None:
    found = judged(*lines_of(2), procedure(CHEMOTHERAPY, on="2025-12-10", text="Chemotherapy"))
    assert found.outcome is Outcome.UNKNOWN
    assert "2 to 3 lines" in found.reason
    assert "Chemotherapy of 2025-12-10 does not name the drug: how many lines it was is not known" in found.reason
    assert [item.reference for item in found.evidence][-1] == "Procedure/proc"
    undated = judged(*lines_of(2), procedure(CHEMOTHERAPY, on=None, text="Chemotherapy"))
    assert "Chemotherapy does not name the drug" in undated.reason


def test_five_certain_lines_fail_whatever_procedures_say() -> None:
    assert judged(*lines_of(5), procedure(CHEMOTHERAPY, on="2025-12-10")).outcome is Outcome.FAIL


def test_possible_lines_below_the_limit_pass() -> None:
    assert judged(*lines_of(3), drug("irinotecan", on="2025-12-10", source="request")).outcome is Outcome.PASS


@each_row(
    """
    index      | first drug | verdict | why
    2025-01-01 | 2025-05-01 | pass    | day 120
    2025-01-01 | 2025-05-02 | unknown | day 121: earlier lines may be elsewhere
    2025-01-01 | 2024-12-02 | pass    | 30 days before
    2025-01-01 | 2024-12-01 | unknown | 31 days before
    2025       | 2025-02-01 | unknown | the index is not exact
               | 2025-02-01 | unknown | no index
    """
)
def test_the_history_must_reach_back_to_the_metastasis(row: dict[str, str]) -> None:
    assert judged(drug("oxaliplatin", on=row["first drug"]), index=row["index"] or None).outcome.value == row["verdict"]


def test_an_order_alone_does_not_cover_the_history() -> None:
    assert judged(drug("oxaliplatin", on="2025-01-10", source="request")).outcome is Outcome.UNKNOWN


def test_a_derived_count_says_that_it_is_derived() -> None:
    assert judged(*lines_of(2)).basis is Basis.DERIVED
    assert judged(numbered_line(2, on="2025-01-10")).basis is Basis.RECORDED


def test_the_current_line_is_counted_and_said() -> None:
    found = judged(*lines_of(1), drug("irinotecan", on="2025-06-10", source="statement", ongoing=True))
    assert found.reason.startswith("2 lines of systemic therapy for metastatic disease including the current one")


@pytest.mark.parametrize(
    "kind", [Kind.MEDICATIONS, Kind.ADMINISTRATIONS, Kind.CONDITIONS, Kind.OBSERVATIONS, Kind.PROCEDURES]
)
def test_what_it_rests_on_must_have_been_read(kind: Kind) -> None:
    assert judged(*lines_of(2), not_retrieved=((kind, "timed out"),)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", [Kind.STATEMENTS, Kind.EPISODES, Kind.CAREPLANS])
def test_what_only_adds_is_noted_when_not_read(kind: Kind) -> None:
    found = judged(*lines_of(2), not_retrieved=((kind, "timed out"),))
    assert found.outcome is Outcome.PASS
    assert "not retrieved" in found.reason
