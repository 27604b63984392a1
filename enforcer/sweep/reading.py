"""Read everything that a managed group's plan depends on: completely, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from enforcer.core.begun_entries import Begun
from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.end_watch import EndWatch, moved_finding, unexplained
from enforcer.core.exceptions import EnforcerError, NotFoundError, RunError, UnavailableError, cause
from enforcer.core.keys import ANYBODY, is_object_id
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, UnreadableRecord
from enforcer.core.partitions import spellings, unmanaged_findings
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.planning.planner import GroupSnapshot
from enforcer.core.planning.relevant_rows import RelevantRows
from enforcer.core.settings import LEAVERS_GROUP, PROTECTED_GROUPS, Disable
from enforcer.graph.memberships import everybody_in
from enforcer.services import Services
from enforcer.storage.tables.begun import read_begun_facts, register_changes

type _Records = Sequence[OffboardingRecord | UnreadableRecord]

_SPOILED = (
    "the record under this key in table enforcements cannot be read: its State is unknown, so nobody can tell"
    " whether an offboarding was begun. Delete the record; whoever is due is offboarded again"
)

# Longer than it takes to get from here to the plan, so that it covers whoever falls due in between.
_ABOUT_TO_FALL_DUE = timedelta(hours=1)


async def read_snapshot(services: Services, group_id: str, at: datetime | None = None) -> GroupSnapshot:
    """Read the group, its members, rows and records concurrently.

    Args:
        services: All adapters.
        group_id: The managed group.
        at: The plan's time, or earlier; now by default. Rows that cannot matter to such a plan are left out.

    Raises:
        RunError, UnavailableError: A part could not be read, so nothing may be planned: an error is never an
            empty list.
    """
    at = at or services.now()
    try:
        async with asyncio.TaskGroup() as reading:
            checked = reading.create_task(services.directory.require_group(group_id))
            members = reading.create_task(_members(services, group_id, checked))
            records = reading.create_task(services.records.all_of_group(group_id))
            others = reading.create_task(services.register.other_partitions(services.settings.group_ids))
            register = _Register(services, others)
            engaged = reading.create_task(_engaged_elsewhere(register, group_id, at))
            ends = reading.create_task(_end_watch(services, group_id, at))
            relevant = reading.create_task(_relevant_rows(services, members, records, ends, at))
            begun = reading.create_task(_begun(services, group_id, records))
            rows = reading.create_task(_rows(register, group_id, relevant, ends))
            namesakes = reading.create_task(_namesakes(services, rows, relevant, at))
            protected = reading.create_task(
                everybody_in(services.graph, services.settings.protected_group_ids, PROTECTED_GROUPS)
            )
            left = reading.create_task(_left(services))
    except* Exception as errors:
        raise cause(errors) from errors
    snapshot = GroupSnapshot(
        group_id=group_id,
        rows=rows.result(),
        members=members.result(),
        records=_readable(records.result()),
        engaged_elsewhere=engaged.result(),
        findings=[
            *_findings(services, group_id, others.result(), records.result()),
            *left.result().findings,
            *await _moved_ends(services, group_id, relevant.result()),
        ],
        namesakes=namesakes.result(),
        protected_ids=protected.result(),
        left_ids=left.result().ids,
        begun=begun.result(),
        ends=ends.result(),
    )
    return replace(snapshot, engaged_elsewhere=engaged.result() | await _gone_but_engaged(services, snapshot))


@dataclass(frozen=True, slots=True)
class _Left:
    """Who is in the leavers' group; a finding where that is not known, which keeps nobody from leaving."""

    ids: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()


async def _left(services: Services) -> _Left:
    group_id = services.settings.leavers_group
    if not group_id:
        return _Left()
    try:
        return _Left(await everybody_in(services.graph, [group_id], LEAVERS_GROUP))
    except (RunError, UnavailableError) as error:
        detail = f"nobody whose access continues was taken out of it: {error}"
        return _Left(findings=(Finding(kind=FindingKind.LEAVERS_GROUP, detail=detail),))


async def _members(services: Services, group_id: str, checked: Awaitable[object]) -> list[Member]:
    try:
        return [member async for member in services.directory.members(group_id)]
    except EnforcerError:
        await checked  # says so where the group itself is the reason
        raise


async def _relevant_rows(
    services: Services,
    members: Awaitable[list[Member]],
    known: Awaitable[_Records],
    ends: Awaitable[EndWatch],
    at: datetime,
) -> RelevantRows:
    rules = services.settings.date_rules
    return RelevantRows.of(await members, _readable(await known), rules, at, await ends)


