"""Which diagnosis is a primary cancer, of which type and how sure: typed by hand from CRITERIA rulings 1, 2 and 17."""

from __future__ import annotations

from dataclasses import replace

from build import condition, meaning
from tables import each_row

from cds_service.domain.facts import Condition, Side, Site
from cds_service.domain.primaries import read_primaries, side_of, type_words

TYPES = frozenset({"CRC", "BREAST"})


def told(found: Condition) -> str:
    """ "type use", or "none" where the diagnosis is no primary cancer."""
    primaries = read_primaries([found], TYPES)
    return f"{primaries[0].type or '-'} {primaries[0].use}" if primaries else "none"


@each_row("""
    codes                                                      | primary
    cancer-type/CRC/yes                                        | CRC yes
    cancer-type/LUNG/yes                                       | other other
    cancer-type/CRC/review                                     | CRC review
    cancer-type/LUNG/review                                    | other other
    cancer-type/ANY/review                                     | - review
    cancer-type/CRC/history                                    | CRC history
    cancer-type/LUNG/history                                   | other history
    cancer-type/ANY/history                                    | - history
    cancer-type/CRC/no                                         | other other
    cancer-type/ANY/no                                         | other other
    cancer-type/LUNG/yes cancer-type/CRC/review                | CRC review
    cancer-type/CRC/review cancer-type/BREAST/yes              | BREAST yes
    cancer-type/CRC/no cancer-type/BREAST/review               | BREAST review
    cancer-type/LUNG/yes cancer-type/CRC/history               | CRC history
    cancer-type/CRC/support                                    | none
    cancer-type/CRC/support primary-cancer/PRIMARY/primary     | other other
    cancer-type/CRC/secondary                                  | none
    cancer-type/CRC/in-situ                                    | none
    cancer-type/CRC/not-malignant                              | none
    primary-cancer/PRIMARY/primary                             | other other
    primary-cancer/UNKNOWN_PRIMARY/unknown-primary             | - unknown-primary
    primary-cancer/ILL_DEFINED/ill-defined                     | - unknown-primary
    primary-cancer/HISTORY/history                             | other history
    primary-cancer/SECONDARY/secondary                         | none
    primary-cancer/IN_SITU/in-situ                             | none
    secondary-site/liver/metastatic                            | none
    gilbert/GILBERT/bilirubin_exception                        | none
""")
def test_what_a_code_says_of_a_primary(row: dict[str, str]) -> None:
    assert told(condition(*row["codes"].split())) == row["primary"]


@each_row("""
    codes                                     | primary
                                              | - unrecognised
    gilbert/GILBERT/bilirubin_exception       | - unrecognised
    cancer-type/CRC/yes                       | CRC yes
    cancer-type/CRC/secondary                 | none
    cancer-type/CRC/in-situ                   | none
    primary-cancer/SECONDARY/secondary        | none
    primary-cancer/IN_SITU/in-situ            | none
    secondary-site/liver/metastatic           | none
""")
def test_a_condition_whose_profile_says_primary_cancer(row: dict[str, str]) -> None:
    assert told(condition(*row["codes"].split(), profile="primary")) == row["primary"]
    assert told(condition(profile="secondary")) == "none"


@each_row("""
    words                                     | primary
    malignant-text/PRIMARY/words              | - words
    cancer-type/CRC/yes                       | - words
    primary-cancer/PRIMARY/primary            | - words
    secondary-site/liver/metastatic           | - words
    cancer-type/CRC/history                   | none
    cancer-type/CRC/in-situ                   | none
    cancer-type/CRC/not-malignant             | none
    cancer-type/CRC/support                   | none
    primary-cancer/HISTORY/history            | none
    primary-cancer/IN_SITU/in-situ            | none
    effusion/MALIGNANT_EFFUSION/exclude       | none
""")
def test_words_alone_make_nothing_but_a_question(row: dict[str, str]) -> None:
    found = condition(row["words"], text_only=True)
    assert told(found) == row["primary"]
    assert [primary.note for primary in read_primaries([found], TYPES)] in ([], [""])


def test_a_code_goes_before_words() -> None:
    coded = condition("secondary-site/liver/metastatic")
    both = replace(coded, meanings=(*coded.meanings, meaning("malignant-text/PRIMARY/words", text_only=True)))
    assert told(both) == "none"
    other = condition("gilbert/GILBERT/bilirubin_exception")
    assert told(replace(other, meanings=(*other.meanings, meaning("cancer-type/CRC/yes")))) == "CRC yes"


