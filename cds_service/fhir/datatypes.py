"""FHIR R4 data types, and what every resource may carry, as far as they are read.

Source: FHIR R4 (4.0.1), https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder
from msgspec.structs import force_setattr


class Element(Struct, rename="camel", gc=False):
    """What every struct here is: camelCase in JSON, acyclic, so untracked by the collector."""


class DataType(Struct, rename="camel", gc=False, frozen=True):
    """The same for what has no identity: what is worked out of one is remembered by its value."""


class Coding(DataType, frozen=True):
    """One code of a code system; `extension` may say how certain a diagnosis is."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    extension: tuple[Extension, ...] = ()


class CodeableConcept(DataType, frozen=True):
    """One meaning in any number of codings, and in words; `extension` may say the side."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None
    extension: tuple[Extension, ...] = ()

    @property
    def spelling(self) -> Spelling:
        """All that its meaning depends on: what is worked out of a concept is remembered by it."""
        return (self.coding, self.text)


Spelling = tuple[tuple[Coding, ...], str | None]
"""Codes and words of a concept, without its extensions."""


class Identifier(DataType, frozen=True):
    """A business identifier."""

    system: str | None = None
    value: str | None = None
    type: CodeableConcept | None = None
    use: str | None = None


class Reference(DataType, frozen=True):
    """A pointer to another resource; `reference` may be missing where only `identifier` is given."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None
    type: str | None = None


class Period(DataType, frozen=True):
    """A time with its ends, either of which may be missing."""

    start: str | None = None
    end: str | None = None


class Quantity(DataType, frozen=True):
    """An amount: exact value, comparator, unit in words, system and code of the unit.

    `value` may be a NaN or an infinity where a sender wrote such a string: check `is_finite()`.
    A signaling NaN, which can be neither compared nor be part of a key, is read as a quiet one.
    """

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None

    def __post_init__(self) -> None:
        if self.value is not None and self.value.is_snan():
            force_setattr(self, "value", Decimal("NaN"))


class Range(DataType, frozen=True):
    """An amount between two others."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(DataType, frozen=True):
    """A relation of two amounts."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Extension(DataType, frozen=True):
    """An extension, simple or nested, with the kinds of value that are read."""

    url: str | None = None
    extension: tuple[Extension, ...] = ()
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_code: str | None = None
    value_string: str | None = None
    value_reference: Reference | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_positive_int: int | None = None
    value_date_time: str | None = None
    value_date: str | None = None
    value_period: Period | None = None
    value_quantity: Quantity | None = None
    value_identifier: Identifier | None = None


class Annotation(Element):
    """A note in words."""

    text: str | None = None
    time: str | None = None


class Meta(Element):
    """What a server says of a version of a resource."""

    last_updated: str | None = None
    version_id: str | None = None
    profile: tuple[str, ...] = ()


NO_META = Meta()
_metas = Decoder(Meta)


class Resource(Element):
    """What every resource may carry.

    `contained` is left as raw JSON; `ReadingContext.resolve` decodes what is referenced.
    `modifier_extension` is only looked at for being there: FHIR forbids to read on without
    understanding it.
    """

    resource_type: str = ""
    id: str | None = None
    meta: Raw | UnsetType = UNSET
    extension: tuple[Extension, ...] = ()
    modifier_extension: Raw | UnsetType = UNSET
    contained: tuple[Raw, ...] = ()

    def version(self) -> Meta:
        """Its profiles, and when it was last updated; decoded only when asked for."""
        try:
            return NO_META if self.meta is UNSET else _metas.decode(self.meta)
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            return NO_META

    def profiles(self) -> tuple[str, ...]:
        """The canonical URLs of the profiles it claims."""
        return self.version().profile


class BundleEntry(Element):
    """One entry of a Bundle, its resource left as raw JSON."""

    full_url: str | None = None
    resource: Raw | UnsetType = UNSET


class Bundle(Element):
    """A Bundle of any type; entries are decoded one by one, so that one bad one costs itself only."""

    resource_type: str = ""
    type: str | None = None
    entry: tuple[BundleEntry, ...] = ()


class Head(Element):
    """What tells a resource from another: type, id, whose it is."""

    resource_type: str = ""
    id: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    individual: Reference | None = None
