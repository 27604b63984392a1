"""Members to whom the block policy would not apply once they have left the managed group."""

from __future__ import annotations

from collections.abc import Sequence

from enforcer.core.members import Member
from enforcer.core.policy import ALL, Policy
from enforcer.graph.directory import Directory


async def uncovered(directory: Directory, block: Policy, managed_groups: Sequence[str]) -> list[str]:
    """Return the object IDs of members of managed groups whom the policy does not include.

    Guest types are not distinguished: a policy that includes some guests is taken to include all.
    """
    users = block.users
    named = {name.lower() for name in users.include_users or ()}
    if ALL.lower() in named:
        return []
    population = named | await _people(directory, users.include_groups or (), set())
    guests_too = users.include_guests_or_external_users is not None
    return [
        member.id
        for group_id in managed_groups
        async for member in directory.members(group_id)
        if _is_uncovered(member, population, guests_too=guests_too)
    ]


def _is_uncovered(member: Member, population: set[str], *, guests_too: bool) -> bool:
    return (
        member.is_user and member.id not in population and not (guests_too and member.user_kind.may_be_guest)
    )


async def _people(directory: Directory, groups: Sequence[str], seen: set[str]) -> set[str]:
    """Return everybody in the groups; nested groups count, as they do for Conditional Access."""
    found: set[str] = set()
    for group in groups:
        if group.lower() in seen:
            continue
        seen.add(group.lower())
        members = [member async for member in directory.members(group)]
        found |= {member.id for member in members if member.is_user}
        found |= await _people(directory, [item.id for item in members if item.kind == "group"], seen)
    return found
