"""Where organs and chains lie, which are paired or bone, what words of a place say: general anatomy, RECIST 1.1."""

from __future__ import annotations

import pytest
from tables import each_row

from cds_service.domain.anatomy import (
    places_named,
    regions_of,
    same_place,
    segments_differ,
    segments_of,
    sides_differ,
    unmeasurable,
)
from cds_service.domain.facts import Side, Site

MIDLINE = frozenset({"mediastinal", "para-aortic", "mesenteric"})


def site(text: str) -> Site:
    """ "lung left", "node iliac right common iliac", "?"; further words are the words of the place."""
    place, *rest = text.split()
    chain = rest.pop(0) if place == "node" else None
    side = Side(rest.pop(0)) if rest and rest[0] in {known.value for known in Side} else None
    return Site(None if chain or place == "?" else place, chain, side, " ".join(rest))


def same(one: str, other: str) -> str:
    truth = same_place(site(one), site(other), MIDLINE)
    assert same_place(site(other), site(one), MIDLINE) is truth
    return truth.value


# --- where it lies ------------------------------------------------------------------------------------------


@each_row("""
    scanned        | places
    chest          | lung, mediastinum, pleura, pericardium, rib, sternum, breast, esophagus, chest
    abdomen        | liver, adrenal, kidney, pancreas, spleen, stomach, abdomen
    pelvis         | bladder, prostate, rectum, ovary, uterus, sacrum, ilium, pelvis
    head           | brain, meninges, skull, head
    abdomen pelvis | colon, small_intestine, peritoneum, abd_pelvis
    abdomen chest  | chest_abd
    abdomen chest pelvis | chest_abd_pelvis, neck_chest_abd_pelvis
                   | femur, humerus, vertebra, bone, skin, muscle, thyroid, neck, whole_body, ?
    chest          | node mediastinal, node hilar, node axillary, node infraclavicular
    chest          | node pectoral, node internal_mammary
    abdomen        | node para-aortic, node mesenteric
    pelvis         | node iliac, node inguinal_femoral
    chest          | node internal_mammary*, node mediastinal*
                   | node supraclavicular, node cervical_occipital, node popliteal, node unspecified
""")
def test_which_part_of_a_staging_scan_shows_a_place(row: dict[str, str]) -> None:
    for place in row["places"].split(", "):
        found = regions_of(site(place))
        assert " ".join(sorted(region.value for region in found or ())) == row["scanned"], place
        assert found is None or found


@each_row("""
    why | places
    bone | bone, bone_marrow, vertebra, femur left, humerus left, ilium left, rib left, sacrum, skull, sternum
    meninges | meninges
         | liver, lung left, brain, muscle, skin, pleura, node iliac left
""")
def test_which_places_numbers_never_decide_on(row: dict[str, str]) -> None:
    for place in row["places"].split(", "):
        assert (unmeasurable(site(place), "") or "") == row["why"], place


@each_row("""
    place        | words                              | why
    pleura       | Pleural effusion                   | effusion
    ?            | EFFUSION                           | effusion
    peritoneum   | malignant ascites                  | effusion
    peritoneum   | Ascites                            | effusion
    peritoneum   | deposit                            |
    rib          | lytic                              | bone
    rib          | with soft tissue component         |
    rib          | with Soft-Tissue component         |
    rib          | soft component                     | bone
    rib          | pathological fracture with effusion | effusion
""")
def test_words_that_change_whether_numbers_decide(row: dict[str, str]) -> None:
    place = site(row["place"])
    assert (unmeasurable(place, row["words"]) or "") == row["why"]
    assert (unmeasurable(Site(place.organ, text=row["words"]), "") or "") == row["why"]


# --- the same place -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "organ", ["lung", "adrenal", "kidney", "breast", "ovary", "femur", "humerus", "ilium", "pleura"]
)
def test_an_organ_of_which_there_are_two_needs_its_side(organ: str) -> None:
    assert same(organ, organ) == "unknown"
    assert same(f"{organ} left", organ) == "unknown"
    assert same(f"{organ} left", f"{organ} left") == "true"
    assert same(f"{organ} right", f"{organ} right") == "true"
    assert same(f"{organ} left", f"{organ} right") == "false"
    assert same(f"{organ} bilateral", f"{organ} left") == "true"
    assert same(f"{organ} bilateral", organ) == "unknown"
    assert same(f"{organ} unilateral", f"{organ} unilateral") == "unknown"


@pytest.mark.parametrize("organ", ["liver", "pancreas", "spleen", "stomach", "bladder", "prostate", "uterus", "brain"])
def test_an_organ_of_which_there_is_one_is_the_same(organ: str) -> None:
    assert same(organ, organ) == "true"


@pytest.mark.parametrize(
    "organ", ["bone", "bone_marrow", "vertebra", "rib left", "skin", "muscle", "lymph_node", "peritoneum"]
)
def test_what_there_is_many_of_is_never_certainly_the_same(organ: str) -> None:
    assert same(organ, organ) == "unknown"


