"""Laws of lesions: order and duplicates change nothing, bounds hold, more knowledge narrows the count."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import build
from hypothesis import given, settings
from hypothesis import strategies as st
from lesion_tables import BASELINE, EARLIER, case_of, one_lesion, record, trial

from cds_service.domain.criteria import NodeCategory
from cds_service.domain.facts import PatientFacts, Side
from cds_service.domain.lesions import LesionFindings
from cds_service.domain.nodes import Node, as_one, fewest, most
from cds_service.domain.verdicts import LesionSummary

MIDLINE = frozenset({"mediastinal"})
sizes = st.sampled_from(["", "0", "4.9", "5", "9.9", "10", "12", "14.9", "15", "20", "24.9", "25", "30"])
places = st.sampled_from(
    [
        "liver",
        "lung left",
        "lung",
        "bone",
        "brain",
        "node hilar left",
        "node hilar",
        "node mediastinal",
        "node iliac right",
    ]
)
lesions = st.lists(
    st.builds(lambda place, old, new: f"{place} {old}>{new}", place=places, old=sizes, new=sizes), max_size=6
)
nodes = st.builds(
    Node,
    chain=st.sampled_from(["hilar", "iliac", "mediastinal", "unspecified"]),
    side=st.sampled_from([Side.LEFT, Side.RIGHT, None]),
    category=st.sampled_from([NodeCategory.REGIONAL, NodeCategory.DISTANT, NodeCategory.UNKNOWN]),
).map(lambda node: replace(node, side=None, category=NodeCategory.UNKNOWN) if node.chain == "unspecified" else node)


def findings(facts: PatientFacts) -> LesionFindings:
    return case_of(facts).lesions


def summary(facts: PatientFacts) -> LesionSummary:
    return findings(facts).summary


@given(lesions, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_facts_changes_nothing(text: list[str], random: object) -> None:
    facts = record("; ".join(text), primary="RCC")
    shuffled_lesions, shuffled_readings = list(facts.lesions), list(facts.measurements)
    random.shuffle(shuffled_lesions)  # type: ignore[attr-defined]
    random.shuffle(shuffled_readings)  # type: ignore[attr-defined]
    again = replace(facts, lesions=tuple(shuffled_lesions), measurements=tuple(shuffled_readings))
    assert summary(again) == summary(facts)


@given(lesions)
@settings(max_examples=60, deadline=None)
def test_the_same_reading_twice_changes_no_state(text: list[str]) -> None:
    facts = record("; ".join(text), primary="RCC")
    copies = tuple(
        replace(m, evidence=replace(m.evidence, reference=m.evidence.reference + "-copy")) for m in facts.measurements
    )
    twice = summary(replace(facts, measurements=facts.measurements + copies))
    once = summary(facts)
    assert [(i.key, i.state, i.why) for i in twice.items] == [(i.key, i.state, i.why) for i in once.items]
    assert (twice.count_min, twice.count_max) == (once.count_min, once.count_max)


@given(lesions)
@settings(max_examples=60, deadline=None)
def test_the_count_is_a_range_within_the_number_of_lesions(text: list[str]) -> None:
    found = summary(record("; ".join(text), primary="RCC"))
    assert 0 <= found.sensitivity_count <= found.count_min <= found.count_max <= len(text)


@given(lesions, st.sampled_from(["4.9", "9.9", "12", "16", "30"]))
@settings(max_examples=60, deadline=None)
def test_measuring_an_open_lesion_never_widens_the_count(text: list[str], size: str) -> None:
    before = record("; ".join(["liver 20>20", *text, "stomach 20>-"]), primary="RCC")
    ref = f"l{len(text) + 2}"
    measured = replace(
        before, measurements=(*before.measurements, build.measured(lesion=ref, on=BASELINE, long=size, ref="late"))
    )
    old, new = summary(before), summary(measured)
    assert old.count_min <= new.count_min
    assert new.count_max <= old.count_max


@given(sizes, sizes, st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_a_unit_of_length_makes_no_difference(old: str, new: str, factor: int) -> None:
    from cds_service.domain.recist import grew

    rules = trial().rules.lesions
    bigger = replace(rules, grows_by_mm=rules.grows_by_mm * factor)
    one, two = build.number(old or "7"), build.number(new or "7")
    assert one is not None
    assert two is not None
    assert grew(one, two, rules) == grew(one * factor, two * factor, bigger)


def every_reading(found: list[Node]) -> set[int]:
    """Every count that the record allows, by trying all that is not recorded."""
    options = []
    for node in found:
        chains = ["hilar", "iliac", "mediastinal", "other"] if node.chain == "unspecified" else [node.chain]
        sides = [node.side] if node.side else [Side.LEFT, Side.RIGHT]
        decided = node.category is not NodeCategory.UNKNOWN
        categories = [node.category] if decided else [NodeCategory.REGIONAL, NodeCategory.DISTANT]
        options.append(list(product(chains, sides, categories)))
    counts = set()
    for chosen in product(*options):
        regional = any(category is NodeCategory.REGIONAL for _, _, category in chosen)
        distant = {
            (chain, None if chain in MIDLINE else side)
            for chain, side, category in chosen
            if category is NodeCategory.DISTANT
        }
        counts.add(len(distant) + regional)
    return counts


@given(st.lists(nodes, max_size=3))
@settings(max_examples=200, deadline=None)
def test_no_reading_of_the_nodes_lies_outside_the_range(found: list[Node]) -> None:
    possible = every_reading(found)
    assert fewest(found, MIDLINE) <= min(possible)
    assert max(possible) <= most(found, MIDLINE) or any(node.side is None for node in found)
    assert as_one(found) <= 2


@given(st.lists(nodes.filter(lambda node: node.chain != "unspecified" and node.side is not None), max_size=4))
@settings(max_examples=200, deadline=None)
def test_with_sides_and_chains_recorded_the_range_is_exact(found: list[Node]) -> None:
    possible = every_reading(found)
    assert (fewest(found, MIDLINE), most(found, MIDLINE)) == (min(possible), max(possible))


def test_the_table_language_reads_as_it_says() -> None:
    lesion, read = one_lesion("node iliac left 10>16 common iliac !stable", 1)
    assert (lesion.site.chain, lesion.site.side, lesion.site.text) == ("iliac", Side.LEFT, "common iliac")
    assert [(str(m.date), m.short_axis_mm, m.response) for m in read[:2]] == [
        (EARLIER, build.number(10), None),
        (BASELINE, build.number(16), None),
    ]
