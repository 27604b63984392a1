"""How many contractors' access ends in each of the coming weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from enforcer.core.calendar.dates import last_day
from enforcer.core.contractors import Contractor, ReadRow

WEEKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """An ISO week in the organisation's time zone, and how many have their last day of access in it."""

    year: int
    number: int
    monday: date
    ending: int


def forecast(rows: Iterable[ReadRow], now: datetime, zone: ZoneInfo) -> tuple[Week, ...]:
    """Count who is still to leave, from what is left of the current week on.

    Rows that cannot be read do not count; the findings report them.
    """
    today = now.astimezone(zone).date()
    first = today - timedelta(days=today.weekday())
    ending = Counter(
        _monday(last_day(row.due_at, zone))
        for row in rows
        if isinstance(row, Contractor) and not row.is_due(now)
    )
    return tuple(_week(first + timedelta(weeks=ahead), ending) for ahead in range(WEEKS))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _week(monday: date, ending: Counter[date]) -> Week:
    year, number, _ = monday.isocalendar()
    return Week(year=year, number=number, monday=monday, ending=ending[monday])
