"""Lesion lists as short text, for tables that a clinician can check.

"liver 20>30; lung left ->12; node iliac left 10>16 common iliac" is three lesions with their
size in mm at the earlier and at the baseline scan (nodes: short axis). ">" alone is not
measured; "-" is not measured on that scan; "!" after a size is an explicit response
("liver 20>20 !progressive").
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import build

from cds_service.catalog.loading import load_catalog
from cds_service.domain.case import Case
from cds_service.domain.dates import AsOf
from cds_service.domain.facts import DiseaseStatus, Lesion, LesionMeasurement, PatientFacts, Response, Side, Site
from cds_service.domain.trials import Trial

EARLIER, BASELINE, TODAY = "2026-08-20", "2026-11-10", "2026-11-22"
_SIDES = {side.value for side in Side}


@cache
def trial() -> Trial:
    """The trial as its file states it, for its nodal rules."""
    return load_catalog().trials["extend-op"]


def one_lesion(text: str, number: int) -> tuple[Lesion, list[LesionMeasurement]]:
    words = text.split()
    is_node = words[0] == "node"
    place = words[1] if is_node else words[0]
    sizes = next(word for word in words if ">" in word)
    side = next((word for word in words if word in _SIDES), None)
    said = next((word[1:] for word in words if word.startswith("!")), None)
    rest = " ".join(words[words.index(sizes) + 1 :]).partition("!")[0].strip()
    ref = f"l{number}"
    site = Site(
        organ=None if is_node or place == "?" else place,
        chain=place if is_node else None,
        side=Side(side) if side else None,
        text=rest or (f"{place} lymph node" if is_node else place),
    )
    found = Lesion(build.evidence(f"BodyStructure/{ref}"), f"BodyStructure/{ref}", site=site)
    axis = "short" if is_node else "long"
    read = [
        build.measured(lesion=ref, on=day, **{axis: size})
        for day, size in zip((EARLIER, BASELINE), sizes.split(">"), strict=True)
        if size not in ("", "-")
    ]
    if said:
        read.append(build.measured(lesion=ref, on=BASELINE, response=said, ref=f"said-{ref}"))
    return found, read


def lesion_list(text: str) -> list[object]:
    found: list[object] = []
    for number, part in enumerate(filter(None, (part.strip() for part in text.split(";"))), start=1):
        lesion, read = one_lesion(part, number)
        found += [lesion, *read]
    return found


def status(
    response: str,
    *,
    on: str | None = BASELINE,
    recist: bool = True,
    evidence_types: Iterable[str] = (),
    focus: Iterable[str] = (),
    ref: str = "status",
) -> DiseaseStatus:
    """An explicit statement on the disease."""
    return DiseaseStatus(
        build.evidence(f"Observation/{ref}", on),
        Response(response),
        recist,
        build.when(on),
        tuple(focus),
        frozenset(evidence_types),
    )


def both_scans() -> list[object]:
    return [build.scan(on=EARLIER, ref="ct1"), build.scan(on=BASELINE, ref="ct2")]


def record(
    lesions: str,
    *more: object,
    primary: str = "CRC",
    side: str | None = None,
    scans: bool = True,
    statuses: Iterable[DiseaseStatus] = (),
    **fields: object,
) -> PatientFacts:
    """A patient with a primary cancer, two comparable scans and the lesions of the text."""
    found = [build.primary(primary, side=side), *(both_scans() if scans else []), *lesion_list(lesions), *more]
    return build.facts(*found, disease_statuses=tuple(statuses), **fields)


def case_of(facts: PatientFacts, today: str = TODAY) -> Case:
    known = facts.known_on(AsOf(build.day(today)))
    return Case(known, trial().rules, trial().types)
