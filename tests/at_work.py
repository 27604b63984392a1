"""A run at work, for what a run is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from enforcer.core.runs import Run
from enforcer.job import Job
from tests.world import World

RUN_ID = "20261123T003000-abcdef"


@asynccontextmanager
async def running_job(world: World, *, until: float | None = None) -> AsyncIterator[Job]:
    """Hold the lease on the world's group; nobody new is begun after `until`, a time of the loop's clock."""
    run = Run(run_id=RUN_ID, group_id=world.group.id, started_at=world.clock(), mode="enforce", actor="timer")
    async with world.services.leases.holding(world.group.id, "a test") as lease:
        yield Job(services=world.services, lease=lease, run=run, until=until)
