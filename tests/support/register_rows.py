"""Rows of a register that are not in a table."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, ReadRow, RegisterRow, read_row
from tests.support.runs import GROUP

UTC = ZoneInfo("UTC")


def row(key: str, end: object, *, zone: ZoneInfo = UTC, **more: Any) -> ReadRow:
    written = RegisterRow(**{"group_id": GROUP, "row_key": key, "end_date": end, **more})
    return read_row(written, DateRules(zone=zone))


def contractor(key: str, end: object, *, zone: ZoneInfo = UTC, **more: Any) -> Contractor:
    found = row(key, end, zone=zone, **more)
    assert isinstance(found, Contractor)
    return found
