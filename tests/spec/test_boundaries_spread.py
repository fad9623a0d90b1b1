"""What each statement on spread is worth, and the picture made of them: CRITERIA I2, I17e, rulings 1, 12 and 16."""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from build import (
    condition,
    day,
    disease_rules,
    evidence,
    facts,
    lesion,
    meaning,
    measured,
    metastasis,
    primary,
    scan,
    stage,
)
from tables import each_row

from cds_service.domain.cancers import CancerPicture, read_cancer
from cds_service.domain.case import Case
from cds_service.domain.criteria import MetastaticDisease, NodalRow, NodalRules, NodeCategory
from cds_service.domain.dates import AsOf, parse_partial_date
from cds_service.domain.facts import Site
from cds_service.domain.judging import judge
from cds_service.domain.primaries import read_primaries
from cds_service.domain.spread import SpreadStatement, earlier, read_spread

SEVEN = frozenset({"CRC", "RCC", "BREAST", "PANCREAS", "UROTHELIAL", "PROSTATE", "ESOPHAGUS"})
NODES = NodalRules(
    midline=frozenset({"para-aortic"}),
    rows={
        ("PROSTATE", "iliac"): NodalRow(NodeCategory.SPLIT),
        ("PROSTATE", "para-aortic"): NodalRow(NodeCategory.DISTANT),
        ("RCC", "para-aortic"): NodalRow(NodeCategory.REGIONAL),
        ("CRC", "para-aortic"): NodalRow(NodeCategory.DISTANT, proposal=True),
    },
    other={"PROSTATE": NodalRow(NodeCategory.DISTANT)},
)
TODAY, BASELINE = "2026-11-22", scan(on="2026-11-10")
LUNG = condition("primary-cancer/PRIMARY/primary", ref="lung", text="Lung cancer")
PELVIS = condition("cancer-type/UROTHELIAL/review", ref="pelvis", text="Renal pelvis")


def said(*found: object, **more: Any) -> list[SpreadStatement]:
    known = facts(*found, **more)
    return list(read_spread(known, read_primaries(known.conditions, SEVEN), NODES))


def case(*found: object) -> Case:
    return Case(facts(*found).known_on(AsOf(day(TODAY))), disease_rules(nodes=NODES), SEVEN)


def picture(*found: object) -> CancerPicture:
    return case(*found).cancer


def stage_iv(*found: object) -> str:
    return judge(MetastaticDisease(), case(*found), AsOf(day(TODAY))).outcome.value


# --- one condition ------------------------------------------------------------------------------------------


