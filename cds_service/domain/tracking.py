"""Which readings are of one lesion: by reference, by identifier, else by site and side.

A record may keep one body structure for a lesion, write a new one at every scan, or give
only a site. Readings are joined where the record itself says so (a shared reference or
identifier), or where nothing else in the record could be meant. What is ambiguous is left
apart, and known to be so.

Source: RECIST reading section 6 ("match on identifier, else on site, side and segment; if
ambiguous do not pair").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace

from cds_service.domain.anatomy import segments_differ, segments_of, sides_differ
from cds_service.domain.facts import Evidence, Lesion, LesionMeasurement, LesionRole, Side, Site
from cds_service.domain.making import quick_to_make


@quick_to_make
@dataclass(frozen=True, slots=True)
class TrackedLesion:
    """One lesion with all that is recorded of it, readings latest first."""

    key: str
    references: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    site: Site = field(default_factory=Site)
    role: LesionRole | None = None
    text: str = ""
    evidence: tuple[Evidence, ...] = ()
    measurements: tuple[LesionMeasurement, ...] = ()

    @property
    def is_node(self) -> bool:
        """Whether the lesion is a lymph node."""
        return self.site.is_node or self.site.organ == "lymph_node"


When = Callable[[LesionMeasurement], str | None]
"""Which scan a reading belongs to ("earlier", "baseline"), None for any other day."""


def track(
    lesions: Iterable[Lesion], measurements: Iterable[LesionMeasurement], when: When
) -> tuple[TrackedLesion, ...]:
    """The lesions of a record, in the order of their keys; specimens are not readings."""
    named, loose = _named(tuple(lesions), _once([reading for reading in measurements if not reading.specimen]))
    tracked = named + [_loose(group) for group in _complete(loose)]
    return tuple(_with_keys(_join_by_site(tracked, when)))


def _once(measurements: Sequence[LesionMeasurement]) -> list[LesionMeasurement]:
    """Readings without those that tell no lesion and stand, told, elsewhere (members of a group)."""
    told = {m.evidence.reference for m in measurements if _names(m) or _name(m.site)}
    return [m for m in measurements if _names(m) or _name(m.site) or m.evidence.reference not in told]


def _named(
    lesions: Sequence[Lesion], measurements: Sequence[LesionMeasurement]
) -> tuple[list[TrackedLesion], list[LesionMeasurement]]:
    owners = _Owners()
    shared = _shared_by_different(lesions, measurements)
    for lesion in lesions:
        owners.join({lesion.reference, *(lesion.identifiers - shared)})
    loose = []
    for reading in measurements:
        names = _names(reading) - shared
        if names:
            owners.join(names)
        else:
            loose.append(reading)
    described: dict[str, list[Lesion]] = defaultdict(list)
    read: dict[str, list[LesionMeasurement]] = defaultdict(list)
    for lesion in lesions:
        described[owners.of(lesion.reference)].append(lesion)
    for reading in measurements:
        names = _names(reading) - shared
        if names:
            read[owners.of(min(names))].append(reading)
    return [_gathered(described[owner], read[owner]) for owner in sorted({*described, *read})], loose


def _names(reading: LesionMeasurement) -> frozenset[str]:
    return reading.identifiers | {reading.lesion} if reading.lesion else reading.identifiers


def _shared_by_different(lesions: Sequence[Lesion], measurements: Sequence[LesionMeasurement]) -> frozenset[str]:
    """Identifiers that are no lesion's own (an accession number): in two places, or on two read the same day."""
    bearers: dict[str, dict[str, Site]] = defaultdict(dict)
    for lesion in lesions:
        for name in lesion.identifiers:
            bearers[name][lesion.reference] = lesion.site
    for reading in measurements:
        for name in reading.identifiers if reading.lesion else ():
            bearers[name].setdefault(reading.lesion or "", reading.site)
    several = {name: places for name, places in bearers.items() if len(places) > 1}
    different = frozenset(
        name
        for name, places in several.items()
        if _in_two_places(places.values()) or _read_together(places, measurements)
    )
    return different | _in_two_places_on_one_day(measurements)


