"""Reads all that the plan of a managed group depends on: whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.enforcement import Enforcement
from enforcer.core.members import Member
from enforcer.core.planner import GroupFacts
from enforcer.core.sieve import Sieve
from enforcer.exceptions import EnforcerError, NotFoundError
from enforcer.services import Services
from enforcer.settings import Disable


async def read_facts(services: Services, group_id: str, at: datetime | None = None) -> GroupFacts:
    """Read the group, its members, its rows and its enforcements, at the same time.

    Args:
        services: Where all that is.
        group_id: The managed group.
        at: The plan will be as of then, or later; by default as of now. Rows that can matter to no such plan
            are left out.

    Raises:
        RunError, UnavailableError: Some part could not be read, so that nothing may be planned: an error is
            never an empty list.
    """
    try:
        async with asyncio.TaskGroup() as reading:
            checked = reading.create_task(services.directory.require_group(group_id))
            members = reading.create_task(_members(services, group_id, checked))
            enforcements = reading.create_task(services.enforcements.all_of_group(group_id))
            engaged = reading.create_task(_engaged_elsewhere(services, group_id, at or services.now()))
            sieve = reading.create_task(_sieve(services, members, enforcements, at or services.now()))
            rows = reading.create_task(_rows(services, group_id, sieve))
    except* EnforcerError as errors:
        raise _first(errors) from errors
    facts = GroupFacts(
        group_id=group_id,
        rows=rows.result(),
        members=members.result(),
        enforcements=enforcements.result(),
        engaged_elsewhere=engaged.result(),
    )
    return replace(facts, engaged_elsewhere=engaged.result() | await _gone_but_engaged(services, facts))


async def _members(services: Services, group_id: str, checked: Awaitable[object]) -> list[Member]:
    try:
        return [member async for member in services.directory.members(group_id)]
    except EnforcerError:
        await checked  # where the group is the reason, this says so
        raise


async def _sieve(
    services: Services, members: Awaitable[list[Member]], known: Awaitable[list[Enforcement]], at: datetime
) -> Sieve:
    return Sieve.of(await members, await known, services.settings.date_rules, at)


async def _rows(services: Services, group_id: str, sieve: Awaitable[Sieve]) -> list[RegisterRow]:
    """Read the rows that a plan may depend on; the others are not held."""

    async def sift(page: list[RegisterRow]) -> None:
        # Large registers wait here for the member list, a few pages in hand.
        (await sieve).take(page)

    await _read_register(services, group_id, sift)
    sifted = await sieve
    return await _all_rows(services, group_id) if sifted.passed_too_many else sifted.rows


async def _all_rows(services: Services, group_id: str) -> list[RegisterRow]:
    rows: list[RegisterRow] = []

    async def keep(page: list[RegisterRow]) -> None:
        rows.extend(page)

    await _read_register(services, group_id, keep)
    return rows


async def _read_register(
    services: Services, group_id: str, take: Callable[[list[RegisterRow]], Awaitable[None]]
) -> None:
    await services.register.read(group_id, take)
    # The partition's key is a lower-case GUID; PowerShell and others like to write it in capitals, and such
    # rows would otherwise never be seen.
    if group_id.upper() != group_id:
        await services.register.read(group_id.upper(), take)


async def _engaged_elsewhere(services: Services, group_id: str, at: datetime) -> frozenset[str]:
    """Give the keys of all rows by which another managed group gives, or may give, access then."""
    settings = services.settings
    if settings.disable_accounts is Disable.NONE:
        return frozenset()
    keys: set[str] = set()

    async def take(page: list[RegisterRow]) -> None:
        for row in page:
            contractor = read_row(row, settings.date_rules)
            # A row that cannot be read may well give access: nobody is disabled on its account.
            if not isinstance(contractor, Contractor) or not contractor.is_due(at):
                keys.add(contractor.key)

    for other in settings.group_ids:
        if other != group_id:
            await _read_register(services, other, take)
    return frozenset(keys - {""})


async def _gone_but_engaged(services: Services, facts: GroupFacts) -> frozenset[str]:
    """Find those who are begun and listed no more, but have, or may have, access by another managed group.

    A row of that group may mean them by any name that Entra has for them.

    Raises:
        RunError, UnavailableError: Entra does not say who they are.
    """
    if not facts.engaged_elsewhere:
        return frozenset()
    begun = {item.user_id for item in facts.enforcements if item.unfinished}
    gone = begun - {member.id for member in facts.members}
    engaged: set[str] = set()
    for user_id in gone:
        try:
            person = await services.directory.find(user_id)
        except NotFoundError:
            continue  # his account has gone: there is nothing to disable
        if not person.names.isdisjoint(facts.engaged_elsewhere):
            engaged.add(person.id)
    return frozenset(engaged)


def _first(errors: BaseExceptionGroup[EnforcerError]) -> EnforcerError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