@each_row("""
    one                            | other                            | same
    bone                           | vertebra                         | unknown
    bone                           | femur left                       | unknown
    bone                           | humerus left                     | unknown
    bone                           | ilium left                       | unknown
    bone                           | rib left                         | unknown
    bone                           | sacrum                           | unknown
    bone                           | skull                            | unknown
    bone                           | sternum                          | unknown
    bone                           | bone_marrow                      | unknown
    bone                           | liver                            | false
    sacrum                         | skull                            | false
    neck                           | thyroid                          | unknown
    neck                           | femur left                       | unknown
    whole_body                     | brain                            | unknown
    abdomen                        | liver                            | unknown
    abdomen                        | lung left                        | false
    pelvis                         | prostate                         | unknown
    pelvis                         | liver                            | false
    chest                          | lung left                        | unknown
    chest                          | liver                            | false
    head                           | brain                            | unknown
    head                           | liver                            | false
    abd_pelvis                     | bladder                          | unknown
    abd_pelvis                     | lung left                        | false
    chest_abd                      | liver                            | unknown
    chest_abd                      | bladder                          | false
    chest_abd_pelvis               | bladder                          | unknown
    chest_abd_pelvis               | brain                            | false
    neck_chest_abd_pelvis          | bladder                          | unknown
    neck_chest_abd_pelvis          | brain                            | false
    chest left                     | lung right                       | false
    pelvis                         | node iliac left                  | unknown
    chest                          | node iliac left                  | false
    pelvis                         | femur left                       | unknown
    ?                              | ?                                | unknown
    ?                              | node iliac left                  | unknown
    liver segment 4                | liver segment IV                 | true
    liver segment 4                | liver segment 8                  | unknown
    liver segment 4                | liver                            | true
    lung left upper lobe           | lung left lower lobe             | unknown
    lung left upper lobe           | lung left upper lobe             | true
    liver midline                  | liver left                       | false
    node iliac left                | node iliac left                  | true
    node iliac left                | node iliac right                 | false
    node iliac                     | node iliac                       | unknown
    node iliac bilateral           | node iliac left                  | true
    node iliac left common iliac   | node iliac left internal iliac   | unknown
    node iliac left                | node axillary left               | false
    node mediastinal               | node mediastinal                 | true
    node mediastinal left          | node mediastinal right           | true
    node para-aortic left          | node para-aortic                 | true
    node unspecified               | node iliac left                  | unknown
    node unspecified               | node unspecified                 | unknown
    lymph_node                     | node iliac left                  | unknown
    lymph_node                     | node mediastinal                 | unknown
    mediastinum                    | node mediastinal                 | unknown
    mediastinum                    | node unspecified                 | unknown
    mediastinum                    | node hilar left                  | false
    lung left                      | node mediastinal                 | false
    liver                          | node unspecified                 | false
""")
def test_whether_two_places_are_one(row: dict[str, str]) -> None:
    assert same(row["one"], row["other"]) == row["same"]


def test_which_sides_exclude_each_other() -> None:
    left, right, middle = Side.LEFT, Side.RIGHT, Side.MIDLINE
    apart = [(left, right), (left, middle), (right, middle)]
    every = [None, *Side]
    found = [(one, other) for one in every for other in every if sides_differ(one, other)]
    assert set(found) == {*apart, *((other, one) for one, other in apart)}


# --- parts of an organ --------------------------------------------------------------------------------------


ROMAN = [("i", "1"), ("ii", "2"), ("iii", "3"), ("iv", "4"), ("v", "5"), ("vi", "6"), ("vii", "7"), ("viii", "8")]


@pytest.mark.parametrize(("roman", "number"), [*ROMAN, ("ix", "9")])
def test_segments_by_roman_numbers(roman: str, number: str) -> None:
    for text in (f"Segment {roman}", f"SEGMENT {roman.upper()} of it", f"segment {number}"):
        assert segments_of(Site("liver", text=text)) == {f"segment {number}"}


@each_row("""
    parts
    segment 10
    upper lobe
    middle lobe
    lower lobe
    left lobe
    right lobe
    caudate
    cerebellum
    cerebellar
    frontal
    parietal
    temporal
    occipital
    common iliac
    internal iliac
    external iliac
    obturator
    c1 c2 c3 c4 c5 c6 c7
    t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12
    l1 l2 l3 l4 l5
""")
def test_words_that_name_a_part(row: dict[str, str]) -> None:
    parts = row["parts"]
    each = parts.split() if parts[1].isdigit() else [parts]
    for part in each:
        assert segments_of(Site("organ", text=f"the {part.upper()} part")) == {part}
        assert segments_of(Site("organ", detail=part, text="elsewhere")) == {part}
        assert segments_of(Site("organ", detail=part)) == {part}


