"""What a study certainly covered, by its description alone: expected values typed by hand.

C chest, A abdomen, P pelvis, B head; "-" nothing certain; "unfit" does not count; "limited" a PET of a part of the
body; "angio" CT angiography of the chest. A region that was not scanned must never be covered; "-" is right where
words are not clear.

The real descriptions are public, de-identified DICOM metadata of the NCI Imaging Data Commons (IDC), CC BY 3.0 and
CC BY 4.0: collections TCGA-KIRC (10.7937/K9/TCIA.2016.V6PBVTDR), CPTAC-CCRCC (10.7937/K9/TCIA.2018.OBLAMN27),
C4KC-KiTS (10.7937/TCIA.2019.IX49E8NX), TCGA-COAD (10.7937/K9/TCIA.2016.HJJHBOXZ), TCGA-READ
(10.7937/K9/TCIA.2016.F7PPNPNU), Colorectal-Liver-Metastases (10.7937/QXK2-QG03), CPTAC-PDA
(10.7937/K9/TCIA.2018.SC20FO18), Pancreas-CT (10.7937/K9/TCIA.2016.TNB1KQBU), TCGA-BLCA
(10.7937/K9/TCIA.2016.8LNG8XDR), TCGA-PRAD (10.7937/K9/TCIA.2016.YXOGLM4Y), PROSTATEx (10.7937/K9TCIA.2017.MURS5CL),
TCGA-BRCA (10.7937/K9/TCIA.2016.AB2NAZRP), TCGA-ESCA (10.7937/K9/TCIA.2016.VPTNRGFY), TCGA-LUAD
(10.7937/K9/TCIA.2016.JGNIHEP5). Only the descriptions and modalities are used.
"""

from __future__ import annotations

from functools import cache

from tables import each_row

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import Modality, Region
from cds_service.fhir.extract.coverage import ScanReading, Told, read_coverage

LETTERS = {Region.CHEST: "C", Region.ABDOMEN: "A", Region.PELVIS: "P", Region.HEAD: "B"}
MODALITIES = {"CT": Modality.CT, "MR": Modality.MR, "PT": Modality.PET}


@cache
def catalog() -> Catalog:
    return load_catalog()


def said(description: str, modalities: str) -> ScanReading:
    """What a study of these DICOM modalities ("PT+CT", blank for none stated) covers by its description."""
    coded = frozenset(MODALITIES.get(word, Modality.OTHER) for word in modalities.split("+") if word)
    return read_coverage(Told(modalities=coded, texts=(description,)), catalog().descriptions)


def shown(reading: ScanReading) -> str:
    if reading.unfit:
        return "unfit"
    if reading.doubtful:
        return "limited" if "PET" in reading.doubtful else "angio"
    regions = {item.region for item in reading.coverage}
    return "".join(letter for region, letter in LETTERS.items() if region in regions) or "-"


