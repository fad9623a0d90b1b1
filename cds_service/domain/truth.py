"""Kleene's three-valued logic, for records that are half empty.

`Truth` refuses to be used where Python expects a bool, so `and`, `or`, `not` and `if`
cannot silently turn UNKNOWN into a yes or a no. Use `&`, `|`, `~`, `all_of`, `any_of`,
and compare with `is`.

    &        T  U  F        |        T  U  F
    T        T  U  F        T        T  T  T
    U        U  U  F        U        T  U  U
    F        F  F  F        F        T  U  F

Source: Kleene, Introduction to Metamathematics (1952), section 64 (strong tables).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn, assert_never

from cds_service.domain.making import Term


class Truth(Term):
    """What is known of a statement about a patient."""

    TRUE = "true"
    UNKNOWN = "unknown"
    FALSE = "false"

    def __bool__(self) -> NoReturn:
        raise TypeError("a Truth is not a bool: compare it with `is`, combine it with &, | and ~")

    def __and__(self, other: Truth) -> Truth:
        if Truth.FALSE in (self, other):
            return Truth.FALSE
        return Truth.UNKNOWN if Truth.UNKNOWN in (self, other) else Truth.TRUE

    def __or__(self, other: Truth) -> Truth:
        if Truth.TRUE in (self, other):
            return Truth.TRUE
        return Truth.UNKNOWN if Truth.UNKNOWN in (self, other) else Truth.FALSE

    def __invert__(self) -> Truth:
        match self:
            case Truth.TRUE:
                return Truth.FALSE
            case Truth.FALSE:
                return Truth.TRUE
            case Truth.UNKNOWN:
                return Truth.UNKNOWN
            case _:
                assert_never(self)


def known(value: bool) -> Truth:
    """TRUE or FALSE, of something that is certain."""
    return Truth.TRUE if value else Truth.FALSE


def all_of(truths: Iterable[Truth]) -> Truth:
    """TRUE when every one is TRUE, FALSE as soon as one is FALSE; TRUE of none at all."""
    result = Truth.TRUE
    for truth in truths:
        result = result & truth
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """TRUE as soon as one is TRUE, FALSE when every one is FALSE; FALSE of none at all."""
    result = Truth.FALSE
    for truth in truths:
        result = result | truth
    return result
