"""Dates as files have them. What can be read in two ways is never guessed.

ISO dates, instants with an offset, months by name and days of workbooks can be read in one way only. A day
with nothing but numbers needs `--dates dmy` or `mdy`, unless it is written with dots, as in German, and every
such day of the file can be read that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from enforcer.register.feed.day_names import named_day
from enforcer.register.feed.grid import Cell

_TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?\s*(?:[AaPp]\.?[Mm]\.?)?"
_WITH_TIME = re.compile(rf"(.+?)(?:[Tt]|,?\s+)({_TIME})")
_MIDNIGHT = re.compile(r"(?:0{1,2}|12(?=.*[Aa]\.?[Mm]))(?::00){1,2}(?:\.0{1,9})?\s*(?:[Aa]\.?[Mm]\.?)?")
_OFFSET = re.compile(r"\s*(?:[Zz]|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_YEAR_FIRST = re.compile(
    r"([0-9]{4})([/.])([0-9]{1,2})\2([0-9]{1,2})|((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})"
)
_NUMBERS = re.compile(r"([0-9]{1,2})([./-])\s?([0-9]{1,2})\2\s?([0-9]{4}|[0-9]{2})")
_SERIAL = re.compile(r"[0-9]{5}(?:[.,][0-9]+)?")
_SERIALS = range(20_000, 80_000)  # 1954 to 2119
_LAST_MONTH = 12
_DOT = "."
# Years of two digits: from 70 on nobody can tell the century.
_SHORT, _LAST_CENTURY = 2, 70

WANTED = "write YYYY-MM-DD, or a date and time with an offset such as 2026-12-31T17:00:00+01:00"


type _Numbers = Sequence[tuple[str, ...]]


class DateOrder(StrEnum):
    """In what order the numbers of a date come."""

    ISO = "iso"
    DMY = "dmy"
    MDY = "mdy"


class DateError(ValueError):
    """The cell is not a date that can be read; `kind` is what such cells have in common."""

    def __init__(self, text: str, kind: str) -> None:
        self.kind = kind
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateReader:
    """How to read the dates of a file.

    Attributes:
        order: How days that are nothing but numbers are read; None if nobody said so and they cannot be.
        epoch: Day 0 of a workbook's serial numbers; None for text files.
        note: What was taken for granted; empty if nothing was.
        hint: Which order would fit, where only one does.
    """

    order: DateOrder | None
    epoch: datetime | None = None
    note: str = ""
    hint: str = ""

    def read(self, cell: Cell) -> str:
        """Return a cell as the register has it: a day YYYY-MM-DD, or an instant with its offset.

        Raises:
            DateError: It cannot be read; says why, and what would be right.
        """
        if isinstance(cell, int | float):
            return self._serial(cell)
        if isinstance(cell, datetime):
            return _whole_day(cell)
        if isinstance(cell, date):
            return cell.isoformat()
        return self._text(cell)

    def _serial(self, number: float) -> str:
        if self.epoch is None or int(number) not in _SERIALS:
            raise DateError(f"is {number}, which is not a date; {WANTED}", "is not a date")
        return _whole_day(self.epoch + timedelta(days=number))

    def _text(self, text: str) -> str:
        day, clock = _parts(text)
        if clock is not None and _OFFSET.fullmatch(clock[1]):
            return _instant(text, day, clock)
        found = self._day(day, text)
        if clock is not None and not _MIDNIGHT.fullmatch(clock[0]):
            raise DateError(
                f"is {text!r:.60}, a time without an offset; {WANTED}", "has a time without an offset"
            )
        return found

    def _day(self, day: str, text: str) -> str:
        if match := _ISO.fullmatch(day):
            return _checked(text, match[1], int(match[2]), int(match[3]))
        if match := _YEAR_FIRST.fullmatch(day):
            year, _, month, number, *basic = match.groups()
            year, month, number = (year, month, number) if year else basic
            return _checked(text, year, int(month), int(number))
        if named := named_day(day):
            return _checked(text, *named)
        if match := _NUMBERS.fullmatch(day):
            return self._numbers(text, *match.groups())
        if _SERIAL.fullmatch(day):
            raise DateError(
                f"is {text!r:.60}, which may be Excel's number of a day: import the .xlsx file, or format the"
                " column as a date YYYY-MM-DD and save it again",
                "is a number instead of a date",
            )
        raise DateError(f"is {text!r:.60}; {WANTED}", "is not a date")

    def _numbers(self, text: str, first: str, _mark: str, second: str, year: str) -> str:
        order = self.order
        if order is None:
            raise DateError(
                f"is {text!r:.60}, and nobody said whether day or month comes first: say --dates dmy"
                f" or --dates mdy{self.hint}",
                "is a date of numbers; say --dates dmy or mdy",
            )
        if order is DateOrder.ISO:
            raise DateError(f"is {text!r:.60}, but --dates iso was given; {WANTED}", "is not an ISO date")
        day, month = (first, second) if order is DateOrder.DMY else (second, first)
        if int(month) > _LAST_MONTH:
            other = "mdy" if order is DateOrder.DMY else "dmy"
            raise DateError(
                f"is {text!r:.60}, which does not fit {order}: it has no month {month}; is it {other}?",
                f"does not fit {order}",
            )
        return _checked(text, year, int(month), int(day))


def reader_for(cells: Iterable[Cell], order: DateOrder | None, epoch: datetime | None) -> DateReader:
    """Return how to read the dates of a file.

    Raises:
        DateError: No order can be right for all of them, whatever was said.
    """
    days = [_parts(cell)[0] for cell in cells if isinstance(cell, str)]
    numbers = [match.groups() for day in days if (match := _NUMBERS.fullmatch(day))]
    dotted = [match for match in numbers if match[1] == _DOT]
    others = [match for match in numbers if match[1] != _DOT]
    by_dots = all(_can_be_dmy(match) for match in dotted)
    if order is None and dotted and not others and by_dots:
        example = ".".join((dotted[0][0], dotted[0][2], dotted[0][3]))
        note = f"dates such as {example} were read as day.month.year, because of their dots"
        return DateReader(order=DateOrder.DMY, epoch=epoch, note=note)
    days_first = [match for match in numbers if int(match[0]) > _LAST_MONTH]
    months_first = [match for match in numbers if int(match[2]) > _LAST_MONTH]
    _require_one_order(days_first, months_first)
    hint = " (only dmy fits every line)" * bool(days_first) + " (only mdy fits every line)" * bool(
        months_first
    )
    return DateReader(order=order, epoch=epoch, hint=hint)


def _require_one_order(days_first: _Numbers, months_first: _Numbers) -> None:
    if days_first and months_first:
        shown = [
            f"{first}{mark}{second}{mark}{year}"
            for first, mark, second, year in (days_first[0], months_first[0])
        ]
        raise DateError(
            f"the file has both {shown[0]} and {shown[1]}: some of its dates begin with the day, others"
            " with the month, so none of them can be trusted; export it again with ISO dates (YYYY-MM-DD)",
            "both orders of day and month",
        )


def _can_be_dmy(match: tuple[str, ...]) -> bool:
    return int(match[2]) <= _LAST_MONTH


def _parts(text: str) -> tuple[str, tuple[str, str] | None]:
    """Split a text into the day and, if there is one, the time with what follows it."""
    match = re.fullmatch(rf"{_WITH_TIME.pattern}({_OFFSET.pattern}|)", text.strip())
    if match is None:
        return text.strip(), None
    return match[1].strip(), (match[2].strip(), match[3])


def _instant(text: str, day: str, clock: tuple[str, str]) -> str:
    """Return an instant; only ISO 8601 has them."""
    if not _ISO.fullmatch(day):
        raise DateError(f"is {text!r:.60}; {WANTED}", "is not a date")
    offset = clock[1].strip()
    return f"{day}T{clock[0]}{'Z' if offset in ('UTC', 'GMT') else offset}"


def _whole_day(moment: datetime) -> str:
    # A day counted in fractions is off by some microseconds.
    rounded = (moment + timedelta(milliseconds=1)).replace(microsecond=0)
    if rounded.time() == time():
        return rounded.date().isoformat()
    raise DateError(f"is {moment}, a time without an offset; {WANTED}", "has a time without an offset")


def _checked(text: str, year: str, month: int, day: int) -> str:
    century = 2000 if len(year) == _SHORT else 0
    if century and int(year) >= _LAST_CENTURY:
        raise DateError(
            f"is {text!r:.60}, whose year may be 19{year} or 20{year}; write it with four digits",
            "has a year of two digits",
        )
    try:
        return date(century + int(year), month, day).isoformat()
    except ValueError as error:
        raise DateError(f"is {text!r:.60}, which does not exist ({error})", "does not exist") from error
