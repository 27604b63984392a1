"""The register as the page shows it: whole rows, each with what the enforcer makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, normalised, read_row
from enforcer.services import Services
from enforcer.settings import Settings
from enforcer.tables.register import Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as somebody wrote it, and as it was understood."""

    registration: Registration
    read: Contractor | InvalidRow

    @property
    def key(self) -> str:
        return self.registration.row_key

    @property
    def name(self) -> str:
        return self.registration.display_name.strip() or self.key

    @property
    def due_at(self) -> datetime | None:
        """The end of access; None where it cannot be read."""
        return self.read.due_at if isinstance(self.read, Contractor) else None

    @property
    def problem(self) -> str:
        return self.read.detail if isinstance(self.read, InvalidRow) else self.read.problem

    def is_named(self, names: Iterable[str]) -> bool:
        """Tell whether the row's key is one of these normalised names."""
        return normalised(self.key) in names


async def read_register(services: Services) -> list[Row]:
    """Read the rows of all managed groups, and those that somebody wrote under a GUID in capitals.

    Raises:
        RunError, UnavailableError: They could not be read.
    """
    groups = services.settings.group_ids
    partitions = dict.fromkeys([*groups, *(group_id.upper() for group_id in groups)])
    found = await asyncio.gather(*map(services.register.registrations, partitions))
    return [_row(registration, services.settings) for rows in found for registration in rows]


def _row(registration: Registration, settings: Settings) -> Row:
    row = RegisterRow(
        partition_key=registration.group_id,
        row_key=registration.row_key,
        end_date=registration.end_date,
        start_date=registration.start_date,
    )
    return Row(registration=registration, read=read_row(row, settings.zone))
