"""Dates as a record gives them, and the day of an assessment.

A FHIR date may be a year or a month. `PartialDate` keeps both ends, so that no rule can
mistake "2008" for 1 January 2008. `AsOf` is the day an assessment is made for; every rule
asks it `has_come(day)`, and it remembers the next day on which one of the answers given
would turn. That is what makes `valid_until` and `next_change` exact to the day.

Source: FHIR R4, datatypes `date` and `dateTime`; CRITERIA, conventions ("A partial date
stands for all its days").
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from cds_service.domain.making import quick_to_make
from cds_service.domain.truth import Truth

_FHIR_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?\Z", re.ASCII | re.DOTALL)


@quick_to_make
@dataclass(frozen=True, slots=True)
class PartialDate:
    """All the days a recorded date may mean: the same day twice when it is complete."""

    earliest: date
    latest: date

    @property
    def is_exact(self) -> bool:
        """Whether the record names the day."""
        return self.earliest == self.latest

    def __str__(self) -> str:
        """The date as recorded: 2008, 2008-06 or 2008-06-14."""
        if self.is_exact:
            return self.earliest.isoformat()
        if self.earliest.month == self.latest.month and self.earliest.year == self.latest.year:
            return self.earliest.isoformat()[:7]
        return self.earliest.isoformat()[:4]


def on(day: date) -> PartialDate:
    """A complete date."""
    return PartialDate(day, day)


def parse_partial_date(text: str) -> PartialDate:
    """The date a FHIR date, dateTime or instant names, in its own local calendar.

    The day of a dateTime is the day written in it (its own offset), never converted.
    Raises ValueError for anything else, without repeating the text.
    """
    found = _FHIR_DATE.match(text)
    if found is None:
        raise ValueError("not a FHIR date: expected YYYY, YYYY-MM, YYYY-MM-DD or a dateTime")
    year = int(found[1])
    month, day = (int(part) if part else None for part in found.groups()[1:])
    if month is None:
        return PartialDate(date(year, 1, 1), date(year, 12, 31))
    if day is None:
        return PartialDate(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
    return on(date(year, month, day))


def days_after(day: date, days: int) -> date:
    """The day `days` days later (earlier when negative), kept inside Python's calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def years_after(day: date, years: int) -> date:
    """The same day `years` years later; 29 February becomes 1 March in a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        if not date.min.year <= day.year + years <= date.max.year:
            return date.max if years > 0 else date.min
        return date(day.year + years, 3, 1)


def months_after(day: date, months: int) -> date:
    """The same day `months` months later, or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not date.min.year <= year <= date.max.year:
        return date.max if months > 0 else date.min
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class AsOf:
    """The day an assessment is made for, which remembers when its answers would turn.

    Every question about time goes through `has_come`; nothing else compares with the day.
    `turns_on` is then the first later day on which any answer given so far would differ,
    or None when no passing of time can change them.
    """

    __slots__ = ("_turns_on", "day")

    def __init__(self, day: date) -> None:
        self.day = day
        self._turns_on: date | None = None

    @property
    def turns_on(self) -> date | None:
        """The next day on which an answer given so far would be another."""
        return self._turns_on

    def has_come(self, day: date) -> bool:
        """Whether `day` is today or past."""
        if self.day >= day:
            return True
        if self._turns_on is None or day < self._turns_on:
            self._turns_on = day
        return False

    def within_days(self, when: PartialDate, days: int) -> Truth:
        """Whether a past date lies at most `days` days back; bounds inclusive.

        UNKNOWN where the days of a partial date disagree.
        """
        latest_expired = self.has_come(days_after(when.latest, days + 1))
        if latest_expired:
            return Truth.FALSE
        return Truth.UNKNOWN if self.has_come(days_after(when.earliest, days + 1)) else Truth.TRUE

    def within_months(self, when: PartialDate, months: int) -> Truth:
        """Whether a past date lies at most `months` calendar months back; bounds inclusive."""
        if self.has_come(days_after(months_after(when.latest, months), 1)):
            return Truth.FALSE
        expired = self.has_come(days_after(months_after(when.earliest, months), 1))
        return Truth.UNKNOWN if expired else Truth.TRUE

    def years_since(self, when: PartialDate, years: int) -> Truth:
        """Whether `years` full years have passed since a date (an age, a disease-free time)."""
        if self.has_come(years_after(when.latest, years)):
            return Truth.TRUE
        return Truth.UNKNOWN if self.has_come(years_after(when.earliest, years)) else Truth.FALSE