def test_the_title_is_the_records_own_words() -> None:
    (named,) = read_primaries([condition("cancer-type/CRC/yes", text="Colon cancer", ref="c")], TYPES)
    (untitled,) = read_primaries([condition("cancer-type/CRC/yes", ref="c")], TYPES)
    assert (named.title, untitled.title) == ("Colon cancer", "c")


@each_row("""
    use     | status   | verified    | current
    yes     | active   | confirmed   | yes
    yes     | resolved | confirmed   | no
    yes     | active   | provisional | no
    history | active   | confirmed   | no
    review  | active   | confirmed   | yes
""")
def test_what_is_current(row: dict[str, str]) -> None:
    found = condition(f"cancer-type/CRC/{row['use']}", status=row["status"], verified=row["verified"])
    (primary,) = read_primaries([found], TYPES)
    assert primary.is_current is (row["current"] == "yes")


def test_the_side_of_a_diagnosis_is_its_own_else_that_of_its_first_site_with_one() -> None:
    def of(side: str | None, *sites: Side | None) -> Side | None:
        return side_of(replace(condition(side=side), sites=tuple(Site(side=item) for item in sites)))

    assert of("left", Side.RIGHT) is Side.LEFT
    assert of(None, None, Side.RIGHT) is Side.RIGHT
    assert of(None, None) is None
    assert of(None) is None


@each_row("""
    morphology                       | primary    | note
    cancer-type/CRC/morphology       | CRC yes    |
    cancer-type/CRC/yes              | CRC yes    |
    cancer-type/BREAST/morphology    | CRC yes    | the morphology recorded (BREAST) is one of another type
    cancer-type/LUNG/morphology      | CRC yes    |
    cancer-type/ANY/review           | CRC review | morphology ANY
    cancer-type/ANY/no               | other other | morphology ANY
    cancer-type/CRC/in-situ          | CRC yes    |
    lab-answer/X/no                  | CRC yes    |
""")
def test_a_morphology_may_contradict_the_site(row: dict[str, str]) -> None:
    found = condition("cancer-type/CRC/yes", morphology=[row["morphology"]])
    (primary,) = read_primaries([found], TYPES)
    assert (told(found), primary.note) == (row["primary"], row["note"])


def test_a_morphology_decides_nothing_where_the_site_is_open() -> None:
    open_site = condition("cancer-type/CRC/review", morphology=["cancer-type/ANY/no"])
    assert told(open_site) == "CRC review"
    two = condition("cancer-type/CRC/yes", morphology=["cancer-type/ANY/no", "cancer-type/CRC/morphology"])
    assert told(two) == "CRC yes"


def test_a_doubt_of_the_morphology_is_told() -> None:
    found = condition("cancer-type/CRC/yes")
    doubted = replace(found, morphology=(meaning("cancer-type/ANY/review", display="small cell", note="rare"),))
    (primary,) = read_primaries([doubted], TYPES)
    assert primary.note == "morphology small cell (rare)"


def test_types_for_people() -> None:
    assert [type_words(name) for name in ("CRC", "ESOPHAGUS", "LUNG", None)] == [
        "CRC",
        "esophagus",
        "lung",
        "type not known",
    ]


@each_row("""
    means                                     | note    | type  | use     | noted
    cancer-type/CRC/yes                       | a doubt | CRC   | yes     | a doubt
    cancer-type/CRC/review                    | a doubt | CRC   | review  | a doubt
    cancer-type/THYROID/yes                   | a doubt | other | other   | a doubt
    cancer-type/THYROID/history               | a doubt | other | history | a doubt
    cancer-type/CRC/no                        | a doubt | other | other   |
    primary-cancer/PRIMARY/primary            | a doubt | other | other   |
    primary-cancer/HISTORY/history            | a doubt | other | history |
    primary-cancer/UNKNOWN_PRIMARY/unknown-primary | a doubt |  | unknown-primary |
""")
def test_the_doubt_of_a_row_that_names_a_type_is_kept(row: dict[str, str]) -> None:
    (found,) = read_primaries([condition(row["means"], note=row["note"])], frozenset({"CRC"}))
    assert (found.type or "", found.use, found.note) == (row["type"], row["use"], row["noted"])
