"""Offboard somebody on demand, and read what was recorded of it in a group."""

from __future__ import annotations

from collections.abc import AsyncIterator

from enforcer.core.ledger import Action, Entry
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Run
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from sandbox.directory import Group, User
from tests.support.world import World

RUN_ID = "20261123T120000-abcdef"
STEPS = (Action.DISABLE, Action.REMOVE, Action.REVOKE)


async def offboard(world: World, user: User, run_id: str = RUN_ID) -> Offboarded:
    request = OffboardRequest(user=user.id, reason="left", actor="cli:ann", run_id=run_id)
    return await offboard_now(world.services, request)


def second_group(world: World, *members: User) -> Group:
    """Manage a second group, besides the world's own."""
    other = world.tenant.add_group("Others", members=members)
    world.configure(group_ids=(world.group.id, other.id))
    return other


async def run_of(world: World, group: Group | None = None) -> Run:
    [run] = await world.services.runs.of_id(RUN_ID, [(group or world.group).id])
    return run


async def steps_in_the_ledger(world: World, group: Group) -> list[tuple[Action, str]]:
    entries = [link.entry async for link in world.services.ledger.links(group.id)]
    return [(entry.action, entry.outcome) for entry in entries if entry.action in STEPS]


async def entries_of(world: World, group: Group) -> AsyncIterator[Entry]:
    async for link in world.services.ledger.links(group.id):
        yield link.entry
