"""Nodes one by one and how many lesions they are, and each lesion's own words: RECIST reading 3 and 4, ruling 10."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace

import pytest
from build import primary
from lesion_tables import case_of, lesion_list, record
from tables import each_row

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.criteria import NodalRow, NodalRules, NodeCategory
from cds_service.domain.facts import LesionMeasurement, Side, Site
from cds_service.domain.nodes import Node, as_one, classify, fewest, most, nodes_of, one_side
from cds_service.domain.primaries import read_primaries
from cds_service.domain.verdicts import JudgedLesion

MIDLINE = frozenset({"mediastinal"})
REGIONAL, DISTANT, UNKNOWN, SPLIT = (
    NodeCategory.REGIONAL,
    NodeCategory.DISTANT,
    NodeCategory.UNKNOWN,
    NodeCategory.SPLIT,
)
ROWS = NodalRules(
    midline=MIDLINE,
    rows={
        ("BREAST", "axillary"): NodalRow(SPLIT, regional_side="ipsilateral"),
        ("BREAST", "cervical"): NodalRow(SPLIT, regional_side="contralateral"),
        ("PROSTATE", "iliac"): NodalRow(SPLIT, regional_words=("pelvic", "internal"), distant_words=("common",)),
        ("UROTHELIAL", "iliac"): NodalRow(REGIONAL, not_for_groups=frozenset({"UPPER_TRACT"})),
        ("CRC", "iliac"): NodalRow(DISTANT, proposal=True),
        ("CRC", "mesenteric"): NodalRow(REGIONAL),
    },
    other={"CRC": NodalRow(DISTANT), "PROSTATE": NodalRow(DISTANT)},
)


def cancer(types: str, *sides: Side, upper_tract: bool = False) -> CancerPicture:
    found = read_primaries([primary("UROTHELIAL")], frozenset({"UROTHELIAL"}))
    if upper_tract:
        condition = primary("UROTHELIAL")
        extra = replace(condition.meanings[0], concept="primary-site", group="UPPER_TRACT")
        condition = replace(condition, meanings=(*condition.meanings, extra))
        found = read_primaries([condition], frozenset({"UROTHELIAL"}))
    return CancerPicture(primaries=found, types=frozenset(types.split()), sides=frozenset(sides))


# --- regional or distant --------------------------------------------------------------------------------


@each_row("""
    types        | sides       | chain      | node_side | words               | category | remark
    CRC          |             | mesenteric |           |                     | N        | regional for this primary
    CRC          |             | iliac      |           |                     | M1       | distant (M1) for this primary (general AJCC 8 knowledge, to be confirmed)
    CRC          |             | inguinal   |           |                     | M1       | distant (M1) for this primary
                 |             | inguinal   |           |                     | unknown  | the type of the primary is not certain
    RCC          |             | inguinal   |           |                     | unknown  | regional or distant is not laid down for this primary
    CRC          |             |            |           |                     | unknown  | the chain is not recorded
    CRC          |             | unspecified |          |                     | unknown  | the chain is not recorded
    CRC PROSTATE |             | mesenteric |           |                     | unknown  | regional for one of the primaries, distant for the other
    CRC PROSTATE |             | inguinal   |           |                     | M1       | distant (M1) for this primary
    BREAST       | left        | axillary   | left      |                     | N        | regional for this primary
    BREAST       | left        | axillary   | right     |                     | M1       | distant (M1) for this primary
    BREAST       | left        | axillary   |           |                     | unknown  | regional or distant is not decided by what is recorded
    BREAST       |             | axillary   | left      |                     | unknown  | regional or distant is not decided by what is recorded
    BREAST       | left right  | axillary   | left      |                     | N        | regional for this primary
    BREAST       | bilateral   | axillary   | right     |                     | N        | regional for this primary
    BREAST       | left        | cervical   | left      |                     | M1       | distant (M1) for this primary
    BREAST       | left        | cervical   | right     |                     | N        | regional for this primary
    PROSTATE     |             | iliac      |           | Internal iliac node | N        | regional for this primary
    PROSTATE     |             | iliac      |           | common iliac        | M1       | distant (M1) for this primary
    PROSTATE     |             | iliac      |           | common or internal? | unknown  | regional or distant is not decided by what is recorded
    PROSTATE     |             | iliac      |           | iliac               | unknown  | regional or distant is not decided by what is recorded
    PROSTATE     |             | iliac*     |           | common iliac        | M1       | distant (M1) for this primary
