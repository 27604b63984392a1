"""The lag plot as SVG: a dot for every removal, at the day on which access ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enforcer.core.calendar.dates import last_day
from enforcer.core.evidence.cases import Case, Verdict
from enforcer.core.evidence.period import Period

WIDTH, HEIGHT = 900, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 14, 30
_SHORTEST = 60.0
# The scale is logarithmic: normal lags are minutes, those after an outage days.
_MARKS = (
    (60, "1 min"),
    (600, "10 min"),
    (3_600, "1 h"),
    (21_600, "6 h"),
    (86_400, "1 d"),
    (604_800, "1 w"),
    (2_592_000, "30 d"),
    (31_536_000, "1 y"),
)
_MOST_DAYS_NAMED = 8


@dataclass(frozen=True, slots=True, order=True)
class Dot:
    """The position of a removal; removals at the same position share a dot."""

    x: float
    y: float
    late: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A grid line and its label."""

    at: float
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What the template draws."""

    dots: Sequence[Dot]
    lags: Sequence[Line]
    days: Sequence[Line]
    sla: float
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def plot(cases: Iterable[Case], period: Period, sla: timedelta) -> Plot:
    """Lay out the removals whose lag is known."""
    removed = [case for case in cases if case.lag_seconds is not None and case.due_at is not None]
    longest = max([sla.total_seconds() * 2, *(case.lag_seconds or 0 for case in removed)])
    height = _Height(longest)
    dots = {_dot(case, period, height) for case in removed}
    return Plot(
        dots=sorted(dots),
        lags=[Line(height.of(seconds), name) for seconds, name in _MARKS if seconds <= longest],
        days=_days(period),
        sla=height.of(sla.total_seconds()),
    )


class _Height:
    """The logarithmic lag axis."""

    def __init__(self, longest: float) -> None:
        self._decades = math.log(max(longest, _SHORTEST * 10) / _SHORTEST)

    def of(self, seconds: float) -> float:
        share = math.log(max(seconds, _SHORTEST) / _SHORTEST) / self._decades
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _dot(case: Case, period: Period, height: _Height) -> Dot:
    due_at, lag = case.due_at or period.ends_at, case.lag_seconds or 0.0
    x = _x(last_day(due_at, ZoneInfo(period.time_zone)).toordinal() + 0.5, period)
    return Dot(x, float(round(height.of(lag))), case.verdict is not Verdict.IN_TIME)


def _x(ordinal: float, period: Period) -> float:
    days = period.last.toordinal() - period.first.toordinal() + 1
    share = (ordinal - period.first.toordinal()) / days
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)


def _days(period: Period) -> list[Line]:
    count = period.last.toordinal() - period.first.toordinal() + 1
    step = -(-count // _MOST_DAYS_NAMED)
    ordinals = range(period.first.toordinal(), period.last.toordinal() + 1, step)
    return [Line(_x(day + 0.5, period), datetime.fromordinal(day).strftime("%d %b")) for day in ordinals]
