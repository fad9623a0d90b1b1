"""Places in the body: which parts of a scan show them, which come in pairs, whether two may be one.

Names are groups of the concepts "body-site" and "node-chain" of `mappings/`. Whether two
places are the same is a three-valued question: a lesion of "the pelvis" may be one of the
iliac nodes, and "a rib" is not certainly the other rib.

Source: RECIST 1.1 (Eisenhauer 2009) on what can be measured; general anatomy.
"""

from __future__ import annotations

from itertools import pairwise

from cds_service.domain.facts import Region, Side, Site
from cds_service.domain.truth import Truth

_CHEST = frozenset({Region.CHEST})
_ABDOMEN = frozenset({Region.ABDOMEN})
_PELVIS = frozenset({Region.PELVIS})
_HEAD = frozenset({Region.HEAD})
_BELLY = _ABDOMEN | _PELVIS
_TRUNK = _CHEST | _BELLY

AREAS: dict[str, frozenset[Region] | None] = {
    "abdomen": _ABDOMEN,
    "pelvis": _PELVIS,
    "chest": _CHEST,
    "head": _HEAD,
    "neck": None,
    "abd_pelvis": _BELLY,
    "chest_abd": _CHEST | _ABDOMEN,
    "chest_abd_pelvis": _TRUNK,
    "neck_chest_abd_pelvis": _TRUNK,
    "whole_body": None,
}
"""Regions that hold organs rather than being one; None where scans name no such region."""

_ORGAN_REGIONS: dict[str, frozenset[Region]] = {
    **dict.fromkeys(("lung", "mediastinum", "pleura", "pericardium", "rib", "sternum", "breast"), _CHEST),
    **dict.fromkeys(("liver", "adrenal", "kidney", "pancreas", "spleen", "stomach"), _ABDOMEN),
    **dict.fromkeys(("bladder", "prostate", "rectum", "ovary", "uterus", "sacrum", "ilium"), _PELVIS),
    **dict.fromkeys(("brain", "meninges", "skull"), _HEAD),
    **dict.fromkeys(("colon", "small_intestine", "peritoneum"), _BELLY),
    "esophagus": _CHEST,
}
_CHAIN_REGIONS: dict[str, frozenset[Region]] = {
    **dict.fromkeys(("mediastinal", "hilar", "axillary", "infraclavicular", "pectoral", "internal_mammary"), _CHEST),
    **dict.fromkeys(("para-aortic", "mesenteric"), _ABDOMEN),
    **dict.fromkeys(("iliac", "inguinal_femoral"), _PELVIS),
}

PAIRED = frozenset({"lung", "adrenal", "kidney", "breast", "ovary", "femur", "humerus", "ilium", "rib", "pleura"})
BONES = frozenset({"bone", "bone_marrow", "vertebra", "femur", "humerus", "ilium", "rib", "sacrum", "skull", "sternum"})
_MANIFOLD = frozenset({"bone", "bone_marrow", "vertebra", "rib", "skin", "muscle", "lymph_node", "peritoneum"})
"""Organs of which there are many: two lesions of "a rib" need not be of one rib."""

_FLUID_WORDS = ("effusion", "ascites")
_SEGMENTS = (
    *(f"segment {name}" for name in ("viii", "vii", "vi", "iv", "iii", "ii", "ix", "v", "i")),
    *(f"segment {number}" for number in ("10", "1", "2", "3", "4", "5", "6", "7", "8", "9")),
    "upper lobe",
    "middle lobe",
    "lower lobe",
    "left lobe",
    "right lobe",
    "caudate",
    "cerebellum",
    "cerebellar",
    "frontal",
    "parietal",
    "temporal",
    "occipital",
    "common iliac",
    "internal iliac",
    "external iliac",
    "obturator",
    *(f"{region}{number}" for region, top in (("t", 12), ("l", 5), ("c", 7)) for number in range(top, 0, -1)),
)
_SEGMENT_WORDS = frozenset(_SEGMENTS)
_NONE: frozenset[str] = frozenset()
_MARKS = str.maketrans(dict.fromkeys(",.;:()/-?+", " "))
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}

