"""Who is warned that a contractor's access ends soon, and when.

A sponsor is warned once for each number of days in `ENFORCER_WARN_DAYS`. A warning that would fall on a
weekend is sent on the Friday before. After a day without a run, only the nearest missed warning is sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from enforcer.core.calendar.dates import last_day
from enforcer.core.contractors import Contractor
from enforcer.core.keys import normalised

_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to tell a sponsor.

    Attributes:
        days_ahead: Which of the numbers in `ENFORCER_WARN_DAYS` this is for.
        last_day: The last day of access, in the organisation's time zone.
    """

    ending: Contractor
    days_ahead: int
    last_day: date

    @property
    def key(self) -> str:
        """Identifies person, end date and number of days, for which a warning is sent once."""
        ending = self.ending
        fields = [ending.written.group_id, normalised(ending.row_key), ending.end_date, self.days_ahead]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()[:24]


def due_notices(
    endings: Iterable[Contractor],
    warn_days: Sequence[int],
    now: datetime,
    zone: ZoneInfo,
    said: Collection[str] = frozenset(),
) -> list[Notice]:
    """Return the notices to send now; `said` holds the keys of those sent before."""
    today = now.astimezone(zone).date()
    found = [_nearest(ending, warn_days, today, zone) for ending in endings if now < ending.due_at]
    return [notice for notice in found if notice is not None and notice.key not in said]


def by_sponsor(notices: Iterable[Notice], domains: Collection[str]) -> Mapping[str, Sequence[Notice]]:
    """Return each sponsor's notices, nearest end first; of sponsors in these mail domains only."""
    found: dict[str, list[Notice]] = {}
    for notice in sorted(notices, key=_order):
        if notice.ending.written.may_be_told(domains):
            found.setdefault(notice.ending.written.address, []).append(notice)
    return found


def said_on(end: date, days_ahead: int) -> date:
    """Return the day of a warning this many days ahead, or the Friday before if it is a weekend."""
    day = end - timedelta(days=days_ahead)
    return day - timedelta(days=max(0, day.weekday() - _SATURDAY + 1))


def _nearest(ending: Contractor, warn_days: Sequence[int], today: date, zone: ZoneInfo) -> Notice | None:
    end = last_day(ending.due_at, zone)
    reached = [days for days in warn_days if said_on(end, days) <= today]
    return Notice(ending=ending, days_ahead=min(reached), last_day=end) if reached else None


def _order(notice: Notice) -> tuple[datetime, str, str, str]:
    row = notice.ending.written
    return notice.ending.due_at, row.display_name.casefold(), row.row_key, row.group_id
