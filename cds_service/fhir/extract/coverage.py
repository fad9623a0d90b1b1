"""What a scan certainly covered, put together from all that one record tells of it.

Codes and coded body sites come first; free text adds what it certainly says, marked as
derived; series descriptions are read only where nothing else names a region or an organ. A body site
that is one organ (a kidney on a study of the trunk) neither adds nor hides anything.

Source: CRITERIA, "Baseline set", rulings 3 and 4, row I11; DICOM PS3.3 General Series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cds_service.catalog.descriptions import SaidOfScan, ScanDescriptions
from cds_service.domain.anatomy import AREAS
from cds_service.domain.codes import Meaning, Meanings
from cds_service.domain.facts import Coverage, Modality, Region
from cds_service.domain.scans import SECTIONAL, TRUNK

PROCEDURE, MODALITY, BODY_SITE = "imaging-procedure", "imaging-modality", "body-site"
_TRUNK = frozenset(TRUNK)
_MODALITIES = {
    "counts_CT": Modality.CT,
    "counts_MR": Modality.MR,
    "counts_PET": Modality.PET,
    "bone_scan_or_SPECT": Modality.BONE_SCAN,
}
_PARTS = {
    f"{modality.value.lower()}_{region.value}": Coverage(modality, region)
    for modality in (Modality.CT, Modality.MR, Modality.PET)
    for region in Region
}
_BY_GROUP = {
    "CT_ANY": Modality.CT,
    "CT_HEAD": Modality.CT,
    "CT_CHEST_SCREEN": Modality.CT,
    "MR_ANY": Modality.MR,
    "MR_BRAIN": Modality.MR,
    "MR_WHOLE_BODY": Modality.MR,
    "PET": Modality.PET,
    "BONE_SCAN": Modality.BONE_SCAN,
    "XR_ANY": Modality.OTHER,
    "US_ANY": Modality.OTHER,
}
_PICTURES = frozenset({Modality.CT, Modality.MR, Modality.PET})
_LIMITED_PET = "PET of a limited area"
_CHEST_ANGIOGRAPHY = "CT angiography of the chest"


@dataclass(frozen=True, slots=True)
class SeriesTold:
    """One series: its modality, the regions its body site names (coded or by words), its text."""

    modality: Modality | None = None
    sites: frozenset[Region] = frozenset()
    sites_by_words: frozenset[Region] = frozenset()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """All that one record tells of a scan.

    `texts` are descriptions, `code_texts` the words of its codes, `reasons` why it was made.
    """

    modalities: frozenset[Modality] = frozenset()
    procedures: Meanings = ()
    texts: tuple[str, ...] = ()
    code_texts: tuple[str, ...] = ()
    series: tuple[SeriesTold, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class ScanReading:
    """What a record comes to: see `ImagingStudy` for the words."""

    modalities: frozenset[Modality] = frozenset()
    coverage: set[Coverage] = field(default_factory=set)
    areas: frozenset[Region] = frozenset()
    unfit: str | None = None
    doubtful: str | None = None
    unstated: str | None = None


def read_coverage(told: Told, descriptions: ScanDescriptions) -> ScanReading:
    """What a scan covered, or why it does not count, or what is not stated."""
    modalities = _modalities(told, descriptions)
    reading = ScanReading(modalities)
    _read_codes(told.procedures, reading)
    main = _main(modalities)
    said = _Said(told, descriptions, frozenset({main} if main else ()) | (modalities & {Modality.CT}))
    reading.unfit = reading.unfit or said.unfit(main)
    match main:
        case Modality.PET:
            _read_pet(reading, said)
        case Modality.CT | Modality.MR:
            _read_sections(main, reading, said)
        case _:
            reading.areas = frozenset(said.regions())
            _read_sites(None, reading, said)
    reading.unstated = _unstated(reading, main, said)
    return reading


def site_regions(meanings: Meanings) -> frozenset[Region]:
    """The regions a coded body site names: a region, the whole body, or the head by its organs."""
    found: set[Region] = set()
    for meaning in meanings:
        if meaning.concept != BODY_SITE:
            continue
        if meaning.group == "whole_body":
            found |= _TRUNK
        elif meaning.use == "region":
            found |= AREAS.get(meaning.group) or frozenset()
        elif meaning.group == "brain":
            found.add(Region.HEAD)
    return frozenset(found)


def coded_modalities(meanings: Meanings) -> frozenset[Modality]:
    """The modalities DICOM codes mean; OTHER for those no trial distinguishes."""
    return frozenset(_MODALITIES.get(m.use, Modality.OTHER) for m in meanings if m.concept == MODALITY)


class _Said:
    """The texts of a record, read once for its modality."""

    def __init__(self, told: Told, descriptions: ScanDescriptions, modalities: frozenset[Modality]) -> None:
        self.told = told
        self._descriptions = descriptions
        self._modalities = modalities
        self.texts = tuple(descriptions.read(text, modalities) for text in told.texts)
        self.codes = tuple(descriptions.read(text, modalities) for text in told.code_texts)
        self.series = tuple(s for s in told.series if not descriptions.is_no_scan(s.text))

    @property
    def all(self) -> tuple[SaidOfScan, ...]:
        return (*self.texts, *self.codes)

    def regions(self) -> set[Region]:
        """Regions named by any text of the record as a whole."""
        return {region for said in self.all for region in said.regions}

    def of_series(self) -> tuple[SaidOfScan, ...]:
        """What the series' own descriptions say."""
        return tuple(self._descriptions.read(s.text, self._modalities) for s in self.series if s.text)

    def sites(self) -> frozenset[Region]:
        """Regions that the body sites of its series name."""
        return frozenset(region for series in self.series for region in series.sites | series.sites_by_words)

    def code_says_whole_body(self) -> bool:
        """Whether a PET code itself names the whole body; one without words (CPT) is taken to."""
        shown = [meaning.display for meaning in self.told.procedures if meaning.use == "pet"]
        return any(not words or self._descriptions.read(words, self._modalities).whole_body for words in shown)

    def organ(self) -> str | None:
        """The one organ the texts are about."""
        return next((said.organ for said in self.all if said.organ), None)

    def unfit(self, main: Modality | None) -> str | None:
        """Why the words say it cannot stand for staging; of series only CT (a needle's pictures)."""
        reasons = (self._descriptions.unfit_reason(text) for text in self.told.reasons)
        by_series = self.of_series() if main is Modality.CT else ()
        return next(filter(None, (*(said.unfit for said in self.all), *reasons, *(s.unfit for s in by_series))), None)


