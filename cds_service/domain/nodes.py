"""Lymph nodes: regional or distant for the primary, and how many lesions they count as.

All progressive nodes of one chain and side are one lesion; midline chains have no sides;
regional nodes together are one. What is not recorded (side, chain, whether regional) widens
the count between its fewest and its most.

Source: CRITERIA I9 and ruling 10, RECIST reading section 4; regional nodes by AJCC 8
(proposal rows are general knowledge and shown as such).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.domain.cancers import CancerPicture
from cds_service.domain.criteria import NodalRow, NodalRules, NodeCategory
from cds_service.domain.facts import Side, Site
from cds_service.domain.making import quick_to_make

UNSPECIFIED = "unspecified"
_SIDES = (Side.LEFT, Side.RIGHT)


@quick_to_make
@dataclass(frozen=True, slots=True)
class Node:
    """A progressive (or possibly progressive) node as it counts.

    `side` is left, right or None (not recorded, or a midline chain); a node recorded on both
    sides is two of these.
    """

    chain: str
    side: Side | None
    category: NodeCategory


@quick_to_make
@dataclass(frozen=True, slots=True)
class Classified:
    """Whether a node is regional or distant, and the remark that belongs in its explanation."""

    category: NodeCategory
    remark: str = ""


def nodes_of(site: Site, cancer: CancerPicture, rules: NodalRules) -> tuple[Node, ...]:
    """What one node lesion counts as: two nodes where it is recorded on both sides of a paired chain."""
    chain = site.chain or UNSPECIFIED
    if chain in rules.midline or chain == UNSPECIFIED:
        return (Node(chain, None, classify(site, None, cancer, rules).category),)
    sides: tuple[Side | None, ...] = _SIDES if site.side is Side.BILATERAL else (one_side(site.side),)
    return tuple(Node(chain, side, classify(site, side, cancer, rules).category) for side in sides)


def one_side(side: Side | None) -> Side | None:
    """Left or right, None for anything that does not tell which."""
    return side if side in _SIDES else None


def classify(site: Site, side: Side | None, cancer: CancerPicture, rules: NodalRules) -> Classified:
    """Regional or distant, UNKNOWN where the primaries, their side or the words do not decide."""
    chain = site.chain or UNSPECIFIED
    if chain == UNSPECIFIED:
        return Classified(NodeCategory.UNKNOWN, "the chain is not recorded")
    found = [_by_row(site, side, _row(chain, kind, cancer, rules), cancer) for kind in sorted(cancer.types)]
    if not found:
        return Classified(NodeCategory.UNKNOWN, "the type of the primary is not certain")
    if len({item.category for item in found}) > 1:
        return Classified(NodeCategory.UNKNOWN, "regional for one of the primaries, distant for the other")
    return found[0]


def _row(chain: str, kind: str, cancer: CancerPicture, rules: NodalRules) -> NodalRow | None:
    row = rules.rows.get((kind, chain)) or rules.rows.get((kind, chain.rstrip("*"))) or rules.other.get(kind)
    if row is None or not row.not_for_groups:
        return row
    groups = {meaning.group for primary in cancer.primaries for meaning in primary.condition.meanings}
    return None if groups & row.not_for_groups else row


def _by_row(site: Site, side: Side | None, row: NodalRow | None, cancer: CancerPicture) -> Classified:
    if row is None:
        return Classified(NodeCategory.UNKNOWN, "regional or distant is not laid down for this primary")
    category = _split(site, side, row, cancer) if row.category is NodeCategory.SPLIT else row.category
    words = {
        NodeCategory.REGIONAL: "regional for this primary",
        NodeCategory.DISTANT: "distant (M1) for this primary",
    }.get(category, "regional or distant is not decided by what is recorded")
    return Classified(category, f"{words} (general AJCC 8 knowledge, to be confirmed)" if row.proposal else words)


def _split(site: Site, side: Side | None, row: NodalRow, cancer: CancerPicture) -> NodeCategory:
    by_words = _by_words(_words(site), row)
    if by_words is not NodeCategory.UNKNOWN or row.regional_side is None:
        return by_words
    primary = cancer.sides if Side.BILATERAL not in cancer.sides else frozenset(_SIDES)
    certain = primary & frozenset(_SIDES)
    if certain == frozenset(_SIDES):
        return NodeCategory.REGIONAL
    if not certain or side is None:
        return NodeCategory.UNKNOWN
    ipsilateral = side in certain
    return NodeCategory.REGIONAL if ipsilateral == (row.regional_side == "ipsilateral") else NodeCategory.DISTANT


def _words(site: Site) -> str:
    """The words of a place; a remark that names several places ("pelvic, mesorectal or presacral") tells none."""
    return f"{site.text} {'' if ' or ' in site.detail else site.detail}".lower()


def _by_words(words: str, row: NodalRow) -> NodeCategory:
    regional = any(word in words for word in row.regional_words)
    distant = any(word in words for word in row.distant_words)
    if regional == distant:
        return NodeCategory.UNKNOWN
    return NodeCategory.REGIONAL if regional else NodeCategory.DISTANT


def fewest(nodes: Sequence[Node], midline: frozenset[str]) -> int:
    """The smallest number of lesions these nodes can be, however what is not recorded turns out."""
    distant = _by_chain(node for node in nodes if node.category is NodeCategory.DISTANT)
    total = sum(_fewest_sides(found, chain in midline) for chain, found in distant.items())
    regional = any(node.category is NodeCategory.REGIONAL for node in nodes)
    undecided = [node for node in nodes if _undecided(node) and node.chain != UNSPECIFIED]
    if regional or any(not _can_join(node, distant.get(node.chain, []), midline) for node in undecided):
        total += 1
    return max(total, 1) if nodes else 0


def most(nodes: Sequence[Node], midline: frozenset[str]) -> int:
    """The largest number of lesions these nodes can be."""
    regional = any(node.category is NodeCategory.REGIONAL for node in nodes)
    distant = _by_chain(node for node in nodes if node.category is NodeCategory.DISTANT)
    either = _by_chain(node for node in nodes if node.category is not NodeCategory.REGIONAL)
    total = spare = 0
    for chain, found in either.items():
        groups = _most_sides(found, chain in midline)
        undecided = sum(_undecided(node) for node in found)
        spare += _most_sides(distant.get(chain, []), chain in midline) + undecided > groups
        total += groups
    return total + (1 if regional or spare else 0)


def as_one(nodes: Sequence[Node]) -> int:
    """The count with all distant nodes as one lesion and all regional nodes as another."""
    categories = {node.category for node in nodes} & {NodeCategory.REGIONAL, NodeCategory.DISTANT}
    return max(len(categories), 1) if nodes else 0


def _undecided(node: Node) -> bool:
    return node.category in (NodeCategory.UNKNOWN, NodeCategory.SPLIT)


def _by_chain(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    chains: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        chains[node.chain].append(node)
    return chains


def _fewest_sides(nodes: Sequence[Node], midline: bool) -> int:
    return 1 if midline else max(len({node.side for node in nodes if node.side}), 1)


def _most_sides(nodes: Sequence[Node], midline: bool) -> int:
    if not nodes:
        return 0
    if midline:
        return 1
    if nodes[0].chain == UNSPECIFIED:
        return len(nodes)
    sides = {node.side for node in nodes if node.side}
    return min(2, len(sides) + sum(node.side is None for node in nodes))


def _can_join(node: Node, distant: Sequence[Node], midline: frozenset[str]) -> bool:
    """Whether an undecided node may be of a chain and side that counts already."""
    if not distant:
        return False
    sides = {other.side for other in distant}
    return node.chain in midline or node.side is None or None in sides or node.side in sides
