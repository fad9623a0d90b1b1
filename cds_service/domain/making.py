"""Values that are made and looked up by the hundred for each patient, several times faster.

A frozen dataclass sets each of its fields through `object.__setattr__`, which makes creating one cost
more than anything a reader or a rule does with it. `quick_to_make` gives it an `__init__` that sets the
fields plainly, while the new object belongs to an open class of the same slots, and closes it as its
last step. What comes out is an instance of the class itself: frozen, equal, hashed and shown as before.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


class Term(Enum):
    """A closed list of words. Each member is one object and is hashed as such, not by its name.

    Members stand in the sets and tables of every rule, where hashing names was a cost.
    """

    __hash__ = object.__hash__


def quick_to_make(cls: type[T]) -> type[T]:
    """The frozen, slotted dataclass, with an `__init__` of the same signature that costs a fourth.

    Not for classes with `__post_init__`, with fields that are not in `__init__`, or with subclasses.
    """
    made: Any = cls
    listed = fields(made)
    names: dict[str, Any] = {
        "_open": type(cls.__name__, (), {"__slots__": tuple(item.name for item in listed)}),
        "_closed": cls,
        "_set": object.__setattr__,
        "_missing": MISSING,
    }
    signature = ", ".join(_parameter(item, names) for item in listed)
    body = "".join(f" self.{item.name} = {_value(item)}\n" for item in listed)
    text = f"def __init__(self, {signature}):\n _set(self, '__class__', _open)\n{body} self.__class__ = _closed\n"
    exec(text, names)  # noqa: S102  written from field names, as dataclasses writes its own
    made.__init__ = names["__init__"]
    return cls


def _parameter(item: Field[Any], names: dict[str, Any]) -> str:
    if item.default is not MISSING:
        names[f"_default_{item.name}"] = item.default
        return f"{item.name}=_default_{item.name}"
    if item.default_factory is not MISSING:
        names[f"_factory_{item.name}"] = item.default_factory
        return f"{item.name}=_missing"
    return item.name


def _value(item: Field[Any]) -> str:
    if item.default_factory is MISSING:
        return item.name
    return f"_factory_{item.name}() if {item.name} is _missing else {item.name}"