""")
def test_regional_or_distant(row: dict[str, str]) -> None:
    place = Site(chain=row["chain"] or None, text=row["words"])
    side = Side(row["node_side"]) if row["node_side"] else None
    sides = [Side(word) for word in row["sides"].split()]
    found = classify(place, side, cancer(row["types"], *sides), ROWS)
    assert (found.category.value, found.remark) == (row["category"], row["remark"])


def test_a_remark_that_names_several_places_tells_none() -> None:
    def told(detail: str) -> str:
        return classify(Site(chain="iliac", detail=detail), None, cancer("PROSTATE"), ROWS).category.value

    assert (told("common iliac"), told("common or internal iliac"), told("pelvic or presacral")) == (
        "M1",
        "unknown",
        "unknown",
    )


def test_the_upper_tract_has_rows_of_its_own() -> None:
    iliac = Site(chain="iliac")
    assert classify(iliac, None, cancer("UROTHELIAL"), ROWS).category is REGIONAL
    assert classify(iliac, None, cancer("UROTHELIAL", upper_tract=True), ROWS).category is UNKNOWN


@each_row("""
    chain       | side       | nodes
    mediastinal | left       | mediastinal -
    mediastinal | bilateral  | mediastinal -
    axillary    | left       | axillary left
    axillary    | bilateral  | axillary left, axillary right
    axillary    | unilateral | axillary -
    axillary    | midline    | axillary -
    axillary    |            | axillary -
    unspecified | bilateral  | unspecified -
                | left       | unspecified -
""")
def test_one_node_may_count_as_two(row: dict[str, str]) -> None:
    place = Site(chain=row["chain"] or None, side=Side(row["side"]) if row["side"] else None)
    found = nodes_of(place, cancer("CRC"), ROWS)
    assert ", ".join(f"{node.chain} {node.side.value if node.side else '-'}" for node in found) == row["nodes"]


def test_a_side_is_left_or_right() -> None:
    assert [one_side(side) for side in (Side.LEFT, Side.RIGHT, Side.UNILATERAL, None)] == [
        Side.LEFT,
        Side.RIGHT,
        None,
        None,
    ]


# --- how many lesions ------------------------------------------------------------------------------------------


def nodes(text: str) -> list[Node]:
    """ "axillary left M1; iliac - ?" """
    found = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        chain, side, category = part.split()
        known = {"N": REGIONAL, "M1": DISTANT, "?": UNKNOWN, "split": SPLIT}[category]
        found.append(Node(chain, None if side == "-" else Side(side), known))
    return found


@each_row("""
    nodes                                                    | fewest | most | as_one | why
                                                             | 0      | 0    | 0      | none
    axillary left M1                                         | 1      | 1    | 1      | one
    axillary left M1; axillary left M1                       | 1      | 1    | 1      | one chain and side
    axillary left M1; axillary right M1                      | 2      | 2    | 1      | two sides
    axillary left M1; inguinal left M1                       | 2      | 2    | 1      | two chains
    axillary left M1; axillary - M1                          | 1      | 2    | 1      | the second may be right
    axillary - M1                                            | 1      | 1    | 1      | one of no side
    axillary - M1; axillary - M1                             | 1      | 2    | 1      | two of no side
    axillary - M1; axillary - M1; axillary - M1              | 1      | 2    | 1      | never more than two sides
    mediastinal - M1; mediastinal - M1                       | 1      | 1    | 1      | midline
    mediastinal left M1; mediastinal right M1                | 1      | 1    | 1      | midline whatever the side
    iliac left N; inguinal right N                           | 1      | 1    | 1      | regional together
    iliac left N; axillary left M1                           | 2      | 2    | 2      | regional and distant
    iliac left ?                                             | 1      | 1    | 1      | one either way
    iliac left split                                         | 1      | 1    | 1      | one either way
    iliac left ?; iliac right ?                              | 1      | 2    | 1      | both regional, or two
    iliac left ?; inguinal left ?; axillary left ?           | 1      | 3    | 1      | all regional, or three
    iliac left ?; iliac left M1                              | 1      | 2    | 1      | of the same chain, or regional
    iliac right ?; iliac left M1                             | 2      | 2    | 1      | another side or regional
    iliac - ?; iliac left M1                                 | 1      | 2    | 1      | its side is open
    iliac left ?; iliac - M1                                 | 1      | 2    | 1      | the other's side is open
    mediastinal left ?; mediastinal right M1                 | 1      | 2    | 1      | midline
    iliac left ?; axillary left M1                           | 2      | 2    | 1      | another chain or regional
    iliac left ?; axillary left N                            | 1      | 2    | 1      | regional too, or distant
    unspecified - ?                                          | 1      | 1    | 1      | one
    unspecified - ?; unspecified - ?                         | 1      | 2    | 1      | chains not recorded
    unspecified - ?; axillary left M1                        | 1      | 2    | 1      | may be the same chain
    iliac left ?; iliac left ?; iliac left M1; axillary left ?; axillary left M1 | 2 | 3 | 1 | one regional beside two chains
