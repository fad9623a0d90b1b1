"""Neutrophils worked out from a differential count: typed by hand from CRITERIA I17a, ruling 18.

The limit is 500 or more within 28 days; all results are of 10 November 2026, of one draw ("t"), unless said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from build import disease_rules, facts, lab, number, person
from tables import each_row

from cds_service.domain.case import Case
from cds_service.domain.criteria import LabLimit
from cds_service.domain.dates import AsOf
from cds_service.domain.differential import with_derived
from cds_service.domain.facts import LabResult, ReferenceRange
from cds_service.domain.results import sort_results
from cds_service.domain.rules.labs import judge_limit
from cds_service.domain.verdicts import Finding

TODAY = date(2026, 11, 22)
NEUTROPHILS = LabLimit("anc", 28, at_least=Decimal(500), derived_from=("wbc", "neutrophil-percent"))
KINDS = {
    "count": ("anc", "direct"),
    "seg": ("anc", "segmented_count"),
    "band": ("anc", "band_count"),
    "wbc": ("wbc", "support"),
    "wbc-corrected": ("wbc", "support_corrected"),
    "share": ("neutrophil-percent", "calc_percent"),
    "seg-share": ("neutrophil-percent", "segmented_percent"),
    "band-share": ("neutrophil-percent", "band_percent"),
}


def results(text: str) -> list[LabResult]:
    """ "wbc 1000, share <50 @other 2026-11-09": kind, sign and value ("?" for none), draw, day."""
    found = []
    for place, part in enumerate(filter(None, text.split(", "))):
        kind, value, *rest = part.split()
        sign = value.rstrip("0123456789.?")
        draw = next((word[1:] for word in rest if word.startswith("@")), "t")
        on = next((word for word in rest if word[0].isdigit()), "2026-11-10")
        analyte, use = KINDS[kind]
        bare = value[len(sign) :]
        unreadable = bare == "?"
        found.append(
            lab(
                analyte,
                None if unreadable else bare,
                ref=f"{place}-{kind}",
                sign=sign or None,
                use=use,
                draw=draw,
                on=on,
                problem="no value" if unreadable else None,
            )
        )
    return found


def judged(found: Iterable[LabResult]) -> Finding:
    return judge_limit(NEUTROPHILS, Case(facts(*found, of=person()), disease_rules(), frozenset()), AsOf(TODAY))


@each_row("""
    recorded                                        | verdict | because
    count 600, seg 300, band 100                    | pass    | a count of the day decides over its parts
    count 400, seg 500, band 100                    | fail    | in both directions
    count 600 2026-11-09, seg 300, band 100         | fail    | the parts of a later day decide
    count 600, seg 300 2026-11-09                   | pass    | parts of an earlier day do not
    count ?, seg 450, band 50                       | pass    | a count that cannot be read leaves it to the parts
    seg 450, band 50                                | pass    | the two add up
    seg 450, band 49.9                              | fail    |
    seg 450, band 50 @other                         | unknown | not of one draw: at least 450
    seg 450, band 50 2026-11-09                     | unknown | not of one day
    seg ?, band 600                                 | unknown | segmented cells that cannot be read are not none
    seg 450, band ?                                 | unknown | nor are band cells
    seg 500, band ?                                 | pass    | at least 500
    band 600                                        | unknown | band cells alone say nothing
    seg >300, band 250                              | pass    | more than 550
    seg >300, band 200                              | pass    | more than 500
    seg >300, band 150                              | unknown | more than 450
    seg >300, band >250                             | pass    | more than 550
    seg 300, band >150                              | unknown | more than 450
    seg <300, band 200                              | fail    | less than 500
    seg <=300, band 200                             | unknown | at most 500
    seg <=300, band 199                             | fail    | at most 499
    seg <300, band <200                             | fail    | less than 500
    seg <=300, band <200                            | unknown | at most 500
    seg <=300, band <199                            | fail    | at most 499
    seg <300, band >100                             | unknown | bounds that point apart
    seg <100                                        | unknown | band cells may make up for it
    seg >500                                        | pass    | more than 500
