"""Reads all that the plan of a managed group depends on: whole, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.exceptions import EnforcerError, NotFoundError, cause
from enforcer.core.keys import ANYBODY, is_object_id
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, UnreadableRecord
from enforcer.core.partitions import spellings, unmanaged_findings
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.planning.planner import GroupSnapshot
from enforcer.core.planning.relevant_rows import RelevantRows
from enforcer.core.settings import Disable
from enforcer.services import Services

type _Records = Sequence[OffboardingRecord | UnreadableRecord]

_SPOILED = (
    "what table enforcements has under this key cannot be read: its State is none of ours, so that nobody can"
    " tell whether an offboarding was begun. Delete that record; whoever is due is offboarded anew"
)

# Longer than it takes from here to the plan: whoever falls due in between was looked at, too.
_ABOUT_TO_FALL_DUE = timedelta(hours=1)


async def read_snapshot(services: Services, group_id: str, at: datetime | None = None) -> GroupSnapshot:
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
            others = reading.create_task(services.register.other_partitions(services.settings.group_ids))
            register = _Register(services, others)
            engaged = reading.create_task(_engaged_elsewhere(register, group_id, at or services.now()))
            sieve = reading.create_task(_sieve(services, members, enforcements, at or services.now()))
            rows = reading.create_task(_rows(register, group_id, sieve))
            namesakes = reading.create_task(_namesakes(services, rows, sieve, at or services.now()))
    except* Exception as errors:
        raise cause(errors) from errors
    facts = GroupSnapshot(
        group_id=group_id,
        rows=rows.result(),
        members=members.result(),
        enforcements=_readable(enforcements.result()),
        engaged_elsewhere=engaged.result(),
        findings=_findings(services, group_id, others.result(), enforcements.result()),
        namesakes=namesakes.result(),
    )
    return replace(facts, engaged_elsewhere=engaged.result() | await _gone_but_engaged(services, facts))


async def _members(services: Services, group_id: str, checked: Awaitable[object]) -> list[Member]:
    try:
        return [member async for member in services.directory.members(group_id)]
    except EnforcerError:
        await checked  # where the group is the reason, this says so
        raise


async def _sieve(
    services: Services, members: Awaitable[list[Member]], known: Awaitable[_Records], at: datetime
) -> RelevantRows:
    return RelevantRows.of(await members, _readable(await known), services.settings.date_rules, at)


def _readable(records: _Records) -> list[OffboardingRecord]:
    return [record for record in records if isinstance(record, OffboardingRecord)]


def _findings(
    services: Services, group_id: str, others: Mapping[str, int], records: _Records
) -> list[Finding]:
    """Return what is wrong with the tables: of rows of no managed group, only the first group's run tells."""
    group_ids = services.settings.group_ids
    unreadable = [record for record in records if isinstance(record, UnreadableRecord)]
    return [
        *(unmanaged_findings(others, group_ids) if group_id == group_ids[0] else ()),
        *(Finding(kind=FindingKind.INVALID_ROW, row_key=it.row_key, detail=_SPOILED) for it in unreadable),
    ]


@dataclass(frozen=True, slots=True)
class _Register:
    services: Services
    others: Awaitable[Mapping[str, int]]

    async def read(self, group_id: str, take: Callable[[list[RegisterRow]], Awaitable[None]]) -> None:
        """Read a group's rows, however its ID is spelt in their PartitionKey."""
        register = self.services.register
        await register.read(group_id, take)
        for partition in spellings(group_id, await self.others)[1:]:
            await register.read(partition, take)


async def _rows(register: _Register, group_id: str, sieve: Awaitable[RelevantRows]) -> list[RegisterRow]:
    """Read the rows that a plan may depend on; the others are not held."""

    async def sift(page: list[RegisterRow]) -> None:
        # Large registers wait here for the member list, a few pages in hand.
        (await sieve).take(page)

    await register.read(group_id, sift)
    sifted = await sieve
    return await _all_rows(register, group_id) if sifted.passed_too_many else sifted.rows


async def _all_rows(register: _Register, group_id: str) -> list[RegisterRow]:
    rows: list[RegisterRow] = []

    async def keep(page: list[RegisterRow]) -> None:
        rows.extend(page)

    await register.read(group_id, keep)
    return rows


async def _namesakes(
    services: Services, rows: Awaitable[Iterable[RegisterRow]], sieve: Awaitable[RelevantRows], at: datetime
) -> dict[str, frozenset[str]]:
    """Find all who have an address under which a member is, or is about to be, due.

    They need not be members: one person's mail may be another's user principal name.

    Raises:
        RunError, UnavailableError: Entra does not say who they are.
    """
    rules, people = services.settings.date_rules, (await sieve).people
    read = (read_row(row, rules) for row in await rows)
    due = {row.key for row in read if isinstance(row, Contractor) and row.is_due(at + _ABOUT_TO_FALL_DUE)}
    asked = sorted(key for key in due if not is_object_id(key) and people.matches(key))
    return await services.directory.having(asked)


async def _engaged_elsewhere(register: _Register, group_id: str, at: datetime) -> frozenset[str]:
    """Return the keys of all rows by which another managed group gives, or may give, access then."""
    settings = register.services.settings
    if settings.disable_accounts is Disable.NONE:
        return frozenset()
    keys: set[str] = set()

    async def take(page: list[RegisterRow]) -> None:
        for row in page:
            contractor = read_row(row, settings.date_rules)
            # A row that cannot be read may well give access: nobody is disabled on its account.
            if not isinstance(contractor, Contractor) or not contractor.is_due(at):
                keys.update(contractor.keys)

    for other in settings.group_ids:
        if other != group_id:
            await register.read(other, take)
    return frozenset(keys - {ANYBODY})


async def _gone_but_engaged(services: Services, facts: GroupSnapshot) -> frozenset[str]:
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
        if not person.possible_names.isdisjoint(facts.engaged_elsewhere):
            engaged.add(person.id)
    return frozenset(engaged)
