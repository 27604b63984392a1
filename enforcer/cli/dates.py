"""Dates on the command line, and times as people read them there."""

from __future__ import annotations

from datetime import datetime

import click

from enforcer.cli.running import settings
from enforcer.core.calendar import dates
from enforcer.core.calendar.dates import UnreadableDateError


class WhenType(click.ParamType[datetime]):
    """A date (its first instant in ENFORCER_TIME_ZONE) or an instant with an offset."""

    name = "when"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return dates.begins_at(value, settings().zone)
        except UnreadableDateError as error:
            self.fail(str(error), param, ctx)


class DateType(click.ParamType[str]):
    """A date for the register: it stays as it was written, but must be readable."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            settings().date_rules.ends_at(value)
        except UnreadableDateError as error:
            self.fail(str(error), param, ctx)
        return value


class DayType(click.ParamType[str]):
    """A whole day, YYYY-MM-DD; it stays as it was written."""

    name = "day"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            dates.day(value)
        except UnreadableDateError as error:
            self.fail(str(error), param, ctx)
        return value


def local(moment: datetime | None) -> str:
    """Write an instant in ENFORCER_TIME_ZONE, to the minute."""
    return moment.astimezone(settings().zone).isoformat(" ", "minutes") if moment else "-"
