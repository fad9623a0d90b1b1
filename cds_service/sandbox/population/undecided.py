"""What possible patients are built for: one thing missing, expired or open.

Status and deciding criteria are written by hand from CRITERIA (the table and its rulings), never by asking the engine.
"""

from __future__ import annotations

from cds_service.sandbox.population import bases as b
from cds_service.sandbox.population import edits, marks
from cds_service.sandbox.population.edits import cancer, ecog, lab, setting, together
from cds_service.sandbox.population.making import Edit, Mark, Reason


def _possible(
    name: str,
    deciding: str,
    built_for: str,
    *,
    bases: tuple[str, ...] = b.FITTING,
    edit: Edit | None = None,
    mark: Mark | None = None,
    only: bool = True,
) -> Reason:
    return Reason(name, "possible", tuple(deciding.split()), built_for, bases, edit, mark, only, plain=True)


POSSIBLES: tuple[Reason, ...] = (
    *(
        _possible(f"no-{name}", name, f"no {name} recorded", bases=b.NO_GILBERT, edit=lab(**{name: None}))
        for name in ("anc", "hemoglobin", "bilirubin")
    ),
    *(
        _possible(
            f"{name}-expired",
            name,
            f"{name} last measured 29 days ago or earlier",
            edit=edits.only_before(name, value, 29),
        )
        for name, value in (("platelets", 180), ("alt", 30), ("ast", 30))
    ),
    _possible(
        "anc-without-unit", "anc", "neutrophils without a unit", edit=lab(anc={"value": 3.1, "without": ["unit"]})
    ),
    _possible(
        "ast-without-limit", "ast", "AST without an upper limit", edit=lab(ast={"value": 33, "without": ["range"]})
    ),
    _possible("platelets-foreign-unit", "platelets", "platelets in mg/dL", mark=marks.in_unit("platelets", "mg/dL")),
    _possible("anc-implausible", "anc", "neutrophils of 3000 10*3/uL", edit=lab(anc=3000)),
    _possible(
        "platelets-below-a-hundred",
        "platelets",
        "platelets '< 100'",
        edit=lab(platelets=100),
        mark=marks.quantity("platelets", comparator="<"),
    ),
    _possible("platelets-not-done", "platelets", "platelets without a value", mark=marks.without_value("platelets")),
    _possible(
        "platelets-of-a-month",
        "platelets",
        "platelets dated by a month",
        mark=marks.in_the_month_the_window_opens("platelets"),
    ),
    _possible(
        "platelets-wrongly-typed",
        "platelets",
        "platelets beyond reading",
        mark=marks.wrongly_typed("platelets"),
        only=False,
    ),
    _possible(
        "platelets-cut-short",
        "platelets",
        "the line of the platelets was cut short",
        mark=marks.cut_short("platelets"),
        only=False,
    ),
    _possible(
        "problem-cut-short",
        "effusion",
        "a line of the problem list was cut short",
        mark=marks.problem_cut_short,
        only=False,
    ),
    _possible(
        "bilirubin-without-direct",
        "bilirubin",
        "bilirubin 2.0 without the direct fraction",
        bases=b.NO_GILBERT,
        edit=lab(bilirubin=2.0),
    ),
    _possible("no-ecog", "ecog", "no performance status", edit=edits.leaving_out("ecog")),
    _possible("ecog-expired", "ecog", "performance status 91 days old", edit=ecog(1, -91)),
    _possible(
        "karnofsky-60",
        "ecog",
        "Karnofsky 60 alone, which may be ECOG 2 or 3",
        edit=edits.leaving_out("ecog"),
        mark=marks.karnofsky(60),
    ),
    _possible(
        "oesophagus-or-stomach",
        "histology",
        "at the gastro-oesophageal junction",
        bases=(b.OESOPHAGUS,),
        edit=cancer(type="gastro-oesophageal-junction"),
    ),
    _possible("appendix", "histology", "of the appendix", bases=(b.COLON,), edit=cancer(type="appendix")),
    _possible(
        "pancreas-islets",
        "histology",
        "of the islets of the pancreas",
        bases=(b.PANCREAS,),
        edit=cancer(type="pancreas-islets"),
    ),
    _possible(
        "cancer-in-words",
        "histology",
        "the cancer is recorded in words only",
        bases=(b.COLON,),
        edit=cancer(type="colon-in-words"),
        only=False,
    ),
    _possible(
        "cancer-provisional",
        "histology",
        "the cancer is a provisional diagnosis",
        edit=cancer(verification="provisional"),
        only=False,
    ),
    _possible(
        "no-primary",
        "histology",
        "metastases without a primary",
        bases=(b.LUPUS, b.OESOPHAGUS),
        edit=edits.leaving_out("cancer"),
        only=False,
    ),
    _possible(
        "scan-expired",
        "baseline-imaging pre-baseline-imaging",
        "the latest scan is 29 days old",
        edit=edits.scans_at(-29, -99),
    ),
    _possible(
        "scans-41-apart", "pre-baseline-imaging", "the earlier scan is 41 days older", edit=edits.scans_at(-10, -51)
    ),
    _possible(
        "scans-113-apart", "pre-baseline-imaging", "the earlier scan is 113 days older", edit=edits.scans_at(-10, -123)
    ),
    _possible(
        "single-scan",
        "pre-baseline-imaging progression lesion-count",
        "there is no earlier scan",
        bases=b.GROWTH_ALONE,
        edit=edits.newest_scan_only,
    ),
    _possible(
        "chest-alone",
        "baseline-imaging pre-baseline-imaging",
        "only the chest was scanned",
        bases=(b.LUPUS,),
        edit=edits.scans_as("ct-chest"),
    ),
    _possible(
        "scans-without-words",
        "baseline-imaging pre-baseline-imaging",
        "the scans do not say what was scanned",
        bases=b.ONE_CT,
        mark=marks.no_words_on_scans,
        only=False,
    ),
    _possible(
        "lesions-not-measured-before",
        "progression lesion-count",
        "no lesion was measured on the earlier scan",
        bases=b.GROWTH_ALONE,
        edit=edits.no_earlier_sizes,
    ),
    _possible(
        "no-lesions",
        "progression lesion-count",
        "no lesion is recorded",
        bases=b.GROWTH_ALONE,
        edit=edits.leaving_out("lesions"),
    ),
    _possible(
        "stable-lesions",
        "progression lesion-count",
        "no lesion grew, and no response is stated",
        bases=b.GROWTH_ALONE,
        edit=edits.stable,
    ),
    _possible(
        "growth-below-20-percent",
        "progression lesion-count",
        "lesions grew from 30 to 35 mm, less than 20 %",
        bases=b.GROWTH_ALONE,
        edit=edits.sized((30.0, 25.0), (35.0, 29.0)),
    ),
    _possible(
        "growth-below-5-mm",
        "progression lesion-count",
        "lesions grew from 10 to 12 mm, less than 5 mm",
        bases=b.GROWTH_ALONE,
        edit=edits.sized((10.0, 9.0), (12.0, 11.0)),
    ),
    _possible(
        "worsened-without-lesions",
        "lesion-count",
        "progression is stated, lesions are not recorded",
        bases=b.GROWTH_ALONE,
        edit=together(edits.judged("status", "worsened"), edits.leaving_out("lesions")),
    ),
    _possible(
        "fifth-or-sixth-lesion",
        "lesion-count",
        "five progressive lesions and a new one of 8 mm",
        bases=(b.MANY,),
        edit=together(edits.lesions_kept(5), edits.new_lesion(8, 7)),
    ),
    _possible(
        "pregnancy-test-expired",
        "pregnancy",
        "of childbearing potential, the test is 29 days old",
        bases=(b.NO_TEST,),
        edit=setting(pregnancy_tests=[{"result": "negative", "days": -29}]),
    ),
    _possible("sex-unknown", "pregnancy", "sex unknown", bases=b.MEN, edit=setting(sex="unknown")),
    _possible("no-birth-date", "age", "no date of birth", bases=b.MEN, edit=edits.leaving_out("born")),
    _possible(
        "birth-year-alone",
        "age",
        "a year of birth that leaves eighteen open",
        bases=(b.KIDNEY, b.BLADDER),
        mark=marks.born_in_the_year_of_eighteen,
    ),
    _possible(
        "no-treatment-recorded",
        "prior-lines",
        "no treatment is recorded, which is not none given",
        edit=edits.leaving_out("therapy"),
    ),
    _possible(
        "treatment-begins-late",
        "prior-lines",
        "the first recorded treatment began 130 days after the spread",
        bases=(b.LUPUS, b.COLON, b.ENZYMES),
        edit=edits.one_line_from(130),
    ),
    _possible(
        "fourth-or-fifth-line",
        "prior-lines",
        "four lines, and adjuvant treatment in the year before",
        bases=(b.LINES,),
        edit=together(edits.without_line(2), edits.adjuvant_before),
    ),
)

RESTAGED_LATE = _possible(
    "stage-at-diagnosis",
    "stage-iv prior-lines",
    "stage II at diagnosis, not staged again since",
    bases=(b.LOCALISED,),
    edit=setting(stage=[{"group": "II", "m": "cM0", "days": -195}]),
)