""")
def test_parts_that_add_up(row: dict[str, str]) -> None:
    assert judged(results(row["recorded"])).outcome.value == row["verdict"]


@each_row("""
    recorded                                        | verdict | because
    wbc 1000, share 50                              | pass    | 500
    wbc 1000, share 49.9                            | fail    | 499
    wbc 1000, share 50 @other                       | unknown | not of one draw
    wbc 1000 2026-11-09, share 50                   | unknown | not of one day
    wbc ?, share 50                                 | unknown |
    wbc 1000, share ?                               | unknown |
    share 50                                        | unknown | a share of nothing known
    wbc 1000                                        | unknown |
    wbc 900, wbc 1000, share 50                     | fail    | of two counts of the draw the lower
    wbc 1000, wbc 900, share 50                     | fail    | in either order
    wbc 1000, wbc 900 @other, share 50              | pass    | the other is of another draw
    wbc ?, wbc 1000, share 50                       | pass    | one cannot be read
    wbc 900, wbc-corrected 1000, share 50           | pass    | corrected for erythroblasts comes first
    wbc 1000, wbc-corrected 900, share 50           | fail    |
    wbc 900, wbc-corrected ?, share 50              | fail    | where it can be read
    wbc 900, wbc-corrected 1000 @other, share 50    | fail    | and is of the draw
    wbc <1000, share 50                             | fail    | less than 500
    wbc <=1000, share 50                            | unknown | at most 500
    wbc <=1000, share 49                            | fail    | at most 490
    wbc <1000, share <50                            | fail    | less than 500
    wbc <1000, share <=50                           | unknown | at most 500
    wbc <=1000, share <=49                          | fail    | at most 490
    wbc >1000, share 50                             | pass    | more than 500
    wbc >1000, share 40                             | unknown | more than 400
    wbc 1000, share >40                             | unknown | more than 400
    wbc >1000, share <60                            | unknown | bounds that point apart
    wbc 1000, seg-share 45, band-share 5            | pass    | 50 %
    wbc 1000, seg-share 45, band-share 4            | fail    | 49 %
    wbc 1000, seg-share 45, band-share 5 @other     | unknown | at least 45 %
    wbc 1000, seg-share 50                          | pass    | at least 50 %
    wbc 1000, seg-share ?, band-share 60            | unknown |
    wbc 1000, share 40, seg-share 50                | fail    | the whole share decides over its parts
    wbc 1000, share 60, seg-share 40, band-share 5  | pass    | in both directions
    wbc 1000, share ?, seg-share 45, band-share 5   | pass    | where it can be read
    count 600, wbc 1000, share 40                   | pass    | a count of the day decides
    seg 600, wbc 1000, share 40                     | fail    | two that were worked out: the worse
    wbc 1000, share 60, seg 100, band 300           | fail    | in either order
    wbc 1000 @a, share 60 @a, wbc 1000 @b, share 40 @b                     | fail    | two draws of a day: the worse
    wbc 1000 @a, share 40 @a, wbc 1000 @b, seg-share 60 @b                 | fail    |
    wbc 1000 @a, share 60 @a, wbc 1000 @b, seg-share 30 @b, band-share 5 @b | fail    |
    wbc 1000 @a, share 60 @a, wbc 1000 2026-11-09 @b, seg-share 30 2026-11-09 @b, band-share 5 2026-11-09 @b | pass |
    wbc 1000 2026-11-09 @a, share 60 2026-11-09 @a, wbc 1000 @b, seg-share 30 @b, band-share 5 @b | fail | the later day
