"""Which readings are of one lesion: typed by hand from RECIST reading section 6.

Same reference, same identifier, else site, side and segment; what is ambiguous is not paired.
"""

from __future__ import annotations

from dataclasses import replace

import build
import pytest
from lesion_tables import BASELINE, EARLIER
from tables import each_row

from cds_service.domain.facts import Lesion, LesionMeasurement, LesionRole, Side, Site
from cds_service.domain.tracking import TrackedLesion, could_be_same, track

DAYS = {"earlier": EARLIER, "baseline": BASELINE, "before": "2026-02-01", "long before": "2025-06-01"}


def place(text: str) -> Site:
    """ "lung left upper lobe", "node iliac right", "words: hepatic nodule"."""
    if text.startswith("words: "):
        return Site(text=text.removeprefix("words: "))
    if not text:
        return Site()
    first, *rest = text.split()
    chain = rest.pop(0) if first == "node" else None
    side = Side(rest.pop(0)) if rest and rest[0] in {known.value for known in Side} else None
    return Site(None if chain else first, chain, side, " ".join(rest))


def tracked(lesions: str, readings: str) -> list[TrackedLesion]:
    """Lesions "a x#1 = liver; b = lung left", readings "a earlier; baseline x#1 = liver" ("a" a structure's name)."""
    structures, read = [], []
    for part in filter(None, lesions.split("; ")):
        head, _, where = part.partition(" = ")
        ref, *identifiers = head.split()
        name = f"BodyStructure/{ref}"
        structures.append(Lesion(build.evidence(name), name, _identifiers(identifiers), place(where)))
    for number, part in enumerate(filter(None, readings.split("; "))):
        head, _, where = part.partition(" = ")
        on = next(day for day in sorted(DAYS, key=len, reverse=True) if f" {day} " in f" {head} ")
        words = f" {head} ".replace(f" {on} ", " ").split()
        names = [word for word in words if "#" not in word]
        made = build.measured(
            lesion=names[0] if names else None, on=DAYS[on], long=20, site=place(where), ref=f"m{number}"
        )
        read.append(replace(made, identifiers=_identifiers(words)))
    return list(track(structures, read, scan_of))


def _identifiers(words: list[str]) -> frozenset[str]:
    """ "x#1" is number 1 of the system x; identifiers are kept as "x|1"."""
    return frozenset(word.replace("#", "|") for word in words if "#" in word)


def scan_of(reading: LesionMeasurement) -> str | None:
    return {EARLIER: "earlier", BASELINE: "baseline"}.get(str(reading.date))


def sizes(found: list[TrackedLesion]) -> str:
    return " ".join(str(len(lesion.measurements)) for lesion in found)


@each_row("""
    lesions                          | readings                                               | read | because
    a = liver                        | a earlier; a baseline                                  | 2    | one reference
                                     | a earlier; a baseline                                  | 2    | one reference that is not at hand
    a x#1 = liver; b x#1 = liver     | a earlier; b baseline                                  | 2    | one identifier
    a x#1 = liver; b x#1 = liver     | a earlier; b baseline; c earlier = lung left           | 2 1  | another lesion of that day is none of theirs
    a x#1 = liver; b x#1 = lung left | a earlier; b baseline                                  | 1 1  | two places: an accession number
                                     | a earlier x#1 = liver; b baseline x#1 = lung left      | 1 1  | the same, told by readings only
                                     | a earlier x#1 = liver; b baseline x#1 = liver          | 2    | one place
                                     | a earlier x#1 = liver; b earlier x#1 = liver           | 1 1  | read on one day: two lesions
    a x#1 = liver; b x#1 = liver     | a baseline; b baseline                                 | 1 1  | read on one day
    a x#1 = liver                    | earlier x#1; baseline x#1                              | 2    | the identifier alone
                                     | earlier x#1 = liver; baseline x#1 = liver; baseline x#2 = liver | 2 1 | identifiers tell two of a place apart
                                     | baseline x#1 = liver; baseline x#1 = lung left         | 1 1  | two places on one day: numbered anew in each organ
                                     | earlier x#1 = liver; earlier x#1 = lung left; baseline x#1 = liver; baseline x#1 = lung left | 2 2 | then place and side tell
                                     | earlier x#1 = chest; baseline x#1 = lung left          | 2    | worded otherwise on another day
    a = liver; b = liver             | a earlier; b baseline                                  | 2    | new structure at each scan, one place
    a = liver; b = liver             | a earlier; b earlier                                   | 1 1  | read on one day
    a = liver; b = liver             | a earlier; a baseline; b before                        | 2 1  | one is followed, the other has its own name
    a = liver                        | a earlier; a baseline; before = liver                  | 3    | an older reading that names none
    a = liver; b = liver             | a earlier; b baseline; before = liver                  | 3    | nobody else is there
    a = liver; b = liver; c = liver  | a earlier; b baseline                                  | 1 1 0 | c may be either
    a = liver; b = liver             | b baseline                                             | 0 1  | a was never read
    a = liver                        | earlier = liver; baseline = liver                      | 2    | they can be nothing else
    a = liver; b = liver; c = lung   | a earlier; b baseline; c earlier                       | 2 1  | elsewhere is elsewhere
    a = lung left; b = lung left; c = lung | a earlier; b baseline; c before                  | 1 1 1 | c may be either
    a x#1 = liver; b y#1 = liver     | a earlier; b baseline                                  | 2    | identifiers of two systems do not tell apart
    a x#1 = liver; b x#2 = liver     | a earlier; b baseline                                  | 1 1  | two of one system do
    a = liver; b = liver             | a earlier x#1; b baseline x#2                          | 1 1  | told by readings
    a = liver; b = liver             | a earlier x#1; b baseline                              | 2    |
    a x#1 = liver; b y#1 = liver; c x#2 = liver | a earlier; b baseline; c before             | 1 1 1 | the first and the third are told apart
    a = node iliac left; b = node iliac left | a earlier; b baseline                          | 2    | a node by chain and side
    a = node iliac left; b = node iliac right | a earlier; b baseline                         | 1 1  |
    a = node iliac left; b = node unspecified | a earlier; b baseline                         | 1 1  | a chain that is not told may be it, or not
    a = words: hepatic nodule; b = words: Hepatic  NODULE | a earlier; b baseline             | 2    | the same words
    a = words: hepatic nodule; b = words: lung nodule | a earlier; b baseline                 | 1 1  | other words
    a = liver; b = liver; c = words: nodule | a earlier; b baseline; c before                 | 1 1 1 | words without an organ may mean it
    a; b                             | a earlier; b baseline                                  | 1 1  | no place is no sameness
""")  # noqa: E501
def test_which_readings_are_of_one_lesion(row: dict[str, str]) -> None:
    """`read`: how many readings each lesion has, in the order of the lesions' names."""
    assert sizes(tracked(row["lesions"], row["readings"])) == row["read"]