@each_row("""
    description                                             | modality | covers
    *CT ABDOMEN & PELVIS                                    | CT       | AP
    *CT Chest,Abdomen,Pelv                                  | CT       | CAP
    *MRI - ABDOMEN                                          | MR       | A
    *MRI - BREAST                                           | MR       | -
    *MRI - PELVIS                                           | MR       | P
    A-P W/WO                                                | CT       | AP
    A/P W/W/O                                               | CT       | AP
    A/P WITH                                                | CT       | AP
    A/P WO                                                  | CT       | AP
    AB/6514                                                 | MR       | -
    ABD PEL NO IV                                           | CT       | AP
    ABD/PEL                                                 | CT       | AP
    Abdomen^01Abdomen_Routine (Adult)                       | CT       | A
    Abdomen^01_ABDOMENBIOPSY (Adult)                        | CT       | unfit
    Abdomen^01_AP_Routine (Adult)                           | CT       | AP
    Abdomen^02_0_AP_Routine (Adult)                         | CT       | AP
    Abdomen^02_0_AP_Routine_Abdomen_Pelvis (Adult)          | CT       | AP
    Abdomen^02_0_Abdomen_Pelvis_Routine (Adult)             | CT       | AP
    Abdomen^02_0_Abdomen_Routine (Adult)                    | CT       | A
    Abdomen^05_CAP (Adult)                                  | CT       | CAP
    Abdomen^1 AP ROUTINE                                    | CT       | AP
    Abdomen^1WBPETCT                                        | PT       | CAP
    Abdomen^DUO_TX_AS_VOL (Adult)                           | CT       | -
    Abdomen^KIDNEY_STONE (Adult)                            | CT       | -
    Abdomen^KLP_JB_M (Adult)                                | CT       | -
    BIOPSY                                                  | MR       | unfit
    BREAST MRI                                              | MR       | -
    C-A-P NO IV CONTRAST                                    | CT       | CAP
    C/A/P                                                   | CT       | CAP
    CHEST 2 VIEW                                            | DX       | -
    CHEST CT  W/O CONTRAST                                  | CT       | C
    CHEST WITH                                              | CT       | C
    CT                                                      | CT       | -
    CT  C/A/P  UROGRAM                                      | CT       | CAP
    CT ABD PELVIS W/ CONTRAST                               | CT       | AP
    CT ABD PELVIS W/ CONTRAST, CT ABD PELVIS W/O CONTRAST   | CT       | AP
    CT ABDOMEN                                              | CT       | A
    CT ABDOMEN  W/CONTRAST                                  | CT       | A
    CT ABDOMEN & PELVIS ENHANCED=AB                         | CT       | AP
    CT ABDOMEN AND PELVIS                                   | CT       | AP
    CT ABDOMEN AND PELVIS WITHOUT CONTRAST                  | CT       | AP
    CT ABDOMEN NONENH & ENHANCED=AB                         | CT       | A
    CT ABDOMEN PELVIS W CONT                                | CT       | AP
    CT ABDOMEN PELVIS W WO IV CONTRAST                      | CT       | AP
    CT ABDOMEN PELVIS WITH                                  | CT       | AP
    CT ABDOMEN W CO                                         | CT       | A
    CT ABDOMEN W IV CONTRAST                                | CT       | A
    CT ABDOMEN WITH AND WITHOUT CONTRAST                    | CT       | A
    CT ABDOMEN WITH CONTRA                                  | CT       | A
    CT ABDOMEN WO CONTR                                     | CT       | A
    CT ABDOMEN w                                            | CT       | A
    CT ANGIO ABD WITH PEL                                   | CT       | unfit
    CT ANGIO ABDOMEN W & W/O CONT                           | CT       | unfit
    CT ANGIO LIVER WITH CH/PEL                              | CT       | angio
    CT Abd/Pelvis w/o Cont                                  | CT       | AP
    CT Adrenal Mass                                         | CT       | -
    CT C/A/P W/O WITH                                       | CT       | CAP
    CT CAP                                                  | CT       | CAP
    CT CAP NO IV                                            | CT       | CAP
    CT CAPW                                                 | CT       | CAP
    CT CERVICAL SPINE WO IV CONTRAST                        | CT       | -
    CT CH/AB/PEL WITH LIVER TRIPHASIC                       | CT       | CAP
    CT CH/ABD/PEL W/ CONTRAST                               | CT       | CAP
    CT CHEST   W/CONTRAST                                   | CT       | C
    CT CHEST ABD PELVIS W/ CONTR                            | CT       | CAP
    CT CHEST ABDOMEN & PELVIS ENHANCED=AB                   | CT       | CAP
    CT CHEST ENHANCED=CH                                    | CT       | C
    CT CHEST N/C                                            | CT       | C
    CT CHEST W & ABDOMEN W                                  | CT       | CA
    CT CHEST W IV CONTRAST                                  | CT       | C
    CT CHEST W/O IV CONTRAST                                | CT       | C
    CT CHEST WO CONTRAST                                    | CT       | C
    CT CHEST w + 3D Depend WS                               | CT       | C
    CT FOREIGN IMAGES                                       | CT       | -
    CT GUIDED BIOPSY:  KIDNEY                               | CT       | unfit
    CT GUIDED BIOPSY:PANCREAS                               | CT       | unfit
    CT RENAL Mass                                           | CT       | -
    CT THORAX  WITH CONTRA                                  | CT       | C
    CT THORAX  WITH CONTRAST                                | CT       | C
    CT THORAX W/CONTRAST                                    | CT       | C
    CT TRAUMA CHEST ABDOMEN PELVIS W IV CONTRAST            | CT       | CAP
    CT UROGRAM WITHOUT 3D RECONSTRUCTIONS                   | CT       | -
    CT UROGRAPHY CT ABDOME                                  | CT       | A
    CT Urogram (1)                                          | CT       | -
    CT, ABDOMEN W/O CONTRA                                  | CT       | A
    CT-C-A-P  (PA)                                          | CT       | CAP
    CT/C-A-P                                                | CT       | CAP
    CT008   CT ABDOMEN W CO                                 | CT       | A
    CTABDPELW                                               | CT       | AP
    ECT008/IV   CT ABDOMEN W CO                             | CT       | A
    LIVER                                                   | MR       | A
    MC prostaat kliniek detectie-mc MCPROSKL30              | MR       | -
    MR ABDOMEN NONENHANCED & ENHANCED=AB                    | MR       | A
    MR CholangoPancreagram with without Contrast            | MR       | -
    MR prostaat kanker detectie WDS_mc MCAPRODETW           | MR       | -
    MR prostaat kanker detectie_mc MCAPRODET                | MR       | -
    MRI ABDOMEN PELVIS W+WO CONT                            | MR       | AP
    MRI ABDOMEN W AND W/O GADOLINIUM                        | MR       | A
    MRI ABDOMEN W/WO CONTR                                  | MR       | A
    MRI Abd wo&w                                            | MR       | A
    MRI BREAST BIL WO W CONTRAST                            | MR       | -
    MRI BREAST BX VAC CLIP 2 LSN RT WPPM SI                 | MR       | unfit
    MRI BREAST, BILATERAL                                   | MR       | -
    MRI BREAST, UNILATERAL                                  | MR       | -
    MRI PELVIS                                              | MR       | P
    MRI PELVIS W+WO CONT                                    | MR       | P
    Outside Read or Comparison BODY CT                      | CT       | -
    Outside Read or Comparison MRI                          | MR       | -
    PELVIS^PELVIS                                           | MR       | P
    PET/CT CHEST                                            | PT       | limited
    PROSTATE                                                | MR       | -
    PTCTSKTHPET / CT TUMOR                                  | CT+PT    | CAP
    Pancreas                                                | CT       | -
    STANDARD Abdomen                                        | MR       | A
    TB TOTAL BODY                                           | NM       | -
    TX AS                                                   | CT       | -
    TX AS AI                                                | CT       | -
    Thorax^02_CAP_Routine (Adult)                           | CT       | CAP
    Thorax^04_0_CAP_Routine (Adult)                         | CT       | CAP
    Thorax^2 CAP ROUTINE                                    | CT       | CAP
    Thorax^CHEST_ROUTINE (Adult)                            | CT       | C
    abdomen_pelvis__w                                       | CT       | AP
    abdomen_pelvis__w_and_wo                                | CT       | AP
    e+1 A/P                                                 | CT       | AP
    e-1 PET/CT CHEST                                        | CT+PT    | limited
    hernia                                                  | CT       | -
    three_phase__abdomen                                    | CT       | A
    three_phase__abdomen_pelvis                             | CT       | AP
""")
def test_real_descriptions(row: dict[str, str]) -> None:
    assert shown(said(row["description"], row["modality"])) == row["covers"]


