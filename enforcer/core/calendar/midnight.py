"""Ends of access at exactly midnight: date pickers write them, and mean the whole day.

`2026-12-31T00:00:00Z` is an instant, and access that ends then does not last through 31 December. Midnight
is when a day begins in `ENFORCER_TIME_ZONE`, or else in UTC. An instant that is both begins the same day in
both, because the zone then has no offset. If clocks skip midnight, the first instant of the day counts; if
midnight comes twice, both count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import instant, last_day

_MOMENT = timedelta(microseconds=1)
_SECOND = timedelta(seconds=1)


class Midnight(StrEnum):
    """What an end of access at exactly midnight means."""

    INSTANT = "instant"
    """That instant, as everywhere else."""
    DAY = "day"
    """The whole day that begins then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRules:
    """How to read the register's dates: in which zone days end, and what midnight means."""

    zone: ZoneInfo
    midnight: Midnight = Midnight.INSTANT

    def ends_at(self, value: object) -> datetime:
        """Return the instant (UTC) at which access has ended, for an `EndDate`.

        Raises:
            UnreadableDateError: As `dates.ends_at`.
        """
        day = self._day_begun_at(value) if self.midnight is Midnight.DAY else None
        return dates.ends_at(value if day is None else day.isoformat(), self.zone)

    def begins_at(self, value: object) -> datetime:
        """Return the first instant (UTC) of access, for a `StartDate`; midnight always begins a day.

        Raises:
            UnreadableDateError: As for `dates.begins_at`.
        """
        return dates.begins_at(value, self.zone)

    def exactly(self, at: datetime) -> datetime:
        """Return an end of access that reads as this very instant, to the microsecond."""
        return at if self.ends_at(at) == at else at - _MOMENT

    def about_midnight(self, value: object) -> str:
        """Say when access with an `EndDate` at exactly midnight ends, and how to write what may be meant.

        Empty for days and all other instants.

        Raises:
            UnreadableDateError: As `dates.ends_at`.
        """
        day = self._day_begun_at(value)
        if day is None:
            return ""
        due_at = self.ends_at(value)
        local = due_at.astimezone(self.zone)
        place = "UTC" if _utc_day(dates.ends_at(value, self.zone)) else self.zone.key
        end = f"access ends at {local:%Y-%m-%d %H:%M} in {self.zone.key}"
        told = f"EndDate is {dates.written(value)}, which is midnight in {place}"
        if self.midnight is Midnight.DAY:
            return f"{told}: ENFORCER_MIDNIGHT=day reads it as the whole of {day}, so {end}"
        return (
            f"{told}: {end} and does not last through {day}; write {day} if that is the last day of access,"
            f" or {self._unmistakable(due_at)} if it is to end then"
        )

    def _day_begun_at(self, value: object) -> date | None:
        moment = dates.read(value)
        if not isinstance(moment, datetime):
            return None
        return _local_day(moment, self.zone) or _utc_day(moment)

    def _unmistakable(self, due_at: datetime) -> str:
        """Return the same end of access as a day if it is one, or else as an instant before midnight."""
        day_before = last_day(due_at, self.zone).isoformat()
        same = dates.ends_at(day_before, self.zone) == due_at
        return day_before if same else instant(due_at - _SECOND)


def _local_day(moment: datetime, zone: ZoneInfo) -> date | None:
    local = moment.astimezone(zone)
    begins = local.time() == time() or (moment - _MOMENT).astimezone(zone).date() < local.date()
    return local.date() if begins else None


def _utc_day(moment: datetime) -> date | None:
    return moment.date() if moment.time() == time() else None
