"""Changes of a hand-made patient's file, from which the reasons are made."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from cds_service.sandbox.codebook import Json
from cds_service.sandbox.population.making import Edit
from cds_service.sandbox.population.variation import move_days

TRIAL_TESTS = ("anc", "platelets", "hemoglobin", "bilirubin", "bilirubin-direct", "ast", "alt")


def together(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(document: Json, chance: Random) -> None:
        for one in edits:
            one(document, chance)

    return edit


def lab(**values: object) -> Edit:
    """The latest panel with these values; None leaves the test out of every panel of the last weeks."""
    named = {name.replace("_", "-"): value for name, value in values.items()}

    def edit(document: Json, _chance: Random) -> None:
        document["labs"][0]["values"] |= named

    return edit


def lab_between(name: str, low: float, high: float, decimals: int) -> Edit:
    """The latest panel with a value of that range."""

    def edit(document: Json, chance: Random) -> None:
        document["labs"][0]["values"][name] = round(chance.uniform(low, high), decimals)

    return edit


def only_before(name: str, value: float, days: int) -> Edit:
    """A test last done so many days ago."""

    def edit(document: Json, chance: Random) -> None:
        document["labs"][0]["values"][name] = None
        document["labs"].append({"days": -days - chance.randrange(0, 30), "values": {name: value}})

    return edit


def labs_on(days: int) -> Edit:
    """The latest panel drawn on that day."""

    def edit(document: Json, _chance: Random) -> None:
        document["labs"][0]["days"] = days

    return edit


def labs_also(days: int, **values: object) -> Edit:
    """Another panel."""
    named = {name.replace("_", "-"): value for name, value in values.items()}

    def edit(document: Json, _chance: Random) -> None:
        document["labs"].append({"days": days, "values": named})

    return edit


def problem(name: str, days: int, **status: str) -> Edit:
    """One more entry on the problem list."""

    def edit(document: Json, chance: Random) -> None:
        entry = {"problem": name, "days": days - chance.randrange(0, 20), **status}
        document["conditions"] = [*document.get("conditions", ()), entry]

    return edit


def setting(**sections: object) -> Edit:
    """Whole sections replaced."""

    def edit(document: Json, _chance: Random) -> None:
        document.update(sections)

    return edit


def leaving_out(*sections: str) -> Edit:
    """Whole sections left out."""

    def edit(document: Json, _chance: Random) -> None:
        for section in sections:
            document.pop(section, None)

    return edit


def cancer(**elements: object) -> Edit:
    """The primary cancer recorded otherwise."""

    def edit(document: Json, _chance: Random) -> None:
        document["cancer"] |= elements

    return edit


def cancer_of(*types: str) -> Edit:
    """The primary cancer of one of these types."""

    def edit(document: Json, chance: Random) -> None:
        document["cancer"]["type"] = chance.choice(types)

    return edit


def ecog(score: int, days: int) -> Edit:
    """One performance score alone."""
    return setting(ecog=[{"score": score, "days": days}])


def age(years: int, days: int) -> Edit:
    """Turned that age so many days ago."""
    return setting(born={"years": years, "days": days})


# --- scans and lesions --------------------------------------------------------------------------------


def scans_at(newest: int, earlier: int) -> Edit:
    """The newest staging begun on one day, the one before on another; lesions move along."""

    def edit(document: Json, _chance: Random) -> None:
        days = sorted({study["days"] for study in document["imaging"]})
        start = next(day for day in days if day >= days[-1] - 14)
        before = next(day for day in days if day < start)
        shift = {True: newest - start, False: earlier - before}
        move_days(document, lambda day: day + shift[day >= start] if day in days else day)

    return edit


def scans_as(study: str) -> Edit:
    """Every scan of that kind."""

    def edit(document: Json, _chance: Random) -> None:
        document["imaging"] = [entry | {"study": study} for entry in document["imaging"]]

    return edit


def newest_scan_only(document: Json, _chance: Random) -> None:
    """No scan but the newest, and no size but that of its day."""
    newest = max(study["days"] for study in document["imaging"])
    document["imaging"] = [study for study in document["imaging"] if study["days"] > newest - 14]
    no_earlier_sizes(document, _chance)


def no_earlier_sizes(document: Json, _chance: Random) -> None:
    """Lesions measured on the newest scan alone."""
    _each_lesion(document, lambda sizes: {max(sizes): sizes[max(sizes)]})


def stable(document: Json, _chance: Random) -> None:
    """Every lesion as large as before."""
    _each_lesion(document, lambda sizes: sizes | {max(sizes): list(sizes[min(sizes)])})


def sized(before: tuple[float, float], after: tuple[float, float]) -> Edit:
    """Every lesion of these sizes."""

    def edit(document: Json, _chance: Random) -> None:
        _each_lesion(document, lambda sizes: {min(sizes): list(before), max(sizes): list(after)})

    return edit


def _each_lesion(document: Json, change: Callable[[Json], Json]) -> None:
    for lesion in document["lesions"]:
        lesion["sizes"] = change(lesion["sizes"])


def lesions_kept(count: int) -> Edit:
    """The first so many lesions."""

    def edit(document: Json, _chance: Random) -> None:
        document["lesions"] = document["lesions"][:count]

    return edit


def new_lesion(longest: float, other: float) -> Edit:
    """A lesion of the right lung seen on the newest scan for the first time."""

    def edit(document: Json, _chance: Random) -> None:
        newest = max(max(lesion["sizes"]) for lesion in document["lesions"])
        document["lesions"].append(
            {"name": "new", "site": "lung", "side": "right", "text": "New nodule", "sizes": {newest: [longest, other]}}
        )

    return edit


def judged(section: str, value: str) -> Edit:
    """What the newest scan was said to show, as `status` or `responses`."""

    def edit(document: Json, _chance: Random) -> None:
        newest = max(study["days"] for study in document["imaging"])
        document[section] = [{"value": value, "days": newest}]

    return edit


# --- treatment ----------------------------------------------------------------------------------------


def one_line_from(after_spread: int) -> Edit:
    """The last line alone, begun so many days after the spread was found."""

    def edit(document: Json, _chance: Random) -> None:
        spread = min(entry["days"] for entry in (*document["metastases"], *document["stage"]))
        document["therapy"] = [document["therapy"][-1] | {"from": spread + after_spread}]

    return edit


def without_line(number: int) -> Edit:
    """One line fewer."""

    def edit(document: Json, _chance: Random) -> None:
        del document["therapy"][number]

    return edit


def adjuvant_before(document: Json, _chance: Random) -> None:
    """Treatment after surgery that ended half a year before the spread was found."""
    spread = min(entry["days"] for entry in document["metastases"])
    given = {"agents": ["capecitabine"], "from": spread - 330, "to": spread - 180, "every": 21, "intent": "curative"}
    document["therapy"].insert(0, given)
