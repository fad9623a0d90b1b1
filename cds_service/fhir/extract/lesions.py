"""Lesions from BodyStructure, and their readings from Observations however a record writes them.

mCODE tumour sizes (components in any order), axes and diameters coded as in DICOM SR, single
values, groups with members, and explicit responses of one lesion.

Source: mCODE 4.0.0 (Tumor, TumorSize), DICOM CID 6144, CRITERIA rows I5, I6 and ruling 11.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cds_service.domain.codes import of_concept
from cds_service.domain.facts import Lesion, LesionMeasurement, LesionRole, Response, Side, Site
from cds_service.domain.quantities import Unusable, convert, plain
from cds_service.fhir.context import FOCUS, PANEL, Reader, ReadingContext
from cds_service.fhir.extract.dates import When, read_observed
from cds_service.fhir.extract.responses import LESION_RESPONSE, read_response, states_response
from cds_service.fhir.extract.results import Result, results_of
from cds_service.fhir.extract.sites import NODE_CHAIN, read_side, read_site, site_of
from cds_service.fhir.extract.standing import holds, is_preliminary
from cds_service.fhir.extract.words import all_words, words_of
from cds_service.fhir.resources import BodyStructure, Identifier, Observation, Quantity

LESION_OBSERVATION = "lesion-observation"
_SIZE = "lesion-size"
_TUMOR = "mcode-tumor"
_VOLUME = "radiotherapy-volume"
_TUMOR_CODES = frozenset({"tumor_size_observation", "component_longest_diameter", "component_other_diameter"})
_LONG = frozenset({"component_longest_diameter", "long_axis", "major_axis"})
_SHORT = frozenset({"short_axis", "minor_axis"})
_ANY = frozenset({"component_other_diameter", "diameter", "tumor_size_observation"})
_AXES = _LONG | _SHORT | _ANY
_GROSS = "gross_path"
_SIDES = {side.value for side in Side} | {"right and left"}
_NEOPLASM_WORDS = ("neoplasm", "tumor", "tumour", "metasta", "carcinoma", "malignan", "cancer")
_SIZES_IN_WORDS = re.compile(
    r"(\d{1,4}(?:\.\d{1,4})?)((?:\s*[xX×]\s*\d{1,4}(?:\.\d{1,4})?){0,2})\s*(mm|cm)\.?", re.ASCII
)


def read_lesion(structure: BodyStructure, context: ReadingContext) -> Iterator[Lesion]:
    """The lesion a body structure is; nothing where it is a treated volume or a mere place."""
    if structure.active is False or not _is_tumor(structure, context):
        return
    site = lesion_site(structure, context)
    text = structure.description or words_of(structure.morphology)
    yield Lesion(
        evidence=context.evidence(None, _shown(site, text)),
        reference=context.reference,
        identifiers=_identifiers(structure.identifier),
        site=site,
        role=_role(structure, context),
        text=text,
    )


def _is_tumor(structure: BodyStructure, context: ReadingContext) -> bool:
    profiles = structure.profiles()
    if any(_VOLUME in profile for profile in profiles):
        return False
    if any(profile.partition("|")[0].endswith(_TUMOR) for profile in profiles):
        return True
    if of_concept(context.meanings(structure.morphology), "tumor-morphology"):
        return True
    said = " ".join(all_words(structure.morphology)).lower()
    return any(word in said for word in _NEOPLASM_WORDS)


def _role(structure: BodyStructure, context: ReadingContext) -> LesionRole | None:
    uses = {meaning.use for meaning in of_concept(context.meanings(structure.morphology), "tumor-morphology")}
    if any(use.startswith("metastatic") for use in uses):
        return LesionRole.METASTATIC
    return LesionRole.PRIMARY if "primary_morphology" in uses else None


def lesion_site(structure: BodyStructure, context: ReadingContext) -> Site:
    """Where a body structure lies: location, side, chain by its qualifiers, and all its words."""
    qualifiers = structure.location_qualifier
    description = structure.description or ""
    site = read_site(structure.location, context, *qualifiers)
    if site is None:
        site = site_of(context.catalog.places(description), "", read_side(qualifiers, context))
    if qualifiers and site.chain in (None, "unspecified"):
        chain = next((m.group for m in context.meanings(*qualifiers) if m.concept == NODE_CHAIN), site.chain)
        site = replace(site, chain=chain)
    words = [site.text, *(words for q in qualifiers for words in all_words(q)), description]
    kept = [text for text in dict.fromkeys(words) if text and not _is_side(text)]
    return replace(site, text=", ".join(kept))


def _is_side(text: str) -> bool:
    return text.lower().replace("(qualifier value)", "").strip() in _SIDES


def _identifiers(identifiers: Iterable[Identifier]) -> frozenset[str]:
    return frozenset(f"{item.system or ''}|{item.value}" for item in identifiers if item.value)


def _shown(site: Site, text: str) -> str:
    return text or site.text or site.organ or site.chain or "lesion"


@dataclass(slots=True)
class _Sizes:
    """The amounts of one observation as they are found."""

    long: list[Decimal] = field(default_factory=list)
    short: list[Decimal] = field(default_factory=list)
    other: list[Decimal] = field(default_factory=list)
    problem: str | None = None
    found: bool = False

    def put(self, use: str, amounts: Sequence[Decimal]) -> None:
        """File amounts under the axis their code names; several values at once name none."""
        self.found = True
        axis = self.other if len(amounts) > 1 or use in _ANY else self.long if use in _LONG else self.short
        axis.extend(amounts)


@dataclass(frozen=True, slots=True)
class _Owner:
    """Which lesion an observation speaks of: its reference, tracking names and place."""

    lesion: str | None = None
    identifiers: frozenset[str] = frozenset()
    site: Site = field(default_factory=Site)

    @property
    def is_named(self) -> bool:
        """Whether anything tells which lesion it is."""
        return bool(self.lesion or self.identifiers or self.site.organ or self.site.chain or self.site.text)


def read_measurement(observation: Observation, context: ReadingContext) -> Iterator[LesionMeasurement]:
    """The reading an observation is: sizes, or the response of the lesion it focuses on."""
    if not _may_speak_of_a_lesion(observation, context):
        return
    yield from _read(observation, _owner(observation, context), context, context.reference, None)


def read_members(group: Observation, context: ReadingContext) -> Iterator[LesionMeasurement]:
    """Readings of the members of a measurement group which name no lesion, put to the group's."""
    owner = _owner(group, context) if group.has_member else _Owner()
    if not owner.is_named:
        return
    when = read_observed(group, context)
    for name in context.names(group.has_member):
        member = context.found(name)
        if isinstance(member, Observation) and holds(member) and not (member.focus or member.body_site):
            yield from _read(member, owner, context, name, when)


