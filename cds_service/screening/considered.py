"""Whom the nightly run considers: every patient with any recorded evidence of cancer.

A listed or unrecognised cancer, a personal history of one, a stage, a metastasis, a lesion.
Wide on purpose: whoever is not considered is only counted. What does not hold (refuted,
entered in error) is no evidence, nor is a benign or in-situ neoplasm (a polyp of the colon);
what is past or unconfirmed is.
"""

from __future__ import annotations

from cds_service.domain.codes import Meaning, Meanings
from cds_service.domain.facts import Condition

_CANCER = frozenset({"cancer-type", "primary-cancer", "secondary-site", "stage", "malignant-text", "liver-metastasis"})
_NO_CANCER = frozenset({"not-malignant", "in-situ", "support", "root", "method"})
_GROUPS = frozenset(
    {
        ("effusion", "MALIGNANT_EFFUSION"),
        ("leptomeningeal", "LEPTOMENINGEAL"),
        ("marrow-involvement", "BONE_MARROW"),
        ("nodal-confounder", "OTHER_PRIMARY_NODAL_CONFOUNDER"),
        ("other-primary", "OTHER_PRIMARY"),
        ("other-primary", "OTHER_PRIMARY_LOW_RISK"),
        ("peritoneal-carcinomatosis", "PERITONEAL_CARCINOMATOSIS"),
    }
)

OBSERVED = frozenset({"stage", "lesion-observation", "lesion-response", "disease-status"})
"""Concepts of an Observation's code which are themselves evidence of cancer."""


def tells_of_cancer(condition: Condition) -> bool:
    """Whether a Condition is evidence of a cancer, present or past, certain or not."""
    if condition.profile is not None or condition.stages:
        return True
    return _any_cancer(condition.meanings) or _any_cancer(condition.morphology)


def _any_cancer(meanings: Meanings) -> bool:
    return any(map(_is_cancer, meanings))


def _is_cancer(meaning: Meaning) -> bool:
    if meaning.concept in _CANCER:
        return meaning.use not in _NO_CANCER
    return (meaning.concept, meaning.group) in _GROUPS
