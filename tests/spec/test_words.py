"""What words say where no code is listed, English, Dutch and German: typed by hand.

A meaning by words never decides. What is denied, benign, or somebody else's says nothing. CRITERIA ruling 1.
"""

# ruff: noqa: E501  (rows of whole sentences)

from __future__ import annotations

from fhir_json import catalog
from tables import each_row


def said(text: str) -> str:
    found = {f"{meaning.concept} {meaning.use}" for meaning in catalog().words(text)}
    return ", ".join(sorted(found - {"malignant-text unrecognised"}))


@each_row("""
    diagnosis                                  | says
    Malignant pleural effusion                 | effusion exclude_unless_too_small, effusion review
    Maligner Pleuraerguss                      | effusion exclude_unless_too_small, effusion review
    Maligne pleuravocht                        | effusion exclude_unless_too_small, effusion review
    Pleuraerguss rechts                        | effusion review
    Pleura-effusie                             | effusion review
    Perikarderguss                             | effusion review
    Aszites                                    | effusion review
    Kein Pleuraerguss                          |
    Geen pleuravocht                           |
    Pleuraerguss ausgeschlossen                |
    Leptomeningeale metastasen                 | leptomeningeal exclude
    Meningeosis carcinomatosa                  | leptomeningeal exclude
    Peritonealkarzinose                        | peritoneal-carcinomatosis exclude_review
    Peritoneale metastasen                     | peritoneal-carcinomatosis exclude_review
    Alzheimerdemenz                            | cognitive-impairment flag_exclude
    Dementie                                   | cognitive-impairment flag_exclude
    Knochenmarkinfiltration                    | marrow-involvement flag_review
    Systemische Sklerodermie                   | rheumatologic flag_exclude_if_active
    Reumatoïde artritis                        | rheumatologic flag_review_if_active
    Schizofrenie                               | psychiatric-substance flag_review
    Alkoholabhängigkeit                        | psychiatric-substance flag_review
    Alcoholmisbruik                            | psychiatric-substance flag_review
    Bluthochdruck                              |
    Osteopenie                                 |
""")
def test_diagnoses_in_words(row: dict[str, str]) -> None:
    assert said(row["diagnosis"]) == row["says"]


@each_row("""
    diagnosis                     | a cancer
    Mammakarzinom links           | yes
    Borstkanker                   | yes
    Prostatakrebs                 | yes
    Coloncarcinoom                | yes
    Bösartige Neubildung          | yes
    Lebermetastasen               | yes
    Uitzaaiingen in de longen     | yes
    Gutartige Neubildung der Haut | no
    Goedaardige tumor             | no
    Hypertensie                   | no
""")
def test_words_that_speak_of_a_cancer(row: dict[str, str]) -> None:
    found = any(meaning.concept == "malignant-text" for meaning in catalog().words(row["diagnosis"]))
    assert found == (row["a cancer"] == "yes")


# Local therapy takes a lesion out of the count: a word that is not known here would leave it in.
@each_row("""
    procedure                                      | says
    Irradiation of liver                           | local-therapy prior_local_therapy
    Transfusion of irradiated red cells            |
    Stereotactische bestraling lever               | local-therapy prior_local_therapy
    Strahlentherapie der Wirbelsäule               | local-therapy prior_local_therapy
    RFA liver metastasis segment 7                 | liver-metastasis review, local-therapy prior_local_therapy
    MWA of lung lesion                             | local-therapy prior_local_therapy
    Endovenous RFA of saphenous vein               |
    Irreversible electroporation of liver tumor    | local-therapy prior_local_therapy
    SIRT                                           | local-therapy prior_local_therapy
    Transarterial radioembolization                | local-therapy prior_local_therapy
    Right hemihepatectomy                          | local-therapy prior_local_therapy
    Hemihepatektomie rechts                        | local-therapy prior_local_therapy
    Nephroureterectomy                             | local-therapy prior_local_therapy
    Partielle nefrectomie links                    | local-therapy prior_local_therapy
    Leberteilresektion                             | local-therapy prior_local_therapy
    Low anterior resection                         | local-therapy prior_local_therapy
    Cholecystectomy                                |
    Cholezystektomie                               |
    Appendectomy                                   |
    Thrombectomy                                   |
    Wart cryotherapy                               |
""")
def test_local_therapy_in_words(row: dict[str, str]) -> None:
    assert said(row["procedure"]) == row["says"]


@each_row("""
    procedure                                                  | says
    Chemotherapy (procedure)                                   | systemic-therapy not-named
    Chemotherapy administration, intravenous infusion          | systemic-therapy not-named
    Introduction of Other Antineoplastic into Peripheral Vein  | systemic-therapy not-named
    Nicht komplexe Chemotherapie                               | systemic-therapy not-named
    Immunotherapie                                             | systemic-therapy not-named
    Combined chemotherapy and radiation therapy                | local-therapy prior_local_therapy, systemic-therapy not-named
    Chemoradiation of rectum                                   | local-therapy prior_local_therapy, systemic-therapy not-named
    Radiochemotherapie                                         | local-therapy prior_local_therapy, systemic-therapy not-named
    Transarterial chemoembolization                            | local-therapy prior_local_therapy
    Introduction of Other Antineoplastic into Peritoneal Cavity |
    Intravesical chemotherapy                                  |
    Intrathecal chemotherapy                                   |
    Chemotherapy education                                     |
    Insertion of port for chemotherapy                         |
    Allergen immunotherapy                                     |
    Endocrine therapy                                          | systemic-therapy not-named
    Androgen deprivation therapy                               | systemic-therapy not-named
    Hormone replacement therapy                                |
    Chemotherapy not given                                     |
    No chemotherapy                                            |
""")
def test_systemic_therapy_in_words(row: dict[str, str]) -> None:
    assert said(row["procedure"]) == row["says"]