# Made up: other ways to write it, Dutch, and words that take a region away again.
@each_row("""
    description                                             | modality | covers
    CT thorax/abdomen/bekken met contrast                   | CT       | CAP
    CT thorax-abdomen                                       | CT       | CA
    CT thorax en buik                                       | CT       | CA
    CT bovenbuik                                            | CT       | -
    MR bekken                                               | MR       | P
    MR lever                                                | MR       | A
    CT lever                                                | CT       | -
    CT hersenen                                             | CT       | B
    FDG-PET/CT schedelbasis tot dijbeen                     | PT+CT    | CAP
    FDG-PET hele lichaam                                    | PT       | CAP
    CT-geleide punctie lever                                | CT       | unfit
    CT thorax longembolie                                   | CT       | angio
    Planning CT bekken bestraling                           | CT       | unfit
    CT Chest and Abdomen and Pelvis W contrast IV           |          | CAP
    Computed tomography of chest, abdomen and pelvis        |          | CAP
    CT chest abdomen pelvis with contrast                   |          | CAP
    MRI abdomen and pelvis W WO                             |          | AP
    PET CT skull base to mid-thigh                          |          | CAP
    PET/CT EYES TO THIGHS                                   | PT+CT    | CAP
    PET WHOLE BODY                                          | PT       | CAP
    PET/CT                                                  | PT+CT    | CAP
    PET                                                     | PT       | -
    PET/CT chest abdomen pelvis                             | PT+CT    | CAP
    PET/CT HEAD AND NECK                                    | PT+CT    | limited
    PET BRAIN                                               | PT       | unfit
    PET/CT WHOLE BODY AND BRAIN                             | PT+CT    | CAP
    PET/CT BONE NAF WHOLE BODY                              | PT+CT    | unfit
    PET cardiac viability                                   | PT       | unfit
    CT WHOLE BODY                                           | CT       | CAP
    MRI WHOLE BODY                                          | MR       | unfit
    Chest abdomen pelvis                                    |          | -
    X-ray chest                                             |          | -
    US abdomen                                              | US       | -
    CT abdomen pelvis and chest x-ray                       | CT       | AP
    CT ABDOMEN WITHOUT PELVIS                               | CT       | A
    CT ABDOMEN W/O PELVIS                                   | CT       | A
    CT UPPER ABDOMEN                                        | CT       | -
    CT BONY PELVIS                                          | CT       | -
    CT renal pelvis                                         | CT       | -
    CT CHEST WALL                                           | CT       | -
    CT ABDOMINAL AORTA                                      | CT       | -
    CT THORACIC SPINE                                       | CT       | -
    CT PELVIS HIP                                           | CT       | -
    CT FEMORAL HEAD                                         | CT       | -
    CT LUNG BASES                                           | CT       | -
    CT CAPSULE                                              | CT       | -
    CT chest for CAP                                        | CT       | C
    CTAP                                                    | CT       | -
    CT escape                                               | CT       | -
    CT CHEST LOW DOSE SCREENING                             | CT       | unfit
    LDCT lung                                               | CT       | unfit
    CT COLONOGRAPHY ABDOMEN PELVIS                          | CT       | unfit
    CT SIMULATION CHEST ABDOMEN PELVIS                      | CT       | unfit
    CT ABDOMEN PELVIS DRAINAGE                              | CT       | unfit
    CT CHEST CARDIAC CORONARY                               | CT       | unfit
    CTA CHEST                                               | CT       | angio
    CT CHEST PE PROTOCOL                                    | CT       | angio
    CT angio chest abdomen pelvis                           | CT       | angio
    MRA ABDOMEN                                             | MR       | unfit
    CHEST AP                                                | DX       | -
    CT chest and MRI abdomen                                |          | -
    CT CHEST, ABDOMEN PAIN                                  | CT       | C
    CT CHEST, ABDOMINAL MASS                                | CT       | C
    CT abdominal                                            | CT       | A
    CT pelvic                                               | CT       | P
    CT CHEST AND PELVIC NODES                               | CT       | C
""")
def test_made_up_descriptions(row: dict[str, str]) -> None:
    assert shown(said(row["description"], row["modality"])) == row["covers"]