@each_row("""
    one     | other   | joined
    111     | 111     | yes
    111     |         | yes
    111     | 222     | no
    111 333 | 111     | no
            |         | yes
""")
def test_codes_of_a_place_that_differ_are_two_places(row: dict[str, str]) -> None:
    """Both lesions are "of the liver"; the codes of their places say more."""
    made = [
        Lesion(build.evidence(name), name, site=Site("liver", codes=frozenset(row[codes].split())))
        for name, codes in (("BodyStructure/a", "one"), ("BodyStructure/b", "other"))
    ]
    read = [build.measured(lesion="a", on=EARLIER, long=20), build.measured(lesion="b", on=BASELINE, long=20)]
    assert len(track(made, read, scan_of)) == (1 if row["joined"] == "yes" else 2)


def test_one_long_and_one_short_axis_of_a_place_and_day_are_one_lesion() -> None:
    def lesions(*axes: tuple[int | None, int | None]) -> int:
        read = [
            build.measured(lesion=None, on=BASELINE, long=long, short=short, site=place("node iliac left"), ref=f"m{n}")
            for n, (long, short) in enumerate(axes)
        ]
        return len(track([], read, scan_of))

    assert lesions((20, None), (None, 12)) == 1
    assert lesions((None, 12), (20, None)) == 1
    assert lesions((20, 12), (None, 12)) == 2
    assert lesions((20, None), (20, 12)) == 2
    assert lesions((20, None), (20, None)) == 2
    assert lesions((None, None), (None, 12)) == 2
    assert lesions((20, None), (None, None)) == 2
    assert lesions((20, None), (None, 12), (None, 14)) == 3


@pytest.mark.parametrize(("ref", "where"), [("a", ""), (None, "liver")])
def test_a_member_of_a_group_told_elsewhere_is_no_lesion_of_its_own(ref: str | None, where: str) -> None:
    told = build.measured(lesion=ref, on=BASELINE, long=20, site=place(where), ref="m")
    untold = build.measured(lesion=None, on=BASELINE, long=20, ref="m")
    other = build.measured(lesion=None, on=BASELINE, long=20, ref="n")
    assert len(track([], [told, untold], scan_of)) == 1
    assert len(track([], [told, other], scan_of)) == 2


# --- what a tracked lesion carries ------------------------------------------------------------------------------


def structure(ref: str, site: Site, *, role: LesionRole | None = None, text: str = "", name: str = "x|1") -> Lesion:
    reference = f"BodyStructure/{ref}"
    return Lesion(build.evidence(reference), reference, frozenset([name]), site, role, text)


PRIMARY, METASTATIC = LesionRole.PRIMARY, LesionRole.METASTATIC


