"""Which readings are of one lesion, and which places may be one."""

from __future__ import annotations

from dataclasses import replace

import build
import pytest
from lesion_tables import BASELINE, EARLIER

from cds_service.domain.anatomy import places_named, regions_of, same_place, segments_of, unmeasurable
from cds_service.domain.facts import Lesion, LesionMeasurement, Side, Site
from cds_service.domain.tracking import TrackedLesion, could_be_same, track

MIDLINE = frozenset({"mediastinal", "para-aortic", "mesenteric"})


def site(text: str) -> Site:
    """ "lung left upper lobe", "node iliac right", "?"."""
    words = text.split()
    is_node = words[0] == "node"
    place = words[1] if is_node else words[0]
    side = next((Side(word) for word in words if word in {s.value for s in Side}), None)
    organ = None if is_node or place == "?" else place
    return Site(organ, place if is_node else None, side, text.replace("?", ""))


def scan_of(reading: LesionMeasurement) -> str | None:
    return {EARLIER: "earlier", BASELINE: "baseline"}.get(str(reading.date))


def lesion(ref: str, where: str, *identifiers: str) -> Lesion:
    name = f"BodyStructure/{ref}"
    return Lesion(build.evidence(name), name, frozenset(identifiers), site(where))


def read(on: str, ref: str | None = None, where: str = "?", *identifiers: str, number: int = 0) -> LesionMeasurement:
    made = build.measured(lesion=ref, on=on, long=20, site=site(where), ref=f"{ref}-{on}-{where}-{number}")
    return replace(made, identifiers=frozenset(identifiers))


def tracked(lesions: list[Lesion], *readings: LesionMeasurement) -> list[tuple[str, int]]:
    return [(found.key, len(found.measurements)) for found in track(lesions, readings, scan_of)]


def test_one_reference_is_one_lesion() -> None:
    assert tracked([lesion("a", "liver")], read(EARLIER, "a"), read(BASELINE, "a")) == [("BodyStructure/a", 2)]


def test_a_reference_that_is_not_at_hand_still_joins_its_readings() -> None:
    assert tracked([], read(EARLIER, "a"), read(BASELINE, "a")) == [("BodyStructure/a", 2)]


def test_one_identifier_joins_two_structures() -> None:
    found = tracked([lesion("a", "liver", "x|1"), lesion("b", "liver", "x|1")], read(EARLIER, "a"), read(BASELINE, "b"))
    assert found == [("BodyStructure/a", 2)]


def test_tracking_names_join_readings() -> None:
    found = tracked(
        [], read(EARLIER, None, "liver", "|1"), read(BASELINE, None, "liver", "|1"), read(BASELINE, None, "liver", "|2")
    )
    assert sorted(count for _, count in found) == [1, 2]


@pytest.mark.parametrize(
    ("lesions", "readings"),
    [
        # an identifier on lesions of two places is an accession number
        ([lesion("a", "liver", "x|1"), lesion("b", "lung left", "x|1")], [read(EARLIER, "a"), read(BASELINE, "b")]),
        # and so is one on two lesions read the same day
        (
            [lesion("a", "liver", "x|1"), lesion("b", "liver", "x|1")],
            [read(BASELINE, "a", "liver", "x|1"), read(BASELINE, "b", "liver", "x|1")],
        ),
    ],
)
def test_an_identifier_that_is_no_lesions_own_joins_nothing(
    lesions: list[Lesion], readings: list[LesionMeasurement]
) -> None:
    assert tracked(lesions, *readings) == [("BodyStructure/a", 1), ("BodyStructure/b", 1)]


