"""Trials: every criterion with its words, its place in the registry record, its rule."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args

from cds_service.catalog.dataclass_reading import fill
from cds_service.catalog.fields import Entry
from cds_service.domain import criteria
from cds_service.domain.criteria import Criterion, CriterionKind, DiseaseRules, NodalRules, Rule
from cds_service.domain.trials import Trial

_FILE = (
    "id",
    "version",
    "title",
    "short_title",
    "registry_id",
    "registry_url",
    "open",
    "alternative",
    "about",
    "types",
    "rules",
    "criteria",
)
_CRITERION = ("id", "kind", "title", "paraphrase", "record", "rule", "parameters")
_Rules = TypeVar("_Rules", criteria.LesionRules, criteria.StagingRules, criteria.TherapyRules)
_KINDS = {kind.value: kind for kind in CriterionKind}


def rule_name(kind: type[Any]) -> str:
    """A rule as the files write it: LabLimit is lab-limit."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


RULES: dict[str, type[Any]] = {rule_name(kind): kind for kind in get_args(Rule)}
"""Every rule a criterion can name."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a trial may refer to: uses and groups by concept, analytes, and the nodal rules."""

    uses: Mapping[str, frozenset[str]]
    groups: Mapping[str, frozenset[str]]
    analytes: frozenset[str]
    nodes: NodalRules
    backbone: frozenset[str] = frozenset()


def read_trial(entry: Entry, vocabulary: Vocabulary) -> Trial | None:
    """The trial of a file, None when it has a mistake."""
    before = len(entry.mistakes.found)
    entry.only(_FILE, "a trial")
    types = frozenset(entry.texts("types"))
    _known(entry, "types", types, vocabulary.groups.get("cancer-type", frozenset()), "group of cancer-type")
    found = [_criterion(item, vocabulary) for item in entry.entries("criteria")]
    if not found:
        entry.wrong("a trial needs 'criteria'", "criteria")
    _note_twice(entry)
    rules = _rules(entry.entry("rules"), vocabulary)
    if rules is None:
        return None
    trial = Trial(
        id=entry.text("id"),
        version=entry.text("version"),
        title=entry.text("title"),
        short_title=entry.text("short_title"),
        registry_id=entry.text("registry_id"),
        registry_url=entry.text("registry_url"),
        criteria=tuple(criterion for criterion in found if criterion is not None),
        rules=rules,
        types=types,
        open=entry.text("open", "true") == "true",
        alternative=entry.text("alternative", ""),
    )
    return trial if len(entry.mistakes.found) == before else None


def _criterion(entry: Entry, vocabulary: Vocabulary) -> Criterion | None:
    entry.only(_CRITERION, "a criterion")
    before = len(entry.mistakes.found)
    kind = _KINDS.get(entry.text("kind"))
    if kind is None:
        entry.wrong("'kind' must be inclusion or exclusion", "kind")
    name = entry.text("rule")
    rule_kind = RULES.get(name)
    if rule_kind is None:
        entry.wrong(f"unknown rule '{name}'; use one of: {', '.join(RULES)}", "rule")
        return None
    rule = fill(rule_kind, entry.entry("parameters"), f"rule {name}")
    if "record" not in entry.block:
        entry.wrong("'record' is missing; say where the criterion stands in the registry record", "record")
    words = {key: entry.text(key) for key in ("id", "title", "paraphrase")}
    if rule is not None:
        _refers(entry.entry("parameters"), rule, vocabulary)
    if kind is None or rule is None or len(entry.mistakes.found) > before:
        return None
    return Criterion(**words, kind=kind, record=entry.text("record"), rule=rule)


def _refers(entry: Entry, rule: object, vocabulary: Vocabulary) -> None:
    """Notes every concept, use, analyte and type of a rule that is in no file."""
    for key in ("analyte", "total", "direct", "derived_from"):
        _known(entry, key, entry.texts(key), vocabulary.analytes, "analyte of analytes.yaml")
    for key in ("concept", "gilbert_concept"):
        _known(entry, key, entry.texts(key), vocabulary.uses.keys(), "concept of concepts/")
    types = vocabulary.groups.get("cancer-type", frozenset())
    _known(entry, "types", entry.texts("types"), types, "group of cancer-type")
    if isinstance(rule, criteria.NoActiveCondition) and rule.concept in vocabulary.uses:
        uses = vocabulary.uses[rule.concept]
        _known(entry, "outcomes", rule.outcomes, uses, f"use of {rule.concept}")
        _known(entry, "likely", rule.likely, uses, f"use of {rule.concept}")
        for use in sorted(uses - rule.outcomes.keys()):
            entry.wrong(
                f"use '{use}' of {rule.concept} has no outcome; write {use}: pass (or review, fail)", "outcomes"
            )
    _in_order(entry, rule)


