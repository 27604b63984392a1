"""Reads the register with all its columns, for what is told to people."""

from __future__ import annotations

from dataclasses import dataclass

from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, read_row
from enforcer.core.endings import Ending
from enforcer.services import Services
from enforcer.tables.register import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRegister:
    """A group's rows: those that say when access ends, and those that nobody can act upon."""

    endings: tuple[Ending, ...]
    unreadable: tuple[InvalidRow, ...]


async def read_register(services: Services, group_id: str) -> ReadRegister:
    """Read all rows of a group.

    Raises:
        RunError, UnavailableError: They could not be read.
    """
    rows = await services.register.registrations(group_id)
    if group_id.upper() != group_id:
        # Rows under the GUID in capitals are never acted upon; they must not be overlooked either.
        rows += await services.register.registrations(group_id.upper())
    read = [(row, read_row(_key_and_dates(row), services.settings.zone)) for row in rows]
    return ReadRegister(
        endings=tuple(_ending(row, found) for row, found in read if isinstance(found, Contractor)),
        unreadable=tuple(found for _, found in read if isinstance(found, InvalidRow)),
    )


def _key_and_dates(row: Registration) -> RegisterRow:
    return RegisterRow(
        partition_key=row.group_id, row_key=row.row_key, end_date=row.end_date, start_date=row.start_date
    )


def _ending(row: Registration, read: Contractor) -> Ending:
    return Ending(
        group_id=row.group_id,
        row_key=row.row_key,
        end_date=read.end_date,
        due_at=read.due_at,
        display_name=row.display_name,
        company=row.company,
        sponsor=row.sponsor,
    )
