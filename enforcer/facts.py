"""Reads all that the plan of a managed group depends on: whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable

from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.planner import GroupFacts
from enforcer.exceptions import EnforcerError, NotFoundError
from enforcer.services import Services
from enforcer.settings import Disable


async def read_facts(services: Services, group_id: str) -> GroupFacts:
    """Read the group, its members, its rows and its enforcements, at the same time.

    Raises:
        RunError, UnavailableError: Some part could not be read, so that nothing may be planned: an error is
            never an empty list.
    """
    await services.directory.require_group(group_id)
    try:
        async with asyncio.TaskGroup() as reading:
            members = reading.create_task(_all(services.directory.members(group_id)))
            rows = reading.create_task(_rows(services, group_id))
            enforcements = reading.create_task(_all(services.enforcements.of_group(group_id)))
            engaged = reading.create_task(_engaged_elsewhere(services, group_id))
    except* EnforcerError as errors:
        raise _first(errors) from errors
    begun = {item.user_id for item in enforcements.result() if item.unfinished}
    gone = await _engaged(services, begun - {member.id for member in members.result()}, engaged.result())
    return GroupFacts(
        group_id=group_id,
        rows=rows.result(),
        members=members.result(),
        enforcements=enforcements.result(),
        engaged_elsewhere=engaged.result() | gone,
    )


async def _rows(services: Services, group_id: str) -> list[RegisterRow]:
    rows = await _all(services.register.rows(group_id))
    # The partition's key is a lower-case GUID; PowerShell and others like to write it in capitals, and such
    # rows would otherwise never be seen.
    strays = await _all(services.register.rows(group_id.upper())) if group_id.upper() != group_id else []
    return rows + strays


async def _engaged_elsewhere(services: Services, group_id: str) -> frozenset[str]:
    """Give the keys of all rows by which another managed group gives, or may give, access."""
    settings = services.settings
    if settings.disable_accounts is Disable.NONE:
        return frozenset()
    keys: set[str] = set()
    for other in settings.group_ids:
        if other != group_id:
            async for row in services.register.rows(other):
                contractor = read_row(row, settings.zone)
                # A row that cannot be read may well give access: nobody is disabled on its account.
                if not isinstance(contractor, Contractor) or not contractor.is_due(services.now()):
                    keys.add(contractor.key)
    return frozenset(keys - {""})


async def _engaged(services: Services, user_ids: Iterable[str], keys: frozenset[str]) -> frozenset[str]:
    """Give those of these people, whom no member list names any more, who go by one of the keys.

    Raises:
        RunError, UnavailableError: Entra does not say who they are.
    """
    engaged: set[str] = set()
    for user_id in user_ids if keys else ():
        try:
            person = await services.directory.find(user_id)
        except NotFoundError:
            continue  # his account has gone: there is nothing to disable
        if keys & {person.id, person.user_principal_name.lower(), person.mail.lower()}:
            engaged.add(person.id)
    return frozenset(engaged)


async def _all[T](items: AsyncIterable[T]) -> list[T]:
    return [item async for item in items]


def _first(errors: BaseExceptionGroup[EnforcerError]) -> EnforcerError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