def _modalities(told: Told, descriptions: ScanDescriptions) -> frozenset[Modality]:
    """Coded modalities, else those the words name; PET and CT may complete each other."""
    coded = told.modalities | frozenset(_by_code(told.procedures))
    named = frozenset(how for text in (*told.texts, *told.code_texts) for how in descriptions.modalities(text))
    if not coded:
        return named
    hybrid = frozenset({Modality.CT, Modality.PET})
    return coded | (named & hybrid if coded & hybrid else frozenset())


def _by_code(procedures: Meanings) -> Iterable[Modality]:
    for meaning in procedures:
        if meaning.group in _BY_GROUP:
            yield _BY_GROUP[meaning.group]
        for part in meaning.use.split("+"):
            if part in _PARTS:
                yield _PARTS[part].modality


def _main(modalities: frozenset[Modality]) -> Modality | None:
    """The modality regions are said of: PET of a hybrid scan, else the only one; None if several."""
    pictures = modalities & _PICTURES
    if Modality.PET in pictures:
        return Modality.PET
    return next(iter(pictures)) if len(pictures) == 1 else None


def _read_codes(procedures: Meanings, reading: ScanReading) -> None:
    for meaning in procedures:
        match meaning.use:
            case "pet":
                reading.coverage |= {Coverage(Modality.PET, region) for region in TRUNK}
            case "pet_limited":
                reading.doubtful = _LIMITED_PET
            case "not_sufficient" | "review" if _is_picture(meaning):
                reading.unfit = reading.unfit or _named(meaning)
            case "intracranial":
                reading.coverage.add(Coverage(_BY_GROUP.get(meaning.group, Modality.OTHER), Region.HEAD))
            case use:
                reading.coverage |= {_PARTS[part] for part in use.split("+") if part in _PARTS}


