"""Rows of a register that lies in no table."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from enforcer.core.contractors import Registration
from enforcer.core.midnight import DateRules
from enforcer.register_reading import Row
from tests.page.runs import GROUP

UTC = ZoneInfo("UTC")


def row(key: str, end: object, **more: Any) -> Row:
    registration = Registration(group_id=GROUP, row_key=key, end_date=end, **more)
    return Row(registration=registration, read=registration.read(DateRules(zone=UTC)))
