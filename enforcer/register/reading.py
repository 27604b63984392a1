"""Reads the register with all columns, for people: rows as written, and how they are understood."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, ReadRow, read_row
from enforcer.core.partitions import spellings
from enforcer.services import Services


async def read_register(services: Services, group_ids: Sequence[str]) -> list[ReadRow]:
    """Read all rows of these groups, including those whose PartitionKey is not in lower case.

    Such rows are never acted upon, but must not be overlooked.

    Raises:
        RunError, UnavailableError: They could not be read.
    """
    others = await services.register.other_partitions(services.settings.group_ids)
    partitions = [partition for group_id in group_ids for partition in spellings(group_id, others)]
    found = await asyncio.gather(*map(services.register.whole_rows, partitions))
    rules = services.settings.date_rules
    return [read_row(row, rules) for rows in found for row in rows]


def about_midnight(row: ReadRow, rules: DateRules, now: datetime) -> str:
    """Return what a coming end at midnight means; empty if there is none."""
    running = isinstance(row, Contractor) and not row.is_due(now)
    return rules.about_midnight(row.written.end_date) if running else ""
