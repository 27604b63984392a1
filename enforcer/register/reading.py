"""Reads the register with all columns, for people: rows as written, and how they are understood."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import Contractor, InvalidRow, ReadRow, Registration
from enforcer.core.endings import Ending
from enforcer.core.keys import normalised
from enforcer.core.partitions import spellings
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as written, and how the enforcer understands it."""

    registration: Registration
    read: ReadRow

    @property
    def key(self) -> str:
        return self.registration.row_key

    @property
    def name(self) -> str:
        return self.registration.display_name.strip() or self.key

    @property
    def due_at(self) -> datetime | None:
        """The end of access; None if it cannot be read."""
        return self.read.due_at if isinstance(self.read, Contractor) else None

    @property
    def problem(self) -> str:
        return self.read.detail if isinstance(self.read, InvalidRow) else self.read.problem

    def about_midnight(self, rules: DateRules, now: datetime) -> str:
        """Return what a coming end at midnight means; empty if there is none."""
        running = isinstance(self.read, Contractor) and not self.read.is_due(now)
        return rules.about_midnight(self.registration.end_date) if running else ""

    def is_named(self, names: Iterable[str]) -> bool:
        """Whether the row's key is one of these normalised names."""
        return normalised(self.key) in names


async def read_register(services: Services, group_ids: Sequence[str]) -> list[Row]:
    """Read all rows of these groups, including those whose PartitionKey is not in lower case.

    Such rows are never acted upon, but must not be overlooked.

    Raises:
        RunError, UnavailableError: They could not be read.
    """
    others = await services.register.other_partitions(services.settings.group_ids)
    partitions = [partition for group_id in group_ids for partition in spellings(group_id, others)]
    found = await asyncio.gather(*map(services.register.registrations, partitions))
    rules = services.settings.date_rules
    return [Row(registration=written, read=written.read(rules)) for rows in found for written in rows]


def endings(rows: Iterable[Row]) -> list[Ending]:
    """Return the ends of access of the readable rows."""
    return [_ending(row.registration, row.read) for row in rows if isinstance(row.read, Contractor)]


def _ending(registration: Registration, read: Contractor) -> Ending:
    return Ending(
        group_id=registration.group_id,
        row_key=registration.row_key,
        end_date=read.end_date,
        due_at=read.due_at,
        display_name=registration.display_name,
        company=registration.company,
        sponsor=registration.sponsor,
    )