@pytest.mark.parametrize(
    ("earlier", "baseline", "joined"),
    [
        ("liver", "liver", True),
        ("lung left", "lung left", True),
        ("lung left", "lung right", False),
        ("lung", "lung left", False),
        ("liver segment 4", "liver segment 4", True),
        ("liver segment 4", "liver segment IV", True),
        ("liver segment 4", "liver segment 8", False),
        ("liver", "liver segment 4", False),
        ("node iliac left", "node iliac left", True),
        ("liver", "lung left", False),
        ("?", "?", False),
    ],
)
def test_a_new_structure_at_each_scan_is_paired_by_place(earlier: str, baseline: str, joined: bool) -> None:
    found = tracked([lesion("a", earlier), lesion("b", baseline)], read(EARLIER, "a"), read(BASELINE, "b"))
    assert (len(found) == 1) is joined
    alone = tracked([], read(EARLIER, None, earlier), read(BASELINE, None, baseline))
    assert (len(alone) == 1) is joined


def test_what_is_ambiguous_is_not_paired() -> None:
    three = [lesion("a", "liver"), lesion("b", "liver"), lesion("c", "liver")]
    assert len(tracked(three, read(EARLIER, "a"), read(BASELINE, "b"), read(BASELINE, "c"))) == 3
    followed = [read(EARLIER, "a"), read(BASELINE, "a")]
    assert len(tracked(three, *followed, read(EARLIER, "b"), read(BASELINE, "c"))) == 3
    vague = [lesion("a", "lung left"), lesion("b", "lung left"), lesion("c", "lung")]
    assert len(tracked(vague, read(EARLIER, "a"), read(BASELINE, "b"), read(EARLIER, "c"))) == 3


def test_structures_that_are_numbered_apart_are_not_paired() -> None:
    apart = [lesion("a", "liver", "x|1"), lesion("b", "liver", "x|2")]
    assert len(tracked(apart, read(EARLIER, "a"), read(BASELINE, "b"))) == 2


def test_a_structure_that_was_never_read_takes_readings_of_its_place_only_where_they_name_none() -> None:
    assert tracked([lesion("a", "liver")], read(EARLIER, None, "liver"), read(BASELINE, None, "liver")) == [
        ("BodyStructure/a", 2)
    ]
    assert len(tracked([lesion("a", "liver"), lesion("b", "liver")], read(BASELINE, "b"))) == 2


def test_readings_by_place_on_older_days_are_joined_too() -> None:
    days = ["2026-02-01", "2026-05-01", EARLIER, BASELINE]
    assert tracked([], *(read(day, None, "liver") for day in days)) == [("liver", 4)]


def test_two_readings_of_a_place_on_one_day_are_two_lesions_unless_they_are_its_axes() -> None:
    two = [read(BASELINE, None, "liver", number=n) for n in (1, 2)]
    assert tracked([], *two) == [("liver", 1), ("liver 2", 1)]
    long_axis = read(BASELINE, None, "node iliac left", number=1)
    short_axis = replace(
        long_axis, long_axis_mm=None, short_axis_mm=build.number(12), evidence=build.evidence("Observation/s")
    )
    assert tracked([], long_axis, short_axis) == [("iliac left node", 2)]


def test_a_member_told_elsewhere_is_not_a_lesion_of_its_own() -> None:
    told = read(BASELINE, "a", "liver")
    untold = replace(told, lesion=None, site=Site())
    assert tracked([lesion("a", "liver")], told, untold) == [("BodyStructure/a", 1)]


def test_the_order_of_readings_changes_no_key() -> None:
    readings = [read(BASELINE, None, "liver", number=n) for n in (1, 2, 3)]
    assert track([], readings, scan_of) == track([], readings[::-1], scan_of)


def test_a_missing_side_is_filled_in_from_a_reading() -> None:
    (found,) = track([lesion("a", "lung")], [read(BASELINE, "a", "lung left")], scan_of)
    assert found.site.side is Side.LEFT


def test_what_a_tracked_lesion_is_a_node_by() -> None:
    assert TrackedLesion("k", site=Site(organ="lymph_node")).is_node
    assert not TrackedLesion("k", site=Site(organ="liver")).is_node


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("liver", "liver", True),
        ("liver", "lung", False),
        ("lung left", "lung", True),
        ("lung left", "lung right", False),
        ("liver segment 4", "liver segment 8", False),
        ("?", "liver", True),
        ("node unspecified", "node iliac left", True),
        ("lymph_node", "node iliac left", True),
        ("node unspecified", "liver", False),
        ("node hilar left", "node iliac left", False),
    ],
)
def test_whether_two_places_may_hold_one_lesion(one: str, other: str, may: bool) -> None:
    assert could_be_same(site(one), site(other)) is may
    assert could_be_same(site(other), site(one)) is may


