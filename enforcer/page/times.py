"""Times and days as people read them, in the organisation's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from enforcer.core.calendar.dates import instant, last_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time or a day: for programs (`iso`, HTML's `datetime`) and for people."""

    iso: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The time now, and the zone in which days end."""

    now: datetime
    zone: ZoneInfo

    def moment(self, at: datetime) -> Moment:
        local = at.astimezone(self.zone)
        return Moment(iso=instant(at), text=f"{day(local.date())}, {local:%H:%M}")

    def optional_moment(self, at: datetime | None) -> Moment | None:
        return None if at is None else self.moment(at)

    def written(self, text: str) -> Moment:
        """Show an instant of the ledger; any other text is shown unchanged."""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return Moment(iso="", text=text)
        return self.moment(at if at.tzinfo else at.replace(tzinfo=UTC))

    def end(self, due_at: datetime) -> Moment:
        """Show the end of access: the last day, with the time where it does not end with that day."""
        last = last_day(due_at, self.zone)
        local = due_at.astimezone(self.zone)
        if local.time() == time():
            return Moment(iso=last.isoformat(), text=day(last))
        return Moment(iso=instant(due_at), text=f"{day(last)}, {local:%H:%M}")

    def distance(self, due_at: datetime) -> str:
        """Return how far away the last day of access is."""
        days = (last_day(due_at, self.zone) - self.today).days
        if days in _NEAR:
            return _NEAR[days]
        return f"in {days} days" if days > 0 else f"{-days} days ago"

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


_NEAR = {0: "today", 1: "tomorrow", -1: "yesterday"}


def day(value: date) -> str:
    """Write a day as `5 Dec 2026`."""
    return f"{value.day} {value:%b %Y}"


def short_day(value: date) -> str:
    """Write a day as `5 Dec`."""
    return f"{value.day} {value:%b}"
