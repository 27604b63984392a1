"""The days that evidence covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError
from enforcer.core.exceptions import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from `first` to `last`, both included; consecutive periods share no instant."""

    first: date
    last: date
    starts_at: datetime
    ends_at: datetime
    time_zone: str

    def has(self, due_at: datetime) -> bool:
        """Whether the last moment of access that ended at this instant was in the period."""
        return self.starts_at < due_at <= self.ends_at


def period(first: str, last: str, zone: ZoneInfo) -> Period:
    """Read a period from its first and last day, each written YYYY-MM-DD.

    Raises:
        InputError: One is not a day, or they are the wrong way round.
    """
    start, end = _day(first, "from"), _day(last, "to")
    if end < start:
        raise InputError(f"the period ends on {last}, before it begins on {first}", field="to")
    return Period(
        first=start,
        last=end,
        starts_at=dates.begins_at(start.isoformat(), zone),
        ends_at=dates.ends_at(end.isoformat(), zone),
        time_zone=zone.key,
    )


def _day(text: str, field: str) -> date:
    try:
        return dates.day(text)
    except UnreadableDateError as error:
        raise InputError(f"{field} {error}", field=field) from error