def _in_two_places_on_one_day(measurements: Iterable[LesionMeasurement]) -> frozenset[str]:
    """Identifiers of readings that name no lesion, given on one day to places that cannot be one."""
    places: dict[tuple[str, object], list[Site]] = defaultdict(list)
    for reading in measurements:
        if not reading.lesion:
            for name in reading.identifiers:
                places[name, reading.date].append(reading.site)
    return frozenset(name for (name, _), sites in places.items() if _in_two_places(sites))


def _in_two_places(places: Iterable[Site]) -> bool:
    first, *others = places
    return not all(could_be_same(first, other) for other in others)


def _read_together(references: Container[str], measurements: Sequence[LesionMeasurement]) -> bool:
    """Whether two of these lesions were read on one day: then they are two."""
    read: dict[object, str] = {}
    named = ((m.date, m.lesion) for m in measurements if m.lesion is not None and m.lesion in references)
    return any(read.setdefault(day, lesion) != lesion for day, lesion in named)


class _Owners:
    """Names that stand for one lesion (union of sets, smallest name first)."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name that stands for all names joined with this one."""
        while (parent := self._parent.setdefault(name, name)) != name:
            name = parent
        return name

    def join(self, names: Iterable[str]) -> None:
        """These are all names of one lesion."""
        roots = sorted({self.of(name) for name in names})
        for root in roots[1:]:
            self._parent[root] = roots[0]


def _gathered(lesions: Sequence[Lesion], measurements: Sequence[LesionMeasurement]) -> TrackedLesion:
    references = {lesion.reference for lesion in lesions} | {m.lesion for m in measurements if m.lesion}
    identifiers = frozenset().union(*(lesion.identifiers for lesion in lesions), *(m.identifiers for m in measurements))
    sites = [*(lesion.site for lesion in lesions), *(reading.site for reading in measurements)]
    return TrackedLesion(
        key="",
        references=frozenset(references),
        identifiers=identifiers,
        site=_fullest(sites),
        role=next((lesion.role for lesion in lesions if lesion.role is not None), None),
        text=" ".join(dict.fromkeys(lesion.text for lesion in lesions if lesion.text)),
        evidence=tuple(lesion.evidence for lesion in lesions),
        measurements=tuple(measurements),
    )


def _fullest(sites: Iterable[Site]) -> Site:
    """The first place that says most; a side recorded elsewhere fills in a missing one."""
    ordered = sorted(sites, key=lambda site: (site.chain is None, site.organ is None, not site.detail))
    best = ordered[0] if ordered else Site()
    if best.side is not None:
        return best
    sides = {site.side for site in ordered if site.side is not None}
    return replace(best, side=next(iter(sides))) if len(sides) == 1 else best


def _loose(readings: Sequence[LesionMeasurement]) -> TrackedLesion:
    return TrackedLesion(key="", site=_fullest(r.site for r in readings), measurements=tuple(readings))


def _complete(readings: Sequence[LesionMeasurement]) -> list[list[LesionMeasurement]]:
    """Readings without a name, each its own, except one long and one short axis of a place and day."""
    groups: dict[tuple[object, ...], list[LesionMeasurement]] = defaultdict(list)
    for reading in readings:
        groups[(reading.date, *_place(reading.site))].append(reading)
    found = []
    for group in groups.values():
        long_axis = [r for r in group if r.long_axis_mm is not None and r.short_axis_mm is None]
        short_axis = [r for r in group if r.short_axis_mm is not None and r.long_axis_mm is None]
        one_of_each = len(long_axis) == len(short_axis) == 1 and len(group) == 2
        found.extend([group] if one_of_each else [[reading] for reading in group])
    return found


def _place(site: Site) -> tuple[object, ...]:
    return (_name(site), site.side, segments_of(site))


def _name(site: Site) -> str:
    return site.chain or site.organ or " ".join(site.text.lower().split())


def _join_by_site(tracked: list[TrackedLesion], when: When) -> list[TrackedLesion]:
    groups: dict[tuple[object, ...], list[TrackedLesion]] = defaultdict(list)
    for lesion in tracked:
        groups[_place(lesion.site)].append(lesion)
    joined: list[TrackedLesion] = []
    for place, group in groups.items():
        others = [lesion for other, found in groups.items() if other != place for lesion in found]
        joined.extend([_merged(group)] if _certainly_one(group, others, when) else group)
    return joined