@each_row("""
    of       | means                            | note                | by   | status   | verified    | proof                             | site                    | doubt
    CRC      | liver/metastatic                 |                     | code | active   | confirmed   | distant metastasis                | liver                   |
    CRC      | liver/metastatic                 | which one           | code | active   | confirmed   | distant metastasis                | liver                   | which one
    CRC      | /metastatic                      |                     | code | active   | confirmed   | distant metastasis                |                         |
    CRC      | liver/metastatic                 |                     | code | resolved | confirmed   | metastasis recorded as ended      | liver                   |
    CRC      | liver/metastatic                 |                     | code | active   | provisional | metastasis recorded as unconfirmed | liver                  |
    CRC      | liver/metastatic                 |                     | code | resolved | provisional | metastasis recorded as unconfirmed | liver                  |
    CRC      | liver/metastatic                 |                     | text | active   | confirmed   | words that sound metastatic       | liver                   |
    CRC      | liver/metastatic                 |                     | text | active   | provisional | words that sound metastatic       | liver                   |
    CRC      | liver/metastatic                 |                     | text | resolved | confirmed   | words that sound metastatic       | liver                   |
    CRC      | liver/review                     |                     | code | active   | confirmed   | words that sound metastatic       | liver                   |
    PROSTATE | lymph_node:para-aortic/nodal     |                     | code | active   | confirmed   | distant metastasis                | lymph_node:para-aortic  | distant nodes
    CRC      | lymph_node:para-aortic/nodal     |                     | code | active   | confirmed   | distant metastasis                | lymph_node:para-aortic  | distant nodes by general AJCC 8 knowledge
    RCC      | lymph_node:para-aortic/nodal     |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:para-aortic  | nodes of this chain may be regional
    CRC      | lymph_node:iliac/nodal           |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:iliac        | nodes of this chain may be regional
    PROSTATE | lymph_node:iliac/nodal           |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:iliac        | nodes of this chain may be regional
    PROSTATE | lymph_node:hilar/nodal           |                     | code | active   | confirmed   | distant metastasis                | lymph_node:hilar        | distant nodes
    PROSTATE | lymph_node:hilar/nodal           | may be regional too | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:hilar        | nodes of this chain may be regional
    PROSTATE | lymph_node:unspecified/nodal     |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:unspecified  | nodes of this chain may be regional
    PROSTATE | lymph_node:multiple/nodal        |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:multiple     | nodes of this chain may be regional
    PROSTATE | lymph_node:/nodal                |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:             | nodes of this chain may be regional
    PROSTATE | /nodal                           |                     | code | active   | confirmed   | lymph nodes that may be regional  |                         | nodes of this chain may be regional
    PROSTATE | lymph_node:hilar/nodal           |                     | code | active   | provisional | metastasis recorded as unconfirmed | lymph_node:hilar       | distant nodes
    PROSTATE | lymph_node:iliac/nodal           |                     | code | active   | provisional | words that sound metastatic       | lymph_node:iliac        | nodes of this chain may be regional
    PROSTATE | lymph_node:hilar/nodal           |                     | code | resolved | confirmed   | metastasis recorded as ended      | lymph_node:hilar        | distant nodes
    PROSTATE | lymph_node:iliac/nodal           |                     | code | resolved | confirmed   | lymph nodes that may be regional  | lymph_node:iliac        | nodes of this chain may be regional
    PROSTATE | lymph_node:hilar/nodal           |                     | text | active   | confirmed   | words that sound metastatic       | lymph_node:hilar        |
    PROSTATE | lymph_node:hilar;iliac/nodal     |                     | code | active   | confirmed   | lymph nodes that may be regional  | lymph_node:hilar;iliac  | nodes of this chain may be regional
    PROSTATE | lymph_node:hilar;para-aortic/nodal |                   | code | active   | confirmed   | distant metastasis                | lymph_node:hilar;para-aortic | distant nodes
""")
def test_a_secondary_cancer_on_the_problem_list(row: dict[str, str]) -> None:
    named = f"secondary-site/{row['means'].replace(';', '|')}"
    recorded = condition(
        named,
        ref="met",
        status=row["status"],
        verified=row["verified"],
        onset="2026-01-02",
        recorded="2026-02-03",
        note=row["note"],
        text_only=row["by"] == "text",
    )
    (found,) = said(primary(row["of"]), recorded)
    assert (found.proof.value, found.site or "", found.doubt) == (
        row["proof"],
        row["site"].replace(";", "|"),
        row["doubt"],
    )
    assert (found.evidence.reference, str(found.date), found.is_stage, found.words) == (
        "Condition/met",
        "2026-01-02",
        False,
        "",
    )


@each_row("""
    primaries                | verdict | because
    PROSTATE                 | pass    | para-aortic is distant
    PROSTATE, RCC            | unknown | regional for the second
    PROSTATE ended, RCC      | unknown | regional for the one there is
    PROSTATE, RCC ended      | pass    | the other is past
    PROSTATE, RCC unsure     | pass    | the other is not certain
    PROSTATE undecided       | unknown | nobody knows what it is a node of
                             | unknown | nor here
""")
def test_a_node_is_distant_for_every_certain_current_type_or_may_be_regional(row: dict[str, str]) -> None:
    found: list[object] = [metastasis("lymph_node:para-aortic")]
    for name in filter(None, row["primaries"].split(", ")):
        kind, _, how = name.partition(" ")
        if how == "undecided":
            found.append(condition(f"cancer-type/{kind}/review", ref=kind))
        else:
            status, verified = ("resolved" if how == "ended" else "active"), "provisional" if how else "confirmed"
            found.append(primary(kind, ref=kind, status=status, verified="confirmed" if how == "ended" else verified))
    assert stage_iv(*found) == row["verdict"]


