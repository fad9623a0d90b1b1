"""What ineligible patients are built for: one recorded fact that stands in the way.

Status and deciding criteria are written by hand from CRITERIA (the table and its rulings), never by asking the engine.
"""

from __future__ import annotations

from cds_service.sandbox.population import bases as b
from cds_service.sandbox.population import edits, marks
from cds_service.sandbox.population.edits import cancer_of, ecog, lab, lab_between, problem, setting, together
from cds_service.sandbox.population.making import Edit, Mark, Reason


def _ineligible(
    name: str,
    deciding: str,
    built_for: str,
    *,
    bases: tuple[str, ...] = b.FITTING,
    edit: Edit | None = None,
    mark: Mark | None = None,
) -> Reason:
    return Reason(name, "ineligible", tuple(deciding.split()), built_for, bases, edit, mark, plain=True)


INELIGIBLES: tuple[Reason, ...] = (
    _ineligible("anc-low", "anc", "neutrophils below 500", edit=lab_between("anc", 0.1, 0.49, 2)),
    _ineligible(
        "anc-below-detection",
        "anc",
        "neutrophils '< 0.1'",
        edit=lab(anc=0.1),
        mark=marks.quantity("anc", comparator="<"),
    ),
    _ineligible("platelets-low", "platelets", "platelets below 25,000", edit=lab_between("platelets", 3, 24.9, 1)),
    _ineligible("hemoglobin-low", "hemoglobin", "hemoglobin below 7", edit=lab_between("hemoglobin", 4, 6.9, 1)),
    _ineligible(
        "bilirubin-high",
        "bilirubin",
        "bilirubin high, the direct fraction above its range",
        bases=b.NO_GILBERT,
        edit=lab(bilirubin=3.4, bilirubin_direct=1.9),
    ),
    _ineligible(
        "gilbert-at-3",
        "bilirubin",
        "Gilbert syndrome, but bilirubin of exactly 3.0",
        bases=(b.PANCREAS,),
        edit=lab(bilirubin=3.0, bilirubin_direct=0.9),
    ),
    _ineligible("ast-high", "ast", "AST more than five times its limit", edit=lab_between("ast", 201, 900, 0)),
    _ineligible("alt-high", "alt", "ALT more than five times its limit", edit=lab_between("alt", 206, 900, 0)),
    _ineligible(
        "ast-without-liver-metastases",
        "ast",
        "AST four times its limit without liver metastases",
        bases=b.NO_LIVER,
        edit=lab(ast=160),
    ),
    _ineligible(
        "two-labs", "platelets hemoglobin", "platelets and hemoglobin too low", edit=lab(platelets=14, hemoglobin=6.1)
    ),
    _ineligible("ecog-3", "ecog", "ECOG 3", edit=ecog(3, -5)),
    _ineligible("ecog-4", "ecog", "ECOG 4", edit=ecog(4, -12)),
    _ineligible("karnofsky-40", "ecog", "Karnofsky 40", edit=edits.leaving_out("ecog"), mark=marks.karnofsky(40)),
    _ineligible("seventeen", "age", "eighteen tomorrow", bases=(b.KIDNEY, b.BLADDER), edit=edits.age(18, -1)),
    _ineligible("died-today", "alive", "died today", edit=setting(died=0)),
    _ineligible("dead", "alive", "known dead, without a day", mark=marks.dead_without_a_day),
    _ineligible(
        "stable-disease",
        "progression lesion-count",
        "no lesion grew, and the response is stable",
        bases=b.GROWTH_ALONE,
        edit=together(edits.stable, edits.judged("responses", "stable")),
    ),
    _ineligible("six-lesions", "lesion-count", "six progressive lesions", bases=(b.MANY,), edit=edits.lesions_kept(6)),
    _ineligible(
        "pleural-effusion", "effusion", "malignant pleural effusion", edit=problem("pleural-effusion-coded", -20)
    ),
    _ineligible("ascites", "effusion", "malignant ascites", edit=problem("ascites-malignant", -20)),
    _ineligible(
        "pericardial-effusion",
        "effusion",
        "malignant pericardial effusion",
        edit=problem("pericardial-effusion-malignant", -20),
    ),
    _ineligible(
        "leptomeningeal", "leptomeningeal", "leptomeningeal spread", edit=problem("leptomeningeal-spread", -20)
    ),
    _ineligible(
        "carcinomatosis",
        "peritoneal-carcinomatosis",
        "carcinomatosis of the peritoneal cavity",
        edit=problem("peritoneal-cavity-carcinomatosis", -20),
    ),
    _ineligible(
        "breastfeeding",
        "pregnancy",
        "breastfeeding",
        bases=(b.NO_TEST,),
        edit=together(setting(pregnancy_tests=[{"result": "negative", "days": -5}]), problem("breastfeeding", -60)),
    ),
    _ineligible(
        "marrow",
        "marrow-involvement",
        "a marrow biopsy was malignant, no bone metastasis is known",
        bases=(b.LUPUS, b.COLON),
        edit=setting(procedures=[{"procedure": "marrow-biopsy", "days": -60}]),
        mark=marks.marrow_report,
    ),
    _ineligible(
        "effusion-and-ecog",
        "ecog effusion",
        "malignant effusion and ECOG 3",
        edit=together(problem("pleural-effusion-coded", -20), ecog(3, -5)),
    ),
)

METASTATIC_OF_ANOTHER_TYPE = _ineligible(
    "another-type",
    "histology",
    "stage IV of another type",
    bases=b.NO_GILBERT,
    edit=cancer_of(*b.OTHER_TYPES),
)
