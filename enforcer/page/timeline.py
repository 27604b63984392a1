"""The time line: whose access ends in which of the coming weeks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from enforcer.core.calendar.dates import last_day
from enforcer.core.contractors import ReadRow
from enforcer.core.forecast import Week, forecast
from enforcer.page.people import HOME, PersonLink, row_link
from enforcer.page.times import Calendar, Moment, short_day

NAMED_PER_WEEK = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of somebody's access."""

    person: PersonLink
    company: str
    last_day: Moment
    distance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekOnLine:
    """A week.

    Attributes:
        share: Percent of the busiest week's number.
        ends: The first of those whose access ends in it.
        more, more_href: How many others there are, and where they are listed.
    """

    label: str
    iso: str
    ending: int
    share: int
    ends: tuple[End, ...]
    more: int
    more_href: str


def time_line(rows: Sequence[ReadRow], calendar: Calendar) -> tuple[WeekOnLine, ...]:
    """Return the coming weeks, this one first."""
    weeks = forecast((row for row in rows), calendar.now, calendar.zone)
    busiest = max(1, *(week.ending for week in weeks))
    coming = _by_week(rows, calendar)
    return tuple(_week(week, busiest, coming[week.monday], calendar) for week in weeks)


def ends_in_week(rows: Iterable[ReadRow], monday: date, calendar: Calendar) -> list[ReadRow]:
    """Return the rows that end in a week and have not ended yet, the next one first."""
    return _by_week(rows, calendar)[monday]


def end_of(row: ReadRow, due_at: datetime, calendar: Calendar) -> End:
    return End(
        person=row_link(row),
        company=row.written.company,
        last_day=calendar.end(due_at),
        distance=calendar.distance(due_at),
    )


def _by_week(rows: Iterable[ReadRow], calendar: Calendar) -> defaultdict[date, list[ReadRow]]:
    ending = [(row.due_at, row) for row in rows if row.due_at is not None and row.due_at > calendar.now]
    weeks: defaultdict[date, list[ReadRow]] = defaultdict(list)
    for due_at, row in sorted(ending, key=lambda pair: (pair[0], pair[1].written.name)):
        last = last_day(due_at, calendar.zone)
        weeks[last - timedelta(days=last.weekday())].append(row)
    return weeks


def _week(week: Week, busiest: int, rows: Sequence[ReadRow], calendar: Calendar) -> WeekOnLine:
    return WeekOnLine(
        label=f"{short_day(week.monday)} to {short_day(week.monday + timedelta(days=6))}",
        iso=f"{week.year}-W{week.number:02}",
        ending=week.ending,
        share=round(100 * week.ending / busiest),
        ends=tuple(end_of(row, row.due_at, calendar) for row in rows[:NAMED_PER_WEEK] if row.due_at),
        more=max(len(rows) - NAMED_PER_WEEK, 0),
        more_href=f"{HOME}?week={week.monday.isoformat()}",
    )