def test_a_secondary_cancer_by_profile_alone_is_words_with_its_date() -> None:
    odd = condition(ref="odd", profile="secondary", unlisted=True, onset="2026-01-02")
    (found,) = said(primary(), odd)
    assert (found.proof.value, found.evidence.reference, str(found.date)) == (
        "words that sound metastatic",
        "Condition/odd",
        "2026-01-02",
    )
    named = condition("secondary-site/liver/metastatic", ref="met", profile="secondary")
    assert [item.proof.value for item in said(primary(), named)] == ["distant metastasis"]
    assert said(primary(), condition(ref="htn", unlisted=True)) == []
    assert said(primary(), condition(ref="odd", profile="primary", unlisted=True)) == []


@each_row("""
    primary   | others   | related              | proof                         | verdict
    colon     | lung     |                      | distant metastasis            | pass
    colon     | lung     | lung                 | metastasis of another cancer  | unknown
    colon     | lung     | primary              | distant metastasis            | pass
    colon     | lung     | lung, primary        | distant metastasis            | pass
    colon     |          | lung                 | distant metastasis            | pass
    undecided | lung     | lung                 | metastasis of another cancer  | unknown
              | lung     | lung                 | distant metastasis            | pass
""")
def test_a_metastasis_of_another_cancer_counts_only_where_none_of_the_trial_is_recorded(row: dict[str, str]) -> None:
    ours: list[object] = {"colon": [primary()], "undecided": [PELVIS]}.get(row["primary"], [])
    others = [LUNG] if row["others"] else []
    brain = metastasis("brain", related=[f"Condition/{name}" for name in row["related"].split(", ") if name])
    found = [item.proof.value for item in said(*ours, *others, brain)]
    assert found == [row["proof"]]
    assert stage_iv(*ours, *others, brain) == row["verdict"]


# --- stages ---------------------------------------------------------------------------------------------------


@each_row("""
    use         | by   | negated | focus | proof                         | since
    stage-iv    | code |         |       | distant metastasis            | 2026-03-04
    m1          | code |         |       | distant metastasis            | 2026-03-04
    stage-i-iii | code |         |       | stage I to III or M0          | 2026-03-04
    m0          | code |         |       | stage I to III or M0          | 2026-03-04
    m1          | text |         |       | words that sound metastatic   | 2026-03-04
    m0          | text |         |       |                               |
    unknown     | code |         |       |                               |
    m1          | code | yes     |       | no history of metastasis      | 2026-03-04
    m1          | code |         | lung  | metastasis of another cancer  | 2026-03-04
    m0          | code |         | lung  | metastasis of another cancer  | 2026-03-04
    m1          | code |         | primary | distant metastasis          | 2026-03-04
""")
def test_a_stage_that_was_observed(row: dict[str, str]) -> None:
    focus = [f"Condition/{row['focus']}"] if row["focus"] else []
    observed = stage(row["use"], on="2026-03-04", focus=focus, negated=bool(row["negated"]))
    if row["by"] == "text":
        observed = replace(observed, meanings=(meaning(f"stage/{row['use']}/{row['use']}", text_only=True),))
    found = said(primary(), LUNG, observed)
    assert [(item.proof.value, str(item.date), item.is_stage, item.site) for item in found] == (
        [(row["proof"], row["since"], True, None)] if row["proof"] else []
    )
    assert [item.evidence.reference for item in found] == (["Observation/stage"] if row["proof"] else [])


