"""The hand-made patients from whom the others are made, by what they have in common."""

from __future__ import annotations

COLON, KIDNEY, PANCREAS, BLADDER = "sbx-colon-liver", "sbx-kidney-nodes", "sbx-pancreas-gilbert", "sbx-bladder-mri"
PROSTATE, OESOPHAGUS, RECTUM = "sbx-prostate-nodes", "sbx-oesophagus-adrenal", "sbx-rectum-treated"
LUPUS, ENZYMES = "sbx-kidney-lupus", "sbx-breast-enzymes"
MANY, LINES, NO_TEST, LOCALISED = "sbx-kidney-many", "sbx-breast-lines", "sbx-breast-no-test", "sbx-prostate-localised"

FITTING = (COLON, KIDNEY, PANCREAS, BLADDER, PROSTATE, OESOPHAGUS, RECTUM, LUPUS, ENZYMES)
MEN = (KIDNEY, PANCREAS, BLADDER, PROSTATE, OESOPHAGUS)
NO_GILBERT = (COLON, KIDNEY, BLADDER, OESOPHAGUS, RECTUM, LUPUS)
ONE_CT = (COLON, KIDNEY, PROSTATE, OESOPHAGUS, RECTUM, LUPUS, ENZYMES)
"""Staged by one CT of chest, abdomen and pelvis each time."""
GROWTH_ALONE = (PANCREAS, OESOPHAGUS, LUPUS, BLADDER)
"""Nobody said in a status that the disease progressed; no node, nothing treated locally."""
NO_LIVER = (KIDNEY, BLADDER, RECTUM, LUPUS)
WITH_LIVER = (COLON, OESOPHAGUS)
ELSEWHERE = frozenset({"sbx-pancreas-bare", "sbx-lung", LOCALISED})
"""Hand-made patients who have none of the seven cancers in its metastatic stage."""

OTHER_TYPES = ("lung", "melanoma", "uterus", "ovary", "thyroid", "lymphoma", "myeloma", "glioma")
