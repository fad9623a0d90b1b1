"""Patients drawn for the laws, dates in a narrow band around the windows (hypothesis strategies)."""

from __future__ import annotations

from datetime import date, timedelta

from build import (
    condition,
    ecog,
    facts,
    karnofsky,
    lab,
    lesion,
    measured,
    metastasis,
    pathology,
    person,
    primary,
    procedure,
    scan,
    stage,
)
from hypothesis import strategies as st

from cds_service.domain.facts import Kind, PatientFacts

TODAY = date(2026, 1, 1)
"""The day the drawn records end on: nothing in them is later unless asked for."""

_WINDOWS = (0, 1, 3, 14, 27, 28, 29, 41, 42, 43, 70, 89, 90, 91, 112, 113, 119, 120, 121)


def days(until: date = TODAY) -> st.SearchStrategy[date]:
    """A day on or just beside an edge of a window before `until`."""
    back = st.one_of(st.sampled_from(_WINDOWS), st.integers(0, 130))
    return back.map(lambda number: until - timedelta(days=number))


def dates(until: date = TODAY) -> st.SearchStrategy[str]:
    """A recorded date: a day, now and then a month or a year."""
    exact = days(until).map(date.isoformat)
    return st.one_of(exact, exact, exact, exact.map(lambda text: text[:7]), exact.map(lambda text: text[:4]))


def ends() -> st.SearchStrategy[str | None]:
    """When a condition ended: years ago, around five of them, or not at all."""
    ago = st.integers(5 * 365 - 5, 5 * 365 + 5)
    return st.one_of(st.none(), ago.map(lambda number: (TODAY - timedelta(days=number)).isoformat()), dates())


_STATUS = st.sampled_from(["active", "active", "active", "resolved", "remission", None])
_VERIFIED = st.sampled_from(["confirmed", "confirmed", "confirmed", "unconfirmed", "provisional", None])
_MEANS = st.sampled_from(
    [
        ("cancer-type/CRC/yes", "primary-cancer/PRIMARY/primary"),
        ("cancer-type/PROSTATE/review",),
        ("primary-cancer/PRIMARY/primary",),
        ("secondary-site/liver/metastatic", "liver-metastasis/LIVER_METS/ast_alt_5x"),
        ("secondary-site/lymph_node:unspecified/nodal",),
        ("effusion/MALIGNANT_EFFUSION/exclude_unless_too_small",),
        ("effusion/EFFUSION_UNSPECIFIED/review",),
        ("marrow-involvement/BONE_MARROW/flag_review",),
        ("gilbert/GILBERT/bilirubin_exception",),
        ("pregnancy/PREGNANT/exclude_if_current",),
        ("breastfeeding/BREASTFEEDING/exclude_if_current",),
        (),
    ]
)


def _refs(kind: str) -> st.SearchStrategy[str]:
    return st.integers(0, 40).map(lambda number: f"{kind}{number}")