# Another scan is named, or why this one was made: that was not scanned. Unfit and angiography count anywhere.
@each_row("""
    description                                             | modality | covers
    CT head; compare with CT chest abdomen pelvis           | CT       | B
    CT CHEST COMPARED TO PRIOR CT CAP                       | CT       | C
    CT CHEST vs. CT CAP 2026-01-02                          | CT       | C
    CT CHEST versus CT ABD/PELVIS                           | CT       | C
    CT chest (comparison: CT abdomen and pelvis)            | CT       | C
    CT CHEST COMP W/ CT A/P                                 | CT       | C
    CT CHEST comp: ABD PEL                                  | CT       | C
    CT chest, prior abdomen/pelvis 2025                     | CT       | C
    CT chest, previous CT abdomen and pelvis                | CT       | C
    CT chest - old CT abd pel                               | CT       | C
    CT chest follow up of CT CAP                            | CT       | C
    CT chest correlate with CT abdomen pelvis               | CT       | C
    CT thorax vergeleken met CT abdomen/bekken              | CT       | C
    CT thorax t.o.v. CT abdomen bekken                      | CT       | C
    CT thorax, vorig onderzoek abdomen                      | CT       | C
    CT Thorax im Vergleich zu CT Abdomen/Becken             | CT       | C
    Comparison: CT CAP                                      | CT       | -
    CT; compare PET/CT                                      | CT       | -
    MRI BRAIN compare PET/CT of the chest                   |          | B
    CT compared with CT whole body                          | CT       | -
    CT CHEST FOR PELVIC MASS AND ABD MASS                   | CT       | C
    CT chest, hx abdomen surgery                            | CT       | C
    CT thorax wegens klachten bekken                        | CT       | C
    CT CAP compared to CT CAP 2026-01-02                    | CT       | CAP
    CT CHEST ABD PELVIS for restaging                       | CT       | CAP
    PET/CT skull base to thigh vs prior PET                 | PT+CT    | CAP
    CT CAP compare with CT guided biopsy                    | CT       | unfit
    CT CHEST for PE                                         | CT       | angio
    Abdomen Eval^Hip                                        | CT       | -
    Thorax for nodules^Knee                                 | CT       | -
    Abdomen^CAP compared to abdomen                         | CT       | CAP
    CT COMPARTMENT ABDOMEN                                  | CT       | A
    CT FORAMEN ABDOMEN                                      | CT       | A
""")
def test_what_is_only_compared_with_or_asked_for_was_not_scanned(row: dict[str, str]) -> None:
    assert shown(said(row["description"], row["modality"])) == row["covers"]


def test_what_takes_a_scan_away_may_stand_far_behind() -> None:
    long = "CT CAP with contrast. " + "The patient was told how the scan is made. " * 12
    assert shown(said(long, "CT")) == "CAP"
    assert shown(said(long + "Planning.", "CT")) == "unfit"
    assert shown(said(long + "Biopsy of the liver.", "CT")) == "unfit"


def test_what_is_read_from_words_is_derived() -> None:
    assert all(item.derived for item in said("CT CAP", "CT").coverage)


@each_row("""
    description      | modality | unstated
    CT               | CT       | which region it covers is not stated
    MR prostaat      | MR       | its description names the prostate only, no region
    PET              | PT       | the region of the PET is not stated
    chest abdomen    |          | how it was made (CT, MR, PET) is not stated
    CT CAP           | CT       |
    CHEST 2 VIEW     | DX       |
""")
def test_what_is_not_stated_is_named(row: dict[str, str]) -> None:
    assert (said(row["description"], row["modality"]).unstated or "") == row["unstated"]