@each_row("""
    stage       | status   | verified    | proof
    stage-iv    | active   | confirmed   | distant metastasis
    stage-iv    | resolved | confirmed   | metastasis recorded as ended
    stage-iv    | active   | provisional | metastasis recorded as unconfirmed
    stage-i-iii | active   | confirmed   | stage I to III or M0
    stage-i-iii | resolved | confirmed   | stage I to III or M0
    stage-i-iii | active   | provisional | words that sound metastatic
""")
def test_the_stage_of_a_diagnosis_is_told_with_its_name(row: dict[str, str]) -> None:
    recorded = primary(stage=row["stage"], status=row["status"], verified=row["verified"], onset="2026-01-02")
    (found,) = said(recorded)
    assert (found.proof.value, str(found.date), found.is_stage) == (row["proof"], "2026-01-02", True)
    assert (found.words, found.evidence.reference) == (f"Colon cancer, {row['stage']}", "Condition/primary")


def test_a_diagnosis_whose_code_is_a_stage_is_told_in_its_own_words() -> None:
    both = condition("cancer-type/PROSTATE/yes", "stage/x/stage-iv", ref="both", text="Metastatic prostate cancer")
    (found,) = said(both)
    assert (found.proof.value, found.words, found.is_stage) == ("distant metastasis", "", True)


def test_the_stage_of_a_diagnosis_in_no_table_counts_and_of_another_cancer_does_not() -> None:
    unlisted = condition(ref="odd", unlisted=True, stage="stage-iv")
    (found,) = said(primary(), unlisted)
    assert (found.proof.value, found.words) == ("distant metastasis", "odd, stage-iv")
    of_lung = replace(LUNG, stages=unlisted.stages)
    assert [item.proof.value for item in said(primary(), of_lung)] == ["metastasis of another cancer"]
    assert [item.proof.value for item in said(of_lung)] == ["distant metastasis"]


# --- lesions --------------------------------------------------------------------------------------------------


@each_row("""
    organ | chain       | role       | measured                        | proof                            | site                   | since
    lung  |             | metastatic | 2026-11-10                      | distant metastasis               | lung                   | 2026-11-10
    lung  |             | metastatic | 2026-11-10 2026-08-20 2026-09-01 | distant metastasis              | lung                   | 2026-08-20
    lung  |             | metastatic | 2026-11-10 unseen-2026-08-20    | distant metastasis               | lung                   | 2026-11-10
    lung  |             | metastatic | 2026-11-10 specimen-2026-08-20  | distant metastasis               | lung                   | 2026-11-10
    lung  |             | metastatic | unseen-2026-11-10               |                                  |                        |
    lung  |             | metastatic | specimen-2026-11-10             |                                  |                        |
    lung  |             | metastatic |                                 |                                  |                        |
    lung  |             | metastatic | undated                         | distant metastasis               | lung                   | None
    lung  |             | metastatic | undated 2026-11-10              | distant metastasis               | lung                   | 2026-11-10
    lung  |             | primary    | 2026-11-10                      |                                  |                        |
    lung  |             |            | 2026-11-10                      |                                  |                        |
          |             | metastatic | 2026-11-10                      |                                  |                        |
          | para-aortic | metastatic | 2026-11-10 2026-08-20           | distant metastasis               | lymph_node:para-aortic | 2026-08-20
          | iliac       | metastatic | 2026-11-10 2026-08-20           | lymph nodes that may be regional | lymph_node:iliac       | 2026-08-20
          | unspecified | metastatic | 2026-11-10                      | lymph nodes that may be regional | lymph_node:unspecified | 2026-11-10
          | multiple    | metastatic | 2026-11-10                      | lymph nodes that may be regional | lymph_node:multiple    | 2026-11-10
""")
def test_a_lesion_called_metastatic_counts_from_its_first_reading(row: dict[str, str]) -> None:
    found: list[object] = [lesion(row["organ"] or None, chain=row["chain"] or None, role=row["role"] or None)]
    for number, word in enumerate(row["measured"].split()):
        on = None if word == "undated" else word.removeprefix("unseen-").removeprefix("specimen-")
        made = measured(on=on, long=12, seen=not word.startswith("unseen"), ref=f"m{number}")
        found.append(replace(made, specimen=word.startswith("specimen")))
    found.append(measured(lesion=None, site=Site("lung"), on="2025-01-01", long=12, ref="another"))
    statements = said(primary("PROSTATE"), *found)
    shown = [(item.proof.value, item.site or "", str(item.date)) for item in statements]
    assert shown == ([(row["proof"], row["site"], row["since"])] if row["proof"] else [])
    assert [item.evidence.reference for item in statements] == (["BodyStructure/l1"] if row["proof"] else [])