def _may_speak_of_a_lesion(observation: Observation, context: ReadingContext) -> bool:
    """Whether it is about a lesion at all: by its codes, or by an answer on the lesion it focuses on."""
    if not context.concepts.isdisjoint({LESION_OBSERVATION, LESION_RESPONSE}):
        return True
    return observation.value_codeable_concept is not None or bool(observation.interpretation)


def _read(
    observation: Observation, owner: _Owner, context: ReadingContext, name: str, group_day: When | None
) -> Iterator[LesionMeasurement]:
    uses = _uses(observation, context)
    sizes = _sizes(observation, context)
    is_tumor_size = not uses.isdisjoint(_TUMOR_CODES)
    if not owner.is_named and not is_tumor_size:
        return
    response = _own_response(observation, owner, context)
    signal = owner.lesion is not None and _is_avid(observation)
    if not (sizes.found or response or signal):
        return
    when = read_observed(observation, context)
    when = group_day if group_day is not None and when.start is None and when.end is None else when
    method = next((m.use for m in context.meanings(observation.method) if m.concept == LESION_OBSERVATION), None)
    text = _sizes_in_words(sizes) if sizes.found else words_of(observation.value_codeable_concept)
    evidence = context.evidence(
        when.text, f"{_shown(owner.site, words_of(observation.code))}: {text or 'no usable size'}"
    )
    yield LesionMeasurement(
        evidence=evidence if name == context.reference else replace(evidence, reference=name),
        lesion=owner.lesion,
        identifiers=owner.identifiers,
        site=owner.site,
        date=when.start or when.end,
        long_axis_mm=max(sizes.long, default=None),
        short_axis_mm=min(sizes.short, default=None),
        diameters_mm=tuple(sizes.other),
        response=response,
        signal=signal,
        specimen=observation.specimen is not None or method == _GROSS,
        method=method,
        studies=context.names((*observation.derived_from, *observation.part_of)),
        preliminary=is_preliminary(observation.status),
        problem=sizes.problem,
    )


def _uses(observation: Observation, context: ReadingContext) -> frozenset[str]:
    codes = [observation.code, *(part.code for part in observation.component)]
    return frozenset(m.use for m in context.meanings(*codes) if m.concept == LESION_OBSERVATION)


