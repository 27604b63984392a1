"""NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC as on Flex Consumption.

Unlike in cron, a day must match both the day of the month and the day of the week. `as_azure_reads` takes
what Microsoft's own parser takes (NCrontab.Signed, in Microsoft.Azure.WebJobs.Extensions 3.0.6; its answers
are in tests/core/calendar/ncrontab.tsv), and `as_written` only what that parser reads as people mean it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

# From a 29 February that is a Monday to the next one, over a year like 2100.
_LONGEST_WAIT = timedelta(days=41 * 366)
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SHORTEST_NAME = 3
_TIME_SPAN = re.compile(r"([0-9]+\.)?[0-9]+:[0-9]+:[0-9]+")
# The host indexes all functions of an app or none.
_REFUSED = "Azure would refuse it and load no function"


class ScheduleError(ValueError):
    """The text is not a schedule that can be used; the message says what Azure would do with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (
    _Field(name="second", first=0, last=59),
    _Field(name="minute", first=0, last=59),
    _Field(name="hour", first=0, last=23),
    _Field(name="day", first=1, last=31),
    _Field(name="month", first=1, last=12, words=_MONTHS),
    _Field(name="day of the week", first=0, last=6, words=_WEEKDAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One of the parts of a field that commas separate; `first` lies after `last` where it was written so."""

    text: str
    field: _Field
    first: int
    last: int
    step: int

    @property
    def values(self) -> range:
        """Return what Azure makes of it: it turns backward ranges round, and takes a step of 0 for 1."""
        return range(min(self.first, self.last), max(self.first, self.last) + 1, max(self.step, 1))

    @property
    def misreading(self) -> str:
        """Say how Azure reads it otherwise than it is written; empty where it does not."""
        field, size = self.field, self.field.last - self.field.first + 1
        if self.first > self.last:
            low, _, high = self.text.partition("/")[0].partition("-")
            return (
                f"Azure would turn {self.text} round and read {high}-{low};"
                f" write {low}-{field.last},{field.first}-{high}"
            )
        if self.step == 0:
            return f"Azure would read the step of {self.text} as 1; leave it out, or write a step from 1 up"
        if self.step > size:
            return (
                f"{self.text} steps over all {size} values of the {field.name}: Azure would begin anew each"
                f" time and read {self.first}; write a step up to {size}"
            )
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a timer fires, in UTC."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def ever_fires(self) -> bool:
        """Whether any month has one of the days; each of its days is every day of the week in some year."""
        return min(self.days) <= max(_LONGEST_MONTHS[month - 1] for month in self.months)

    def next_after(self, instant: datetime) -> datetime:
        """Return the first occurrence later than `instant`, in UTC.

        Raises:
            ScheduleError: There never is one.
        """
        earliest = instant.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        for ahead in range(_LONGEST_WAIT.days if self.ever_fires else 0):
            day = earliest.date() + timedelta(days=ahead)
            at = self._first_time(earliest.time() if ahead == 0 else time()) if self._has(day) else None
            if at is not None:
                return datetime.combine(day, at, UTC)
        raise ScheduleError("it never fires")

    def _has(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return day.day in self.days and day.month in self.months and weekday in self.weekdays

    def _first_time(self, earliest: time) -> time | None:
        times = (
            time(hour, minute, second)
            for hour in sorted(self.hours)
            if hour >= earliest.hour
            for minute in sorted(self.minutes)
            for second in sorted(self.seconds)
        )
        return next((at for at in times if at >= earliest), None)


def as_azure_reads(text: str) -> Schedule:
    """Return the schedule that Azure makes of six fields, or of five without the seconds.

    Raises:
        ScheduleError: Azure would refuse it.
    """
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    return _schedule(_items(fields))


def as_written(text: str) -> Schedule:
    """Return the schedule of six fields that Azure reads as it is written, and that fires some day.

    Raises:
        ScheduleError: There is no such schedule; the message says what Azure would do.
    """
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        raise ScheduleError(f"Azure would read five fields from the minute on; write 0 {' '.join(fields)}")
    items = _items(fields)
    misreadings = [item.misreading for of_field in items for item in of_field if item.misreading]
    if misreadings:
        raise ScheduleError(". ".join(misreadings))
    schedule = _schedule(items)
    if not schedule.ever_fires:
        raise ScheduleError(f"Azure would take it and never run: no month {fields[4]} has a day {fields[3]}")
    return schedule


def _items(fields: Sequence[str]) -> list[list[_Item]]:
    if len(fields) == 1 and _TIME_SPAN.fullmatch(fields[0]):
        raise ScheduleError("Azure knows time spans on App Service plans only")
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"it has {len(fields)} fields: {_REFUSED}")
    return [
        [_item(field, part) for part in text.split(",")] for field, text in zip(_FIELDS, fields, strict=True)
    ]


def _schedule(items: Sequence[Sequence[_Item]]) -> Schedule:
    seconds, minutes, hours, days, months, weekdays = (
        frozenset(value for item in of_field for value in item.values) for of_field in items
    )
    return Schedule(
        seconds=seconds, minutes=minutes, hours=hours, days=days, months=months, weekdays=weekdays
    )


def _item(field: _Field, text: str) -> _Item:
    span, slash, step = text.partition("/")
    low, dash, high = span.partition("-")
    if span == "*":
        first, last = field.first, field.last
    else:
        first = _value(field, low, text)
        # `5/15` means every fifteen from five on.
        last = _value(field, high, text) if dash else field.last if slash else first
    if slash and not _is_number(step):
        raise ScheduleError(f"the step of {text!r} is not a number: {_REFUSED}")
    return _Item(text=text, field=field, first=first, last=last, step=int(step) if slash else 1)


def _value(field: _Field, text: str, part: str) -> int:
    if _is_number(text):
        number = int(text)
    else:
        # Any beginning of the English word will do.
        starts = (word.startswith(text.lower()) for word in field.words if len(text) >= _SHORTEST_NAME)
        number = next((field.first + place for place, starts in enumerate(starts) if starts), -1)
    if not field.first <= number <= field.last:
        names = f" or a name such as {field.words[1][:3].upper()}" if field.words else ""
        raise ScheduleError(
            f"{part!r} is not a {field.name}, {field.first} to {field.last}{names}: {_REFUSED}"
        )
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10  # noqa: PLR2004 -- what an int of .NET holds