@st.composite
def _condition(draw: st.DrawFn, until: date) -> object:
    return condition(
        *draw(_MEANS),
        ref=draw(_refs("c")),
        status=draw(_STATUS),
        verified=draw(_VERIFIED),
        recorded=draw(st.none() | dates(until)),
        onset=draw(st.none() | dates(until)),
        abated=draw(ends()),
        text_only=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def _lab(draw: st.DrawFn, until: date) -> object:
    analyte, value = draw(
        st.sampled_from(
            [
                ("platelets", "24999"),
                ("platelets", "25000"),
                ("anc", "499"),
                ("anc", "500"),
                ("bilirubin-total", "1.5"),
                ("bilirubin-total", "1.6"),
                ("bilirubin-total", "3.0"),
                ("bilirubin-direct", "0.3"),
                ("bilirubin-direct", "0.31"),
                ("ast", "90"),
                ("ast", "91"),
                ("ast", "151"),
            ]
        )
    )
    high = {"bilirubin-direct": "0.3", "ast": "30"}.get(analyte)
    sign = draw(st.sampled_from([None, None, None, "<", ">"]))
    return lab(analyte, value, on=draw(dates(until)), ref=draw(_refs("lab")), high=high, sign=sign)


@st.composite
def _test(draw: st.DrawFn, until: date) -> object:
    answer = draw(st.sampled_from(["positive", "negative", "indeterminate"]))
    return lab("pregnancy-test", answer=answer, on=draw(dates(until)), ref=draw(_refs("hcg")))


@st.composite
def _scan(draw: st.DrawFn, until: date) -> object:
    covered = draw(st.sampled_from(["CT chest, CT abdomen, CT pelvis", "CT chest", "MR abdomen, MR pelvis"]))
    return scan(covered, on=draw(dates(until)), ref=draw(_refs("scan")))


@st.composite
def _reading(draw: st.DrawFn, until: date) -> object:
    place, size = draw(st.sampled_from(["l1", "l2"])), draw(st.sampled_from([9, 10, 12, 15, 19, 24, 29]))
    return measured(lesion=place, on=draw(days(until)).isoformat(), long=size, ref=draw(_refs("size")))


def _singles(until: date) -> st.SearchStrategy[object]:
    on = dates(until)
    biopsy = "marrow-involvement/BONE_MARROW_BIOPSY/support"
    return st.one_of(
        _condition(until),
        _condition(until),
        _lab(until),
        _lab(until),
        _test(until),
        _scan(until),
        _reading(until),
        st.builds(lambda score, when, ref: ecog(score, on=when, ref=ref), st.integers(0, 4), on, _refs("e")),
        st.builds(lambda score, when, ref: karnofsky(score, on=when, ref=ref), st.just(60), on, _refs("k")),
        st.builds(
            lambda use, when, ref: stage(use, on=when, ref=ref),
            st.sampled_from(["m0", "m1", "stage-iv", "stage-i-iii"]),
            on,
            _refs("s"),
        ),
        st.builds(lambda when, ref: procedure(biopsy, on=when, ref=ref), on, _refs("b")),
        st.builds(
            lambda found, when, ref: pathology(malignant=found, on=when, ref=ref),
            st.sampled_from([True, False, None]),
            on,
            _refs("p"),
        ),
    )


def some(until: date = TODAY, at_most: int = 14) -> st.SearchStrategy[list[object]]:
    """Some facts of all kinds dated up to `until`, each with a reference of its own."""
    return st.lists(_singles(until), max_size=at_most, unique_by=lambda fact: fact.evidence.reference)  # type: ignore[attr-defined]  # every fact has evidence


@st.composite
def found(draw: st.DrawFn) -> list[object]:
    """What a cancer patient's record may hold: often the cancer itself, then some facts."""
    cancer: list[object] = draw(
        st.sampled_from(
            [
                [primary(), metastasis(onset="2025-03-01"), lesion(ref="l1"), lesion("lung", ref="l2")],
                [primary("PROSTATE", verified=None), lesion(ref="l1")],
                [],
            ]
        )
    )
    return [*cancer, *draw(some())]


def persons() -> st.SearchStrategy[object]:
    """Somebody near eighteen, near fifty, near fifty-five, or long past; alive or not."""
    born = st.sampled_from(["2008-01-01", "2008-01-02", "2008", "2008-02-29", "1976-01-15", "1970-12-31", "1950", None])
    sex = st.sampled_from(["female", "male", None])
    return st.builds(lambda when, what: person(born=when, sex=what), born, sex)


@st.composite
def patients(draw: st.DrawFn) -> PatientFacts:
    """A whole patient whose record ends on TODAY."""
    gaps = draw(st.sampled_from([(), (), (), ((Kind.REPORTS, "timed out"),), ((Kind.OBSERVATIONS, "refused"),)]))
    return facts(*draw(found()), of=draw(persons()), not_retrieved=gaps)  # type: ignore[arg-type]  # drawn as object