def test_statements_stand_in_the_order_conditions_stages_lesions() -> None:
    found = said(
        primary(), lesion("lung"), measured(on="2026-11-10", long=12), stage("m1", on="2026-03-01"), metastasis("bone")
    )
    assert [item.evidence.reference for item in found] == ["Condition/met", "Observation/stage", "BodyStructure/l1"]


@each_row("""
    one        | other      | earlier
    2024-01-10 | 2024-01-11 | yes
    2024-01-11 | 2024-01-10 | no
    2024-01-10 | 2024-01-10 | no
    2024-01    | 2024-01-10 | yes
    2024-01-01 | 2024-01    | yes
    2024-01    | 2024-01-01 | no
    2024-01-10 |            | yes
               | 2024-01-10 | no
               |            | no
""")
def test_which_recorded_date_comes_first(row: dict[str, str]) -> None:
    one, other = (parse_partial_date(row[name]) if row[name] else None for name in ("one", "other"))
    assert earlier(one, other) is (row["earlier"] == "yes")


# --- the picture ----------------------------------------------------------------------------------------------


@each_row("""
    bone on    | liver on   | liver status | stage on   | since
    2025-03-01 | 2024-02-01 | active       |            | 2024-02-01
    2024-02-01 | 2025-03-01 | active       |            | 2024-02-01
    2024-02-01 | 2025-03-01 | active       | 2026-01-01 | 2024-02-01
    2025-03-01 | 2024-02-01 | resolved     |            | 2024-02-01
    2025-03-01 |            | active       |            | 2025-03-01
    2025-03-01 | 2024-02-01 | unconfirmed  |            | 2025-03-01
""")
def test_the_disease_is_metastatic_since_the_earliest_proof_past_ones_included(row: dict[str, str]) -> None:
    doubted = row["liver status"] == "unconfirmed"
    found: list[object] = [
        primary(),
        metastasis("bone", ref="bone", onset=row["bone on"]),
        metastasis(
            "liver",
            ref="liver",
            onset=row["liver on"] or None,
            status="active" if doubted else row["liver status"],
            verified="unconfirmed" if doubted else "confirmed",
        ),
    ]
    if row["stage on"]:
        found.append(stage("m1", on=row["stage on"]))
    assert str(picture(*found).since) == row["since"]


def test_the_picture_shows_each_proof_of_distant_disease_once() -> None:
    twice = condition("secondary-site/liver/metastatic", "secondary-site/bone/metastatic", ref="both")
    shown = picture(primary(), twice, stage("m1", on="2026-01-01"), stage("m0", on="2026-02-01", ref="m0"))
    assert [item.reference for item in shown.metastatic_evidence] == ["Condition/both", "Observation/stage"]
    assert shown.metastatic_sites == {"liver", "bone"}
    assert [item.reference for item in shown.liver_evidence] == ["Condition/both"]