_ORGAN_WORDS = (
    ("cholecyst", None),
    ("gallbladder", None),
    ("thyroid", "thyroid"),
    ("adrenal", "adrenal"),
    ("nephrect", "kidney"),
    ("kidney", "kidney"),
    ("renal", "kidney"),
    ("hepat", "liver"),
    ("liver", "liver"),
    ("prostat", "prostate"),
    ("mastect", "breast"),
    ("lumpect", "breast"),
    ("breast", "breast"),
    ("colect", "colon"),
    ("colon", "colon"),
    ("sigmoid", "colon"),
    ("proctect", "rectum"),
    ("rectum", "rectum"),
    ("rectal", "rectum"),
    ("cystect", "bladder"),
    ("bladder", "bladder"),
    ("pneumonect", "lung"),
    ("lung", "lung"),
    ("pulmon", "lung"),
    ("esophag", "esophagus"),
    ("pancrea", "pancreas"),
    ("gastrect", "stomach"),
    ("stomach", "stomach"),
    ("crani", "brain"),
    ("cerebr", "brain"),
    ("brain", "brain"),
    ("splen", "spleen"),
    ("ovar", "ovary"),
    ("oophor", "ovary"),
    ("vertebr", "vertebra"),
    ("spine", "vertebra"),
    ("femur", "femur"),
    ("femoral", "femur"),
    ("humer", "humerus"),
    ("bone", "bone"),
    ("skelet", "bone"),
    ("lymph", "lymph_node"),
    ("pelvi", "pelvis"),
    ("abdom", "abdomen"),
    ("thora", "chest"),
    ("chest", "chest"),
)


_CHAIN_WORDS = (
    ("periaortic", "para-aortic"),
    ("paraaortic", "para-aortic"),
    ("para-aortic", "para-aortic"),
    ("retroperitoneal", "para-aortic"),
    ("iliac", "iliac"),
    ("axillary", "axillary"),
    ("cervical", "cervical_occipital"),
    ("inguin", "inguinal_femoral"),
    ("mediastin", "mediastinal"),
)
"""Chains that the name of an operation on lymph nodes tells."""


def regions_of(site: Site) -> frozenset[Region] | None:
    """The regions of a staging scan in which a place lies; None where that is not known."""
    if site.chain is not None:
        return _CHAIN_REGIONS.get(site.chain.rstrip("*"))
    if site.organ is None:
        return None
    return AREAS.get(site.organ) or _ORGAN_REGIONS.get(site.organ)


def unmeasurable(site: Site, text: str) -> str | None:
    """Why numbers never decide on a lesion of this place; None where they do.

    Bone without a soft-tissue component, marrow, meninges, and effusions (RECIST 1.1).
    """
    words = f"{site.text} {text}".lower()
    if any(word in words for word in _FLUID_WORDS):
        return "effusion"
    if site.organ == "meninges":
        return "meninges"
    return "bone" if site.organ in BONES and "soft tissue" not in words.replace("-", " ") else None


def segments_of(site: Site) -> frozenset[str]:
    """The words of a place that say more than its organ: segments, lobes, vertebrae."""
    text = f"{site.text} {site.detail}" if site.detail else site.text
    if not text or text == site.organ:
        return _NONE
    words = text.lower().translate(_MARKS).split()
    found = {word for word in words if word in _SEGMENT_WORDS}
    found.update(pair for pair in map(" ".join, pairwise(words)) if pair in _SEGMENT_WORDS)
    return frozenset(_plain(segment) for segment in found) if found else _NONE


def _plain(segment: str) -> str:
    head, _, last = segment.rpartition(" ")
    return f"{head} {_ROMAN.get(last, last)}" if head == "segment" else segment


def sides_differ(one: Side | None, other: Side | None) -> bool:
    """Whether two sides cannot be the same: left and right, either and the midline."""
    certain = (Side.LEFT, Side.RIGHT, Side.MIDLINE)
    return one is not other and one in certain and other in certain


