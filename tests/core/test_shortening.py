from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.midnight import DateRules, Midnight
from enforcer.core.contractors import ReadRow, RegisterRow, read_row
from enforcer.core.shortening import shortening

_RULES = DateRules(zone=ZoneInfo("UTC"), midnight=Midnight.INSTANT)
_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_GROUP = "5d0c4e0a-6b0f-4a1c-9d53-0d0b6a7f1e21"


def _row(end: object, start: object = None) -> ReadRow:
    row = RegisterRow(group_id=_GROUP, row_key="a@x.example", end_date=end, start_date=start)
    return read_row(row, _RULES)


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        (_row("2026-12-31"), _row("2027-01-31"), ""),
        (_row("2026-12-31"), _row("2026-12-31"), ""),
        (_row("2026-12-31"), _row("2026-12-30"), "forward"),
        (_row("2026-12-31"), _row("2026-11-22"), "forward"),
        (_row("2026-12-31"), _row("2026-12-31T23:59:59Z"), "forward"),
        (_row("2026-11-20"), _row("2026-11-19"), "forward"),
        (_row("2026-11-20"), _row("2026-11-21"), ""),
        (_row("2026-11-20"), _row("2027-01-31"), ""),
        (_row("soon"), _row("2026-11-22"), "at once"),
        (_row("soon"), _row("2026-11-23"), ""),
        (None, _row("2026-11-22"), "at once"),
        (None, _row("2026-12-31"), ""),
        (None, _row("2026-12-31", "2026-12-01"), ""),
        (_row("2026-12-31"), _row("2026-12-31", "2026-12-01"), "later start"),
        (_row("2026-12-31", "2026-11-01"), _row("2026-12-31", "2026-12-01"), "later start"),
        (_row("2026-12-31", "2026-12-02"), _row("2026-12-31", "2026-12-01"), ""),
        (_row("2026-12-31"), _row("2026-12-31", "2026-11-01"), ""),
        (_row("2026-12-31"), _row("soon"), ""),
    ],
)
def test_shortening_is_said_where_access_ends_sooner(
    before: ReadRow | None, after: ReadRow, how: str
) -> None:
    found = shortening(before, after, _NOW)
    assert (how in found) if how else (found == "")
