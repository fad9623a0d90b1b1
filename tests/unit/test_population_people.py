"""Who is considered: names with evidence, and who stands for whom."""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.population.gathering import PieceReport, name_digest
from cds_service.population.people import Considered, People, Roll


def considered(there: str, evidence: str, links: Mapping[str, str] | None = None) -> Considered:
    """Of patients named by letters; `links` say by whom a record was replaced, in the order to be tried."""
    report = PieceReport(0, evidence={*evidence}, patients=[name_digest(name) for name in there])
    report.links = {name: tuple(after) for name, after in (links or {}).items()}
    people = People()
    people.add(report)
    return people.considered()


def test_who_has_evidence_and_is_there_is_considered() -> None:
    assert considered("abc", "bx") == Considered({"b": {"b"}}, patients=3, absent=1)


def test_a_patient_that_comes_twice_is_one() -> None:
    assert considered("aab", "a") == Considered({"a": {"a"}}, patients=2, absent=0)


def test_evidence_of_a_replaced_record_is_of_the_one_that_stands() -> None:
    assert considered("ab", "a", {"a": "b"}) == Considered({"b": {"a", "b"}}, patients=1, absent=0)


def test_the_replaced_record_of_one_considered_is_sought_too() -> None:
    assert considered("ab", "b", {"a": "b"}) == Considered({"b": {"a", "b"}}, patients=1, absent=0)


def test_a_chain_leads_to_its_end() -> None:
    found = considered("abc", "a", {"a": "b", "b": "c"})
    assert found == Considered({"c": {"a", "b", "c"}}, patients=1, absent=0)


def test_a_replacement_that_is_not_there_leaves_the_record_standing() -> None:
    assert considered("a", "a", {"a": "z"}) == Considered({"a": {"a"}}, patients=1, absent=0)


def test_a_circle_is_one_patient_by_its_first_name() -> None:
    found = considered("ab", "b", {"a": "b", "b": "a"})
    assert found == Considered({"a": {"a", "b"}}, patients=1, absent=0)


def test_links_of_several_files_are_taken_together() -> None:
    people = People()
    people.add(PieceReport(0, evidence={"a"}, links={"a": ("x",)}, patients=[name_digest("a")]))
    people.add(PieceReport(1, links={"a": ("b",)}, patients=[name_digest("b")]))
    assert people.considered().groups == {"b": {"a", "b"}}


class TestRoll:
    def test_all_names_of_a_patient_have_one_number_and_those_found_later_the_next(self) -> None:
        roll = Roll()
        first = roll.enter(Considered({"b": {"a", "b"}}, 5, 0))
        assert first.numbers == {"a": 0, "b": 0}
        later = roll.enter(Considered({"b": {"a", "b"}, "d": {"d"}, "c": {"c"}}, 5, 0))
        assert later.numbers == {"c": 1, "d": 2}
        assert roll.names == ["b", "c", "d"]

    def test_a_lone_patient_is_given_everything(self) -> None:
        assert Roll().enter(Considered({"a": {"a"}}, 1, 0)).everybody == 0
        assert Roll().enter(Considered({"a": {"a"}}, 2, 0)).everybody is None
        assert Roll().enter(Considered({}, 1, 0)).everybody is None
