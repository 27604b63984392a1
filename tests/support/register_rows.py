"""Rows of a register that are not in a table."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Registration
from enforcer.register.reading import Row
from tests.support.runs import GROUP

UTC = ZoneInfo("UTC")


def row(key: str, end: object, **more: Any) -> Row:
    registration = Registration(group_id=GROUP, row_key=key, end_date=end, **more)
    return Row(registration=registration, read=registration.read(DateRules(zone=UTC)))
