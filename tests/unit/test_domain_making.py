"""Values that are quick to make are the same values; terms are hashed as the single objects they are."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from typing import Any

import pytest

from cds_service.domain.facts import Evidence, Modality
from cds_service.domain.making import Term, quick_to_make


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)


@pytest.fixture(name="quick")
def made_quick() -> Any:
    """A class made quick within the test, so that a mistake planted in the making shows."""

    @quick_to_make
    @dataclass(frozen=True, slots=True)
    class Quick:
        name: str
        size: int = 3
        parts: list[str] = field(default_factory=list)

    return Quick


def test_a_value_takes_its_fields_by_position_by_name_and_by_default(quick: Any) -> None:
    by_name = quick(name="a", parts=["x"])
    assert (by_name.name, by_name.size, by_name.parts) == ("a", 3, ["x"])
    assert quick("a", 4).size == 4
    assert quick("a").parts == []


def test_each_value_has_a_default_list_of_its_own(quick: Any) -> None:
    assert quick("a").parts is not quick("a").parts


def test_a_value_is_an_instance_of_its_class_and_frozen(quick: Any) -> None:
    made = quick("a")
    assert type(made) is quick
    with pytest.raises(FrozenInstanceError):
        made.size = 5
    assert made.size == 3


def test_a_value_is_shown_compared_and_changed_as_any_other(quick: Any) -> None:
    assert repr(quick("a")).endswith(repr(Plain("a")).replace("Plain", "Quick"))
    assert quick("a") == quick("a")
    assert quick("a") != quick("b")
    assert quick("a") != Plain("a")
    assert replace(quick("a", 4), name="b") == quick("b", 4)


def test_equal_values_have_one_hash() -> None:
    assert len({Evidence("Observation/1", "2026-01-02", "x"), Evidence("Observation/1", "2026-01-02", "x")}) == 1


def test_a_value_can_be_copied_and_sent_to_another_process() -> None:
    made = Evidence("Observation/1", None, "x")
    assert copy.deepcopy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_lacking_or_unknown_field_is_refused(quick: Any) -> None:
    with pytest.raises(TypeError):
        quick()
    with pytest.raises(TypeError):
        quick("a", colour="red")


class Answer(Term):
    YES = "yes"
    NO = "no"


def test_a_term_is_found_in_sets_and_tables_also_after_a_journey() -> None:
    assert Answer("yes") is Answer.YES
    assert {Answer.YES: 1}[pickle.loads(pickle.dumps(Answer.YES))] == 1
    assert pickle.loads(pickle.dumps(frozenset({Modality.CT}))) == {Modality.CT}
    assert Answer.NO not in {Answer.YES}