def _owner(observation: Observation, context: ReadingContext) -> _Owner:
    """The lesion: a focus on a body structure first, else tracking names, else the body site."""
    own = read_site(observation.body_site, context) or Site()
    identifiers = frozenset(_tracking_names(observation, context))
    for name in context.names(observation.focus):
        found = context.found(name)
        if isinstance(found, BodyStructure):
            place = lesion_site(found, context)
            site = place if place.organ or place.chain or not (own.organ or own.chain) else own
            return _Owner(name, identifiers | _identifiers(found.identifier), site)
        if "BodyStructure/" in name:
            return _Owner(name, identifiers, own)
    return _Owner(None, identifiers, own)


def _tracking_names(observation: Observation, context: ReadingContext) -> Iterator[str]:
    for part in observation.component:
        if any(m.use == "lesion_identifier" for m in context.meanings(part.code)):
            value = part.value_string or words_of(part.value_codeable_concept)
            if value:
                yield f"|{value.strip()}"


def _sizes(observation: Observation, context: ReadingContext) -> _Sizes:
    sizes = _Sizes()
    for result in results_of(observation):
        uses = {m.use for m in context.meanings(result.code) if m.concept == LESION_OBSERVATION} & _AXES
        if uses:
            _take(result, min(uses), sizes, context)
    return sizes


def _take(result: Result, use: str, sizes: _Sizes, context: ReadingContext) -> None:
    amounts = _amounts(result, context)
    if isinstance(amounts, Unusable):
        context.note(amounts.problem)
        sizes.found, sizes.problem = True, amounts.problem
    elif amounts:
        sizes.put(use, amounts)


def _amounts(result: Result, context: ReadingContext) -> Sequence[Decimal] | Unusable:
    """The values in mm; () where the result has none."""
    quantity = result.of.value_quantity
    if quantity is not None and quantity.value is not None:
        return _amount(quantity, quantity.value, context)
    found = _SIZES_IN_WORDS.fullmatch((result.of.value_string or "").strip())
    if found is None:
        return ()
    first, rest, unit = found.groups()
    numbers = [first, *rest.replace("×", "x").lower().split("x")]
    each = [_in_mm(Decimal(number.strip()), unit, context) for number in numbers if number.strip()]
    return next((item for item in each if isinstance(item, Unusable)), [d for d in each if isinstance(d, Decimal)])


def _amount(quantity: Quantity, value: Decimal, context: ReadingContext) -> Sequence[Decimal] | Unusable:
    if quantity.comparator:
        return Unusable("a size with a sign (<, >) is no exact size")
    size = _in_mm(value, quantity.code or quantity.unit, context)
    if isinstance(size, Unusable) and quantity.code and quantity.unit:
        size = _in_mm(value, quantity.unit, context)
    return size if isinstance(size, Unusable) else (size,)


def _in_mm(value: Decimal, unit: str | None, context: ReadingContext) -> Decimal | Unusable:
    if not value.is_finite():
        return Unusable("a size is not a finite number")
    return convert(context.catalog.analytes[_SIZE], value, unit)


def _own_response(observation: Observation, owner: _Owner, context: ReadingContext) -> Response | None:
    """The response of this one lesion; a status that focuses on a lesion is read as a disease status.

    A body site alone makes it one lesion's only where the code itself is for one lesion.
    """
    stated = read_response(observation, context)
    if stated is None or states_response(observation, context):
        return None
    of_one = owner.lesion or owner.identifiers or (stated.of_lesion and owner.is_named)
    return stated.response if of_one else None


def _is_avid(observation: Observation) -> bool:
    """Whether the answer says avid uptake in words ("FDG avid"), and does not deny it."""
    said = [observation.value_string or "", *all_words(observation.value_codeable_concept)]
    said += [words for concept in observation.interpretation for words in all_words(concept)]
    text = f" {' '.join(said).lower()} "
    return "avid" in text and not any(f"{word}avid" in text for word in ("non-", "non ", "not ", "no longer "))


def _sizes_in_words(sizes: _Sizes) -> str:
    parts = [("long axis", sizes.long), ("short axis", sizes.short), ("", sizes.other)]
    return ", ".join(f"{plain(size)} mm {axis}".strip() for axis, found in parts for size in found)


READERS: tuple[Reader, ...] = (
    Reader(BodyStructure, "lesions", read_lesion),
    Reader(
        Observation, "measurements", read_measurement, wants=frozenset({LESION_OBSERVATION, LESION_RESPONSE, FOCUS})
    ),
    Reader(Observation, "measurements", read_members, wants=frozenset({PANEL})),
)