""")
def test_fewest_and_most(row: dict[str, str]) -> None:
    found = nodes(row["nodes"])
    counts = (fewest(found, MIDLINE), most(found, MIDLINE), as_one(found))
    assert counts == (int(row["fewest"]), int(row["most"]), int(row["as_one"]))


# --- each lesion in its own words ---------------------------------------------------------------------------------


def judged(text: str) -> JudgedLesion:
    found = case_of(record(f"{text}; adrenal left 20>20")).lesions.summary.items
    return next(item for item in found if item.site != "adrenal")


@each_row("""
    lesion                    | state           | why              | explanation
    liver 25>30               | progressive     | recist           | 25 mm to 30 mm (+5 mm, +20 %)
    liver 25>29.9             | not_progressive | recist           | 25 mm to 29.9 mm (+4.9 mm, +19.6 %): less than 20 % and less than 5 mm
    liver 24>28.9             | not_progressive | near miss        | 24 mm to 28.9 mm (+4.9 mm, +20.4 %): 20 % or more, but less than 5 mm
    liver 30>35               | not_progressive | near miss        | 30 mm to 35 mm (+5 mm, +16.6 %): 5 mm or more, but less than 20 %
    liver 20>20               | not_progressive | recist           | 20 mm to 20 mm (0 mm, 0 %): less than 20 % and less than 5 mm
    liver 20>19.5             | not_progressive | recist           | 20 mm to 19.5 mm (-0.5 mm, -2.5 %): less than 20 % and less than 5 mm
    liver 20>20.5             | not_progressive | recist           | 20 mm to 20.5 mm (+0.5 mm, +2.5 %): less than 20 % and less than 5 mm
    liver 4.9>9.9             | possible        | small            | 4.9 mm to 9.9 mm (+5 mm, +102 %): grown, but below 10 mm at baseline (not measurable)
    liver ->10                | progressive     | new              | new since the earlier scan, 10 mm
    liver ->9.9               | possible        | small            | new since the earlier scan, 9.9 mm: below 10 mm, a reader must confirm it
    liver 20>20 !progressive  | progressive     | explicit         | the lesion's own response is recorded as progressive
    liver 20>30 !stable       | not_progressive | explicit         | the lesion's own response is recorded as stable
    liver 20>-                | unknown         | no baseline size | at the baseline scan not measured
    vertebra 20>30            | unknown         | bone             | 20 mm to 30 mm (+10 mm, +50 %); a bone lesion cannot be judged by size alone
    brain ->12                | unknown         | no earlier size  | 12 mm at baseline; the earlier scan is not certain to cover its place
""")
def test_a_lesion_in_its_own_words(row: dict[str, str]) -> None:
    found = judged(row["lesion"])
    assert (found.state.value, found.why) == (row["state"], row["why"])
    assert found.explanation == row["explanation"]


@pytest.mark.parametrize(
    ("method", "state", "why", "words"),
    [
        ("us", "unknown", "no baseline size", "measured by ultrasound, which RECIST does not accept"),
        ("pet", "unknown", "no baseline size", "measured by PET alone, which RECIST does not accept"),
        ("xr", "possible", "method", "measured by a plain radiograph"),
        ("physical_exam", "possible", "method", "measured by physical examination"),
        ("ct", "progressive", "recist", "+50 %)"),
    ],
)
def test_how_a_lesion_was_measured_counts(method: str, state: str, why: str, words: str) -> None:
    read = lesion_list("liver 20>30; adrenal left 20>20")
    with_method = [
        replace(item, method=method)
        if isinstance(item, LesionMeasurement) and item.lesion == "BodyStructure/l1"
        else item
        for item in read
    ]
    found = case_of(record("", *with_method)).lesions.summary.items
    item = next(item for item in found if item.site == "liver")
    assert (item.state.value, item.why) == (state, why)
    assert item.explanation.endswith(words)


def test_two_responses_of_one_lesion_that_disagree_are_a_conflict() -> None:
    said = lesion_list("liver 20>20 !progressive")
    other = replace(
        next(item for item in said if isinstance(item, LesionMeasurement) and item.response),
        response=next(
            i for i in lesion_list("liver 20>20 !stable") if isinstance(i, LesionMeasurement) and i.response
        ).response,
    )
    other = replace(other, evidence=replace(other.evidence, reference="Observation/other"))
    found = case_of(record("", *said, other)).lesions.summary.items[0]
    assert (found.state.value, found.why) == ("possible", "conflict")
    assert found.explanation == "the lesion's own response is recorded as progressive and stable"


def test_a_response_that_tells_nothing_of_progression_is_not_shown() -> None:
    assert judged("liver 20>30 !undetermined").why == "recist"
