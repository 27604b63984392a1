"""A cron monitor hears of each night that is complete in all managed groups, and of no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from enforcer.core.exceptions import UnavailableError
from enforcer.core.runs import Report
from enforcer.core.settings import Mode
from enforcer.notify.heartbeat import beat
from sandbox.loopback import listening
from tests.support.messaging import with_settings
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio
OTHER = "99999999-1111-4222-8333-444444444444"
held_by_two = pytest.mark.parametrize(
    "environ", [{"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "1"}], ids=["brake-of-one"]
)


@dataclass
class Monitor:
    """A cron monitor, which answers with these statuses, the last of them from then on."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    heard: int = 0

    async def handle(self, _: web.Request) -> web.Response:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.heard += 1
        return web.Response(status=status)


@pytest.fixture
async def monitor() -> AsyncIterator[Monitor]:
    made = Monitor()
    application = web.Application()
    application.router.add_get("/ping/s3cret", made.handle)
    async with listening(web.AppRunner(application, access_log=None)) as url:
        made.url = f"{url}/ping/s3cret"
        yield made


async def beat_for(world: World, monitor: Monitor, **more: object) -> None:
    await beat(with_settings(world.services, heartbeat_urls=(monitor.url,), **more))


async def test_a_complete_night_is_heard(world: World, monitor: Monitor) -> None:
    await world.sweep()
    await beat_for(world, monitor)
    assert monitor.heard == 1


async def test_a_night_is_not_heard_before_its_last_group_is_complete(world: World, monitor: Monitor) -> None:
    await world.sweep()
    await beat_for(world, monitor, group_ids=(world.group.id, OTHER))
    assert monitor.heard == 0


async def test_the_night_before_is_not_heard_again(world: World, monitor: Monitor) -> None:
    await world.sweep()
    world.clock.advance(hours=24)
    await beat_for(world, monitor)
    assert monitor.heard == 0


@held_by_two
async def test_a_held_night_is_not_heard(world: World, monitor: Monitor) -> None:
    for name in ("Anna", "Ben"):
        await world.register(world.member(name).id, ENDED)
    assert (await world.sweep()).run.held
    await beat_for(world, monitor)
    assert monitor.heard == 0


async def test_a_night_out_of_time_is_heard_when_its_continuation_is_complete(
    world: World, monitor: Monitor
) -> None:
    late = replace(await world.record([]), out_of_time=True)
    await world.services.runs.save(Report(run=late))
    await beat_for(world, monitor)
    assert monitor.heard == 0
    await world.sweep()
    await beat_for(world, monitor)
    assert monitor.heard == 1


async def test_a_look_is_not_a_night(world: World, monitor: Monitor) -> None:
    enforcing = world.services
    world.configure(mode=Mode.REPORT)
    await world.sweep()
    world.services = enforcing
    await beat_for(world, monitor)
    assert monitor.heard == 0


async def test_a_monitor_that_stumbles_is_called_again(world: World, monitor: Monitor) -> None:
    monitor.statuses = [503, 200]
    await world.sweep()
    await beat_for(world, monitor)
    assert monitor.heard == 2


async def test_a_monitor_that_does_not_answer_is_told_without_its_url(world: World, monitor: Monitor) -> None:
    monitor.statuses = [404]
    await world.sweep()
    with pytest.raises(UnavailableError) as failed:
        await beat_for(world, monitor)
    assert (monitor.heard, "s3cret" in str(failed.value)) == (3, False)