@pytest.mark.parametrize("names", [("x|1", "x|1"), ("x|1", "y|1")])
def test_what_two_structures_of_one_lesion_say_is_put_together(names: tuple[str, str]) -> None:
    """Joined by their identifier, or by their place: the first role told, both texts, both references."""
    first = structure("a", Site("lung", None, Side.LEFT), text="Nodule", name=names[0])
    second = structure("b", Site("lung", None, Side.LEFT), role=METASTATIC, text="Old lesion", name=names[1])
    read = [build.measured(lesion="a", on=EARLIER, long=20), build.measured(lesion="b", on=BASELINE, long=20)]
    (found,) = track([first, second], read, scan_of)
    assert (found.key, found.role, found.text) == ("BodyStructure/a", METASTATIC, "Nodule Old lesion")
    assert found.references == {"BodyStructure/a", "BodyStructure/b"}
    assert found.identifiers == set(names)
    assert [item.reference for item in found.evidence] == ["BodyStructure/a", "BodyStructure/b"]
    (same,) = track([replace(first, role=PRIMARY, text="Old lesion"), second], read, scan_of)
    assert (same.role, same.text) == (PRIMARY, "Old lesion")


def test_a_lesion_known_by_readings_only_has_no_role_and_no_words() -> None:
    (found,) = track([], [build.measured(lesion=None, on=BASELINE, long=20, site=place("liver"))], scan_of)
    assert (found.role, found.text, found.evidence, found.references) == (None, "", (), frozenset())


def test_the_identifiers_of_readings_are_the_lesions_too() -> None:
    (found,) = tracked("a x#1 = liver", "a earlier y#2; a baseline")
    assert found.identifiers == {"x|1", "y|2"}


@each_row("""
    structure        | reading                   | place
    lung             | lung left                 | lung left
    lung left        | lung                      | lung left
    lung left        | lung right                | lung left
    lung             | lung unilateral           | lung unilateral
                     | liver                     | liver
    lymph_node       | node iliac left           | node iliac left
    words: a nodule  | liver                     | liver
""")
def test_the_fullest_place_recorded_counts(row: dict[str, str]) -> None:
    named = structure("a", place(row["structure"]))
    reading = build.measured(lesion="a", on=BASELINE, long=20, site=place(row["reading"]))
    (found,) = track([named], [reading], scan_of)
    expected = place(row["place"])
    assert (found.site.organ, found.site.chain, found.site.side) == (expected.organ, expected.chain, expected.side)


def test_of_two_places_the_one_with_a_detail_counts_and_two_sides_fill_in_none() -> None:
    plain, exact = Site(chain="iliac", text="pelvic node"), Site(chain="iliac", text="node", detail="common iliac")
    for one, other in ((plain, exact), (exact, plain)):
        (found,) = track([structure("a", one)], [build.measured(lesion="a", on=BASELINE, site=other)], scan_of)
        assert found.site.detail == "common iliac"
    left, right = (build.measured(lesion="a", on=BASELINE, site=place(f"lung {s}"), ref=s) for s in ("left", "right"))
    (unclear,) = track([structure("a", Site("lung", detail="nodule"))], [left, right], scan_of)
    assert unclear.site.side is None


@each_row("""
    place                    | detail | key
    liver                    |        | liver
    liver segment 4          |        | liver segment 4
    liver segment IV         |        | liver segment 4
    lung left upper lobe     |        | lung left upper lobe
    lung unilateral          |        | lung
    breast bilateral         |        | breast bilateral
    liver midline            |        | liver
    vertebra L1 and T12      |        | vertebra l1 t12
    small_intestine          |        | small intestine
    node iliac left          |        | iliac left node
    node iliac left          | common iliac | iliac left common iliac node
    node internal_mammary* left |     | internal mammary left node
    node para-aortic         |        | para-aortic node
    words: Segment 4 nodule  |        | segment 4 nodule
    words: Hepatic  Nodule   |        | hepatic nodule
                             |        | unknown site
""")
def test_a_lesion_without_a_reference_is_called_by_its_place(row: dict[str, str]) -> None:
    site = replace(place(row["place"]), detail=row["detail"])
    read = [build.measured(lesion=None, on=BASELINE, long=20, site=site, ref=f"m{n}") for n in (1, 2)]
    found = track([], read, scan_of)
    assert [lesion.key for lesion in found] == [row["key"], f"{row['key']} 2"]
    assert [lesion.measurements[0].evidence.reference for lesion in found] == ["Observation/m1", "Observation/m2"]
    assert [lesion.key for lesion in track([], read[::-1], scan_of)] == [row["key"], f"{row['key']} 2"]


@each_row("""
    one                  | other              | may be one
    liver                | liver              | yes
    liver                | lung left          | no
    lung left            | lung               | yes
    lung left            | lung right         | no
    lung left            | lung bilateral     | yes
    liver segment 4      | liver segment 8    | no
    liver segment 4      | liver              | yes
                         | liver              | yes
    words: nodule        | liver              | yes
    words: nodule        | words: mass        | yes
    words: left nodule   | node iliac left    | yes
    node unspecified     | node iliac left    | yes
    node unspecified     | lymph_node         | yes
    lymph_node           | node iliac left    | yes
    node unspecified     | liver              | no
    lymph_node           | liver              | no
    node hilar left      | node iliac left    | no
    node hilar left      | lung left          | no
""")
def test_whether_two_places_may_hold_one_lesion(row: dict[str, str]) -> None:
    one, other = place(row["one"]), place(row["other"])
    assert could_be_same(one, other) is could_be_same(other, one) is (row["may be one"] == "yes")
