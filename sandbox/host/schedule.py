"""NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC as on Flex Consumption.

Unlike in cron, a day must match both the day of the month and the day of the week.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Final

from sandbox.host.errors import HostError

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_WAIT_DAYS: Final = 8 * 366  # from 29 February to the next, over a year like 2100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field(name="second", first=0, last=59),
    _Field(name="minute", first=0, last=59),
    _Field(name="hour", first=0, last=23),
    _Field(name="day", first=1, last=31),
    _Field(name="month", first=1, last=12, words=_MONTHS),
    _Field(name="day of week", first=0, last=6, words=_DAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, instant: datetime) -> datetime:
        """The first occurrence later than `instant`, in UTC."""
        start = instant.astimezone(UTC)
        for offset in range(_LONGEST_WAIT_DAYS):
            day = start.date() + timedelta(days=offset)
            if self._has_day(day):
                for at in self.times:
                    occurrence = datetime.combine(day, at, UTC)
                    if occurrence > start:
                        return occurrence
        raise HostError("the schedule never comes round")

    def _has_day(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        return day.day in self.days and day.month in self.months and weekday in self.weekdays


def parse_schedule(text: str) -> Schedule:
    """Read an NCRONTAB expression of six fields, or of five without seconds.

    Raises:
        HostError: not such an expression; a TimeSpan is one on App Service plans only.
    """
    fields = text.split()
    if len(fields) == len(_FIELDS) - 1:
        fields = ["0", *fields]
    if len(fields) != len(_FIELDS):
        raise HostError(f"schedule {text!r}: six fields are needed, as in '0 30 0 * * *'")
    seconds, minutes, hours, days, months, weekdays = (
        _values(field, value) for field, value in zip(_FIELDS, fields, strict=True)
    )
    times = tuple(time(*at) for at in product(sorted(hours), sorted(minutes), sorted(seconds)))
    return Schedule(times=times, days=days, months=months, weekdays=weekdays)


def _values(field: _Field, text: str) -> frozenset[int]:
    values: set[int] = set()
    for item in text.split(","):
        values.update(_item(field, item))
    return frozenset(values)


def _item(field: _Field, item: str) -> range:
    span, _, step = item.partition("/")
    low, dash, high = span.partition("-")
    first = field.first if span == "*" else _number(field, low)
    # `5/15` means every fifteen from five on.
    open_ended = span == "*" or (step and not dash)
    last = field.last if open_ended else _number(field, high if dash else low)
    every = _number(_Field(name=f"{field.name} step", first=1, last=field.last), step) if step else 1
    return range(first, last + 1, every)


def _number(field: _Field, text: str) -> int:
    word = text.upper()
    number = field.words.index(word) + field.first if word in field.words else -1
    if text.isascii() and text.isdigit():
        number = int(text)
    if not field.first <= number <= field.last:
        raise HostError(f"schedule: {text!r} is no {field.name} from {field.first} to {field.last}")
    return number