def segments_differ(one: Site, other: Site) -> bool:
    """Whether both places name parts of the organ, and not the same ones."""
    mine, theirs = segments_of(one), segments_of(other)
    return bool(mine and theirs) and mine.isdisjoint(theirs)


def same_place(one: Site, other: Site, midline: frozenset[str]) -> Truth:
    """Whether two places are certainly, possibly or certainly not the same organ (or chain) and side.

    `midline` names the chains that have no sides. What only contains the other ("pelvis" and an
    iliac node) is UNKNOWN.
    """
    if _empty(one) or _empty(other):
        return Truth.UNKNOWN
    if sides_differ(one.side, other.side) and one.chain not in midline:
        return Truth.FALSE
    if one.organ in AREAS or other.organ in AREAS:
        return _overlap(one, other)
    if one.is_node or other.is_node:
        return _same_chain(one, other, midline)
    if one.organ != other.organ:
        return Truth.UNKNOWN if _generic_bone(one, other) else Truth.FALSE
    return _same_organ(one, other)


def _empty(site: Site) -> bool:
    return site.organ is None and site.chain is None


def _overlap(one: Site, other: Site) -> Truth:
    mine, theirs = regions_of(one), regions_of(other)
    return Truth.FALSE if mine and theirs and mine.isdisjoint(theirs) else Truth.UNKNOWN


def _generic_bone(one: Site, other: Site) -> bool:
    return "bone" in (one.organ, other.organ) and one.organ in BONES and other.organ in BONES


def _same_organ(one: Site, other: Site) -> Truth:
    if one.organ in _MANIFOLD or (one.organ in PAIRED and not _sides_agree(one, other)) or segments_differ(one, other):
        return Truth.UNKNOWN
    return Truth.TRUE


def _sides_agree(one: Site, other: Site) -> bool:
    both = {one.side, other.side}
    return both <= {Side.LEFT, Side.RIGHT, Side.BILATERAL} and (len(both) == 1 or Side.BILATERAL in both)


def _same_chain(one: Site, other: Site, midline: frozenset[str]) -> Truth:
    if one.chain is None or other.chain is None:
        organ = other.organ if one.chain is not None else one.organ
        chain = one.chain or other.chain
        near = organ == "lymph_node" or (organ == "mediastinum" and chain in ("mediastinal", "unspecified"))
        return Truth.UNKNOWN if near else Truth.FALSE
    if "unspecified" in (one.chain, other.chain):
        return Truth.UNKNOWN
    if one.chain != other.chain:
        return Truth.FALSE
    if segments_differ(one, other):
        return Truth.UNKNOWN
    return Truth.TRUE if one.chain in midline or _sides_agree(one, other) else Truth.UNKNOWN


def places_named(text: str) -> tuple[Site, ...]:
    """The organs and nodal chains that the words of a procedure name ("right nephrectomy"), with the side they name."""
    words = text.lower()
    organs: list[str] = []
    for stem, organ in _ORGAN_WORDS:
        if stem in words:
            words = words.replace(stem, " ")
            if organ is not None and organ not in organs:
                organs.append(organ)
    side = _side_named(text.lower().replace(",", " ").split())
    chains = _chains_named(text.lower()) if "lymph_node" in organs else ()
    nodes = tuple(Site(chain=chain, side=side, text=text) for chain in chains)
    return nodes + tuple(Site(organ=organ, side=side, text=text) for organ in _telling(organs, bool(nodes)))


def _telling(organs: list[str], chains_told: bool) -> list[str]:
    """The organs that say most: nodes of a region are in that region, a region adds nothing to an organ."""
    exact = [organ for organ in organs if organ not in AREAS and organ != "lymph_node"]
    areas = [organ for organ in organs if organ in AREAS]
    if "lymph_node" in organs and not chains_told:
        return exact + (areas or ["lymph_node"])
    return exact or ([] if chains_told else areas)


def _chains_named(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain for stem, chain in _CHAIN_WORDS if stem in words))


def _side_named(words: list[str]) -> Side | None:
    left, right = "left" in words, "right" in words
    if "bilateral" in words or (left and right):
        return Side.BILATERAL
    if left:
        return Side.LEFT
    return Side.RIGHT if right else None
