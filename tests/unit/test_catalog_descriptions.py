"""The file of scan descriptions: every mistake is told with its line; what is read is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.catalog.descriptions import ScanDescriptions, read_descriptions
from cds_service.catalog.fields import Entry
from cds_service.catalog.mistakes import Mistakes
from cds_service.catalog.yamlfiles import read_yaml
from cds_service.domain.facts import Modality, Region

CT = frozenset({Modality.CT})
WHOLE = """
guards: {before: '(?:without) $', after: '\\Wwall', aside: 'versus'}
modalities:
- {means: CT, pattern: '\\bct\\b', examples: ['CT chest'], unless: 'spect'}
regions:
- {covers: [chest], pattern: 'chest', examples: ['CT chest']}
- {covers: [pelvis], only: [MR], pattern: 'liver', examples: ['liver']}
no_scan: 'scout'
"""


def read(tmp_path: Path, text: str) -> tuple[ScanDescriptions, list[str]]:
    path = tmp_path / "words.yaml"
    path.write_text(text, encoding="utf-8")
    mistakes = Mistakes()
    found = read_descriptions(Entry("words.yaml", read_yaml(path, "words.yaml", mistakes), mistakes))
    return found, mistakes.lines()


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, WHOLE)
    assert mistakes == []
    assert found.modalities("CT_Chest") == CT
    assert found.modalities("SPECT ct") == frozenset()
    assert found.read("CT_Chest", CT).regions == {Region.CHEST}
    assert found.read("Liver", CT).regions == frozenset()
    assert found.is_no_scan("SCOUT 5.0")
    assert not found.is_no_scan("CHEST")


def test_guards_take_a_region_away_but_not_its_other_mention(tmp_path: Path) -> None:
    found, _ = read(tmp_path, WHOLE)
    assert found.read("without chest", CT).regions == frozenset()
    assert found.read("chest wall", CT).regions == frozenset()
    assert found.read("chest wall and chest", CT).regions == {Region.CHEST}
    assert found.read("head versus chest", CT).regions == frozenset()
    assert found.modalities("US versus CT") == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "examples: ['liver']",
            "examples: ['lung']",
            "words.yaml:7: the pattern does not match its own example 'lung'",
        ),
        (", examples: ['liver']", "", "words.yaml:7: a pattern needs examples it matches; write examples: ['...']"),
        ("covers: [chest]", "covers: [thorax]", "words.yaml:6: 'thorax' is not one of: chest, abdomen, pelvis, head"),
        ("only: [MR]", "only: [MRI]", "words.yaml:7: 'MRI' is not one of: CT, MR, PET, bone scan, other"),
        ("means: CT", "means: computer", "words.yaml:4: 'computer' is not one of: CT, MR, PET, bone scan, other"),
        ("no_scan:", "noscan:", "words.yaml:8: unknown key 'noscan' in the file of scan descriptions"),
        ("pattern: 'chest'", "pattern: 'ch(est'", "words.yaml:6: 'pattern' is not a regular expression"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    _, mistakes = read(tmp_path, WHOLE.replace(old, new, 1))
    assert any(line.startswith(told) for line in mistakes), mistakes
