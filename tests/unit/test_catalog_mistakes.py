"""Every kind of mistake in mapping files is told, all at once, with file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.catalog.checking import check
from cds_service.catalog.loading import load_catalog
from cds_service.errors import MappingError

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "mappings"
    shutil.copytree(MAPPINGS, copy)
    return copy


def change(folder: Path, name: str, old: str, new: str) -> int:
    """Replaces text in a file; the line on which it stands."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


GILBERT = "concepts/gilbert.yaml"
TRIAL = "trials/extend-op.yaml"
PLATELETS = "parameters: {analyte: platelets, within_days: 28, at_least: 25000}"

KINDS = [
    # file, what stands there, what is written instead, part of the message
    (GILBERT, "use: bilirubin_exception", "uze: bilirubin_exception", "unknown key 'uze'"),
    (GILBERT, "use: bilirubin_exception, ", "", "'use' is missing"),
    (GILBERT, "code: '27503000'", "code: '27503001'", "check digit of SNOMED CT"),
    (GILBERT, "code: 'E80.4'", "code: '80.4'", "does not look like a code of ICD-10-CM"),
    (GILBERT, "system: sct", "system: snomed", "unknown system 'snomed'"),
    (GILBERT, "source: [s1]", "source: [nobody]", "source 'nobody' is not in 'sources'"),
    (GILBERT, ", source: [s1]", "", "'source' is missing"),
    ("analytes.yaml", "code: '777-3'", "code: '777-4'", "check digit of LOINC"),
    ("analytes.yaml", "times: 1000", "times: many", "'times' must be a number"),
    ("analytes.yaml", "unit: '10*3/uL'", "unit: '10*3/foo'", "is not UCUM"),
    ("analytes.yaml", "unit: '10*9/L', times: 1000", "unit: '10*9/L', times: 100", "by UCUM, here it is 100"),
    ("analytes.yaml", "unit: '/mm3'", "unit: 'mm'", "measures something else"),
    (TRIAL, "rule: not-known-dead", "rule: not-dead", "unknown rule 'not-dead'"),
    (TRIAL, PLATELETS, "parameters: {within_days: 28, at_least: 25000}", "needs 'analyte'"),
    (TRIAL, PLATELETS, PLATELETS.replace("platelets", "thrombos"), "'thrombos' is no analyte"),
    (TRIAL, PLATELETS, PLATELETS.replace("25000", "plenty"), "'at_least' must be a number"),
    (TRIAL, "within_days: 90", "within_days: 90.5", "must be a whole number"),
    (TRIAL, "concept: leptomeningeal", "concept: meninges", "'meninges' is no concept"),
    (TRIAL, "{exclude: fail, review: review, ", "{exclude: fale, review: review, ", "must be one of: pass, fail"),
    (TRIAL, "{flag_review: review, ", "{flag_revue: review, ", "no use of psychiatric-substance"),
    (TRIAL, "{flag_review: review, ", "{", "use 'flag_review' of psychiatric-substance has no outcome"),
    (TRIAL, PLATELETS, PLATELETS.replace(", at_least: 25000", ""), "a lab-limit needs 'at_least' or 'at_most'"),
    (TRIAL, PLATELETS, PLATELETS.replace("25000", "-25000"), "'at_least' must not be negative"),
    (TRIAL, PLATELETS, PLATELETS.replace("28", "-28"), "'within_days' must not be negative"),
    (TRIAL, PLATELETS, PLATELETS.replace("}", ", at_most: 20}"), "'at_least' is above 'at_most'"),
    (TRIAL, "gilbert_below: '3.0'", "gilbert_below: '1.0'", "'at_most' is above 'gilbert_below'"),
    (TRIAL, "pre_baseline_from_days: 42", "pre_baseline_from_days: 142", "is above 'pre_baseline_to_days'"),
    (TRIAL, "    grows_by_mm: '5'\n", "", "rules of lesions needs 'grows_by_mm'; write grows_by_mm: ..."),
    (TRIAL, "    baseline_within_days: 28\n", "", "rules of staging needs 'baseline_within_days'"),
    (TRIAL, "    lookback_days: 30\n", "", "rules of therapy needs 'lookback_days'"),
    (
        TRIAL,
        "    record: 'Eligibility Criteria, Inclusion: RECIST",
        "    note: 'RECIST",
        "rules of lesions need 'record'",
    ),
    (TRIAL, "[cisplatin, carboplatin]", "[cisplatin, carboplatine]", "'carboplatine' is no agent"),
    (TRIAL, "doubtful_agents: [methotrexate", "doubtful_agents: [methotrexat", "'methotrexat' is no agent"),
    (TRIAL, "background_for: [PROSTATE]", "background_for: [PROSTAT]", "'PROSTAT' is no group of cancer-type"),
    (TRIAL, "endocrine_class: hormone", "endocrine_class: hormon", "'hormon' is no class of an agent"),
    (TRIAL, "[not_tolerated]", "[not_tolerate]", "'not_tolerate' is no use of stop-reason"),
    (TRIAL, "record: 'Eligibility Criteria, Inclusion: performance status'", "open: true", "'record' is missing"),
    (TRIAL, "- id: ecog", "- id: age", "criterion 'age' stands twice"),
    (TRIAL, "exhibits: [contraception]", "exhibits: [pills]", "exhibit 'pills' must be one of"),
    ("words.yaml", r"pattern: '\bdementia\b", r"pattern: '(\bdementia\b", "is not a regular expression"),
    ("words.yaml", "concept: gilbert", "concept: gilberts", "concept is in no file"),
    ("nodes.yaml", "chain: axillary, category", "chain: armpit, category", "chain 'armpit' is not in 'chains'"),
    ("nodes.yaml", "counts: once", "counts: twice", "'counts' must be once"),
    ("systems.yaml", "like: icd10cm", "like: icd9cm", "'like' names 'icd9cm', which is no system here"),
    ("systems.yaml", "like: icd10cm", "like: sct", "'like' names 'sct', which is no system here with match: prefix"),
    ("systems.yaml", "agrees: '(?:", "agrees: '((?:", "'agrees' is not a regular expression"),
    ("systems.yaml", "check: verhoeff", "check: luhn", "unknown check digit 'luhn'"),
    ("agents.yaml", "class: targeted, names: ['verzenio']", "names: ['verzenio']", "'class' is missing"),
    ("sites/example-hospital.yaml", "analyte: platelets", "analyte: plates", "'plates' is no analyte"),
    ("sites/example-hospital.yaml", "use: exclude_unless_too_small", "use: exclude", "'exclude' is no use of effusion"),
    ("sites/example-hospital.yaml", "code: 777-3", "code: 777-5", "check digit of LOINC"),
    ("relevance.yaml", "why: 'looks like platelets'", "because: 'platelets'", "unknown key 'because'"),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), KINDS, ids=[kind[3] for kind in KINDS])
