"""When access begins and ends.

A date is a *day* in the organisation's time zone: access lasts until the day is over. A date with a time
is an *instant*. Days are odd near daylight saving changes (an hour may be missing or come twice, in some
zones at midnight, and Apia once skipped a whole day), so a day ends at the first instant of the next one.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
# Databases and spreadsheets write "no date" as 0001, 1601, 1753, 1899, 1900, 1970 or 9999. Nobody's contract
# ended before Entra ID could have known them, or ends in the very last year: acting on such a date would
# remove people whose end date is simply not known.
_FIRST_YEAR, _LAST_YEAR = 1990, 9998

WANTED = "a date YYYY-MM-DD, or a date and time with an offset such as 2026-12-31T17:00:00+01:00"

# Access that ends at midnight lasted until the end of the day before.
_MOMENT = timedelta(microseconds=1)


class UnreadableDateError(ValueError):
    """The value is not a date that can be acted upon; the text says why."""


def ends_at(value: object, zone: ZoneInfo) -> datetime:
    """Return the instant (UTC) at which access has ended, for an `EndDate`.

    Raises:
        UnreadableDateError: The value is missing, of another type, not a real date, or a placeholder.
    """
    moment = read(value)
    if isinstance(moment, datetime):
        return moment
    return _first_instant_after(moment, zone)


def begins_at(value: object, zone: ZoneInfo) -> datetime:
    """Return the first instant (UTC) of access, for a `StartDate`.

    Raises:
        UnreadableDateError: As for `ends_at`.
    """
    moment = read(value)
    if isinstance(moment, datetime):
        return moment
    return _first_instant_after(moment - timedelta(days=1), zone)


def day(text: str) -> date:
    """Read a day written as YYYY-MM-DD, and in no other way.

    Raises:
        UnreadableDateError: It is not such a day, or a placeholder.
    """
    moment = _read_text(text)
    if isinstance(moment, datetime):
        raise UnreadableDateError(f"is {text!r:.60}; it must be a day, YYYY-MM-DD")
    return moment


def written(value: object) -> str:
    """Return a date as the register has it: the string itself, or the instant in ISO 8601."""
    return instant(value) if isinstance(value, datetime) else str(value).strip()


def instant(moment: datetime) -> str:
    """Return an instant as `2026-12-31T23:00:00Z`, with a fraction only if there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc(value: datetime) -> datetime:
    """Return the same instant as a plain datetime in UTC.

    The storage SDK returns times as a subclass of its own, which encoders refuse.

    Raises:
        UnreadableDateError: It lies before the year 1 or after the year 9999.
    """
    try:
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise UnreadableDateError(f"is {value!s:.60}, which is out of range") from error
    return datetime.combine(moment.date(), moment.timetz())


def read(value: object) -> date | datetime:
    """Return a value of the register as a day or an instant (UTC).

    Raises:
        UnreadableDateError: As for `ends_at`.
    """
    if value is None:
        raise UnreadableDateError(f"is missing; it must be {WANTED}")
    if isinstance(value, datetime):
        return _checked(utc(value), value)
    if not isinstance(value, str):
        raise UnreadableDateError(f"is of type {type(value).__name__} ({value!r:.60}); it must be {WANTED}")
    return _read_text(value.strip())


@lru_cache(maxsize=4096)
def _read_text(text: str) -> date | datetime:
    try:
        if _DATE.fullmatch(text):
            return _checked(date.fromisoformat(text), text)
        if _INSTANT.fullmatch(text):
            return _checked(datetime.fromisoformat(text.upper()).astimezone(UTC), text)
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnreadableDateError):
            raise
        raise UnreadableDateError(f"is {text!r:.60}, which does not exist ({error})") from error
    raise UnreadableDateError(f"is {text!r:.60}; it must be {WANTED}")


def _checked[T: date](moment: T, shown: object) -> T:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UnreadableDateError(
            f"is {shown!s:.60}, a placeholder: only years from {_FIRST_YEAR} to {_LAST_YEAR} are acted upon"
        )
    return moment


@lru_cache(maxsize=4096)
def _first_instant_after(day: date, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day + timedelta(days=1), time(), zone)
    # fold=0: where midnight comes twice, the first one is the first instant of the day.
    candidate = midnight.astimezone(UTC)
    if candidate.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return candidate
    return _end_of_gap(candidate, day, zone)


def _end_of_gap(candidate: datetime, day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant whose local day is after `day`, where the clocks skip midnight."""
    before, after = candidate - timedelta(days=2), candidate + timedelta(days=2)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).date() > day:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def last_day(due_at: datetime, zone: ZoneInfo) -> date:
    """Return the last day of access that ends at this instant."""
    return (due_at - _MOMENT).astimezone(zone).date()