""")
def test_shares_of_the_leukocytes(row: dict[str, str]) -> None:
    assert judged(results(row["recorded"])).outcome.value == row["verdict"]


# --- what a derived result carries ------------------------------------------------------------------------------


def derived(*found: LabResult) -> LabResult:
    """The one derived result of a day; `wbc` in /uL, shares in %, each with a range of its own."""
    dressed = [
        replace(
            item,
            unit="/uL" if item.analyte != "neutrophil-percent" else "%",
            ranges=(ReferenceRange(low=number(1), high=number(99)),),
        )
        for item in found
    ]
    ordered = sort_results(dressed)
    kinds = ([item for item in ordered if item.analyte == name] for name in ("anc", "wbc", "neutrophil-percent"))
    (one,) = [item for item in with_derived(*kinds) if item.derived]
    return one


@each_row("""
    recorded                                   | value | sign | evidence     | also                      | worked out from
    wbc 1200, share 50                         | 600   |      | 1-share      | 0-wbc                     | wbc 1200 x neutrophil-percent 50
    wbc 1200, share >=50                       | 600   | >=   | 1-share      | 0-wbc                     | wbc 1200 x neutrophil-percent >=50
    wbc <1200, share 50                        | 600   | <    | 1-share      | 0-wbc                     | wbc <1200 x neutrophil-percent 50
    wbc 1200, seg-share 40, band-share 10      | 600   |      | 1-seg-share  | 2-band-share 0-wbc        | wbc 1200 x neutrophil-percent 40 + neutrophil-percent 10
    wbc 1200, seg-share 40                     | 480   | >=   | 1-seg-share  | 0-wbc                     | wbc 1200 x neutrophil-percent 40
    seg 400, band 100                          | 500   |      | 0-seg        | 1-band                    | anc 400 + anc 100
    seg >400, band 100                         | 500   | >=   | 0-seg        | 1-band                    | anc >400 + anc 100
""")  # noqa: E501
def test_what_a_derived_result_says_of_itself(row: dict[str, str]) -> None:
    found = derived(*results(row["recorded"]))
    assert (found.value, found.comparator.value if found.comparator else "") == (Decimal(row["value"]), row["sign"])
    assert found.evidence.reference == f"Observation/{row['evidence']}"
    assert (found.evidence.date, found.evidence.text) == ("2026-11-10", row["worked out from"])
    assert [item.reference for item in found.also] == [f"Observation/{name}" for name in row["also"].split()]
    assert (found.unit, found.ranges, found.use) == ("/uL", (), "derived")
    assert (found.note, found.preliminary) == (f"calculated from {row['worked out from']}", False)


def test_segmented_cells_alone_are_a_lower_bound_and_say_so() -> None:
    (seg,) = results("seg 450")
    found = derived(replace(seg, note="smear"))
    assert (found.value, found.comparator.value if found.comparator else "") == (Decimal(450), ">=")
    assert found.note == "segmented neutrophils without a band count, so at least this many; smear"
    assert (found.ranges, found.use, found.evidence.text) == ((), "derived", "anc 450")


def test_notes_of_both_results_are_kept() -> None:
    whole, share = results("wbc 1200, share 50")
    text = "calculated from wbc 1200 x neutrophil-percent 50"
    assert derived(replace(whole, note="clumps"), replace(share, note="by hand")).note == f"{text}; clumps; by hand"
    assert derived(whole, replace(share, note="by hand")).note == f"{text}; by hand"
    seg, band = results("seg 400, band 100")
    assert derived(seg, replace(band, note="few")).note == "calculated from anc 400 + anc 100; few"


def test_a_preliminary_part_makes_the_result_preliminary() -> None:
    whole, share = results("wbc 1200, share 50")
    assert derived(replace(whole, preliminary=True), share).preliminary
    assert derived(whole, replace(share, preliminary=True)).preliminary
    assert not derived(whole, share).preliminary


def test_the_notes_of_a_summed_share_are_told_once() -> None:
    whole, seg, band = results("wbc 1200, seg-share 40, band-share 10")
    found = derived(whole, seg, replace(band, note="few"))
    assert found.note == "calculated from wbc 1200 x neutrophil-percent 40 + neutrophil-percent 10"