@each_row("""
    primary    | status | verified    | types      | sides
    PROSTATE   | active | confirmed   | PROSTATE   | left
    PROSTATE   | active | provisional |            |
    PROSTATE   | ended  | confirmed   |            |
    PROSTATE ? | active | confirmed   |            |
    LUNG       | active | confirmed   |            |
""")
def test_only_certain_current_primaries_of_the_trial_give_types_and_sides(row: dict[str, str]) -> None:
    kind, _, doubt = row["primary"].partition(" ")
    named = condition(
        f"cancer-type/{kind}/{'review' if doubt else 'yes'}",
        status="resolved" if row["status"] == "ended" else "active",
        verified=row["verified"],
        side="left",
    )
    found = picture(named)
    assert " ".join(sorted(found.types)) == row["types"]
    assert " ".join(side.value for side in found.sides) == row["sides"]
    current = row["status"] == "active" and row["verified"] == "confirmed"
    assert (len(found.primaries), len(found.uncertain)) == ((1, 0) if current else (0, 1))


def test_without_rules_for_nodes_no_node_is_distant_and_without_a_scan_no_organ_is_ruled_out() -> None:
    known = facts(primary("PROSTATE"), metastasis("lymph_node:para-aortic", onset="2026-01-01"))
    alone = read_cancer(known, SEVEN)
    assert [item.proof.value for item in alone.spread] == ["lymph nodes that may be regional"]
    assert (alone.since, alone.has_liver_metastasis.value) == (None, "unknown")


# --- the liver ------------------------------------------------------------------------------------------------


@each_row("""
    means                                                     | by   | status   | verified    | site   | liver
    liver-metastasis/LIVER/liver_mets                         | code | active   | confirmed   |        | true
    liver-metastasis/LIVER/liver_mets                         | code | active   |             |        | true
    liver-metastasis/LIVER/liver_mets                         | code | resolved | confirmed   |        | unknown
    liver-metastasis/LIVER/liver_mets                         | code | active   | provisional |        | unknown
    liver-metastasis/LIVER/liver_mets                         | text | active   | confirmed   |        | unknown
    effusion/EFFUSION/exclude                                 | code | active   | confirmed   | liver  | unknown
    secondary-site/liver/metastatic                           | code | active   | confirmed   |        | true
    secondary-site/unspecified/metastatic                     | code | active   | confirmed   |        | unknown
    secondary-site/unspecified/metastatic                     | code | active   | confirmed   | liver  | true
    secondary-site/unspecified/metastatic                     | code | active   | confirmed   | lung   | unknown
    secondary-site/unspecified/metastatic                     | code | resolved | confirmed   | liver  | unknown
    secondary-site/unspecified/metastatic                     | code | active   | provisional | liver  | unknown
    secondary-site/unspecified/metastatic                     | text | active   | confirmed   | liver  | unknown
    secondary-site/unspecified/review                         | code | active   | confirmed   | liver  | unknown
    secondary-site/other/metastatic                           | code | active   | confirmed   | liver  | true
    secondary-site//metastatic                                | code | active   | confirmed   | liver  | true
    secondary-site/lung/metastatic                            | code | active   | confirmed   | liver  | unknown
    secondary-site/unspecified/metastatic secondary-site/other/metastatic secondary-site//metastatic | code | active | confirmed | liver | true
""")
def test_which_diagnoses_are_liver_metastasis(row: dict[str, str]) -> None:
    recorded = condition(
        *row["means"].split(),
        ref="m",
        status=row["status"],
        verified=row["verified"] or None,
        site=Site(row["site"]) if row["site"] else None,
        text_only=row["by"] == "text",
    )
    found = picture(primary(), recorded)
    assert found.has_liver_metastasis.value == row["liver"]
    proofs = [item.reference for item in found.liver_evidence]
    assert proofs == (["Condition/m"] if row["liver"] == "true" else [])


