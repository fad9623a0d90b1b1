"""Laws of counting lines: order, duplicates, orders, and the range between fewest and most."""

from __future__ import annotations

from datetime import date, timedelta

from build import drug, facts, therapy_rules, when
from hypothesis import given
from hypothesis import strategies as st

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.facts import Medication
from cds_service.domain.therapy import read_therapy

RULES = therapy_rules(substitutions=(frozenset({"a", "b"}),), background_agents=frozenset({"d"}))
INDEX = date(2025, 1, 1)
CANCER = CancerPicture(types=frozenset({"CRC"}), since=when("2025-01-01"))
STEPS = (-400, -366, -365, -31, -30, 0, 27, 28, 29, 30, 119, 120, 121, 148, 149, 240, 241, 300, 420, 541)


@st.composite
def drugs(draw: st.DrawFn, sources: tuple[str, ...] = ("administration", "statement", "request")) -> list[Medication]:
    found = []
    for index in range(draw(st.integers(0, 6))):
        day = INDEX + timedelta(days=draw(st.sampled_from(STEPS)))
        text = day.isoformat() if draw(st.integers(0, 5)) else day.isoformat()[:7]
        agents = draw(st.sampled_from(["a", "b", "c", "d", "a+c", "e"]))
        classes = "hormone" if agents in ("d", "e") else "chemo"
        source = draw(st.sampled_from(sources))
        intent = draw(st.sampled_from([None, None, "curative", "palliative"]))
        found.append(drug(agents, on=text, of=classes, source=source, intent=intent, ref=f"m{index}"))
    return found


def counted(found: list[Medication]) -> tuple[int, int]:
    summary = read_therapy(facts(*found), CANCER, RULES).summary
    assert summary is not None
    return summary.lines_min, summary.lines_max


@given(found=drugs())
def test_fewest_is_never_more_than_most(found: list[Medication]) -> None:
    fewest, most = counted(found)
    assert 0 <= fewest <= most <= 2 * len(found) + 1


@given(found=drugs(), data=st.data())
def test_order_and_duplicates_do_not_matter(found: list[Medication], data: st.DataObject) -> None:
    assert counted(data.draw(st.permutations([*found, *found]))) == counted(found)


@given(found=drugs(), order=drugs(sources=("request",)))
def test_an_order_never_raises_the_fewest(found: list[Medication], order: list[Medication]) -> None:
    assert counted([*found, *order[:1]])[0] <= counted(found)[0]


@given(found=drugs(sources=("administration",)), order=drugs(sources=("request",)))
def test_an_order_never_lowers_the_most_that_was_given(found: list[Medication], order: list[Medication]) -> None:
    assert counted([*found, *order])[1] >= counted(found)[1]


@given(found=drugs())
def test_supportive_drugs_change_nothing(found: list[Medication]) -> None:
    support = drug("z", on="2025-03-01", of="supportive", counts=False)
    assert counted([*found, support]) == counted(found)
