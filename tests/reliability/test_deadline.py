"""Near its deadline a sweep starts nobody new, records what it did, and queues a follow-up."""

from __future__ import annotations

import asyncio
import re

import pytest
from azure.storage.queue.aio import QueueClient

from enforcer.core.ledger import Action
from enforcer.core.runs import OUT_OF_TIME, RunState
from enforcer.graph.retries import RetryBudget
from enforcer.storage.queues import SWEEPS
from enforcer.sweep.queued import follow_up
from sandbox.directory.faults import Effect
from sandbox.storage_proxy import Service, StorageProxy
from tests.reliability.conftest import OpenWorld
from tests.support.people import leavers, recorded, strike, tried
from tests.support.world import RUNNING

pytestmark = pytest.mark.anyio


def in_seconds(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_at_the_deadline_nobody_new_is_begun_and_results_are_recorded(
    open_world: OpenWorld,
) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 12)
    strike(world, path=r"\$ref", effect=Effect.DELAY, seconds=4.5)

    report = await world.sweep(until=in_seconds(4))

    run = report.run
    assert (run.state, report.out_of_time, run.out_of_time) == (RunState.COMPLETE, True, True)
    assert (run.due, run.removed, run.skipped, run.incomplete) == (12, 1, 11, 11)
    assert [outcome for _, outcome in await recorded(world, Action.REMOVE)] == ["removed"]
    assert [outcome for _, outcome in await recorded(world, Action.REVOKE)] == ["revoked"]
    assert len(world.member_ids()) == 11
    for person in people:
        record = await world.record_of(person.id)
        assert record is not None
        assert record.attempts == 0

    again = await world.sweep()
    assert not again.run.out_of_time
    assert world.member_ids() == set()
    assert all(world.is_revoked(person, world.clock.moment) for person in people)


@pytest.mark.long
async def test_a_pause_that_outlasts_the_run_does_not_keep_it(open_world: OpenWorld) -> None:
    world = await open_world(retry_budget=RetryBudget(throttling=900), ENFORCER_BRAKE_COUNT="1000")
    await leavers(world, 30)
    await world.plan()
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": "60"}, skip=3)
    begin = in_seconds(0)

    report = await world.sweep(until=in_seconds(1))

    assert in_seconds(0) - begin < 20
    assert report.out_of_time
    assert report.run.due == report.run.removed + report.run.skipped == 30


async def test_newcomers_wait_for_the_follow_up_too(open_world: OpenWorld) -> None:
    # The first fill of an empty group would be held.
    world = await open_world(ENFORCER_ONBOARD="add", ENFORCER_BRAKE_PERCENT="100")
    newcomer = world.tenant.add_user("New Comer")
    await world.register(newcomer.id, RUNNING)

    report = await world.sweep(until=in_seconds(0))

    assert report.out_of_time
    assert tried(world) == []
    assert newcomer.id not in world.member_ids()


async def test_a_run_out_of_time_asks_for_its_continuation_in_ten_seconds(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await open_world(proxy.endpoints)
    await leavers(world, 1)

    report = await world.sweep(until=in_seconds(0))
    await follow_up(world.services, report)

    assert [outcome.reason for outcome in report.outcomes] == [OUT_OF_TIME]
    assert await _delays_asked_for(proxy) == ["10"]


async def _delays_asked_for(proxy: StorageProxy) -> list[str]:
    """Return after how many seconds the messages become visible, and delete them."""
    paths = [call.path for call in proxy.calls if call.service is Service.QUEUE]
    async with QueueClient.from_connection_string(proxy.endpoints.connection_string, SWEEPS) as queue:
        await queue.clear_messages()
    found = [re.search(r"/messages\?.*visibilitytimeout=(\d+)", path) for path in paths]
    return list(dict.fromkeys(delay[1] for delay in found if delay))
