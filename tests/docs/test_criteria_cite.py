"""Every criterion of every trial says where in the registry record it stands, in our own words."""

from cds_service.catalog.loading import load_catalog

# fmt: off
CONTRACT = [
    "alive", "age", "stage-iv", "histology", "ecog", "progression", "lesion-count", "baseline-imaging",
    "pre-baseline-imaging", "lct-candidate", "rt-candidate", "pregnancy", "contraception", "anc",
    "platelets", "hemoglobin", "bilirubin", "ast", "alt", "effusion", "leptomeningeal",
    "peritoneal-carcinomatosis", "cognitive-impairment", "investigator-judgement", "marrow-involvement",
    "prior-lines", "rheumatologic", "psychiatric-substance", "other-malignancy",
]
# fmt: on


def test_the_trial_has_every_criterion_of_the_contract_and_no_other() -> None:
    found = [criterion.id for criterion in load_catalog().trials["extend-op"].criteria]
    assert sorted(found) == sorted(CONTRACT)


def test_every_criterion_cites_the_record_and_is_paraphrased() -> None:
    for criterion in load_catalog().trials["extend-op"].criteria:
        assert "NCT06367972" in criterion.record or "ligibility" in criterion.record or criterion.id == "alive", (
            criterion.id
        )
        assert len(criterion.paraphrase) > 20, criterion.id
        assert 2 < len(criterion.title) <= 60, criterion.id