def test_a_mistake_is_told_with_file_and_line(folder: Path, name: str, old: str, new: str, told: str) -> None:
    line = change(folder, name, old, new)
    found = [mistake for mistake in check(folder) if told in mistake]
    assert found, check(folder)
    where, _, _ = found[0].partition(": ")
    file, _, number = where.rpartition(":")
    assert file == name
    assert abs(int(number) - line) <= 4


def test_the_line_is_the_row_s_own(folder: Path) -> None:
    line = change(folder, GILBERT, "code: '27503000'", "code: '27503001'")
    assert check(folder)[0].startswith(f"{GILBERT}:{line}: ")


def test_mistakes_of_all_files_are_told_at_once(folder: Path) -> None:
    change(folder, GILBERT, "system: sct", "system: snomed")
    change(folder, TRIAL, "rule: not-known-dead", "rule: not-dead")
    change(folder, "analytes.yaml", "code: '777-3'", "code: '777-4'")
    with pytest.raises(MappingError) as caught:
        load_catalog(folder)
    files = {mistake.partition(":")[0] for mistake in caught.value.mistakes}
    assert {GILBERT, TRIAL, "analytes.yaml"} <= files


def test_a_code_with_two_meanings_in_one_concept_is_a_conflict(folder: Path) -> None:
    path = folder / GILBERT
    row = "- {system: sct, code: '27503000', group: GILBERT_NOT, use: not_applicable, source: [s1]}\n"
    lines = path.read_text(encoding="utf-8") + row
    path.write_text(lines, encoding="utf-8")
    (mistake,) = check(folder)
    assert mistake.startswith(f"{GILBERT}:{lines.count(chr(10))}: ")
    assert "another group or use" in mistake


def test_the_same_row_twice_is_told(folder: Path) -> None:
    path = folder / GILBERT
    text = path.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if "27503000" in line)
    path.write_text(f"{text}{row}\n", encoding="utf-8")
    (mistake,) = check(folder)
    assert "stands twice in 'gilbert'" in mistake


def test_a_file_that_is_no_yaml_is_told(folder: Path) -> None:
    change(folder, "nodes.yaml", "\nchains:\n", "\nchains: [\n")
    assert any(mistake.startswith("nodes.yaml:") and "is not YAML" in mistake for mistake in check(folder))


def test_a_key_written_twice_is_told(folder: Path) -> None:
    change(folder, TRIAL, "id: extend-op\n", "id: extend-op\nid: other\n")
    assert any(mistake.startswith(f"{TRIAL}:5: names 'id' twice") for mistake in check(folder))


def test_an_alias_is_told(folder: Path) -> None:
    change(folder, TRIAL, "short_title: EXTEND-OP", "short_title: *other")
    assert any("uses an alias" in mistake or "is not YAML" in mistake for mistake in check(folder))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="is not a folder"):
        load_catalog(tmp_path / "nowhere")


def test_an_unknown_site_is_told_with_those_there_are(folder: Path) -> None:
    with pytest.raises(MappingError, match=r"sites/elsewhere.yaml:1: is missing.*example-hospital"):
        load_catalog(folder, "elsewhere")


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "analytes.yaml").unlink()
    assert any(mistake.startswith("analytes.yaml:1: there is no such file") for mistake in check(folder))


def test_the_mappings_as_they_stand_have_no_mistake() -> None:
    assert check(MAPPINGS) == []