async def _end_watch(services: Services, group_id: str, at: datetime) -> EndWatch:
    """Read what the last night saw, and how far the ledger goes before any row is read."""
    last, head = await asyncio.gather(services.ends.last(group_id), services.ledger.head(group_id))
    return EndWatch(last, at, head.sequence)


async def _moved_ends(services: Services, group_id: str, relevant: RelevantRows) -> list[Finding]:
    """Name who is due because somebody has brought their end forward past the enforcer."""
    ends = relevant.ends
    if not ends.forward or ends.last is None:
        return []
    entries = await register_changes(services.tables, group_id, ends.last.sequence)
    moved = [(one, relevant.people.matches(one.row.key)) for one in unexplained(ends.forward, entries)]
    return [moved_finding(one, people[0].id if len(people) == 1 else None) for one, people in moved]


async def _begun(services: Services, group_id: str, known: Awaitable[_Records]) -> Begun:
    """Read from the ledger whom the brake has let through: a record alone proves nothing."""
    now = services.now()
    named = {
        item.begun_in for item in _readable(await known) if item.unfinished or item.was_just_removed(now)
    }
    return await read_begun_facts(services.tables, services.ledger, group_id, now, named)


def _readable(records: _Records) -> list[OffboardingRecord]:
    return [record for record in records if isinstance(record, OffboardingRecord)]


def _findings(
    services: Services, group_id: str, others: Mapping[str, int], records: _Records
) -> list[Finding]:
    """Return what is wrong with the tables; only the first group's run reports rows of unmanaged groups."""
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


async def _rows(
    register: _Register, group_id: str, relevant: Awaitable[RelevantRows], ends: Awaitable[EndWatch]
) -> list[RegisterRow]:
    """Read the rows that a plan may depend on; the others are not kept in memory."""

    async def take(page: list[RegisterRow]) -> None:
        # Large registers wait here for the member list, with a few pages read ahead.
        (await relevant).take(page)

    await ends
    await register.read(group_id, take)
    relevant_rows = await relevant
    return await _all_rows(register, group_id) if relevant_rows.passed_too_many else relevant_rows.rows


async def _all_rows(register: _Register, group_id: str) -> list[RegisterRow]:
    rows: list[RegisterRow] = []

    async def keep(page: list[RegisterRow]) -> None:
        rows.extend(page)

    await register.read(group_id, keep)
    return rows


async def _namesakes(
    services: Services, rows: Awaitable[list[RegisterRow]], relevant: Awaitable[RelevantRows], at: datetime
) -> dict[str, frozenset[str]]:
    """Find everybody who has an address under which a member is due, or about to be.

    They need not be members: one person's mail may be another's user principal name.

    Raises:
        RunError, UnavailableError: Entra does not say who they are.
    """
    rules, people = services.settings.date_rules, (await relevant).people
    read = (read_row(row, rules) for row in await rows)
    due = {row.key for row in read if isinstance(row, Contractor) and row.is_due(at + _ABOUT_TO_FALL_DUE)}
    asked = sorted(key for key in due if not is_object_id(key) and people.matches(key))
    return await services.directory.having(asked)


async def _engaged_elsewhere(register: _Register, group_id: str, at: datetime) -> frozenset[str]:
    """Return the keys of all rows that grant, or may grant, access to another managed group."""
    settings = register.services.settings
    if settings.disable_accounts is Disable.NONE and not settings.leavers_group:
        return frozenset()
    keys: set[str] = set()

    async def take(page: list[RegisterRow]) -> None:
        for row in page:
            contractor = read_row(row, settings.date_rules)
            # An unreadable row may grant access, so whoever it may mean is left alone.
            if not isinstance(contractor, Contractor) or not contractor.is_due(at):
                keys.update(contractor.keys)

    for other in settings.group_ids:
        if other != group_id:
            await register.read(other, take)
    return frozenset(keys - {ANYBODY})


async def _gone_but_engaged(services: Services, snapshot: GroupSnapshot) -> frozenset[str]:
    """Find those begun but no longer listed, who have, or may have, access to another managed group.

    A row of that group may mean them by any of their names in Entra.

    Raises:
        RunError, UnavailableError: Entra does not say who they are.
    """
    if not snapshot.engaged_elsewhere:
        return frozenset()
    begun = {item.user_id for item in snapshot.records if item.unfinished}
    gone = begun - {member.id for member in snapshot.members}
    engaged: set[str] = set()
    for user_id in gone:
        try:
            person = await services.directory.find(user_id)
        except NotFoundError:
            continue  # the account is deleted: there is nothing to disable
        if not person.possible_names.isdisjoint(snapshot.engaged_elsewhere):
            engaged.add(person.id)
    return frozenset(engaged)
