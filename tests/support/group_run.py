"""A group run, for tests of its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from enforcer.core.plan import Offboard
from enforcer.core.runs import Run
from enforcer.offboarding.steps import intent
from enforcer.sweep.group_run import GroupRun
from enforcer.sweep.leavers import Leavers
from tests.support.world import World

RUN_ID = "20261123T003000-abcdef"


@asynccontextmanager
async def open_group_run(world: World, *, until: float | None = None) -> AsyncIterator[GroupRun]:
    """Hold the lease on the world's group; nobody new is started after `until`, an event loop time."""
    run = Run(run_id=RUN_ID, group_id=world.group.id, started_at=world.clock(), mode="enforce", actor="timer")
    async with world.services.leases.holding(world.group.id, "a test") as lease:
        yield GroupRun(services=world.services, lease=lease, run=run, until=until)


async def planned(world: World) -> tuple[Offboard, ...]:
    """Return whom a run would offboard, with their intents on record."""
    people = (await world.plan()).offboard
    await world.services.records.save(world.group.id, [intent(one, RUN_ID) for one in people])
    return people


async def offboard(world: World, people: tuple[Offboard, ...], *, until: float | None = None) -> Leavers:
    async with open_group_run(world, until=until) as group_run:
        leavers = Leavers(group_run)
        await leavers.offboard(people)
        return leavers