_IN_ORDER = (
    ("at_least", "at_most"),
    ("at_most", "gilbert_below"),
    ("times", "times_with_metastasis"),
    ("karnofsky_fails_to", "karnofsky_passes_from"),
    ("pre_baseline_from_days", "pre_baseline_to_days"),
)
"""Parameters of which the first is never above the second."""


def _in_order(entry: Entry, rule: object) -> None:
    """Notes limits that contradict each other, and a limit that limits nothing."""
    for low, high in _IN_ORDER:
        least, most = getattr(rule, low, None), getattr(rule, high, None)
        if least is not None and most is not None and least > most:
            entry.wrong(f"'{low}' is above '{high}'; one of them is wrong", low)
    if isinstance(rule, criteria.LabLimit) and rule.at_least is None and rule.at_most is None:
        entry.wrong("a lab-limit needs 'at_least' or 'at_most'; write one of them")


def _known(entry: Entry, key: str, names: Iterable[str], known: Collection[str], what: str) -> None:
    for name in names:
        if name not in known:
            entry.wrong(f"'{name}' is no {what}; use one of: {', '.join(sorted(known))}", key)


def _note_twice(entry: Entry) -> None:
    seen: set[str] = set()
    for item in entry.entries("criteria"):
        name = item.block.get("id")
        if isinstance(name, str) and name in seen:
            item.wrong(f"criterion '{name}' stands twice; keep one", "id")
        seen.add(str(name))


def _rules(entry: Entry, vocabulary: Vocabulary) -> DiseaseRules | None:
    """What the criteria share, None after a mistake; every threshold stands in the file, with where it is from."""
    entry.only(("lesions", "staging", "nodes", "therapy"), "rules")
    lesions = _cited(criteria.LesionRules, entry, "lesions")
    staging = _cited(criteria.StagingRules, entry, "staging")
    therapy = _cited(criteria.TherapyRules, entry, "therapy")
    _in_order(entry.entry("staging"), staging)
    nodes = _nodes(entry, vocabulary)
    if therapy is not None:
        _refers_to_agents(entry.entry("therapy"), therapy, vocabulary)
    if lesions is None or staging is None or therapy is None:
        return None
    if not therapy.background_agents:
        therapy = replace(therapy, background_agents=vocabulary.backbone)
    return DiseaseRules(lesions, staging, therapy, nodes)


def _cited(kind: type[_Rules], entry: Entry, name: str) -> _Rules | None:
    section = entry.entry(name)
    if "record" not in section.block:
        section.wrong(f"rules of {name} need 'record'; say where their numbers come from", "record")
    return fill(kind, section, f"rules of {name}", "record")


def _refers_to_agents(entry: Entry, therapy: criteria.TherapyRules, vocabulary: Vocabulary) -> None:
    agents = vocabulary.groups.get("agent", frozenset())
    for like in therapy.substitutions:
        _known(entry, "substitutions", like, agents, "agent")
    for key in ("background_agents", "doubtful_agents"):
        _known(entry, key, entry.texts(key), agents, "agent")
    types = vocabulary.groups.get("cancer-type", frozenset())
    _known(entry, "background_for", therapy.background_for, types, "group of cancer-type")
    reasons = vocabulary.uses.get("stop-reason", frozenset())
    _known(entry, "intolerance_groups", therapy.intolerance_groups, reasons, "use of stop-reason")
    classes = vocabulary.uses.get("agent", frozenset())
    _known(entry, "endocrine_class", entry.texts("endocrine_class"), classes, "class of an agent")


def _nodes(entry: Entry, vocabulary: Vocabulary) -> NodalRules:
    named = entry.text("nodes", "none")
    if named not in ("nodes.yaml", "none"):
        entry.wrong("'nodes' must be nodes.yaml, or be left out", "nodes")
    return vocabulary.nodes if named == "nodes.yaml" else NodalRules(frozenset(), {}, {})