@pytest.mark.parametrize(
    ("one", "other", "truth"),
    [
        ("liver", "liver", "true"),
        ("liver", "stomach", "false"),
        ("liver segment 4", "liver segment 8", "unknown"),
        ("lung left", "lung left", "true"),
        ("lung left", "lung right", "false"),
        ("lung left", "lung", "unknown"),
        ("lung", "lung", "unknown"),
        ("breast bilateral", "breast left", "true"),
        ("vertebra", "vertebra", "unknown"),
        ("bone", "vertebra", "unknown"),
        ("rib left", "rib right", "false"),
        ("pelvis", "prostate", "unknown"),
        ("pelvis", "lung left", "false"),
        ("pelvis", "node iliac left", "unknown"),
        ("neck", "node iliac left", "unknown"),
        ("whole_body", "liver", "unknown"),
        ("node iliac left", "node iliac left", "true"),
        ("node iliac left", "node iliac right", "false"),
        ("node iliac left", "node iliac", "unknown"),
        ("node iliac left common iliac", "node iliac left internal iliac", "unknown"),
        ("node mediastinal", "node mediastinal", "true"),
        ("node mediastinal left", "node mediastinal right", "true"),
        ("node hilar left", "node iliac left", "false"),
        ("node unspecified", "node iliac left", "unknown"),
        ("lymph_node", "node iliac left", "unknown"),
        ("mediastinum", "node mediastinal", "unknown"),
        ("prostate", "node iliac left", "false"),
        ("?", "liver", "unknown"),
    ],
)
def test_whether_two_places_are_one(one: str, other: str, truth: str) -> None:
    assert same_place(site(one), site(other), MIDLINE).value == truth
    assert same_place(site(other), site(one), MIDLINE).value == truth


@pytest.mark.parametrize(
    ("where", "regions"),
    [
        ("liver", "abdomen"),
        ("lung left", "chest"),
        ("colon", "abdomen pelvis"),
        ("brain", "head"),
        ("chest_abd_pelvis", "abdomen chest pelvis"),
        ("node iliac left", "pelvis"),
        ("node internal_mammary*", "chest"),
        ("node cervical_occipital", ""),
        ("femur left", ""),
        ("neck", ""),
        ("?", ""),
    ],
)
def test_regions(where: str, regions: str) -> None:
    found = regions_of(site(where))
    assert " ".join(sorted(region.value for region in found or ())) == regions


@pytest.mark.parametrize(
    ("where", "text", "why"),
    [
        ("rib left", "", "bone"),
        ("rib left", "with soft-tissue component", None),
        ("meninges", "", "meninges"),
        ("pleura left", "pleural effusion", "effusion"),
        ("pleura left", "", None),
        ("liver", "", None),
    ],
)
def test_what_numbers_do_not_decide(where: str, text: str, why: str | None) -> None:
    assert unmeasurable(site(where), text) == why


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("Right nephrectomy", "kidney right"),
        ("Laparoscopic cholecystectomy", ""),
        ("Radical cystectomy", "bladder"),
        ("Thoracoscopic wedge resection of left lung", "lung left"),
        ("Radiotherapy to chest wall", "chest"),
        ("Left and right mastectomy", "breast bilateral"),
        ("Excision", ""),
    ],
)
def test_the_places_a_procedure_names(name: str, places: str) -> None:
    found = [f"{p.organ} {p.side.value if p.side else ''}".strip() for p in places_named(name)]
    assert ", ".join(found) == places


def test_segments_are_whole_words() -> None:
    assert segments_of(Site("liver", text="Segment IVa? no: segment viii")) == {"segment 8"}
    assert segments_of(Site("vertebra", text="L1 and T12")) == {"l1", "t12"}
    assert segments_of(Site("lung", text="cell1")) == frozenset()
