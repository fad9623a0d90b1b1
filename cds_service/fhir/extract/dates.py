"""The dates a resource gives, as partial dates, and as recorded for evidence."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cds_service.domain.dates import PartialDate, parse_partial_date
from cds_service.fhir.context import ReadingContext
from cds_service.fhir.resources import Observation, Period


@lru_cache(maxsize=65536)
def _parsed(text: str) -> PartialDate | None:
    try:
        return parse_partial_date(text.strip())
    except ValueError:
        return None


def read_date(text: str | None, context: ReadingContext) -> PartialDate | None:
    """The date a FHIR date, dateTime or instant names; None (noted) for what is no date."""
    if not text:
        return None
    found = _parsed(text)
    if found is None:
        context.note("a date in it is not a FHIR date; read as none")
    return found


class When(NamedTuple):
    """When something was: start and end, and the words of the record for evidence (`text`)."""

    start: PartialDate | None = None
    end: PartialDate | None = None
    words: str | None = None
    """Those of a moment, once written."""

    @property
    def text(self) -> str | None:
        """The day to show: its start, else its end."""
        day = self.start or self.end
        return self.words or (str(day) if day else None)


NEVER = When()


@lru_cache(maxsize=65536)
def _moment(text: str) -> When | None:
    day = _parsed(text)
    return None if day is None else When(day, day, str(day))


def read_when(moment: str | None, period: Period | None, context: ReadingContext, *fallbacks: str | None) -> When:
    """A dateTime, else a Period, else the first fallback given; a moment is start and end alike."""
    at_once = _moment(moment) if moment else None
    if at_once is not None:
        return at_once
    for text in (moment, *(() if period else fallbacks)):
        day = read_date(text, context)
        if day is not None:
            return When(day, day)
    if period is None:
        return NEVER
    return When(read_date(period.start, context), read_date(period.end, context))


def read_observed(observation: Observation, context: ReadingContext) -> When:
    """When an observation was true: effective as dateTime, instant or Period, else `issued` (noted).

    Source: CRITERIA ruling 18.
    """
    moment = observation.effective_date_time or observation.effective_instant
    at_once = _moment(moment) if moment else None
    if at_once is not None:
        return at_once
    if moment or observation.effective_period:
        return read_when(moment, observation.effective_period, context)
    if observation.issued:
        context.note("it has no effective date; the date of issue stands in")
    return read_when(observation.issued, None, context)