def _certainly_one(group: Sequence[TrackedLesion], others: Sequence[TrackedLesion], when: When) -> bool:
    if len(group) == 1 or not _name(group[0].site) or not _codes_agree(group):
        return False
    if any(could_be_same(group[0].site, other.site) for other in others):
        return False
    days = [_days(lesion, when) for lesion in group]
    if sum(len(seen) for seen in days) != len(set().union(*days)):
        return False
    unread = sum(not lesion.measurements for lesion in group)
    named = sum(bool(lesion.references) for lesion in group)
    followed = any(
        lesion.references and seen >= {"earlier", "baseline"} for lesion, seen in zip(group, days, strict=True)
    )
    if unread > 1 or (named > 1 and (unread or followed)):
        return False
    return not _identified_apart(group)


def _days(lesion: TrackedLesion, when: When) -> set[str]:
    """The scans a lesion was read on, other days by their date."""
    return {when(reading) or str(reading.date) for reading in lesion.measurements}


def _codes_agree(group: Sequence[TrackedLesion]) -> bool:
    return len({lesion.site.codes for lesion in group if lesion.site.codes}) < 2


def _identified_apart(group: Sequence[TrackedLesion]) -> bool:
    """Whether two of them carry identifiers of one system, which then differ."""
    seen: set[str] = set()
    for lesion in group:
        systems = {name.rpartition("|")[0] for name in lesion.identifiers}
        if seen & systems:
            return True
        seen |= systems
    return False


def could_be_same(one: Site, other: Site) -> bool:
    """Whether two places may hold one and the same lesion: neither place, side nor segment contradicts."""
    mine, theirs = _name(one), _name(other)
    if mine and theirs and mine != theirs and not _either_vague(one, other):
        return False
    return not (sides_differ(one.side, other.side) or segments_differ(one, other))


def _either_vague(one: Site, other: Site) -> bool:
    unclear = (one.organ is None and one.chain is None) or (other.organ is None and other.chain is None)
    unspecified = "unspecified" in (one.chain, other.chain) or "lymph_node" in (one.organ, other.organ)
    return unclear or (unspecified and _nodal(one) and _nodal(other))


def _nodal(site: Site) -> bool:
    return site.is_node or site.organ == "lymph_node"


def _merged(group: Sequence[TrackedLesion]) -> TrackedLesion:
    return TrackedLesion(
        key="",
        references=frozenset().union(*(lesion.references for lesion in group)),
        identifiers=frozenset().union(*(lesion.identifiers for lesion in group)),
        site=_fullest(lesion.site for lesion in group),
        role=next((lesion.role for lesion in group if lesion.role is not None), None),
        text=" ".join(dict.fromkeys(lesion.text for lesion in group if lesion.text)),
        evidence=tuple(item for lesion in group for item in lesion.evidence),
        measurements=tuple(reading for lesion in group for reading in lesion.measurements),
    )


def _with_keys(tracked: Iterable[TrackedLesion]) -> list[TrackedLesion]:
    used: dict[str, int] = defaultdict(int)
    named = []
    for lesion in sorted(tracked, key=_order):
        base = min(lesion.references, default=None) or _readable(lesion.site)
        used[base] += 1
        key = base if used[base] == 1 else f"{base} {used[base]}"
        named.append(replace(lesion, key=key))
    return sorted(named, key=lambda lesion: lesion.key)


def _order(lesion: TrackedLesion) -> tuple[str, str, str]:
    first = min((reading.evidence.reference for reading in lesion.measurements), default="")
    return (min(lesion.references, default=""), _readable(lesion.site), first)


def _readable(site: Site) -> str:
    place = (_name(site) or "unknown site").replace("_", " ").rstrip("*")
    side = f" {site.side.value}" if site.side in (Side.LEFT, Side.RIGHT, Side.BILATERAL) else ""
    detail = "".join(f" {segment}" for segment in sorted(segments_of(site)) if segment not in place)
    return f"{place}{side}{detail}" + (" node" if site.is_node else "")