@each_row("""
    listed at the baseline scan of 10 November       | liver   | because
                                                     | unknown | no list
    lung 2026-11-10                                  | false   |
    lung 2026-11-07                                  | false   | three days before
    lung 2026-11-06                                  | unknown | four
    lung 2026-11-20                                  | false   | after it
    lung 2026-11                                     | unknown | some day of the month
    lung undated                                     | unknown |
    lung 2026-11-10 specimen                         | unknown | a specimen is no scan
    liver 2026-11-10                                 | unknown | a liver lesion, not known to be metastatic
    liver 2026-11-10 unseen                          | false   | looked at, nothing there
    liver 2026-11-06 unseen                          | unknown | too early
    lung 2026-11-10, liver 2026-11-10 unseen         | false   |
    lung 2026-11-10, words-nodule 2026-11-10         | unknown | one of them nobody knows where
    words-nodule 2026-11-10, liver 2026-11-10 unseen | false   | the liver itself was looked at
    words-Liver-cyst 2026-11-10, liver 2026-11-10 unseen | unknown | the words say liver
    words-Liver-cyst 2026-11-10 unseen, liver 2026-11-10 unseen | false | and nothing there
    lung near-liver 2026-11-10                       | false   | its organ is known, the words are beside the point
    node-hilar 2026-11-10                            | false   | a node has its place
    lung 2026-11-10, words-nodule 2026-11-06         | false   | what was listed earlier is another list
""")
def test_what_rules_liver_metastasis_out(row: dict[str, str]) -> None:
    found: list[object] = [primary(), metastasis("lung"), BASELINE]
    for number, part in enumerate(filter(None, row["listed at the baseline scan of 10 November"].split(", "))):
        where, *words = part.split()
        text = " ".join(where.split("-")[1:]) if where.startswith("words") else ""
        near = words.pop(0) if words[0].startswith("near") else ""
        chain = "hilar" if where.startswith("node") else None
        organ = None if text or chain else where
        made = measured(
            lesion=None,
            site=Site(organ, chain, text=text or near.replace("-", " ")),
            on=None if words[0] == "undated" else words[0],
            long=12,
            seen="unseen" not in words,
            ref=f"m{number}",
        )
        found.append(replace(made, specimen="specimen" in words))
    assert picture(*found).has_liver_metastasis.value == row["liver"]


@each_row("""
    structure | reading | liver
    lung      | liver   | false
    liver     | lung    | unknown
              | lung    | false
              | liver   | unknown
    lung      |         | false
              |         | unknown
""")
def test_the_structure_a_reading_names_says_where_it_is(row: dict[str, str]) -> None:
    """The place of the structure counts before that of the reading, where it has one."""
    named = lesion(row["structure"] or None, role=None)
    reading = measured(on="2026-11-10", long=12, site=Site(row["reading"] or None))
    assert picture(primary(), BASELINE, named, reading).has_liver_metastasis.value == row["liver"]


@pytest.mark.parametrize("how", ["resolved", "unconfirmed", "foreign"])
def test_any_mention_of_the_liver_keeps_it_from_being_ruled_out(how: str) -> None:
    mentioned = metastasis(
        "liver",
        status="resolved" if how == "resolved" else "active",
        verified="unconfirmed" if how == "unconfirmed" else "confirmed",
        related=["Condition/lung"] if how == "foreign" else [],
    )
    listed = measured(lesion=None, site=Site("lung"), on="2026-11-10", long=12, ref="m")
    assert picture(primary(), LUNG, BASELINE, mentioned, listed).has_liver_metastasis.value == "unknown"
    assert picture(primary(), LUNG, BASELINE, listed).has_liver_metastasis.value == "false"


def test_the_baseline_is_the_latest_set_of_scans() -> None:
    """A list of the older set rules nothing out now."""
    older, newer = scan(on="2026-08-20", ref="old"), scan(on="2026-11-10", ref="new")
    at_old = measured(lesion=None, site=Site("lung"), on="2026-08-20", long=12, ref="m")
    assert picture(primary(), older, at_old).has_liver_metastasis.value == "false"
    assert picture(primary(), older, newer, at_old).has_liver_metastasis.value == "unknown"
    assert picture(primary(), at_old).has_liver_metastasis.value == "unknown"


def test_evidence_of_a_statement_is_the_record_itself() -> None:
    assert said(metastasis("bone"))[0].evidence == evidence("Condition/met", None, "Metastasis in bone")
