"""The ends of access that are near, as the register and the newest runs know them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from enforcer.concurrency import each
from enforcer.core.contractors import Contractor
from enforcer.core.exceptions import EnforcerError
from enforcer.core.keys import normalised
from enforcer.core.plan import FindingKind
from enforcer.core.settings import PROTECTED_GROUPS
from enforcer.core.warnings import Notice, due_notices
from enforcer.graph.memberships import everybody_in
from enforcer.register.reading import read_register
from enforcer.services import Services

_LOOKUPS_AT_ONCE = 8


async def notices(
    services: Services, group_ids: Sequence[str], said: Collection[str] = frozenset()
) -> list[Notice]:
    """Return what sponsors are to be told now about these groups, without what is said.

    Raises:
        RunError, UnavailableError: The register could not be read.
    """
    settings = services.settings
    near = await _endings(services, group_ids)
    return due_notices(near, settings.warn_days, services.now(), settings.zone, said)


async def _endings(services: Services, group_ids: Sequence[str]) -> list[Contractor]:
    """Return the ends of access that will take effect, as far as the newest runs know."""
    rows = await read_register(services, group_ids)
    protected = await _protected_names(services)
    ambiguous = {item for group_id in group_ids for item in await _ambiguous_rows(services, group_id)}
    return [
        row
        for row in rows
        if isinstance(row, Contractor)
        and normalised(row.row_key) not in protected
        and (row.written.group_id, row.row_key) not in ambiguous
    ]


async def _protected_names(services: Services) -> set[str]:
    """Return all keys that mean a protected person.

    Raises:
        GroupError, ReadError, UnavailableError: Nobody can tell who is in a protected group.
    """
    settings = services.settings
    protected = {
        *settings.protected_ids,
        *await everybody_in(services.graph, settings.protected_group_ids, PROTECTED_GROUPS),
    }
    names = set(protected)

    async def name(user_id: str) -> None:
        with suppress(EnforcerError):  # whoever cannot be found is known by their object ID
            names.update((await services.directory.find(user_id)).names)

    await each(sorted(protected), name, at_once=_LOOKUPS_AT_ONCE)
    return names


async def _ambiguous_rows(services: Services, group_id: str) -> set[tuple[str, str]]:
    found = await services.runs.newest_findings(group_id, services.now())
    row_keys = [item.row_key for item in found if item.kind is FindingKind.AMBIGUOUS_ROW]
    return {(group_id, row_key) for row_key in row_keys if row_key}
