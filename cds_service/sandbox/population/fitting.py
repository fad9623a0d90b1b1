"""What candidates are built for: traps behind which a patient still fits.

Status and deciding criteria are written by hand from CRITERIA (the table and its rulings), never by asking the engine.
"""

from __future__ import annotations

from cds_service.sandbox.population import bases as b
from cds_service.sandbox.population import edits, marks
from cds_service.sandbox.population.edits import ecog, lab, problem, setting, together
from cds_service.sandbox.population.making import Edit, Mark, Reason


def _candidate(
    name: str,
    built_for: str,
    *,
    bases: tuple[str, ...] = b.FITTING,
    edit: Edit | None = None,
    mark: Mark | None = None,
    plain: bool = False,
) -> Reason:
    return Reason(name, "candidate", (), built_for, bases, edit, mark, plain=plain)


CANDIDATES: tuple[Reason, ...] = (
    _candidate(
        "labs-at-the-limits",
        "every result is exactly at its limit, and a limit belongs to what is allowed",
        bases=b.NO_GILBERT,
        edit=lab(anc=0.5, platelets=25, hemoglobin=7.0, bilirubin=1.5, ast=120, alt=123),
        plain=True,
    ),
    _candidate(
        "bilirubin-25.65-umol",
        "total bilirubin of 25.65 umol/L is exactly 1.5 mg/dL",
        bases=b.NO_GILBERT,
        edit=lab(bilirubin=25.65),
        mark=marks.in_unit("bilirubin", "umol/L"),
        plain=True,
    ),
    _candidate(
        "labs-on-day-28", "the results are 28 days old, the last day on which they count", edit=edits.labs_on(-28)
    ),
    _candidate("ecog-on-day-90", "ECOG 2 ninety days ago, the last day on which it counts", edit=ecog(2, -90)),
    _candidate("scans-28-42", "the scan is 28 days old, the earlier one 42 days older", edit=edits.scans_at(-28, -70)),
    _candidate(
        "scans-28-112", "the scan is 28 days old, the earlier one 112 days older", edit=edits.scans_at(-28, -140)
    ),
    _candidate(
        "five-lesions", "five progressive lesions, as many as may be", bases=(b.MANY,), edit=edits.lesions_kept(5)
    ),
    _candidate(
        "growth-exactly-20-percent",
        "every lesion grew from 25 to 30 mm, exactly 20 % and 5 mm",
        bases=b.GROWTH_ALONE,
        edit=edits.sized((25.0, 20.0), (30.0, 25.0)),
    ),
    _candidate(
        "new-lesion",
        "the known lesions are stable, a new nodule of 16 mm decides",
        bases=(b.LUPUS, b.PANCREAS),
        edit=together(edits.stable, edits.new_lesion(16, 14)),
    ),
    _candidate("eighteen-today", "turned eighteen today", bases=(b.KIDNEY,), mark=marks.eighteen_today),
    _candidate("four-lines", "four lines, as many as may be", bases=(b.LINES,), edit=edits.without_line(2)),
    _candidate(
        "enzymes-with-liver-metastases",
        "AST four times its limit, allowed up to five with liver metastases",
        bases=b.WITH_LIVER,
        edit=lab(ast=160),
    ),
    _candidate(
        "pregnancy-test-negative",
        "of childbearing potential, with a negative test of this month",
        bases=(b.NO_TEST,),
        edit=setting(pregnancy_tests=[{"result": "negative", "days": -5}]),
    ),
    _candidate("lab-corrected", "a wrong platelet count was corrected", mark=marks.corrected("platelets", 12)),
    _candidate(
        "lab-in-error", "a low platelet count was entered in error", mark=marks.also("platelets", 9, "entered-in-error")
    ),
    _candidate(
        "lab-of-tomorrow",
        "a low platelet count is dated after the day of assessment",
        edit=edits.labs_also(3, platelets=9),
    ),
    _candidate(
        "newer-lab-implausible",
        "a newer neutrophil count cannot be (3000 10*3/uL), the older one decides",
        mark=marks.also("anc", 3000, "final", 1),
        plain=True,
    ),
    _candidate("merged-record", "the platelets stand in a record that was merged", mark=marks.merged_record),
    _candidate("lab-in-words", "platelets as a text of number and unit", mark=marks.as_text("platelets")),
    _candidate("urine-bilirubin", "bilirubin in the urine, which is none of the tests", mark=marks.urine_bilirubin),
    _candidate(
        "effusion-resolved",
        "a malignant effusion that has resolved",
        edit=problem("pleural-effusion-coded", -300, clinical="resolved"),
    ),
    _candidate(
        "carcinomatosis-refuted",
        "carcinomatosis was suspected and refuted",
        edit=problem("peritoneal-cavity-carcinomatosis", -200, verification="refuted"),
    ),
    _candidate(
        "leptomeningeal-in-error",
        "leptomeningeal spread was entered in error",
        edit=problem("leptomeningeal-spread", -100, verification="entered-in-error"),
    ),
    _candidate(
        "effusion-unspecified",
        "an effusion of unknown nature asks for review",
        edit=problem("effusion-unspecified", -20),
    ),
    _candidate("peritoneal-deposits", "C78.6 asks for review", edit=problem("peritoneal-deposits", -30)),
    _candidate(
        "second-cancer",
        "an active lung cancer beside asks for review",
        edit=setting(other_cancers=[{"type": "lung", "days": -900}]),
    ),
    _candidate(
        "skin-cancer", "a basal cell carcinoma of the skin does not matter", edit=problem("skin-basal-cell", -400)
    ),
    _candidate(
        "karnofsky-80", "Karnofsky 80 in place of ECOG", edit=edits.leaving_out("ecog"), mark=marks.karnofsky(80)
    ),
    _candidate("series-without-description", "modality and site in the series alone", mark=marks.series_only),
    _candidate(
        "description-alone", "the scans described in free text alone", bases=b.ONE_CT, mark=marks.description_only
    ),
)