def _is_picture(meaning: Meaning) -> bool:
    return _BY_GROUP.get(meaning.group, Modality.CT) in _PICTURES


def _named(meaning: Meaning) -> str:
    return meaning.display or meaning.group.replace("_", " ").lower()


def _read_pet(reading: ScanReading, said: _Said) -> None:
    """Whole body by code, by words, by series, by site; PET with CT unless an area is named (ruling 3)."""
    coded = any(item.modality is Modality.PET for item in reading.coverage)
    named = said.regions()
    whole = any(text.whole_body for text in said.all) or named >= _TRUNK
    if not whole and named:
        _limit_pet(reading, frozenset(named))
    elif not coded:
        _read_uncoded_pet(reading, said, whole)
    elif not whole and not said.code_says_whole_body() and not said.sites() >= _TRUNK and said.sites():
        _limit_pet(reading, said.sites())


def _read_uncoded_pet(reading: ScanReading, said: _Said, whole: bool) -> None:
    sites = said.sites()
    region_unstated = any(meaning.use == "pet_region_unstated" for meaning in said.told.procedures)
    if whole or any(text.whole_body for text in said.of_series()):
        _add(reading, Modality.PET, _TRUNK, derived=True)
    elif sites:
        coded = frozenset(region for series in said.series for region in series.sites)
        if sites >= _TRUNK:
            _add(reading, Modality.PET, _TRUNK, derived=not coded >= _TRUNK)
        elif sites == {Region.HEAD}:
            reading.unfit = reading.unfit or "PET of the brain"
        else:
            _limit_pet(reading, sites)
    elif Modality.CT in reading.modalities and not region_unstated:
        _add(reading, Modality.PET, _TRUNK, derived=True)


def _limit_pet(reading: ScanReading, regions: frozenset[Region]) -> None:
    reading.doubtful = _LIMITED_PET
    reading.coverage = {item for item in reading.coverage if item.modality is not Modality.PET}
    _add(reading, Modality.PET, regions, derived=True)


def _read_sections(main: Modality, reading: ScanReading, said: _Said) -> None:
    """CT or MR: codes, body sites of series, words; series texts where nothing else names a region."""
    named = {region for text in said.texts for region in text.regions}
    if not any(item.modality is main for item in reading.coverage):
        named |= said.regions()
    if main is Modality.CT and any(text.whole_body for text in said.all):
        named |= _TRUNK
    _read_sites(main, reading, said)
    _add(reading, main, frozenset(named), derived=True)
    if not reading.coverage and said.organ() is None:
        _add(reading, main, frozenset(r for text in said.of_series() for r in text.regions), derived=True)
    if any(text.angiography for text in said.all):
        _doubt_angiography(main, reading)


def _read_sites(main: Modality | None, reading: ScanReading, said: _Said) -> None:
    """The body sites of the series, each of its own modality, else of the study's."""
    for series in said.series:
        modality = series.modality or main
        if modality in _PICTURES:
            _add(reading, modality, series.sites, derived=False)
            _add(reading, modality, series.sites_by_words, derived=True)


def _doubt_angiography(main: Modality, reading: ScanReading) -> None:
    if main is Modality.CT and any(item.region is Region.CHEST for item in reading.coverage):
        reading.doubtful = _CHEST_ANGIOGRAPHY
    else:
        reading.unfit = reading.unfit or f"{main.value} angiography"


def _add(reading: ScanReading, modality: Modality, regions: frozenset[Region], *, derived: bool) -> None:
    """Coverage of regions that is not known yet, or known only from words."""
    for region in regions:
        if Coverage(modality, region) not in reading.coverage:
            reading.coverage.add(Coverage(modality, region, derived))
        if not derived:
            reading.coverage.discard(Coverage(modality, region, derived=True))


def _unstated(reading: ScanReading, main: Modality | None, said: _Said) -> str | None:
    if reading.coverage or reading.unfit or reading.doubtful:
        return None
    if not reading.modalities & SECTIONAL:
        return None if reading.modalities else "how it was made (CT, MR, PET) is not stated"
    organ = said.organ()
    if organ is not None:
        return f"its description names the {organ} only, no region"
    return "the region of the PET is not stated" if main is Modality.PET else "which region it covers is not stated"
