"""Read whom block policies name: the members of their groups, apart from those in managed groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from enforcer.core.coverage import GroupPeople, Population, hindrances_of, lower
from enforcer.core.exceptions import EnforcerError, ReadError
from enforcer.core.members import DirectoryUser
from enforcer.core.policy import Policy
from enforcer.graph.client import GraphClient
from enforcer.graph.directory import Directory
from enforcer.graph.groups import hides_members
from enforcer.graph.memberships import find_group

# A dynamic group that takes its members from others: user.memberof -any (group.objectId -in ['…']).
_MEMBER_OF = re.compile(r"\bmemberof\b", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NOTHING_KNOWN: Mapping[str, frozenset[str]] = {}


async def read_population(
    client: GraphClient,
    policies: Iterable[Policy],
    managed_groups: Sequence[str],
    members: Sequence[DirectoryUser] | None = None,
    leavers_group: str = "",
) -> Population:
    """Read what decides whom the policies would block once they have left every managed group.

    Only enabled policies that block everything count, so only their groups are read. A group that cannot be
    read is one whose members are not known.

    Args:
        client: Graph.
        policies: The tenant's policies.
        managed_groups: Object IDs.
        members: Whom to examine; by default the members of all managed groups.
        leavers_group: Whoever leaves is put into it, so everybody examined counts as a member of it.

    Raises:
        AccessDeniedError, ReadError, UnavailableError: The members of a managed group could not be read.
    """
    directory = Directory(client)
    if members is None:
        listed = [member for group in managed_groups async for member in directory.members(group)]
        members = [member for member in listed if member.is_user]
    blocking = [policy for policy in policies if not hindrances_of(policy)]
    leavers = {leavers_group: frozenset(member.id for member in members)} if leavers_group else {}
    return Population(
        members=tuple({member.id: member for member in members}.values()),
        groups=await read_groups(client, blocking, managed_groups, leavers),
    )


async def read_groups(
    client: GraphClient,
    policies: Iterable[Policy],
    managed_groups: Sequence[str],
    known: Mapping[str, frozenset[str]] = _NOTHING_KNOWN,
) -> dict[str, GroupPeople]:
    """Read the groups that policies include or exclude, except the managed ones.

    Args:
        client: Graph.
        policies: Those that count.
        managed_groups: Object IDs.
        known: Who is to be regarded as being in a group, whatever Graph says.
    """
    named = {
        group
        for policy in policies
        for group in lower(policy.users.include_groups) | lower(policy.users.exclude_groups)
    }
    listed = {group: _Listed(users=people) for group, people in known.items()}
    reader = _Reader(client, lower(managed_groups), listed)
    return {group: await reader.people(group) for group in sorted(named - reader.managed)}


@dataclass(frozen=True, slots=True)
class _Listed:
    """What is directly in a group; `sources` are the groups from which a rule takes its members."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Reader:
    """Reads groups with everything nested in them, each at most once."""

    client: GraphClient
    managed: frozenset[str]
    _known: dict[str, _Listed] = field(default_factory=dict)

    async def people(self, group: str) -> GroupPeople:
        try:
            everybody = await self._below(group, frozenset())
            staying = await self._below(group, self.managed)
        except EnforcerError as error:
            return GroupPeople(unknown=str(error))
        return GroupPeople(people=staying, circular=everybody - staying)

    async def _below(self, group: str, seen: frozenset[str]) -> frozenset[str]:
        """Return the users in a group and in those nested in it, leaving out groups seen before."""
        if group in seen:
            return frozenset()
        listed, seen = await self._list(group), seen | {group}
        if listed.sources:
            brought = [await self._below(source, seen) for source in sorted(listed.sources)]
            return listed.users & frozenset().union(*brought)
        nested = [await self._below(inner, seen) for inner in sorted(listed.groups)]
        return listed.users.union(*nested)

    async def _list(self, group: str) -> _Listed:
        if group not in self._known:
            self._known[group] = await self._read(group)
        return self._known[group]

    async def _read(self, group: str) -> _Listed:
        found = await find_group(self.client, group)
        if found is None:
            return _Listed()
        if hides_members(found.visibility):
            raise ReadError(f"group {group} hides its members")
        members = [member async for member in Directory(self.client).members(group)]
        rule = found.membership_rule or ""
        return _Listed(
            users=frozenset(member.id for member in members if member.is_user),
            groups=frozenset(member.id for member in members if member.kind == "group"),
            sources=lower(_ID.findall(rule)) if _MEMBER_OF.search(rule) else frozenset(),
        )