@pytest.mark.parametrize(
    "words",
    ["", "c0", "c8", "t0", "t13", "l0", "l6", "segment 0", "segment 11", "segment x", "lobe", "iliac", "segment"],
)
def test_words_that_name_no_part(words: str) -> None:
    assert segments_of(Site("organ", text=words)) == frozenset()
    assert segments_of(Site(words, text=words)) == frozenset()


@pytest.mark.parametrize("mark", [",", ".", ";", ":", "(", ")", "/", "-", "?", "+", ", ", " "])
def test_marks_between_parts_are_not_part_of_them(mark: str) -> None:
    found = segments_of(Site("vertebra", text=f"L1{mark}T12{mark}segment{mark}2"))
    assert found == {"l1", "t12", "segment 2"}


@each_row("""
    one       | other           | differ
    segment 4 | segment 8       | yes
    segment 4 | segment IV      | no
    segment 4 |                 | no
              |                 | no
    L1 and L2 | L2 and L3       | no
    L1 and L2 | L3 and L4       | yes
""")
def test_parts_differ_only_where_both_are_named(row: dict[str, str]) -> None:
    one, other = Site("organ", text=row["one"]), Site("organ", text=row["other"])
    assert segments_differ(one, other) is segments_differ(other, one) is (row["differ"] == "yes")


# --- the names of procedures ----------------------------------------------------------------------------------


@each_row("""
    procedure                                       | places
    Cholecystectomy                                 |
    Excision of gallbladder                         |
    Thyroidectomy                                   | thyroid
    Left adrenalectomy                              | adrenal left
    Right nephrectomy                               | kidney right
    Biopsy of left kidney                           | kidney left
    Renal cryoablation                              | kidney
    Hepatectomy                                     | liver
    Ablation of liver                               | liver
    Prostatectomy                                   | prostate
    Mastectomy                                      | breast
    Lumpectomy                                      | breast
    Radiotherapy to breast                          | breast
    Colectomy                                       | colon
    Resection of colon                              | colon
    Sigmoid resection                               | colon
    Proctectomy                                     | rectum
    Excision of rectum                              | rectum
    Rectal excision                                 | rectum
    Cystectomy                                      | bladder
    Bladder resection                               | bladder
    Pneumonectomy                                   | lung
    Lung resection                                  | lung
    Pulmonary wedge excision                        | lung
    Esophagectomy                                   | esophagus
    Pancreatectomy                                  | pancreas
    Gastrectomy                                     | stomach
    Stomach resection                               | stomach
    Craniotomy                                      | brain
    Cerebral excision                               | brain
    Brain radiosurgery                              | brain
    Splenectomy                                     | spleen
    Ovarian excision                                | ovary
    Oophorectomy                                    | ovary
    Vertebroplasty                                  | vertebra
    Radiotherapy to spine                           | vertebra
    Nailing of femur                                | femur
    Femoral nailing                                 | femur
    Nailing of humerus                              | humerus
    Radiotherapy to bone                            | bone
    Skeletal radiotherapy                           | bone
    Lymphadenectomy                                 | lymph_node
    Pelvic radiotherapy                             | pelvis
    Abdominal radiotherapy                          | abdomen
    Thoracic radiotherapy                           | chest
    Radiotherapy to chest wall                      | chest
    Excision                                        |
    Excision of lung and liver                      | liver, lung
    Hepatectomy of liver                            | liver
    Lung resection by thoracotomy                   | lung
    Pelvic and abdominal radiotherapy               | pelvis, abdomen
    Pelvic lymphadenectomy                          | pelvis
    Thoracic lymphadenectomy with lung resection    | lung, chest
    Bilateral mastectomy                            | breast bilateral
    Left, right mastectomy                          | breast bilateral
    Right and left mastectomy                       | breast bilateral
    Left,partial mastectomy                         | breast left
    Cleft repair of lung                            | lung
    Periaortic lymph node dissection                | node para-aortic
    Paraaortic lymph node dissection                | node para-aortic
    Para-aortic lymph node dissection               | node para-aortic
    Retroperitoneal lymph node dissection           | node para-aortic
    Left iliac lymph node dissection                | node iliac left
    Right axillary lymphadenectomy                  | node axillary right
    Left cervical lymph node dissection             | node cervical_occipital left
    Right inguinal lymph node dissection            | node inguinal_femoral right
    Mediastinal lymph node dissection               | node mediastinal
    Pelvic lymph node dissection, left iliac        | node iliac left
    Prostatectomy with iliac lymph node dissection  | node iliac, prostate
    Retroperitoneal, periaortic lymph nodes         | node para-aortic
    Cervical conisation                             |
    Axillary radiotherapy                           |
""")
def test_the_places_that_the_name_of_a_procedure_tells(row: dict[str, str]) -> None:
    found = []
    for place in places_named(row["procedure"]):
        assert place.text == row["procedure"]
        name = f"node {place.chain}" if place.chain else place.organ or "?"
        found.append(f"{name} {place.side.value}" if place.side else name)
    assert ", ".join(found) == row["places"]
